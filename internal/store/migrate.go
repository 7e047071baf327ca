package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"embed"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

//go:embed sql/*.sql
var own embed.FS

// Migration is the history of one package's tables: FS holds sql/0001_name.sql,
// sql/0002_name.sql and so on. Where the engines must differ, 0001_name.pg.sql
// or 0001_name.sqlite.sql takes the place of 0001_name.sql. A file that was once
// released is never changed; a later file changes what it made.
//
// Every table with the columns tlp INTEGER, owner TEXT and audience TEXT is
// guarded: no statement reaches its rows without SCOPE. Unguarded names those of
// the package's tables that are not, each with the reason.
type Migration struct {
	Name      string
	FS        fs.FS
	Unguarded map[string]string
}

type migrationFile struct {
	version int
	name    string // file name
	sql     string
	sum     string
}

// Migrate brings the tables to the versions of this program, the store's own first,
// then the sets in order. Each file is one transaction, so a migration that
// fails or is killed leaves the version before it. Two programs may migrate at
// the same time. A file that differs from what was applied is fault.Conflict; a
// version in the database that the program does not have is fault.Newer.
//
// At the end it reads from the schema which tables carry a handling; a table with
// some of the columns only is an error.
func (db *DB) Migrate(ctx context.Context, sets ...Migration) error {
	sets = append([]Migration{{Name: "store", FS: own}}, sets...)
	for _, set := range sets {
		files, err := db.migrationFiles(set)
		if err != nil {
			return err
		}
		if err := db.migrateSet(ctx, set.Name, files); err != nil {
			return db.classify(ctx, err)
		}
	}
	return db.classify(ctx, db.findGuarded(ctx, sets))
}

func (db *DB) migrateSet(ctx context.Context, set string, files []migrationFile) error {
	applied, err := db.applied(ctx, set, files)
	if err != nil {
		return err
	}
	for _, f := range files {
		if applied[f.version] {
			continue
		}
		if err := db.applyFile(ctx, set, f); err != nil {
			return fmt.Errorf("migrate %s/%s: %w", set, f.name, err)
		}
	}
	return nil
}

const migrationTable = `CREATE TABLE IF NOT EXISTS schema_migration (
	name TEXT NOT NULL, version BIGINT NOT NULL, checksum TEXT NOT NULL, at BIGINT NOT NULL, program TEXT NOT NULL,
	PRIMARY KEY (name, version))`

// applied compares what the database has of a set with what the program has.
func (db *DB) applied(ctx context.Context, set string, files []migrationFile) (map[int]bool, error) {
	out := map[int]bool{}
	err := db.migrationTx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx,
			`SELECT version, checksum, program FROM schema_migration WHERE name = $1 ORDER BY version`, set)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var version int
			var sum, program string
			if err := rows.Scan(&version, &sum, &program); err != nil {
				return err
			}
			at := slices.IndexFunc(files, func(f migrationFile) bool { return f.version == version })
			if at < 0 {
				return fault.New(fault.Newer,
					i18n.T("the database has version {1} of {0}, written by meneki {2}; this program does not know it",
						"データベースの {0} は版 {1} です(meneki {2} が作成)。このプログラムは対応していません").With(set, version, program))
			}
			if f := files[at]; f.sum != sum {
				return fault.New(fault.Conflict,
					i18n.T("the migration {0} is not the one that was applied to this database",
						"マイグレーション {0} が、このデータベースに適用されたものと異なります").With(set+"/"+f.name)).
					WithHint(i18n.T("run a released meneki; migrations that were applied must not be edited",
						"正式版の meneki を使ってください。適用済みのマイグレーションは書き換えられません"))
			}
			out[version] = true
		}
		return rows.Err()
	})
	return out, err
}

func (db *DB) applyFile(ctx context.Context, set string, f migrationFile) error {
	return db.migrationTx(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM schema_migration WHERE name = $1 AND version = $2`,
			set, f.version).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return nil // another process was faster
		}
		if _, err := tx.ExecContext(ctx, f.sql); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx,
			`INSERT INTO schema_migration (name, version, checksum, at, program) VALUES ($1, $2, $3, $4, $5)`,
			set, f.version, f.sum, clock.Micros(db.Now()), programVersion())
		return err
	})
}

// migrationTx runs fn while no other process migrates: SQLite has one writer,
// and PostgreSQL gets an advisory lock for the schema.
func (db *DB) migrationTx(ctx context.Context, fn func(*sql.Tx) error) (err error) {
	if db.turn != nil {
		select {
		case db.turn <- struct{}{}:
			defer func() { <-db.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tx, err := db.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}()
	if db.engine == Postgres {
		if _, err := tx.ExecContext(ctx,
			`SELECT pg_advisory_xact_lock(hashtext('meneki.migrate.' || current_schema()))`); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, migrationTable); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// migrationFiles reads a set's files for the engine, in order.
func (db *DB) migrationFiles(set Migration) ([]migrationFile, error) {
	names, err := fs.Glob(set.FS, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	mine, others := ".sqlite.sql", ".pg.sql"
	if db.engine == Postgres {
		mine, others = others, mine
	}
	byVersion := map[int]migrationFile{}
	for _, n := range names {
		base := path.Base(n)
		number, _, ok := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version < 1 {
			return nil, fmt.Errorf("store: migration %s/%s is not named NNNN_name.sql", set.Name, base)
		}
		if strings.HasSuffix(base, others) {
			continue
		}
		if had, twice := byVersion[version]; twice {
			variant, plain := strings.HasSuffix(base, mine), strings.HasSuffix(had.name, mine)
			if variant == plain {
				return nil, fmt.Errorf("store: migrations %s/%s and %s have one number", set.Name, had.name, base)
			}
			if !variant {
				continue
			}
		}
		b, err := fs.ReadFile(set.FS, n)
		if err != nil {
			return nil, err
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		sum := sha256.Sum256([]byte(text))
		byVersion[version] = migrationFile{version, base, db.dialect(text), hex.EncodeToString(sum[:])}
	}
	if len(byVersion) == 0 {
		return nil, fmt.Errorf("store: the migration set %s has no files sql/NNNN_name.sql", set.Name)
	}
	out := make([]migrationFile, 0, len(byVersion))
	for _, f := range byVersion {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b migrationFile) int { return a.version - b.version })
	return out, nil
}

// dialect turns the type BLOB into BYTEA for PostgreSQL and changes nothing else.
func (db *DB) dialect(text string) string {
	if db.engine != Postgres {
		return text
	}
	var b strings.Builder
	last := 0
	for _, t := range lex(text) {
		if t.is("blob") {
			b.WriteString(text[last:t.from] + "BYTEA")
			last = t.to
		}
	}
	return b.String() + text[last:]
}

func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
