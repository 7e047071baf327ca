package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
)

const (
	batchSize  = 64                    // messages in one transaction
	batchTime  = 25 * time.Millisecond // after which it takes no more of them
	batchLanes = 32                    // light lanes in one
	batchLow   = 8                     // messages of a heavy lane in one while light ones wait
	elsewhere  = 20 * time.Millisecond // until a lane that another process works on is looked at again
	maxTries   = 10                    // of a message that fails for no reason known to pass or to stay
)

// worker runs one consumer, on one goroutine.
type worker struct {
	q        *Queue
	name     string
	handlers map[string]Handler
	topics   []string
	lanes    *lanes
	asked    atomic.Bool // a message that was set aside is to be tried again

	// The worker's own, of its goroutine.
	cursors map[string]bool     // lanes whose cursor is in the database
	scanned map[string]int64    // lane -> there is nothing for this consumer up to here
	failing map[string]*failure // lane -> its first message, that fails
	down    bool                // the database does not take anything now
}

// failure is how often a lane's first message has failed.
type failure struct {
	seq   int64
	tries int
}

// errElsewhere says that another process works on the lane.
var errElsewhere = errors.New("queue: another process works on the lane")

// messageError is the error of one message of a batch.
type messageError struct {
	index int
	err   error
}

func (e *messageError) Error() string { return e.err.Error() }
func (e *messageError) Unwrap() error { return e.err }

func newWorker(q *Queue, c Consumer) *worker {
	return &worker{
		q: q, name: c.Name, handlers: c.Topics, topics: slices.Sorted(maps.Keys(c.Topics)), lanes: newLanes(q.heavy),
		cursors: map[string]bool{}, scanned: map[string]int64{}, failing: map[string]*failure{},
	}
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.asked.Load() {
			_, _ = w.again(ctx) // what fails is logged, and stays
		}
		list := w.lanes.next(batchLanes)
		if len(list) == 0 {
			select {
			case <-ctx.Done():
			case <-w.lanes.wake:
			}
			continue
		}
		if len(list) == 1 || !w.together(ctx, list) {
			for _, lane := range list {
				w.turn(ctx, lane)
			}
		}
		w.lanes.done()
	}
}

// turn handles one batch of a lane and says when the lane has its next turn.
func (w *worker) turn(ctx context.Context, lane string) {
	more, err := w.batch(ctx, lane)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errElsewhere):
		w.lanes.hold(lane, elsewhere)
	case err != nil:
		w.lanes.hold(lane, w.wait(lane, err))
	default:
		w.recovered()
		if more {
			w.q.heavy.note(lane)
			w.lanes.add(lane)
		}
	}
}

// together handles what is in several light lanes in one transaction, and reports
// whether it could. If not, nothing was done, and each lane is to have its own turn.
func (w *worker) together(ctx context.Context, lanes []string) bool {
	type part struct {
		lane string
		list []Message
		head int64
	}
	var parts []part
	for _, lane := range lanes {
		list, head, err := w.peek(ctx, lane)
		if err == nil && len(list) > 0 {
			err = w.ensureCursor(ctx, lane)
		}
		switch {
		case err != nil || len(list) == batchSize:
			return false
		case len(list) == 0:
			w.scanned[lane] = head
		default:
			parts = append(parts, part{lane, list, head})
		}
	}
	if len(parts) == 0 {
		return true
	}
	var left, held []string // there was no time for them; another process works on them
	err := w.q.db.Write(ctx, store.System("queue: "+w.name), func(tx *store.Tx) error {
		left, held = nil, nil
		began := w.q.db.Now()
		for _, p := range parts {
			if w.q.db.Now().Sub(began) > batchTime {
				left = append(left, p.lane)
				continue
			}
			n, err := w.handleIn(tx, p.lane, p.list, p.head)
			switch {
			case errors.Is(err, errElsewhere):
				held = append(held, p.lane)
			case err != nil:
				return err
			case n < len(p.list):
				left = append(left, p.lane)
			}
		}
		return nil
	})
	if err != nil {
		return false
	}
	for _, p := range parts {
		delete(w.failing, p.lane)
	}
	for _, lane := range left {
		w.lanes.add(lane)
	}
	for _, lane := range held {
		w.lanes.hold(lane, elsewhere)
	}
	w.recovered()
	return true
}

// recovered logs that the database takes messages again, if it did not.
func (w *worker) recovered() {
	if w.down {
		w.down = false
		w.q.log.Info("messages are being handled again", "consumer", w.name)
	}
}

// wait logs an error and returns how long the lane is to be left alone.
func (w *worker) wait(lane string, err error) time.Duration {
	f := w.failing[lane]
	if f == nil { // before any message was tried
		f = &failure{}
		w.failing[lane] = f
	}
	f.tries++
	if transient(err) {
		if !w.down {
			w.down = true
			w.q.log.Warn("messages cannot be handled now; trying again", "consumer", w.name, "err", err)
		}
		return backoff(f.tries, retryMax)
	}
	w.q.log.Warn("a message failed; trying it again", "consumer", w.name, "lane", lane, "tries", f.tries, "err", err)
	return backoff(f.tries, failedMax)
}

func backoff(tries int, most time.Duration) time.Duration {
	return min(retryMin<<min(tries-1, 10), most)
}

// transient reports whether an error is of the database or the machine, not of the
// message.
func transient(err error) bool {
	switch fault.KindOf(err) {
	case fault.Storage, fault.Unavailable, fault.Busy:
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// hopeless reports whether trying a message again cannot help.
func hopeless(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.TooLarge, fault.Unsupported:
		return true
	}
	return false
}

// batch handles the next messages of a lane and reports whether there may be more.
func (w *worker) batch(ctx context.Context, lane string) (more bool, err error) {
	list, head, err := w.peek(ctx, lane)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		w.scanned[lane] = head
		return false, nil
	}
	if err := w.ensureCursor(ctx, lane); err != nil {
		return false, err
	}
	more = len(list) == batchSize
	n, err := w.handle(ctx, lane, list, head)
	var bad *messageError
	switch {
	case err == nil:
		delete(w.failing, lane)
		return more || n < len(list), nil
	case errors.Is(err, errElsewhere) || transient(err):
		return false, err
	case errors.As(err, &bad) && bad.index > 0: // what is before it was rolled back with it
		list = list[:bad.index]
	case bad == nil && len(list) > 1: // the commit failed
		list = list[:1]
	default:
		return w.failed(ctx, lane, list[0], err)
	}
	if _, err := w.handle(ctx, lane, list, 0); err != nil {
		if len(list) > 1 || transient(err) || errors.Is(err, errElsewhere) {
			return false, err
		}
		return w.failed(ctx, lane, list[0], err)
	}
	delete(w.failing, lane)
	return true, nil
}

// failed deals with a lane's first message, which failed alone: it sets it aside, or
// returns the error for it to be tried again.
func (w *worker) failed(ctx context.Context, lane string, m Message, err error) (more bool, _ error) {
	f := w.failing[lane]
	if f == nil || f.seq != m.Seq {
		f = &failure{seq: m.Seq}
		w.failing[lane] = f
	}
	if !hopeless(err) && f.tries+1 < maxTries {
		return false, err
	}
	if e := w.setAside(ctx, m, err); e != nil {
		return false, e
	}
	delete(w.failing, lane)
	w.q.log.Error("a message cannot be handled and was set aside", "consumer", w.name, "topic", m.Topic, "id", m.ID,
		"lane", lane, "err", err)
	return true, nil
}

// peek reads the next messages of a lane; all of the consumer's up to head are among
// them, if they are fewer than a batch.
func (w *worker) peek(ctx context.Context, lane string) (list []Message, head int64, err error) {
	in, args := store.List(4, w.topics)
	err = w.q.db.Read(ctx, store.System("queue: peek"), func(tx *store.Tx) error {
		after, err := w.cursor(tx, lane)
		if err != nil {
			return err
		}
		list, err = store.Query[Message](tx, `SELECT seq, id, topic, lane, body, at FROM outbox
			WHERE lane = $1 AND seq > $2 AND topic IN `+in+` ORDER BY seq LIMIT $3`,
			append([]any{lane, max(after, w.scanned[lane]), batchSize}, args...)...)
		if err == nil {
			head, err = store.One[int64](tx, `SELECT coalesce(max(seq), 0) FROM outbox WHERE lane = $1`, lane)
		}
		return err
	})
	if len(list) > 0 {
		delete(w.scanned, lane) // the cursor gets there
	}
	return list, head, err
}

// cursor reads how far the consumer is in a lane.
func (w *worker) cursor(tx *store.Tx, lane string) (int64, error) {
	return store.One[int64](tx, `SELECT coalesce(max(seq), 0) FROM outbox_cursor WHERE consumer = $1 AND lane = $2`,
		w.name, lane)
}

// ensureCursor creates the cursor of a lane that is new.
func (w *worker) ensureCursor(ctx context.Context, lane string) error {
	if w.cursors[lane] {
		return nil
	}
	err := w.q.db.Write(ctx, store.System("queue: new lane"), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO outbox_cursor (consumer, lane, seq) VALUES ($1, $2, 0)
			ON CONFLICT (consumer, lane) DO NOTHING`, w.name, lane)
		return err
	})
	if err == nil {
		w.cursors[lane] = true
	}
	return err
}

// handle handles messages of a lane in one transaction, see handleIn.
func (w *worker) handle(ctx context.Context, lane string, list []Message, upto int64) (n int, err error) {
	err = w.q.db.Write(ctx, store.System("queue: "+w.name), func(tx *store.Tx) error {
		n, err = w.handleIn(tx, lane, list, upto)
		return err
	})
	return n, err
}

// handleIn runs the handlers of messages and moves the cursor, and returns how many
// there was time for. Upto is where the cursor may go when all were handled, if that
// is beyond the last of them.
func (w *worker) handleIn(tx *store.Tx, lane string, list []Message, upto int64) (n int, err error) {
	at, err := w.lock(tx, lane)
	if err != nil {
		return 0, err
	}
	began, seq, heavy := w.q.db.Now(), at, w.q.heavy.is(lane)
	for i, m := range list {
		n = i + 1
		if m.Seq <= at {
			continue // another process was faster
		}
		if err := call(w.handlers[m.Topic], tx, m); err != nil {
			return n, &messageError{i, err}
		}
		seq = m.Seq
		if w.q.db.Now().Sub(began) > batchTime || heavy && n >= batchLow && w.q.heavy.waiting.Load() > 0 {
			break
		}
	}
	if n == len(list) && len(list) < batchSize {
		seq = max(seq, upto)
	}
	if seq == at {
		return n, nil
	}
	return n, w.move(tx, lane, seq)
}

// lock takes the lane's cursor for this transaction, or returns errElsewhere.
func (w *worker) lock(tx *store.Tx, lane string) (at int64, err error) {
	q := `SELECT seq FROM outbox_cursor WHERE consumer = $1 AND lane = $2`
	if tx.Engine() == store.Postgres {
		q += ` FOR UPDATE SKIP LOCKED`
	}
	rows, err := store.Query[int64](tx, q, w.name, lane)
	if err == nil && len(rows) == 0 {
		err = errElsewhere
	}
	if err != nil {
		return 0, err
	}
	return rows[0], nil
}

func (w *worker) move(tx *store.Tx, lane string, seq int64) error {
	_, err := tx.Exec(`UPDATE outbox_cursor SET seq = $1 WHERE consumer = $2 AND lane = $3`, seq, w.name, lane)
	return err
}

// setAside keeps a message with the reason why it was not handled, and passes it.
func (w *worker) setAside(ctx context.Context, m Message, why error) error {
	return w.q.db.Write(ctx, store.System("queue: set aside"), func(tx *store.Tx) error {
		at, err := w.lock(tx, m.Lane)
		if err != nil || at >= m.Seq {
			return err
		}
		_, err = tx.Exec(`INSERT INTO outbox_aside (consumer, seq, id, topic, lane, body, at, failed, tries, asked,
			kind, reason, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 0, $9, $10, $11)`, w.name, m.Seq, m.ID,
			m.Topic, m.Lane, m.Body, m.At, tx.Now(), fault.KindOf(why).Label(), reason.Refusal(why).Stored(), clip(why))
		if err != nil {
			return err
		}
		tx.AfterCommit(w.q.changed)
		return w.move(tx, m.Lane, m.Seq)
	})
}

// call runs a handler and makes an error of a panic.
func call(h Handler, tx *store.Tx, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("queue: the handler of %s panicked: %v\n%s", m.Topic, p, debug.Stack())
		}
	}()
	tx.SetLane(m.Lane)
	return h(tx, m)
}
