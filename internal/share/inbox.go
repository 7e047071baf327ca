package share

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Armory is the node's live engine and its past, as far as share needs them.
type Armory interface {
	// Arm makes the engine match a STIX indicator from now on. An indicator that
	// cannot be matched in full gives a fault whose text says why.
	Arm(indicator []byte) error
	// Disarm stops that; an unknown id is no error.
	Disarm(id string)
	// Hunt searches the whole past for armed indicators, all of them at once. It says
	// as early as it can, one call after the other, what it came to for which of the
	// list; an error of done ends it.
	Hunt(ctx context.Context, indicators [][]byte, done func(which []int, list []Hunted) error) error
}

// Hunted is what the search of the past for one indicator came to.
type Hunted struct {
	Searched int64 // events
	Hits     int64
	Err      error // it could not be searched for
}

// Inbox takes what the hub sends, arms it, and has the past hunted for it.
type Inbox struct {
	db     *store.DB
	gate   *Gate
	armory Armory
	line   Line
	clock  clock.Clock
	skew   func() time.Duration
	log    *slog.Logger
	tell   func()

	mu   sync.Mutex // one delivery at a time
	last int64      // under mu; last delivery number that is stored
	run  string     // under mu; the hub's count that last is of
	sync chan struct{}
	hunt chan struct{}

	huntMu sync.Mutex
	stop   context.CancelFunc // under huntMu; of the hunt that is under way, nil if there is none
}

const (
	settingLast = "share.last-delivery"
	settingRun  = "share.delivery-run" // at the hub, its own; at a node, the hub's that settingLast is of
	syncLimit   = 200
)

// OpenInbox makes the inbox and arms everything that the node was armed with
// when it stopped.
func OpenInbox(ctx context.Context, db *store.DB, gate *Gate, armory Armory, line Line, c clock.Clock, skew func() time.Duration, log *slog.Logger, tell func()) (*Inbox, error) {
	b := &Inbox{db: db, gate: gate, armory: armory, line: line, clock: c, skew: skew, log: log, tell: tell,
		sync: make(chan struct{}, 1), hunt: make(chan struct{}, 1)}
	text, ok, err := db.Setting(ctx, settingLast)
	if err != nil {
		return nil, err
	}
	if ok {
		if b.last, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("read %s: %w", settingLast, err)
		}
	}
	if b.run, _, err = db.Setting(ctx, settingRun); err != nil {
		return nil, err
	}
	var rows []objectRow
	err = db.Read(ctx, store.System("share: arm at start"), func(tx *store.Tx) error {
		rows, err = store.Query[objectRow](tx, `SELECT `+objectColumns+` FROM objects o WHERE o.withdrawn = 0 AND o.state = 'armed' AND SCOPE(o)`)
		return err
	})
	for _, r := range rows {
		if err := armory.Arm([]byte(r.Body)); err != nil {
			log.Warn("an indicator can no longer be armed", slog.String("indicator", r.ID), slog.Any("err", err))
		}
	}
	b.Hunt()
	return b, err
}

// Pushed takes one object from the wire. One that follows the last is stored
// and armed at once; a gap is healed by asking.
func (b *Inbox) Pushed(ctx context.Context, body []byte) {
	var o wire.Object
	if err := json.Unmarshal(body, &o); err != nil {
		b.log.Warn("the hub sent something unreadable", slog.Any("err", err))
		return
	}
	b.mu.Lock()
	next := o.Seq == b.last+1
	old := o.Seq <= b.last
	var err error
	if next {
		err = b.accept(ctx, []wire.Object{o}, o.Seq, b.run)
	}
	b.mu.Unlock()
	if err != nil {
		b.log.Warn("could not take what the hub sent", slog.Any("err", err))
	}
	if !old && (!next || err != nil) {
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

// Run syncs when asked and every half minute, until ctx ends.
func (b *Inbox) Run(ctx context.Context) error {
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
			b.log.Warn("could not catch up with the hub", slog.Any("err", err))
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
		askCtx, cancel := context.WithTimeout(ctx, patience)
		reply, err := b.line.Request(askCtx, wire.TopicSync, ask)
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
	type done struct {
		row objectRow
		rcp wire.Receipt
	}
	var all []done
	for _, o := range list {
		row, rcp := b.take(o)
		all = append(all, done{row, rcp})
	}
	err := b.db.Write(ctx, store.System("share: take delivery"), func(tx *store.Tx) error {
		for _, d := range all {
			if d.row.Body == "" {
				if _, err := tx.Exec(`UPDATE objects SET state = $1, withdrawn = $2 WHERE id = $3 AND withdrawn = 0 AND SCOPE(objects)`, string(wire.Disarmed), clock.Micros(tx.Now()), d.row.ID); err != nil {
					return err
				}
			} else if err := d.row.save(tx); err != nil {
				return err
			}
			if err := b.receipt(tx, d.rcp); err != nil {
				return err
			}
		}
		for key, value := range map[string]string{settingLast: strconv.FormatInt(upto, 10), settingRun: run} {
			if _, err := tx.Exec(`INSERT INTO setting (key, value, at) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at`, key, value, tx.Now()); err != nil {
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
	b.tell()
	return nil
}

func (b *Inbox) receipt(tx *store.Tx, r wire.Receipt) error {
	return b.gate.Offer(tx, msg.Offer{ID: r.ID, Title: r.Object, Handling: b.gate.Handling(wire.KindReceipt), Body: r})
}

// take arms or disarms one object and says what came of it.
func (b *Inbox) take(o wire.Object) (objectRow, wire.Receipt) {
	now := b.clock()
	rcp := wire.Receipt{Object: o.ID, Modified: o.Modified, State: wire.Armed, At: now.Add(b.skew())}
	if o.Withdraw {
		b.armory.Disarm(o.ID)
		rcp.State = wire.Disarmed
		rcp.ID = receiptID(rcp)
		return objectRow{ID: o.ID}, rcp
	}
	row, err := rowOf(o, now)
	if err == nil {
		err = b.armory.Arm([]byte(row.Body))
		rcp.At = b.clock().Add(b.skew()) // armed now, and not when it came
	}
	row.State = string(wire.Armed)
	if err != nil {
		rcp.State, rcp.Reason = wire.Refused, reason.Said(fault.TextOf(err))
		row.State, row.Hunted = string(wire.Refused), true
		if row.Body == "" {
			row.Body = "{}"
		}
		b.log.Warn("an indicator was refused", slog.String("indicator", o.ID), slog.Any("err", err))
	}
	rcp.ID = receiptID(rcp)
	return row, rcp
}

// receiptID makes the receipt for one state of one version the same however
// often it is written.
func receiptID(r wire.Receipt) string {
	return fmt.Sprintf("%s/%d/%s", r.Object, clock.Micros(r.Modified), r.State)
}
