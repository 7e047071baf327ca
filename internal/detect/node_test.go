package detect

import (
	"log/slog"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

// node is a node's detection as a whole.
type node struct {
	*Service
	detecttest.Events

	db     *store.DB
	past   *history.History
	queue  *nodetest.Queue
	health *rulehealth.Health
	hand   *clock.Hand
}

func openNode(t *testing.T, db *store.DB, past *history.History, now clock.Clock, hand *clock.Hand) *node {
	t.Helper()
	n := &node{db: db, past: past, queue: &nodetest.Queue{}, hand: hand}
	e := match.NewEngine(now)
	e.SetRules(detecttest.Rules(t, detecttest.RulesText))
	n.conduct(e, now, nil)
	return n
}

// conduct makes the node's service.
func (n *node) conduct(e *match.Engine, now clock.Clock, k *correlation.Correlator) {
	n.Service = New(Config{
		DB: n.db, Past: n.past, Outgoing: n.queue, Engine: e, Clock: now, Log: slog.New(slog.DiscardHandler),
		Realm: event.Live, Member: func() string { return nodetest.Member }, Assets: nodetest.Assets,
		Health: n.health, Correlator: k,
	})
}

// correlate gives the node a correlator that keeps its state in a folder.
func (n *node) correlate(t *testing.T, dir string) {
	t.Helper()
	k := correlation.New(correlation.Config{Dir: dir, Clock: n.clock, Log: slog.New(slog.DiscardHandler)})
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	n.conduct(n.engine, n.clock, k)
}

// countHealth lets a Health count what the node finds.
func (n *node) countHealth(t *testing.T) *rulehealth.Health {
	t.Helper()
	n.health = nodetest.RuleHealth(t, rulehealth.Config{DB: n.db, Outgoing: n.queue, Engine: n.engine, Clock: n.clock})
	n.conduct(n.engine, n.clock, n.correlator)
	return n.health
}

func eachNode(t *testing.T, body func(t *testing.T, n *node)) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		now, hand := clock.Fixed(detecttest.Start)
		db := storetest.Open(t, url, storetest.With(Migrations()...), storetest.Clock(now))
		past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = past.Close() })
		body(t, openNode(t, db, past, now, hand))
	})
}

func (n *node) event(category string, at time.Time, fields map[string]any) *event.Event {
	return n.Event(category, at, fields)
}

// beacon is a connection that the first rule matches.
func (n *node) beacon(ip string) *event.Event {
	return n.event("network_connection", detecttest.Start,
		map[string]any{"Initiated": "true", "Image": `C:\Users\x\bad.exe`, "DestinationIp": ip})
}

func (n *node) take(t *testing.T, list ...*event.Event) {
	t.Helper()
	if err := n.Take(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

func (n *node) findings(t *testing.T) []finding.Item { return nodetest.Findings(t, n.db) }
