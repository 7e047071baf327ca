package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
)

// rest waits until nothing moves: nothing to publish, to send or to hunt for,
// and no count has changed for a while.
func (d *Demo) rest(ctx context.Context) error {
	const (
		quiet = 600 * time.Millisecond
		stuck = time.Minute // work that does not get done: the report will say what is missing
	)
	last, since, moved := "", clock.System(), clock.System()
	for {
		busy, print, err := d.pulse(ctx)
		if err != nil {
			return err
		}
		now := clock.System()
		if print != last {
			moved = now
		}
		if busy || print != last {
			last, since = print, now
		}
		if now.Sub(since) > quiet || now.Sub(moved) > stuck {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// pulse reports whether there is work left, and a print of all counts.
func (d *Demo) pulse(ctx context.Context) (busy bool, print string, err error) {
	idle, err := d.Hub.Idle(ctx)
	if err != nil {
		return false, "", err
	}
	busy = !idle
	// Only the cable that the demo itself has pulled keeps a member away; one
	// whose connection broke comes back, and is waited for.
	var online []string
	for _, m := range d.members {
		if !m.node.Link().Suspended() {
			online = append(online, m.id)
		}
	}
	people, err := d.Hub.People().Members(ctx)
	if err != nil {
		return false, "", err
	}
	err = d.Hub.DB().Read(ctx, store.System("demo: pulse"), func(tx *store.Tx) error {
		n, err := store.Query[int64](tx, `SELECT coalesce(sum(seq), 0) FROM outbox_cursor UNION ALL SELECT count(*)
			FROM outbox UNION ALL SELECT count(*) FROM progress`)
		if err != nil {
			return err
		}
		print = fmt.Sprint(n)
		shared, err := store.Query[sharedRow](tx, `SELECT o.id, o.modified, o.tlp, o.owner, o.audience FROM objects o
			WHERE o.withdrawn = 0 AND SCOPE(o)`)
		if err != nil {
			return err
		}
		said, err := store.Query[string](tx, `SELECT p.object || ' ' || p.member FROM progress p JOIN objects o
			ON o.id = p.object WHERE p.modified >= o.modified AND SCOPE(o)`)
		for _, o := range shared { // what a member is to have, and said nothing of yet
			for _, m := range feed.Entitled(people, o.Handling) {
				busy = busy || slices.Contains(online, m.ID) && !slices.Contains(said, o.ID+" "+m.ID)
			}
		}
		return err
	})
	for _, m := range d.members {
		if err != nil {
			return false, "", err
		}
		err = m.node.DB().Read(ctx, store.System("demo: pulse"), func(tx *store.Tx) error {
			ready, err := release.Count(tx, release.StateReady)
			if err != nil {
				return err
			}
			todo, err := inbox.HuntsLeft(tx)
			busy = busy || (!m.node.Link().Suspended() && ready > 0) || todo > 0
			print += fmt.Sprint(ready, todo)
			return err
		})
	}
	return busy, print, err
}

// sharedRow is an indicator of the hub, and who may have it.
type sharedRow struct {
	ID       string          `db:"id"`
	Modified time.Time       `db:"modified"`
	Handling policy.Handling `db:",handling"`
}
