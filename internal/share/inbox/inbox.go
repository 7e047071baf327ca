package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Line is the node's connection to its hub.
type Line interface {
	Request(ctx context.Context, topic string, body []byte) ([]byte, error)
}

// Matcher is the node's live engine and its past, as far as share needs them.
type Matcher interface {
	// ArmIndicators makes the engine match STIX indicators, all of them from one moment
	// on. It returns an error for each of the list: nil, or for one that cannot be
	// matched in full a fault whose text says why. The others are armed all the same.
	ArmIndicators(indicators [][]byte) []error
	// DisarmIndicators stops that; an unknown id is no error.
	DisarmIndicators(ids []string)
	// HuntIndicators searches the whole past for armed indicators, all of them at once.
	// It says as early as it can, one call after the other, what it came to for which
	// of the list; an error of done ends it.
	HuntIndicators(ctx context.Context, indicators [][]byte, done func(which []int, list []hunt.Outcome) error) error
	// Progress tells of the search that is under way; ok is false if there is none.
	Progress() (p hunt.Progress, ok bool)
}

// Config is what an Inbox stands on.
type Config struct {
	DB       *store.DB
	Outgoing *release.Outgoing
	Matcher  Matcher
	Line     Line
	Clock    clock.Clock
	Skew     func() time.Duration // the hub's clock minus ours
	Log      *slog.Logger
	Notify   func() // called after something changed that a page shows
}

// Inbox takes what the hub sends, arms it, and has the past hunted for it.
type Inbox struct {
	Config

	mu   sync.Mutex // one delivery at a time
	last int64      // under mu; last delivery number that is stored
	run  string     // under mu; the hub's count that last is of
	sync chan struct{}
	hunt chan struct{}
	wake chan struct{} // something is in queue

	queueMu sync.Mutex
	queue   []wire.Object // under queueMu; pushed, and not taken yet

	huntMu sync.Mutex
	stop   context.CancelFunc // under huntMu; of the hunt that is under way, nil if there is none
}

const (
	settingLast = "share.last-delivery"
	settingRun  = "share.delivery-run" // the hub's count that settingLast is of
	syncLimit   = 200

	requestTimeout = 10 * time.Second
)

// New returns an inbox. Start it before it runs.
func New(c Config) *Inbox {
	return &Inbox{Config: c, sync: make(chan struct{}, 1), hunt: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// Start reads how far the hub's deliveries are stored, and arms everything that the
// node was armed with when it stopped.
func (b *Inbox) Start(ctx context.Context) error {
	text, ok, err := b.DB.Setting(ctx, settingLast)
	if err != nil {
		return err
	}
	if ok {
		if b.last, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("read %s: %w", settingLast, err)
		}
	}
	if b.run, _, err = b.DB.Setting(ctx, settingRun); err != nil {
		return err
	}
	if err := b.armStored(ctx); err != nil {
		return err
	}
	b.Hunt()
	return nil
}

// armPage is the number of indicators that are read and armed at once at start.
const armPage = 10_000

type storedIndicator struct {
	ID   string `db:"id"`
	Body string `db:"body"`
}

// armStored arms what the node was armed with when it stopped.
func (b *Inbox) armStored(ctx context.Context) error {
	after := ""
	for {
		var rows []storedIndicator
		err := b.DB.Read(ctx, store.System("share: arm at start"), func(tx *store.Tx) (err error) {
			rows, err = store.Query[storedIndicator](tx, `SELECT o.id, o.body FROM objects o
WHERE o.withdrawn = 0 AND o.state = 'armed' AND o.id > $1 AND SCOPE(o) ORDER BY o.id LIMIT $2`, after, armPage)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		list := make([][]byte, len(rows))
		for i, r := range rows {
			list[i], after = []byte(r.Body), r.ID
		}
		for i, err := range b.Matcher.ArmIndicators(list) {
			if err != nil {
				b.Log.Warn(
					"an indicator can no longer be armed", slog.String("indicator", rows[i].ID), slog.Any("err", err),
				)
			}
		}
	}
}

// maxQueue bounds the objects that wait for their turn. Beyond it they are not
// kept: the node then asks for them.
const maxQueue = 1000

// Pushed takes one object from the wire, in the order of sending, and returns at
// once. Run stores and arms all that have come meanwhile together.
func (b *Inbox) Pushed(body []byte) {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		b.Log.Warn("the hub sent something unreadable", slog.Any("err", err))
		return
	}
	b.queueMu.Lock()
	full := len(b.queue) == maxQueue
	if !full {
		b.queue = append(b.queue, o)
	}
	b.queueMu.Unlock()
	if full {
		b.Sync()
		return
	}
	poke(b.wake)
}

// takePushed stores and arms the objects in the queue that follow the last one; a
// gap is closed by asking.
func (b *Inbox) takePushed(ctx context.Context) {
	b.queueMu.Lock()
	list := b.queue
	b.queue = nil
	b.queueMu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	next, gap := b.last, false
	list = slices.DeleteFunc(list, func(o wire.Object) bool {
		follows := o.Seq == next+1
		if follows {
			next++
		}
		gap = gap || o.Seq > next
		return !follows
	})
	if len(list) > 0 {
		if err := b.accept(ctx, list, next, b.run); err != nil {
			b.Log.Warn("could not take what the hub sent", slog.Any("err", err))
			gap = true
		}
	}
	if gap {
		b.Sync()
	}
}

// Sync asks the hub, soon, for what is missing.
func (b *Inbox) Sync() { poke(b.sync) }

// Hunt looks, soon, for indicators for which the past has not been searched.
func (b *Inbox) Hunt() { poke(b.hunt) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run takes what is pushed, and asks for what is missing when told to and every
// half minute, until ctx ends.
func (b *Inbox) Run(ctx context.Context) error {
	var pushes sync.WaitGroup
	pushes.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.wake:
				b.takePushed(context.WithoutCancel(ctx))
			}
		}
	})
	defer pushes.Wait()
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.sync:
		case <-tick.C:
		}
		if err := b.catchUp(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			b.Log.Warn("could not catch up with the hub", slog.Any("err", err))
		}
	}
}

func (b *Inbox) catchUp(ctx context.Context) error {
	for {
		b.mu.Lock()
		after, run := b.last, b.run
		b.mu.Unlock()
		ask, err := json.Marshal(wire.SyncRequest{After: after, Limit: syncLimit, Run: run})
		if err != nil {
			return err
		}
		askCtx, cancel := context.WithTimeout(ctx, requestTimeout)
		reply, err := b.Line.Request(askCtx, wire.TopicSync, ask)
		cancel()
		if err != nil {
			return err
		}
		var a wire.SyncReply
		if err := json.Unmarshal(reply, &a); err != nil {
			return fmt.Errorf("read the hub's answer: %w", err)
		}
		b.mu.Lock()
		if b.last == after && (a.Upto > after || a.Reset || a.Run != run) {
			err = b.accept(ctx, a.Objects, a.Upto, a.Run)
		}
		b.mu.Unlock()
		if err != nil || !a.More {
			return err
		}
	}
}

// accept arms objects and then writes them down with their receipts; the
// receipt is true when it leaves, and a crash in between is healed by a sync.
// Called under mu.
func (b *Inbox) accept(ctx context.Context, list []wire.Object, upto int64, run string) error {
	all := b.take(list)
	err := b.DB.Write(ctx, store.System("share: take delivery"), func(tx *store.Tx) error {
		for _, d := range all {
			if d.row.Body == "" {
				if _, err := tx.Exec(
					`UPDATE objects SET state = $1, withdrawn = $2 WHERE id = $3 AND withdrawn = 0 AND SCOPE(objects)`,
					string(wire.Disarmed), clock.Micros(tx.Now()), d.row.ID,
				); err != nil {
					return err
				}
			} else if err := d.row.Save(tx); err != nil {
				return err
			}
			if err := b.receipt(tx, d.rcp); err != nil {
				return err
			}
		}
		for key, value := range map[string]string{settingLast: strconv.FormatInt(upto, 10), settingRun: run} {
			if _, err := tx.Exec(
				`INSERT INTO setting (key, value, at) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE
					SET value = excluded.value, at = excluded.at`,
				key, value, tx.Now(),
			); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.last, b.run = upto, run
	b.Hunt()
	b.Notify()
	return nil
}

func (b *Inbox) receipt(tx *store.Tx, r wire.Receipt) error {
	return b.Outgoing.Offer(
		tx, msg.Offer{ID: r.ID, Title: r.Object, Handling: b.Outgoing.Handling(wire.KindReceipt), Body: r},
	)
}

// taken is what came of one object.
type taken struct {
	row indicator.Indicator // without a body if the object was withdrawn
	rcp wire.Receipt
}

// take arms and disarms objects, all at once as long as none is in the list twice.
func (b *Inbox) take(list []wire.Object) []taken {
	out := make([]taken, 0, len(list))
	for len(list) > 0 {
		seen := map[string]bool{}
		n := 0
		for n < len(list) && !seen[list[n].ID] {
			seen[list[n].ID] = true
			n++
		}
		out, list = append(out, b.takeOnce(list[:n])...), list[n:]
	}
	return out
}

// takeOnce is take for objects that are all different.
func (b *Inbox) takeOnce(list []wire.Object) []taken {
	now := b.Clock()
	out, refused := make([]taken, len(list)), make([]error, len(list))
	var gone []string
	var bodies [][]byte
	var at []int // of bodies, in list
	for i, o := range list {
		if o.Withdraw {
			gone, out[i].row = append(gone, o.ID), indicator.Indicator{ID: o.ID}
			continue
		}
		if out[i].row, refused[i] = indicator.FromWire(o, now); refused[i] == nil {
			bodies, at = append(bodies, []byte(out[i].row.Body)), append(at, i)
		}
	}
	if len(gone) > 0 {
		b.Matcher.DisarmIndicators(gone)
	}
	if len(bodies) > 0 {
		for k, err := range b.Matcher.ArmIndicators(bodies) {
			refused[at[k]] = err
		}
	}
	done := b.Clock().Add(b.Skew()) // armed now, and not when it came
	for i, o := range list {
		row, rcp := &out[i].row, &out[i].rcp
		*rcp = wire.Receipt{Object: o.ID, Modified: o.Modified, State: wire.Armed, At: done}
		switch err := refused[i]; {
		case o.Withdraw:
			rcp.State = wire.Disarmed
		case err != nil:
			rcp.State, rcp.Reason = wire.Refused, reason.Refusal(err)
			row.State, row.Hunted = string(wire.Refused), true
			if row.Body == "" {
				row.Body = "{}"
			}
			b.Log.Warn("an indicator was refused", slog.String("indicator", o.ID), slog.Any("err", err))
		default:
			row.State = string(wire.Armed)
		}
		rcp.ID = indicator.ReceiptID(*rcp)
	}
	return out
}
