package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"

	sqlite3 "modernc.org/sqlite/lib"
)

// busyWait is how long SQLite waits for another process that is writing.
const busyWait = 10 * time.Second

// openSQLite opens two pools on one file: one connection that writes, whose
// transactions take the write lock at their beginning so that they can never be
// refused half-way, and several that can only read. All pragmas are in the data
// source name because a pragma given later would reach one connection only.
func (db *DB) openSQLite(ctx context.Context, path string) error {
	if path == "" || strings.Contains(path, ":memory:") {
		return fault.New(fault.Invalid, i18n.T("the database must be a file", "データベースはファイルでなければなりません")).
			WithHint(i18n.T("give a file path", "ファイルのパスを指定してください"))
	}
	if strings.Contains(path, "://") {
		return fault.New(fault.Invalid,
			i18n.T("unknown kind of database: only a file path and postgres:// are supported",
				"未知の種類のデータベースです。ファイルのパスか postgres:// だけに対応しています"))
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	if err := createPrivate(abs); err != nil {
		return err
	}
	db.engine, db.path, db.url = SQLite, abs, abs
	db.turn = make(chan struct{}, 1)

	// A statement that writes several rows keeps what it may have to undo in memory.
	if db.w, err = openPrepared(sqliteDSN(abs, "_txlock=immediate", "_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)", "_pragma=journal_size_limit(67108864)", "_pragma=temp_store(2)")); err != nil {
		return fmt.Errorf("open sqlite: %w", err)
	}
	db.w.SetMaxOpenConns(1)
	// Two processes that open a fresh file at once can meet in the switch to
	// WAL, where SQLite does not wait by itself.
	for try := 0; ; try++ {
		if err = db.w.PingContext(ctx); err == nil || try == 20 || !isBusy(err) {
			break
		}
		if e := sleep(ctx, 50*time.Millisecond); e != nil {
			err = e
			break
		}
	}
	if err != nil {
		db.w.Close()
		return db.classify(ctx, fmt.Errorf("open %s: %w", abs, err))
	}
	if db.r, err = openPrepared(sqliteDSN(abs, "_txlock=deferred", "_pragma=query_only(1)")); err != nil {
		db.w.Close()
		return fmt.Errorf("open sqlite: %w", err)
	}
	n := max(4, runtime.NumCPU())
	db.r.SetMaxOpenConns(n)
	db.r.SetMaxIdleConns(n)
	return nil
}

// createPrivate makes the file readable by its owner alone; SQLite gives the
// files beside it the same mode.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return storageFault(fmt.Errorf("make the data folder: %w", err))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return storageFault(fmt.Errorf("open the database file: %w", err))
	}
	return f.Close()
}

func sqliteDSN(abs string, params ...string) string {
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	wait := fmt.Sprintf("_pragma=busy_timeout(%d)", busyWait.Milliseconds())
	return "file://" + (&url.URL{Path: p}).EscapedPath() + "?" + strings.Join(append([]string{wait}, params...), "&")
}

// coder is what modernc's error offers.
type coder interface {
	error
	Code() int
}

func sqliteCode(err error) (code int, ok bool) {
	var c coder
	if errors.As(err, &c) {
		return c.Code(), true
	}
	return 0, false
}

func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && (code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_LOCKED)
}
