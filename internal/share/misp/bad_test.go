package misp_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/stix"
)

func TestBadInput(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "x", "cut": `{"Event":{"info":`, "a number": "5", "another object": `{"a":1}`,
		"two values": `{"info":"a"}{"info":"b"}`, "deep": strings.Repeat(`{"Event":`, 500) + "1" + strings.Repeat("}",
			500),
		"too large": `{"info":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		_, _, err := misp.Read(strings.NewReader(text), misp.Limits{Bytes: 4096})
		if err == nil || !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, notes, err := misp.Read(strings.NewReader(`{"response":[{"Event":{"info":"a","Attribute":[5,
		{"type":"domain"},{"value":"x"},{"type":"domain","value":"a.example","uuid":"not one"},
		{"type":"text","value":"`+strings.Repeat("x", 200)+`"}],"ShadowAttribute":[{}]}},{"Event":[]},
		{"Event":{"info":"b","uuid":"../../x"}},{"Event":{"info":"c"}}]}`), misp.Limits{Text: 100})
	if err != nil || len(list) != 2 || len(list[0].Attributes) != 1 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	if len(notes) != 8 {
		t.Errorf("%d notes: %v", len(notes), notes)
	}
	for _, n := range notes {
		if n.Where == "" || n.Text.JA == "" {
			t.Errorf("a note without its place or its text: %+v", n)
		}
	}
	if got, _, err := misp.Read(strings.NewReader(`{"response":[]}`), misp.Limits{}); err != nil || len(got) != 0 {
		t.Errorf("an answer with nothing in it: %v %v", got, err)
	}
	if got, _, err := misp.Read(strings.NewReader(`[{"info":"a"},{"info":"b"},{"info":"c"}]`),
		misp.Limits{Events: 2}); err != nil || len(got) != 2 {
		t.Errorf("%d events: %v", len(got), err)
	}
}

func TestManifest(t *testing.T) {
	const id = "3d9a52a0-29c5-4c6e-9a2f-7d8f0b7f1a10"
	for text, want := range map[string][2]int{
		`{"` + id + `":{"info":"a","timestamp":1790000000},"../../etc/passwd":{"info":"b"},"x":{}}`: {1, 2},
		`[{"uuid":"` + id + `","timestamp":"1790000000"},5]`:                                        {1, 1},
		`{}`: {0, 0},
	} {
		list, notes, err := misp.ReadManifest([]byte(text))
		if err != nil || len(list) != want[0] || len(notes) != want[1] {
			t.Errorf("%s: %v %v %v", text, list, notes, err)
		}
		if len(list) > 0 && (list[0].File() != id+".json" || list[0].Timestamp.Unix() != 1790000000) {
			t.Errorf("%+v", list[0])
		}
	}
	if _, _, err := misp.ReadManifest([]byte(`"x"`)); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

// A folder that was written is read again, and hashes.csv finds each value's event.
func TestFeedFolder(t *testing.T) {
	e := with(t, `,"Tag":[{"name":"tlp:clear"}],"distribution":"3"`, "domain=evil.example",
		"filename|md5=a|9e107d9d372bb6826bd81d3542a419d6")
	files, err := misp.Folder([]*misp.Event{e}, misp.View{Org: misp.Organisation{ID: "1", Name: "Hub",
		UUID: eventUUID}})
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	list, notes, err := misp.ReadManifest(files["manifest.json"])
	if err != nil || len(notes) > 0 || len(list) != 1 || list[0].Org != "Hub" || list[0].Info != "Test" {
		t.Fatalf("%+v %v %v", list, notes, err)
	}
	back := read(t, string(files[list[0].File()]))
	if len(back.Attributes) != 2 || back.Attributes[1].Value() != e.Attributes[1].Value() {
		t.Errorf("%+v", back)
	}
	// md5 of evil.example, and of the parts of the other.
	if got := strings.Count(string(files["hashes.csv"]), ","+eventUUID+"\n"); got != 3 {
		t.Errorf("%d values: %s", got, files["hashes.csv"])
	}
}

// CSV comes back as it was, line breaks and all, and runs nothing in a spreadsheet.
func TestCSV(t *testing.T) {
	e := with(t, "", "text=1\n2", "text==cmd|'/c calc'!A1", "text='x", "text=a,\"b\";\tc")
	var b bytes.Buffer
	var list []misp.Located
	for _, p := range e.All() {
		list = append(list, misp.Located{Placed: p, Event: "7"})
	}
	if err := misp.WriteCSV(&b, list); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	column := slices.Index(rows[0], "value")
	for i, p := range list {
		cell := rows[i+1][column]
		if strings.ContainsRune("=+-@", rune(cell[0])) || misp.UncoverCell(cell) != p.Value() {
			t.Errorf("%q is the cell %q", p.Value(), cell)
		}
	}
}

// A report refers to a bounded number of objects, and all are named.
func TestLongEvent(t *testing.T) {
	var all []string
	for i := range 990 {
		all = append(all, fmt.Sprintf("domain=h%d.evil.example", i))
	}
	items, _ := misp.ToSTIX(with(t, "", all...), options)
	named := map[string]bool{}
	for _, it := range items {
		for _, ref := range it.Object.Strings("object_refs") {
			named[ref] = true
		}
		if n := len(it.Object.Strings("object_refs")); n > 300 {
			t.Errorf("%s refers to %d", it.Object.ID(), n)
		}
	}
	for _, it := range items[1:] {
		if !named[it.Object.ID()] {
			t.Fatalf("%s is named by nothing", it.Object.ID())
		}
	}
	more, _ := misp.ToSTIX(with(t, "", append(all, "domain=one-more.evil.example")...), options)
	c := misp.Update(items, more, time.Unix(1790000100, 0), true)
	if len(c.Put) > 2 {
		t.Errorf("one more attribute changes %d objects", len(c.Put))
	}
}

// An attribute can change its kind and back, and what was withdrawn stays so.
func TestUpdate(t *testing.T) {
	first, _ := misp.ToSTIX(with(t, "", "domain=evil.example", "domain=stays.example"), options)
	have := map[string]misp.Item{}
	apply := func(e *misp.Event, at int64, complete bool) misp.Change {
		var list []misp.Item
		for _, it := range have {
			list = append(list, it)
		}
		items, _ := misp.ToSTIX(e, options)
		c := misp.Update(list, items, time.Unix(at, 0), complete)
		for _, it := range c.Put {
			have[it.Object.ID()] = it
			if wrong := stix.Validate(it.Object); len(wrong) > 0 {
				t.Errorf("%v", wrong[0])
			}
		}
		return c
	}
	for _, it := range first {
		have[it.Object.ID()] = it
	}
	const one = "00000000-0000-4000-8000-000000000001"
	off := with(t, "", "domain=evil.example", "domain=stays.example")
	off.Attributes[0].Fields["to_ids"] = false
	apply(off, 1790000100, true)
	if o := have["indicator--"+one].Object; o.Text("valid_until") == "" {
		t.Errorf("the indicator goes on: %s", o.Bytes())
	}
	if have["observed-data--"+one].Object == nil {
		t.Error("the attribute is nothing now")
	}
	apply(with(t, "", "domain=evil.example", "domain=stays.example"), 1790000200, true)
	if o := have["indicator--"+one].Object; o.Text("valid_until") != "" {
		t.Errorf("the indicator does not act again: %s", o.Bytes())
	}
	// Gone from a newer version, though its own time is the old one.
	gone := with(t, "", "domain=evil.example", "domain=stays.example")
	gone.Attributes = gone.Attributes[1:]
	if c := apply(gone, 1790000300, false); len(c.Put) > 1 {
		t.Errorf("what is no complete event withdraws: %d", len(c.Put))
	}
	apply(gone, 1790000300, true)
	if !have["indicator--"+one].Object.Revoked() {
		t.Error("the attribute is not withdrawn")
	}
	c := apply(with(t, "", "domain=evil.example", "domain=stays.example"), 1790000400, true)
	if !have["indicator--"+one].Object.Revoked() || len(c.Notes) == 0 {
		t.Errorf("it came back to life, or nothing is said: %v", c.Notes)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"Event":{"info":"x","Attribute":[{"type":"domain","value":"a.example"}]}}`,
		`{"response":{"Attribute":[{"type":"ip-dst|port","value":"1.2.3.4|5","to_ids":true}]}}`,
		`[{"info":"a","Object":[{"name":"file","Attribute":[{"type":"md5","value":"x"}],
		"ObjectReference":[{"referenced_uuid":"` + eventUUID + `"}]}]}]`, `{"info":"x","Tag":[{"name":"tlp:x"}],
		"Galaxy":[{"type":"rat","GalaxyCluster":[{"value":"v","meta":{"synonyms":"s"}}]}],"distribution":4,
		"EventReport":[{"name":"n","content":"c"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, _, err := misp.Read(bytes.NewReader(raw), misp.Limits{Attributes: 1000, Depth: 20})
		if err != nil {
			return
		}
		for _, e := range list {
			items, _ := misp.ToSTIX(e, options)
			for _, it := range items {
				if wrong := stix.Validate(it.Object); len(wrong) > 0 {
					t.Fatalf("%v: %s", wrong[0], it.Object.Bytes())
				}
			}
			if len(items) == 0 {
				continue
			}
			back := misp.ToMISP(items[0].Object, objects(items[1:]), time.Time{})
			if _, err := misp.Folder([]*misp.Event{back}, misp.View{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"3d9a52a0-29c5-4c6e-9a2f-7d8f0b7f1a10":{"info":"a"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, _, err := misp.ReadManifest(raw)
		if err != nil {
			return
		}
		for _, e := range list {
			if len(e.File()) != 41 || strings.ContainsAny(e.File(), `/\`) {
				t.Fatalf("a file %q", e.File())
			}
		}
	})
}
