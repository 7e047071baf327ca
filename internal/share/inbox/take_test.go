package inbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// given returns an object as the hub sends it.
func given(t *testing.T, raw string) wire.Object {
	t.Helper()
	o, err := stix.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return wire.Object{ID: o.ID(), Modified: o.Modified().Time(), Realm: "live", STIX: o.Bytes(),
		Handling: policy.Handling{TLP: policy.Green}}
}

// pattern returns an indicator with a pattern, in a version.
func pattern(t *testing.T, n, version int, pattern, more string) wire.Object {
	t.Helper()
	p, err := json.Marshal(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return given(t, fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","created":"2026-11-01T00:00:00.000Z",`+
		`"id":"indicator--00000000-0000-4000-8000-%012d","modified":"2026-11-01T00:%02d:00.000Z","pattern":%s,`+
		`"pattern_type":"stix","valid_from":"2026-11-01T00:00:00Z"%s}`, n, version, p, more))
}

// holds are the ids in the node's store of objects, as its people see them.
func (n *node) holds(t *testing.T) (ids []string) {
	t.Helper()
	err := n.db.Read(t.Context(), store.As(policy.Viewer{Member: "power", User: "u"}), func(tx *store.Tx) error {
		p, err := n.Objects.Read(tx, object.Ask{Realms: true, Limit: 10_000})
		for _, o := range p.Objects {
			ids = append(ids, o.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func (n *node) stored(t *testing.T, id string) (i indicator.Indicator) {
	t.Helper()
	err := n.db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		i, err = indicator.Get(tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Objects of every type are kept; of them indicators are armed if they say something, and
// only as long as they hold.
func TestWhatIsArmed(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		malware := given(t, `{"type":"malware","spec_version":"2.1","is_family":false,"name":"x",`+
			`"id":"malware--00000000-0000-4000-8000-000000000001",`+
			`"created":"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z"}`)
		address := given(t, `{"type":"ipv4-addr","spec_version":"2.1","value":"198.51.100.3",`+
			`"id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"}`)
		drill := pattern(t, 9, 1, "[ipv4-addr:value = '10.1.2.3']", "")
		drill.Realm = "drill"
		cases := []struct {
			o    wire.Object
			want wire.State
			say  string
		}{
			{malware, wire.Held, ""},
			{address, wire.Held, ""},
			{pattern(t, 1, 1, "[ipv4-addr:value = '198.51.100.1']", ""), wire.Armed, ""},
			{pattern(t, 2, 1, "[ipv4-addr:value = '127.0.0.1']", ""), wire.Refused, "127.0.0.1"},
			{pattern(t, 3, 1, "[ipv4-addr:value = '192.168.1.1' OR domain-name:value = 'www.own.example']", ""),
				wire.Refused, "192.168.1.1"},
			{pattern(t, 4, 1, "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", ""), wire.Refused, "d41d8cd9"},
			{pattern(t, 5, 1, "[ipv4-addr:value = '192.168.1.1' OR domain-name:value = 'bad.example.net']", ""),
				wire.Armed, ""},
			{pattern(t, 6, 1, "[ipv4-addr:value = '10.0.0.1' AND ipv4-addr:value LIKE '10.%']", ""), wire.Armed, ""},
			{pattern(t, 7, 1, "[domain-name:value = 'x.example.net']", `,"valid_until":"2026-11-02T00:00:00Z"`),
				wire.Disarmed, ""},
			{drill, wire.Armed, ""},
		}
		for _, c := range cases {
			n.push(t, c.o)
		}
		said := n.receipts(t)
		for _, c := range cases {
			armed := n.engine.armed[c.o.ID]
			if got := said[c.o.ID]; len(got) != 1 || got[0] != c.want || armed != (c.want == wire.Armed) {
				t.Errorf("%s: %v, armed %v, want %s", c.o.STIX, got, armed, c.want)
			}
			for _, m := range queued(t, db) {
				if strings.Contains(m.Body, c.o.ID) && !strings.Contains(m.Body, c.say) {
					t.Errorf("the receipt does not name %s: %s", c.say, m.Body)
				}
			}
		}
		if got := n.holds(t); len(got) != len(cases) {
			t.Errorf("%d objects of %d", len(got), len(cases))
		}
		// A later version replaces the one before it, and one that is revoked ends it.
		n.push(t, pattern(t, 1, 2, "[ipv4-addr:value = '127.0.0.1']", ""))
		n.push(t, pattern(t, 5, 2, "[domain-name:value = 'bad.example.net']", `,"revoked":true`))
		for _, i := range []int{1, 5} {
			id := pattern(t, i, 1, "[url:value = 'x']", "").ID
			if n.engine.armed[id] {
				t.Errorf("%s is still armed", id)
			}
		}
		ended := n.stored(t, pattern(t, 5, 1, "[url:value = 'x']", "").ID)
		if ended.Withdrawn.IsZero() || ended.State != "disarmed" {
			t.Errorf("%+v", ended)
		}
		// The hub may have an older version, and another with the same number: what it says holds.
		n.push(t, pattern(t, 2, 3, "[ipv4-addr:value = '198.51.100.20']", ""))
		n.push(t, pattern(t, 2, 2, "[ipv4-addr:value = '198.51.100.21']", ""))
		n.push(t, pattern(t, 2, 2, "[ipv4-addr:value = '198.51.100.22']", ""))
		id := pattern(t, 2, 1, "[url:value = 'x']", "").ID
		if i := n.stored(t, id); i.Value != "198.51.100.22" || !n.engine.armed[id] {
			t.Errorf("%+v", i)
		}
		var o object.Object
		err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			o, err = object.Get(tx, "live", id)
			return err
		})
		if err != nil || !strings.Contains(string(o.Body), "198.51.100.22") {
			t.Errorf("%s %v", o.Body, err)
		}
	})
}

// A large reply has one receipt, with what is an exception to it, and one more when the
// past was searched for all of it.
func TestReceiptForMany(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.page = 80
		for i := range 100 {
			n.hub = append(n.hub, pattern(t, i, 1, fmt.Sprintf("[ipv4-addr:value = '198.51.100.%d']", i+1), ""))
		}
		n.hub[3] = pattern(t, 3, 1, "[ipv4-addr:value = '127.0.0.1']", "")
		n.hub[4] = pattern(t, 4, 1, "[ipv4-addr:value = '198.51.100.5']", `,"revoked":true`)
		n.begin(t)
		ranges := func() (list []wire.RangeReceipt, single int) {
			err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
				rows, err := store.Query[release.Message](tx, `SELECT kind, id, body FROM outgoing ORDER BY at, id`)
				for _, m := range rows {
					if m.Kind == wire.KindRange {
						var r wire.RangeReceipt
						if err := json.Unmarshal([]byte(m.Body), &r); err != nil {
							return err
						}
						list = append(list, r)
					} else {
						single++
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return list, single
		}
		list, single := ranges()
		if len(list) != 1 || single != 20 {
			t.Fatalf("%d receipts for many, %d for one", len(list), single)
		}
		r := list[0]
		if r.From != "" || r.Upto != cursor(80) || r.State != wire.Armed || len(r.Except) != 2 ||
			r.Except[0].State != wire.Refused || r.Except[0].Reason.Text == "" || r.Except[1].State != wire.Disarmed {
			t.Errorf("%+v", r)
		}
		if k, err := n.huntSome(t.Context()); k != 98 || err != nil {
			t.Errorf("hunted for %d, %v", k, err)
		}
		list, single = ranges()
		if len(list) != 2 || single != 40 {
			t.Fatalf("%d receipts for many, %d for one", len(list), single)
		}
		if r := list[1]; r.State != wire.Hunted || r.Upto != cursor(80) || r.Searched != 1000 || len(r.Hits) != 78 {
			t.Errorf("%+v", r)
		}
	})
}

// Everything comes once more when the hub does not know the cursor: what did not change
// costs nothing, and what does not come again is forgotten, also if the node stops halfway.
func TestFromTheStart(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		for i := range 6 {
			n.sends(t, fmt.Sprintf("h%d.example.net", i))
		}
		gone := n.hub[2]
		n.begin(t)
		if _, err := n.huntSome(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.hub = slices.Delete(n.hub, 2, 3)
		n.hub = append(n.hub, sharetest.Object(t, "new.example.net"))
		n.engine.calls, n.engine.hunts = nil, nil
		n.reset, n.page = true, 4
		a, err := n.ask(t.Context(), n.cursor)
		if err != nil || !a.Reset {
			t.Fatalf("%+v %v", a, err)
		}
		if err := n.taken(t.Context(), n.cursor, a); err != nil { // the first page alone
			t.Fatal(err)
		}
		again := openNode(t, db, n)
		again.page = 4
		if again.cursor != "" {
			t.Errorf("goes on from %q, halfway", again.cursor)
		}
		again.engine.calls = nil
		again.begin(t)
		if !slices.Equal(again.engine.calls, []int{1}) {
			t.Errorf("armed in calls of %v, want the new one", again.engine.calls)
		}
		if again.engine.armed[gone.ID] || slices.Contains(again.holds(t), gone.ID) || len(again.holds(t)) != 6 {
			t.Errorf("holds %v, and is armed with %v", again.holds(t), again.engine.armed)
		}
		if k, err := again.huntSome(t.Context()); k != 1 || err != nil {
			t.Errorf("hunted for %d, %v", k, err)
		}
		if again.resync != nil || openNode(t, db, again).cursor != cursor(6) {
			t.Error("it does not come to an end")
		}
	})
}

// What policy says of an object may change without another version of it.
func TestMarkedAnew(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		o := sharetest.Object(t, "a.example.net")
		n.push(t, o)
		o.Handling.TLP = policy.AmberStrict
		n.push(t, o)
		if i := n.stored(t, o.ID); i.Handling.TLP != policy.AmberStrict ||
			i.Handling.Audience.Column() != ",member:power," {
			t.Errorf("%+v", i.Handling)
		}
		var got object.Object
		err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
			got, err = object.Get(tx, "live", o.ID)
			return err
		})
		if err != nil || got.Handling.TLP != policy.AmberStrict {
			t.Errorf("%+v %v", got.Handling, err)
		}
	})
}
