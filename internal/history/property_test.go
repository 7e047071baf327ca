package history

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

var observableGen = rapid.SampledFrom([]event.Observable{
	ip(1), ip(2), ip(3), {Type: event.Domain, Value: "a.example"}, {Type: event.Domain, Value: "b.example"},
	{
		Type:  event.SHA256,
		Value: strings.Repeat("0a", 32),
	}, {Type: event.Domain, Value: "10.0.0.1"}, // the same text in another kind
})

var valueGen = rapid.OneOf(
	rapid.Map(rapid.String(), func(s string) any { return s }),
	rapid.Map(rapid.Int64(), func(n int64) any { return n }),
	rapid.Map(rapid.Float64(), func(f float64) any { return f }),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) any { return string(b) }),
	rapid.SampledFrom(
		[]any{nil, true, false, []any{}, map[string]any{}, []any{int64(1), "x", map[string]any{"k": nil}}},
	),
)

// anEvent makes an event with few different values in what queries look at.
func anEvent(t *rapid.T, n int) *event.Event {
	day := rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(t, "day")
	ev := &event.Event{
		ID:      fmt.Sprintf("e-%06d", n),
		Time:    start.AddDate(0, 0, day).Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "hour")) * time.Hour),
		Seen:    start.Add(time.Duration(n) * time.Second),
		Product: rapid.SampledFrom([]string{"windows", "linux", ""}).Draw(t, "product"),
		Service: rapid.SampledFrom([]string{"security", "", "Sysmon"}).Draw(t, "service"),
		Host:    rapid.SampledFrom([]string{"", "h1", "h2", "h3"}).Draw(t, "host"),
	}
	if rapid.IntRange(0, 9).Draw(t, "timeless") == 0 {
		ev.Time = time.Time{}
	}
	ev.User = rapid.SampledFrom([]string{"", "alice", `CORP\bob`}).Draw(t, "user")
	ev.From = event.Source{
		Sensor: rapid.SampledFrom([]string{"", "s1"}).Draw(t, "sensor"),
		Name:   "log",
		Offset: int64(n) * 100,
		Record: int64(n),
	}
	ev.Categories = rapid.SampledFrom(
		[][]string{nil, {"process_creation"}, {"registry_set", "registry_event"}, {"dns_query"}},
	).Draw(
		t,
		"categories",
	)
	ev.Fields = rapid.MapOfN(rapid.StringN(0, 4, 8), valueGen, 0, 4).Draw(t, "fields")
	if id := rapid.SampledFrom([]any{nil, int64(1), int64(4624), "odd"}).Draw(t, "number"); id != nil {
		ev.Fields["EventID"] = id
	} else {
		delete(ev.Fields, "EventID")
	}
	for _, typ := range []event.ObservableType{event.IPv4, event.Domain, event.SHA256} {
		delete(ev.Fields, string(typ))
	}
	for _, o := range rapid.SliceOfNDistinct(observableGen, 0, 3, rapid.ID[event.Observable]).Draw(t, "observables") {
		list, _ := ev.Fields[string(o.Type)].([]any)
		ev.Fields[string(o.Type)] = append(list, o.Value)
	}
	if b := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "raw"); len(b) > 0 {
		ev.Raw = b
	}
	return ev
}

func aQuery(t *rapid.T) Query {
	var q Query
	q.Observables = rapid.SliceOfN(observableGen, 0, 3).Draw(t, "wanted")
	q.Sources = rapid.SliceOfN(rapid.SampledFrom([]sigma.LogSource{
		{
			Product: "windows",
		}, {Category: "registry_event"}, {Product: "WINDOWS", Service: "sysmon"}, {Category: "dns_query"},
		{Product: "macos"},
	}), 0, 2).Draw(t, "sources")
	q.EventIDs = rapid.SliceOfN(rapid.SampledFrom([]int64{1, 4624, 7}), 0, 2).Draw(t, "numbers")
	at := rapid.Map(rapid.IntRange(-1, 8*24), func(h int) time.Time {
		if h < 0 {
			return time.Time{}
		}
		return start.Add(time.Duration(h) * time.Hour)
	})
	q.From, q.To = at.Draw(t, "from"), at.Draw(t, "to")
	return q
}

// prevalent is Prevalence by the words of its documentation.
func prevalent(all []*event.Event, found map[string]bool, o event.Observable, before time.Time) Prevalence {
	var p Prevalence
	hosts, days := map[string]bool{}, map[string]bool{}
	for _, ev := range brute(all, Query{Observables: []event.Observable{o}, To: before}) {
		at := ev.Time
		if at.IsZero() {
			at = ev.Seen
		}
		if found[ev.ID] {
			continue
		}
		if p.Events++; ev.Host != "" {
			hosts[ev.Host] = true
		}
		days[at.Format(time.DateOnly)] = true
		if p.First.IsZero() || at.Before(p.First) {
			p.First = at
		}
		if at.After(p.Last) {
			p.Last = at
		}
	}
	p.Hosts, p.Days = int64(len(hosts)), int64(len(days))
	return p
}

// when is when an event happened.
func when(ev *event.Event) time.Time {
	if ev.Time.IsZero() {
		return ev.Seen
	}
	return ev.Time
}

// A history answers like a slice, whatever is done to it in between.
func TestHistoryIsLikeASlice(t *testing.T) {
	// Each check writes some hundred files; the usual 100 checks would take minutes
	// with the race detector. Another number given with -rapid.checks is kept.
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		if err := f.Value.Set("30"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Value.Set(f.DefValue) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		opt := Options{
			Dir:           dir,
			SegmentEvents: rapid.SampledFrom([]int{50, 1500, 1500}).Draw(rt, "segment"),
			CacheBytes:    rapid.SampledFrom([]int64{1, 1 << 20}).Draw(rt, "cache"),
			Observables:   ofFields,
		}
		begin := func() *History {
			h, err := Open(t.Context(), opt)
			if err != nil {
				rt.Fatalf("Open: %v", err)
			}
			return h
		}
		h := begin()
		defer func() { h.Close() }()
		var all []*event.Event
		found := map[string]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				var batch []*event.Event
				for range rapid.IntRange(1, 30).Draw(rt, "n") {
					batch = append(batch, anEvent(rt, len(all)+len(batch)))
				}
				given := batch
				if len(all) > 0 {
					given = append(slices.Clone(batch), all[rapid.IntRange(0, len(all)-1).Draw(rt, "again")])
				}
				fresh, err := h.Append(t.Context(), given)
				if err != nil {
					rt.Fatalf("Append: %v", err)
				}
				if d := cmp.Diff(batch, fresh); d != "" {
					rt.Fatalf("fresh (-want +got):\n%s", d)
				}
				all = append(all, batch...)
			},
			"flush": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "skip") { // each takes a dozen files
					rt.Skip()
				}
				if err := h.Flush(t.Context()); err != nil {
					rt.Fatalf("Flush: %v", err)
				}
			},
			"reopen": func(rt *rapid.T) {
				if err := h.Close(); err != nil {
					rt.Fatalf("Close: %v", err)
				}
				h = begin()
			},
			"found": func(rt *rapid.T) {
				id := fmt.Sprintf("e-%06d", rapid.IntRange(0, len(all)+5).Draw(rt, "id"))
				if err := h.SetFound(t.Context(), id); err != nil {
					rt.Fatalf("SetFound: %v", err)
				}
				found[id] = true
			},
			"search": func(rt *rapid.T) {
				q := aQuery(rt)
				var got []*event.Event
				st, err := h.Search(t.Context(), q, func(ev *event.Event) bool { got = append(got, ev); return true })
				if err != nil {
					rt.Fatalf("Search: %v", err)
				}
				slices.SortFunc(got, func(a, b *event.Event) int { return strings.Compare(a.ID, b.ID) })
				if d := cmp.Diff(brute(all, q), got); d != "" {
					rt.Fatalf("%+v (-want +got):\n%s", q, d)
				}
				if st.Events != int64(len(all)) {
					rt.Fatalf("searched %d of %d", st.Events, len(all))
				}
				// SearchMetadata finds the same events without what is left out of them.
				for _, ev := range got {
					ev.Fields, ev.Raw = nil, nil
				}
				outlines, holds := []*event.Event(nil), map[string][]event.Observable{}
				if _, err := h.SearchMetadata(t.Context(), q, func(ev *event.Event, list []event.Observable) bool {
					outlines, holds[ev.ID] = append(outlines, ev), list
					return true
				}); err != nil {
					rt.Fatalf("SearchMetadata: %v", err)
				}
				slices.SortFunc(outlines, func(a, b *event.Event) int { return strings.Compare(a.ID, b.ID) })
				if d := cmp.Diff(got, outlines, cmpopts.EquateEmpty()); d != "" {
					rt.Fatalf("%+v outlines (-want +got):\n%s", q, d)
				}
				for _, ev := range brute(all, q) {
					if d := cmp.Diff(ofFields(ev), holds[ev.ID], cmpopts.EquateEmpty()); d != "" {
						rt.Fatalf("%s holds (-want +got):\n%s", ev.ID, d)
					}
				}
			},
			"pick": func(rt *rapid.T) {
				q := aQuery(rt)
				q.Observables = append(q.Observables, observableGen.Draw(rt, "one"))
				want := map[string]int{} // what it must be asked about
				for _, ev := range brute(all, q) {
					var which []int
					for i, o := range q.Observables {
						if slices.Contains(ofFields(ev), o) {
							which = append(which, i)
						}
					}
					want[fmt.Sprint(when(ev), which)]++
				}
				let := rapid.SampledFrom([]int{0, 2, 3, 1000}).Draw(rt, "let")
				asked := map[string]int{}
				var picked, got []time.Time
				n := 0
				q.Pick = func(at time.Time, which []int) bool {
					which = slices.Sorted(slices.Values(which))
					asked[fmt.Sprint(at, which)]++
					if n++; let == 0 || n%let == 0 {
						return false
					}
					picked = append(picked, at)
					return true
				}
				st, err := h.Search(
					t.Context(),
					q,
					func(ev *event.Event) bool { got = append(got, when(ev)); return true },
				)
				if err != nil {
					rt.Fatalf("Search: %v", err)
				}
				if d := cmp.Diff(want, asked); d != "" {
					rt.Fatalf("%+v asked about (-want +got):\n%s", q.Observables, d)
				}
				if d := cmp.Diff(picked, got); d != "" || st.Examined != int64(len(picked)) {
					rt.Fatalf("%d read, of what was picked (-want +got):\n%s", st.Examined, d)
				}
			},
			"prevalence": func(rt *rapid.T) {
				o, before := observableGen.Draw(rt, "value"), aQuery(rt).To
				got, err := h.Prevalence(t.Context(), o, before)
				if err != nil {
					rt.Fatalf("Prevalence: %v", err)
				}
				if d := cmp.Diff(prevalent(all, found, o, before), got); d != "" {
					rt.Fatalf("%v before %v (-want +got):\n%s", o, before, d)
				}
			},
			"": func(rt *rapid.T) {
				if p := h.Problems(); len(p) > 0 {
					rt.Fatalf("problems: %v", p)
				}
			},
		})
	})
}
