package hub

import (
	"context"

	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/queue/aside"
	"github.com/meneki/meneki/internal/store"
)

// SetAside lists messages that could not be handled, the last failed first, up to
// limit, and reports how many there are in all.
func (d *Admin) SetAside(ctx context.Context, limit int) (out []aside.Message, total int64, err error) {
	err = d.db.Read(ctx, aside.System(), func(tx *store.Tx) error {
		p, err := aside.Page(tx, list.Ask{Limit: limit, Count: true})
		out, total = p.Rows, p.Total
		return err
	})
	return out, total, err
}

// OneSetAside returns one of them and of what it consists.
func (d *Admin) OneSetAside(ctx context.Context, consumer string,
	seq int64) (m aside.Message, of []aside.MessagePart, err error) {
	err = d.db.Read(ctx, aside.System(), func(tx *store.Tx) error {
		m, of, err = aside.Get(tx, consumer, seq)
		return err
	})
	return m, of, err
}

// RetrySetAside has the running hub try a message again, within a second.
func (d *Admin) RetrySetAside(ctx context.Context, consumer string, seq int64) error {
	return d.db.Write(ctx, aside.System(), func(tx *store.Tx) error { return aside.Retry(tx, operator, consumer, seq) })
}

// RetryAllSetAside is RetrySetAside for all, and reports how many they are.
func (d *Admin) RetryAllSetAside(ctx context.Context) (n int64, err error) {
	err = d.db.Write(ctx, aside.System(), func(tx *store.Tx) error {
		n, err = aside.RetryAll(tx, operator)
		return err
	})
	return n, err
}

// DropSetAside deletes a message; why is kept in the audit trail.
func (d *Admin) DropSetAside(ctx context.Context, consumer string, seq int64, why string) error {
	return d.db.Write(ctx, aside.System(), func(tx *store.Tx) error {
		return aside.Drop(tx, operator, consumer, seq, why)
	})
}
