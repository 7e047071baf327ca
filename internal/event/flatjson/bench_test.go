package flatjson_test

import (
	"bytes"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// BenchmarkMatch matches all recorded events with all published rules; an
// operation is one event.
func BenchmarkMatch(b *testing.B) {
	e := engine.Compile(allRules(b), engine.Options{})
	lines := sample(b)
	q := flatjson.NewMatcher(e, decode)
	n := 0
	pass := func(count int) {
		for i := range count {
			if err := q.Match(lines[i%len(lines)],
				func(*event.Event, *sigma.Match) bool { n++; return true }); err != nil {
				b.Fatal(err)
			}
		}
	}
	pass(2 * len(lines)) // partitions are made and have learned
	b.ReportAllocs()
	b.ResetTimer()
	pass(b.N)
	b.ReportMetric(float64(n)/float64(b.N), "matches/op")
}

// BenchmarkSkim only takes the lines apart.
func BenchmarkSkim(b *testing.B) {
	e := engine.Compile(allRules(b), engine.Options{})
	lines := sample(b)
	q := flatjson.NewMatcher(e, decode)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		q.Skim(lines[i%len(lines)])
	}
}

func sample(b *testing.B) [][]byte {
	var lines [][]byte
	zipLines(b, dataDir(b, "events-windows"), func(line []byte) { lines = append(lines, bytes.Clone(line)) })
	return lines
}

// BenchmarkDecoded matches events that are decoded already.
func BenchmarkDecoded(b *testing.B) {
	w := engine.Compile(allRules(b), engine.Options{}).Worker()
	var events []*event.Event
	for i, line := range sample(b) {
		if i%10 != 0 {
			continue
		}
		ev, err := decode(line)
		if err != nil || ev == nil {
			b.Fatal(err)
		}
		events = append(events, ev)
	}
	pass := func(count int) {
		for i := range count {
			ev := events[i%len(events)]
			for range w.Match(ev) {
			}
		}
	}
	pass(20 * len(events))
	b.ReportAllocs()
	b.ResetTimer()
	pass(b.N)
}
