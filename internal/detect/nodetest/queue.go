package nodetest

import (
	"slices"

	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

// Queue keeps what was offered, of a member that offers from medium upwards.
type Queue struct {
	Offers []msg.Offer
	Kept   []string // "kind id"
	Err    error    // of every offer
}

// Offer keeps offers.
func (q *Queue) Offer(_ *store.Tx, list ...msg.Offer) error {
	if q.Err == nil {
		q.Offers = append(q.Offers, list...)
	}
	return q.Err
}

// Withhold notes what is held back.
func (q *Queue) Withhold(_ *store.Tx, kind wire.Kind, id string, _ policy.TLP) error {
	q.Kept = append(q.Kept, string(kind)+" "+id)
	return nil
}

// Handling is how the member marks everything.
func (q *Queue) Handling(wire.Kind) policy.Handling {
	return policy.Handling{TLP: policy.AmberStrict, Owner: Member}
}

// OffersCandidates reports whether a level is medium or above.
func (q *Queue) OffersCandidates(level string) bool {
	return sigma.Level(level).Rank() >= sigma.Level("medium").Rank()
}

// Candidates lists what was offered to the others, as "type:value" or "sigma:rule".
func (q *Queue) Candidates() []string {
	out := []string{}
	for _, o := range q.Offers {
		if c, ok := o.Body.(wire.Candidate); ok {
			if c.Observable != nil {
				out = append(out, string(c.Observable.Type)+":"+c.Observable.Value)
			} else {
				out = append(out, "sigma:"+c.Rule.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}
