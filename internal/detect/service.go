package detect

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
)

//go:embed sql templates
var files embed.FS

// Migration is detect's part of the schema, at the hub and at a node.
func Migration() store.Migration { return store.Migration{Name: "detect", FS: files} }

// Templates are detect's pages.
func Templates() fs.FS { return files }

// Handled lists detect's tables whose rows carry a handling.
var Handled = []string{"findings", "rule_reports", "rule_basis", "rule_pool"}

// Gate is the member's policy on what leaves the node.
type Gate interface {
	// Offer hands over what the node would tell the hub, in the caller's
	// transaction: if it commits, the offer will leave, wait or be kept as the
	// policy says, whatever happens to the process.
	Offer(tx *store.Tx, o event.Offer) error
	// Keep holds back what was offered and has not left, for good: what it was found
	// by came under a label that does not let it be passed on.
	Keep(tx *store.Tx, kind, id string, label policy.TLP) error
	// Handling is how the member marks a kind of message.
	Handling(kind string) policy.Handling
	// Wants reports whether candidates of findings of this level are offered at all.
	Wants(level string) bool
}

// Config is what a Service stands on.
type Config struct {
	DB     *store.DB
	Past   Past
	Gate   Gate
	Engine *Engine
	Clock  clock.Clock
	Log    *slog.Logger
	Realm  string
	// Member gives the node's member id; empty before it has joined.
	Member func() string
	// Own gives what belongs to the community.
	Own func() Own
	// Skew is the hub's clock minus ours; it is added to the instants that are told.
	Skew func() time.Duration
	// Tell is called after a finding was made or grew.
	Tell func()
	// Care counts what the rules find, and holds them to bounds; nil: nobody does.
	Care *Care
	// Correlator follows people and machines over events; nil: nobody does.
	Correlator *Correlator
	// HuntCores is how many processors a hunt uses at most; 0 is all.
	HuntCores int
}

// Service turns a node's events into findings.
type Service struct {
	db     *store.DB
	past   Past
	gate   Gate
	engine *Engine
	clock  clock.Clock
	log    *slog.Logger
	realm  string
	member func() string
	own    func() Own
	skew   func() time.Duration
	tell   func()
	care   *Care
	joined *Correlator

	mu   sync.Mutex         // one batch at a time
	open map[string]*active // under mu; findings that still grow, by rule and host

	taking    atomic.Int64 // batches of live events that are under way
	huntCores int
	huntMu    sync.Mutex
	hunting   Hunting // under huntMu

	owing   sync.Mutex
	owed    []match // under owing; hits of windows that are not written yet
	written int     // under owing; how many were written before those
}

// active is a finding that still grows.
type active struct {
	event.Finding
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
	if c.Tell == nil {
		c.Tell = func() {}
	}
	if c.Correlator != nil {
		c.Engine.who = c.Correlator.book.ResolveField
	}
	return &Service{db: c.DB, past: c.Past, gate: c.Gate, engine: c.Engine, clock: c.Clock, log: c.Log, realm: c.Realm,
		member: c.Member, own: c.Own, skew: c.Skew, tell: c.Tell, care: c.Care, joined: c.Correlator, huntCores: c.HuntCores, open: map[string]*active{}}
}

type match struct {
	ev  *event.Event
	hit Hit
}

func (m match) key() string { return m.by() + "\x00" + m.ev.Host }

// by names what matched. One id of a watchlist's source may stand for several
// values, each with findings of its own.
func (m match) by() string {
	if m.hit.List != nil {
		return m.hit.Rule.ID + " " + m.hit.Rule.Title
	}
	return m.hit.Rule.ID
}

// Take is the sink of every sensor: it keeps the events, matches them and
// writes the findings. When it returns nil everything is durable; after an
// error the same events are given again, which counts nothing twice.
func (s *Service) Take(ctx context.Context, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	s.taking.Add(1)
	defer s.taking.Add(-1)
	if s.joined != nil {
		s.joined.Prepare(events)
	}
	if _, err := s.past.Append(ctx, events); err != nil {
		return err
	}
	return s.settle(ctx, s.match(events))
}

// record writes matches as findings, in groups by rule and host.
func (s *Service) record(ctx context.Context, matches []match, past bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := map[string][]match{}
	var order []string
	for _, m := range matches {
		k := m.key()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	judged, err := s.judge(ctx, groups)
	if err != nil {
		return err
	}
	var ids []string
	next, hits := map[string]*active{}, map[string]tally{}
	err = s.db.Write(ctx, store.System("detect: record findings"), func(tx *store.Tx) error {
		ids, next, hits = ids[:0], map[string]*active{}, map[string]tally{}
		for _, k := range order {
			a, fresh, err := s.grow(tx, k, groups[k], past)
			if err != nil {
				return err
			}
			for _, m := range groups[k] {
				if !stays(m.hit.List) { // else what the past holds without findings would tell of it
					ids = append(ids, m.ev.ID)
					if m.hit.basis != nil {
						ids = append(ids, basisOf(m.hit.basis)...)
					}
				}
			}
			if a == nil || fresh == 0 {
				continue
			}
			next[k] = a
			if first := groups[k][0]; first.hit.byRule() {
				hits[first.hit.Rule.ID] = tally{first.hit.Rule.Title, hits[first.hit.Rule.ID].n + fresh}
			}
			if err := s.care.count(tx, groups[k][0], fresh, past); err != nil {
				return err
			}
			if err := s.publish(tx, a, groups[k], judged[k]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, a := range next {
		if !past {
			s.open[k] = a
		}
	}
	s.forget()
	if err := s.past.MarkFound(ctx, ids...); err != nil {
		return err
	}
	if !past {
		s.care.counted(ctx, hits)
	}
	if len(next) > 0 {
		s.tell()
	}
	return nil
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

// grow adds a group's events to its open finding, or makes one. fresh counts
// the events that were not in a finding of this rule before.
func (s *Service) grow(tx *store.Tx, key string, list []match, past bool) (*active, int, error) {
	now := s.clock()
	var a *active
	if !past {
		if old := s.open[key]; old != nil && now.Sub(old.touched) < growing {
			c := *old
			c.offered = map[string]bool{}
			for v := range old.offered {
				c.offered[v] = true
			}
			a = &c
		} else {
			var err error
			if a, err = s.recall(tx, list[0], now); err != nil {
				return nil, 0, err
			}
		}
	}
	isNew := a == nil
	if isNew {
		m := list[0]
		a = &active{offered: map[string]bool{}, Finding: event.Finding{ID: clock.NewID(), Member: s.member(), Realm: s.realm, Rule: m.hit.Rule,
			Indicator: m.hit.Indicator, List: m.hit.List, Host: m.ev.Host, User: m.ev.User, Matched: m.hit.Fields, Past: past,
			Sensed: m.ev.Seen.Add(s.skew()), Detected: now.Add(s.skew()), Handling: s.gate.Handling(event.KindFinding)}}
		if past { // a hunt senses nothing: its clock starts when it finds
			a.Sensed = a.Detected
		}
	}
	fresh := 0
	for _, m := range list {
		n, err := tx.Exec(`INSERT INTO finding_event (finding, rule, event, at, name, position) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT (rule, event) DO NOTHING`,
			a.ID, m.by(), m.ev.ID, clock.Micros(m.ev.Time), m.ev.From.Name, m.ev.From.Record)
		if err != nil {
			return nil, 0, err
		}
		if n == 0 {
			continue
		}
		fresh++
		a.take(m)
	}
	if fresh == 0 {
		return nil, 0, nil
	}
	a.Version++
	a.touched = now
	return a, fresh, save(tx, a.Finding, now)
}

// take widens the finding by one event.
func (a *active) take(m match) {
	a.Count++
	if a.First.IsZero() || m.ev.Time.Before(a.First) {
		a.First = m.ev.Time
	}
	if m.ev.Time.After(a.Last) {
		a.Last = m.ev.Time
	}
	if a.Indicator == "" {
		a.Indicator = m.hit.Indicator
	}
	if m.hit.List != nil { // the strictest marking binds, though the source change its mind
		l := *m.hit.List
		l.TLP = policy.Strictest(l.TLP, a.List.TLP)
		a.List = &l
		a.Handling.TLP = policy.Strictest(a.Handling.TLP, l.TLP)
	}
	if m.hit.Value != nil && !slices.Contains(a.Observables, *m.hit.Value) {
		a.Observables = append(a.Observables, *m.hit.Value)
	}
}

// recall finds a finding of the same rule and host that was open before a restart.
func (s *Service) recall(tx *store.Tx, m match, now time.Time) (*active, error) {
	rows, err := store.Query[row](tx, `SELECT `+columns+` FROM findings f WHERE f.rule = $1 AND f.host = $2 AND f.past = $3 AND f.member = $4 AND f.arrived > $5 AND f.title = $6 AND SCOPE(f) ORDER BY f.arrived DESC LIMIT 1`,
		m.hit.Rule.ID, m.ev.Host, false, s.member(), clock.Micros(now.Add(-growing)), m.hit.Rule.Title)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	f, err := rows[0].finding()
	if err != nil {
		return nil, err
	}
	a := &active{Finding: f, touched: rows[0].Arrived, offered: map[string]bool{}}
	old, err := store.Query[offerRow](tx, `SELECT finding, value, why, offered FROM finding_offer WHERE finding = $1`, f.ID)
	for _, o := range old {
		a.offered[o.Value] = true
		if o.Offered {
			a.given++
		}
	}
	return a, err
}

// publish offers the finding, a sighting if an indicator matched, and what is
// worth matching elsewhere.
func (s *Service) publish(tx *store.Tx, a *active, list []match, verdicts []verdict) error {
	was := len(a.Observables)
	if err := s.offerCandidates(tx, a, list, verdicts); err != nil {
		return err
	}
	if len(a.Observables) > was {
		if err := save(tx, a.Finding, a.touched); err != nil {
			return err
		}
	}
	f := a.Finding
	if stays(f.List) {
		return s.gate.Keep(tx, event.KindFinding, f.ID, f.List.TLP)
	}
	if err := s.gate.Offer(tx, event.Offer{Kind: event.KindFinding, ID: f.ID, Level: f.Rule.Level, Title: f.Rule.Title, Handling: f.Handling, Body: f}); err != nil {
		return err
	}
	if f.Indicator == "" {
		return nil
	}
	sg := event.Sighting{ID: f.ID, Member: f.Member, Indicator: f.Indicator, Realm: f.Realm, Count: f.Count, First: f.First, Last: f.Last, Past: f.Past,
		At: f.Detected, Handling: s.gate.Handling(event.KindSighting)}
	return s.gate.Offer(tx, event.Offer{Kind: event.KindSighting, ID: sg.ID, Level: f.Rule.Level, Title: f.Rule.Title, Handling: sg.Handling, Body: sg})
}

// Rules replaces the node's own rules.
func (s *Service) Rules(set *sigma.Set) { s.engine.SetRules(set) }

func words(f event.Finding) string {
	var b strings.Builder
	for _, w := range []string{f.Rule.Title, f.Rule.ID, f.Host, f.User, f.Indicator} {
		b.WriteString(strings.ToLower(w))
		b.WriteByte('\n')
	}
	for _, o := range f.Observables {
		b.WriteString(o.Value)
		b.WriteByte('\n')
	}
	b.WriteString(strings.ToLower(strings.Join(f.Rule.Tags, "\n")))
	return b.String()
}

func encode(f event.Finding) (string, error) {
	b, err := json.Marshal(f)
	return string(b), err
}
