package match

import (
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/watermark"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

// Bounds of the correlations that the community shares. Each has an engine of its
// own, so that none can push what our own correlations or another one keep out of
// memory.
const (
	maxCorrelations   = 64
	correlationMemory = 8 << 20 // bytes of one
	MaxBundle         = 200     // rules and correlations of one
	maxSince          = 20_000  // events that wait while one is filled with the past
	maxDepth          = 3650 * 24 * time.Hour
)

// SharedCorrelation is a correlation that the community shared, with all that it is built on,
// and its live state.
type SharedCorrelation struct {
	set  *sigma.Set
	root *sigma.Correlation
	text string // canonical

	mu        sync.Mutex
	engine    *correlate.Engine   // under mu; nil until it is armed
	watermark watermark.Watermark // under mu
	refills   int                 // under mu; refills under way
	since     []correlate.Match   // under mu; what came while they are
}

// readCorrelation takes a set that is one correlation with what it is built on.
func readCorrelation(set *sigma.Set, text string) (*SharedCorrelation, error) {
	roots := set.Roots()
	if len(roots) != 1 || len(set.Filters) > 0 {
		return nil, fault.New(
			fault.Unsupported,
			i18n.T(
				"the indicator does not hold one Sigma rule, or one correlation with its rules",
				"この指標に含まれるのは、1件の Sigma ルールでも、1件の相関ルールとその基礎ルールでもありません",
			),
		)
	}
	rules, inner := roots[0].Below()
	switch n := len(set.Rules) + len(set.Correlations); {
	case len(rules) != len(set.Rules) || len(inner)+1 != len(set.Correlations):
		return nil, fault.New(
			fault.Unsupported,
			i18n.T(
				"the indicator holds rules that its correlation does not refer to",
				"この指標には、相関ルールから参照されていないルールが含まれています",
			),
		)
	case n > MaxBundle:
		return nil, fault.New(
			fault.Unsupported,
			i18n.T(
				"a correlation on more than {0} rules is not taken",
				"{0} 件を超えるルールにもとづく相関ルールは受け付けません",
			).With(MaxBundle),
		)
	}
	j := &SharedCorrelation{set: set, root: roots[0], text: sigma.Canonical(text)}
	if _, err := correlate.New(set, correlate.Config{}); err != nil {
		return nil, fault.Wrap(
			fault.Unsupported,
			i18n.T(
				"the correlation in this indicator cannot be used: {0}", "この指標の相関ルールは使用できません：{0}",
			).With(err.Error()),
			err,
		)
	}
	return j, nil
}

// Resolver says who stands behind a value, as correlate.Config.Resolve does.
type Resolver func(field, value string, at time.Time) string

// Fresh makes an engine for it. Events of any time may wait in it; what is decided
// is for the caller to say. now may be nil: then no time is too far ahead.
func (j *SharedCorrelation) Fresh(memory int64, who Resolver, now clock.Clock) *correlate.Engine {
	e, err := correlate.New(
		j.set,
		correlate.Config{
			Lateness: watermark.Reach, MaxMemory: memory, Resolve: who, Now: now, MaxAhead: watermark.MaxAhead,
		},
	)
	if err != nil {
		return nil // readCorrelation has tried
	}
	return e
}

// start makes it live; one that is stays as it is.
func (j *SharedCorrelation) start(who Resolver, now clock.Clock) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.engine == nil {
		j.engine = j.Fresh(correlationMemory, who, now)
	}
}

// Feed takes a match of one of its base rules.
func (j *SharedCorrelation) Feed(r *sigma.Rule, ev *event.Event, now time.Time) []*correlate.Alert {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.engine == nil {
		return nil
	}
	j.watermark.Observe(ev.Time, now)
	m := MatchOf(r, ev)
	if j.refills > 0 {
		if j.since = append(j.since, m); len(j.since) > 2*maxSince {
			j.since = slices.Clone(j.since[len(j.since)-maxSince:])
		}
	}
	return j.engine.Add(m)
}

// MatchOf returns the match of a base rule as correlations take it.
func MatchOf(r *sigma.Rule, ev *event.Event) correlate.Match {
	return correlate.Match{Rule: r, Time: ev.Time, Event: ev.ID, Fields: ev}
}

// Advance returns the alerts that are certain now, as Correlator.Tick does; all takes
// everything that came for decided.
func (j *SharedCorrelation) Advance(now time.Time, all bool) []*correlate.Alert {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.watermark.Decided(now, all)
	if j.engine == nil || !ok {
		return nil
	}
	return j.engine.Advance(at.Add(1 + watermark.Reach))
}

// Depth is how far before now what it keeps may lie.
func (j *SharedCorrelation) Depth() time.Duration {
	var sum time.Duration
	for _, c := range j.set.Correlations { // in a chain one after the other; what must be absent is waited for
		if sum += 2 * c.Timespan; sum > maxDepth {
			return maxDepth
		}
	}
	return sum + watermark.Lateness
}

// left counts what was not kept or not used.
func (j *SharedCorrelation) left() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.engine == nil {
		return 0
	}
	return Lost(j.engine.Stats())
}

// stats tells what its correlations keep.
func (j *SharedCorrelation) stats() []correlate.CorrelationStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.engine == nil {
		return nil
	}
	return j.engine.Stats().Correlations
}

// Lost is what an alert may be missing for.
func Lost(s correlate.Stats) int64 {
	return s.Late + s.Ahead + s.Overflowed + s.Evicted + s.LeftOut
}

// Base is a rule that a shared correlation is built on.
type Base struct {
	At          int    // of the correlation, as the caller counts
	Indicator   string // of its indicator
	Correlation *SharedCorrelation
	Rule        *sigma.Rule // the one that the correlation holds
}

// BaseRules matches the base rules of several correlations, each text once.
type BaseRules struct {
	Rules []*sigma.Rule
	Index *RuleIndex
	of    map[*sigma.Rule][]Base
}

// NewBaseRules makes one, but of rules that are to be skipped. It compiles nothing.
func NewBaseRules(list []*Armed, which []int, skip map[string]bool) *BaseRules {
	b := &BaseRules{of: map[*sigma.Rule][]Base{}}
	same := map[string]*sigma.Rule{}
	for _, i := range which {
		j := list[i].Correlation
		for _, r := range j.set.Rules {
			if skip[r.Key()] {
				continue
			}
			text := r.Key() + "\x00" + string(r.Source)
			one := same[text]
			if one == nil {
				one = r
				same[text], b.Rules = r, append(b.Rules, r)
			}
			b.of[one] = append(b.of[one], Base{i, list[i].ID, j, r})
		}
	}
	return b
}

// Match yields the base rules that match, for each correlation that they belong to.
func (b *BaseRules) Match(ev *event.Event, yield func(Base, *sigma.Match)) {
	b.Index.match(ev, func(m *sigma.Match) {
		for _, x := range b.of[m.Rule] {
			yield(x, m)
		}
	})
}

// CorrelationRef names a correlation for a finding.
func CorrelationRef(c *sigma.Correlation) wire.RuleRef {
	return wire.RuleRef{
		ID: c.Key(), Title: c.Title, Author: c.Author, License: c.License, Level: string(c.Level), Tags: c.Tags,
	}
}

// Refill begins to fill a new engine with the past: what comes from now on is kept
// for it.
func (j *SharedCorrelation) Refill(who Resolver, now func() time.Time) *correlate.Engine {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refills++
	return j.Fresh(correlationMemory, who, now)
}

// Refilled ends it, and puts the new engine in the place of the old one. What both
// have seen gives the same alerts, which count once.
func (j *SharedCorrelation) Refilled(fresh *correlate.Engine, whole bool) (alerts []*correlate.Alert) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refills--
	since := j.since
	if j.refills == 0 {
		j.since = nil
	}
	if !whole || j.engine == nil {
		return nil
	}
	for _, m := range since {
		alerts = append(alerts, fresh.Add(m)...)
	}
	j.engine = fresh
	return alerts
}
