// Package record writes what matched as findings, and works out what of them is worth
// offering to the others.
package record

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Outgoing is the queue of what leaves the node, with the member's policy on it.
type Outgoing interface {
	// Offer hands over what the node would tell the hub, in the caller's
	// transaction: if it commits, the offer will leave, wait or be kept as the
	// policy says, whatever happens to the process.
	Offer(tx *store.Tx, list ...msg.Offer) error
	// Withhold holds back what was offered and has not left, for good: what it was found
	// by came under a label that does not let it be passed on.
	Withhold(tx *store.Tx, kind wire.Kind, id string, label policy.TLP) error
	// Handling is how the member marks a kind of message.
	Handling(kind wire.Kind) policy.Handling
	// OffersCandidates reports whether candidates of findings of this level are offered at all.
	OffersCandidates(level string) bool
}

// History is the node's past, as far as a Recorder needs it.
type History interface {
	// Append keeps events durably; it is idempotent by Event.ID.
	Append(ctx context.Context, events []*event.Event) (fresh []*event.Event, err error)
	// Prevalence counts in how much of the past without findings a value occurs, before a time.
	Prevalence(ctx context.Context, o event.Observable, before time.Time) (history.Prevalence, error)
	// ByIDs returns the events with these ids that happened between two times.
	ByIDs(ctx context.Context, first, last time.Time, ids ...string) ([]*event.Event, error)
	// SetFound says that these events are no ordinary past.
	SetFound(ctx context.Context, ids ...string) error
}

// Config is what a Recorder stands on.
type Config struct {
	DB       *store.DB
	History  History
	Outgoing Outgoing
	Engine   *match.Engine
	Clock    clock.Clock
	Log      *slog.Logger
	Realm    string
	// Member returns the node's member id; empty before it has joined.
	Member func() string
	// Assets returns what belongs to the community.
	Assets func() exclusion.CommunityAssets
	// Skew is the hub's clock minus ours; it is added to the instants that are told. Nil: none.
	Skew func() time.Duration
	// Notify is called after a finding was made or grew; may be nil.
	Notify func()
	// Health counts what the rules find, and keeps them within bounds; nil: nothing does.
	Health *rulehealth.Health
	// Correlator follows people and machines over events; nil: nobody does.
	Correlator *correlation.Correlator
}

// Recorder turns matches into findings. It is safe for concurrent use.
type Recorder struct {
	db         *store.DB
	history    History
	outgoing   Outgoing
	engine     *match.Engine
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

	pendingMu sync.Mutex
	pending   []match.Found // under pendingMu; hits of windows that are not written yet
	flushed   int           // under pendingMu; how many were written before those
}

// New returns a Recorder.
func New(c Config) *Recorder {
	if c.Skew == nil {
		c.Skew = func() time.Duration { return 0 }
	}
	if c.Notify == nil {
		c.Notify = func() {}
	}
	return &Recorder{
		db: c.DB, history: c.History, outgoing: c.Outgoing, engine: c.Engine, clock: c.Clock, log: c.Log,
		realm:  c.Realm,
		member: c.Member, assets: c.Assets, skew: c.Skew, notify: c.Notify, health: c.Health, correlator: c.Correlator,
		open: map[string]*active{},
	}
}

// Retro writes what a search of the past found as findings, and returns the
// ids of the events that are to be marked as found.
func (r *Recorder) Retro(ctx context.Context, list []match.Found) ([]string, error) {
	return r.write(ctx, list, true)
}

// live writes live matches as findings, and says so of their events.
func (r *Recorder) live(ctx context.Context, matches []match.Found) error {
	ids, err := r.write(ctx, matches, false)
	if err != nil {
		return err
	}
	return r.history.SetFound(ctx, ids...)
}

// write writes matches as findings, in groups by rule and host, and gives the ids of
// the events that are to be marked as found.
func (r *Recorder) write(ctx context.Context, matches []match.Found, retro bool) (ids []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	groups := map[string][]match.Found{}
	var order []string
	for _, m := range matches {
		k := m.Key()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	values, err := r.distinctiveValues(ctx, groups)
	if err != nil {
		return nil, err
	}
	next, hits := map[string]*active{}, map[string]rulehealth.Hits{}
	err = r.db.Write(ctx, store.System("detect: record findings"), func(tx *store.Tx) error {
		ids, next, hits = ids[:0], map[string]*active{}, map[string]rulehealth.Hits{}
		seen, err := traced(tx, matches)
		if err != nil {
			return err
		}
		b := batch{now: r.clock()}
		for _, k := range order {
			a, fresh, err := r.grow(tx, k, groups[k], seen, retro, b.now)
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
				hits[first.Hit.Rule.ID] = rulehealth.Hits{
					Title: first.Hit.Rule.Title, N: hits[first.Hit.Rule.ID].N + len(fresh),
				}
				if err := r.health.Count(tx, first.Hit.Rule.ID, len(fresh), retro); err != nil {
					return err
				}
			}
			if err := r.offerCandidates(tx, a, groups[k], values[k]); err != nil {
				return err
			}
			b.findings, b.traces = append(b.findings, a.Finding), append(b.traces, a.trace(fresh)...)
		}
		return r.writeBatch(tx, &b)
	})
	if err != nil {
		return nil, err
	}
	for k, a := range next {
		if !retro {
			r.open[k] = a
		}
	}
	r.forget()
	if !retro {
		r.health.Counted(ctx, hits)
	}
	if len(next) > 0 {
		r.notify()
	}
	return ids, nil
}

// forget drops findings that no longer grow from memory.
func (r *Recorder) forget() {
	limit := r.clock().Add(-growing)
	for k, a := range r.open {
		if a.touched.Before(limit) {
			delete(r.open, k)
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
func (r *Recorder) writeBatch(tx *store.Tx, b *batch) error {
	if err := finding.Save(tx, b.now, b.findings...); err != nil {
		return err
	}
	if err := finding.SaveTraces(tx, b.traces); err != nil {
		return err
	}
	var offers []msg.Offer
	for _, f := range b.findings {
		if f.Listed.Stays() {
			if err := r.outgoing.Withhold(tx, wire.KindFinding, f.ID, f.Listed.TLP); err != nil {
				return err
			}
			continue
		}
		offers = r.offersOf(offers, f)
	}
	return r.outgoing.Offer(tx, offers...)
}
