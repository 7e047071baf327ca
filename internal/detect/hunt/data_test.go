package hunt_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/sigma"
)

// A hunt for all published rules at once, and for hundreds of values, in recorded
// events comes to what the reference evaluator and a plain look find in each.
func TestRealHunt(t *testing.T) {
	data := os.Getenv("MENEKI_DATA_DIR")
	if data == "" {
		data = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(data, "events-windows")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", data)
	}
	step := 16
	if testing.Short() || raceDetector {
		step = 97
	}
	set, err := sigma.Load(os.DirFS(filepath.Join(data, "sigma")), ".")
	if err != nil {
		t.Fatal(err)
	}
	now, hand := clock.Fixed(detecttest.Start)
	db := storetest.SQLite(t, nodetest.Migrations(), storetest.Clock(now))
	past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now, SegmentEvents: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	n := nodetest.Open(t, db, past, now, hand)

	var events []*event.Event
	k := 0
	if _, err := read.Paths(t.Context(), []string{
		filepath.Join(data, "events-windows"),
	}, read.Options{Clock: now}, func(ev *event.Event) error {
		if k++; k%step == 0 {
			events = append(events, ev)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := past.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	var list []match.Armed
	want := map[string]*hunt.Result{}
	arm := func(a match.Armed) {
		list = append(list, a)
		want[a.ID] = &hunt.Result{Searched: int64(len(events))}
	}
	for i, r := range set.Rules {
		arm(match.Armed{ID: fmt.Sprintf("indicator--r%d", i), Rule: r, Name: r.Title})
	}
	byRule := map[*sigma.Rule]string{}
	for _, a := range list {
		byRule[a.Rule] = a.ID
	}
	byValue := map[event.Observable]string{}
	for _, ev := range events {
		for _, o := range event.Observables(ev) {
			if byValue[o] == "" && len(byValue) < 1000 {
				byValue[o] = fmt.Sprintf("indicator--v%d", len(byValue))
				arm(match.Armed{ID: byValue[o], Values: []event.Observable{o}})
			}
		}
	}
	sum := 0
	for _, ev := range events {
		for m := range set.Match(ev) {
			countHit(want[byRule[m.Rule]], ev.Time.Truncate(1000))
			sum++
		}
		for _, o := range event.Observables(ev) {
			if id := byValue[o]; id != "" {
				countHit(want[id], ev.Time.Truncate(1000))
			}
		}
	}
	got, err := n.HuntAll(t.Context(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range list {
		want[a.ID].Examined = got[i].Examined
		if d := cmp.Diff(*want[a.ID], got[i]); d != "" {
			t.Errorf("%s %s %v (-want +got):\n%s", a.ID, a.Name, a.Values, d)
		}
	}
	t.Logf("%d events, %d rules with %d matches, %d values", len(events), len(set.Rules), sum, len(byValue))
	if len(events) < 500 || sum == 0 || len(byValue) < 100 {
		t.Error("too little to compare")
	}
}

// Busy is a past in which something happens in the midst of every long search.
type busy struct {
	hunt.History
	in   func(piece int)
	mu   sync.Mutex
	next int // under mu
}

func (b *busy) Search(ctx context.Context, q history.Query, yield func(*event.Event) bool) (history.Stats, error) {
	return b.History.Search(ctx, b.between(q), yield)
}

func (b *busy) SearchMetadata(
	ctx context.Context, q history.Query, yield func(*event.Event, []event.Observable) bool,
) (history.Stats, error) {
	return b.History.SearchMetadata(ctx, b.between(q), yield)
}

func (b *busy) between(q history.Query) history.Query {
	if wait := q.Wait; wait != nil {
		q.Wait = func(ctx context.Context) error {
			b.mu.Lock()
			b.next++
			b.in(b.next)
			b.mu.Unlock()
			return wait(ctx)
		}
	}
	return q
}

// Live events that come in the midst of a hunt are kept, matched and written before
// it goes on, whatever it is at; and the hunt comes to what it would have without.
func TestLiveInTheMidstOfAHunt(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		var past []*event.Event
		for i := range 9000 {
			past = append(
				past,
				n.Event(
					"process_creation", detecttest.Start,
					map[string]any{
						"Image":       fmt.Sprintf(`C:\tool%d.exe`, i%50),
						"CommandLine": fmt.Sprint("connect 198.51.100.", i%200),
					},
				),
			)
		}
		for ; len(past) > 0; past = past[1000:] {
			if _, err := n.Past.Append(t.Context(), past[:1000]); err != nil {
				t.Fatal(err)
			}
		}
		pieces, live := 0, 0
		b := &busy{History: n.Past}
		b.in = func(piece int) {
			if pieces++; pieces%2 == 0 {
				return
			}
			h, under := n.Progress()
			before := count(t, n)
			ev := n.Beacon("198.51.100.7")
			ev.Host = fmt.Sprint("live", piece)
			n.Take(t, ev)
			live++
			if after := count(t, n); after != before+1 || !under || h.Ready == 3 {
				t.Errorf("piece %d: %d findings, then %d; %+v", piece, before, after, h)
			}
		}
		n.Searcher.History = b
		var list []match.Armed
		for _, x := range [][2]string{
			{detecttest.RuleText(1, "process_creation", `Image|endswith: '\tool7.exe'`), "sigma"},
			{"[process:name = 'tool9.exe']", "stix"}, {"[ipv4-addr:value = '198.51.100.9']", "stix"},
		} {
			a, err := match.Read(detecttest.Indicator(t, x[0], x[1]))
			if err != nil {
				t.Fatal(err)
			}
			a.ID = fmt.Sprint("indicator--", len(list))
			list = append(list, a)
		}
		got, err := n.HuntAll(t.Context(), list, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Hits != 180 || got[1].Hits != 180 || got[2].Hits != 45 || got[2].Searched != 9000 {
			t.Errorf("%+v", got)
		}
		if live < 8 {
			t.Errorf("live events came in %d of %d pieces", live, pieces)
		}
	})
}

// count counts the findings that are not of the past.
func count(t *testing.T, n *nodetest.Node) int64 {
	t.Helper()
	var k int64
	if err := n.DB.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		k, err = store.One[int64](tx, `SELECT count(*) FROM findings f WHERE f.retro = $1 AND SCOPE(f)`, false)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return k
}
