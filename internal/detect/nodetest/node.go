// Package nodetest is what the tests of detect's rooms stand on: a node's store,
// history, engine, recorder and search of the past, without the service that conducts
// them, and a queue that keeps what would leave.
package nodetest

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/record"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// Member is the member whose node it is.
const Member = "power"

// Assets is what belongs to the community.
func Assets() exclusion.CommunityAssets {
	return exclusion.CommunityAssets{
		Domains: []string{"power.example.jp"}, Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
	}
}

// Node is a node as the rooms of detect see it, with the rules of detecttest.RulesText.
type Node struct {
	*hunt.Searcher
	detecttest.Events

	DB     *store.DB
	Past   *history.History
	Engine *match.Engine
	Queue  *Queue
	Health *rulehealth.Health
	Clock  clock.Clock
	Hand   *clock.Hand
}

// Each runs body on a new node for each database there is.
func Each(t *testing.T, body func(t *testing.T, n *Node)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		now, hand := clock.Fixed(detecttest.Start)
		db := storetest.Open(t, url, Migrations(), storetest.Clock(now))
		past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = past.Close() })
		body(t, Open(t, db, past, now, hand))
	})
}

// Migrations is the schema of findings and of the health of rules.
func Migrations() storetest.Option {
	return storetest.With(finding.Migration(), rulehealth.Migration(), pool.Migration())
}

// Open returns a node on a store and a history.
func Open(t *testing.T, db *store.DB, past *history.History, now clock.Clock, hand *clock.Hand) *Node {
	t.Helper()
	n := &Node{DB: db, Past: past, Engine: match.NewEngine(now), Queue: &Queue{}, Clock: now, Hand: hand}
	n.Engine.SetRules(detecttest.Rules(t, detecttest.RulesText))
	n.UseHealth(nil)
	return n
}

// UseHealth lets a Health count what is found from now on; nil: nobody does.
func (n *Node) UseHealth(h *rulehealth.Health) {
	log := slog.New(slog.DiscardHandler)
	n.Health = h
	recorder := record.New(record.Config{
		DB: n.DB, History: n.Past, Outgoing: n.Queue, Engine: n.Engine, Clock: n.Clock, Log: log, Realm: event.Live,
		Member: func() string { return Member }, Assets: Assets, Health: h,
	})
	n.Searcher = &hunt.Searcher{
		History: n.Past, Engine: n.Engine, Recorder: recorder, Clock: n.Clock, Log: log,
		Busy: func() bool { return false },
	}
}

// Take keeps events, matches them and writes what is found.
func (n *Node) Take(t *testing.T, events ...*event.Event) {
	t.Helper()
	if _, err := n.Past.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	var found []match.Found
	for _, ev := range events {
		n.Engine.Match(ev, func(h match.Hit) {
			switch {
			case h.Window:
				n.Recorder.Enqueue(match.Found{Event: ev, Hit: h})
			case !h.Quiet:
				found = append(found, match.Found{Event: ev, Hit: h})
			}
		})
	}
	if err := n.Recorder.Settle(t.Context(), found); err != nil {
		t.Fatal(err)
	}
}

// Beacon returns a connection that the first rule matches.
func (n *Node) Beacon(ip string) *event.Event {
	return n.Event("network_connection", detecttest.Start,
		map[string]any{"Initiated": "true", "Image": `C:\Users\x\bad.exe`, "DestinationIp": ip})
}

// Noise returns a name resolution that the third rule matches.
func (n *Node) Noise() *event.Event {
	return n.Event("dns_query", n.Clock(), map[string]any{"QueryName": "noise.example.net"})
}

// Findings returns the node's findings, the newest first.
func (n *Node) Findings(t *testing.T) []finding.Item {
	t.Helper()
	return Findings(t, n.DB)
}

// Findings returns the findings in a store, the newest first.
func Findings(t *testing.T, db *store.DB) []finding.Item {
	t.Helper()
	var page list.Page[finding.Item]
	err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		page, err = finding.List(tx, list.Ask{Limit: 100})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Rows
}

// FindingsByRule returns the node's findings in the order of their rules.
func (n *Node) FindingsByRule(t *testing.T) []finding.Item {
	t.Helper()
	out := n.Findings(t)
	slices.SortFunc(out, func(a, b finding.Item) int {
		return slices.Compare([]string{a.Rule.ID, a.Rule.Title}, []string{b.Rule.ID, b.Rule.Title})
	})
	return out
}

// Traces returns the events of a finding.
func (n *Node) Traces(t *testing.T, id string) (out []finding.Trace) {
	t.Helper()
	err := n.DB.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = finding.Traces(tx, id, 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Arm arms an indicator with a STIX pattern.
func (n *Node) Arm(t *testing.T, number int, pattern string) match.Armed {
	t.Helper()
	a, err := match.Read(detecttest.PatternIndicator(t, number, pattern))
	if err == nil {
		err = n.Engine.Arm(a)[0]
	}
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	return a
}

// Watch gives the node a watchlist with these entries.
func (n *Node) Watch(t *testing.T, entries ...watchlist.Entry) *watchlist.List {
	t.Helper()
	l, err := watchlist.Open(t.TempDir(), watchlist.Options{Clock: n.Clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.Add(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
	n.Engine.Watch(l, func(err error) { t.Error(err) })
	return l
}
