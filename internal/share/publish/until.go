package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// SetUntil changes until when an indicator holds: a new version of it goes to whoever may have
// it. It is for the hub's coordinators, and for the hub itself.
func (p *Publisher) SetUntil(ctx context.Context, v policy.Viewer, id string, until time.Time) error {
	if !v.Hub || !v.Coordinator {
		return fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
	}
	return p.change(ctx, v, id, func(tx *store.Tx, r *indicator.Indicator) error {
		if !r.Withdrawn.IsZero() {
			return fault.New(fault.Conflict, i18n.T("it is withdrawn already", "既に取り下げられています"))
		}
		o, err := stix.Parse([]byte(r.Body))
		if err != nil {
			return fmt.Errorf("read the indicator %s: %w", r.ID, err)
		}
		// STIX wants an end after the beginning, also of what ends at once.
		if from, err := time.Parse(time.RFC3339Nano, o.Text("valid_from")); err == nil && !until.After(from) {
			until = from.Add(time.Millisecond)
		}
		r.ValidUntil = until
		return revise(r, tx.Now(), map[string]any{"valid_until": stix.TimestampOf(until)})
	})
}

// Offer is a member's word that what an indicator is about is worth looking for.
type Offer struct {
	Member     string
	Confidence int
	At         time.Time
}

type offerRow struct {
	Member string    `db:"member"`
	Body   string    `db:"body"`
	At     time.Time `db:"at"`
}

// OffersOf lists the offers that an indicator stands for, as far as the scope may see them, the
// first one first.
func OffersOf(tx *store.Tx, object string) (out []Offer, err error) {
	rows, err := store.Query[offerRow](tx, `SELECT c.member, c.body, c.at FROM candidates c WHERE c.object = $1
		AND SCOPE(c) ORDER BY c.at, c.id`, object)
	for _, r := range rows {
		var c msg.Candidate
		if err := json.Unmarshal([]byte(r.Body), &c); err != nil {
			return nil, fmt.Errorf("read an offer for %s: %w", object, err)
		}
		out = append(out, Offer{r.Member, confidences[levelOr(c.Rule.Level)], r.At})
	}
	return out, err
}

// InForce lists live indicators that hold at the time of tx, by id behind one, at most limit.
func InForce(tx *store.Tx, after string, limit int) ([]indicator.Indicator, error) {
	return store.Query[indicator.Indicator](tx, `SELECT `+indicator.Columns+` FROM objects o WHERE o.id > $1
		AND o.realm = $2 AND o.withdrawn = 0 AND o.valid_until > $3 AND SCOPE(o) ORDER BY o.id LIMIT $4`,
		after, event.Live, clock.Micros(tx.Now()), limit)
}
