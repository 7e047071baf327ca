package queue

import (
	"context"
	"errors"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/store"
)

// maxAgain is how many messages that were set aside a worker tries again before it
// goes on with its lanes.
const maxAgain = 32

// OnAside has fn called after a message was set aside, handled after all, or refused
// once more. It is called before Run, and fn must not block.
func (q *Queue) OnAside(fn func()) { q.onAside = fn }

func (q *Queue) changed() { q.onAside() }

// wakeAsked wakes the workers that have messages to try again.
func (q *Queue) wakeAsked(ctx context.Context) error {
	var names []string
	err := q.db.Read(ctx, store.System("queue: look"), func(tx *store.Tx) (err error) {
		names, err = store.Query[string](tx, `SELECT DISTINCT a.consumer FROM outbox_aside a
			JOIN outbox_consumer t ON t.consumer = a.consumer AND t.topic = a.topic WHERE a.asked > 0`)
		return err
	})
	for _, w := range q.workers {
		for _, name := range names {
			if name == w.name {
				w.asked.Store(true)
				w.lanes.signal()
			}
		}
	}
	return err
}

// again handles messages that were set aside and that somebody has asked to try once
// more, each in a transaction of its own, and reports how many it has tried. One that
// fails stays set aside, with the new reason; one that must wait is tried at the next
// look.
func (w *worker) again(ctx context.Context) (tried int, err error) {
	// Until it ends the worker is not idle. What is asked for meanwhile, the next look finds.
	more := false
	defer func() { w.asked.Store(more) }()
	for tried < maxAgain {
		m, ok, err := w.tryAgain(ctx)
		if err == nil && !ok {
			return tried, nil
		}
		if err != nil {
			if !ok || transient(err) || errors.Is(err, errElsewhere) || ctx.Err() != nil {
				w.q.log.Debug("cannot try a message again now", "consumer", w.name, "err", err)
				return tried, nil
			}
			if err := w.stillAside(ctx, m, err); err != nil {
				return tried, err
			}
			w.q.log.Warn("a message that was set aside failed again", "consumer", w.name, "topic", m.Topic, "id", m.ID,
				"lane", m.Lane, "err", err)
		}
		tried++
	}
	more = true
	w.lanes.signal()
	return tried, nil
}

// tryAgain handles the first message that is to be tried again; ok is false if there
// is none.
func (w *worker) tryAgain(ctx context.Context) (m Message, ok bool, err error) {
	in, args := store.List(2, w.topics)
	q := `SELECT seq, id, topic, lane, body, at FROM outbox_aside WHERE consumer = $1 AND asked > 0
		AND topic IN ` + in + ` ORDER BY seq LIMIT 1`
	err = w.q.db.Write(ctx, store.System("queue: try again"), func(tx *store.Tx) error {
		ok = false
		list, err := store.Query[Message](tx, q, append([]any{w.name}, args...)...)
		if err != nil || len(list) == 0 {
			return err
		}
		m, ok = list[0], true
		if _, err := w.lock(tx, m.Lane); err != nil { // one message of a lane at a time
			return err
		}
		n, err := tx.Exec(`DELETE FROM outbox_aside WHERE consumer = $1 AND seq = $2 AND asked > 0`, w.name, m.Seq)
		if err != nil || n == 0 { // another process was faster
			return err
		}
		tx.AfterCommit(w.q.changed)
		return call(w.handlers[m.Topic], tx, m)
	})
	return m, ok, err
}

// stillAside writes down why a message has failed once more.
func (w *worker) stillAside(ctx context.Context, m Message, why error) error {
	return w.q.db.Write(ctx, store.System("queue: set aside"), func(tx *store.Tx) error {
		tx.AfterCommit(w.q.changed)
		_, err := tx.Exec(`UPDATE outbox_aside SET failed = $1, tries = tries + 1, asked = 0, kind = $2, reason = $3,
			error = $4 WHERE consumer = $5 AND seq = $6`, tx.Now(), fault.KindOf(why).Label(),
			reason.Refusal(why).Stored(), clip(why), w.name, m.Seq)
		return err
	})
}

// clip bounds the chain of an error; the log has all of it.
func clip(err error) string {
	s := err.Error()
	return s[:min(len(s), 2000)]
}
