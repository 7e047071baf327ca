package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Backup writes a copy of the whole database, as of one moment, to a file that
// is not there yet, while the database is in use. It appears under its name only
// when it is complete. On PostgreSQL it is fault.Unsupported: pg_dump does it.
func (db *DB) Backup(ctx context.Context, path string) error {
	if db.engine == Postgres {
		return fault.New(fault.Unsupported, i18n.T("meneki does not back up PostgreSQL itself",
			"PostgreSQL のバックアップは meneki では行いません")).
			WithHint(i18n.T("use pg_dump --format=custom, and pg_restore to bring it back",
				"pg_dump --format=custom を使い、復元には pg_restore を使ってください"))
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return storageFault(err)
		}
		return fault.New(fault.Conflict, i18n.T("the backup file {0} exists already",
			"バックアップ先 {0} は既に存在します").With(path)).
			WithHint(i18n.T("name a file that is not there yet", "まだ存在しないファイル名を指定してください"))
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storageFault(err)
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite fills an empty file
	if err != nil {
		return storageFault(fmt.Errorf("create the backup: %w", err))
	}
	defer f.Close()
	if err := db.vacuumInto(ctx, part); err != nil {
		os.Remove(part)
		return db.classify(ctx, fmt.Errorf("back up to %s: %w", path, err))
	}
	if err := f.Sync(); err != nil {
		return storageFault(err)
	}
	if err := os.Rename(part, path); err != nil {
		return storageFault(err)
	}
	return nil
}

// vacuumInto uses a connection of its own: the writer's would stop all writing,
// and the readers' may not write any file.
func (db *DB) vacuumInto(ctx context.Context, path string) error {
	c, err := sql.Open("sqlite", sqliteDSN(db.path))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ExecContext(ctx, `VACUUM INTO $1`, path)
	return err
}
