package object_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// copied is a copy of what a viewer may see, kept by Changes.
type copied struct {
	v     policy.Viewer
	at    object.Place
	never bool              // it is never told to forget anything
	holds map[string]string // by realm and id: what short says
}

// follow takes what changed, some at a time.
func (c *copied) follow(h house, limit int) {
	h.Helper()
	for more := true; more; {
		h.read(c.v, func(tx *store.Tx) (err error) {
			var list []object.Change
			was := c.at
			if list, c.at, more, err = h.s.Changes(tx, c.at, limit); more && c.at == was || len(list) > 2*limit {
				h.Fatalf("%+v: %d of %d after %v, up to %v, and more: %v", c.v, len(list), limit, was, c.at, more)
			}
			for _, x := range list {
				if x.Recall && c.never {
					h.Errorf("%+v comes late, and is told of %s", c.v, x.ID)
				}
				if key := x.Realm + " " + x.ID; x.Recall {
					delete(c.holds, key)
				} else {
					c.holds[key] = short(x.Object)
				}
			}
			return err
		})
	}
}

// Whoever follows the changes has what it may see, and nothing else, whatever was added,
// marked and deleted meanwhile, by several givers of one id.
func TestChangesMakeACopy(t *testing.T) {
	viewers := []policy.Viewer{public, hub, member("a"), member("b"), {Member: "c", Sector: "rail", Machine: true}}
	each(t, func(h house) {
		round := 0
		copies := make([]*copied, len(viewers))
		for i, v := range viewers {
			copies[i] = &copied{v: v, holds: map[string]string{}}
		}
		audiences := []policy.Audience{nil, {policy.Community}, {policy.ToSector("power")}, {policy.ToMember("b")}}
		rapid.Check(h.T, func(t *rapid.T) {
			round++
			for range rapid.IntRange(1, 8).Draw(t, "steps") {
				owner := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "owner")
				marked := policy.Handling{TLP: policy.TLP(rapid.IntRange(1, 5).Draw(t, "tlp")), Owner: owner,
					Audience: rapid.SampledFrom(audiences).Draw(t, "audience")}
				realm := rapid.SampledFrom([]string{"", "drill"}).Draw(t, "realm")
				o := indicator(round*3+rapid.IntRange(0, 2).Draw(t, "n"), rapid.IntRange(1, 4).Draw(t, "minute"))
				what := rapid.IntRange(0, 5).Draw(t, "what")
				err := h.db.Write(h.Context(), store.System("test"), func(tx *store.Tx) error {
					r := realm
					if r == "" {
						r = "live"
					}
					switch what {
					case 0:
						return h.s.SetHandling(tx, r, o.ID(), owner, marked)
					case 1:
						return h.s.Delete(tx, r, o.ID(), owner)
					case 2:
						return h.s.DeleteVersions(tx, r, o.ID(), owner, func(_ object.Object, _, last bool) bool {
							return last
						})
					}
					_, err := h.s.Put(tx, []object.Item{{Object: o, Handling: marked, Realm: realm}})
					return err
				})
				if err != nil && !fault.Is(err, fault.NotFound) {
					t.Fatal(err)
				}
				if c := rapid.SampledFrom(copies).Draw(t, "who"); rapid.Bool().Draw(t, "follows") {
					c.follow(h, rapid.IntRange(1, 4).Draw(t, "limit"))
				}
			}
			for i, v := range viewers {
				late := &copied{v: v, never: true, holds: map[string]string{}}
				late.follow(h, 100)
				(&copied{v: v, never: true, holds: map[string]string{}}).follow(h, 2)
				copies[i].follow(h, 3)
				if !maps.Equal(late.holds, copies[i].holds) {
					t.Errorf("%+v: who comes late has %v, who followed %v", v, late.holds, copies[i].holds)
				}
				sees := append(h.sees(v, object.Ask{Limit: 100}), h.sees(v, object.Ask{Limit: 100, Realm: "drill"})...)
				slices.Sort(sees)
				if got := slices.Sorted(maps.Values(late.holds)); !slices.Equal(got, sees) {
					t.Errorf("%+v has %v and sees %v", v, got, sees)
				}
			}
		})
	})
}

// What was committed is told whole, and who may see or could see what is known.
func TestCommitted(t *testing.T) {
	each(t, func(h house) {
		told := 0
		h.s.Listen(func() { told++ })
		h.put("a", policy.Green, nil, indicator(1, 1))
		h.put("a", policy.Amber, nil, indicator(2, 1))
		h.put("b", policy.Green, nil, indicator(2, 2))
		h.put("a", policy.Green, nil, indicator(1, 1)) // it is here
		if told != 3 {
			h.Errorf("told %d times", told)
		}
		only := policy.Handling{TLP: policy.Amber}
		h.write(func(tx *store.Tx) error { return h.s.SetHandling(tx, "live", indicator(1, 1).ID(), "a", only) })
		h.write(func(tx *store.Tx) error {
			var got []string
			after := int64(0)
			for more := true; more; {
				var list []object.Commit
				var err error
				if list, more, err = h.s.Committed(tx, after, 2); err != nil {
					return err
				}
				for _, c := range list {
					after = c.Seq
					got = append(got, fmt.Sprintf("%s%s %t %t", c.ID[len(c.ID)-1:], c.Handling.Owner, c.Recall,
						c.Several))
				}
			}
			want := []string{"2a false true", "2b false true", "1 true false", "1a false false"}
			if !slices.Equal(got, want) {
				h.Errorf("%v instead of %v", got, want)
			}
			last, err := h.s.Last(tx)
			if last != after || err != nil {
				h.Errorf("last %d of %d, %v", last, after, err)
			}
			streams, upto, err := h.s.ChangedStreams(tx, 0)
			if len(streams) != 2 || upto != last || err != nil {
				h.Errorf("streams %v up to %d, %v", streams, upto, err)
			}
			for id, could := range map[string]bool{indicator(1, 1).ID(): true, indicator(2, 1).ID(): true,
				indicator(3, 1).ID(): false} {
				if got, err := h.s.Could(tx, member("c"), id); got != could || err != nil {
					h.Errorf("%s: %v %v", id, got, err)
				}
			}
			if got, err := h.s.Could(tx, public, indicator(1, 1).ID()); got || err != nil {
				h.Errorf("the public: %v %v", got, err)
			}
			return nil
		})
	})
}
