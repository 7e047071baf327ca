package history

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/sigma"
)

// An event comes back as it was: from the open log, after a restart, and out of Parquet.
func TestEventsComeBack(t *testing.T) {
	dir := t.TempDir()
	full := sample(1)
	full.Fields = map[string]any{
		"EventID": "not a number", "int": int64(math.MaxInt64), "min": int64(math.MinInt64), "float": 2.0,
		"small": 1e-300, "big": math.MaxFloat64,
		"inf": math.Inf(
			-1,
		), "yes": true, "nil": nil, "text": "“免疫” \x00\x1f\"\\/\n\t\u2028😀", "bytes": "a\xff\xfe\xed\xb2\x80z",
		"list": []any{
			int64(1),
			"two",
			[]any{},
			map[string]any{},
		}, "nested": map[string]any{"a.b": map[string]any{"": "x"}}, "\xf0key": "v",
		string(event.IPv4): []any{"192.0.2.1", "192.0.2.2"}, string(event.Domain): "xn--eckwd4c7c.example",
	}
	full.Raw = []byte("raw \xff\x00 bytes")
	bare := &event.Event{ID: "e-000002"}
	early := &event.Event{ID: "e-000003", Time: time.UnixMicro(0).UTC(), Fields: map[string]any{}}
	ancient := &event.Event{ID: "e-000004", Time: time.Date(1601, 1, 1, 0, 0, 0, 1000, time.UTC), Seen: start}
	odd := &event.Event{ID: "e-000005", Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), Seen: start}
	timeless := &event.Event{ID: "e-000006", Seen: start.Add(time.Hour)}
	all := []*event.Event{full, bare, early, ancient, odd, timeless}

	h := open(t, Options{Dir: dir})
	same(t, all, put(t, h, all...))
	same(t, all, find(t, h, Query{}))
	shut(t, h)
	h = open(t, Options{Dir: dir})
	same(t, all, find(t, h, Query{}))
	flush(t, h)
	same(t, all, find(t, h, Query{}))
	shut(t, h)
	h = open(t, Options{Dir: dir})
	same(t, all, find(t, h, Query{}))
	same(
		t,
		[]*event.Event{full},
		find(t, h, Query{Observables: []event.Observable{{Type: event.IPv4, Value: "192.0.2.2"}}}),
	)
	same(t, nil, find(t, h, Query{Observables: []event.Observable{{Type: event.IPv6, Value: "192.0.2.2"}}}))
	same(t, []*event.Event{timeless}, find(t, h, Query{From: start.Add(time.Hour), To: start.Add(time.Hour + 1)}))
	if got := under(t, dir, walExt); len(got) != 1 {
		t.Errorf("logs after sealing: %v", got)
	}
}

func TestTextThatIsNotUTF8(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir()})
	ev := sample(0)
	ev.Host, ev.From.Name = "h\xff", "n\xc0"
	put(t, h, ev)
	for range 2 {
		got := find(t, h, Query{})
		if len(got) != 1 || got[0].Host != "h\uFFFD" || got[0].From.Name != "n\uFFFD" {
			t.Fatalf("got %+v", got)
		}
		flush(t, h)
	}
}

func TestQueries(t *testing.T) {
	all := samples(0, 300)
	h := open(t, Options{Dir: t.TempDir(), SegmentEvents: 100})
	put(t, h, all...)
	flush(t, h)
	rest := samples(300, 340)
	put(t, h, rest...)
	all = append(all, rest...)
	for name, q := range map[string]Query{
		"all":       {},
		"value":     {Observables: []event.Observable{ip(3)}},
		"values":    {Observables: []event.Observable{ip(3), ip(49), ip(700), ip(3)}},
		"source":    {Sources: []sigma.LogSource{{Product: "Windows", Category: "process_creation"}}},
		"sources":   {Sources: []sigma.LogSource{{Service: "security"}, {Category: "network_connection"}}},
		"no source": {Sources: []sigma.LogSource{{Product: "linux"}}},
		"numbers":   {EventIDs: []int64{2, 3}},
		"no number": {EventIDs: []int64{-1}},
		"time":      {From: start.Add(50 * time.Minute), To: start.Add(310 * time.Minute)},
		"everything": {Observables: []event.Observable{ip(3), ip(4)}, Sources: []sigma.LogSource{{Product: "windows"}},
			EventIDs: []int64{1}, From: start.Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) { same(t, brute(all, q), find(t, h, q)) })
	}

	n := 0
	progress := int64(0)
	st, err := h.Search(
		t.Context(),
		Query{Limit: 10, Progress: func(done, total int64) { progress = done }},
		func(ev *event.Event) bool { n++; return true },
	)
	if err != nil || n != 10 || !st.Stopped || st.Hits != 10 {
		t.Errorf("limit: %d events, %+v, %v", n, st, err)
	}
	st, err = h.Search(t.Context(), Query{Observables: []event.Observable{ip(3)}, Progress: func(done, total int64) {
		if done < progress && total != 340 {
			t.Errorf("progress %d of %d", done, total)
		}
		progress = done
	}}, func(ev *event.Event) bool {
		return true
	})
	if err != nil || st.Events != 340 || st.Hits != 7 || st.Examined != 7 || progress != 340 || st.Stopped {
		t.Errorf("%+v, %v", st, err)
	}
	st, err = h.Search(
		t.Context(),
		Query{Observables: []event.Observable{ip(999)}},
		func(*event.Event) bool { return true },
	)
	if err != nil || st.Pruned != st.Files || st.Examined != 0 || st.Events != 340 {
		t.Errorf("nothing to find: %+v, %v", st, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := h.Search(ctx, Query{}, func(*event.Event) bool { cancel(); return true }); !errors.Is(
		err,
		context.Canceled,
	) {
		t.Errorf("cancelled search: %v", err)
	}
	to := h.Totals()
	if to.Events != 340 || to.Open != 40 || !to.Oldest.Equal(start) || !to.Newest.Equal(start.Add(339*time.Minute)) ||
		to.Segments == 0 ||
		to.Bytes == 0 {
		t.Errorf("totals: %+v", to)
	}
}

// The same events again, over a restart and a sealing, are not kept twice.
func TestTwice(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir})
	a := samples(0, 10)
	same(t, a, put(t, h, append(samples(0, 10), a[3], a[4])...))
	same(t, nil, put(t, h, a...))
	flush(t, h)
	put(t, h, samples(10, 12)...)
	shut(t, h)
	h = open(t, Options{Dir: dir})
	same(t, samples(12, 14), put(t, h, samples(5, 14)...))
	same(t, samples(0, 14), find(t, h, Query{}))
}

// Import knows what the window has forgotten; Append need not.
func TestImportKnowsAll(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir, SegmentEvents: 10, Window: 20})
	for n := 0; n < 100; n += 10 {
		put(t, h, samples(n, n+10)...)
	}
	timeless := &event.Event{ID: "timeless", Seen: start}
	put(t, h, timeless)
	flush(t, h)
	put(t, h, samples(100, 130)...)
	again := append(samples(0, 132), &event.Event{ID: "timeless", Seen: start.Add(50 * time.Hour)})
	fresh, err := h.Import(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	same(t, samples(130, 132), fresh)
	if n := h.Totals().Events; n != 133 {
		t.Errorf("%d events", n)
	}
}

func TestConcurrent(t *testing.T) {
	h := open(t, Options{Dir: t.TempDir(), SegmentEvents: 50, MaxBytes: 1 << 30})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 50 {
				from := w*1000 + n*4
				if _, err := h.Append(t.Context(), samples(from, from+4)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 30 {
				seen := map[string]bool{}
				if _, err := h.Search(t.Context(), Query{Observables: []event.Observable{ip(w)}},
					func(ev *event.Event) bool {
						if seen[ev.ID] {
							t.Errorf("%s twice", ev.ID)
						}
						seen[ev.ID] = true
						return true
					}); err != nil {
					t.Errorf("search: %v", err)
				}
				if _, err := h.Prevalence(t.Context(), ip(w), time.Time{}); err != nil {
					t.Errorf("prevalence: %v", err)
				}
				if err := h.SetFound(t.Context(), sample(w*1000+8).ID); err != nil {
					t.Errorf("SetFound: %v", err)
				}
				h.Totals()
			}
		})
	}
	wg.Wait()
	flush(t, h)
	var want []*event.Event
	for w := range 4 {
		want = append(want, samples(w*1000, w*1000+200)...)
	}
	same(t, want, find(t, h, Query{}))
	if p := h.Problems(); len(p) != 0 {
		t.Errorf("problems: %v", p)
	}
}

func TestPrevalence(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir, SegmentEvents: 1000})
	want := func(o event.Observable, before time.Time, p Prevalence) {
		t.Helper()
		got, err := h.Prevalence(t.Context(), o, before)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p, got); d != "" {
			t.Fatalf("prevalence (-want +got):\n%s", d)
		}
	}
	at := func(n int) time.Time { return sample(n).Time }
	if err := h.SetFound(t.Context(), sample(3).ID, sample(153).ID); err != nil { // 3 comes later, 153 never
		t.Fatal(err)
	}
	put(t, h, samples(0, 100)...)
	check := func() {
		t.Helper()
		want(ip(3), time.Time{}, Prevalence{1, 1, 1, at(53), at(53)})
		want(ip(4), time.Time{}, Prevalence{2, 2, 1, at(4), at(54)})
		want(ip(4), at(54), Prevalence{1, 1, 1, at(4), at(4)})
		want(ip(900), time.Time{}, Prevalence{})
	}
	check()
	flush(t, h)
	check()
	shut(t, h)
	h = open(t, Options{Dir: dir})
	check()
	if err := h.SetFound(t.Context(), sample(54).ID, sample(54).ID, sample(4).ID); err != nil {
		t.Fatal(err)
	}
	want(ip(4), time.Time{}, Prevalence{})
	put(t, h, samples(100, 2000)...)
	want(ip(4), time.Time{}, Prevalence{38, 7, 2, at(104), at(1954)})
	want(ip(3), time.Time{}, Prevalence{38, 7, 2, at(53), at(1953)})
	flush(t, h)
	want(ip(4), time.Time{}, Prevalence{38, 7, 2, at(104), at(1954)})
	want(ip(3), time.Time{}, Prevalence{38, 7, 2, at(53), at(1953)})
	shut(t, h)
	h = open(t, Options{Dir: dir})
	want(ip(3), time.Time{}, Prevalence{38, 7, 2, at(53), at(1953)})
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	now, hand := clock.Fixed(start)
	h := open(t, Options{Dir: dir, Clock: now, MaxAge: 24 * time.Hour})
	put(t, h, samples(0, 10)...)
	if err := h.SetFound(t.Context(), sample(1).ID); err != nil {
		t.Fatal(err)
	}
	flush(t, h)
	hand.Add(30 * time.Hour)
	put(t, h, samples(29*60, 29*60+10)...)
	flush(t, h)
	h.retain()
	same(t, samples(29*60, 29*60+10), find(t, h, Query{}))
	shut(t, h)
	h = open(t, Options{Dir: dir, Clock: now, MaxBytes: 1})
	if len(h.found) != 0 {
		t.Errorf("the entry of a dropped event is kept")
	}
	h.retain()
	same(t, nil, find(t, h, Query{}))
	if left := append(under(t, dir, parquetExt), under(t, dir, indexExt)...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// A log is sealed when it is full or old, without being asked.
func TestSealsByItself(t *testing.T) {
	now, hand := clock.Fixed(start)
	h := open(t, Options{Dir: t.TempDir(), Clock: now, SegmentEvents: 10, SegmentAge: time.Hour})
	put(t, h, samples(0, 10)...)
	put(t, h, samples(10, 12)...)
	hand.Add(2 * time.Hour)
	put(t, h, sample(12))
	await.True(t, 10*time.Second, "the segment is not sealed", func() bool { return h.Totals().Open == 0 })
	if to := h.Totals(); to.Open != 0 || to.Events != 13 {
		t.Errorf("%+v", to)
	}
	same(t, samples(0, 13), find(t, h, Query{}))
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir, SegmentEvents: 100})
	logon := sample(2)
	logon.ID, logon.Fields["EventID"] = "logon", "4624"
	put(t, h, append(samples(0, 3), logon)...)
	flush(t, h)
	got := map[string]bool{}
	for _, path := range under(t, dir, parquetExt) {
		rel, _ := filepath.Rel(filepath.Join(dir, eventsDir), filepath.Dir(path))
		got[filepath.ToSlash(rel)] = true
	}
	want := map[string]bool{
		"class=1007/day=20260301": true,
		"class=4001/day=20260301": true,
		"class=0/day=20260301":    true,
		"class=3002/day=20260301": true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("folders (-want +got):\n%s", d)
	}
}

// Old logs over many days do not become a file for each day.
func TestPlanKeepsFilesFew(t *testing.T) {
	var rows []rowMeta
	var places []place
	for n := range 20_000 {
		rows = append(rows, rowMeta{Time: start.Add(time.Duration(n*7919%20_000) * 30 * time.Minute).UnixMicro()})
		places = append(places, place{class: []int32{0, 1007, 4001, 3002}[n%4]})
	}
	groups := plan(rows, places, smallGroup)
	seen := map[uint32]bool{}
	for _, g := range groups {
		for i, at := range g.rows {
			if seen[at] || i > 0 && rows[at].Time < rows[g.rows[i-1]].Time {
				t.Fatalf("row %d twice or out of order", at)
			}
			seen[at] = true
		}
	}
	if len(groups) > maxGroups || len(seen) != len(rows) {
		t.Errorf("%d groups, %d rows", len(groups), len(seen))
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	h := open(t, Options{Dir: dir})
	if _, err := Open(t.Context(), Options{Dir: dir}); !fault.Is(err, fault.Conflict) || fault.HintOf(err).Zero() {
		t.Errorf("second process: %v", err)
	}
	if _, err := h.Append(t.Context(), []*event.Event{{}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no id: %v", err)
	}
	var deep any
	for range maxNesting + 2 {
		deep = []any{deep}
	}
	if _, err := h.Append(t.Context(), []*event.Event{{ID: "deep", Fields: map[string]any{"a": deep}}}); !fault.Is(
		err,
		fault.Invalid,
	) {
		t.Errorf("deep: %v", err)
	}
	shut(t, h)
	if _, err := h.Append(t.Context(), samples(0, 1)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := h.Search(t.Context(), Query{}, nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("search after close: %v", err)
	}
	for text, kind := range map[string]fault.Kind{"2\n": fault.Newer, "x": fault.Invalid, "": fault.Invalid} {
		if err := os.WriteFile(filepath.Join(dir, formatName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Options{Dir: dir}); !fault.Is(err, kind) ||
			strings.TrimSpace(fault.TextOf(err).JA) == "" {
			t.Errorf("format %q: %v", text, err)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{Dir: blocked}); !fault.Is(err, fault.Storage) {
		t.Errorf("a file for a folder: %v", err)
	}
}
