package history

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// ofFields takes the observables that a test wrote into an event.
func ofFields(ev *event.Event) []event.Observable {
	var out []event.Observable
	for _, t := range []event.ObservableType{event.IPv4, event.Domain, event.SHA256} {
		switch v := ev.Fields[string(t)].(type) {
		case string:
			out = append(out, event.Observable{Type: t, Value: v})
		case []any:
			for _, v := range v {
				out = append(out, event.Observable{Type: t, Value: fmt.Sprint(v)})
			}
		}
	}
	return out
}

func ip(n int) event.Observable {
	return event.Observable{Type: event.IPv4, Value: fmt.Sprintf("10.0.%d.%d", n/256, n%256)}
}

// sample makes the nth event of a test.
func sample(n int) *event.Event {
	at := start.Add(time.Duration(n) * time.Minute)
	ev := &event.Event{
		ID: fmt.Sprintf("e-%06d", n), Time: at, Seen: at.Add(time.Second),
		From:    event.Source{Sensor: "file", Name: "security.json", Offset: int64(n) * 100, Record: int64(n) + 1},
		Product: "windows", Service: "sysmon", Host: fmt.Sprintf("host-%d", n%7), User: "amane",
		Raw: fmt.Appendf(nil, `{"EventID":%d,"n":%d}`, 1+n%3, n),
	}
	ev.Fields = map[string]any{
		"EventID":          int64(1 + n%3),
		"CommandLine":      fmt.Sprintf("run %d", n),
		string(event.IPv4): ip(n % 50).Value,
	}
	switch n % 3 {
	case 0:
		ev.Categories = []string{"process_creation"}
	case 1:
		ev.Categories = []string{"network_connection"}
	case 2:
		ev.Service, ev.Categories = "security", nil
	}
	return ev
}

func samples(from, to int) []*event.Event {
	var out []*event.Event
	for n := from; n < to; n++ {
		out = append(out, sample(n))
	}
	return out
}

func open(t testing.TB, opt Options) *History {
	t.Helper()
	if opt.Observables == nil {
		opt.Observables = ofFields
	}
	if opt.Clock == nil {
		opt.Clock, _ = clock.Fixed(start)
	}
	h, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func shut(t testing.TB, h *History) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func put(t testing.TB, h *History, events ...*event.Event) []*event.Event {
	t.Helper()
	fresh, err := h.Append(t.Context(), events)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return fresh
}

func flush(t testing.TB, h *History) {
	t.Helper()
	if err := h.Flush(t.Context()); err != nil {
		t.Fatalf("Flush: %v", err)
	}
}

// find returns the events of a query by their ids, in order of the ids.
func find(t testing.TB, h *History, q Query) []*event.Event {
	t.Helper()
	var out []*event.Event
	if _, err := h.Search(t.Context(), q, func(ev *event.Event) bool {
		out = append(out, ev)
		return true
	}); err != nil {
		t.Fatalf("Search: %v", err)
	}
	slices.SortFunc(out, func(a, b *event.Event) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func same(t testing.TB, want, got []*event.Event) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("events differ (-want +got):\n%s", d)
	}
}

// brute is Search by the words of Query's documentation.
func brute(all []*event.Event, q Query) []*event.Event {
	var out []*event.Event
	for _, ev := range all {
		at := ev.Time
		if at.IsZero() {
			at = ev.Seen
		}
		ok := (q.From.IsZero() || !at.Before(q.From)) && (q.To.IsZero() || at.Before(q.To))
		ok = ok &&
			(len(q.Observables) == 0 ||
				slices.ContainsFunc(ofFields(ev),
					func(o event.Observable) bool { return slices.Contains(q.Observables, o) }))
		ok = ok &&
			(len(q.Sources) == 0 ||
				slices.ContainsFunc(q.Sources, func(l sigma.LogSource) bool { return l.Covers(ev.LogSource()) }))
		if len(q.EventIDs) > 0 {
			n, whole := ev.Fields["EventID"].(int64)
			_, text := ev.Fields["EventID"].(string)
			ok = ok && (text || whole && slices.Contains(q.EventIDs, n))
		}
		if ok {
			out = append(out, ev)
		}
	}
	slices.SortFunc(out, func(a, b *event.Event) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// under lists the files below dir whose names end with ext.
func under(t testing.TB, dir, ext string) []string {
	t.Helper()
	var out []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ext) {
			out = append(out, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func ctxBackground() context.Context { return context.Background() }
