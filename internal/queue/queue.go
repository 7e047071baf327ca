// Package queue hands the messages of the store's outbox to their consumers.
//
// A message is in a lane: that of the member whose doing it is, or the hub's own.
// Each consumer has a cursor in each lane. A handler runs in the transaction that
// also moves the cursor, so with respect to the database a message is handled
// exactly once by each of its consumers, after a crash too. Effects elsewhere go to
// tx.AfterCommit and happen at most once.
//
// Within a lane a consumer handles messages in the order of their commits. Between
// lanes there is no order: a handler must not rely on what a message in another lane
// has done. A consumer takes the lanes in turn, a batch each, so that a member with
// ten thousand messages holds up another's single one for one batch.
//
// Several processes on one PostgreSQL share the work: whoever has the cursor of a
// lane locked handles it. docs/design/0010-one-durable-queue.md has the reasons.
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Message is one message of the outbox.
type Message struct {
	Seq   int64     `db:"seq"` // grows in the order of the commits
	ID    string    `db:"id"`
	Topic string    `db:"topic"`
	Lane  string    `db:"lane"` // the member whose doing it is; "" is the hub itself
	Body  []byte    `db:"body"` // JSON
	At    time.Time `db:"at"`
}

// Handler handles a message in a transaction, which it may share with other messages
// of the lane. What it emits is in the message's lane. The transaction may be run
// several times, see store.DB.Write.
//
// An error of kind Invalid, TooLarge or Unsupported says that the message can never
// be handled: it is set aside at once. Storage, Unavailable and Busy are waited out,
// for ever. A message that fails otherwise is tried maxTries times and set aside
// then. A panic is an error. Meanwhile the messages behind it in the lane wait.
type Handler func(tx *store.Tx, m Message) error

// On returns a Handler that decodes the message.
func On[T any](fn func(tx *store.Tx, v T) error) Handler {
	return func(tx *store.Tx, m Message) error {
		var v T
		if err := json.Unmarshal(m.Body, &v); err != nil {
			return fault.Wrap(fault.Invalid,
				i18n.T("a message of the hub is not readable", "ハブ内のメッセージを読み取れません"), err)
		}
		return fn(tx, v)
	}
}

// Consumer is somebody who handles messages, in one order for all its topics. The name
// must stay the same over restarts.
type Consumer struct {
	Name   string
	Topics map[string]Handler
}

// Queue runs consumers. Its methods are safe for concurrent use, but Run and Drain
// must not run at the same time.
type Queue struct {
	db      *store.DB
	log     *slog.Logger
	workers []*worker
	heavy   *heavy
	asked   chan struct{} // has an element when somebody wants a look at the outbox
	onAside func()        // see OnAside

	mu      sync.Mutex
	started bool  // under mu; the lanes with work that there was at the start are known
	known   int64 // under mu; every lane with a message up to here was woken
}

const (
	poll      = time.Second // what another process emitted is found by then at the latest
	retryMin  = 50 * time.Millisecond
	retryMax  = 2 * time.Second // a server or disk that is back is noticed by then
	failedMax = 10 * time.Second
)

// New makes a queue of consumers and writes down which topics they read. A consumer
// that the database does not know begins with what the outbox still holds.
func New(ctx context.Context, db *store.DB, log *slog.Logger, consumers ...Consumer) (*Queue, error) {
	q := &Queue{
		db: db, log: log.With("part", "queue"), heavy: &heavy{now: db.Now, last: map[string]time.Time{}},
		asked: make(chan struct{}, 1), onAside: func() {},
	}
	names := map[string]bool{}
	for _, c := range consumers {
		if c.Name == "" || len(c.Topics) == 0 || names[c.Name] {
			return nil, fmt.Errorf("queue: the consumer %q needs a name of its own and topics", c.Name)
		}
		names[c.Name] = true
		q.workers = append(q.workers, newWorker(q, c))
	}
	if err := q.register(ctx); err != nil {
		return nil, fmt.Errorf("register consumers: %w", err)
	}
	db.OnEmit(q.wake)
	return q, nil
}

type consumerRow struct {
	Consumer string `db:"consumer"`
	Topic    string `db:"topic"`
}

// register writes down which topics are read, if that has changed.
func (q *Queue) register(ctx context.Context) error {
	return q.db.Write(ctx, store.System("queue: register consumers"), func(tx *store.Tx) error {
		had, err := store.Query[consumerRow](tx, `SELECT consumer, topic FROM outbox_consumer`)
		if err != nil {
			return err
		}
		var missing [][]any
		for _, w := range q.workers {
			for _, topic := range w.topics {
				row := consumerRow{w.name, topic}
				if i := slices.Index(had, row); i >= 0 {
					had = slices.Delete(had, i, i+1)
				} else {
					missing = append(missing, []any{w.name, topic})
				}
			}
		}
		for _, gone := range had {
			_, err := tx.Exec(`DELETE FROM outbox_consumer WHERE consumer = $1 AND topic = $2`,
				gone.Consumer, gone.Topic)
			if err != nil {
				return err
			}
		}
		return tx.InsertTogether(`INSERT INTO outbox_consumer (consumer, topic)`, missing,
			`ON CONFLICT (consumer, topic) DO NOTHING`)
	})
}

// Run handles messages until ctx ends, and returns nil then.
func (q *Queue) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range q.workers {
		g.Go(func() error { w.run(ctx); return nil })
	}
	g.Go(func() error { q.listen(ctx); return nil })
	g.Go(func() error { q.look(ctx); return nil })
	return g.Wait()
}

// Drain handles what is there and what comes of it, in the same order each time, and
// returns when nothing is left. It is for tests, in the place of Run.
func (q *Queue) Drain(ctx context.Context) error {
	for {
		n, err := q.Round(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Round lets each consumer handle what is in each lane now, once, and reports how
// many batches that were.
func (q *Queue) Round(ctx context.Context) (batches int, err error) {
	for _, w := range q.workers {
		lanes, err := q.lanesOf(ctx, w)
		if err != nil {
			return batches, err
		}
		for _, lane := range lanes {
			if _, err := w.batch(ctx, lane); err != nil {
				return batches, fmt.Errorf("consumer %s: %w", w.name, err)
			}
			batches++
		}
		n, err := w.again(ctx)
		if err != nil {
			return batches, fmt.Errorf("consumer %s: %w", w.name, err)
		}
		batches += n
	}
	return batches, nil
}

// wake makes workers look at the lanes in which messages were put.
func (q *Queue) wake(list []store.Emitted) {
	for _, w := range q.workers {
		for _, e := range list {
			if w.handlers[e.Topic] != nil {
				w.lanes.add(e.Lane)
			}
		}
	}
}

// listen asks for a look whenever another process has emitted, until ctx ends.
func (q *Queue) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := q.db.Listen(ctx, q.Look)
		if ctx.Err() != nil {
			return
		}
		q.log.Debug("the connection that listens is lost; polling meanwhile", "err", err)
		pause(ctx, retryMax)
	}
}

// Look makes the queue look at once for what another process emitted, and for messages
// that were set aside and are to be tried again. It does not wait.
func (q *Queue) Look() {
	select {
	case q.asked <- struct{}{}:
	default:
	}
}

// look looks for what was emitted, at the start, when it is asked to and each second.
func (q *Queue) look(ctx context.Context) {
	t := time.NewTicker(poll)
	defer t.Stop()
	for {
		err := q.recent(ctx)
		if err != nil && ctx.Err() == nil {
			q.log.Debug("cannot look into the outbox; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-q.asked:
		case <-t.C:
		}
	}
}

// lanesOf lists the lanes with work for a worker.
func (q *Queue) lanesOf(ctx context.Context, w *worker) (lanes []string, err error) {
	err = q.db.Read(ctx, store.System("queue: lanes"), func(tx *store.Tx) error {
		lanes, err = store.Query[string](tx, `SELECT DISTINCT o.lane FROM outbox o
			JOIN outbox_consumer t ON t.topic = o.topic AND t.consumer = $1
			LEFT JOIN outbox_cursor c ON c.consumer = t.consumer AND c.lane = o.lane
			WHERE o.seq > coalesce(c.seq, 0) ORDER BY o.lane`, w.name)
		return err
	})
	return lanes, err
}

type recentRow struct {
	Lane  string `db:"lane"`
	Topic string `db:"topic"`
	Seq   int64  `db:"seq"`
}

// recent wakes workers for what was emitted since the last look, the first time for
// all that they have not handled.
func (q *Queue) recent(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.started {
		head, err := q.head(ctx)
		for _, w := range q.workers {
			var lanes []string
			if err == nil {
				lanes, err = q.lanesOf(ctx, w)
			}
			for _, lane := range lanes {
				w.lanes.add(lane)
			}
		}
		if err != nil {
			return err
		}
		q.known, q.started = head, true
	}
	var rows []recentRow
	err := q.db.Read(ctx, store.System("queue: look"), func(tx *store.Tx) (err error) {
		rows, err = store.Query[recentRow](tx, `SELECT lane, topic, max(seq) AS seq FROM outbox WHERE seq > $1
			GROUP BY lane, topic`, q.known)
		return err
	})
	list := make([]store.Emitted, len(rows))
	for i, r := range rows {
		list[i] = store.Emitted{Lane: r.Lane, Topic: r.Topic}
		q.known = max(q.known, r.Seq)
	}
	q.wake(list)
	if err != nil {
		return err
	}
	return q.wakeAsked(ctx)
}

func (q *Queue) head(ctx context.Context) (seq int64, err error) {
	err = q.db.Read(ctx, store.System("queue: look"), func(tx *store.Tx) error {
		seq, err = store.One[int64](tx, `SELECT coalesce(max(seq), 0) FROM outbox`)
		return err
	})
	return seq, err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
