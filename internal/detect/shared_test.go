package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma/correlate"
)

const (
	failsBase = "title: A failure\nname: failure\nid: 88888888-8888-4888-8888-000000000001\nauthor: B. Ase\n" +
		"level: low\nlogsource: {product: windows, category: authentication}\n" +
		"detection:\n  s: {EventID: 4625}\n  condition: s\n"
	failsRule = "title: Many failures\nid: 88888888-8888-4888-8888-000000000002\nauthor: C. Orr\nlevel: high\n" +
		"correlation:\n  type: event_count\n  rules: [failure]\n  group-by: [Computer]\n  timespan: 30m\n " +
		" condition: " +
		"{gte: 3}\n"
	failsText = failsBase + "---\n" + failsRule
	failsID   = "88888888-8888-4888-8888-000000000002"
)

// correlating gives a node a correlator, with rules of its own.
func correlating(t *testing.T, n *node, own string) {
	t.Helper()
	n.engine.SetRules(ruleSet(t, own))
	n.correlate(t, t.TempDir())
}

// failure is a sign-in that failed.
func (n *node) failure(at time.Time, fields ...any) *event.Event {
	all := map[string]any{"EventID": int64(4625), "Computer": "dc1"}
	for i := 0; i < len(fields); i += 2 {
		all[fields[i].(string)] = fields[i+1]
	}
	return n.event("authentication", at, all)
}

// settled lets everything that came be decided.
func (n *node) settled(t *testing.T) {
	t.Helper()
	if err := n.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (n *node) arms(t *testing.T, id, text string) match.Armed {
	t.Helper()
	a, err := match.Read(detecttest.Indicator(t, text, "sigma"))
	if err != nil {
		t.Fatal(err)
	}
	a.ID = id
	if err := n.engine.Arm(a)[0]; err != nil {
		t.Fatal(err)
	}
	return a
}

func (n *node) sightings() (list []string) {
	for _, o := range n.queue.Offers {
		if s, ok := o.Body.(wire.Sighting); ok {
			list = append(list, s.Indicator)
		}
	}
	return list
}

// told lists findings as rule, indicator, count.
func (n *node) told(t *testing.T) (list []string) {
	t.Helper()
	for _, f := range n.findings(t) {
		list = append(list, fmt.Sprintf("%s %s %d %v", f.Rule.Title, f.Indicator, f.Count, f.Retro))
	}
	slices.Sort(list)
	return list
}

// A correlation that was shared is live beside our own: its base rules make no
// finding, what it finds is told as a sighting and not offered on, and who wrote it
// is said. When it comes and goes, our own goes on from where it stood.
func TestSharedLive(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		own := strings.NewReplacer(
			"88888888-8888-4888-8888", "99999999-9999-4999-8999", "Many failures", "Our own", "gte: 3", "gte: 5",
			"A failure", "Our failure",
		).Replace(failsText)
		correlating(t, n, own)
		at := detecttest.Start
		fails := func(k int) {
			t.Helper()
			for range k {
				n.take(t, n.failure(at))
				at = at.Add(time.Second)
			}
		}
		fails(2) // two of our own five
		n.arms(t, "indicator--1", failsText)
		fails(2)
		n.engine.Disarm("indicator--1")
		n.arms(t, "indicator--1", failsText)
		fails(1) // our own five; of the shared one too few since it was armed again
		n.settled(t)
		if diff := cmp.Diff([]string{"Our own  1 false"}, n.told(t)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		// A new version of the same keeps what it has seen.
		n.hand.Add(2 * time.Hour)
		at = detecttest.Start.Add(2 * time.Hour)
		fails(2)
		n.arms(t, "indicator--1", strings.ReplaceAll(failsText, "\n", "\r\n"))
		fails(1)
		n.settled(t)
		if diff := cmp.Diff([]string{"Many failures indicator--1 1 false", "Our own  1 false"}, n.told(t)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		i := slices.IndexFunc(n.findings(t), func(f finding.Item) bool { return f.Rule.ID == failsID })
		if f := n.findings(t)[i]; f.Rule.Author != "C. Orr" || f.Host != "dc1" || f.Rule.Level != "high" {
			t.Errorf("%+v", f)
		}
		if got := n.sightings(); !slices.Equal(got, []string{"indicator--1"}) {
			t.Errorf("sightings of %v", got)
		}
		if got := n.queue.Candidates(); len(got) != 1 || !strings.HasPrefix(got[0], "sigma:99999999") {
			t.Errorf("offered %v", got)
		}
		// What is decided after it was taken back is no finding any more; nor after its end.
		n.hand.Add(2 * time.Hour)
		at = detecttest.Start.Add(4 * time.Hour)
		fails(3)
		n.engine.Disarm("indicator--1")
		n.settled(t)
		a, err := match.Read(detecttest.Indicator(t, failsText, "sigma"))
		if err != nil {
			t.Fatal(err)
		}
		a.ValidUntil = detecttest.Start.Add(-time.Minute)
		n.engine.Arm(a)
		n.hand.Add(2 * time.Hour)
		at = detecttest.Start.Add(6 * time.Hour)
		fails(3)
		n.settled(t)
		if got := n.told(t); len(got) != 2 {
			t.Errorf("after its end: %v", got)
		}
	})
}

// A correlation that we have ourselves makes one finding, which says that it is the
// shared one too. One with the same id that says something else is matched beside it.
func TestSharedOfOurOwn(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		correlating(t, n, failsText)
		n.arms(t, "indicator--1", failsText+"\n\n")
		n.arms(t, "indicator--2", strings.Replace(failsText, "gte: 3", "gte: 2", 1))
		n.take(t, n.failure(detecttest.Start), n.failure(detecttest.Start.Add(time.Second)))
		n.settled(t)
		if diff := cmp.Diff([]string{"Many failures indicator--2 1 false"}, n.told(t)); diff != "" {
			t.Fatalf("two of three (-want +got):\n%s", diff)
		}
		n.hand.Add(2 * time.Hour)
		later := detecttest.Start.Add(2 * time.Hour)
		n.take(t, n.failure(later), n.failure(later), n.failure(later))
		n.settled(t)
		got := n.told(t)
		if len(got) != 2 || !slices.ContainsFunc(
			got, func(s string) bool { return strings.Contains(s, "indicator--1") },
		) && !slices.Contains(got, "Many failures indicator--2 1 false") {
			t.Errorf("%v", got)
		}
	})
}

// What cannot be taken as a whole is refused with the reason, and nothing of it armed.
func TestSharedRefused(t *testing.T) {
	other := strings.NewReplacer("000000000001", "000000000003", "name: failure", "name: other").Replace(failsBase)
	for name, tt := range map[string]struct{ text, want string }{
		"a base rule with a placeholder": {
			strings.Replace(failsText, "EventID: 4625", "User|expand: '%admins%'", 1), "admins",
		},
		"a base rule that is not understood": {
			strings.Replace(failsText, "EventID: 4625", "EventID|nonsense: 4625", 1), "nonsense",
		},
		"a base rule that is not there": {failsRule, "failure"},
		"a rule that nobody refers to":  {failsText + "---\n" + other, "does not refer to"},
		"two correlations": {
			failsText + "---\n" + strings.Replace(failsRule, "000000000002", "000000000004", 1), "one correlation",
		},
		"a filter": {
			failsText + "---\ntitle: F\nid: 88888888-8888-4888-8888-000000000009\nlogsource: {product: windows}\n" +
				"filter:\n  rules: [failure]\n  s: {User: x}\n  condition: not s\n",
			"one correlation",
		},
		"two rules": {failsBase + "---\n" + other, "one Sigma rule"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := match.Read(detecttest.Indicator(t, tt.text, "sigma"))
			if !fault.Is(err, fault.Unsupported) || !strings.Contains(fault.TextOf(err).EN, tt.want) {
				t.Errorf("%v, want a refusal that says %q", err, tt.want)
			}
		})
	}
	e := match.NewEngine(func() time.Time { return detecttest.Start })
	for i := range 64 + 1 {
		a, err := match.Read(detecttest.Indicator(t, failsText, "sigma"))
		if err != nil {
			t.Fatal(err)
		}
		a.ID = fmt.Sprint("indicator--", i)
		if err := e.Arm(a)[0]; (err != nil) != (i == 64) {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

// A hunt comes to what the correlation comes to with all events in order, however
// they lie in the past; again and live it counts nothing twice.
func TestSharedHunt(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		correlating(t, n, detecttest.RulesText)
		ordered := "title: Then in\nid: 88888888-8888-4888-8888-000000000005\nlevel: high\n" +
			"correlation:\n  type: temporal_ordered\n  rules: [failure, success]\n  group-by: [Computer]\n " +
			" timespan: 5m\n"
		success := strings.NewReplacer(
			"000000000001", "000000000006", "name: failure", "name: success", "4625", "4624",
		).Replace(failsBase)
		texts := []string{failsText, failsBase + "---\n" + success + "---\n" + ordered}
		r := rand.New(rand.NewPCG(3, 4))
		var past []*event.Event
		for range 600 {
			past = append(
				past,
				n.failure(
					detecttest.Start.Add(-time.Duration(r.IntN(200_000))*time.Second), "EventID",
					int64(4624+r.IntN(3)), "Computer", fmt.Sprint("pc", r.IntN(4)),
				),
			)
		}
		for i, part := range [][]*event.Event{past[:400], past[400:]} {
			if _, err := n.past.Append(t.Context(), part); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				if err := n.past.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		var list []match.Armed
		want := map[int]int64{}
		for i, text := range texts {
			list = append(list, n.arms(t, fmt.Sprint("indicator--", i), text))
			set := ruleSet(t, text)
			e, err := correlate.New(set, correlate.Config{})
			if err != nil {
				t.Fatal(err)
			}
			sorted := slices.Clone(past)
			slices.SortStableFunc(sorted, func(a, b *event.Event) int { return a.Time.Compare(b.Time) })
			var alerts []*correlate.Alert
			for _, ev := range sorted {
				for m := range set.Match(ev) {
					alerts = append(
						alerts, e.Add(correlate.Match{Rule: m.Rule, Time: ev.Time, Event: ev.ID, Fields: ev})...,
					)
				}
			}
			want[i] = int64(len(append(alerts, e.Flush()...)))
		}
		if want[0] == 0 || want[1] == 0 {
			t.Fatalf("nothing to find: %v", want)
		}
		for range 2 {
			got, err := n.HuntAll(t.Context(), list, nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := map[string]int64{}
			for _, f := range n.findings(t) {
				if !f.Retro || f.Host == "" {
					t.Errorf("%+v", f)
				}
				sum[f.Indicator] += int64(f.Count)
			}
			for i := range list {
				if got[i].Hits != want[i] || got[i].Searched < 600 || sum[list[i].ID] != want[i] {
					t.Errorf("%d: %+v, %d written, want %d", i, got[i], sum[list[i].ID], want[i])
				}
			}
		}
		if s := n.sightings(); len(s) == 0 || !slices.Contains(s, "indicator--0") ||
			!slices.Contains(s, "indicator--1") {
			t.Errorf("sightings of %v", s)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := n.HuntAll(ctx, list, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
	})
}

// What was there before a correlation was armed, or before the program ended,
// counts with what comes behind; also what comes while that is being read.
func TestSharedRefill(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		correlating(t, n, detecttest.RulesText)
		n.take(t, n.failure(detecttest.Start.Add(-3*time.Minute)), n.failure(detecttest.Start.Add(-2*time.Minute)))
		n.arms(t, "indicator--1", failsText)
		if err := n.RefillCorrelations(t.Context(), "indicator--1"); err != nil {
			t.Fatal(err)
		}
		again := openNode(t, n.db, n.past, n.clock, n.hand) // the program ends and starts
		again.Seq = 100
		correlating(t, again, detecttest.RulesText)
		a := again.arms(t, "indicator--1", failsText)
		fresh := a.Correlation.Refill(nil, n.clock)
		again.take(t, again.failure(detecttest.Start.Add(-time.Minute))) // while it is filled
		again.correlator.EnqueueFor("indicator--1", a.Correlation.Refilled(fresh, true))
		again.settled(t)
		if got := again.told(t); len(got) != 0 {
			t.Fatalf("one of three: %v", got)
		}
		if err := again.RefillCorrelations(t.Context()); err != nil {
			t.Fatal(err)
		}
		again.settled(t)
		if diff := cmp.Diff([]string{"Many failures indicator--1 1 false"}, again.told(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What a correlation rests on is judged as the events of a rule are; where nothing
// of it is distinctive, the correlation is offered with its rules.
func TestSharedCandidates(t *testing.T) {
	for name, tt := range map[string]struct {
		address string
		common  bool
		want    []string
	}{
		"an address":           {"198.51.100.9", false, []string{"ipv4-addr:198.51.100.9"}},
		"a private address":    {"10.0.0.7", false, []string{"sigma:" + failsID}},
		"one of our own":       {"203.0.113.9", false, []string{"sigma:" + failsID}},
		"one that often comes": {"198.51.100.9", true, []string{"sigma:" + failsID}},
	} {
		t.Run(name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				correlating(t, n, failsText)
				if tt.common {
					for i := range 3 {
						n.take(
							t,
							n.event(
								"authentication", detecttest.Start.Add(-time.Duration(i+1)*24*time.Hour),
								map[string]any{"EventID": int64(4624), "IpAddress": tt.address},
							),
						)
					}
				}
				for i := range 3 { // longer than an attack's own minutes
					n.take(t, n.failure(detecttest.Start.Add(time.Duration(i)*8*time.Minute), "IpAddress", tt.address))
				}
				n.hand.Add(time.Hour)
				n.settled(t)
				if diff := cmp.Diff(tt.want, n.queue.Candidates()); diff != "" {
					t.Fatalf("offered (-want +got):\n%s", diff)
				}
				for _, o := range n.queue.Offers {
					if c, ok := o.Body.(wire.Candidate); ok && c.Sigma != "" {
						if c.Sigma != failsText || len(c.Base) != 1 || c.Base[0].Author != "B. Ase" ||
							c.Rule.Author != "C. Orr" {
							t.Errorf("offered %+v", c)
						}
						if _, err := match.Read(detecttest.Indicator(t, c.Sigma, "sigma")); err != nil {
							t.Errorf("nobody can take it: %v", err)
						}
					}
				}
				// The same again is nothing new, and its own events are no ordinary past.
				before := len(n.queue.Candidates())
				n.hand.Add(3 * time.Hour)
				for i := range 4 {
					n.take(
						t,
						n.failure(
							detecttest.Start.Add(4*time.Hour+time.Duration(i)*time.Second), "IpAddress", tt.address,
						),
					)
				}
				n.settled(t)
				if got := n.queue.Candidates(); len(got) != before || len(n.findings(t)) != 2 {
					t.Errorf("offered again: %v, %d findings", got, len(n.findings(t)))
				}
			})
		})
	}
}

// Two rules with one id that say different things are both matched, and one that is
// armed with another text than ours does not keep ours from being offered.
func TestSameIdOtherText(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.engine.SetRules(detecttest.Rules(t, detecttest.RuleText(1, "dns_query", "QueryName: ours")))
		n.arms(t, "indicator--1", detecttest.RuleText(1, "dns_query", "QueryName: one"))
		n.arms(t, "indicator--2", detecttest.RuleText(1, "dns_query", "QueryName: two"))
		n.arms(t, "indicator--3", detecttest.RuleText(1, "dns_query", "QueryName: two")+"\n")
		hits := map[string]string{}
		for _, q := range []string{"ours", "one", "two", "three"} {
			n.engine.Match(
				n.event("dns_query", detecttest.Start, map[string]any{"QueryName": q}),
				func(h match.Hit) { hits[q] += "(" + h.Indicator + ")" },
			)
		}
		if want := map[string]string{
			"ours": "()", "one": "(indicator--1)", "two": "(indicator--2)",
		}; !maps.Equal(hits, want) {
			t.Errorf("%v, want %v", hits, want)
		}
		id := n.engine.Rules().Rules[0].Key()
		if n.engine.Says(
			id, detecttest.RuleText(1, "dns_query", "QueryName: ours"),
		) || !n.engine.Says(id, detecttest.RuleText(1, "dns_query", "QueryName: one")) {
			t.Error("texts of one id are mixed up")
		}
		n.arms(t, "indicator--4", detecttest.RuleText(1, "dns_query", "QueryName: ours"))
		n.engine.Match(
			n.event("dns_query", detecttest.Start, map[string]any{"QueryName": "ours"}),
			func(h match.Hit) { hits["again"] += "(" + h.Indicator + ")" },
		)
		if hits["again"] != "(indicator--4)" {
			t.Errorf("our own, shared: %v", hits)
		}
	})
}
