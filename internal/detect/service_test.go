package detect

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

func TestTake(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		quiet := n.event("process_creation", detecttest.Start, map[string]any{"Image": `C:\Windows\explorer.exe`})
		a, b := n.beacon("198.51.100.7"), n.beacon("198.51.100.7")
		n.take(t, quiet, a)
		n.take(t, a) // a sensor that did not hear the answer gives it again
		list := n.findings(t)
		if len(list) != 1 || list[0].Count != 1 || list[0].Version != 1 {
			t.Fatalf("after a redelivery: %+v", list)
		}
		f := list[0]
		if f.Rule.Title != "Suspicious beacon" || f.Rule.Author != "A. Author" || f.Rule.License != "DRL 1.1" ||
			f.Host != "ws1" ||
			f.User != "tanaka" ||
			f.Member != "power" ||
			f.Retro {
			t.Errorf("finding: %+v", f)
		}
		if !slices.Contains(f.Matched, wire.FieldValue{Field: "Image", Value: `C:\Users\x\bad.exe`}) {
			t.Errorf("matched: %+v", f.Matched)
		}
		if diff := cmp.Diff([]string{"ipv4-addr:198.51.100.7"}, n.queue.Candidates()); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		// More of the same is the same finding; another host or rule is another.
		b.Time = detecttest.Start.Add(time.Minute)
		n.take(t, b, n.beacon("198.51.100.7"))
		elsewhere := n.beacon("198.51.100.7")
		elsewhere.Host = "ws2"
		n.take(t, elsewhere)
		list = n.findings(t)
		if len(list) != 2 {
			t.Fatalf("%d findings, want 2", len(list))
		}
		i := slices.IndexFunc(list, func(i finding.Item) bool { return i.Host == "ws1" })
		g := list[i]
		last := detecttest.Start.Add(time.Minute)
		if g.ID != f.ID || g.Count != 3 || g.Version != 2 || !g.First.Equal(detecttest.Start) || !g.Last.Equal(last) {
			t.Errorf("grown: %+v", g)
		}
		if got := n.queue.Candidates(); len(got) != 1 {
			t.Errorf("one value was offered %d times: %v", len(got), got)
		}
		// After an hour without it, it is a new one.
		n.hand.Add(time.Hour + time.Second)
		n.take(t, n.beacon("198.51.100.7"))
		if k := len(n.findings(t)); k != 3 {
			t.Errorf("%d findings after an hour, want 3", k)
		}
		var traces []finding.Trace
		err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			traces, err = finding.Traces(tx, f.ID, 10)
			return err
		})
		if err != nil || len(traces) != 3 || traces[0].Name != "a.json" || traces[0].Record == 0 {
			t.Errorf("traces: %+v, %v", traces, err)
		}
	})
}

// A restart in the middle loses no finding, counts nothing twice and goes on
// with the finding that was open.
func TestTakeAfterRestart(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		a := n.beacon("198.51.100.7")
		n.take(t, a)
		again := openNode(t, n.db, n.past, n.clock, n.hand)
		again.Seq = 100
		again.take(t, a, again.beacon("198.51.100.7"))
		list := again.findings(t)
		if len(list) != 1 || list[0].Count != 2 || list[0].Version != 2 {
			t.Fatalf("after a restart: %+v", list)
		}
		if got := again.queue.Candidates(); len(got) != 0 {
			t.Errorf("offered again: %v", got)
		}
	})
}

var _ Past = (*history.History)(nil)
