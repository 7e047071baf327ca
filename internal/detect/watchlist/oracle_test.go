package watchlist

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// model is a list as one would write it without any wish for speed.
type model map[Key]Entry

func (m model) add(e Entry) { m[e.Key()] = e }

// meets is what each way to match means, from the words of its definition.
func meets(e Entry, o event.Observable) bool {
	if e.Type != o.Type {
		return false
	}
	switch e.Match {
	case Exact:
		return e.Value == o.Value
	case Tree:
		return o.Value == e.Value || strings.HasSuffix(o.Value, "."+e.Value)
	case Below:
		return strings.HasSuffix(o.Value, "."+e.Value)
	case Prefix:
		rest, ok := strings.CutPrefix(o.Value, e.Value)
		if !ok {
			return false
		}
		if rest == "" {
			return true
		}
		last := e.Value[len(e.Value)-1]
		if strings.Contains(e.Value, "?") {
			return rest[0] == '&' || last == '&' || last == '?' && !strings.Contains(e.Value[:len(e.Value)-1], "?")
		}
		return rest[0] == '/' || rest[0] == '?' || last == '/'
	case Network:
		return netip.MustParsePrefix(e.Value).Contains(netip.MustParseAddr(o.Value))
	}
	return false
}

func (m model) lookup(o event.Observable, now time.Time) []Entry {
	var out []Entry
	for _, e := range m {
		if meets(e, o) && (e.ValidUntil.IsZero() || now.Before(e.ValidUntil)) {
			out = append(out, e)
		}
	}
	return ordered(out)
}

func ordered(list []Entry) []Entry {
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

func ask(t testing.TB, l *List, o event.Observable) []Entry {
	t.Helper()
	var out []Entry
	if err := l.Lookup([]event.Observable{o}, func(h Hit) bool {
		if h.Observable != o {
			t.Errorf("asked for %v, got a hit on %v", o, h.Observable)
		}
		out = append(out, h.Entry)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return ordered(out)
}

// Generators draw from few words, so that values meet, contain one another and collide.
func label() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "b", "ab", "com", "jp", "日本", "xn--wgv71a", "x-y", "_s"})
}

func domain() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		v, ok := event.Canonical(event.Domain, strings.Join(rapid.SliceOfN(label(), 2, 5).Draw(t, "labels"), "."))
		if !ok {
			return "a.example"
		}
		return v
	})
}

func address() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.SampledFrom([]int{0, 1, 2, 127, 128, 255})
		if rapid.Bool().Draw(t, "v4") {
			return fmt.Sprintf("10.%d.%d.%d", part.Draw(t, "b"), part.Draw(t, "c"), part.Draw(t, "d"))
		}
		return netip.MustParseAddr(
			fmt.Sprintf(
				"2001:db8:%x:%x::%x:%x", part.Draw(t, "b"), part.Draw(t, "c"), part.Draw(t, "d"), part.Draw(t, "e"),
			),
		).String()
	})
}

func link() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.SampledFrom([]string{"http", "https"}).Draw(t, "scheme") + "://" + rapid.SampledFrom(
			[]string{"a.example", "192.0.2.1", "[2001:db8::1]:8080", "日本.jp"},
		).Draw(t, "host")
		s += strings.Join(
			rapid.SliceOfN(rapid.SampledFrom([]string{"/", "/a", "/ab", "/%2F", "/b&c"}), 0, 4).Draw(t, "path"), "",
		)
		if rapid.Bool().Draw(t, "query") {
			s += "?" + strings.Join(
				rapid.SliceOfN(rapid.SampledFrom([]string{"q=1", "q=", "&", "/", "?", "r=a&"}), 0, 4).Draw(t, "pairs"),
				"",
			)
		}
		v, ok := event.Canonical(event.URL, s)
		if !ok {
			t.Fatalf("%q is no URL", s)
		}
		return v
	})
}

func addressType(v string) event.ObservableType {
	if strings.Contains(v, ":") {
		return event.IPv6
	}
	return event.IPv4
}

func observable() *rapid.Generator[event.Observable] {
	return rapid.Custom(func(t *rapid.T) event.Observable {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			v := address().Draw(t, "address")
			return event.Observable{Type: addressType(v), Value: v}
		case 1:
			return event.Observable{Type: event.URL, Value: link().Draw(t, "url")}
		case 2:
			return event.Observable{
				Type: FileName, Value: rapid.SampledFrom([]string{"a.exe", "b.exe", "é.dll"}).Draw(t, "name"),
			}
		case 3:
			return event.Observable{
				Type: event.MD5, Value: strings.Repeat(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "hex"), 32),
			}
		}
		return event.Observable{Type: event.Domain, Value: domain().Draw(t, "domain")}
	})
}

func entry() *rapid.Generator[Entry] {
	return rapid.Custom(func(t *rapid.T) Entry {
		o := observable().Draw(t, "observable")
		e := Entry{Type: o.Type, Value: o.Value, Source: rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "source"),
			ID: rapid.SampledFrom([]string{"", "i1", "i2"}).Draw(t, "id"), TLP: policy.TLP(
				rapid.IntRange(0, 6).Draw(t, "tlp"),
			)}
		switch o.Type {
		case event.Domain:
			e.Match = rapid.SampledFrom([]Match{Exact, Tree, Below}).Draw(t, "match")
		case event.URL:
			e.Match = rapid.SampledFrom([]Match{Exact, Prefix}).Draw(t, "match")
		case event.IPv4:
			e.Value += rapid.SampledFrom([]string{"", "/8", "/9", "/15", "/24", "/25", "/31", "/32"}).Draw(t, "bits")
		case event.IPv6:
			e.Value += rapid.SampledFrom(
				[]string{"", "/16", "/33", "/48", "/63", "/64", "/65", "/127", "/128"},
			).Draw(t, "bits")
		}
		if n := rapid.IntRange(0, 6).Draw(t, "hours"); n > 0 {
			e.ValidUntil = start.Add(time.Duration(n) * time.Hour)
		}
		c, err := Check(e)
		if err != nil { // a public suffix, as a tree
			e.Match = Exact
			if c, err = Check(e); err != nil {
				t.Fatal(err)
			}
		}
		return c
	})
}

// fastDir is a folder in memory where the system has one: thousands of synced
// changes take a disk half a minute. What a sync is for is tested elsewhere.
func fastDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "watchlist-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestAgainstOracle plays random changes on a list and on the model, with merges,
// loads, the clock and new starts between them, and holds look-ups against it.
func TestAgainstOracle(t *testing.T) {
	ctx := context.Background()
	root := fastDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			rt.Fatal(err)
		}
		now, hand := clock.Fixed(start)
		opts := Options{Clock: now, MaxChanged: rapid.SampledFrom([]int{4, 40, 4000}).Draw(rt, "most")}
		l, err := Open(dir, opts)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { l.Close() }()
		m := model{}
		must := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		compare := func(o event.Observable) {
			if diff := cmp.Diff(m.lookup(o, now()), ask(t, l, o)); diff != "" {
				rt.Fatalf("%v: model (-), list (+):\n%s", o, diff)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				batch := rapid.SliceOfN(entry(), 1, 4).Draw(rt, "entries")
				must(l.Add(ctx, batch...))
				for _, e := range batch {
					m.add(e)
				}
			},
			"remove": func(rt *rapid.T) {
				k := entry().Draw(rt, "entry").Key()
				if keys := slices.SortedFunc(
					maps.Keys(m), func(a, b Key) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) },
				); len(keys) > 0 && rapid.Bool().Draw(rt, "there") {
					k = rapid.SampledFrom(keys).Draw(rt, "key")
				}
				must(l.Remove(ctx, k))
				delete(m, k)
			},
			"remove id": func(rt *rapid.T) {
				id := rapid.SampledFrom([]string{"", "i1", "i2"}).Draw(rt, "id")
				must(l.RemoveIDs(ctx, id))
				maps.DeleteFunc(m, func(k Key, _ Entry) bool { return id != "" && k.ID == id })
			},
			"remove source": func(rt *rapid.T) {
				source := rapid.SampledFrom([]string{"s1", "s3"}).Draw(rt, "source")
				must(l.RemoveSource(ctx, source))
				maps.DeleteFunc(m, func(k Key, _ Entry) bool { return k.Source == source })
			},
			"merge": func(rt *rapid.T) { must(l.Merge(ctx)) },
			"load": func(rt *rapid.T) {
				scope := rapid.SampledFrom([]Scope{{}, {All: true}, {Sources: []string{"s2"}}}).Draw(rt, "scope")
				l.buffer = rapid.SampledFrom([]int{1, 20_000, sortBuffer}).Draw(rt, "buffer")
				b, err := l.Load(scope)
				must(err)
				list := rapid.SliceOfN(entry(), 0, 60).Draw(rt, "entries")
				for _, e := range list {
					must(b.Add(e))
				}
				if rapid.IntRange(0, 4).Draw(rt, "abort") == 0 {
					b.Abort()
					return
				}
				must(b.Commit(ctx))
				maps.DeleteFunc(
					m, func(k Key, _ Entry) bool { return scope.All || slices.Contains(scope.Sources, k.Source) },
				)
				for _, e := range list {
					m.add(e)
				}
			},
			"wait": func(rt *rapid.T) {
				hand.Add(time.Duration(rapid.IntRange(0, 90).Draw(rt, "minutes")) * time.Minute)
			},
			"verify": func(rt *rapid.T) { must(l.Verify(ctx)) },
			"reopen": func(rt *rapid.T) {
				must(l.Close())
				l, err = Open(dir, opts)
				must(err)
			},
			"all": func(rt *rapid.T) {
				var got, want []Entry
				must(l.All(ctx, func(e Entry) bool { got = append(got, e); return true }))
				// A merge takes out what has expired; when, is the list's to choose.
				live := func(e Entry) bool { return e.ValidUntil.IsZero() || now().Before(e.ValidUntil) }
				got = slices.DeleteFunc(got, func(e Entry) bool { return !live(e) })
				for _, e := range m {
					if live(e) {
						want = append(want, e)
					}
				}
				if diff := cmp.Diff(ordered(want), ordered(got), cmpopts.EquateEmpty()); diff != "" {
					rt.Fatal(diff)
				}
			},
			"": func(rt *rapid.T) {
				for range 3 {
					compare(observable().Draw(rt, "question"))
				}
				for _, e := range m { // and what surely hits, or nearly
					if e.Match != Network {
						compare(event.Observable{Type: e.Type, Value: e.Value})
					} else {
						p := netip.MustParsePrefix(e.Value)
						compare(event.Observable{Type: e.Type, Value: p.Addr().String()})
						compare(event.Observable{Type: e.Type, Value: p.Addr().Prev().String()})
					}
				}
			},
		})
	})
}

func TestCutsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, u := link().Draw(t, "prefix"), link().Draw(t, "url")
		if rapid.Bool().Draw(t, "longer") {
			u, _ = event.Canonical(
				event.URL,
				v+rapid.SampledFrom([]string{"", "/", "x", "/x", "?", "?x", "&x", "&", "#"}).Draw(t, "more"),
			)
		}
		found := false
		cuts(u, func(c string, ordinal int) bool {
			if c == v {
				if found {
					t.Fatalf("%q has the cut %q twice", u, v)
				}
				found = true
				if d := depth(kindURL, Prefix, v); d != ordinal {
					t.Fatalf("%q is cut %d of %q and has depth %d", v, ordinal, u, d)
				}
			}
			return true
		})
		if want := meets(
			Entry{Type: event.URL, Match: Prefix, Value: v}, event.Observable{Type: event.URL, Value: u},
		); found != want {
			t.Fatalf("prefix %q of %q: %v, want %v", v, u, found, want)
		}
	})
}

func TestRangesAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ranges
		var list []netip.Prefix
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			a := netip.MustParseAddr(address().Draw(t, "address"))
			if rapid.IntRange(0, 9).Draw(t, "edge") == 0 {
				a = netip.MustParseAddr(
					rapid.SampledFrom(
						[]string{"255.255.255.255", "0.0.0.0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"},
					).Draw(t, "at"),
				)
			}
			bits := rapid.IntRange(0, a.BitLen()).Draw(t, "bits")
			if rapid.Bool().Draw(t, "narrow") {
				bits = a.BitLen() - bits%3
			}
			p, _ := a.Prefix(bits)
			list = append(list, p)
			r.add(p)
		}
		r.seal()
		if !r.sound() {
			t.Fatalf("%v: not sound: %v", list, r)
		}
		for range 20 {
			a := netip.MustParseAddr(address().Draw(t, "question"))
			if len(list) > 0 && rapid.Bool().Draw(t, "near") {
				p := rapid.SampledFrom(list).Draw(t, "of")
				a = rapid.SampledFrom([]netip.Addr{p.Addr(), p.Addr().Prev(), last(p), last(p).Next()}).Draw(t, "edge")
			}
			want := slices.ContainsFunc(list, func(p netip.Prefix) bool { return a.IsValid() && p.Contains(a) })
			if a.IsValid() && r.contain(a) != want {
				t.Fatalf("%v in %v: %v, want %v", a, list, !want, want)
			}
		}
	})
}

// TestRangesJoin joins what touches and nothing else.
func TestRangesJoin(t *testing.T) {
	var r ranges
	for _, s := range []string{
		"10.0.0.0/32", "10.0.0.2/32", "10.0.0.3/32", "2001:db8::/128", "2001:db8::2/128", "2001:db8::3/128",
		"2001:db8:0:1::/64", "2001:db8:0:2::/64",
	} {
		r.add(netip.MustParsePrefix(s))
	}
	r.seal()
	if len(r.v4) != 2 || len(r.v6) != 3 {
		t.Errorf("%v", r.v6)
	}
	for _, s := range []string{"10.0.0.1", "2001:db8::1"} {
		if r.contain(netip.MustParseAddr(s)) {
			t.Errorf("%s is in", s)
		}
	}
}

// last is the last address of a network.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
