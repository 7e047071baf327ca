package publish

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// SetMarking changes the label and audience of an indicator. Making it stricter is
// for the hub's coordinators and the owner; making it looser, or naming more
// members, is the owner's alone. Members that may no longer have it are disclosed to
// disarm, members that now may get it.
func (p *Publisher) SetMarking(ctx context.Context, v policy.Viewer, id string, tlp policy.TLP,
	audience policy.Audience) error {
	return p.change(ctx, v, id, func(tx *store.Tx, r *indicator.Indicator) error {
		owner := v.Member != "" && v.Member == r.Handling.Owner
		wider := tlp < r.Handling.TLP || slices.ContainsFunc(audience, func(t string) bool {
			return !slices.Contains(r.Handling.Audience, t)
		})
		if !owner && (!v.Coordinator || wider) {
			return fault.New(fault.Denied, i18n.T("only the organisation it came from may widen a marking",
				"取扱区分を広げられるのは、提供元の組織だけです")).
				WithHint(i18n.T("ask the member, or choose a stricter label", "提供元に依頼するか、より厳しい区分を選んでください"))
		}
		if !r.Withdrawn.IsZero() {
			return fault.New(fault.Conflict, i18n.T("it is withdrawn already", "既に取り下げられています"))
		}
		r.Handling.TLP, r.Handling.Audience = tlp, audience
		marking, _ := stix.TLPMarkingID(tlp.String())
		return revise(r, tx.Now(), map[string]any{"object_marking_refs": []string{marking}})
	})
}

// Withdraw takes an indicator back: every member that has it disarms.
func (p *Publisher) Withdraw(ctx context.Context, v policy.Viewer, id string) error {
	return p.change(ctx, v, id, func(tx *store.Tx, r *indicator.Indicator) error {
		if !v.Coordinator && (v.Member == "" || v.Member != r.Handling.Owner) {
			return fault.New(fault.Denied, fault.Denied.Title())
		}
		if !r.Withdrawn.IsZero() {
			return fault.New(fault.Conflict, i18n.T("it is withdrawn already", "既に取り下げられています"))
		}
		r.Withdrawn, r.State = tx.Now(), "withdrawn"
		return revise(r, tx.Now(), map[string]any{"revoked": true})
	})
}

// revise writes a new version of the STIX object.
func revise(r *indicator.Indicator, now time.Time, changes map[string]any) error {
	old, err := stix.Parse([]byte(r.Body))
	if err != nil {
		return err
	}
	if !now.After(r.Modified.Add(time.Millisecond)) {
		now = r.Modified.Add(time.Millisecond)
	}
	next, err := stix.NewVersion(old, now, changes)
	if err != nil {
		return fmt.Errorf("new version of %s: %w", r.ID, err)
	}
	r.Body, r.Modified = string(next.Bytes()), next.Modified().Time()
	return nil
}

// change applies edit to an indicator that the viewer may see. Who may have it gets the new
// version, and who may not any more is told to forget it.
func (p *Publisher) change(ctx context.Context, v policy.Viewer, id string,
	edit func(*store.Tx, *indicator.Indicator) error) error {
	// The object's other versions are marked too, and not all of them are the viewer's to see.
	return p.db.Write(ctx, store.System("share: change an indicator"), func(tx *store.Tx) error {
		r, err := indicator.Get(tx, id)
		if err != nil {
			return err
		}
		if !policy.MaySee(v, r.Handling) {
			return fault.New(fault.NotFound, i18n.T("not found", "見つかりません")) // as if there were none
		}
		if err := edit(tx, &r); err != nil {
			return err
		}
		if err := r.Save(tx); err != nil {
			return err
		}
		o, err := stix.Parse([]byte(r.Body))
		if err != nil {
			return fmt.Errorf("read the indicator %s: %w", r.ID, err)
		}
		if err := p.put(tx, o, r); err != nil {
			return err
		}
		tx.AfterCommitOnce(p, p.notify)
		// In the owner's lane, as what was said when it was made: who marks what hangs on
		// the indicator must not see the older marking after the newer.
		event := fmt.Sprintf("changed:%s:%d", r.ID, clock.Micros(r.Modified))
		return tx.EmitIn(r.Handling.Owner, msg.TopicIndicator, event,
			msg.IndicatorChanged{Indicator: r.ID, Case: r.Case,
				Finding: r.Finding, At: tx.Now(), Handling: r.Handling})
	})
}

// Pushed notes when indicators were pushed that some member may have: those whose objects
// are behind one position, up to another.
func (p *Publisher) Pushed(ctx context.Context, after, upto int64, at time.Time) {
	people, err := p.members.Active(ctx)
	if err == nil {
		err = p.db.Write(ctx, store.System("share: pushed"), func(tx *store.Tx) error {
			list, err := store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM stix_object s
				JOIN objects o ON o.id = s.id AND o.owner = s.owner AND o.realm = s.realm
				WHERE s.seq > $1 AND s.seq <= $2 AND o.withdrawn = 0 AND SCOPE(s) AND SCOPE(o) ORDER BY s.seq`,
				after, upto)
			for _, r := range list {
				if err != nil || len(feed.Entitled(people, r.Handling)) == 0 {
					continue
				}
				err = tx.EmitIn(r.Handling.Owner, msg.TopicIndicator,
					fmt.Sprintf("pushed:%s:%d", r.ID, clock.Micros(r.Modified)), msg.IndicatorChanged{Indicator: r.ID,
						Case: r.Case, Finding: r.Finding, At: tx.Now(), Pushed: at, Handling: r.Handling})
			}
			return err
		})
	}
	if err != nil {
		p.log.Warn("could not note that indicators were pushed", slog.Any("err", err))
	}
}
