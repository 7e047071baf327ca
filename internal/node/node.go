// Package node composes a node, one member organisation: sensors, detection,
// the release policy for what leaves it, and what it has received, with the
// capabilities that a node runs.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/watchlist/ownlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/role/control"
	"github.com/meneki/meneki/internal/share/inbox"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

// Hub is a hub in the same process, as the demo has one.
type Hub interface {
	// Join lets a node in that presents an invitation.
	Join(ctx context.Context, ask wire.JoinRequest) (wire.JoinReply, error)
	// InProcess connects a member.
	InProcess(ctx context.Context, member string, seed []byte, userJWT string) (*bus.Link, error)
	URL() string
	Pin() string
}

// Node is a running node. Make it with Open, run it with Run, end it with Close.
type Node struct {
	cfg        Config
	db         *store.DB
	past       *history.History
	people     *identity.Service
	engine     *match.Engine
	health     *rulehealth.Health
	correlator *correlation.Correlator
	watchlist  *ownlist.List
	lock       *os.File
	detect     *detect.Service
	outgoing   *release.Outgoing
	inbox      *inbox.Inbox
	link       *bus.Link
	sensors    *sensors
	modules    []role.Module
	console    *role.Console
	lis        net.Listener
	server     *http.Server

	enrolment atomic.Pointer[community.Enrolment]
	own       atomic.Pointer[exclusion.CommunityAssets]
	skew      atomic.Int64 // hub's clock minus ours, ns
	turn      atomic.Int64 // when the line to the hub last came or went, µs

	close sync.Once
}

// Open opens everything a node stands on. With hub nil, it joins and
// connects as its configuration says; the demo gives the hub in its own process.
func Open(ctx context.Context, cfg Config, hub Hub) (n *Node, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := role.EnsureDir(cfg.Data); err != nil {
		return nil, err
	}
	n = &Node{cfg: cfg}
	half := n // a failed return has set n to nil by the time of the defer
	n.own.Store(&exclusion.CommunityAssets{Domains: cfg.OwnDomains})
	defer func() {
		if err != nil {
			half.Close()
		}
	}()
	if cfg.Listen != "" {
		if n.lis, err = role.TakePort(cfg.Listen, "--listen"); err != nil {
			return nil, err
		}
	}
	if n.lock, err = role.LockDir(cfg.Data); err != nil {
		return nil, err
	}
	if n.db, err = store.Open(
		ctx, store.Options{URL: filepath.Join(cfg.Data, control.Database), Clock: cfg.Clock},
	); err != nil {
		return nil, err
	}
	if n.past, err = history.Open(ctx, history.Options{
		Dir: filepath.Join(cfg.Data, "history"), Clock: cfg.Clock, MaxBytes: cfg.KeepBytes,
		MaxAge: time.Duration(cfg.KeepDays) * 24 * time.Hour, Log: cfg.Log,
	}); err != nil {
		return nil, err
	}
	if n.modules, err = n.compose(); err != nil {
		return nil, err
	}
	if err = n.db.Migrate(ctx, role.Migrations(n.modules)...); err != nil {
		return nil, err
	}
	if err = n.enrol(ctx, hub); err != nil {
		return nil, err
	}
	n.owns(*n.enrolment.Load())
	if err = n.connect(ctx, hub); err != nil {
		return nil, err
	}
	n.console = n.newConsole()
	if err = role.Start(ctx, n.modules, false); err != nil {
		return nil, err
	}
	n.listen(ctx)
	return n, nil
}

// enrol reads the node's enrolment, or joins.
func (n *Node) enrol(ctx context.Context, hub Hub) error {
	p, ok, err := community.LoadEnrolment(n.cfg.Data)
	if err != nil {
		return err
	}
	switch {
	case ok:
		if n.cfg.Token != "" {
			n.cfg.Log.Info(
				"this node has joined already; the token is not needed", slog.String("member", p.Name),
				slog.String("hub", p.Hub),
			)
		}
	case n.cfg.Token == "" || n.cfg.Join == "" && hub == nil:
		return fault.New(
			fault.Invalid, i18n.T("this node has not joined a hub", "このノードはまだハブに参加していません"),
		).
			WithHint(
				i18n.T(
					"ask the hub for an invitation (meneki member invite) and give --join and --token",
					"ハブで招待（meneki member invite）を発行してもらい、--join と --token を指定してください",
				),
			)
	default:
		if p, err = n.join(ctx, hub); err != nil {
			return err
		}
		if err := p.Save(n.cfg.Data); err != nil {
			return err
		}
		_ = os.Remove(filepath.Join(n.cfg.Data, "join.seed")) // the enrolment has it
	}
	n.enrolment.Store(&p)
	return nil
}

func (n *Node) join(ctx context.Context, hub Hub) (community.Enrolment, error) {
	seed, public, err := bus.KeepUserKey(filepath.Join(n.cfg.Data, "join.seed"))
	if err != nil {
		return community.Enrolment{}, err
	}
	if hub == nil {
		return community.Join(ctx, n.cfg.Join, n.cfg.Token, public, seed, pki.PinnedTLS)
	}
	secret, _, err := community.SplitToken(n.cfg.Token)
	if err != nil {
		return community.Enrolment{}, err
	}
	a, err := hub.Join(ctx, wire.JoinRequest{Token: secret, PublicKey: public})
	if err != nil {
		return community.Enrolment{}, err
	}
	return community.EnrolmentOf(a, hub.URL(), hub.Pin(), seed), nil
}

// connect opens the line to the hub; it comes up by itself, now or later.
func (n *Node) connect(ctx context.Context, hub Hub) (err error) {
	p := *n.enrolment.Load()
	if hub != nil {
		n.link, err = hub.InProcess(context.WithoutCancel(ctx), p.Member, []byte(p.Seed), p.UserJWT)
		return err
	}
	n.link, err = bus.Join(
		context.WithoutCancel(ctx),
		bus.LinkConfig{
			Dir:     n.cfg.Data,
			LeafURL: p.LeafURL,
			UserJWT: p.UserJWT,
			Account: p.Account,
			Seed:    []byte(p.Seed),
			Pin:     p.Pin,
			Log:     n.cfg.Log,
		},
	)
	return err
}

// listen takes what the hub pushes, and notes when the line to it comes and goes.
func (n *Node) listen(ctx context.Context) {
	n.link.OnPush(wire.TopicPush, n.inbox.Pushed)
	n.link.OnState(func(connected bool) {
		n.turn.Store(clock.Micros(n.cfg.Clock()))
		n.console.Notify("situation")
		if connected {
			go n.Hello(context.WithoutCancel(ctx))
			n.inbox.Sync()
			n.outgoing.Wake()
		}
	})
}

// Member is the node's member id.
func (n *Node) Member() string { return n.enrolment.Load().Member }

// since is when the line to the hub last came or went.
func (n *Node) since() time.Time { return clock.FromMicros(n.turn.Load()) }

// Skew is the hub's clock minus ours.
func (n *Node) Skew() time.Duration { return time.Duration(n.skew.Load()) }

// Name is what the member is called.
func (n *Node) Name() string { return n.enrolment.Load().Name }

// home is what the node's own people are to policy: the member's.
func (n *Node) home() policy.Viewer {
	p := n.enrolment.Load()
	return policy.Viewer{Member: p.Member, Sector: p.Sector, Groups: p.Groups}
}

// cookieName tells the consoles of several nodes on one machine apart.
func cookieName(l net.Listener) string {
	if l == nil {
		return "0"
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "0"
	}
	return port
}

// FirstRun returns the link by which the node's first administrator comes in.
func (n *Node) FirstRun(ctx context.Context) (string, error) {
	return role.FirstRun(ctx, n.people, n.cfg.Open, n.URL())
}

// Counts returns the number of own rules and of armed indicators.
func (n *Node) Counts() (rules, indicators int) { return n.engine.Count() }

// RefusedRules returns how many of the member's own rules were refused.
func (n *Node) RefusedRules() int { return len(n.engine.Rules().Refused) }

// URL is where people find the node's console; "" if it has none.
func (n *Node) URL() string {
	if n.lis == nil {
		return ""
	}
	scheme := "http"
	if !role.Loopback(n.lis.Addr().String()) {
		scheme = "https"
	}
	return scheme + "://" + n.lis.Addr().String()
}

// Take gives events to the node as a sensor does.
func (n *Node) Take(ctx context.Context, events []*event.Event) error {
	return n.detect.Take(ctx, events)
}

// Import puts old logs into the node's history without matching them: they are
// what was kept before there was anything to match them with. Who is who is learnt
// from them, and a hunt finds in them what it would find in live events.
func (n *Node) Import(ctx context.Context, events []*event.Event) error {
	n.correlator.Prepare(events)
	_, err := n.past.Append(ctx, events)
	return err
}

// Rules returns the node's own rules.
func (n *Node) Rules() *sigma.Set { return n.engine.Rules() }

// owns takes over what belongs to the community: what the hub told last, and
// what the node's own configuration adds.
func (n *Node) owns(p community.Enrolment) {
	n.own.Store(
		&exclusion.CommunityAssets{Domains: append(slices.Clone(n.cfg.OwnDomains), p.Domains...), Networks: p.Networks},
	)
}

// Run serves and works until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	role.Run(ctx, g, n.modules)
	g.Go(func() error { return n.heartbeat(ctx) })
	g.Go(func() error { return role.Maintenance(n.db, n.people, n.cfg.Clock, n.cfg.Log, n.modules).Run(ctx) })
	if n.cfg.Control {
		if err := n.openControlSocket(ctx, g); err != nil {
			n.cfg.Log.Warn("commands beside this node cannot reach it", slog.Any("err", err))
		}
	}
	if n.lis != nil {
		lis := n.lis
		if !role.Loopback(lis.Addr().String()) {
			conf, err := n.sensorTLS(n.cfg.Listen)
			if err != nil {
				return err
			}
			lis = tls.NewListener(lis, conf)
		}
		role.Serve(ctx, g, lis, n.console.Handler(), n.cfg.Log, &n.server)
		n.server.RegisterOnShutdown(n.console.Site.Close)
	}
	n.inbox.Sync()
	return g.Wait()
}

// Close ends the node. It may be called more than once.
func (n *Node) Close() {
	n.close.Do(func() {
		if n.server != nil {
			_ = n.server.Close()
		} else if n.lis != nil {
			_ = n.lis.Close()
		}
		for _, err := range role.Close(n.modules) {
			n.cfg.Log.Warn("could not close a capability", slog.Any("err", err))
		}
		if n.link != nil {
			n.link.Close()
		}
		var err error
		if n.past != nil {
			err = n.past.Close()
		}
		if n.db != nil {
			err = errors.Join(err, n.db.Close())
		}
		if n.lock != nil {
			_ = n.lock.Close()
		}
		if err != nil {
			n.cfg.Log.Warn("could not end the node in order", slog.Any("err", fmt.Errorf("close node: %w", err)))
		}
	})
}
