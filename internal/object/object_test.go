package object_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/stix"
)

var start = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

const identity = "identity--00000000-0000-4000-8000-00000000000a"

// house is a store of objects with a clock that stands.
type house struct {
	*testing.T
	db *store.DB
	s  *object.Store
}

func each(t *testing.T, body func(h house)) {
	t.Helper()
	now, _ := clock.Fixed(start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		body(house{t, db, object.New(db)})
	}, storetest.With(object.Migration()), storetest.Clock(now))
}

// indicator is an object with a number, in the version of a minute.
func indicator(n, minute int, more ...string) *stix.Object {
	raw := fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012d",`+
		`"created_by_ref":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:%02d:00.000Z","name":"n%d",`+
		`"pattern":"[ipv4-addr:value = '198.51.100.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s}`,
		n, identity, minute, n, n%250+1, strings.Join(more, ""))
	return parse(raw)
}

func address(value, more string) *stix.Object {
	return parse(fmt.Sprintf(`{"type":"ipv4-addr","spec_version":"2.1",`+
		`"id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":%q%s}`, value, more))
}

func parse(raw string) *stix.Object {
	o, err := stix.Parse([]byte(raw))
	if err != nil {
		panic(err)
	}
	return o
}

func (h house) write(fn func(tx *store.Tx) error) {
	h.Helper()
	if err := h.db.Write(h.Context(), store.System("test"), fn); err != nil {
		h.Fatal(err)
	}
}

func (h house) put(owner string, tlp policy.TLP, audience []string, objects ...*stix.Object) (out []object.Outcome) {
	h.Helper()
	var items []object.Item
	for _, o := range objects {
		items = append(items, object.Item{Object: o, Source: "by " + owner,
			Handling: policy.Handling{TLP: tlp, Owner: owner, Audience: audience}})
	}
	h.write(func(tx *store.Tx) (err error) {
		out, err = h.s.Put(tx, items)
		return err
	})
	return out
}

func (h house) read(v policy.Viewer, fn func(tx *store.Tx) error) {
	h.Helper()
	if err := h.db.Read(h.Context(), store.As(v), fn); err != nil {
		h.Fatal(err)
	}
}

// sees are the names and versions of what a viewer sees, in order, read by pages.
func (h house) sees(v policy.Viewer, a object.Ask) (list []string) {
	h.Helper()
	a.Limit, a.Bodies = max(a.Limit, 1), true
	for {
		var p object.Page
		h.read(v, func(tx *store.Tx) (err error) {
			p, err = h.s.Read(tx, a)
			return err
		})
		for _, o := range p.Objects {
			list = append(list, short(o))
		}
		if !p.More {
			return list
		}
		a.After = p.Upto
	}
}

func short(o object.Object) string {
	so := parse(string(o.Body))
	return so.Text("name") + "@" + so.Modified().Time().Format("04")
}

var (
	public = policy.Viewer{}
	hub    = policy.Viewer{Hub: true}
	desk   = policy.Viewer{Hub: true, Coordinator: true, User: "d", Role: policy.RoleCoordinator}
)

func member(id string) policy.Viewer {
	return policy.Viewer{Member: id, Sector: "power", Machine: true}
}

func (h house) refused(out object.Outcome, kind fault.Kind) {
	h.Helper()
	if out.New || fault.KindOf(out.Err) != kind {
		h.Errorf("%+v", out)
	}
}

func TestVersions(t *testing.T) {
	each(t, func(h house) {
		if out := h.put("a", policy.Green, nil, indicator(1, 2)); !out[0].New ||
			out[0].Version != "2026-01-01T00:02:00.000Z" {
			h.Errorf("%+v", out)
		}
		if out := h.put("a", policy.Green, nil, indicator(1, 2)); out[0].New || out[0].Err != nil {
			h.Errorf("the same again: %+v", out)
		}
		h.refused(h.put("a", policy.Green, nil, indicator(1, 2, `,"confidence":5`))[0], fault.Conflict)
		if out := h.put("a", policy.Green, nil, indicator(1, 3), indicator(1, 1), indicator(1, 4)); !out[0].New ||
			!out[1].New || !out[2].New {
			h.Errorf("in any order: %+v", out)
		}
		m := member("b")
		for name, test := range map[string]struct {
			ask  object.Ask
			want []string
		}{
			"the latest": {object.Ask{}, []string{"n1@04"}},
			"all":        {object.Ask{All: true}, []string{"n1@02", "n1@03", "n1@01", "n1@04"}},
			"the first":  {object.Ask{First: true}, []string{"n1@01"}},
			"both":       {object.Ask{First: true, Latest: true}, []string{"n1@01", "n1@04"}},
			"one":        {object.Ask{At: []time.Time{time.Date(2026, 1, 1, 0, 3, 0, 0, time.UTC)}}, []string{"n1@03"}},
			"by id": {object.Ask{IDs: []string{indicator(1, 1).ID()}, All: true},
				[]string{"n1@02", "n1@03", "n1@01", "n1@04"}},
			"other":   {object.Ask{Types: []string{"malware"}}, nil},
			"a type":  {object.Ask{Types: []string{"malware", "indicator"}}, []string{"n1@04"}},
			"a realm": {object.Ask{Realm: "exercise"}, nil},
		} {
			for limit := 1; limit < 6; limit++ {
				test.ask.Limit = limit
				if got := h.sees(m, test.ask); !slices.Equal(got, test.want) {
					h.Errorf("%s, %d a page: %v instead of %v", name, limit, got, test.want)
				}
			}
		}
		h.read(m, func(tx *store.Tx) error {
			list, err := object.Versions(tx, event.Live, indicator(1, 1).ID())
			if len(list) != 4 || short(list[0]) != "n1@01" || short(list[3]) != "n1@04" ||
				list[0].Flags&object.First == 0 {
				h.Errorf("%+v", list)
			}
			return err
		})
		h.put("a", policy.Green, nil, indicator(1, 9, `,"revoked":true`))
		h.refused(h.put("a", policy.Green, nil, indicator(1, 10))[0], fault.Conflict)
		if out := h.put("a", policy.Green, nil, indicator(1, 8)); !out[0].New {
			h.Errorf("a version from before it was revoked: %+v", out)
		}
		other := strings.ReplaceAll(string(indicator(2, 1).Bytes()), "00000000000a", "00000000000b")
		h.put("a", policy.Green, nil, parse(other))
		h.refused(h.put("a", policy.Green, nil, indicator(2, 2))[0], fault.Conflict)
	})
}

// An id of somebody else's is refused where the giver may see it, and makes no difference
// where they may not.
func TestSomebodyElsesID(t *testing.T) {
	each(t, func(h house) {
		h.put("a", policy.Green, nil, indicator(1, 1))
		h.refused(h.put("b", policy.Green, nil, indicator(1, 2))[0], fault.Conflict)
		h.refused(h.put("b", policy.Green, nil, indicator(1, 1, `,"confidence":5`))[0], fault.Conflict)
		if out := h.put("b", policy.Green, nil, indicator(1, 1))[0]; out.New || out.Err != nil {
			h.Errorf("the same object: %+v", out)
		}
		h.put("a", policy.Red, nil, indicator(2, 1))
		if out := h.put("b", policy.Green, nil, indicator(2, 2))[0]; !out.New || out.Err != nil {
			h.Errorf("an object that may not be seen showed: %+v", out)
		}
		if got := h.sees(member("c"), object.Ask{}); !slices.Equal(got, []string{"n1@01", "n2@02"}) {
			h.Errorf("%v", got)
		}
		person := policy.Viewer{Member: "a", User: "u"}
		if got := h.sees(person, object.Ask{}); !slices.Equal(got, []string{"n1@01", "n2@01"}) {
			h.Errorf("who sees both sees who was first: %v", got)
		}
		h.read(person, func(tx *store.Tx) error {
			o, err := object.Get(tx, event.Live, indicator(2, 1).ID())
			if err == nil && short(o) != "n2@01" {
				h.Errorf("%s", short(o))
			}
			return err
		})
	})
}

func TestUnversioned(t *testing.T) {
	each(t, func(h house) {
		one := h.put("a", policy.Green, nil, address("198.51.100.3", ""))[0]
		if !one.New || !strings.HasPrefix(one.Version, "2026-11-22T04:00:00.0000") {
			h.Errorf("%+v", one)
		}
		if out := h.put("a", policy.Green, nil, address("198.51.100.3", "")); out[0].New ||
			out[0].Version != one.Version {
			h.Errorf("%+v", out)
		}
		more := h.put("a", policy.Green, nil, address("198.51.100.3", `,"x_note":"seen"`))[0]
		if !more.New || more.Version <= one.Version {
			h.Errorf("%+v", more)
		}
		if out := h.put("a", policy.Green, nil, address("198.51.100.3", "")); out[0].New ||
			out[0].Version != one.Version {
			h.Errorf("the first again: %+v", out)
		}
		if got := h.sees(hub, object.Ask{All: true}); len(got) != 2 {
			h.Errorf("%v", got)
		}
	})
}

func TestMarking(t *testing.T) {
	each(t, func(h house) {
		h.put("a", policy.Green, nil, indicator(1, 1), indicator(2, 1))
		b, c := member("b"), member("c")
		id := indicator(1, 1).ID()
		var at int64
		h.read(b, func(tx *store.Tx) error {
			p, err := h.s.Read(tx, object.Ask{Limit: 10})
			at = p.Upto
			return err
		})
		only := policy.Handling{TLP: policy.Amber, Audience: policy.Audience{policy.ToMember("c")}}
		h.write(func(tx *store.Tx) error { return h.s.SetHandling(tx, event.Live, id, "a", only) })
		recalls := func(v policy.Viewer, after int64) (ids []string) {
			h.read(v, func(tx *store.Tx) error {
				list, _, _, err := h.s.Changes(tx, object.Place{Seq: after}, 10)
				for _, c := range list {
					if c.Recall {
						ids = append(ids, c.ID)
					}
				}
				return err
			})
			return ids
		}
		if got := h.sees(b, object.Ask{}); !slices.Equal(got, []string{"n2@01"}) {
			h.Errorf("b sees %v", got)
		}
		if got := h.sees(c, object.Ask{After: at}); !slices.Equal(got, []string{"n1@01"}) {
			h.Errorf("c sees %v after the change", got)
		}
		if got := recalls(b, at); !slices.Equal(got, []string{id}) {
			h.Errorf("b was told to forget %v", got)
		}
		if got := recalls(c, at); got != nil {
			h.Errorf("c was told to forget %v", got)
		}
		if got := recalls(b, 0); got != nil {
			h.Errorf("who never had it was told to forget %v", got)
		}
		if got := recalls(public, at); got != nil {
			h.Errorf("who could never see it was told to forget %v", got)
		}
		h.write(func(tx *store.Tx) error {
			return h.s.SetHandling(tx, event.Live, id, "a", policy.Handling{TLP: policy.Clear})
		})
		if got := h.sees(public, object.Ask{}); !slices.Equal(got, []string{"n1@01"}) {
			h.Errorf("the public sees %v", got)
		}
		if got := recalls(b, at); got != nil {
			h.Errorf("b, who may see it again, was told to forget %v", got)
		}
		h.write(func(tx *store.Tx) error { return h.s.Delete(tx, event.Live, id, "a") })
		if got := h.sees(desk, object.Ask{All: true}); !slices.Equal(got, []string{"n2@01"}) {
			h.Errorf("after deletion: %v", got)
		}
		if got := recalls(b, at); !slices.Equal(got, []string{id}) {
			h.Errorf("b was told to forget %v", got)
		}
		if err := h.db.Write(h.Context(), store.System("test"), func(tx *store.Tx) error {
			return h.s.SetHandling(tx, event.Live, id, "a", only)
		}); !fault.Is(err, fault.NotFound) {
			h.Errorf("%v", err)
		}
	})
}

// A version that is marked more strictly takes those before it with it.
func TestStricterVersion(t *testing.T) {
	each(t, func(h house) {
		h.put("a", policy.Green, nil, indicator(1, 1))
		var at int64
		h.read(member("b"), func(tx *store.Tx) error {
			p, err := h.s.Read(tx, object.Ask{Limit: 10})
			at = p.Upto
			return err
		})
		h.put("a", policy.Red, nil, indicator(1, 2))
		if got := h.sees(member("b"), object.Ask{All: true}); got != nil {
			h.Errorf("%v", got)
		}
		h.read(member("b"), func(tx *store.Tx) error {
			list, _, _, err := h.s.Changes(tx, object.Place{Seq: at}, 10)
			if len(list) != 1 || !list[0].Recall {
				h.Errorf("%+v", list)
			}
			return err
		})
		h.put("a", policy.Clear, nil, indicator(1, 3))
		if got := h.sees(member("b"), object.Ask{All: true}); !slices.Equal(got, []string{"n1@03"}) {
			h.Errorf("%v", got)
		}
	})
}

func TestIndex(t *testing.T) {
	each(t, func(h house) {
		rel := parse(
			`{"type":"relationship","spec_version":"2.1","id":"relationship--00000000-0000-4000-8000-000000000001",` +
				`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","relationship_type":"indicates",` +
				`"source_ref":"` + indicator(2, 1).ID() +
				`","target_ref":"malware--00000000-0000-4000-8000-000000000001"}`)
		h.put("a", policy.Green, nil, indicator(2, 1), address("198.51.100.3", ""), rel)
		h.put("b", policy.Red, nil, indicator(252, 1))
		value := event.Observable{Type: event.IPv4, Value: "198.51.100.3"}
		count := func(v policy.Viewer, fn func(tx *store.Tx) ([]object.Object, error)) (n int) {
			h.read(v, func(tx *store.Tx) error {
				list, err := fn(tx)
				n = len(list)
				return err
			})
			return n
		}
		by := func(tx *store.Tx) ([]object.Object, error) { return object.ByValue(tx, event.Live, value, 10) }
		if n := count(member("c"), by); n != 2 {
			h.Errorf("%d objects about %s", n, value.Value)
		}
		if n := count(policy.Viewer{Member: "b", User: "u"}, by); n != 3 {
			h.Errorf("%d objects about it for who gave one", n)
		}
		if n := count(public, by); n != 0 {
			h.Errorf("%d objects about it for the public", n)
		}
		for id, want := range map[string]int{indicator(2, 1).ID(): 1,
			"malware--00000000-0000-4000-8000-000000000001": 1,
			identity: 1, rel.ID(): 0} {
			if n := count(member("c"), func(tx *store.Tx) ([]object.Object, error) {
				return object.Referring(tx, event.Live, id, 10)
			}); n != want {
				h.Errorf("%d objects refer to %s", n, id)
			}
		}
		moved := strings.ReplaceAll(string(indicator(2, 5).Bytes()), "198.51.100.3", "203.0.113.9")
		h.put("a", policy.Green, nil, parse(moved))
		if n := count(member("c"), by); n != 1 {
			h.Errorf("%d objects about what the latest version is about no more", n)
		}
	})
}

// Pages of every viewer, of any size, are what policy lets them see of all rows.
func TestPagesAreWhatPolicySays(t *testing.T) {
	viewers := []policy.Viewer{public, hub, desk, member("a"), member("b"), {Member: "a", User: "u", Sector: "power"},
		{Member: "c", Sector: "rail", Machine: true}}
	each(t, func(h house) {
		round := 0
		rapid.Check(h.T, func(t *rapid.T) {
			round++
			realm := fmt.Sprint("round", round)
			owners := []string{"", "a", "b", "c"}
			audiences := []policy.Audience{nil, {policy.Community}, {policy.ToSector("power")},
				{policy.ToMember("b"), policy.Coordinators},
				{policy.ToUser("u")}}
			for range rapid.IntRange(1, 4).Draw(t, "transactions") {
				var items []object.Item
				for range rapid.IntRange(1, 12).Draw(t, "items") {
					n := rapid.IntRange(0, 6).Draw(t, "n")
					o := indicator(round*10+n, rapid.IntRange(1, 5).Draw(t, "minute"))
					items = append(items, object.Item{Object: o, Realm: realm, Handling: policy.Handling{
						TLP: policy.TLP(rapid.IntRange(0, 6).Draw(t, "tlp")), Owner: rapid.SampledFrom(owners).Draw(t,
							"owner"),
						Audience: rapid.SampledFrom(audiences).Draw(t, "audience")}})
				}
				h.write(func(tx *store.Tx) error {
					out, err := h.s.Put(tx, items)
					for i, o := range out {
						if o.Err == nil && o.Seq == 0 {
							t.Errorf("item %d: %+v", i, o)
						}
					}
					return err
				})
			}
			var rows []object.Object
			err := h.db.Read(h.Context(), store.System("test"), func(tx *store.Tx) (err error) {
				for _, table := range []string{"stix_object", "stix_object_old"} {
					list, err := store.Query[object.Object](tx, `SELECT o.n, o.realm, o.id, o.seq, o.stream, o.modified,
						o.version, o.flags,
						o.body, o.tlp, o.owner, o.audience FROM `+table+` o WHERE o.realm = $1 AND SCOPE(o)`, realm)
					if err != nil {
						return err
					}
					for i := range list {
						list[i].Stream = int64(len(table)) // which table
					}
					rows = append(rows, list...)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(rows, func(a, b object.Object) int { return int(a.Seq - b.Seq) })
			for _, v := range viewers {
				var latest, all []string
				for _, o := range rows {
					if !policy.MaySee(v, o.Handling) || slices.ContainsFunc(rows, func(d object.Object) bool {
						return d.Stream == int64(len("stix_object")) && d.ID == o.ID && d.N < o.N &&
							policy.MaySee(v, d.Handling)
					}) {
						continue
					}
					if all = append(all, short(o)); o.Stream == int64(len("stix_object")) {
						latest = append(latest, short(o))
					}
				}
				limit := rapid.IntRange(1, 9).Draw(t, "limit")
				if got := h.sees(v, object.Ask{Realm: realm, Limit: limit}); !slices.Equal(got, latest) {
					t.Errorf("%+v, %d a page: %v instead of %v", v, limit, got, latest)
				}
				if got := h.sees(v, object.Ask{Realm: realm, Limit: limit, All: true}); !slices.Equal(got, all) {
					t.Errorf("%+v, all, %d a page: %v instead of %v", v, limit, got, all)
				}
				for _, o := range rows { // whoever sees a version sees the latest
					if policy.MaySee(v, o.Handling) && !slices.ContainsFunc(rows, func(d object.Object) bool {
						return d.N == o.N && d.Stream == int64(len("stix_object")) && policy.MaySee(v, d.Handling)
					}) {
						t.Errorf("%+v sees a version of %s and not its latest", v, o.ID)
					}
				}
			}
			h.read(hub, func(tx *store.Tx) error {
				n, err := h.s.Count(tx, object.Ask{Realm: realm})
				want := int64(0)
				for _, o := range rows {
					if o.Stream == int64(len("stix_object")) && policy.MaySee(hub, o.Handling) {
						want++
					}
				}
				if n != want {
					t.Errorf("counted %d of %d", n, want)
				}
				return err
			})
		})
	})
}
