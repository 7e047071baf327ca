package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/wire"
)

// Sim is a simulated member, for measuring a hub with more members than one
// machine can hold nodes. To the hub it is a member like any other: invited and
// joined, with its own account, its own authenticated connection, its own
// deliveries, receipts and hello. It takes an indicator as a node does (reads
// the STIX, arms an engine, searches a past, sends both receipts and sends them
// again until they are acknowledged). It has no store of its own, so it syncs
// nothing to a disk before it answers and forgets everything when it ends; it has
// no sensors, rules, findings or console, and it shares its past with the others.
type Sim struct {
	id     string
	link   *bus.Link
	engine *match.Engine
	past   *history.History
	clock  clock.Clock
	log    *slog.Logger

	sync, send, hunt chan struct{}

	mu     sync.Mutex     // one delivery at a time; guards all below
	cursor string         // of the last that it took
	out    []wire.Message // receipts that are not acknowledged yet, in order
	todo   []simHunt
}

type simHunt struct {
	object wire.Object
	armed  match.Armed
}

// Enrol invites an organisation and opens its node in this process; cfg.Token
// is set here. The caller runs and closes the node.
func Enrol(ctx context.Context, h *hub.Hub, name, sector string, cfg node.Config) (*node.Node, error) {
	_, token, err := h.People().Invite(ctx, identity.Operator("bench"), identity.NewMember{Name: name, Sector: sector})
	if err != nil {
		return nil, err
	}
	cfg.Token = token
	return node.Open(ctx, cfg, h)
}

// Simulate lets n simulated members join a hub and starts them; all search the same
// past. They end with ctx; stop ends them and waits. The hub must be running.
func Simulate(ctx context.Context, h *hub.Hub, n int, past *history.History) (list []*Sim, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	g, run := errgroup.WithContext(ctx)
	stop = func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			h.Log().Warn("a simulated member failed", slog.Any("err", err))
		}
		for _, s := range list {
			s.link.Close()
		}
	}
	sectors := identity.Sectors()
	for i := range n {
		s, err := newSim(ctx, h, fmt.Sprintf("Simulated member %04d", i+1), sectors[i%len(sectors)].Slug, past)
		if err != nil {
			stop()
			return nil, nil, err
		}
		list = append(list, s)
		// Spread, as those of nodes are that were started at different times.
		first := helloEvery * time.Duration(i) / time.Duration(n)
		g.Go(func() error { return s.sender(run) })
		g.Go(func() error { return s.receiver(run) })
		g.Go(func() error { return s.hunts(run) })
		g.Go(func() error { return s.heartbeat(run, first) })
	}
	return list, stop, nil
}

// Times of a node, see Node.heartbeat, release.Sender and inbox.Inbox.
const (
	helloEvery  = 30 * time.Second
	simPatience = 10 * time.Second
	simAgain    = time.Second
	simBatch    = 64
	simSmall    = 50 // objects of a reply that have a receipt each
)

func newSim(ctx context.Context, h *hub.Hub, name, sector string, past *history.History) (*Sim, error) {
	_, token, err := h.People().Invite(ctx, identity.Operator("bench"), identity.NewMember{Name: name, Sector: sector})
	if err != nil {
		return nil, err
	}
	seed, public, err := bus.NewUserKey()
	if err != nil {
		return nil, err
	}
	a, err := h.Join(ctx, wire.JoinRequest{Token: token, PublicKey: public})
	if err != nil {
		return nil, err
	}
	s := &Sim{id: a.Member, engine: match.NewEngine(h.Clock()), past: past, clock: h.Clock(), log: h.Log(),
		sync: make(chan struct{}, 1), send: make(chan struct{}, 1), hunt: make(chan struct{}, 1)}
	if s.link, err = h.InProcess(context.WithoutCancel(ctx), a.Member, seed, a.UserJWT); err != nil {
		return nil, err
	}
	s.link.OnPush(wire.TopicPush, s.pushed)
	s.link.OnState(func(connected bool) {
		if connected {
			wake(s.sync)
			wake(s.send)
		}
	})
	return s, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ID is the member's id.
func (s *Sim) ID() string { return s.id }

func (s *Sim) pushed(body []byte) {
	var p wire.Push
	if err := json.Unmarshal(body, &p); err != nil {
		s.log.Warn("a simulated member cannot read what the hub sent", slog.Any("err", err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Cursor == "" || p.From != s.cursor {
		wake(s.sync)
		return
	}
	for _, o := range p.Objects {
		s.arm(o)
	}
	s.cursor = p.Cursor
}

// arm arms one object and queues its receipt and its hunt; s.mu is held.
func (s *Sim) arm(o wire.Object) {
	if o.Withdraw {
		s.engine.Disarm(o.ID)
		s.receipt(o, wire.Disarmed, hunt.Result{}, nil)
		return
	}
	a, err := match.Read(o.STIX)
	if err != nil {
		s.receipt(o, wire.Refused, hunt.Result{}, err)
		return
	}
	s.engine.Arm(a)
	s.receipt(o, wire.Armed, hunt.Result{}, nil)
	s.todo = append(s.todo, simHunt{o, a})
	wake(s.hunt)
}

// receipt queues a receipt; s.mu is held.
func (s *Sim) receipt(o wire.Object, state wire.State, h hunt.Result, refused error) {
	r := wire.Receipt{ID: fmt.Sprintf("%s/%d/%s", o.ID, clock.Micros(o.Modified), state), Object: o.ID,
		Modified: o.Modified, State: state, At: s.clock(),
		Searched: h.Searched, Hits: h.Hits}
	if refused != nil {
		r.Reason = reason.Refusal(refused)
	}
	body, err := role.Encode(r)
	if err != nil {
		s.log.Warn("a simulated member cannot write a receipt", slog.Any("err", err))
		return
	}
	s.out = append(s.out, wire.Message{Kind: wire.KindReceipt, ID: r.ID, Body: body})
	wake(s.send)
}

// sender sends receipts in batches, one batch at a time, until they are acknowledged.
func (s *Sim) sender(ctx context.Context) error {
	for {
		s.mu.Lock()
		b := wire.Batch{Items: s.out[:min(len(s.out), simBatch)]}
		s.mu.Unlock()
		if len(b.Items) > 0 {
			if err := s.sendBatch(ctx, b); err == nil {
				s.mu.Lock()
				s.out = s.out[len(b.Items):]
				s.mu.Unlock()
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.send:
		case <-time.After(simAgain):
		}
	}
}

func (s *Sim) sendBatch(ctx context.Context, b wire.Batch) error {
	body, err := role.Encode(b)
	if err != nil {
		return err
	}
	reply, err := s.ask(ctx, wire.TopicBatch, body)
	if err != nil {
		return err
	}
	a, err := role.Decode[wire.BatchReply](reply)
	if err != nil {
		return err
	}
	for _, r := range a.Results {
		if r.Problem != "" {
			s.log.Warn("the hub refused a simulated member's receipt", slog.String("problem", r.Problem),
				slog.String("reason", r.Reason.Text))
		}
	}
	return nil
}

func (s *Sim) ask(ctx context.Context, topic string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, simPatience)
	defer cancel()
	return s.link.Request(ctx, topic, body)
}

// receiver asks the hub for what is missing: when connected, after a gap, and every half minute.
func (s *Sim) receiver(ctx context.Context) error {
	tick := time.NewTicker(helloEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.sync:
		case <-tick.C:
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = s.catchUp(ctx); err != nil {
				break // asked again with the next tick or connection
			}
		}
	}
}

func (s *Sim) catchUp(ctx context.Context) (more bool, err error) {
	s.mu.Lock()
	from := s.cursor
	s.mu.Unlock()
	body, err := role.Encode(wire.SyncRequest{Cursor: from, Limit: 1000})
	if err != nil {
		return false, err
	}
	reply, err := s.ask(ctx, wire.TopicSync, body)
	if err != nil {
		return false, err
	}
	a, err := role.Decode[wire.SyncReply](reply)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cursor != from { // it was pushed something meanwhile
		return true, nil
	}
	if len(a.Objects) > simSmall {
		s.takeAll(from, a)
	} else {
		for _, o := range a.Objects {
			s.arm(o)
		}
	}
	s.cursor = a.Cursor
	return a.More, nil
}

// takeAll arms what a large reply brings, with one receipt for all of it and, of a past that
// has none of it, the other; s.mu is held.
func (s *Sim) takeAll(from string, a wire.SyncReply) {
	if a.Reset {
		from = ""
	}
	r := wire.RangeReceipt{From: from, Upto: a.Cursor, State: wire.Armed, At: s.clock()}
	for _, o := range a.Objects {
		armed, err := match.Read(o.STIX)
		if err != nil {
			r.Except = append(r.Except, wire.Exception{Object: o.ID, Modified: o.Modified, State: wire.Refused,
				Reason: reason.Refusal(err)})
			continue
		}
		s.engine.Arm(armed)
	}
	for _, state := range []wire.State{wire.Armed, wire.Hunted} {
		r.ID, r.State = a.Cursor+"/"+string(state), state
		body, err := role.Encode(r)
		if err != nil {
			s.log.Warn("a simulated member cannot write a receipt", slog.Any("err", err))
			return
		}
		s.out = append(s.out, wire.Message{Kind: wire.KindRange, ID: r.ID, Body: body})
		r.Except = nil
	}
	wake(s.send)
}

// hunts searches the past, one indicator after the other.
func (s *Sim) hunts(ctx context.Context) error {
	for {
		s.mu.Lock()
		var todo []simHunt
		todo, s.todo = s.todo, nil
		s.mu.Unlock()
		for _, t := range todo {
			st, err := s.past.Search(ctx, history.Query{Observables: t.armed.Values}, func(*event.Event) bool {
				return true
			})
			if err != nil {
				return err
			}
			s.mu.Lock()
			s.receipt(t.object, wire.Hunted, hunt.Result{Searched: st.Events, Hits: st.Hits}, nil)
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.hunt:
		}
	}
}

func (s *Sim) heartbeat(ctx context.Context, first time.Duration) error {
	t := time.NewTimer(first)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		t.Reset(helloEvery)
		_, armed := s.engine.Count()
		body, err := role.Encode(wire.Hello{Version: role.Version, Now: s.clock(), Indicators: armed,
			Events: s.past.Totals().Events})
		if err != nil {
			return err
		}
		if _, err := s.ask(ctx, wire.TopicHello, body); err != nil && ctx.Err() == nil &&
			!fault.Is(err, fault.Unavailable) {
			s.log.Warn("the hub did not answer a simulated member's hello", slog.Any("err", err))
		}
	}
}

// Send sends findings as fast as the hub acknowledges them.
func (s *Sim) Send(ctx context.Context, list []wire.Finding) error {
	for part := range slices.Chunk(list, simBatch) {
		var b wire.Batch
		for _, f := range part {
			body, err := json.Marshal(f)
			if err != nil {
				return err
			}
			b.Items = append(b.Items, wire.Message{Kind: f.Kind(), ID: f.ID, Body: body})
		}
		for {
			err := s.sendBatch(ctx, b)
			if err == nil {
				break
			}
			if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Busy) || ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}
