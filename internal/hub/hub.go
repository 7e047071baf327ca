// Package hub composes a hub, the coordinating body of a community: the line to
// its members, the durable queue between its capabilities, and the capabilities
// that a hub runs.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/job"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/severity"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Hub is a running hub. Make it with OpenHub, run it with Run, end it with Close.
type Hub struct {
	cfg     Config
	db      *store.DB
	bus     *bus.Hub
	people  *identity.Service
	members *community.Service
	cases   *casework.Service
	judge   *severity.Service
	office  *share.Office
	pool    *pool.Pool
	tracker *situation.Tracker
	queue   *queue.Queue
	console *role.Console
	door    *door

	ca     string // PEM
	pin    string
	tls    *tls.Config // nil on loopback
	lis    net.Listener
	server *http.Server
	lock   *os.File // held while the data folder is ours

	closing atomic.Bool // members that go now go because the hub does
	roll    struct {
		sync.Mutex
		list []identity.Member // under mu; who belongs, kept because every issue asks
		at   time.Time
	}
}

// settings that the hub keeps.
const (
	settingIdentity = "hub.identity"
	settingURL      = "hub.url"
	settingName     = "hub.name"
)

// OpenStore opens the hub's state; commands use it beside a running hub.
func OpenStore(ctx context.Context, cfg Config) (*store.DB, error) {
	where := cfg.DB
	if where == "" {
		where = filepath.Join(cfg.Data, "hub.db")
	}
	db, err := store.Open(ctx, store.Options{URL: where, Clock: cfg.Clock})
	if err != nil {
		return nil, err
	}
	err = db.Migrate(ctx, slices.Concat([]store.Migration{job.Migration(), identity.Migration(), community.Migration()}, detect.Migrations(),
		[]store.Migration{share.Migration(), casework.Migration(), severity.Migration(), situation.Migration()})...)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// OpenHub opens everything a hub stands on and takes its ports.
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
	if h.db, err = OpenStore(ctx, cfg); err != nil {
		return nil, err
	}
	if err := h.keys(); err != nil {
		return nil, err
	}
	busTLS := h.tls
	if h.bus, err = bus.StartHub(ctx, bus.HubConfig{Dir: cfg.Data, LeafAddr: cfg.Bus, Advertise: h.advertise(), TLS: busTLS, Log: cfg.Log}); err != nil {
		return nil, err
	}
	if err := h.compose(ctx); err != nil {
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
func (h *Hub) secure() bool { return !role.Loopback(h.lis.Addr().String()) }

// URL is where people and nodes find the hub.
func (h *Hub) URL() string {
	if h.cfg.Public != "" {
		return strings.TrimRight(h.cfg.Public, "/")
	}
	scheme := "http"
	if h.secure() {
		scheme = "https"
	}
	return scheme + "://" + h.lis.Addr().String()
}

// compose makes the capabilities and says who hears whom.
func (h *Hub) compose(ctx context.Context) error {
	h.people = identity.New(h.db, h.cfg.Clock, identity.WithCookie("meneki_hub"))
	id, ok, err := h.db.Setting(ctx, settingIdentity)
	if err == nil && !ok {
		id = "identity--" + uuid.NewString()
		err = h.db.SetSetting(ctx, settingIdentity, id)
	}
	if err == nil {
		err = errors.Join(h.db.SetSetting(ctx, settingURL, h.URL()), h.db.SetSetting(ctx, settingName, h.cfg.Name))
	}
	if err != nil {
		return err
	}
	tell := func(topic string) func() { return func() { h.console.Notify(topic) } }
	h.members = community.New(h.db, h, h.cfg.Clock, h.cfg.Name, tell("members"))
	h.office = share.NewOffice(h.db, h, h.bus, id, h.cfg.Log, tell("indicators"))
	if _, err := os.Stat(filepath.Join(h.cfg.Data, role.RestoredFile)); err == nil {
		if err := errors.Join(h.office.CountAnew(ctx), os.Remove(filepath.Join(h.cfg.Data, role.RestoredFile))); err != nil {
			return err
		}
	}
	if _, err := h.office.Count(ctx); err != nil {
		return err
	}
	h.cases = casework.New(casework.Config{DB: h.db, People: h, Rank: role.Rank, Least: h.cfg.CaseLevel, Tell: tell("cases")})
	h.judge = severity.New(h.db, h.cfg.Clock)
	h.judge.HandledLike(caseMark)
	h.tracker = situation.NewTracker(h.members.OnlineMembers, tell("situation"))
	h.pool = pool.New(h.db, h.cfg.Clock, h.joined)
	findings := tell("findings")
	h.door = &door{db: h.db, log: h.cfg.Log, kinds: map[wire.Kind]func(*store.Tx, string, []byte) error{
		wire.KindFinding: func(tx *store.Tx, member string, body []byte) error {
			tx.AfterCommitOnce(h.console, findings)
			return finding.Receive(tx, member, body)
		},
		wire.KindCandidate:  h.office.ReceiveCandidate,
		wire.KindReceipt:    h.office.ReceiveReceipt,
		wire.KindSighting:   h.office.ReceiveSighting,
		wire.KindRuleHealth: h.pool.Receive,
	}}
	if h.queue, err = queue.New(ctx, h.db, h.cfg.Log, h.consumers()...); err != nil {
		return err
	}
	if h.console, err = hubConsole(h); err != nil {
		return err
	}
	h.bus.OnPresence(h.presence)
	h.bus.Handle(wire.TopicBatch, h.door.leave)
	h.bus.Handle(wire.TopicSync, role.Answer(h.office.Sync))
	h.bus.Handle(wire.TopicHello, role.Answer(h.members.Hello))
	h.bus.Handle(wire.TopicRuleHealth, role.Answer(h.rulePool))
	if err := h.people.AllOffline(ctx); err != nil {
		return err
	}
	return h.admitAll(ctx)
}

// admitAll lets the members in again that joined before this start.
func (h *Hub) admitAll(ctx context.Context) error {
	list, err := h.people.Members(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.PublicKey == "" || !m.Revoked.IsZero() {
			continue
		}
		if _, err := h.bus.Admit(m.ID, m.PublicKey); err != nil {
			return fmt.Errorf("admit member %s: %w", m.ID, err)
		}
	}
	return nil
}

// presence notes who comes and goes.
func (h *Hub) presence(member string, online bool) {
	if h.closing.Load() {
		return
	}
	h.members.SetOnline(member, online)
	if err := h.people.Seen(context.Background(), member, h.cfg.Clock(), online); err != nil {
		h.cfg.Log.Warn("could not note that a member was seen", slog.String("member", member), slog.Any("err", err))
	}
}

// Join lets a node in that presents an invitation.
func (h *Hub) Join(ctx context.Context, ask wire.JoinRequest) (wire.JoinReply, error) {
	m, err := h.people.Join(ctx, ask.Token, ask.PublicKey)
	if err != nil {
		return wire.JoinReply{}, err
	}
	g, err := h.bus.Admit(m.ID, ask.PublicKey)
	if err != nil {
		return wire.JoinReply{}, err
	}
	domains, networks, err := h.members.Own(ctx)
	if err != nil {
		return wire.JoinReply{}, err
	}
	h.forgetRoll()
	h.console.Notify("members")
	h.cfg.Log.Info("a member joined", slog.String("member", m.ID), slog.String("name", m.Name))
	return wire.JoinReply{Member: m.ID, Name: m.Name, Sector: m.Sector, HubName: h.cfg.Name, LeafURL: g.LeafURL, CA: h.ca, Account: g.Account, UserJWT: g.UserJWT,
		Domains: domains, Networks: networks}, nil
}

// Revoke ends a membership: the node is cut off at once.
func (h *Hub) Revoke(ctx context.Context, by policy.Viewer, member string) error {
	if err := h.people.Revoke(ctx, by, member); err != nil {
		return err
	}
	h.forgetRoll()
	h.members.SetOnline(member, false)
	return h.bus.Expel(member)
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
	g.Go(func() error { return h.watchRoll(ctx) })
	g.Go(func() error {
		return role.Maintenance(h.db, h.people, h.cfg.Clock, h.cfg.Log, map[string]func(context.Context) error{"pool-rule-counts": h.pool.Renew}).Run(ctx)
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
	if h.db != nil {
		if err := h.db.Close(); err != nil {
			h.cfg.Log.Warn("could not close the store", slog.Any("err", err))
		}
	}
	if h.lock != nil {
		_ = h.lock.Close()
	}
}
