package finding

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Bounds of what a member may send in one finding.
const (
	maxText = 1000
	maxTags = 64
)

// Receive keeps, at the hub, a finding from an authenticated member, in the caller's
// transaction. What it says about its sender is overwritten, never believed. A
// version that is here already changes nothing.
func Receive(tx *store.Tx, member string, body []byte) error {
	var f msg.Finding
	if err := json.Unmarshal(body, &f.Finding); err != nil {
		return fault.Coded(fault.HubBadFinding, err)
	}
	now := tx.Now()
	if err := Accept(&f, member, now); err != nil {
		return err
	}
	old, err := store.Query[versionRow](tx, `SELECT f.version, f.member, f.arrived FROM findings f WHERE f.id = $1
		AND SCOPE(f)`, f.ID)
	if err != nil {
		return err
	}
	arrived := now
	if len(old) > 0 {
		if old[0].Member != member {
			return fault.Coded(fault.HubFindingTaken, nil)
		}
		if old[0].Version >= f.Version {
			return nil
		}
		arrived = old[0].Arrived
	}
	if err := Save(tx, arrived, f); err != nil {
		return err
	}
	return tx.Emit(msg.TopicFinding, fmt.Sprintf("%s:%d", f.ID, f.Version), f)
}

type versionRow struct {
	Version int       `db:"version"`
	Member  string    `db:"member"`
	Arrived time.Time `db:"arrived"`
}

// Accept checks and bounds a finding that came over the wire.
func Accept(f *msg.Finding, member string, now time.Time) error {
	bad := func(what string) error {
		return fault.Coded(fault.HubFindingField, nil, what)
	}
	switch {
	case f.ID == "" || len(f.ID) > 100:
		return bad("id")
	case f.Version < 1 || f.Version > wire.MaxCount:
		return bad("version")
	case f.Rule.ID == "" || len(f.Rule.ID) > 200:
		return bad("rule.id")
	case f.Count < 1 || f.Count > wire.MaxCount:
		return bad("count")
	case len(f.Indicator) > 200:
		return bad("indicator")
	}
	f.Member, f.Listed = member, nil
	f.Handling = policy.FromMember(f.Handling, member)
	f.Rule.Title = event.Clip(f.Rule.Title, maxText)
	f.Rule.Author = event.Clip(f.Rule.Author, maxText)
	f.Rule.License = event.Clip(f.Rule.License, maxText)
	if !slices.Contains([]string{"informational", "low", "medium", "high", "critical"}, f.Rule.Level) {
		f.Rule.Level = "medium" // what a rule is that does not say
	}
	f.Rule.Tags = f.Rule.Tags[:min(len(f.Rule.Tags), maxTags)]
	f.Matched = f.Matched[:min(len(f.Matched), wire.MaxMatched)]
	for i := range f.Matched {
		f.Matched[i].Field = event.Clip(f.Matched[i].Field, 255)
		f.Matched[i].Value = event.Clip(f.Matched[i].Value, wire.MaxValue)
	}
	for i := range f.Rule.Tags {
		f.Rule.Tags[i] = event.Clip(f.Rule.Tags[i], 200)
	}
	f.Observables = canonical(f.Observables)
	f.Host, f.User, f.Realm = event.Clip(f.Host, 255), event.Clip(f.User, 255), event.Clip(f.Realm, 100)
	f.Sensed, f.Detected = event.PlausibleTime(f.Sensed, now), event.PlausibleTime(f.Detected, now)
	return nil
}

// canonical keeps the values that are what they say they are, as they are matched.
func canonical(list []event.Observable) []event.Observable {
	var out []event.Observable
	for _, o := range list {
		if v, ok := event.Canonical(o.Type, o.Value); ok && len(v) <= wire.MaxValue && len(out) < wire.MaxObservables {
			out = append(out, event.Observable{Type: o.Type, Value: v})
		}
	}
	return out
}
