package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// huntBatch is how many indicators are searched for at once. One pass over the
// past costs about the same for one as for all.
const huntBatch = 1024

// RunHunts searches the past for every indicator for which that has not been
// done, those that wait together, until ctx ends. After a restart it goes on with
// what was left.
func (b *Inbox) RunHunts(ctx context.Context) error {
	for {
		todo, err := b.huntSome(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			b.Log.Warn("a hunt failed and is tried again", slog.Any("err", err))
		} else if todo > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.hunt:
		case <-time.After(10 * time.Second):
		}
	}
}

// huntSome searches for what waits, and tells how much that was.
func (b *Inbox) huntSome(ctx context.Context) (int, error) {
	// It can be stopped from before it looks what waits, or else what a person stops
	// in between would be searched for.
	hctx, stop := context.WithCancel(ctx)
	defer stop()
	b.huntMu.Lock()
	b.stop = stop
	b.huntMu.Unlock()
	defer func() {
		b.huntMu.Lock()
		b.stop = nil
		b.huntMu.Unlock()
	}()
	var todo []indicator.Indicator
	err := b.DB.Read(ctx, store.System("share: hunts to do"), func(tx *store.Tx) error {
		var err error
		todo, err = store.Query[indicator.Indicator](
			tx,
			`SELECT `+indicator.Columns+` FROM objects o WHERE o.withdrawn = 0 AND o.state = 'armed' AND o.hunted = $1
				AND o.halted = $2 AND SCOPE(o) ORDER BY o.made, o.id LIMIT $3`,
			false,
			false,
			huntBatch,
		)
		return err
	})
	if err != nil || len(todo) == 0 {
		return 0, err
	}
	bodies := make([][]byte, len(todo))
	for i, r := range todo {
		bodies[i] = []byte(r.Body)
	}
	go b.notifyOften(hctx)
	var odd error
	err = b.Matcher.HuntIndicators(hctx, bodies, func(which []int, list []hunt.Outcome) error {
		some := make([]indicator.Indicator, len(which))
		for k, i := range which {
			some[k] = todo[i]
			if list[k].Err != nil {
				odd = errors.Join(odd, fmt.Errorf("hunt for %s: %w", todo[i].ID, list[k].Err))
			}
		}
		return b.hunted(ctx, some, list)
	})
	if err != nil && hctx.Err() != nil && ctx.Err() == nil {
		err = nil // stopped by a person
	}
	return len(todo), errors.Join(err, odd)
}

// notifyOften says once a second that there is something new to see, until ctx ends.
func (b *Inbox) notifyOften(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
			b.Notify()
		}
	}
}

// hunted notes what hunts came to, and tells the hub.
func (b *Inbox) hunted(ctx context.Context, todo []indicator.Indicator, list []hunt.Outcome) error {
	err := b.DB.Write(ctx, store.System("share: hunted"), func(tx *store.Tx) error {
		pages := map[string]bool{}
		var out []msg.Offer
		for i, r := range todo {
			if list[i].Err != nil {
				continue
			}
			rcp := wire.Receipt{
				Object: r.ID, Modified: r.Modified, State: wire.Hunted, At: b.Clock().Add(b.Skew()),
				Searched: list[i].Searched, Hits: list[i].Hits,
			}
			if _, err := tx.Exec(
				`UPDATE objects SET hunted = $1, hits = $2, searched = $3 WHERE id = $4 AND modified = $5
					AND SCOPE(objects)`, true, rcp.Hits, rcp.Searched, r.ID, clock.Micros(r.Modified),
			); err != nil {
				return err
			}
			if r.Batch != "" {
				pages[r.Batch] = true
			} else {
				out = append(out, b.offer(rcp))
			}
		}
		if err := b.Outgoing.Offer(tx, out...); err != nil {
			return err
		}
		for _, upto := range slices.Sorted(maps.Keys(pages)) {
			if err := b.confirmHunts(tx, upto); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		b.Notify()
	}
	return err
}

// StopHunts ends the search of the past that is under way, and leaves alone what
// waits for one, until ResumeHunts. What was found already stays.
func (b *Inbox) StopHunts(ctx context.Context) error {
	err := b.halt(ctx, true)
	b.huntMu.Lock()
	if b.stop != nil {
		b.stop()
	}
	b.huntMu.Unlock()
	return err
}

// ResumeHunts begins again what was stopped.
func (b *Inbox) ResumeHunts(ctx context.Context) error {
	err := b.halt(ctx, false)
	b.Hunt()
	return err
}

func (b *Inbox) halt(ctx context.Context, yes bool) error {
	err := b.DB.Write(ctx, store.System("share: halt hunts"), func(tx *store.Tx) error {
		_, err := tx.Exec(
			`UPDATE objects SET halted = $1 WHERE state = 'armed' AND hunted = $2 AND SCOPE(objects)`, yes, false,
		)
		return err
	})
	if err == nil {
		b.Notify()
	}
	return err
}

// HuntsLeft counts the armed indicators for which the past has not been searched
// and will be.
func HuntsLeft(tx *store.Tx) (int64, error) {
	return store.One[int64](
		tx,
		`SELECT count(*) FROM objects o WHERE o.withdrawn = 0 AND o.state = 'armed' AND o.hunted = $1 AND o.halted = $2
			AND SCOPE(o)`,
		false,
		false,
	)
}

// HuntsHalted counts those for which a person has stopped that.
func HuntsHalted(tx *store.Tx) (int64, error) {
	return store.One[int64](
		tx,
		`SELECT count(*) FROM objects o WHERE o.withdrawn = 0 AND o.state = 'armed' AND o.hunted = $1 AND o.halted = $2
			AND SCOPE(o)`,
		false,
		true,
	)
}
