package main

import (
	"context"

	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
)

// newestCycle returns the newest cycle and how many members it has a step of; id is
// empty if there is none.
func newestCycle(ctx context.Context, db *store.DB, step string) (id string, members int64, err error) {
	err = db.Read(ctx, store.System("bench: newest cycle"), func(tx *store.Tx) error {
		list, err := store.Query[string](tx, `SELECT id FROM cycle ORDER BY opened DESC, id DESC LIMIT 1`)
		if err != nil || len(list) == 0 {
			return err
		}
		id = list[0]
		members, err = store.One[int64](tx, `SELECT count(*) FROM cycle_step WHERE cycle = $1 AND name = $2`, id, step)
		return err
	})
	return id, members, err
}

// cycleOf returns a case's cycle with all its steps.
func cycleOf(ctx context.Context, db *store.DB, id string) (c situation.Cycle, err error) {
	err = db.Read(ctx, store.System("bench: cycle"), func(tx *store.Tx) error {
		c, err = situation.Of(tx, id)
		return err
	})
	return c, err
}

// cycleTitled returns the cycle of the case with a title; ok is false if there is none.
func cycleTitled(ctx context.Context, db *store.DB, title string) (c situation.Cycle, ok bool, err error) {
	err = db.Read(ctx, store.System("bench: cycle"), func(tx *store.Tx) error {
		list, err := store.Query[string](tx, `SELECT y.id FROM cases c JOIN cycle y ON y.id = c.id
			WHERE c.title = $1 AND SCOPE(c) ORDER BY y.opened DESC LIMIT 1`, title)
		if err != nil || len(list) == 0 {
			return err
		}
		c, err = situation.Of(tx, list[0])
		ok = err == nil
		return err
	})
	return c, ok, err
}

// inCases counts a member's findings that are in a case.
func inCases(ctx context.Context, db *store.DB, member string) (n int64, err error) {
	err = db.Read(ctx, store.System("bench: findings in cases"), func(tx *store.Tx) error {
		n, err = store.One[int64](tx, `SELECT count(*) FROM case_finding p
			WHERE p.member = $1 AND SCOPE(p)`, member)
		return err
	})
	return n, err
}
