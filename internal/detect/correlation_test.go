package detect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/builtin"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/watermark"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/sigma"
)

// Ten failures of one address under ten names over two systems are one finding,
// the failures themselves none; also if the program ends in the middle, with or
// without saving, and if it cannot write the finding at first.
func TestCorrelation(t *testing.T) {
	for _, end := range []string{"", "saved", "killed", "damaged"} {
		t.Run("end "+end, func(t *testing.T) {
			now, hand := clock.Fixed(detecttest.Start)
			db := storetest.Open(
				t, filepath.Join(t.TempDir(), "n.db"), storetest.With(Migrations()...), storetest.Clock(now),
			)
			past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = past.Close() })
			set, err := sigma.Load(builtin.Files(), builtin.Root)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			boot := func() *node {
				n := openNode(t, db, past, now, hand)
				n.engine.SetRules(set)
				n.correlate(t, dir)
				if err := n.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				return n
			}
			n := boot()
			seq := 0
			fail := func(n *node) {
				ev := &event.Event{
					ID:   fmt.Sprintf("00000000-0000-4000-8000-%012d", seq),
					Time: detecttest.Start.Add(time.Duration(seq) * 40 * time.Second), Seen: detecttest.Start,
					From: event.Source{Sensor: "file", Name: "a", Record: int64(seq)}, Raw: []byte("{}"),
				}
				if seq%2 == 0 {
					ev.Product, ev.Service, ev.Host = "windows", "security", "dc1"
					ev.Fields = map[string]any{
						"EventID": int64(4625), "TargetDomainName": "EXAMPLE", "TargetUserName": fmt.Sprint("u", seq),
						"IpAddress": "198.51.100.7", "Computer": "dc1",
					}
				} else {
					ev.Host, ev.Fields = "web1", map[string]any{
						"message": fmt.Sprintf(
							"Failed password for invalid user u%d from 198.51.100.7 port 1 ssh2", seq,
						),
					}
				}
				seq++
				if err := n.Take(t.Context(), []*event.Event{ev}); err != nil {
					t.Fatal(err)
				}
			}
			for range 5 {
				fail(n)
			}
			if end != "" {
				if end != "killed" {
					if saved, err := n.correlator.Save(); !saved || err != nil {
						t.Fatal(saved, err)
					}
				}
				for range 2 {
					fail(n) // after the state was saved
				}
				if end == "damaged" {
					if err := os.WriteFile(filepath.Join(dir, "baselines.json"), []byte("{"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				n = boot()
			}
			for seq < 12 {
				fail(n)
			}
			hand.Add(time.Hour)
			for range 3 {
				if err := n.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			list := n.findings(t)
			if len(list) != 1 {
				t.Fatalf("%d findings, want 1: %+v", len(list), list)
			}
			f := list[0]
			if f.Rule.Title != "Password Spraying" || f.Rule.Author != "meneki" || f.Rule.License != "Apache-2.0" ||
				f.Count != 1 ||
				f.Host != "dc1" && f.Host != "web1" ||
				len(f.Matched) != 1 ||
				f.Matched[0].Value != "ip:198.51.100.7" {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What several sensors saw is put in the order of their times, in whatever order
// files are read and whoever brings it later, and a sensor whose clock is years
// ahead makes nobody late.
func TestCorrelationOverFiles(t *testing.T) {
	now, hand := clock.Fixed(detecttest.Start)
	db := storetest.Open(t, filepath.Join(t.TempDir(), "n.db"), storetest.With(Migrations()...), storetest.Clock(now))
	past, err := history.Open(t.Context(), history.Options{Dir: t.TempDir(), Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = past.Close() })
	set, err := sigma.Load(builtin.Files(), builtin.Root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	boot := func() *node {
		n := openNode(t, db, past, now, hand)
		n.engine.SetRules(set)
		n.correlate(t, dir)
		if err := n.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := boot()
	seq := 0
	take := func(at time.Time) {
		seq++
		ev := &event.Event{ID: fmt.Sprintf(
			"00000000-0000-4000-8000-%012d", seq,
		), Time: at, Seen: now(), Host: "web1", From: event.Source{
			Sensor: "file", Name: "a", Record: int64(seq),
		}, Raw: []byte("{}"),
			Fields: map[string]any{
				"message": fmt.Sprintf("Failed password for invalid user u%d from 198.51.100.7 port 1 ssh2", seq),
			}}
		if err := n.Take(t.Context(), []*event.Event{ev}); err != nil {
			t.Fatal(err)
		}
	}
	tick := func(d time.Duration) {
		for range int(d / time.Second) {
			hand.Add(time.Second)
			if err := n.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	take(detecttest.Start.AddDate(50, 0, 0))
	tick(time.Minute)
	first := detecttest.Start.Add(-time.Hour)
	for i := range 5 {
		take(first.Add(time.Duration(2*i+1) * 20 * time.Second)) // a file
	}
	tick(3 * time.Second)
	if saved, err := n.correlator.Save(); !saved || err != nil {
		t.Fatal(err)
	}
	n = boot() // a restart between them
	for i := range 5 {
		take(first.Add(time.Duration(2*i) * 20 * time.Second)) // and another
	}
	tick(2 * watermark.Lateness)
	if list := n.findings(t); len(list) != 1 || list[0].Rule.Title != "Password Spraying" {
		t.Errorf("%+v", list)
	}
	if stats, _ := n.correlator.Stats(); stats.Late != 0 {
		t.Errorf("%+v", stats)
	}
}

// An alert that could not be written before the program ended is not lost with the
// state that is kept: that is older than the alert, and gives it again.
func TestAlertOutlivesAFailedWrite(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		dir := t.TempDir()
		boot := func(n *node) *node {
			n.engine.SetRules(ruleSet(t, failsText))
			n.correlate(t, dir)
			if err := n.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			return n
		}
		boot(n)
		for i := range 4 {
			if i == 2 {
				if saved, err := n.correlator.Save(); !saved || err != nil {
					t.Fatal(saved, err)
				}
				n.queue.Err = errors.New("the disk is full")
			}
			n.take(t, n.failure(detecttest.Start.Add(time.Duration(i-4)*time.Minute)))
		}
		n.hand.Add(time.Hour)
		if err := n.Tick(t.Context()); !errors.Is(err, n.queue.Err) {
			t.Fatal(err)
		}
		if saved, err := n.correlator.Save(); saved || err != nil {
			t.Errorf("the state is kept without the alert: %v, %v", saved, err)
		}
		again := boot(openNode(t, n.db, n.past, n.clock, n.hand))
		again.settled(t)
		if list := again.findings(t); len(list) != 1 || list[0].Rule.Title != "Many failures" {
			t.Errorf("%+v", list)
		}
		if saved, err := again.correlator.Save(); !saved || err != nil {
			t.Errorf("nothing is pending, and the state is not kept: %v, %v", saved, err)
		}
	})
}
