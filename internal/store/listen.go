package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// notifyChannel and the schema's name make the name of the channel on which commits
// that emitted are announced.
const notifyChannel = "meneki_outbox_"

// Listen calls wake after each commit of another process that emitted, and once when
// it listens. It returns when ctx ends or the connection is lost. On SQLite, where
// processes cannot notify each other, it returns at the end of ctx.
func (db *DB) Listen(ctx context.Context, wake func()) error {
	if db.engine != Postgres {
		<-ctx.Done()
		return ctx.Err()
	}
	conn, err := pgx.ConnectConfig(ctx, db.pg.Copy())
	if err != nil {
		return db.classify(ctx, err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(end) // the server notices by itself
	}()
	var schema string
	if err := conn.QueryRow(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return db.classify(ctx, err)
	}
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{notifyChannel + schema}.Sanitize()); err != nil {
		return db.classify(ctx, err)
	}
	wake()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return db.classify(ctx, err)
		}
		if n.Payload != db.instance {
			wake()
		}
	}
}
