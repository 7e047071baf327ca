package feed_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// hub is a feed with members that do as nodes do.
type hub struct {
	*testing.T
	*sharetest.Copies
	db      *store.DB
	objects *object.Store
}

func open(t *testing.T, db *store.DB) hub {
	t.Helper()
	h := hub{T: t, db: db, objects: object.New(db), Copies: &sharetest.Copies{People: []identity.Member{
		{ID: "power", Sector: "energy"}, {ID: "gas", Sector: "energy"}, {ID: "city", Sector: "government"}}}}
	h.start()
	return h
}

// start starts the feed, once more if it ran.
func (h hub) start() {
	h.Helper()
	h.Feed = feed.New(feed.Config{DB: h.db, Objects: h.objects, Members: h, Push: h,
		Log: slog.New(slog.DiscardHandler)})
	if err := h.Feed.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func each(t *testing.T, body func(h hub)) {
	t.Helper()
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, func(t *testing.T, db *store.DB) { body(open(t, db)) }, storetest.With(object.Migration()),
		storetest.Clock(now))
}

func indicator(n, version int, more string) *stix.Object {
	o, err := stix.Parse(fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1",`+
		`"id":"indicator--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00.000Z",`+
		`"modified":"2026-01-01T00:%02d:00.000Z","pattern":"[ipv4-addr:value = '198.51.100.%d']",`+
		`"pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s}`, n, version, n%250+1, more))
	if err != nil {
		panic(err)
	}
	return o
}

// put keeps objects of the power company.
func (h hub) put(hd policy.Handling, realm string, list ...*stix.Object) {
	h.Helper()
	hd.Owner = "power"
	var items []object.Item
	for _, o := range list {
		items = append(items, object.Item{Object: o, Handling: hd, Realm: realm})
	}
	h.write(func(tx *store.Tx) error {
		out, err := h.objects.Put(tx, items)
		for _, o := range out {
			if o.Err != nil {
				h.Error(o.Err)
			}
		}
		return err
	})
}

func (h hub) write(fn func(tx *store.Tx) error) {
	h.Helper()
	if err := h.db.Write(h.Context(), store.System("test"), fn); err != nil {
		h.Fatal(err)
	}
}

func (h hub) mark(n int, hd policy.Handling) {
	h.Helper()
	h.write(func(tx *store.Tx) error {
		return h.objects.SetHandling(tx, "live", indicator(n, 1, "").ID(), "power", hd)
	})
}

// has is what a member has: realm, number and version of each object.
func (h hub) has(member string) (list []string) {
	for key, o := range h.Of(member).Holds {
		realm, _, _ := strings.Cut(key, " ")
		list = append(list, fmt.Sprintf("%s %s@%s", realm, strings.TrimLeft(o.ID[len(o.ID)-12:], "0"),
			o.Modified.Format("04")))
	}
	slices.Sort(list)
	return list
}

func (h hub) want(what, member string, want ...string) {
	h.Helper()
	if diff := cmp.Diff(want, h.has(member)); diff != "" {
		h.Errorf("%s: %s has (-want +got):\n%s", what, member, diff)
	}
}

var (
	green  = policy.Handling{TLP: policy.Green}
	energy = sharetest.Amber(policy.ToSector("energy"))
	forGas = sharetest.Amber(policy.ToMember("gas"))
)

// Members that are there are pushed what they may have, at once and in order; what is marked
// anew, taken back or revoked reaches who has it.
func TestPush(t *testing.T) {
	each(t, func(h hub) {
		h.Settle(t)
		h.put(green, "", indicator(1, 1, ""))
		h.put(energy, "", indicator(2, 1, ""))
		h.put(forGas, "drill", indicator(3, 1, ""))
		h.put(policy.Handling{TLP: policy.Red}, "", indicator(4, 1, ""))
		h.Settle(t)
		h.want("pushed", "gas", "drill 3@01", "live 1@01", "live 2@01")
		h.want("pushed", "power", "drill 3@01", "live 1@01", "live 2@01")
		h.want("pushed", "city", "live 1@01")
		for _, p := range h.People {
			if c := h.Of(p.ID); c.Pushes != 1 || c.Asked != 1 {
				t.Errorf("%s was pushed %d times and asked %d times", p.ID, c.Pushes, c.Asked)
			}
		}
		for _, o := range h.Of("gas").Came {
			if o.Handling.Owner != "" || o.Handling.Audience != nil || o.Handling.TLP == 0 {
				t.Errorf("%s is handled %+v", o.ID, o.Handling)
			}
		}
		h.mark(1, forGas)
		h.mark(2, green)
		h.put(energy, "", indicator(5, 1, ""), indicator(5, 2, `,"revoked":true`))
		h.Settle(t)
		h.want("marked", "gas", "drill 3@01", "live 1@01", "live 2@01", "live 5@02")
		h.want("marked", "city", "live 2@01")
		if got := len(h.Of("city").Came); got != 3 {
			t.Errorf("city was told %d things", got)
		}
		h.write(func(tx *store.Tx) error { return h.objects.Delete(tx, "live", indicator(2, 1, "").ID(), "power") })
		h.Settle(t)
		h.want("deleted", "city")
		// A member that comes late gets what there is, and not what there was.
		h.People = append(h.People, identity.Member{ID: "late", Sector: "energy"})
		h.Settle(t)
		h.want("late", "late", "live 5@02")
		if c := h.Of("late"); len(c.Came) != 1 {
			t.Errorf("late was told %d things", len(c.Came))
		}
	})
}

// What gets lost on its way is asked for, and so is what a hub that starts again does not
// know to be missing.
func TestLost(t *testing.T) {
	each(t, func(h hub) {
		h.Settle(t)
		h.Lossy = map[string]bool{"gas": true}
		h.put(green, "", indicator(1, 1, ""))
		h.Settle(t)
		h.want("lost", "gas")
		h.Lossy = nil
		h.put(green, "", indicator(2, 1, ""))
		h.Settle(t)
		h.want("after the loss", "gas", "live 1@01", "live 2@01")
		h.want("without loss", "city", "live 1@01", "live 2@01")

		h.start()
		h.put(green, "", indicator(3, 1, ""))
		h.Settle(t)
		h.put(green, "", indicator(4, 1, ""))
		h.Settle(t)
		h.want("after a restart", "city", "live 1@01", "live 2@01", "live 3@01", "live 4@01")
		if c := h.Of("city"); c.Resets != 0 || len(c.Came) != 4 || c.Pushes != 3 {
			t.Errorf("%d resets, %d objects came, %d pushes", c.Resets, len(c.Came), c.Pushes)
		}
		h.Feed.Gone("city")
		h.put(green, "", indicator(5, 1, ""))
		h.Settle(t)
		h.want("gone and back", "city", "live 1@01", "live 2@01", "live 3@01", "live 4@01", "live 5@01")
	})
}

// A member whose sector is another one begins from the start, and has what it may have now.
func TestSectorChanged(t *testing.T) {
	each(t, func(h hub) {
		h.put(energy, "", indicator(1, 1, ""))
		h.put(green, "", indicator(2, 1, ""))
		h.put(sharetest.Amber(policy.ToSector("government")), "", indicator(3, 1, ""))
		h.Settle(t)
		h.want("energy", "gas", "live 1@01", "live 2@01")
		h.People[1].Sector = "government"
		h.put(energy, "", indicator(4, 1, ""))
		h.put(green, "", indicator(5, 1, ""))
		h.Settle(t)
		h.want("government", "gas", "live 2@01", "live 3@01", "live 5@01")
		if c := h.Of("gas"); c.Resets != 1 {
			t.Errorf("%d resets", c.Resets)
		}
	})
}

// A hub that was restored from a backup gives positions again that its members know.
func TestRestored(t *testing.T) {
	each(t, func(h hub) {
		h.put(green, "", indicator(1, 1, ""), indicator(2, 1, ""))
		h.Settle(t)
		h.write(func(tx *store.Tx) error { // as it was before the second
			return h.objects.Delete(tx, "live", indicator(2, 1, "").ID(), "power")
		})
		h.write(func(tx *store.Tx) error { _, err := tx.Exec(`DELETE FROM object_recall`); return err })
		if err := h.Feed.Restored(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.put(green, "", indicator(3, 1, ""))
		h.Settle(t)
		h.want("restored", "city", "live 1@01", "live 3@01")
		if c := h.Of("city"); c.Resets != 1 {
			t.Errorf("%d resets", c.Resets)
		}
	})
}

// Ten thousand objects come in pages, each once, to a member for which the others' objects
// make no difference.
func TestPages(t *testing.T) {
	each(t, func(h hub) {
		n := 10_000
		if testing.Short() {
			n = 2_000
		}
		var mine, others []*stix.Object
		for i := range n {
			mine = append(mine, indicator(i+1, 1, ""))
			if i%10 == 0 {
				others = append(others, indicator(i+1_000_001, 1, ""))
			}
		}
		for some := range slices.Chunk(mine, 1000) {
			h.put(green, "", some...)
			h.put(forGas, "", others[:100]...)
			others = others[100:]
		}
		h.Ask(t, "city", 1000)
		if c := h.Of("city"); len(c.Holds) != n || len(c.Came) != n || c.Asked != n/1000 {
			t.Errorf("%d objects, of %d that came, in %d replies", len(c.Holds), len(c.Came), c.Asked)
		}
		// So many at once are asked for, and not pushed.
		h.Settle(t)
		before := h.Of("city").Pushes
		h.write(func(tx *store.Tx) error {
			var items []object.Item
			for i := range 1500 {
				items = append(items, object.Item{Object: indicator(i+2_000_001, 1, ""),
					Handling: policy.Handling{TLP: policy.Green, Owner: "power"}})
			}
			_, err := h.objects.Put(tx, items)
			return err
		})
		h.Settle(t)
		if c := h.Of("city"); c.Pushes != before || len(c.Holds) != n+1500 {
			t.Errorf("%d pushes, %d objects", c.Pushes-before, len(c.Holds))
		}
	})
}

// A cursor that is none, is another member's or was changed gives what policy gives, from
// the start; and who is no member gets nothing.
func TestCursors(t *testing.T) {
	each(t, func(h hub) {
		h.put(green, "", indicator(1, 1, ""), indicator(2, 1, ""))
		h.Settle(t)
		good := h.Of("city").Cursor
		reply := func(member, cursor string) wire.SyncReply {
			t.Helper()
			a, err := h.Feed.Sync(t.Context(), member, wire.SyncRequest{Cursor: cursor, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		if a := reply("city", good); a.Reset || len(a.Objects) != 0 || a.Cursor != good {
			t.Errorf("its own: %+v", a)
		}
		changed := []byte(good)
		changed[5] ^= 1
		for _, cursor := range []string{h.Of("gas").Cursor, string(changed), good[:len(good)-1], good + "A", "x", "===",
			strings.Repeat("A", 1<<20), good + "\n", "\x00"} {
			if a := reply("city", cursor); !a.Reset || len(a.Objects) != 2 || a.Cursor != good {
				t.Errorf("%.40q: %+v", cursor, a)
			}
		}
		_, err := h.Feed.Sync(t.Context(), "stranger", wire.SyncRequest{Cursor: good})
		if !fault.Is(err, fault.Denied) {
			t.Errorf("a stranger: %v", err)
		}
		// Receipts are for what is between two cursors of one's own.
		b, ok, err := h.Feed.Between(t.Context(), "city", "", good)
		if !ok || err != nil || b.After != 0 || b.Upto == 0 || b.Era != h.Feed.Era(h.People[2]) {
			t.Errorf("%+v %v %v", b, ok, err)
		}
		for _, pair := range [][2]string{{"", h.Of("gas").Cursor}, {good, good}, {"x", good}, {"", ""}} {
			if _, ok, err := h.Feed.Between(t.Context(), "city", pair[0], pair[1]); ok || err != nil {
				t.Errorf("between %q: %v %v", pair, ok, err)
			}
		}
	})
}

// Whatever is added, marked and deleted while members ask and are pushed, all at once, each
// has in the end what it may have.
func TestAllAtOnce(t *testing.T) {
	each(t, func(h hub) {
		h.Settle(t)
		var work sync.WaitGroup
		for w := range 2 {
			work.Go(func() {
				for i := range 60 {
					n := w*1000 + i
					h.put([]policy.Handling{green, energy, forGas}[i%3], "", indicator(n, 1, ""))
					if i%5 == 4 {
						h.mark(n-2, []policy.Handling{forGas, green}[i%2])
					}
				}
			})
		}
		done := make(chan struct{})
		var more sync.WaitGroup
		beside := func(fn func()) {
			more.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						fn()
					}
				}
			})
		}
		beside(func() { _ = h.Feed.Walk(t.Context()) })
		for _, p := range h.People {
			beside(func() { h.Ask(t, p.ID, 7) })
		}
		work.Wait()
		close(done)
		more.Wait()
		h.Settle(t)
		for _, p := range h.People {
			got := h.has(p.ID)
			h.Members[p.ID] = nil
			h.Ask(t, p.ID, 100)
			if want := h.has(p.ID); !slices.Equal(got, want) || len(want) < 40 {
				t.Errorf("%s has %v, may have %v", p.ID, got, want)
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	now, _ := clock.Fixed(sharetest.Start)
	db, err := store.Open(f.Context(), store.Options{URL: f.TempDir() + "/x.db", Clock: now})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { db.Close() })
	if err := db.Migrate(f.Context(), object.Migration()); err != nil {
		f.Fatal(err)
	}
	c := &sharetest.Copies{People: []identity.Member{{ID: "power"}}}
	c.Feed = feed.New(feed.Config{DB: db, Objects: object.New(db), Members: c, Push: c,
		Log: slog.New(slog.DiscardHandler)})
	if err := c.Feed.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	a, err := c.Feed.Sync(f.Context(), "power", wire.SyncRequest{})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range slices.Sorted(maps.Keys(map[string]bool{"": true, "x": true, a.Cursor: true})) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		b, err := c.Feed.Sync(t.Context(), "power", wire.SyncRequest{Cursor: cursor})
		if err != nil || b.Reset != (cursor != "" && cursor != a.Cursor) || b.Cursor != a.Cursor {
			t.Errorf("%q: %+v %v", cursor, b, err)
		}
	})
}
