package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Tx is one transaction. It belongs to the function that was given it, on that
// goroutine, and is dead when the function returns.
type Tx struct {
	db    *DB
	ctx   context.Context
	scope Scope
	now   time.Time
	write bool
	conn  *sql.Conn
	tx    *sql.Tx

	err     error // the first statement that failed; the transaction is lost then
	lane    string
	emitted []emission
	hooks   []func()
	values  map[any]any
}

// maxAttempts bounds how often a Write is run when the database asks again.
const maxAttempts = 20

// writerWait bounds how long a Write waits for the one writer of a SQLite file.
// Only a Write inside a Write ever waits that long.
const writerWait = 30 * time.Second

// Read runs fn in a transaction that sees one moment of the database and
// cannot write. It may be called inside a Write, and then sees what was
// committed before.
func (db *DB) Read(ctx context.Context, s Scope, fn func(*Tx) error) error {
	_, err := db.run(ctx, s, false, fn)
	return db.classify(ctx, err)
}

// Write runs fn in a serialisable transaction and commits it if fn returns nil.
// fn may run several times, so it must have no effects but those on tx; what is
// to happen once, after the commit, goes to tx.AfterCommit. A Write must not be
// called inside a Write: on SQLite, where there is one writer, it would wait for
// itself and end as fault.Busy.
func (db *DB) Write(ctx context.Context, s Scope, fn func(*Tx) error) error {
	tx, err := db.attempts(ctx, s, fn)
	if err != nil {
		return db.classify(ctx, err)
	}
	db.emitted(tx.emitted)
	for _, h := range tx.hooks {
		h()
	}
	return nil
}

// attempts runs fn until it commits, fails for good, or was tried often enough.
func (db *DB) attempts(ctx context.Context, s Scope, fn func(*Tx) error) (*Tx, error) {
	if db.turn != nil {
		t := time.NewTimer(writerWait)
		defer t.Stop()
		select {
		case db.turn <- struct{}{}:
			defer func() { <-db.turn }()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
			return nil, busy(errors.New("store: waited too long for the writer; is this a Write inside a Write?"))
		}
	}
	for n := 1; ; n++ {
		// From the third attempt on, this process's losers queue up rather than
		// trip one another again.
		if n == 3 {
			db.retryMu.Lock()
			defer db.retryMu.Unlock()
		}
		tx, err := db.run(ctx, s, true, fn)
		if err == nil || n == maxAttempts || !retryable(err) || (n > 1 && isBusy(err)) || ctx.Err() != nil {
			return tx, err
		}
		if err := sleep(ctx, rand.N(time.Duration(min(n, 6))*2*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}

// run is one attempt.
func (db *DB) run(ctx context.Context, s Scope, write bool, fn func(*Tx) error) (tx *Tx, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pool, opts := db.r, &sql.TxOptions{ReadOnly: true}
	if write {
		pool, opts = db.w, &sql.TxOptions{}
	}
	if db.engine == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
		if write {
			opts.Isolation = sql.LevelSerializable
		}
	} else {
		opts.ReadOnly = false // the driver's read pool is query_only already
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Close()
	stx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	tx = &Tx{db: db, ctx: ctx, scope: s, now: db.Now(), write: write, conn: conn, tx: stx}
	done := false
	defer func() {
		if !done { // fn failed or panicked
			_ = stx.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		if tx.err != nil && retryable(tx.err) {
			return nil, tx.err // whatever fn made of it
		}
		return nil, err
	}
	if tx.err != nil {
		return nil, tx.err
	}
	if !write {
		return tx, nil
	}
	if err := tx.flush(); err != nil {
		return nil, err
	}
	done = true
	if err := stx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}

// Now is the time of the transaction: the same at every call, in UTC.
func (tx *Tx) Now() time.Time { return tx.now }

// Scope is for whom the transaction runs.
func (tx *Tx) Scope() Scope { return tx.scope }

// Context is the context that the transaction was started with.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Engine is DB.Engine.
func (tx *Tx) Engine() Engine { return tx.db.engine }

// AfterCommit has f called once, after the commit, in the order of the calls.
// If the transaction does not commit, f is never called.
func (tx *Tx) AfterCommit(f func()) { tx.hooks = append(tx.hooks, f) }

// AfterCommitOnce is AfterCommit for the first call with a key in this transaction;
// the others do nothing.
func (tx *Tx) AfterCommitOnce(key any, f func()) {
	type once struct{ key any }
	PerTx(tx, once{key}, func() bool {
		tx.AfterCommit(f)
		return true
	})
}

// PerTx returns what make made for key in this transaction, and calls it the first
// time. It is for what several handlers in one transaction do together.
func PerTx[T any](tx *Tx, key any, make func() T) T {
	v, ok := tx.values[key]
	if !ok {
		if tx.values == nil {
			tx.values = map[any]any{}
		}
		v = make()
		tx.values[key] = v
	}
	return v.(T)
}

func writeInRead() error {
	return fault.New(fault.Internal,
		i18n.T("a statement that writes was run in a Read", "読み取り専用の処理で書き込みが行われました"))
}

// fail remembers the first error. PostgreSQL abandons a transaction after any
// failed statement; the store makes SQLite do the same, so that no caller can
// come to rely on the difference.
func (tx *Tx) fail(err error) error {
	err = tx.db.classify(tx.ctx, err)
	if tx.err == nil {
		tx.err = err
	}
	return err
}

func (tx *Tx) ready(query string) error {
	if tx.err != nil {
		return fmt.Errorf("the transaction failed before %q: %w", head(query), tx.err)
	}
	return nil
}

// Exec runs a statement and returns how many rows it touched. SCOPE is described
// at Scope; arguments are converted as fields are, see Query.
func (tx *Tx) Exec(query string, args ...any) (rows int64, err error) {
	if err := tx.ready(query); err != nil {
		return 0, err
	}
	if !tx.write {
		return 0, tx.fail(writeInRead())
	}
	query, args, err = tx.prepare(query, args)
	if err != nil {
		return 0, tx.fail(err)
	}
	res, err := tx.tx.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, tx.fail(fmt.Errorf("exec %q: %w", head(query), err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

// prepare applies the scope and converts the arguments.
func (tx *Tx) prepare(query string, args []any) (string, []any, error) {
	out := make([]any, len(args), len(args)+4)
	for i, a := range args {
		v, err := encodeArg(a)
		if err != nil {
			return "", nil, fmt.Errorf("argument $%d of %q: %w", i+1, head(query), err)
		}
		out[i] = v
	}
	return tx.db.applyScope(query, out, tx.scope)
}

// head is the beginning of a statement, for errors. Statements hold no data.
func head(query string) string {
	const n = 80
	b := make([]byte, 0, n)
	space := true
	for i := 0; i < len(query) && len(b) < n; i++ {
		c := query[i]
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			if !space {
				b = append(b, ' ')
			}
			space = true
			continue
		}
		space = false
		b = append(b, c)
	}
	return string(b)
}
