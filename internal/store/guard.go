package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// guard is which tables carry a handling, as the schema says.
type guard struct {
	tables     map[string]bool   // lower-case names of the tables that need SCOPE
	exceptions map[string]string // lower-case name -> why it needs none
}

// handlingColumns are the columns of a policy.Handling.
var handlingColumns = [...]string{"tlp", "owner", "audience"}

// Guarded lists the tables whose rows no statement reaches without SCOPE: all
// that have the columns tlp, owner and audience, but for the exceptions.
func (db *DB) Guarded() []string { return slices.Sorted(maps.Keys(db.guard.Load().tables)) }

// Unguarded lists the exceptions that migrations named, with their reasons.
func (db *DB) Unguarded() map[string]string { return maps.Clone(db.guard.Load().exceptions) }

// findGuarded reads from the schema which tables carry a handling. A table with some
// of the columns only is an error, and so is an exception that excepts nothing:
// then a mistake in a name would go unnoticed.
func (db *DB) findGuarded(ctx context.Context, sets []Migration) error {
	exceptions, err := db.exceptions(sets)
	if err != nil {
		return err
	}
	maps.Copy(exceptions, db.guard.Load().exceptions)
	columns, err := db.handlingColumns(ctx)
	if err != nil {
		return err
	}
	var errs []error
	tables := map[string]bool{}
	for table, n := range columns {
		switch {
		case n != len(handlingColumns):
			errs = append(errs,
				fmt.Errorf("store: the table %s has some of the columns %s; it needs all of them or none",
					table, strings.Join(handlingColumns[:], ", ")))
		case exceptions[table] == "":
			tables[table] = true
		}
	}
	for table := range exceptions {
		if columns[table] == 0 {
			errs = append(errs, fmt.Errorf("store: %s is named in Unguarded and carries no handling", table))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	db.guard.Store(&guard{tables, exceptions})
	db.scopes.Clear()
	db.scopeCount.Store(0)
	return nil
}

// exceptions collects what sets name, each only for its own tables and with a reason.
func (db *DB) exceptions(sets []Migration) (map[string]string, error) {
	out := map[string]string{}
	for _, set := range sets {
		if len(set.Unguarded) == 0 {
			continue
		}
		files, err := db.migrationFiles(set)
		if err != nil {
			return nil, err
		}
		own := map[string]bool{}
		for _, f := range files {
			created(f.sql, own)
		}
		for table, why := range set.Unguarded {
			table = strings.ToLower(table)
			if strings.TrimSpace(why) == "" {
				return nil, fmt.Errorf("store: %s names %s in Unguarded without a reason", set.Name, table)
			}
			if !own[table] {
				return nil, fmt.Errorf("store: %s names %s in Unguarded and does not create it", set.Name, table)
			}
			out[table] = why
		}
	}
	return out, nil
}

// created adds to into the tables that a script creates.
func created(script string, into map[string]bool) {
	toks := lex(script)
	for i := 0; i+2 < len(toks); i++ {
		if !toks[i].is("create") || !toks[i+1].is("table") {
			continue
		}
		name := i + 2
		for name < len(toks) && toks[name].is("if", "not", "exists") {
			name++
		}
		if name < len(toks) {
			into[toks[name].text] = true
		}
	}
}

// handlingColumns counts, for each table and view with any, how many of the columns
// of a handling it has.
func (db *DB) handlingColumns(ctx context.Context) (map[string]int, error) {
	q := `SELECT lower(t.name), lower(c.name) FROM sqlite_schema t JOIN pragma_table_info(t.name) c
		WHERE t.type IN ('table', 'view')`
	if db.engine == Postgres {
		q = `SELECT lower(table_name), lower(column_name) FROM information_schema.columns
			WHERE table_schema = current_schema()`
	}
	rows, err := db.w.QueryContext(ctx, q)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return nil, err
		}
		if slices.Contains(handlingColumns[:], column) {
			out[table]++
		}
	}
	return out, rows.Err()
}
