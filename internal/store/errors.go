package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// classify makes a fault of what a driver said. An error that is a fault
// already, or that is the context's own, passes through.
func (db *DB) classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	if e := ctx.Err(); e != nil {
		return e // the driver's own words for it would only hide it
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if db.engine == Postgres && isConnect(err) {
			return unavailable(err)
		}
		return err
	}
	if code, ok := sqliteCode(err); ok {
		return sqliteFault(code, err)
	}
	if code := pgCode(err); code != "" {
		return pgFault(code, err)
	}
	if isConnect(err) {
		return unavailable(err)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) || errors.Is(err, syscall.ENOSPC) {
		return storageFault(err)
	}
	return err
}

func isConnect(err error) bool {
	var ce *pgconn.ConnectError
	var ne net.Error
	return errors.As(err, &ce) || errors.As(err, &ne) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone)
}

func sqliteFault(code int, err error) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return exists(err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return dangling(err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return storageFault(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return busy(err)
	case sqlite3.SQLITE_TOOBIG:
		return fault.Wrap(fault.TooLarge, i18n.T("the value is too large for the database", "値がデータベースの上限を超えています"), err)
	}
	return err
}

func pgFault(code string, err error) error {
	switch code {
	case "23505":
		return exists(err)
	case "23503":
		return dangling(err)
	// disk_full, io_error, read_only_sql_transaction, data/index_corrupted
	case "53100", "58030", "25006", "XX001", "XX002":
		return storageFault(err)
	// retried in vain, lock_not_available, out_of_memory, too_many_connections
	case "40001", "40P01", "55P03", "53200", "53300":
		return busy(err)
	case "54000", "22001": // program_limit_exceeded, string_data_right_truncation
		return fault.Wrap(fault.TooLarge, i18n.T("the value is too large for the database", "値がデータベースの上限を超えています"), err)
	case "3D000":
		return fault.Wrap(fault.Unavailable, i18n.T("the PostgreSQL server has no database of that name",
			"その名前のデータベースは PostgreSQL サーバーにありません"), err).
			WithHint(i18n.T("create it with createdb, or correct the address", "createdb で作成するか、接続先を直してください"))
	}
	switch {
	case strings.HasPrefix(code, "28"):
		return fault.Wrap(fault.Unavailable, i18n.T("the PostgreSQL server refused the user or the password",
			"PostgreSQL サーバーがユーザーまたはパスワードを拒否しました"), err).
			WithHint(i18n.T("check the user and the password in the address", "接続先のユーザー名とパスワードを確認してください"))
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return unavailable(err)
	}
	return err
}

func exists(err error) error {
	return fault.Wrap(fault.Conflict, i18n.T("it exists already", "既に存在します"), err)
}

func dangling(err error) error {
	return fault.Wrap(fault.Conflict,
		i18n.T("it belongs to something that is not there, or something still belongs to it",
			"参照先が存在しないか、まだ参照されています"), err)
}

func busy(err error) error {
	return fault.Coded(fault.StoreBusy, err)
}

func unavailable(err error) error {
	return fault.Coded(fault.StoreUnreachable, err)
}

// storageFault returns the fault for an error of the disk, by what has failed.
func storageFault(err error) error {
	text := i18n.T("the database cannot be written", "データベースに書き込めません")
	var hint i18n.Text // empty: the kind's own
	code, _ := sqliteCode(err)
	pg := pgCode(err)
	switch {
	case code&0xff == sqlite3.SQLITE_FULL || pg == "53100" || errors.Is(err, syscall.ENOSPC):
		text = i18n.T("the disk is full", "ディスクの空き容量がありません")
		hint = i18n.T(
			"free space where the data folder is; meneki goes on by itself, and nothing acknowledged is lost",
			"データフォルダーのあるディスクの空きを増やしてください。処理は自動で再開し、受領済みのデータは失われません")
	case code&0xff == sqlite3.SQLITE_READONLY || pg == "25006" || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, syscall.EROFS):
		text = i18n.T("the database is read-only here", "データベースは読み取り専用です")
		hint = i18n.T("check the owner and the mode of the data folder, and that it is not mounted read-only",
			"データフォルダーの所有者と権限、読み取り専用マウントでないことを確認してください")
	case code&0xff == sqlite3.SQLITE_NOTADB:
		text = i18n.T("the file is not a meneki database", "このファイルは meneki のデータベースではありません")
		hint = i18n.T("name another data folder, or move the file away", "別のデータフォルダーを指定するか、そのファイルを移動してください")
	case code&0xff == sqlite3.SQLITE_CORRUPT || strings.HasPrefix(pg, "XX"):
		text = i18n.T("the database file is damaged", "データベースファイルが破損しています")
		hint = i18n.T("stop meneki, keep a copy of the damaged files, and restore the last backup",
			"meneki を停止し、破損したファイルを控えたうえで、最新のバックアップを復元してください")
	case code&0xff == sqlite3.SQLITE_CANTOPEN || errors.Is(err, fs.ErrNotExist):
		text = i18n.T("the database file cannot be opened", "データベースファイルを開けません")
		hint = i18n.T("check that the data folder exists and belongs to the user who runs meneki",
			"データフォルダーが存在し、実行ユーザーのものであることを確認してください")
	}
	return fault.Wrap(fault.Storage, text, err).WithHint(hint)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
