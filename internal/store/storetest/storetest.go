// Package storetest runs a test on every engine that the store supports:
// always on SQLite, and on PostgreSQL when MENEKI_TEST_PG holds a postgres://
// URL whose user may create schemas. Each test gets a database of its own.
package storetest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// Env is the environment variable that holds the URL of PostgreSQL.
const Env = "MENEKI_TEST_PG"

type options struct {
	store.Options
	sets []store.Migration
}

// Option shapes the databases of a test.
type Option func(*options)

// With migrates the sets.
func With(sets ...store.Migration) Option {
	return func(o *options) { o.sets = append(o.sets, sets...) }
}

// Clock sets the database's clock.
func Clock(c clock.Clock) Option { return func(o *options) { o.Options.Clock = c } }

// Each runs body as a subtest on each engine, on a fresh, migrated database.
func Each(t *testing.T, body func(t *testing.T, db *store.DB), opts ...Option) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		body(t, Open(t, url, opts...))
	})
}

// EachURL is Each for tests that open the database themselves, or twice.
func EachURL(t *testing.T, body func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { body(t, filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { body(t, Postgres(t)) })
}

// SQLite opens a fresh, migrated SQLite database, for tests that are not about
// the store.
func SQLite(t *testing.T, opts ...Option) *store.DB {
	t.Helper()
	return Open(t, filepath.Join(t.TempDir(), "test.db"), opts...)
}

// Open opens and migrates the database at url; it is closed when the test ends.
func Open(t *testing.T, url string, opts ...Option) *store.DB {
	t.Helper()
	o := options{Options: store.Options{URL: url}}
	for _, f := range opts {
		f(&o)
	}
	db, err := store.Open(context.Background(), o.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(context.Background(), o.sets...); err != nil {
		t.Fatal(err)
	}
	return db
}

// Message is a message of the outbox.
type Message struct {
	ID    string    `db:"id"`
	Topic string    `db:"topic"`
	Lane  string    `db:"lane"`
	Body  []byte    `db:"body"`
	At    time.Time `db:"at"`
}

// Outbox returns what was emitted, in the order of the commits.
func Outbox(t *testing.T, db *store.DB) (list []Message) {
	t.Helper()
	err := db.Read(context.Background(), store.System("test"), func(tx *store.Tx) (err error) {
		list, err = store.Query[Message](tx, `SELECT id, topic, lane, body, at FROM outbox ORDER BY seq`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Postgres returns the URL of a fresh schema in PostgreSQL, for tests that are about
// it alone.
func Postgres(t *testing.T) string {
	t.Helper()
	raw := os.Getenv(Env)
	if !strings.HasPrefix(raw, "postgres") {
		if raw != "" || os.Getenv("CI") == "true" {
			t.Fatalf("%s must hold a postgres:// URL here, and is %q", Env, raw)
		}
		t.Skipf("%s is not set, so PostgreSQL is not tested", Env)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatalf("%s: %v", Env, err)
	}
	admin, err := sql.Open("pgx", raw)
	if err != nil {
		t.Fatal(err)
	}
	schema := "test_" + strings.ReplaceAll(clock.RandomID(), "-", "")
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		admin.Close()
		t.Fatalf("create a schema on %s: %v", u.Redacted(), err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			t.Errorf("drop the schema: %v", err)
		}
		admin.Close()
	})
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
