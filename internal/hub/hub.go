// Package hub composes a hub, the coordinating body of a community: the line to
// its members, the durable queue between its capabilities, and the capabilities
// that a hub runs.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/queue/aside"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/groups"
	"github.com/meneki/meneki/internal/share/publish"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Hub is a running hub: a list of modules (compose) on one store, one bus and one
// console. Make it with Open, run it with Run, end it with Close.
type Hub struct {
	cfg       Config
	db        *store.DB
	bus       *bus.Hub
	people    *identity.Service
	directory *identity.Directory
	members   *community.Service
	cases     *casework.Service
	severity  *severity.Service
	objects   *object.Store
	feed      *feed.Feed
	publisher *publish.Publisher
	groups    *groups.Service
	pool      *pool.Pool
	intake    *intake
	queue     *queue.Queue
	modules   []role.Module
	console   *role.Console

	url    string // as a running hub has it, for a command beside it
	ca     string // PEM
	pin    string
	tls    *tls.Config // nil on loopback
	lis    net.Listener
	server *http.Server
	lock   *os.File // held while the data folder is ours

	closing atomic.Bool // members that go now go because the hub does
}

// settingURL holds where people and nodes find the hub.
const settingURL = "hub.url"

// OpenStore opens the hub's state; commands use it beside a running hub.
func OpenStore(ctx context.Context, cfg Config) (*store.DB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Hub{cfg: cfg}
	err := h.open(ctx)
	return h.db, err
}

// open opens the state and makes the modules.
func (h *Hub) open(ctx context.Context) error {
	where := h.cfg.DB
	if where == "" {
		where = filepath.Join(h.cfg.Data, "hub.db")
	}
	db, err := store.Open(ctx, store.Options{URL: where, Clock: h.cfg.Clock})
	if err != nil {
		return err
	}
	h.db = db
	if h.modules, err = h.compose(); err == nil {
		err = db.Migrate(ctx, role.Migrations(h.modules)...)
	}
	if err != nil {
		h.db = nil
		return errors.Join(err, db.Close())
	}
	return nil
}

// Open opens everything a hub stands on and takes its ports.
func Open(ctx context.Context, cfg Config) (h *Hub, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := role.EnsureDir(cfg.Data); err != nil {
		return nil, err
	}
	h = &Hub{cfg: cfg}
	half := h // a failed return has set h to nil by the time of the defer
	defer func() {
		if err != nil {
			half.Close()
		}
	}()
	if h.lis, err = role.TakePort(cfg.Listen, "--listen"); err != nil {
		return nil, err
	}
	if h.lock, err = role.LockDir(cfg.Data); err != nil {
		return nil, err
	}
	if err := h.keys(); err != nil {
		return nil, err
	}
	busConfig := bus.HubConfig{Dir: cfg.Data, LeafAddr: cfg.Bus, Advertise: h.advertise(), TLS: h.tls, Log: cfg.Log}
	if h.bus, err = bus.StartHub(ctx, busConfig); err != nil {
		return nil, err
	}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	if err := h.start(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// keys makes or reads the hub's certificate authority.
func (h *Hub) keys() error {
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, a := range []string{h.cfg.Listen, h.cfg.Bus} {
		if host, _, err := net.SplitHostPort(a); err == nil && host != "" && host != "0.0.0.0" && host != "::" {
			hosts[host] = true
		}
	}
	if u, err := url.Parse(h.cfg.Public); err == nil && u.Hostname() != "" {
		hosts[u.Hostname()] = true
	}
	var list []string
	for n := range hosts {
		list = append(list, n)
	}
	conf, ca, pin, err := pki.EnsureCA(filepath.Join(h.cfg.Data, "tls"), list, h.cfg.Clock)
	h.tls, h.ca, h.pin = conf, string(ca), pin
	return err
}

func (h *Hub) advertise() string {
	u, err := url.Parse(h.cfg.Public)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	return u.Hostname()
}

// secure reports whether the console speaks HTTPS.
func (h *Hub) secure() bool { return !role.Loopback(h.cfg.Listen) }

// URL is where people and nodes find the hub.
func (h *Hub) URL() string {
	if h.cfg.Public != "" {
		return strings.TrimRight(h.cfg.Public, "/")
	}
	if h.lis == nil {
		return h.url
	}
	scheme := "http"
	if h.secure() {
		scheme = "https"
	}
	return scheme + "://" + h.lis.Addr().String()
}

// address is how members find the hub.
func (h *Hub) address() community.Address {
	return community.Address{Name: h.cfg.Name, URL: h.URL(), Pin: h.pin, CA: h.ca}
}

// start starts the modules and lets members ask.
func (h *Hub) start(ctx context.Context) error {
	if err := h.db.SetSetting(ctx, settingURL, h.URL()); err != nil {
		return err
	}
	mark := filepath.Join(h.cfg.Data, role.RestoredFile)
	_, statErr := os.Stat(mark)
	if err := role.Start(ctx, h.modules, statErr == nil); err != nil {
		return err
	}
	if statErr == nil {
		if err := os.Remove(mark); err != nil {
			return role.StorageFault(mark, err)
		}
	}
	var err error
	if h.queue, err = queue.New(ctx, h.db, h.cfg.Log, role.Consumers(h.modules)...); err != nil {
		return err
	}
	h.console = h.newConsole()
	h.queue.OnAside(func() {
		h.console.Notify(aside.Topic)
		h.console.Notify("situation")
	})
	h.intake = newIntake(h.db, h.cfg.Log, h.modules)
	h.bus.OnPresence(func(member string, online bool) {
		if !h.closing.Load() {
			h.members.Presence(member, online)
			if !online {
				h.feed.Gone(member)
			}
		}
	})
	h.bus.Handle(wire.TopicBatch, h.intake.batch)
	for _, m := range h.modules {
		for topic, answer := range m.Requests {
			h.bus.Handle(topic, answer)
		}
	}
	return h.members.Admit(ctx)
}

// Join lets a node in that presents an invitation.
func (h *Hub) Join(ctx context.Context, ask wire.JoinRequest) (wire.JoinReply, error) {
	return h.members.Join(ctx, ask)
}

// Revoke ends a membership: the node is cut off at once.
func (h *Hub) Revoke(ctx context.Context, by policy.Viewer, member string) error {
	return h.members.Revoke(ctx, by, member)
}

// FirstRun gives the link by which the first administrator comes in; "" once
// there is one, and where nobody needs to sign in.
func (h *Hub) FirstRun(ctx context.Context) (string, error) {
	return role.FirstRun(ctx, h.people, h.cfg.Open, h.URL())
}

// Run serves and works until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.queue.Run(ctx) })
	role.Run(ctx, g, h.modules)
	g.Go(func() error {
		return role.Maintenance(h.db, h.people, h.cfg.Clock, h.cfg.Log, h.modules).Run(ctx)
	})
	lis := h.lis
	if h.secure() {
		lis = tls.NewListener(lis, h.tls)
	}
	role.Serve(ctx, g, lis, h.console.Handler(), h.cfg.Log, &h.server)
	h.server.RegisterOnShutdown(h.console.Site.Close)
	return g.Wait()
}

// Close ends the hub. It may be called more than once.
func (h *Hub) Close() {
	h.closing.Store(true)
	if h.server != nil {
		_ = h.server.Close()
	} else if h.lis != nil {
		_ = h.lis.Close()
	}
	if h.bus != nil {
		h.bus.Close()
	}
	for _, err := range role.Close(h.modules) {
		h.cfg.Log.Warn("could not close a capability", slog.Any("err", err))
	}
	if h.db != nil {
		if err := h.db.Close(); err != nil {
			h.cfg.Log.Warn("could not close the store", slog.Any("err", err))
		}
	}
	if h.lock != nil {
		_ = h.lock.Close()
	}
}
