package store

import (
	"encoding/json"
	"fmt"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Emitted says where in the outbox a commit put a message.
type Emitted struct{ Lane, Topic string }

// emission is a message that is written into the outbox at the commit.
type emission struct {
	Emitted
	id   string
	body []byte
}

// SetLane says whose doing the transaction is from here on: messages that it emits
// are in the lane of that member; "" is the hub itself.
func (tx *Tx) SetLane(member string) { tx.lane = member }

// Emit puts msg, as JSON, into the outbox, in the transaction's lane: it will be
// handled by each of its consumers if and only if the transaction commits. Id names
// this message, not the thing it is about; emitting the same id on the same topic
// again does nothing. Consumers handle the messages of a lane in the order in which
// they were committed.
func (tx *Tx) Emit(topic, id string, msg any) error { return tx.EmitIn(tx.lane, topic, id, msg) }

// EmitIn is Emit in the lane of a member.
func (tx *Tx) EmitIn(lane, topic, id string, msg any) error {
	if err := tx.ready("emit " + topic); err != nil {
		return err
	}
	if !tx.write {
		return tx.fail(writeInRead())
	}
	if topic == "" || id == "" {
		return tx.fail(fmt.Errorf("store: a message needs a topic and an id, got %q and %q", topic, id))
	}
	body, err := json.Marshal(msg)
	if err != nil {
		return tx.fail(fmt.Errorf("emit %s: %w", topic, err))
	}
	tx.emitted = append(tx.emitted, emission{Emitted{clean(lane), topic}, clean(id), body})
	return nil
}

// flush writes what was emitted. It is the last thing of a transaction: from here to
// the end of the commit no other transaction numbers its messages, so the order of
// the numbers is the order of the commits, and a reader that is at a number has
// missed none before it. SQLite has one writer anyway.
func (tx *Tx) flush() error {
	if len(tx.emitted) == 0 {
		return nil
	}
	if tx.db.engine == Postgres {
		_, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtext('meneki.outbox.' || current_schema())),
			pg_notify($1 || current_schema(), $2)`, notifyChannel, tx.db.instance)
		if err != nil {
			return err
		}
	}
	rows := make([][]any, len(tx.emitted))
	for i, m := range tx.emitted {
		rows[i] = []any{m.id, m.Topic, m.Lane, m.body, tx.now}
	}
	n, err := tx.insertTogether(`INSERT INTO outbox (id, topic, lane, body, at)`, rows, `ON CONFLICT (id) DO NOTHING`)
	if err != nil || n == int64(len(rows)) {
		return err
	}
	return tx.sameTopics()
}

// sameTopics refuses an id that is used on two topics.
func (tx *Tx) sameTopics() error {
	for _, m := range tx.emitted {
		had, err := One[string](tx, `SELECT topic FROM outbox WHERE id = $1`, m.id)
		if err != nil {
			return err
		}
		if had != m.Topic {
			return tx.fail(fault.Wrap(fault.Internal, i18n.Text{},
				fmt.Errorf("store: message id %q was used on %s and is used again on %s", m.id, had, m.Topic)))
		}
	}
	return nil
}

// OnEmit has f called after every commit of this process that emitted, with where
// the messages are. f must not block.
func (db *DB) OnEmit(f func([]Emitted)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.onEmit = append(db.onEmit, f)
}

func (db *DB) emitted(list []emission) {
	if len(list) == 0 {
		return
	}
	where := make([]Emitted, len(list))
	for i, m := range list {
		where[i] = m.Emitted
	}
	db.mu.Lock()
	fns := db.onEmit
	db.mu.Unlock()
	for _, f := range fns {
		f(where)
	}
}
