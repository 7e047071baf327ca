// Package store is the only place where meneki talks SQL to a database. The
// same SQL text, with $n placeholders, runs on an embedded SQLite file and on
// PostgreSQL; callers never learn which.
//
// What the package promises on both engines:
//
//   - A Write is serialisable, and is tried again when the database asks for
//     it. When Write has returned nil, the change survives kill -9 and power loss.
//   - A Read sees one moment of the database.
//   - After a statement has failed inside a transaction, the transaction can
//     only be given up; the store refuses further statements and never commits.
//   - A statement that touches a table whose rows carry a handling cannot be
//     written without saying for whom it is (see Scope). Which tables those are,
//     the schema says.
//   - Errors are faults: Conflict for a broken unique rule, Storage for a disk or
//     file that failed, Unavailable for a server that cannot be reached.
//
// A *DB is safe for concurrent use; a *Tx is not.
package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Engine is what keeps the data.
type Engine int

// The engines.
const (
	SQLite Engine = iota
	Postgres
)

// String is the engine's name as people write it.
func (e Engine) String() string {
	if e == Postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

// Options say where the data is.
type Options struct {
	// URL is a file path, "sqlite:PATH", or "postgres://…".
	URL string
	// Clock gives a transaction its Now; nil is the machine's clock.
	Clock clock.Clock
}

// DB is an open database.
type DB struct {
	engine Engine
	clock  clock.Clock
	url    string // as given, without a password
	path   string // SQLite: absolute file path
	pg     *pgx.ConnConfig

	instance string // differs between the processes on one database

	guard atomic.Pointer[guard] // replaced by Migrate

	w, r *sql.DB       // writers, readers
	turn chan struct{} // SQLite: the one writer's turn; nil on PostgreSQL

	retryMu sync.Mutex // held by a Write from its third attempt on
	plans   sync.Map   // reflect.Type -> *plan
	scopes  sync.Map   // statement -> []place, see places

	scopeCount atomic.Int64 // of scopes

	mu     sync.Mutex
	onEmit []func([]Emitted) // under mu
}

// Open opens the database and creates a SQLite file that is not there yet. It
// makes no tables: Migrate does.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{clock: o.Clock, instance: clock.RandomID()}
	db.guard.Store(&guard{})
	if db.clock == nil {
		db.clock = clock.System
	}
	var err error
	switch url := strings.TrimSpace(o.URL); {
	case url == "":
		return nil, fault.New(fault.Invalid, i18n.T("no database is named", "データベースが指定されていません")).
			WithHint(i18n.T("give a file path or postgres://user:password@host/name",
				"ファイルのパスか postgres://user:password@host/name を指定してください"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		err = db.openPostgres(ctx, url)
	default:
		err = db.openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// Close closes the database. Transactions that still run end first.
func (db *DB) Close() error {
	err := db.r.Close()
	if e := db.w.Close(); e != nil {
		err = e
	}
	return err
}

// Engine is what keeps the data, for status pages and for the few statements
// that must differ.
func (db *DB) Engine() Engine { return db.engine }

// Where names the database for people: the file, or the address without its password.
func (db *DB) Where() string { return db.url }

// Now is the time by the database's clock, in the precision that is stored.
func (db *DB) Now() time.Time { return db.clock().UTC().Truncate(time.Microsecond) }

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.classify(ctx, db.r.PingContext(ctx))
}
