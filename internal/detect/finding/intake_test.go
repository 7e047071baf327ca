package finding

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

var moment = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func eachHub(t *testing.T, body func(t *testing.T, db *store.DB)) {
	now, _ := clock.Fixed(moment)
	storetest.Each(t, body, storetest.With(Migration()), storetest.Clock(now))
}

func sent() msg.Finding {
	return msg.Finding{Finding: wire.Finding{ID: "f1", Version: 1, Realm: event.Live, Rule: wire.RuleRef{ID: "rule-1",
		Title: "Beacon", Level: "high"}, First: moment.Add(-time.Minute), Last: moment, Count: 1,
		Host: "host-aabbccdd", Sensed: moment, Detected: moment, Handling: policy.Handling{TLP: policy.AmberStrict}}}
}

func receive(t *testing.T, db *store.DB, member string, f msg.Finding) error {
	t.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error { return Receive(tx, member, body) })
}

func at(t *testing.T, db *store.DB, v policy.Viewer, id string) (Item, error) {
	t.Helper()
	var it Item
	err := db.Read(t.Context(), store.As(v), func(tx *store.Tx) (err error) {
		it, err = Get(tx, id)
		return err
	})
	return it, err
}

var hubDesk = policy.Viewer{User: "u", Hub: true, Coordinator: true, Role: policy.RoleCoordinator}

func TestReceive(t *testing.T) {
	eachHub(t, func(t *testing.T, db *store.DB) {
		liar := sent()
		liar.Member, liar.Handling.Owner = "city", "city"
		if err := receive(t, db, "power", liar); err != nil {
			t.Fatal(err)
		}
		it, err := at(t, db, hubDesk, "f1")
		if err != nil || it.Member != "power" || it.Handling.Owner != "power" {
			t.Fatalf("whose it is, is not believed: %+v, %v", it, err)
		}
		// Again, older, newer.
		grown := sent()
		grown.Version, grown.Count = 3, 7
		for _, f := range []msg.Finding{sent(), grown, sent()} {
			if err := receive(t, db, "power", f); err != nil {
				t.Fatal(err)
			}
		}
		if it, _ = at(t, db, hubDesk, "f1"); it.Count != 7 || it.Version != 3 {
			t.Errorf("after growing: %+v", it)
		}
		// Nobody overwrites another member's finding.
		thief := sent()
		thief.Version, thief.Rule.Title = 99, "Nothing to see"
		if err := receive(t, db, "city", thief); !fault.Is(err, fault.Denied) {
			t.Errorf("another member's: %v", err)
		}
		if it, _ = at(t, db, hubDesk, "f1"); it.Rule.Title != "Beacon" || it.Member != "power" {
			t.Errorf("overwritten: %+v", it)
		}
		// A newer version may be marked more strictly, never more widely.
		for i, label := range []policy.TLP{policy.AmberStrict, policy.Clear, policy.Red, policy.Amber} {
			f := sent()
			f.ID, f.Version, f.Handling.TLP = "marked", i+1, label
			if err := receive(t, db, "power", f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := at(t, db, policy.Viewer{}, "marked"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the public sees it: %v", err)
		}
		if it, err := at(t, db, policy.Viewer{User: "u", Member: "power"}, "marked"); err != nil ||
			it.Handling.TLP != policy.Red {
			t.Errorf("%s, %v", it.Handling.TLP, err)
		}
		// Another member may not see it, nor the public.
		for _, v := range []policy.Viewer{{}, {User: "u", Member: "city", Role: policy.RoleAdmin}} {
			if _, err := at(t, db, v, "f1"); !fault.Is(err, fault.NotFound) {
				t.Errorf("%+v: %v", v, err)
			}
		}
	})
}

func TestReceiveBounds(t *testing.T) {
	eachHub(t, func(t *testing.T, db *store.DB) {
		for name, spoil := range map[string]func(f *msg.Finding){
			"no id": func(f *msg.Finding) { f.ID = "" }, "long id": func(f *msg.Finding) {
				f.ID = strings.Repeat("x", 101)
			},
			"no version": func(f *msg.Finding) { f.Version = 0 }, "endless version": func(f *msg.Finding) {
				f.Version = 1 << 40
			},
			"no rule": func(f *msg.Finding) { f.Rule.ID = "" }, "no count": func(f *msg.Finding) { f.Count = 0 },
			"endless count":  func(f *msg.Finding) { f.Count = 1 << 40 },
			"long indicator": func(f *msg.Finding) { f.Indicator = strings.Repeat("x", 300) },
		} {
			f := sent()
			spoil(&f)
			if err := receive(t, db, "power", f); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := db.Write(t.Context(), store.System("test"), func(tx *store.Tx) error {
			return Receive(tx, "power", []byte(`{"id":`))
		})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("broken JSON: %v", err)
		}
		// What is merely too much is cut, not refused.
		big := sent()
		big.ID = "f2"
		long := strings.Repeat("あ", 5000)
		big.Rule.Title, big.Rule.Author, big.Host, big.User, big.Realm, big.Rule.Level = long, long, long, long, long,
			"apocalyptic"
		for range 500 {
			big.Rule.Tags = append(big.Rule.Tags, long)
			big.Matched = append(big.Matched, wire.FieldValue{Field: long, Value: long})
			big.Observables = append(big.Observables, event.Observable{Type: "nonsense", Value: long})
		}
		big.Observables = append([]event.Observable{{Type: event.Domain, Value: "C2.Evil.Example."}},
			big.Observables...)
		big.Sensed, big.Detected = moment.Add(time.Hour), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
		big.Handling.TLP = 9
		if err := receive(t, db, "power", big); err != nil {
			t.Fatal(err)
		}
		owner := policy.Viewer{User: "u", Member: "power"}
		it, err := at(t, db, owner, "f2")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(it)
		if len(b) > 200_000 {
			t.Errorf("kept %d bytes", len(b))
		}
		if it.Rule.Level != "medium" || !it.Sensed.Equal(moment) || !it.Detected.Equal(moment) ||
			it.Handling.TLP != policy.Red {
			t.Errorf("kept: level %s, sensed %s, detected %s, %s", it.Rule.Level, it.Sensed, it.Detected,
				it.Handling.TLP)
		}
		if len(it.Observables) != 1 || it.Observables[0].Value != "c2.evil.example" {
			t.Errorf("observables that are none: %d", len(it.Observables))
		}
		if _, err := at(t, db, hubDesk, "f2"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an unknown label is RED, and the hub saw it: %v", err)
		}
	})
}

func FuzzReceive(f *testing.F) {
	good, _ := json.Marshal(sent())
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"id":"x","version":1,"count":1,"rule":{"id":"r"},"handling":{"tlp":"TLP:NONE"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var fd msg.Finding
		if json.Unmarshal(body, &fd) != nil {
			return
		}
		if Accept(&fd, "power", moment) != nil {
			return
		}
		if fd.Member != "power" || fd.Handling.Owner != "power" || !fd.Handling.TLP.Known() ||
			len(fd.Matched) > wire.MaxMatched || len(fd.Observables) > wire.MaxObservables || fd.Sensed.After(moment) {
			t.Errorf("accepted %+v", fd)
		}
	})
}

func TestFilters(t *testing.T) {
	eachHub(t, func(t *testing.T, db *store.DB) {
		for i, level := range []string{"low", "medium", "high", "critical"} {
			f := sent()
			f.ID, f.Rule.Level, f.Rule.ID, f.Host, f.Retro = level, level, "rule-"+level, "100%_real", i%2 == 1
			f.Observables = []event.Observable{{Type: event.Domain, Value: level + ".evil.example"}}
			member := "power"
			if i > 1 {
				member = "city"
			}
			if err := receive(t, db, member, f); err != nil {
				t.Fatal(err)
			}
		}
		type values = map[string]string
		for _, tt := range []struct {
			values values
			want   int64
		}{
			{values{}, 4}, {values{"level": "high"}, 2}, {values{"member": "city"}, 2}, {values{"when": "past"}, 2},
			{values{"when": "live", "level": "high"}, 1}, {values{"rule": "rule-low"}, 1},
			{values{"q": "HIGH.evil"}, 1},
			{values{"q": "0%_r"}, 4}, {values{"q": "100__"}, 0}, {values{"q": "x' OR 1=1 --"}, 0},
			{values{"since": "1h"}, 4}, {values{"since": "9999-01-01"}, 0},
			{values{"until": "1999-12-31T23:59:59Z"}, 0},
			{values{"since": "1999-12-31", "until": "9999-01-01T00:00:00+09:00"}, 4},
		} {
			for _, sort := range Listing(moment).Sorts {
				for _, by := range []string{sort.Name, "-" + sort.Name} {
					whole := pages(t, db, list.Ask{Values: tt.values, Sort: by, Limit: 10, Count: true, Strict: true})
					single := pages(t, db, list.Ask{Values: tt.values, Sort: by, Limit: 1, Count: true, Strict: true})
					if int64(len(whole)) != tt.want || !slices.Equal(whole, single) {
						t.Errorf("%v by %s: %v at once, %v one by one, want %d", tt.values, by, whole, single, tt.want)
					}
				}
			}
		}
		err := db.Read(t.Context(), store.As(hubDesk), func(tx *store.Tx) error {
			for _, v := range []values{{"since": "yesterday"}, {"until": "1"}, {"level": "worst"}, {"when": "never"}} {
				if _, err := List(tx, list.Ask{Values: v, Strict: true}); !fault.Is(err, fault.Invalid) {
					t.Errorf("%v: %v", v, err)
				}
			}
			if p, err := List(tx, list.Ask{Sort: "level", Limit: 10}); err != nil ||
				p.Rows[0].Rule.Level != "critical" {
				t.Errorf("worst first: %+v %v", p.Rows, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// pages returns the ids of all pages of a list, and fails where one does not
// count as many as there are.
func pages(t *testing.T, db *store.DB, ask list.Ask) (ids []string) {
	t.Helper()
	err := db.Read(t.Context(), store.As(hubDesk), func(tx *store.Tx) error {
		for {
			p, err := List(tx, ask)
			if err != nil {
				return err
			}
			for _, it := range p.Rows {
				ids = append(ids, it.ID)
			}
			if ask.After = p.Next; p.Next != "" {
				continue
			}
			if p.Total != int64(len(ids)) {
				t.Errorf("%v: %d counted, %d listed", ask, p.Total, len(ids))
			}
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}
