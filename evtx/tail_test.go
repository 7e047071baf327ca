package evtx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// A growing is a log that a test writes between two looks of a tail.
type growing struct {
	data []byte
	err  error
	pos  Position
}

func (g *growing) open() (TailFile, error) {
	if g.err != nil {
		return nil, g.err
	}
	f, err := fstest.MapFS{"log": {Data: slices.Clone(g.data)}}.Open("log")
	if err != nil {
		return nil, err
	}
	return f.(TailFile), nil
}

// follow lets a tail look until the script is over, and gives what it yielded.
func (g *growing) follow(t *testing.T, script ...func()) collected {
	t.Helper()
	wait := func(context.Context) error {
		if len(script) == 0 {
			return errors.New("over")
		}
		script[0]()
		script = script[1:]
		return nil
	}
	tail := NewTail(g.open, wait, g.pos)
	got := collected{}
	for r, err := range tail.All(t.Context()) {
		var e *Error
		switch {
		case err == nil:
			got.ids = append(got.ids, r.ID)
			if p := tail.Position(); p.Record != r.ID || !p.Written.Equal(r.Written) {
				t.Errorf("position %+v at record %d of %v", p, r.ID, r.Written)
			}
			if _, err := r.Fields(); err != nil {
				t.Error(err)
			}
		case errors.As(err, &e) && !e.Lost:
			got.warned = append(got.warned, err.Error())
		default:
			got.lost = append(got.lost, err.Error())
		}
	}
	// Kept and read again, as after a restart.
	b, err := json.Marshal(tail.Position())
	if err != nil {
		t.Fatal(err)
	}
	g.pos = Position{}
	if err := json.Unmarshal(b, &g.pos); err != nil {
		t.Fatal(err)
	}
	return got
}

func (g *growing) want(t *testing.T, what string, got collected, ids []uint64, lost, warned string) {
	t.Helper()
	one := func(kind string, got []string, want string) {
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %s %q, want %q", what, kind, got, want)
		}
	}
	if !slices.Equal(got.ids, ids) {
		t.Errorf("%s: records %v, want %v", what, got.ids, ids)
	}
	one("lost", got.lost, lost)
	one("warned", got.warned, warned)
}

func nothing() {}

func TestTail(t *testing.T) {
	g := &growing{}
	set := func(chunks ...[]byte) func() { return func() { g.data = logFile(chunks...) } }
	g.data = logFile()
	got := g.follow(t, set(sampleChunk(1, 3)), set(sampleChunk(1, 5)), nothing, set(sampleChunk(1, 5)),
		set(sampleChunk(1, 20), sampleChunk(21, 1)),
		set(sampleChunk(1, 20), sampleChunk(21, 7), make([]byte, ChunkSize)))
	g.want(t, "grows", got, ids(1, 27), "", "")
	got = g.follow(t, set(sampleChunk(1, 20), sampleChunk(21, 9)))
	g.want(t, "after a restart", got, ids(28, 2), "", "")
	got = g.follow(t, set(sampleChunk(1, 20), sampleChunk(21, 20), sampleChunk(41, 2)),
		set(sampleChunk(61, 3), sampleChunk(21, 20), sampleChunk(41, 20)))
	g.want(t, "goes round", got, ids(30, 34), "", "")
	got = g.follow(t, set(sampleChunk(121, 3), sampleChunk(81, 20), sampleChunk(101, 20)))
	g.want(t, "overwritten", got, ids(81, 43), "records 64 to 80 are not in the log", "")
}

// A log that was cleared begins anew, whether its numbers are lower or not.
func TestTailCleared(t *testing.T) {
	g := &growing{data: logFile(sampleChunk(100, 20))}
	g.want(t, "first", g.follow(t), ids(100, 20), "", "")
	got := g.follow(t, func() { g.data = logFile(sampleChunk(1, 2)) }, nothing,
		func() { g.data = logFile(sampleChunk(1, 3)) })
	g.want(t, "lower", got, ids(1, 3), "", "started again: it no longer holds record 119")
	other := sampleChunk(1, 9)
	for n := range 9 {
		other[recordAt(t, other, n)+18]++ // written at another time
	}
	seal(other)
	got = g.follow(t, func() { g.data = logFile(other) }, nothing)
	g.want(t, "the same numbers", got, ids(1, 9), "", "started again: it no longer holds record 3")
	empty := sampleChunk(1, 1)
	for i := 8; i < 40; i++ {
		empty[i] = 0xff
	}
	le.PutUint32(empty[48:], chunkHeaderSize)
	seal(empty)
	g.want(t, "empty", g.follow(t, func() { g.data = logFile(empty) }, nothing), nil, "", "")
}

// A chunk that is being written is waited for, but not for ever.
func TestTailUnsettled(t *testing.T) {
	g := &growing{data: logFile(sampleChunk(1, 3))}
	g.want(t, "first", g.follow(t), ids(1, 3), "", "")
	unsealed := func(n int) []byte { // records are there, and the header does not know of them
		b := sampleChunk(1, n)
		copy(b[:chunkHeaderSize], sampleChunk(1, 3)[:chunkHeaderSize])
		b[52]++
		return b
	}
	set := func(b []byte) func() { return func() { g.data = logFile(b) } }
	g.want(t, "not yet", g.follow(t, set(unsealed(5))), nil, "", "")
	g.want(t, "unchanged", g.follow(t, nothing, nothing), ids(4, 2), "", "")
	g.want(t, "always changing",
		g.follow(t, set(unsealed(6)), set(unsealed(7)), set(unsealed(8)), set(unsealed(9)), set(unsealed(10))),
		ids(6, 3), "", "")
	g.want(t, "settled", g.follow(t, set(sampleChunk(1, 12))), ids(9, 4), "", "")

	// Half a record at the end is no damage as long as it is being written.
	half := sampleChunk(1, 14)
	last := recordAt(t, half, 13)
	clear(half[last+100:])
	half[124]++
	changing := func(n byte) func() {
		return func() { b := slices.Clone(half); b[120] = n; g.data = logFile(b) }
	}
	g.want(t, "half a record",
		g.follow(t, changing(1), changing(2), changing(3), changing(4), changing(5), set(sampleChunk(1, 14))),
		ids(13, 2), "", "")
}

// Damage is told once, and the rest goes on.
func TestTailDamage(t *testing.T) {
	broken := func(n int) []byte {
		b := sampleChunk(1, n)
		b[recordAt(t, b, 2)+44] = 0x44
		return b
	}
	g := &growing{data: logFile(broken(5))}
	set := func(b []byte) func() { return func() { g.data = logFile(b) } }
	sealed := broken(6)
	seal(sealed)
	got := g.follow(t, nothing, nothing, set(broken(6)), nothing, nothing, set(sealed), nothing)
	g.want(t, "damage", got, []uint64{1, 2, 4, 5, 6}, "a value of type 0x44", "")
}

// What is wrong with the file itself is told once, until it changes.
func TestTailOpen(t *testing.T) {
	g := &growing{err: fs.ErrNotExist}
	got := g.follow(t, nothing, nothing, func() { g.err = fs.ErrPermission }, nothing,
		func() { g.err, g.data = nil, logFile(sampleChunk(1, 2)) }, func() { g.err = fs.ErrNotExist }, nothing)
	if !slices.Equal(got.ids, ids(1, 2)) || len(got.lost) != 3 ||
		!strings.Contains(got.lost[0], "open the log: file does not exist") ||
		!strings.Contains(got.lost[1], "permission") {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.err = nil
	n := 0
	for range NewTail(g.open, func(context.Context) error { cancel(); return nil }, Position{}).All(ctx) {
		n++
	}
	if n != 2 {
		t.Errorf("%d records, and then the context was done", n)
	}
	for range NewTail(g.open, func(context.Context) error { t.Error("waits after the end"); return nil },
		Position{}).All(t.Context()) {
		break
	}
}

// However a log is written, flushed and looked at, each record comes once, in order.
func TestTailRandom(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		const slots = 3
		chunks := [slots][]byte{}
		var counts [slots]int
		var firsts [slots]uint64
		current, id := 0, uint64(0)
		g := &growing{}
		write := func() {
			if counts[current] == 12 { // full
				current = (current + 1) % slots
				counts[current] = 0
			}
			if counts[current] == 0 {
				firsts[current] = id + 1
			}
			n := min(1+r.IntN(4), 12-counts[current])
			counts[current] += n
			id += uint64(n)
			chunks[current] = sampleChunk(firsts[current], counts[current])
		}
		file := func() []byte {
			var out [][]byte
			for i, c := range chunks {
				if c == nil {
					break
				}
				c = slices.Clone(c)
				if i == current {
					switch r.IntN(5) {
					case 0: // checksums lag behind
						c[52]++
					case 1:
						c[124]++
					case 2: // and the last record is not whole
						c[124]++
						clear(c[recordAt(t, c, counts[i]-1)+r.IntN(200):])
					}
				}
				out = append(out, c)
			}
			b := logFile(out...)
			b[120] = 1
			return b
		}
		write()
		g.data = file()
		var all collected
		for range 6 {
			var script []func()
			for range r.IntN(6) {
				script = append(script, func() {
					if r.IntN(4) > 0 {
						write()
					}
					g.data = file()
				})
			}
			got := g.follow(t, script...)
			all.ids = append(all.ids, got.ids...)
			all.lost = append(all.lost, got.lost...)
		}
		final := func() {
			for i := range chunks {
				if chunks[i] != nil {
					seal(chunks[i])
				}
			}
			var out [][]byte
			for _, c := range chunks {
				if c != nil {
					out = append(out, c)
				}
			}
			g.data = logFile(out...)
		}
		got := g.follow(t, final, nothing, nothing, nothing)
		all.ids = append(all.ids, got.ids...)
		all.lost = append(all.lost, got.lost...)
		for i := 1; i < len(all.ids); i++ {
			if all.ids[i] <= all.ids[i-1] {
				t.Fatalf("seed %d: record %d after %d: %v", seed, all.ids[i], all.ids[i-1], all.ids)
			}
		}
		if len(all.ids) == 0 || all.ids[len(all.ids)-1] != id {
			t.Fatalf("seed %d: ends with %v, want %d", seed, all.ids, id)
		}
		// Nothing is missing but what was told to be.
		for i, n := range all.ids {
			before := uint64(0)
			if i > 0 {
				before = all.ids[i-1]
			}
			if n != before+1 {
				if i > 0 && !slices.ContainsFunc(all.lost,
					func(e string) bool {
						return strings.Contains(e,
							fmt.Sprintf("records %d to %d ", before+1, n-1))
					}) {
					t.Fatalf("seed %d: records %d to %d are missing, and that is not told: %v", seed, before+1, n-1,
						all.lost)
				}
			}
		}
	}
}

// Looks are what wait makes of them: a tail sleeps on no clock of its own.
func TestTailWait(t *testing.T) {
	g := &growing{data: logFile(sampleChunk(1, 1))}
	waits := 0
	start := time.Now()
	for range NewTail(g.open, func(context.Context) error {
		if waits++; waits == 1000 {
			return errors.New("enough")
		}
		return nil
	}, Position{}).All(t.Context()) {
	}
	if waits != 1000 {
		t.Errorf("%d looks in %v", waits, time.Since(start))
	}
}
