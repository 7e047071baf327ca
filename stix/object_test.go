package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const sample = `{ "type": "indicator", "spec_version":"2.1",
  "id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2016-04-06T20:03:48.0000Z","modified":"2016-04-06T20:03:48.000Z",
  "confidence": 0, "revoked":false, "labels":["a","b"], "pattern":"[file:name = 'x']","pattern_type":"stix","valid_from":"2016-04-06T20:03:48Z",
  "x_number": 1.50e+2, "x_text":"\u30a6イ</script>", "x_deep":{"a.b":[{"c":12345678901234567890}]} }`

func TestParseKeepsBytes(t *testing.T) {
	in := []byte(" " + sample + "\n")
	o, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		in[i] = 'x' // the object has its own copy
	}
	if got := string(o.Bytes()); got != sample {
		t.Errorf("bytes changed:\n%s", got)
	}
	if n, ok := o.Confidence(); n != 0 || !ok {
		t.Errorf("confidence %d %v: 0 is a statement", n, ok)
	}
	if o.Created().String() != "2016-04-06T20:03:48.0000Z" || o.Created().Digits() != 4 ||
		o.Created().Compare(o.Modified()) != 0 {
		t.Errorf("created %v modified %v", o.Created(), o.Modified())
	}
	if v, _ := o.Get("x_deep.'a.b'[0].c"); v != json.Number("12345678901234567890") {
		t.Errorf("number changed: %v", v)
	}
	if raw, _ := o.Raw("x_number"); string(raw) != "1.50e+2" {
		t.Errorf("number form changed: %s", raw)
	}
	if diff := cmp.Diff([]string{"a", "b"}, o.Labels()); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"", ".", "x", "labels[2]", "labels[", "labels[-1]", "x_deep..a", "labels.a", "'x"} {
		if _, ok := o.Get(path); ok {
			t.Errorf("Get(%q) found something", path)
		}
	}
}

func TestParseErrorsNameObjectAndProperty(t *testing.T) {
	id := "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
	for _, c := range []struct{ in, object, property string }{
		{``, "object", ""},
		{`[]`, "object", ""},
		{`{"type":"indicator"`, "object", ""},
		{"{\"type\":\"a\xff\"}", "object", ""},
		{`{"type":"indicator"}`, "object", "id"},
		{`{"id":"` + id + `"}`, id, "type"},
		{`{"type":7,"id":"` + id + `"}`, "object", "type"},
		{`{"type":"malware","id":"` + id + `"}`, id, "id"},
		{`{"type":"indicator","id":"indicator--8"}`, "indicator--8", "id"},
		{`{"type":"indicator","id":"` + id + `","revoked":"true"}`, id, "revoked"},
		{`{"type":"indicator","id":"` + id + `","confidence":101}`, id, "confidence"},
		{`{"type":"indicator","id":"` + id + `","confidence":1e400}`, id, "confidence"},
		{`{"type":"indicator","id":"` + id + `","created":"2016-04-06T20:03:48.Z"}`, id, "created"},
		{`{"type":"indicator","id":"` + id + `","modified":"2016-04-06T20:03:48+09:00"}`, id, "modified"},
		{`{"type":"indicator","id":"` + id + `","labels":"x"}`, id, "labels"},
		{`{"type":"indicator","id":"` + id + `","object_marking_refs":["` + id + `"]}`, id, "object_marking_refs"},
		{`{"type":"indicator","id":"` + id + `","revoked":true,"revoked":false}`, "object", ""},
		{`{"type":"indicator","id":"` + id + `","x":{"a":1,"\u0061":2}}`, "object", ""},
		{`{"type":"indicator","id":"` + id + `","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
			"object", ""},
	} {
		_, err := Parse([]byte(c.in))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v is no *Error", c.in, err)
			continue
		}
		if e.Object != c.object || e.Property != c.property {
			t.Errorf("%.80s: error names %q %q, want %q %q (%v)", c.in, e.Object, e.Property, c.object, c.property, err)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for _, s := range []string{"2016-01-20T12:31:12Z", "2016-01-20T12:31:12.1Z", "2016-02-29T00:00:00.123456789123Z",
		"2016-12-31T23:59:60Z"} {
		ts, err := ParseTimestamp(s)
		if err != nil || ts.String() != s {
			t.Errorf("%s: %v %v", s, ts, err)
		}
	}
	for _, s := range []string{"", "2016-01-20", "2016-01-20T12:31:12", "2016-01-20T12:31:12.Z", "2016-01-20T12:31:12z",
		"2015-02-29T00:00:00Z",
		"2016-13-01T00:00:00Z", "2016-00-01T00:00:00Z", "2016-01-00T00:00:00Z", "2016-01-20T24:00:00Z",
		"2016-01-20 12:31:12Z", "2016-01-20T12:31:12.1.2Z", "２016-01-20T12:31:12Z"} {
		if _, err := ParseTimestamp(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
	order := []string{"2016-01-20T12:31:12Z", "2016-01-20T12:31:12.0000000001Z", "2016-01-20T12:31:12.0000000002Z",
		"2016-01-20T12:31:12.1Z", "2016-01-20T12:31:13.000Z"}
	for i, a := range order {
		for j, b := range order {
			x, _ := ParseTimestamp(a)
			y, _ := ParseTimestamp(b)
			want := 0
			if i != j {
				want = map[bool]int{true: -1, false: 1}[i < j]
			}
			if got := x.Compare(y); got != want {
				t.Errorf("%s and %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if got := TimestampOf(time.Date(2026, 1, 2, 3, 4, 5, 999_999_999,
		time.FixedZone("JST", 9*3600))).String(); got != "2026-01-01T18:04:05.999Z" {
		t.Error(got)
	}
}

func TestParseBundle(t *testing.T) {
	obj := func(n int, more string) string {
		return fmt.Sprintf(`{"type":"identity","id":"identity--00000000-0000-4000-8000-%012d"%s}`, n, more)
	}
	const head = `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[`
	for _, c := range []struct {
		name, in string
		limits   Limits
		objects  int
		errors   []string
	}{
		{"good", head + obj(1, "") + " ,\n" + obj(2, "") + "]}\n", Limits{}, 2, nil},
		{"type behind the objects", `{"objects":[` + obj(1, "") +
			`],"id":"bundle--00000000-0000-4000-8000-000000000000","type":"bundle"}`, Limits{}, 1, nil},
		{"no objects", `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000"}`, Limits{}, 0, nil},
		{"one bad of three", head + obj(1, "") + `,{"type":"identity","id":7},` + obj(3, "") + "]}", Limits{}, 2,
			[]string{"stix: objects[1]: id: must be a string"}},
		{"no JSON inside", head + `{"type":nope},` + obj(3, "") + "]}", Limits{}, 1,
			[]string{"stix: objects[0]: is not valid JSON"}},
		{"big object", head + obj(1, `,"x":"`+strings.Repeat("y", 500)+`"`) + `,` + obj(3, "") + "]}",
			Limits{ObjectBytes: 200}, 1, []string{"stix: objects[0]: has 580 bytes; at most 200 are read"}},
		{"too many", head + obj(1, "") + `,` + obj(3, "") + "]}", Limits{Objects: 1}, 1,
			[]string{"stix: bundle: has more than 1 objects"}},
		{"too long", head + obj(1, "") + `,` + obj(3, "") + "]}", Limits{Bytes: 200}, 1,
			[]string{"stix: bundle: objects[1]: has more than 200 bytes"}},
		{"cut off", head + obj(1, "") + `,{"type":`, Limits{}, 1, []string{"before it is complete"}},
		{"not a bundle", `{"type":"report","id":"report--00000000-0000-4000-8000-000000000000"}`, Limits{}, 0,
			[]string{`stix: bundle: type: is "report"`, "stix: bundle: id"}},
		{"no object", `"x"`, Limits{}, 0, []string{"does not begin with {"}},
		{"behind the end", head + "]} x", Limits{}, 0, []string{"after its end"}},
		{"same version twice", head + obj(1, `,"modified":"2020-01-01T00:00:00.000Z"`) + "," +
			obj(1, `,"modified":"2020-01-01T00:00:00Z","name":"other"`) + "]}", Limits{}, 1,
			[]string{"same id and version"}},
		{"many errors", head + `1,2,3,4,5,6` + "]}", Limits{Errors: 2}, 0,
			[]string{"objects[0]", "objects[1]", "4 more errors"}},
		{"two types", `{"type":"bundle","type":"bundle"}`, Limits{}, 0, []string{"twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			objects, errs := ParseBundle(strings.NewReader(c.in), c.limits)
			if len(objects) != c.objects {
				t.Errorf("%d objects, want %d", len(objects), c.objects)
			}
			if len(errs) != len(c.errors) {
				t.Fatalf("errors %v, want %v", errs, c.errors)
			}
			for i, e := range errs {
				if !strings.Contains(e.Error(), c.errors[i]) {
					t.Errorf("error %q, want %q", e, c.errors[i])
				}
			}
		})
	}
}

// Every object of the ATT&CK bundles comes back byte for byte.
func TestAttackRoundTrip(t *testing.T) {
	for _, name := range []string{"ics-attack/ics-attack-18.1.json", "mobile-attack/mobile-attack-17.1.json"} {
		file := dataFile(t, "stix", filepath.FromSlash(name))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(data, &bundle); err != nil {
			t.Fatal(err)
		}
		objects, errs := ParseBundle(bytes.NewReader(data), Limits{})
		if len(errs) > 0 || len(objects) != len(bundle.Objects) {
			t.Fatalf("%s: %d of %d objects, errors %v", name, len(objects), len(bundle.Objects), errs)
		}
		for i, o := range objects {
			if !bytes.Equal(o.Bytes(), bundle.Objects[i]) {
				t.Fatalf("%s: %s changed", name, o.ID())
			}
		}
		var written bytes.Buffer
		if err := WriteBundle(&written, "", objects...); err != nil {
			t.Fatal(err)
		}
		again, errs := ParseBundle(&written, Limits{})
		if len(errs) > 0 || len(again) != len(objects) ||
			!bytes.Equal(again[len(again)-1].Bytes(), objects[len(objects)-1].Bytes()) {
			t.Fatalf("%s: a written bundle does not come back: %v", name, errs)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[` + sample + `]}`))
	f.Add([]byte(`{"type":"x","id":"x--"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		ParseBundle(bytes.NewReader(in), Limits{ObjectBytes: 1 << 12, Objects: 100})
		o, err := Parse(in)
		if err != nil {
			return
		}
		again, err := Parse(o.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), o.Bytes()) {
			t.Fatalf("does not come back: %v", err)
		}
		Validate(o)
		for _, p := range o.Properties() {
			if _, ok := o.Raw("'" + p + "'"); !ok && !strings.Contains(p, "'") {
				t.Fatalf("property %q is not found", p)
			}
		}
		if n, err := NewVersion(o, time.Unix(0, 0), map[string]any{"labels": []string{"x"}}); err == nil &&
			CompareVersions(o, n) >= 0 {
			t.Fatal("a new version is not newer")
		}
	})
}
