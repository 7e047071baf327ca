package record

import (
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// active is a finding that still grows.
type active struct {
	msg.Finding
	touched    time.Time
	offered    map[string]bool // values that have a verdict
	candidates int             // how many were offered
}

// growing is how long after its last event a finding still takes more in.
const growing = time.Hour

// grow adds a group's events, but for those that were seen in a finding of this rule
// before, to its open finding, or makes one.
func (r *Recorder) grow(
	tx *store.Tx, key string, list []match.Found, seen map[finding.RuleEvent]bool, retro bool, now time.Time,
) (a *active, fresh []match.Found, err error) {
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
		if old := r.open[key]; old != nil && now.Sub(old.touched) < growing {
			c := *old
			c.offered = map[string]bool{}
			for v := range old.offered {
				c.offered[v] = true
			}
			a = &c
		} else {
			if a, err = r.recall(tx, list[0], now); err != nil {
				return nil, nil, err
			}
		}
	}
	isNew := a == nil
	if isNew {
		m := list[0]
		a = &active{
			offered: map[string]bool{},
			Finding: msg.Finding{Member: r.member(), Listed: m.Hit.List, Finding: wire.Finding{
				ID: clock.NewID(), Realm: r.realm, Rule: m.Hit.Rule, Indicator: m.Hit.Indicator, Host: m.Event.Host,
				User:    m.Event.User,
				Matched: m.Hit.Fields, Retro: retro, Sensed: m.Event.Seen.Add(r.skew()), Detected: now.Add(r.skew()),
				Handling: r.outgoing.Handling(wire.KindFinding)}},
		}
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
func (r *Recorder) recall(tx *store.Tx, m match.Found, now time.Time) (*active, error) {
	f, found, err := finding.Growing(tx, r.member(), m.Hit.Rule, m.Event.Host, now.Add(-growing))
	if err != nil || !found {
		return nil, err
	}
	a := &active{Finding: f.Finding, touched: f.Arrived, offered: map[string]bool{}}
	old, err := finding.Verdicts(tx, f.ID)
	for _, o := range old {
		a.offered[o.Value] = true
		if o.Offered {
			a.candidates++
		}
	}
	return a, err
}

// offersOf appends the offer of a finding, and of a sighting if an indicator matched.
func (r *Recorder) offersOf(list []msg.Offer, f msg.Finding) []msg.Offer {
	o := msg.Offer{
		ID: f.ID, Level: f.Rule.Level, Title: f.Rule.Title, Handling: f.Handling, Body: f.Finding,
		First: f.Version == 1,
	}
	if f.Listed != nil {
		o.Origin = &f.Listed.TLP
	}
	list = append(list, o)
	if f.Indicator == "" {
		return list
	}
	sg := wire.Sighting{
		ID:        f.ID,
		Indicator: f.Indicator,
		Realm:     f.Realm,
		Count:     f.Count,
		First:     f.First,
		Last:      f.Last,
		Retro:     f.Retro,
		At:        f.Detected,
		Handling:  r.outgoing.Handling(wire.KindSighting),
	}
	o.Handling, o.Body, o.Origin = sg.Handling, sg, nil
	return append(list, o)
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
		out = append(
			out,
			finding.FoundEvent{
				Finding: a.ID, RuleEvent: ref(m), At: m.Event.Time, Name: m.Event.From.Name,
				Record: m.Event.From.Record,
			},
		)
	}
	return out
}
