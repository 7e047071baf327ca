package match

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// armingTexts are the indicators that TestArmingIsSteady draws from; texts that are
// there twice are read twice.
var armingTexts = []struct{ kind, text string }{
	{"stix", "[ipv4-addr:value = '198.51.100.1']"},
	{"stix", "[ipv4-addr:value = '198.51.100.1' OR domain-name:value = 'a.example']"},
	{"stix", "[domain-name:value = 'a.example']"},
	{"stix", "[domain-name:value IN ('b.example', 'a.example')]"},
	{"stix", "[ipv4-addr:value = '198.51.100.0/24']"},
	{"stix", "[ipv4-addr:value ISSUBSET '198.51.100.0/30' OR ipv4-addr:value = '198.51.100.2']"},
	{"stix", "[ipv4-addr:value ISSUBSET '198.51.0.0/16' OR ipv6-addr:value ISSUBSET '2001:db8::/32']"},
	{"stix", "[process:name = 'a.exe']"},
	{"stix", "[process:command_line LIKE '%payload-1%']"},
	{"stix", "[process:command_line LIKE '%payload-%' AND process:name = 'b.exe']"},
	{"stix", "[process:command_line MATCHES '^p']"},
	{"sigma", detecttest.RuleText(1, "process_creation", `Image|endswith: '\a.exe'`)},
	{"sigma", detecttest.RuleText(1, "process_creation", `Image|endswith: '\a.exe'`)},
	{"sigma", detecttest.RuleText(1, "process_creation", `Image|endswith: '\b.exe'`)}, // another text under one id
	{"sigma", detecttest.RuleText(2, "process_creation", `CommandLine|contains: 'payload'`)},
	{"sigma", detecttest.RuleText(3, "network_connection", `DestinationIp: '198.51.100.1'`)},
	{"sigma", detecttest.RuleText(4, "network_connection", `DestinationIp|startswith: '198.51'`)},
	{"sigma", detecttest.RuleText(4, "network_connection", `DestinationIp|startswith: '198.51'`)},
}

func armingUniverse(t testing.TB) (out []Armed) {
	for _, x := range armingTexts {
		a, err := Read(detecttest.Indicator(t, x.text, x.kind))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// armingOracle looks at every indicator for every event.
type armingOracle struct {
	armed map[string]Armed
	own   *sigma.Set
	skip  map[string]bool
}

func (o armingOracle) match(ev *event.Event, now time.Time) (out []string) {
	first := map[string]string{} // by what it asks for
	note := func(what, id string) {
		if first[what] == "" || id < first[what] {
			first[what] = id
		}
	}
	evaluates := func(r *sigma.Rule) bool { return !o.skip[r.Key()] && matches(r, ev) }
	for id, a := range o.armed {
		if !a.ValidUntil.IsZero() && !now.Before(a.ValidUntil) {
			continue
		}
		switch {
		case a.Pattern != nil:
			if ok, err := a.Pattern.Match(seenOf(ev)); err == nil && ok {
				out = append(out, id+" "+id)
			}
		case a.Rule != nil:
			if evaluates(a.Rule) {
				note("rule "+a.Rule.Key()+string(a.Rule.Source), id)
			}
		default:
			for _, v := range event.Observables(ev) {
				if slices.Contains(a.Values, v) {
					note("value "+string(v.Type)+v.Value, id)
				}
				for _, n := range a.Networks {
					if addr, err := netip.ParseAddr(v.Value); err == nil && n.Contains(addr) {
						note("network "+v.Value+n.String(), id)
					}
				}
			}
		}
	}
	plain := map[string]bool{}
	for what, id := range first {
		if strings.HasPrefix(what, "rule ") {
			out = append(out, id+" "+o.armed[id].Rule.Key())
		} else if !plain[id] {
			plain[id] = true
			out = append(out, id+" "+id)
		}
	}
	for _, r := range o.own.Rules {
		if evaluates(r) && first["rule "+r.Key()+string(r.Source)] == "" {
			out = append(out, " "+r.Key())
		}
	}
	slices.Sort(out)
	return out
}

// Arming many at once comes to what arming one after the other comes to, and to
// what a look at every indicator comes to, whatever was armed, replaced and
// disarmed before, has expired, is in quarantine or is a rule of our own.
func TestArmingIsSteady(t *testing.T) {
	universe := armingUniverse(t)
	n := &detecttest.Events{}
	var events []*event.Event
	for _, ip := range []string{
		"198.51.100.1", "198.51.100.2", "198.51.100.9", "198.51.7.7", "203.0.113.1", "2001:db8::7",
	} {
		events = append(
			events,
			n.Event(
				"network_connection", detecttest.Start,
				map[string]any{"DestinationIp": ip, "DestinationHostname": "b.example"},
			),
		)
	}
	for _, q := range []string{"a.example", "b.example", "c.example"} {
		events = append(events, n.Event("dns_query", detecttest.Start, map[string]any{"QueryName": q}))
	}
	for _, c := range []string{"payload-1", "x payload-2", "none"} {
		for _, image := range []string{`C:\a.exe`, `C:\b.exe`} {
			events = append(
				events,
				n.Event("process_creation", detecttest.Start, map[string]any{"Image": image, "CommandLine": c}),
			)
		}
	}
	sets := []*sigma.Set{
		sigma.NewSet(nil),
		detecttest.Rules(
			t,
			detecttest.RuleText(1, "process_creation", `Image|endswith: '\a.exe'`)+"---\n"+detecttest.RuleText(
				4, "network_connection", `DestinationIp|startswith: '203'`,
			),
		),
	}
	hits := func(e *Engine, ev *event.Event) []string {
		out := []string{}
		e.Match(ev, func(h Hit) { out = append(out, h.Indicator+" "+h.Rule.ID) })
		slices.Sort(out)
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		now, hand := clock.Fixed(detecttest.Start)
		bulk, single := NewEngine(now), NewEngine(now)
		o := armingOracle{armed: map[string]Armed{}, own: sets[0]}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.SampledFrom(
				[]string{"arm", "arm", "arm", "disarm", "time", "own", "quarantine"},
			).Draw(t, "step") {
			case "arm":
				var list []Armed
				for range rapid.IntRange(1, 25).Draw(t, "many") {
					a := universe[rapid.IntRange(0, len(universe)-1).Draw(t, "what")]
					a.ID = fmt.Sprintf("indicator--%02d", rapid.IntRange(0, 30).Draw(t, "id"))
					a.ValidUntil = time.Time{}
					if h := rapid.IntRange(0, 6).Draw(t, "hours"); h > 0 {
						a.ValidUntil = now().Add(time.Duration(h) * time.Hour)
					}
					list = append(list, a)
					o.armed[a.ID] = a
					single.Arm(a)
				}
				for _, err := range bulk.Arm(list...) {
					if err != nil {
						t.Fatal(err)
					}
				}
			case "disarm":
				var ids []string
				for range rapid.IntRange(1, 20).Draw(t, "many") {
					id := fmt.Sprintf("indicator--%02d", rapid.IntRange(0, 35).Draw(t, "id"))
					ids = append(ids, id)
					delete(o.armed, id)
					single.Disarm(id)
				}
				bulk.Disarm(ids...)
			case "time":
				hand.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "hours")) * time.Hour)
			case "own":
				o.own = rapid.SampledFrom(sets).Draw(t, "set")
				single.SetRules(o.own)
				bulk.SetRules(o.own)
			case "quarantine":
				o.skip = map[string]bool{}
				for _, r := range rapid.SliceOfN(rapid.IntRange(1, 4), 0, 2).Draw(t, "rules") {
					o.skip[fmt.Sprintf("77777777-7777-4777-8777-%012d", r)] = true
				}
				single.Quarantine(o.skip)
				bulk.Quarantine(o.skip)
			}
			if _, k := bulk.Count(); k != len(o.armed) {
				t.Fatalf("%d are armed, want %d", k, len(o.armed))
			}
			for i, ev := range events {
				want := o.match(ev, now())
				if want == nil {
					want = []string{}
				}
				if diff := gocmp.Diff(want, hits(bulk, ev)); diff != "" {
					t.Fatalf("event %d, armed at once (-want +got):\n%s", i, diff)
				}
				if diff := gocmp.Diff(want, hits(single, ev)); diff != "" {
					t.Fatalf("event %d, armed one by one (-want +got):\n%s", i, diff)
				}
			}
			for _, v := range []string{"198.51.100.1", "198.51.100.2", "198.51.100.9"} {
				v := event.Observable{Type: event.IPv4, Value: v}
				want := false
				for _, a := range o.armed {
					want = want || slices.Contains(a.Values, v)
				}
				if bulk.now.Load().in.holds(v) != want {
					t.Fatalf("%s is armed: %v", v.Value, !want)
				}
			}
		}
	})
}

// A rule is compiled a few times only, however many come one after the other, and
// an event is matched by a few engines.
func TestRulesInSegments(t *testing.T) {
	e := NewEngine(clock.System)
	const many = 300
	var ids []string
	for i := range many {
		a, err := Read(
			detecttest.Indicator(
				t, detecttest.RuleText(i, "process_creation", fmt.Sprintf("Image: a%d.exe", i)), "sigma",
			),
		)
		if err != nil {
			t.Fatal(err)
		}
		a.ID = fmt.Sprintf("indicator--%03d", i)
		ids = append(ids, a.ID)
		e.Arm(a)
		x := e.now.Load().rules
		for k := 1; k < len(x.segments); k++ {
			if len(x.segments[k].rules)*segmentFactor > len(x.segments[k-1].rules) {
				t.Fatalf(
					"after %d: segments of %d and %d rules", i+1, len(x.segments[k-1].rules), len(x.segments[k].rules),
				)
			}
		}
	}
	e.Disarm(ids[:many-1]...)
	for x := range e.now.Load().rules.Engines {
		if k := len(x.DrainCosts()); k > 1 {
			t.Errorf("%d rules are evaluated after all but one were disarmed", k)
		}
	}
}

// A rule that is armed again while its segment still holds it matches once.
func TestRuleArmedAgain(t *testing.T) {
	e := NewEngine(clock.System)
	var list []Armed
	for i := range 40 {
		a, err := Read(
			detecttest.Indicator(
				t, detecttest.RuleText(i, "process_creation", fmt.Sprintf("Image: a%d.exe", i)), "sigma",
			),
		)
		if err != nil {
			t.Fatal(err)
		}
		a.ID = fmt.Sprintf("indicator--%03d", i)
		list = append(list, a)
	}
	e.Arm(list...)
	n := &detecttest.Events{}
	ev := n.Event("process_creation", detecttest.Start, map[string]any{"Image": "a3.exe"})
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"armed", func() {}, 1},
		{"disarmed", func() { e.Disarm(list[3].ID) }, 0},
		{"armed again", func() { e.Arm(list[3]) }, 1},
		{"disarmed again", func() { e.Disarm(list[3].ID) }, 0},
		{"armed with all", func() { e.Arm(list...) }, 1},
	} {
		step.do()
		hits := 0
		e.Match(ev, func(Hit) { hits++ })
		if hits != step.want {
			t.Errorf("%s: %d hits, want %d", step.name, hits, step.want)
		}
	}
}

// Changes beside live events: nothing that is armed all the time is missed.
func TestArmingBesideEvents(t *testing.T) {
	e := NewEngine(clock.System)
	universe := armingUniverse(t)
	keep := universe[0]
	keep.ID = "indicator--keep"
	e.Arm(keep)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			n := &detecttest.Events{}
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, ev := range []*event.Event{
					n.Event("network_connection", detecttest.Start, map[string]any{"DestinationIp": "198.51.100.1"}),
					n.Event(
						"process_creation", detecttest.Start,
						map[string]any{"Image": `C:\a.exe`, "CommandLine": "payload-1"},
					),
				} {
					found := false
					e.Match(ev, func(h Hit) { found = found || h.Indicator == keep.ID })
					if ev.Categories[0] == "network_connection" && !found {
						t.Error("an armed indicator was missed")
						return
					}
				}
			}
		})
	}
	for i := range 300 {
		var list []Armed
		for k, a := range universe {
			a.ID = cmp.Or(map[bool]string{true: "indicator--same"}[k == 1], fmt.Sprintf("indicator--x%d", (i+k)%40))
			list = append(list, a)
		}
		e.Arm(list...)
		e.Disarm(fmt.Sprintf("indicator--x%d", i%40), fmt.Sprintf("indicator--x%d", (i+7)%40))
	}
	close(stop)
	wg.Wait()
}

// An indicator with an end that has passed does not hide another of the same value.
func TestExpiredHidesNothing(t *testing.T) {
	now, hand := clock.Fixed(detecttest.Start)
	e := NewEngine(now)
	universe := armingUniverse(t)
	for i, k := range []int{0, 0, 11, 12} {
		a := universe[k]
		a.ID, a.ValidUntil = fmt.Sprintf("indicator--%d", i), time.Time{}
		if i%2 == 0 {
			a.ValidUntil = detecttest.Start.Add(time.Hour)
		}
		e.Arm(a)
	}
	n := &detecttest.Events{}
	found := func() (out []string) {
		for _, ev := range []*event.Event{
			n.Event("network_connection", detecttest.Start, map[string]any{"DestinationIp": "198.51.100.1"}),
			n.Event("process_creation", detecttest.Start, map[string]any{"Image": `C:\a.exe`}),
		} {
			e.Match(ev, func(h Hit) { out = append(out, h.Indicator) })
		}
		return out
	}
	if got := found(); !slices.Equal(got, []string{"indicator--0", "indicator--2"}) {
		t.Errorf("found %v", got)
	}
	hand.Add(time.Hour)
	if got := found(); !slices.Equal(got, []string{"indicator--1", "indicator--3"}) {
		t.Errorf("after the first have expired: found %v", got)
	}
}

func matches(r *sigma.Rule, ev *event.Event) bool {
	_, ok := r.Match(ev)
	return ok
}
