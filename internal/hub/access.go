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
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/store"
)

// Directory returns who belongs and who is connected.
func (h *Hub) Directory() *identity.Directory { return h.directory }

// Idle reports whether the capabilities have handled all messages.
func (h *Hub) Idle(ctx context.Context) (bool, error) { return h.queue.Idle(ctx) }

// DB returns the hub's store.
func (h *Hub) DB() *store.DB { return h.db }

// Objects returns the hub's store of objects.
func (h *Hub) Objects() *object.Store { return h.objects }

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

// Groups returns the community's trust groups.
func (h *Hub) Groups() *groups.Service { return h.groups }

// Pool returns the community's figures on rules.
func (h *Hub) Pool() *pool.Pool { return h.pool }
