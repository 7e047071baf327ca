package hub

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
)

// Directory returns who belongs and who is connected.
func (h *Hub) Directory() *identity.Directory { return h.directory }

// Newest returns the newest cycle and how many members it has a step of; id is
// empty if there is none.
func (h *Hub) Newest(ctx context.Context, step string) (id string, members int64, err error) {
	err = h.db.Read(ctx, store.System("bench: newest cycle"), func(tx *store.Tx) error {
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

// Cycle gives a case's cycle with all its steps.
func (h *Hub) Cycle(ctx context.Context, id string) (c situation.Cycle, err error) {
	err = h.db.Read(ctx, store.System("bench: cycle"), func(tx *store.Tx) error {
		c, err = situation.Of(tx, id)
		return err
	})
	return c, err
}

// CycleTitled returns the cycle of the case with a title; ok is false if there is none.
func (h *Hub) CycleTitled(ctx context.Context, title string) (c situation.Cycle, ok bool, err error) {
	err = h.db.Read(ctx, store.System("bench: cycle"), func(tx *store.Tx) error {
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

// InCases counts a member's findings that are in a case.
func (h *Hub) InCases(ctx context.Context, member string) (n int64, err error) {
	err = h.db.Read(ctx, store.System("bench: findings in cases"), func(tx *store.Tx) error {
		n, err = store.One[int64](tx, `SELECT count(*) FROM case_finding p
			WHERE p.member = $1 AND SCOPE(p)`, member)
		return err
	})
	return n, err
}

// Idle reports whether the capabilities have handled all messages.
func (h *Hub) Idle(ctx context.Context) (bool, error) { return h.queue.Idle(ctx) }

// DB returns the hub's store.
func (h *Hub) DB() *store.DB { return h.db }

// People returns the hub's accounts and members.
func (h *Hub) People() *identity.Service { return h.people }

// Members returns the hub's view of its members.
func (h *Hub) Members() *community.Service { return h.members }

// Clock returns the hub's clock.
func (h *Hub) Clock() clock.Clock { return h.cfg.Clock }

// Log returns the hub's log.
func (h *Hub) Log() *slog.Logger { return h.cfg.Log }

// Pin returns what nodes know the hub's key by.
func (h *Hub) Pin() string { return h.pin }

// InProcess connects a member whose node is in this process.
func (h *Hub) InProcess(ctx context.Context, member string, seed []byte, userJWT string) (*bus.Link, error) {
	return h.bus.InProcess(ctx, member, seed, userJWT)
}

// Handler serves the hub's pages and its API.
func (h *Hub) Handler() http.Handler { return h.console.Handler() }

// Paths lists the paths of the hub's pages.
func (h *Hub) Paths() []string { return h.console.Site.Paths() }

// Pool returns the community's figures on rules.
func (h *Hub) Pool() *pool.Pool { return h.pool }
