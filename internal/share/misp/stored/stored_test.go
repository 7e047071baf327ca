package stored_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/share/misp/stored"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

const uuid = "1f0b3a52-77f1-4c12-9a8e-0c2f6d1e9b01"

// an event at a time, with a tag and attributes: "a.example" or "a.example tlp:red" or
// "a.example deleted".
func at(t *testing.T, when int, tag string, values ...string) *misp.Event {
	t.Helper()
	var list []string
	for _, v := range values {
		name, more, _ := strings.Cut(v, " ")
		extra := ""
		if strings.HasPrefix(more, "tlp:") {
			extra = `,"Tag":[{"name":"` + more + `"}]`
		} else if more != "" {
			extra = `,"deleted":true`
		}
		list = append(list, `{"type":"domain","value":"`+name+`","to_ids":true,"timestamp":"1790000000",
			"uuid":"00000000-0000-4000-8000-0000000000`+strconv.Itoa(10+int(name[0]-'a'))+`"`+extra+`}`)
	}
	e, _, err := misp.Read(strings.NewReader(`{"uuid":"`+uuid+`","info":"Test","timestamp":"`+strconv.Itoa(when)+`",
		"Orgc":{"name":"Org","uuid":"7f885ea0-775f-4a80-875a-de981d21998d"},
		"Tag":[{"name":"`+tag+`"}],"Attribute":[`+strings.Join(list, ",")+`]}`), misp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return e[0]
}

type world struct {
	t       *testing.T
	db      *store.DB
	objects *object.Store
}

func (w *world) put(e *misp.Event, owner string, complete bool) stored.Outcome {
	w.t.Helper()
	var out stored.Outcome
	err := w.db.Write(w.t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = stored.Put(tx, w.objects, e, misp.Options{}, stored.Giver{Owner: owner, Source: "test"}, complete)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// sees returns the event's domains as a member's program sees them, those that act first.
func (w *world) sees(member string) (acting, withdrawn string, stamp string) {
	w.t.Helper()
	v := policy.Viewer{Member: member, Machine: true}
	err := w.db.Read(w.t.Context(), store.As(v), func(tx *store.Tx) error {
		head, err := object.Get(tx, event.Live, misp.ReportID(uuid))
		if err != nil {
			return nil //nolint:nilerr // it sees nothing
		}
		e, err := stored.Load(tx, w.objects, head, time.Unix(1.9e9, 0), true)
		if err != nil {
			return err
		}
		stamp = e.Text("timestamp")
		for _, a := range e.Attributes {
			if a.Deleted() {
				withdrawn += a.Value()[:1]
			} else {
				acting += a.Value()[:1]
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return acting, withdrawn, stamp
}

func (w *world) want(member, acting, withdrawn string) {
	w.t.Helper()
	a, b, _ := w.sees(member)
	if a != acting || b != withdrawn {
		w.t.Errorf("%s sees %q and as withdrawn %q, want %q and %q", member, a, b, acting, withdrawn)
	}
}

func TestEvents(t *testing.T) {
	for engine, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "test.db") },
		"postgres": storetest.Postgres,
	} {
		t.Run(engine, func(t *testing.T) {
			db := storetest.Open(t, url(t), storetest.With(object.Migration()))
			w := &world{t, db, object.New(db)}
			w.run()
		})
	}
}

func (w *world) run() {
	t := w.t
	first := at(t, 1790000000, "tlp:green", "a.example", "b.example", "c.example tlp:red")
	if out := w.put(first, "m1", true); out.Changed == 0 || len(out.Notes) > 0 {
		t.Errorf("%+v", out)
	}
	w.want("m1", "ab", "") // RED is for people
	w.want("m2", "ab", "")
	if out := w.put(at(t, 1790000000, "tlp:green", "a.example", "b.example", "c.example tlp:red"), "m1",
		true); out.Changed > 0 {
		t.Errorf("the same again changes %d", out.Changed)
	}
	// What only the owner's people may see changes nothing for others, not even the time.
	_, _, before := w.sees("m2")
	w.put(at(t, 1790000100, "tlp:green", "a.example", "b.example", "c.example tlp:red", "d.example tlp:red"), "m1",
		true)
	if _, _, after := w.sees("m2"); after != before {
		t.Errorf("the event's time moves from %s to %s for who cannot see why", before, after)
	}
	// Withdrawn, with the old time of the attribute; by another source it means nothing.
	w.put(at(t, 1790000200, "tlp:green", "a.example", "c.example tlp:red"), "m1", false)
	w.want("m2", "ab", "")
	w.put(at(t, 1790000300, "tlp:green", "a.example", "b.example deleted", "e.example"), "m1", true)
	w.want("m2", "ae", "b")
	if out := w.put(first, "m1", true); !out.Stale || out.Changed > 0 {
		t.Errorf("an older copy: %+v", out)
	}
	w.want("m2", "ae", "b")
	// Missing from a complete newer one.
	w.put(at(t, 1790000400, "tlp:green", "a.example"), "m1", true)
	w.want("m2", "a", "be")
	// Marked more strictly, all of it is gone for others.
	w.put(at(t, 1790000500, "tlp:amber", "a.example"), "m1", true)
	w.want("m2", "", "")
	w.want("m1", "a", "be")
	// Another owner's event of the same uuid is another event.
	w.put(at(t, 1790000600, "tlp:clear", "f.example"), "m2", true)
	w.want("m1", "a", "be")
	w.want("m2", "f", "")
	w.want("m3", "f", "")
	// A feed is not believed further than its limit.
	e := at(t, 1790000700, "tlp:clear", "a.example")
	if err := w.db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
		_, err := stored.Put(tx, w.objects, e, misp.Options{}, stored.Giver{Owner: "m1",
			Limit: policy.Handling{TLP: policy.AmberStrict}}, true)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.want("m3", "f", "")
}
