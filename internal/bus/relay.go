package bus

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/store"
)

// Outbox is what Relay needs of the store; *store.DB is one.
type Outbox interface {
	Pending(ctx context.Context, limit int) ([]store.OutboxRow, error)
	Published(ctx context.Context, ids []string) error
	Unpublish(ctx context.Context, since time.Time) (int64, error)
	OnEmit(func())
	Now() time.Time
	Setting(ctx context.Context, key string) (value string, ok bool, err error)
	SetSetting(ctx context.Context, key, value string) error
}

var _ Outbox = (*store.DB)(nil)

const (
	relayBatch = 200
	relayPoll  = time.Second // what another process emitted is found by polling
	relayMark  = "bus.relay" // the setting that holds the mark
	// A message is behind the mark when it was published this long ago, by when
	// the stream has been synced to disk.
	relaySafe = 3 * unsynced
)

// Relay publishes the outbox into the hub's stream until ctx ends, in the order
// of emission and at least once. It is woken by every commit that emitted.
//
// The stream syncs to disk only every few seconds, so a power failure can take
// back what the outbox holds as published. Relay therefore keeps a mark in the
// store, behind which everything is on disk, and after a start publishes again
// what lies after it. A stream that knows less than the mark says was lost or
// restored from elsewhere: then all that the outbox still holds goes again; so it
// does where the server had to give the stream up, as after a full disk.
// Consumers must know a message again (store.Tx.Once), and must have been made
// with Consume before Relay starts.
//
// It returns nil at the end of ctx. Trouble with the store or the stream is
// logged once and tried again for ever.
func Relay(ctx context.Context, db Outbox, local *Local, log *slog.Logger) error {
	r := &relay{db: db, local: local, log: orDiscard(log).With("part", "relay")}
	wake := make(chan struct{}, 1)
	db.OnEmit(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	started := false
	for tries := 0; ctx.Err() == nil; {
		var err error
		if !started {
			err = r.start(ctx)
			started = err == nil
		}
		if err == nil {
			err = r.pass(ctx)
		}
		if err != nil && ctx.Err() == nil && !local.usable() {
			if again := local.renew(ctx); again != nil {
				err = again
			} else {
				r.log.Warn("the stream could not be written and was made anew; everything in the outbox is published again", "err", err)
				err, started, r.lost = nil, false, true
			}
		}
		wait := relayPoll
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if tries == 0 {
				r.log.Warn("the outbox is not being published; trying again", "err", err)
			}
			wait = backoff(tries)
			tries++
		case !started:
			wait = 0
		case tries > 0:
			r.log.Info("the outbox is being published again")
			tries = 0
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

type relay struct {
	db    Outbox
	local *Local
	log   *slog.Logger

	seq    uint64    // of the last message published in this run
	marked time.Time // when the mark was last written, by the store's clock
	dirty  bool      // something was published since
	lost   bool      // the stream was made anew, and knows nothing
}

// start puts back what may have been lost.
func (r *relay) start(ctx context.Context) error {
	text, ok, err := r.db.Setting(ctx, relayMark)
	if err != nil {
		return err
	}
	var since time.Time // all, if there is no mark
	if ok && !r.lost {
		at, seq, err := parseMark(text)
		if err != nil {
			r.log.Warn("the relay's mark is not readable; everything in the outbox is published again", "err", err)
		} else {
			since = at
			last, err := r.local.lastSeq(ctx)
			if err != nil {
				return err
			}
			if last < seq {
				r.log.Warn("the stream was lost or restored; everything in the outbox is published again", "stream", last, "mark", seq)
				since = time.Time{}
			}
		}
	}
	n, err := r.db.Unpublish(ctx, since)
	if err != nil {
		return err
	}
	r.log.Debug("relay starts", "again", n)
	r.seq, r.marked, r.dirty, r.lost = 0, time.Time{}, true, false
	return nil
}

// pass publishes all that is pending.
func (r *relay) pass(ctx context.Context) error {
	for {
		rows, err := r.db.Pending(ctx, relayBatch)
		if err != nil {
			return err
		}
		ids := make([]string, 0, len(rows))
		var failed error
		for _, row := range rows {
			seq, err := r.local.publish(ctx, row.Topic, row.ID, row.Body)
			switch {
			case err == nil:
				r.seq = max(r.seq, seq)
			case fault.Is(err, fault.TooLarge) || fault.Is(err, fault.Invalid):
				// It can never go, and must not hold up those behind it.
				r.log.Error("a message in the outbox cannot be published and is passed over", "topic", row.Topic, "id", row.ID, "bytes", len(row.Body), "err", err)
			default:
				failed = err
			}
			if failed != nil {
				break
			}
			ids = append(ids, row.ID)
		}
		if len(ids) > 0 {
			if err := r.db.Published(ctx, ids); err != nil {
				return err
			}
			r.dirty = true
		}
		if failed != nil {
			return failed
		}
		if len(rows) < relayBatch {
			return r.mark(ctx)
		}
	}
}

// mark moves the mark, now and then, while there is anything behind it.
func (r *relay) mark(ctx context.Context) error {
	now := r.db.Now()
	if !r.dirty || !r.marked.IsZero() && now.Sub(r.marked) < relaySafe {
		return nil
	}
	seq := r.seq
	if r.marked.IsZero() || seq == 0 {
		// Nothing of this run is old enough to be vouched for.
		last, err := r.local.lastSeq(ctx)
		if err != nil {
			return err
		}
		seq = last
	}
	if err := r.db.SetSetting(ctx, relayMark, formatMark(now.Add(-relaySafe), seq)); err != nil {
		return err
	}
	r.marked, r.dirty = now, false
	return nil
}

func formatMark(at time.Time, seq uint64) string {
	return fmt.Sprintf("%d %d", clock.Micros(at), seq)
}

func parseMark(s string) (at time.Time, seq uint64, err error) {
	a, b, _ := strings.Cut(s, " ")
	us, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return at, 0, fmt.Errorf("bus: mark %.40q: %w", s, err)
	}
	if seq, err = strconv.ParseUint(b, 10, 64); err != nil {
		return at, 0, fmt.Errorf("bus: mark %.40q: %w", s, err)
	}
	return clock.FromMicros(us), seq, nil
}
