package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// OutboxRow is a message that was committed with the change that it tells of,
// and that a relay publishes.
type OutboxRow struct {
	ID    string    `db:"id"` // the message's own id, for the receiver to know it again
	Topic string    `db:"topic"`
	Body  []byte    `db:"body"` // JSON
	At    time.Time `db:"at"`
}

// Emit puts msg, as JSON, into the outbox: it will be published if and only if
// the transaction commits, and at least once. Id names this message, not the
// thing it tells of; emitting the same id on the same topic again does nothing.
func (tx *Tx) Emit(topic, id string, msg any) error {
	if err := tx.ready("emit " + topic); err != nil {
		return err
	}
	if topic == "" || id == "" {
		return tx.fail(fmt.Errorf("store: a message needs a topic and an id, got %q and %q", topic, id))
	}
	body, err := json.Marshal(msg)
	if err != nil {
		return tx.fail(fmt.Errorf("emit %s: %w", topic, err))
	}
	n, err := tx.Exec(`INSERT INTO outbox (id, topic, body, at, published) VALUES ($1, $2, $3, $4, 0) ON CONFLICT (id) DO NOTHING`, id, topic, body, tx.now)
	if err != nil {
		return err
	}
	if n == 0 {
		had, err := One[string](tx, `SELECT topic FROM outbox WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if had != topic {
			return tx.fail(fault.Wrap(fault.Internal, i18n.Text{}, fmt.Errorf("store: message id %q was used on %s and is used again on %s", id, had, topic)))
		}
		return nil
	}
	tx.emitted = true
	return nil
}

// Once records that consumer has handled the message id, in this transaction.
// Fresh is false if it had handled it before; the caller then does nothing.
func (tx *Tx) Once(consumer, id string) (fresh bool, err error) {
	n, err := tx.Exec(`INSERT INTO consumed (consumer, id, at) VALUES ($1, $2, $3) ON CONFLICT (consumer, id) DO NOTHING`, consumer, id, tx.now)
	return n == 1, err
}

// Pending gives up to limit messages that are not marked as published, in the
// order in which they were emitted.
func (db *DB) Pending(ctx context.Context, limit int) (out []OutboxRow, err error) {
	err = db.Read(ctx, System("outbox"), func(tx *Tx) error {
		out, err = Query[OutboxRow](tx, `SELECT id, topic, body, at FROM outbox WHERE published = 0 ORDER BY seq LIMIT $1`, limit)
		return err
	})
	return out, err
}

// Published marks messages as published.
func (db *DB) Published(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return db.Write(ctx, System("outbox"), func(tx *Tx) error {
		for len(ids) > 0 {
			part := ids[:min(len(ids), 500)]
			in, args := List(2, part)
			if _, err := tx.Exec(`UPDATE outbox SET published = $1 WHERE published = 0 AND id IN `+in, append([]any{tx.now}, args...)...); err != nil {
				return err
			}
			ids = ids[len(part):]
		}
		return nil
	})
}

// Unpublish marks what was published at or after since as not published, so that it is
// published again: the bus may have lost its last seconds in a crash, and
// consumers know a message again by Once.
func (db *DB) Unpublish(ctx context.Context, since time.Time) (n int64, err error) {
	err = db.Write(ctx, System("outbox"), func(tx *Tx) error {
		n, err = tx.Exec(`UPDATE outbox SET published = 0 WHERE published > 0 AND published >= $1`, since)
		return err
	})
	return n, err
}

// Prune forgets messages that were published, and consumptions that were
// recorded, before the given time. Before must lie further back than any
// message can still come again.
func (db *DB) Prune(ctx context.Context, before time.Time) (n int64, err error) {
	err = db.Write(ctx, System("outbox"), func(tx *Tx) error {
		a, err := tx.Exec(`DELETE FROM outbox WHERE published > 0 AND published < $1`, before)
		if err != nil {
			return err
		}
		b, err := tx.Exec(`DELETE FROM consumed WHERE at < $1`, before)
		n = a + b
		return err
	})
	return n, err
}

// Setting reads one of the hub's or node's own values.
func (db *DB) Setting(ctx context.Context, key string) (value string, ok bool, err error) {
	err = db.Read(ctx, System("setting"), func(tx *Tx) error {
		value, err = One[string](tx, `SELECT value FROM setting WHERE key = $1`, key)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return "", false, nil
	}
	return value, err == nil, err
}

// SetSetting writes one of the hub's or node's own values.
func (db *DB) SetSetting(ctx context.Context, key, value string) error {
	return db.Write(ctx, System("setting"), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO setting (key, value, at) VALUES ($1, $2, $3)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at`, key, value, tx.now)
		return err
	})
}
