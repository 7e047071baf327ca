package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/meneki/meneki/internal/clock"
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
	err = d.Hub.DB().Read(ctx, store.System("demo: pulse"), func(tx *store.Tx) error {
		n, err := store.Query[int64](tx, `SELECT coalesce(sum(seq), 0) FROM outbox_cursor UNION ALL SELECT count(*)
			FROM outbox UNION ALL SELECT count(*) FROM delivery`)
		print = fmt.Sprint(n)
		for _, m := range online { // what was delivered, and nothing said of it yet
			left, err := store.One[int64](tx, `SELECT count(*) FROM delivery d WHERE d.member = $1 AND d.withdraw = $2
				AND NOT EXISTS (SELECT 1 FROM progress p WHERE p.object = d.object AND p.member = d.member
				AND p.modified >= d.modified)`, m, false)
			if err != nil {
				return err
			}
			busy = busy || left > 0
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
