package correlate

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
)

// BenchmarkAdd measures matches a second on one core, for each type of
// correlation alone and for all together, with 1,000 and with 100,000 groups. An
// event comes every 100 µs and up to a second late.
func BenchmarkAdd(b *testing.B) {
	head := detections("a", "b")
	docs := []struct{ name, text string }{
		{"event_count", corr("x", "type: event_count", "rules: [a, b]", "group-by: user", "timespan: 60s",
			"condition: {gte: 100}")},
		{"value_count", corr("x", "type: value_count", "rules: [a, b]", "group-by: user", "timespan: 60s",
			"condition: {field: host, gte: 100}")},
		{"value_sum", corr("x", "type: value_sum", "rules: [a, b]", "group-by: user", "timespan: 60s",
			"condition: {field: n, gt: 1000000}")},
		{"value_percentile", corr("x", "type: value_percentile", "rules: [a, b]", "group-by: user", "timespan: 60s",
			"condition: {field: n, percentile: 99, gt: 1000000}")},
		{"temporal", corr("x", "type: temporal", "rules: [a, b]", "group-by: user", "timespan: 60s")},
		{"temporal_ordered", corr("x", "type: temporal_ordered", "rules: [a, b]", "group-by: user", "timespan: 60s")},
		{"absent", corr("x", "type: temporal", "condition: a and not b", "group-by: user", "timespan: 60s")},
		{"two_fields", corr("x", "type: event_count", "rules: [a, b]", "group-by: [user, host]", "timespan: 60s",
			"condition: {gte: 100}")},
	}
	all := ""
	for i, d := range docs {
		all += fmt.Sprintf("title: %s\nname: n%d\n%s", d.name, i, d.text[len("title: Correlation x\nname: x\n"):])
	}
	docs = append(docs, struct{ name, text string }{"all_eight", all})
	for _, d := range docs {
		for _, users := range []int{1000, 100_000} {
			b.Run(fmt.Sprintf("%s/groups=%d", d.name, users), func(b *testing.B) {
				set := mustSet(b, head+d.text)
				feed := newFeed(b, set, users)
				e := mustEngine(b, set, Config{Lateness: time.Second, MaxMemory: 4 << 30})
				for range 2 * users { // first the groups themselves
					e.Add(feed.next())
				}
				b.ReportAllocs()
				b.ResetTimer()
				used := processorTime()
				for range b.N {
					e.Add(feed.next())
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "matches/s")
				b.ReportMetric(float64(b.N)/(processorTime()-used).Seconds(), "matches/cpu-s")
				s := e.Stats()
				b.ReportMetric(float64(s.Memory)/(1<<20), "MiB")
				if s.Late+s.Evicted != 0 {
					b.Fatalf("%+v", s)
				}
			})
		}
	}
}

// feed makes an endless stream of matches.
type feed struct {
	rules  []*sigma.Rule
	events []*flat
	names  []string
	n      int
}

// processorTime is what the process has used of processors, with the garbage
// collector's share: on a machine that others use too, it tells more than the
// clock does.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// flat is an event whose fields are found without any search, to measure the
// engine alone.
type flat struct{ user, host, n any }

func (f *flat) Lookup(name string) (any, bool) {
	switch name {
	case "user":
		return f.user, true
	case "host":
		return f.host, true
	}
	return f.n, true
}

func newFeed(b testing.TB, set *sigma.Set, users int) *feed {
	f := &feed{rules: []*sigma.Rule{ruleNamed(b, set, "a"), ruleNamed(b, set, "b")}}
	for i := range users {
		f.events = append(f.events, &flat{fmt.Sprintf("user%07d", i), fmt.Sprintf("host%d", i%500), int64(i % 1000)})
	}
	for i := range 1 << 16 {
		f.names = append(f.names, fmt.Sprintf("event-%012d", i))
	}
	return f
}

func (f *feed) next() Match {
	f.n++
	at := int64(f.n) * 100_000
	at -= int64(f.n*7919%1_000_000) * 1000 // up to a second late
	user := int(uint64(f.n) * 0x9E3779B97F4A7C15 >> 33 % uint64(len(f.events)))
	return Match{
		Rule: f.rules[f.n/3%2], Time: time.Unix(1_700_000_000, at), Event: f.names[f.n%len(f.names)],
		Fields: f.events[user],
	}
}

func BenchmarkSnapshot(b *testing.B) {
	set := mustSet(b, detections("a", "b")+corr("x", "type: event_count", "rules: [a, b]", "group-by: user",
		"timespan: 1h", "condition: {gte: 100}"))
	feed := newFeed(b, set, 100_000)
	e := mustEngine(b, set, Config{MaxMemory: 4 << 30})
	for range 1_000_000 {
		e.Add(feed.next())
	}
	var size int64
	for b.Loop() {
		var c counter
		if err := e.Snapshot(io.Writer(&c)); err != nil {
			b.Fatal(err)
		}
		size = int64(c)
	}
	b.SetBytes(size)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
