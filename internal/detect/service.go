// Package detect finds attacks in a node's events. It conducts what its rooms do: it
// takes events, keeps them in the history, has them matched and correlated, records
// findings, and works out what of them is worth offering to the others.
package detect

import (
	"context"
	"embed"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

//go:embed sql
var files embed.FS

// Migrations are detect's parts of the schema, at the hub and at a node.
func Migrations() []store.Migration {
	return []store.Migration{finding.Migration(), rulehealth.Migration(), pool.Migration(), {Name: "detect", FS: files}}
}

// Outgoing is the queue of what leaves the node, with the member's policy on it.
type Outgoing interface {
	// Offer hands over what the node would tell the hub, in the caller's
	// transaction: if it commits, the offer will leave, wait or be kept as the
	// policy says, whatever happens to the process.
	Offer(tx *store.Tx, list ...msg.Offer) error
	// Keep holds back what was offered and has not left, for good: what it was found
	// by came under a label that does not let it be passed on.
	Keep(tx *store.Tx, kind wire.Kind, id string, label policy.TLP) error
	// Handling is how the member marks a kind of message.
	Handling(kind wire.Kind) policy.Handling
	// Wants reports whether candidates of findings of this level are offered at all.
	Wants(level string) bool
}

// Config is what a Service stands on.
type Config struct {
	DB       *store.DB
	Past     Past
	Outgoing Outgoing
	Engine   *match.Engine
	Rules    ruleset.Source // the node's own rules, that Load reads
	Clock    clock.Clock
	Log      *slog.Logger
	Realm    string
	// Member gives the node's member id; empty before it has joined.
	Member func() string
	// Assets gives what belongs to the community.
	Assets func() exclusion.CommunityAssets
	// Skew is the hub's clock minus ours; it is added to the instants that are told.
	Skew func() time.Duration
	// Notify is called after a finding was made or grew.
	Notify func()
	// Health counts what the rules find, and keeps them within bounds; nil: nothing does.
	Health *rulehealth.Health
	// Correlator follows people and machines over events; nil: nobody does.
	Correlator *correlation.Correlator
	// HuntCores is how many processors a hunt uses at most; 0 is all.
	HuntCores int
}

// Service turns a node's events into findings.
type Service struct {
	*hunt.Searcher // of the past

	db         *store.DB
	past       Past
	outgoing   Outgoing
	engine     *match.Engine
	source     ruleset.Source
	clock      clock.Clock
	log        *slog.Logger
	realm      string
	member     func() string
	assets     func() exclusion.CommunityAssets
	skew       func() time.Duration
	notify     func()
	health     *rulehealth.Health
	correlator *correlation.Correlator

	mu   sync.Mutex         // one batch at a time
	open map[string]*active // under mu; findings that still grow, by rule and host

	taking atomic.Int64 // batches of live events that are under way

	pendingMu sync.Mutex
	pending   []match.Found // under pendingMu; hits of windows that are not written yet
	flushed   int           // under pendingMu; how many were written before those
}

// active is a finding that still grows.
type active struct {
	msg.Finding
	touched time.Time
	offered map[string]bool // values already judged
	given   int
}

// growing is how long after its last event a finding still takes more in.
const growing = time.Hour

// New makes a Service.
func New(c Config) *Service {
	if c.Skew == nil {
		c.Skew = func() time.Duration { return 0 }
	}
	if c.Notify == nil {
		c.Notify = func() {}
	}
	if c.Correlator != nil {
		c.Engine.Resolve(c.Correlator.Resolver().ResolveField)
	}
	s := &Service{db: c.DB, past: c.Past, outgoing: c.Outgoing, engine: c.Engine, source: c.Rules, clock: c.Clock, log: c.Log, realm: c.Realm,
		member: c.Member, assets: c.Assets, skew: c.Skew, notify: c.Notify, health: c.Health, correlator: c.Correlator, open: map[string]*active{}}
	s.Searcher = &hunt.Searcher{History: c.Past, Engine: c.Engine, Recorder: s, Clock: c.Clock, Log: c.Log, Cores: c.HuntCores,
		Busy: func() bool { return s.taking.Load() > 0 }}
	return s
}

// Load reads the node's own rules, and what is kept of people and machines.
func (s *Service) Load(ctx context.Context) error {
	chain, err := ruleset.Pipelines(s.source.Pipelines)
	if err != nil {
		return err
	}
	s.Reader = match.Reader{Pipelines: chain}
	set, err := s.source.Load(ctx)
	if err != nil {
		return err
	}
	for _, r := range set.Refused {
		s.log.Warn("a rule was refused", slog.String("rule", r.Error()))
	}
	for _, r := range set.Warnings {
		s.log.Warn("a rule may not do what its author meant", slog.String("rule", r.Error()))
	}
	s.engine.SetRules(set)
	if s.correlator == nil {
		return nil
	}
	return s.correlator.Load()
}

// ref is the event of a match, by what matched it.
func ref(m match.Found) finding.RuleEvent { return finding.RuleEvent{Rule: m.By(), Event: m.Event.ID} }

// traced returns which of the matches are in a finding already.
func traced(tx *store.Tx, list []match.Found) (map[finding.RuleEvent]bool, error) {
	refs := make([]finding.RuleEvent, len(list))
	for i, m := range list {
		refs[i] = ref(m)
	}
	return finding.Traced(tx, refs)
}

// trace notes the events behind a finding.
func (a *active) trace(list []match.Found) (out []finding.FoundEvent) {
	for _, m := range list {
		out = append(out, finding.FoundEvent{Finding: a.ID, RuleEvent: ref(m), At: m.Event.Time, Name: m.Event.From.Name, Record: m.Event.From.Record})
	}
	return out
}

// Engine returns the engine that the service matches with.
func (s *Service) Engine() *match.Engine { return s.engine }

// Take is the sink of every sensor: it keeps the events, matches them and
// writes the findings. When it returns nil everything is durable; after an
// error the same events are given again, which counts nothing twice.
func (s *Service) Take(ctx context.Context, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	s.taking.Add(1)
	defer s.taking.Add(-1)
	if s.correlator != nil {
		s.correlator.Prepare(events)
	}
	if _, err := s.past.Append(ctx, events); err != nil {
		return err
	}
	return s.settle(ctx, s.match(events))
}

// RecordRetro writes what a search of the past found as findings, and returns the
// ids of the events that are to be marked as found.
func (s *Service) RecordRetro(ctx context.Context, list []match.Found) ([]string, error) {
	return s.write(ctx, list, true)
}

// record writes live matches as findings, and says so of their events.
func (s *Service) record(ctx context.Context, matches []match.Found) error {
	ids, err := s.write(ctx, matches, false)
	if err != nil {
		return err
	}
	return s.past.SetFound(ctx, ids...)
}

// write writes matches as findings, in groups by rule and host, and gives the ids of
// the events that are to be marked as found.
func (s *Service) write(ctx context.Context, matches []match.Found, retro bool) (ids []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := map[string][]match.Found{}
	var order []string
	for _, m := range matches {
		k := m.Key()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	judged, err := s.judge(ctx, groups)
	if err != nil {
		return nil, err
	}
	next, hits := map[string]*active{}, map[string]rulehealth.Hits{}
	err = s.db.Write(ctx, store.System("detect: record findings"), func(tx *store.Tx) error {
		ids, next, hits = ids[:0], map[string]*active{}, map[string]rulehealth.Hits{}
		seen, err := traced(tx, matches)
		if err != nil {
			return err
		}
		b := batch{now: s.clock()}
		for _, k := range order {
			a, fresh, err := s.grow(tx, k, groups[k], seen, retro, b.now)
			if err != nil {
				return err
			}
			for _, m := range groups[k] {
				if !m.Hit.List.Stays() { // else what the past holds without findings would tell of it
					ids = append(ids, m.Event.ID)
					if m.Hit.Basis != nil {
						ids = append(ids, match.BasisOf(m.Hit.Basis)...)
					}
				}
			}
			if len(fresh) == 0 {
				continue
			}
			next[k] = a
			if first := fresh[0]; first.Hit.ByRule() {
				hits[first.Hit.Rule.ID] = rulehealth.Hits{Title: first.Hit.Rule.Title, N: hits[first.Hit.Rule.ID].N + len(fresh)}
				if err := s.health.Count(tx, first.Hit.Rule.ID, len(fresh), retro); err != nil {
					return err
				}
			}
			if err := s.offerCandidates(tx, a, groups[k], judged[k]); err != nil {
				return err
			}
			b.findings, b.traces = append(b.findings, a.Finding), append(b.traces, a.trace(fresh)...)
		}
		return s.writeBatch(tx, &b)
	})
	if err != nil {
		return nil, err
	}
	for k, a := range next {
		if !retro {
			s.open[k] = a
		}
	}
	s.forget()
	if !retro {
		s.health.Counted(ctx, hits)
	}
	if len(next) > 0 {
		s.notify()
	}
	return ids, nil
}

// forget drops findings that no longer grow from memory.
func (s *Service) forget() {
	limit := s.clock().Add(-growing)
	for k, a := range s.open {
		if a.touched.Before(limit) {
			delete(s.open, k)
		}
	}
}

// batch is what is written together.
type batch struct {
	now      time.Time
	findings []msg.Finding
	traces   []finding.FoundEvent
}

// writeBatch writes findings and their events, and offers them.
func (s *Service) writeBatch(tx *store.Tx, b *batch) error {
	if err := finding.Save(tx, b.now, b.findings...); err != nil {
		return err
	}
	if err := finding.SaveTraces(tx, b.traces); err != nil {
		return err
	}
	var offers []msg.Offer
	for _, f := range b.findings {
		if f.Listed.Stays() {
			if err := s.outgoing.Keep(tx, wire.KindFinding, f.ID, f.Listed.TLP); err != nil {
				return err
			}
			continue
		}
		offers = s.offersOf(offers, f)
	}
	return s.outgoing.Offer(tx, offers...)
}

// grow adds a group's events, but for those that were seen in a finding of this rule
// before, to its open finding, or makes one.
func (s *Service) grow(tx *store.Tx, key string, list []match.Found, seen map[finding.RuleEvent]bool, retro bool, now time.Time) (a *active, fresh []match.Found, err error) {
	for _, m := range list {
		if p := ref(m); !seen[p] {
			seen[p] = true // a second match of the same event counts once
			fresh = append(fresh, m)
		}
	}
	if len(fresh) == 0 {
		return nil, nil, nil
	}
	if !retro {
		if old := s.open[key]; old != nil && now.Sub(old.touched) < growing {
			c := *old
			c.offered = map[string]bool{}
			for v := range old.offered {
				c.offered[v] = true
			}
			a = &c
		} else {
			if a, err = s.recall(tx, list[0], now); err != nil {
				return nil, nil, err
			}
		}
	}
	isNew := a == nil
	if isNew {
		m := list[0]
		a = &active{offered: map[string]bool{}, Finding: msg.Finding{Member: s.member(), Listed: m.Hit.List, Finding: wire.Finding{
			ID: clock.NewID(), Realm: s.realm, Rule: m.Hit.Rule, Indicator: m.Hit.Indicator, Host: m.Event.Host, User: m.Event.User,
			Matched: m.Hit.Fields, Retro: retro, Sensed: m.Event.Seen.Add(s.skew()), Detected: now.Add(s.skew()),
			Handling: s.outgoing.Handling(wire.KindFinding)}}}
		if retro { // a hunt senses nothing: its clock starts when it finds
			a.Sensed = a.Detected
		}
	}
	for _, m := range fresh {
		a.take(m)
	}
	a.Version++
	a.touched = now
	return a, fresh, nil
}

// take widens the finding by one event.
func (a *active) take(m match.Found) {
	a.Count++
	if a.First.IsZero() || m.Event.Time.Before(a.First) {
		a.First = m.Event.Time
	}
	if m.Event.Time.After(a.Last) {
		a.Last = m.Event.Time
	}
	if a.Indicator == "" {
		a.Indicator = m.Hit.Indicator
	}
	if m.Hit.List != nil { // the strictest marking binds, though the source change its mind
		l := *m.Hit.List
		l.TLP = policy.Strictest(l.TLP, a.Listed.TLP)
		a.Listed = &l
		a.Handling.TLP = policy.Strictest(a.Handling.TLP, l.TLP)
	}
	if m.Hit.Value != nil && !slices.Contains(a.Observables, *m.Hit.Value) {
		a.Observables = append(a.Observables, *m.Hit.Value)
	}
}

// recall finds a finding of the same rule and host that was open before a restart.
func (s *Service) recall(tx *store.Tx, m match.Found, now time.Time) (*active, error) {
	f, found, err := finding.Growing(tx, s.member(), m.Hit.Rule, m.Event.Host, now.Add(-growing))
	if err != nil || !found {
		return nil, err
	}
	a := &active{Finding: f.Finding, touched: f.Arrived, offered: map[string]bool{}}
	old, err := finding.Verdicts(tx, f.ID)
	for _, o := range old {
		a.offered[o.Value] = true
		if o.Offered {
			a.given++
		}
	}
	return a, err
}

// offersOf appends the offer of a finding, and of a sighting if an indicator matched.
func (s *Service) offersOf(list []msg.Offer, f msg.Finding) []msg.Offer {
	o := msg.Offer{ID: f.ID, Level: f.Rule.Level, Title: f.Rule.Title, Handling: f.Handling, Body: f.Finding, First: f.Version == 1}
	if f.Listed != nil {
		o.Origin = &f.Listed.TLP
	}
	list = append(list, o)
	if f.Indicator == "" {
		return list
	}
	sg := wire.Sighting{ID: f.ID, Indicator: f.Indicator, Realm: f.Realm, Count: f.Count, First: f.First, Last: f.Last, Retro: f.Retro,
		At: f.Detected, Handling: s.outgoing.Handling(wire.KindSighting)}
	o.Handling, o.Body, o.Origin = sg.Handling, sg, nil
	return append(list, o)
}
