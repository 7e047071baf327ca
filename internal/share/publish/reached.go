package publish

import (
	"context"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
)

// Reach is how many members an indicator came to, beside the one that it came from. It tells
// nothing of what happens at them.
type Reach struct {
	Got   int // that have answered for it
	Armed int // of them, those that match it now
}

// Reached counts, for each indicator that the scope may see, the members that it came to.
func (p *Publisher) Reached(ctx context.Context, s store.Scope, ids []string) (map[string]Reach, error) {
	people, err := p.members.Active(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]Reach{}
	err = p.db.Read(ctx, s, func(tx *store.Tx) error {
		clear(out)
		owner := map[string]string{}
		var rows []indicator.Indicator
		for _, id := range ids {
			i, err := indicator.Get(tx, id)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			rows, owner[id] = append(rows, i), i.Handling.Owner
		}
		progress, err := p.Progress(tx, people, rows...)
		for _, x := range progress {
			if x.Member == owner[x.Object] || x.State == "" {
				continue
			}
			r := out[x.Object]
			if r.Got++; x.isArmed() {
				r.Armed++
			}
			out[x.Object] = r
		}
		return err
	})
	return out, err
}
