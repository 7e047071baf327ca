package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// openPostgres opens a pool for writers and one for readers, so that a Write
// that waits for a Read of the same goroutine cannot starve it of connections.
func (db *DB) openPostgres(ctx context.Context, raw string) error {
	cfg, err := pgx.ParseConfig(raw)
	if err != nil {
		// pgx hides the password in its error.
		return fault.Wrap(fault.Invalid, i18n.T("the PostgreSQL address cannot be read", "PostgreSQL の接続先を読み取れません"),
			err).
			WithHint(i18n.T("write it as postgres://user:password@host:5432/name",
				"postgres://user:password@host:5432/name の形で書いてください"))
	}
	cfg.RuntimeParams["timezone"] = "UTC"
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "meneki"
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	db.engine, db.url, db.pg = Postgres, "postgres", cfg
	if u, err := url.Parse(raw); err == nil {
		db.url = u.Redacted()
	}
	pool := func(n int) *sql.DB {
		p := stdlib.OpenDB(*cfg)
		p.SetMaxOpenConns(n)
		p.SetMaxIdleConns(n)
		p.SetConnMaxIdleTime(5 * time.Minute)
		return p
	}
	db.w, db.r = pool(12), pool(12)
	if err := db.w.PingContext(ctx); err != nil {
		db.Close()
		return db.classify(ctx, err)
	}
	return nil
}

func pgCode(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// retryable reports whether the database asks for the transaction to be run again.
func retryable(err error) bool {
	switch pgCode(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return isBusy(err)
}
