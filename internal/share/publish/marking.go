package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
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
	r.Body, r.Modified = string(next.Bytes()), now
	return nil
}

// change applies edit to an indicator that the viewer may see, and delivers
// the outcome: withdrawals to who has it and may not any more, the new version
// to who may.
func (p *Publisher) change(ctx context.Context, v policy.Viewer, id string,
	edit func(*store.Tx, *indicator.Indicator) error) error {
	people, err := p.members.Active(ctx)
	if err != nil {
		return err
	}
	var out []delivery
	err = p.db.Write(ctx, store.As(v), func(tx *store.Tx) error {
		out = nil
		r, err := indicator.Get(tx, id)
		if err != nil {
			return err
		}
		if err := edit(tx, &r); err != nil {
			return err
		}
		if err := r.Save(tx); err != nil {
			return err
		}
		if out, err = p.recall(tx, r, people); err != nil {
			return err
		}
		if r.Withdrawn.IsZero() {
			more, err := p.deliver(tx, r, people)
			if err != nil {
				return err
			}
			out = append(out, more...)
		}
		// In the owner's lane, as what was said when it was made: who marks what hangs on
		// the indicator must not see the older marking after the newer.
		event := fmt.Sprintf("changed:%s:%d", r.ID, clock.Micros(r.Modified))
		return tx.EmitIn(r.Handling.Owner, msg.TopicIndicator, event,
			msg.IndicatorChanged{Indicator: r.ID, Case: r.Case,
				Finding: r.Finding, At: tx.Now(), Handling: r.Handling})
	})
	if err == nil {
		p.send(ctx, out)
	}
	return err
}

// recall writes withdrawals for the members that were given an object and may
// not have it any more.
func (p *Publisher) recall(tx *store.Tx, r indicator.Indicator, people []identity.Member) ([]delivery, error) {
	had, err := store.Query[string](tx, `SELECT DISTINCT member FROM delivery WHERE object = $1`, r.ID)
	if err != nil {
		return nil, err
	}
	last, err := store.Query[seqRow](tx, `SELECT member, max(seq) AS seq FROM delivery GROUP BY member`)
	if err != nil {
		return nil, err
	}
	seq := map[string]int64{}
	for _, l := range last {
		seq[l.Member] = l.Seq
	}
	var rows []deliveryRow
	var out []delivery
	for _, m := range people {
		if !slices.Contains(had, m.ID) || (r.Withdrawn.IsZero() && policy.MayReceive(m.Node(), r.Handling)) {
			continue
		}
		rows = append(rows, deliveryRow{m.ID, seq[m.ID] + 1, r.ID, r.Modified, true, tx.Now()})
		out = append(out, delivery{member: m.ID, row: r, seq: seq[m.ID] + 1, withdraw: true})
	}
	return out, store.Insert(tx, "delivery", rows)
}
