package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// world is a folder, a sink that keeps events by ID as the contract asks, and
// checkpoints, all of which outlive a Follower.
type world struct {
	t           *testing.T
	dir         string
	hand        *clock.Hand
	now         clock.Clock
	w           *Follower
	checkpoints map[string]Checkpoint
	opts        Options

	order     []string // messages in the order in which they were kept first
	kept      map[string]string
	calls     int
	sinkFails int // so many calls to come fail before they keep anything
	saveFails error
	afterSink func() error
	bad       []read.BadRecord
	skipped   []string
}

func newWorld(t *testing.T, patterns ...string) *world {
	d := t.TempDir()
	c := &world{t: t, dir: d, checkpoints: map[string]Checkpoint{}, kept: map[string]string{}}
	c.now, c.hand = clock.Fixed(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if len(patterns) == 0 {
		patterns = []string{""}
	}
	c.opts = Options{Clock: c.now, Batch: 3, Sensor: "file",
		Log:    slog.New(slog.DiscardHandler),
		OnBad:  func(b read.BadRecord) { c.bad = append(c.bad, b) },
		OnSkip: func(s read.SkippedFile) { c.skipped = append(c.skipped, filepath.Base(s.Name)) },
		Wait:   func(ctx context.Context, d time.Duration) error { c.hand.Add(d); return ctx.Err() },
	}
	for _, p := range patterns {
		c.opts.Paths = append(c.opts.Paths, filepath.Join(d, p))
	}
	c.start()
	return c
}

// start begins with a new Follower, as a process does that was killed.
func (c *world) start() {
	if c.w != nil {
		c.w.close()
	}
	c.w = New(c.opts, c, c.sink)
}

func (c *world) Load(context.Context) (map[string]Checkpoint, error) {
	return maps.Clone(c.checkpoints), nil
}

func (c *world) Save(_ context.Context, checkpoints []Checkpoint) error {
	if c.saveFails != nil {
		return c.saveFails
	}
	for _, m := range checkpoints {
		if m.Gone {
			delete(c.checkpoints, m.Key)
		} else {
			c.checkpoints[m.Key] = m
		}
	}
	return nil
}

func (c *world) sink(_ context.Context, events []*event.Event) error {
	c.calls++
	if c.sinkFails > 0 {
		c.sinkFails--
		return errors.New("the store is full")
	}
	for _, e := range events {
		m := fmt.Sprint(e.Fields["message"])
		if v, ok := e.Fields["n"]; ok {
			m = fmt.Sprint(v)
		}
		if old, ok := c.kept[e.ID]; ok {
			if old != m {
				c.t.Errorf("id %s is of %q and of %q", e.ID, old, m)
			}
			continue
		}
		c.kept[e.ID] = m
		c.order = append(c.order, m)
	}
	if c.afterSink != nil {
		return c.afterSink()
	}
	return nil
}

func (c *world) poll() {
	c.t.Helper()
	if err := c.w.Poll(context.Background()); err != nil {
		c.t.Fatal(err)
	}
}

// settle polls until all that waits for time to pass has come.
func (c *world) settle() {
	c.t.Helper()
	for range 8 {
		c.poll()
		c.hand.Add(3 * time.Second)
	}
}

func (c *world) path(name string) string { return filepath.Join(c.dir, name) }

func (c *world) append(name string, s string) {
	c.t.Helper()
	f, err := os.OpenFile(c.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		c.t.Fatal(err)
	}
	f.WriteString(s)
	f.Close()
}

func (c *world) do(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// expect holds what was kept against want, words of one line.
func (c *world) expect(want string) {
	c.t.Helper()
	if d := cmp.Diff(strings.Fields(want), c.order); d != "" {
		c.t.Error(d)
	}
}

func TestFollowLines(t *testing.T) {
	c := newWorld(t, "a.log")
	c.poll()
	if m := c.w.Counters().Missing; len(m) != 1 {
		t.Errorf("missing %v", m)
	}
	c.append("a.log", "one\ntwo\nthr")
	c.poll()
	c.expect("one two")
	c.append("a.log", "ee\n\n\r\nfour\r\nfive\nsix\nseven\n")
	c.poll()
	c.expect("one two three four five six seven")
	calls := c.calls
	c.poll()
	c.settle()
	if c.calls != calls {
		t.Error("the sink was called for nothing")
	}
	c.expect("one two three four five six seven")
	if n := c.w.Counters(); n.Events != 7 || n.Files != 1 || len(n.Missing) != 0 {
		t.Errorf("%+v", n)
	}
}

func TestRestart(t *testing.T) {
	c := newWorld(t)
	c.append("a.log", "1\n2\n3\n4\n")
	c.append("b.log", "x\n")
	c.poll()
	c.start()
	c.append("a.log", "5\n")
	c.poll()
	c.start()
	c.poll()
	c.expect("1 2 3 4 x 5")
	if c.w.Counters().Events != 0 {
		t.Error("something was read again")
	}
}

// TestCrashBetweenSinkAndCheckpoint kills the process after each single call of
// the sink in turn, before its checkpoint is saved.
func TestCrashBetweenSinkAndCheckpoint(t *testing.T) {
	for crash := 1; crash <= 6; crash++ {
		c := newWorld(t)
		c.append("a.log", "1\n2\n3\n4\n5\n6\n7\n8\n")
		c.append("b.json", `[{"n":"a"},{"n":"b"},{"n":"c"},{"n":"d"}]`)
		ctx, kill := context.WithCancel(context.Background())
		n := 0
		c.afterSink = func() error {
			if n++; n == crash {
				c.saveFails = errors.New("killed")
				kill()
			}
			return nil
		}
		for range 3 {
			c.w.Poll(ctx)
			c.hand.Add(3 * time.Second)
		}
		kill()
		c.afterSink, c.saveFails = nil, nil
		c.start()
		c.settle()
		c.expect("1 2 3 4 5 6 7 8 a b c d")
	}
}

func TestSinkRefuses(t *testing.T) {
	c := newWorld(t)
	c.sinkFails = 5
	c.append("a.log", "1\n2\n3\n4\n")
	c.poll()
	c.expect("1 2 3 4")
	if n := c.w.Counters(); n.Retries != 5 || n.Events != 4 {
		t.Errorf("%+v", n)
	}
}

func TestRotationByRename(t *testing.T) {
	for _, pattern := range []string{"a.log", "", "a*"} {
		t.Run("watching "+pattern, func(t *testing.T) {
			c := newWorld(t, pattern)
			c.append("a.log", "1\n2\n")
			c.poll()
			c.append("a.log", "3\n4")
			c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
			c.append("a.log", "6\n")
			c.poll()
			c.expect("1 2 3 6")
			c.append("a.log.1", "\n5") // the writer still has the old file open
			c.poll()
			c.settle()
			c.expect("1 2 3 6 4 5")
			c.do(os.Rename(c.path("a.log.1"), c.path("a.log.2")))
			c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
			c.append("a.log", "7\n")
			c.poll()
			c.settle()
			c.start()
			c.append("a.log", "8\n")
			c.settle()
			c.expect("1 2 3 6 4 5 7 8")
		})
	}
}

func TestRotationWhileDown(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		t.Run("watching "+pattern, func(t *testing.T) {
			c := newWorld(t, pattern)
			c.append("a.log", "1\n2\n")
			c.poll()
			c.append("a.log", "3\n4\n")
			c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
			c.append("a.log", "5\n")
			c.start()
			c.settle()
			if len(c.order) != 5 {
				t.Errorf("%v", c.order)
			}
			c.start()
			c.settle()
			if len(c.kept) != 5 {
				t.Errorf("%v", c.order)
			}
		})
	}
}

func TestRotatedAndPackedWhileDown(t *testing.T) {
	c := newWorld(t, "a.log")
	c.append("a.log", "1\n2\n")
	c.poll()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte("1\n2\n3\n4\n"))
	z.Close()
	c.do(os.Remove(c.path("a.log")))
	c.append("a.log", "5\n")
	c.append("a.log.1.gz", b.String())
	c.start()
	c.settle()
	if len(c.order) != 5 || len(c.bad) != 0 {
		t.Errorf("%v %v", c.order, c.bad)
	}
}

func TestTruncationAndRegrowth(t *testing.T) {
	c := newWorld(t)
	c.append("a.log", "1\n2\n")
	c.poll()
	c.do(os.WriteFile(c.path("a.log"), []byte("3\n4\n"), 0o644)) // the same length
	c.do(os.Chtimes(c.path("a.log"), time.Now(), time.Now().Add(time.Hour)))
	c.poll()
	c.do(os.WriteFile(c.path("a.log"), []byte("5\n6\n7\n8\n"), 0o644)) // longer
	c.do(os.Chtimes(c.path("a.log"), time.Now(), time.Now().Add(2*time.Hour)))
	c.poll()
	c.do(os.WriteFile(c.path("a.log"), nil, 0o644))
	c.poll()
	c.append("a.log", "9\n")
	c.poll()
	c.expect("1 2 3 4 5 6 7 8 9")
}

func TestDeletion(t *testing.T) {
	c := newWorld(t)
	c.append("a.log", "1\n")
	c.poll()
	c.append("a.log", "2\n3")
	c.do(os.Remove(c.path("a.log")))
	c.settle()
	c.append("a.log", "4\n")
	c.poll()
	c.expect("1 2 3 4")
	// One for the file, one for its past life, by which a rotated copy would be known.
	if len(c.checkpoints) != 2 {
		t.Errorf("%d checkpoints are kept for 1 file", len(c.checkpoints))
	}
}

func TestFolder(t *testing.T) {
	c := newWorld(t)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte("{\"n\":\"z1\"}\n{\"n\":\"z2\"}"))
	z.Close()
	c.append("in.json.gz", b.String()[:10])
	c.append("pretty.json", "{\n  \"n\": \"p1\"\n}\n{\n  \"n\": ")
	c.append("app.log", "l1\n")
	c.append("app.log.3.gz", b.String())
	c.append("picture.png", "\x89PNG\r\n\x1a\n\x00\x00")
	c.append("trace.pcap", "\xd4\xc3\xb2\xa1\x00\x00")
	c.append(".hidden", "no\n")
	c.poll()
	c.expect("l1")
	c.append("in.json.gz", b.String()[10:])
	c.append("pretty.json", "\"p2\"\n}\n")
	c.do(os.Mkdir(c.path("sub"), 0o755))
	c.append("sub/new.jsonl", "{\"n\":\"s1\"}\n{\"n\":\"s2\"}")
	c.settle()
	c.settle()
	if d := cmp.Diff([]string{"l1", "p1", "p2", "s1", "s2", "z1", "z2"}, sorted(c.order)); d != "" {
		t.Error(d)
	}
	// The same archive again, and after a restart, and under another name.
	c.start()
	c.do(os.Rename(c.path("in.json.gz"), c.path("other.json.gz")))
	c.append("copy.json.gz", b.String())
	c.settle()
	c.start()
	c.append("sub/new.jsonl", "\n{\"n\":\"s3\"}\n")
	c.settle()
	if d := cmp.Diff([]string{"l1", "p1", "p2", "s1", "s2", "s3", "z1", "z2"}, sorted(c.order)); d != "" {
		t.Error(d)
	}
	if len(c.bad) != 0 {
		t.Errorf("%v", c.bad)
	}
	if d := cmp.Diff([]string{"app.log.3.gz", "picture.png", "trace.pcap"},
		slices.Compact(sorted(c.skipped))); d != "" {
		t.Error(d)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func TestLongLines(t *testing.T) {
	c := newWorld(t)
	c.opts.MaxRecord = 1000
	c.start()
	c.append("a.log", "1\n"+strings.Repeat("x", 2000))
	c.poll()
	c.start() // in the middle of the line
	c.append("a.log", strings.Repeat("x", 600_000))
	c.poll()
	c.append("a.log", "yyy\n2\n"+strings.Repeat("z", 1500)+"\n3\n{\"n\":\n")
	c.poll()
	c.expect("1 2 3")
	if len(c.bad) != 3 || c.bad[0].Offset != 2 || c.bad[0].Record != 2 || c.bad[1].Offset != 2+602000+4+2 {
		t.Errorf("%+v", c.bad)
	}
	// A line longer than the window, but not too long.
	c = newWorld(t)
	long := strings.Repeat("w", 700_000)
	c.append("a.log", "1\n"+long[:400_000])
	c.poll()
	c.append("a.log", long[400_000:]+"\n2\n")
	c.poll()
	c.expect("1 " + long + " 2")
}

// TestRun follows a real log that is rotated all the time, with the real clock,
// restarting every now and then.
func TestRun(t *testing.T) {
	c := newWorld(t, "a.log")
	c.opts.Every, c.opts.Wait, c.opts.Clock = time.Millisecond, nil, clock.System
	c.opts.Linger = 50 * time.Millisecond
	const lines = 3000
	written := make(chan struct{})
	pause := time.NewTicker(3 * time.Millisecond)
	defer pause.Stop()
	go func() {
		defer close(written)
		for i := range lines {
			f, err := os.OpenFile(c.path("a.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(f, "line%d\n", i)
			f.Close()
			if i%250 == 249 {
				os.Rename(c.path("a.log"), c.path(fmt.Sprintf("a.log.%d", i)))
			}
			if i%100 == 99 {
				<-pause.C
			}
		}
	}()
	over := false
	for round := 0; !over || round < 3; round++ {
		ctx, stop := context.WithTimeout(context.Background(), 60*time.Millisecond)
		c.start()
		c.w.Run(ctx)
		stop()
		select {
		case <-written:
			over = true
		default:
		}
	}
	for range 100 {
		if len(c.kept) >= lines {
			break
		}
		c.poll()
		<-pause.C
	}
	if len(c.order) != lines {
		t.Errorf("%d lines, want %d", len(c.order), lines)
	}
	seen := map[string]bool{}
	for _, m := range c.order {
		if seen[m] {
			t.Errorf("%s came twice", m)
		}
		seen[m] = true
	}
}
