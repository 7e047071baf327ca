package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// filled returns a struct of a type with something in every field.
func filled(known *knownType) Typed {
	v := reflect.New(known.goType).Elem()
	fill(known.schema, v, "")
	switch x := v.Addr().Interface().(type) {
	case *Indicator:
		x.Pattern, x.PatternType = ValuePattern("url", "https://example.com/"), "stix"
	case *Artifact:
		x.URL = ""
	case *EmailMessage:
		x.Body = ""
		x.BodyMultipart[0].Body, x.BodyMultipart[1].BodyRawRef = "", ""
	case *ExtensionDefinition:
		x.Types = []string{"toplevel-property-extension"}
	case *Process:
		x.WindowsProcess.StartupInfo = map[string]any{"lpTitle": "t", "dwX": json.Number("7")}
	case *ObservedData:
		x.Objects = nil
	case *NetworkTraffic:
		x.IsActive = new(false)
		x.HTTPRequest.Header = map[string]any{"Host": []any{"example.com"}}
		x.Socket.Options = map[string]any{"SO_RCVTIMEO": json.Number("100")}
	case *IPv4Addr:
		x.Value = "198.51.100.3"
	case *IPv6Addr:
		x.Value = "2001:db8::/32"
	case *MACAddr:
		x.Value = "00:1b:44:11:3a:b7"
	case *MarkingDefinition:
		x.DefinitionType, x.Definition = "statement", map[string]any{"statement": "Copyright 2026"}
	case *LanguageContent:
		x.Contents = map[string]map[string]any{"ja": {"name": "名前", "labels": []any{"一"}}}
	}
	return v.Interface().(Typed)
}

// fill puts into every field of v what its tags ask for.
func fill(s *schema, v reflect.Value, within string) {
	for i := range s.fields {
		if f := &s.fields[i]; f.name != "id" && f.name != "granular_markings" && f.name != "extensions" {
			fillField(f, v.FieldByIndex(f.index))
		}
	}
	for i := range s.extensions {
		fillField(&s.extensions[i], v.FieldByIndex(s.extensions[i].index))
	}
	if within == "" {
		v.FieldByIndex(s.custom).Set(reflect.ValueOf(map[string]any{"x_own": []any{"a", true}}))
		v.FieldByName("Extensions").Set(reflect.ValueOf(map[string]any{TLP2Extension: map[string]any{
			"extension_type": "property-extension", "tlp_2_0": "amber",
		}}))
		v.FieldByName("GranularMarkings").Set(reflect.ValueOf([]GranularMarking{
			{MarkingRef: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", Selectors: []string{"x_own.[0]"}},
		}))
	}
}

func fillField(f *field, v reflect.Value) {
	if v.Type() == timestampType {
		t, _ := ParseTimestamp("2026-04-01T09:30:00.123456Z")
		if f.name == "time_date_stamp" {
			t, _ = ParseTimestamp("2026-04-01T09:30:00Z")
		}
		if strings.HasSuffix(f.name, "until") || strings.HasPrefix(f.name, "stop") {
			t, _ = ParseTimestamp("2027-04-01T09:30:00.123456Z")
		}
		v.Set(reflect.ValueOf(t))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillField(f, v.Elem())
	case reflect.Struct:
		fill(f.nested, v, f.name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillField(f, v.Index(0))
		fillField(f, v.Index(1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.String:
		v.SetString(text(f))
	case reflect.Map:
		if f.form == "hashes" {
			v.Set(reflect.ValueOf(map[string]string{"MD5": strings.Repeat("a", 32)}))
		} else if v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf(map[string]string{"PATH": "/bin"}))
		} else if v.Type().Elem().Kind() == reflect.Interface {
			v.Set(reflect.ValueOf(map[string]any{"Host": "example.com"}))
		}
	}
}

func text(f *field) string {
	switch {
	case f.ref:
		typ := "file"
		if len(f.refs) > 0 && f.refs[0] != "observable" && f.refs[0] != "related" {
			typ = f.refs[0]
		}
		return typ + "--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
	case len(f.enum) > 0:
		return f.enum[0]
	case f.form == "hex":
		return "00ff"
	case f.form == "base64":
		return "AAEC"
	case f.form == "url":
		return "https://example.com/a"
	case f.name == "relationship_type":
		return "related-to"
	case f.name == "mime_type":
		return "text/plain"
	case strings.HasSuffix(f.name, "_enc"):
		return "UTF-8"
	case f.name == "cpe":
		return "cpe:2.3:a:vendor:product:1.0:*:*:*:*:*:*:*"
	case f.name == "languages":
		return "ja"
	case f.name == "country":
		return "JP"
	}
	return "text <&> 議"
}

// allFilled is an object of every type, with everything in it.
func allFilled(t testing.TB) []*Object {
	t.Helper()
	var out []*Object
	for typ, known := range knownTypes() {
		o, err := filled(known).Object()
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		out = append(out, o)
	}
	if len(out) != 42 {
		t.Fatalf("%d types", len(out))
	}
	return out
}

// A struct of any type, with everything in it, comes back from its object.
func TestTypedRoundTrip(t *testing.T) {
	for _, o := range allFilled(t) {
		v, err := Read(o)
		if err != nil {
			t.Fatal(err)
		}
		want := reflect.New(reflect.TypeOf(v)).Elem()
		want.Set(reflect.ValueOf(filled(knownTypes()[o.Type()])))
		want.FieldByName("ID").SetString(o.ID())
		if f := want.FieldByName("Modified"); f.IsValid() && want.FieldByName("Common").IsValid() {
			f.Set(want.FieldByName("Created"))
		}
		if diff := cmp.Diff(want.Interface(), v); diff != "" {
			t.Errorf("%s: %s", o.Type(), diff)
		}
		again, err := v.Object()
		if err != nil || !bytes.Equal(again.Bytes(), o.Bytes()) {
			t.Errorf("%s: %v\n%s\n%s", o.Type(), err, o.Bytes(), again.Bytes())
		}
	}
}

// lost lists the properties that an object built again does not have as they were.
// What says no more than its absence may be left out.
func lost(before, after *Object) (names []string) {
	for _, m := range before.members {
		raw, ok := after.property(m.name)
		switch s := string(m.value); {
		case !ok && (s == "false" || s == `""` || s == "[]" || s == "{}"):
		case !ok:
			names = append(names, m.name)
		default:
			a := &Object{raw: append(append([]byte(`{"v":`), m.value...), '}')}
			b := &Object{raw: append(append([]byte(`{"v":`), raw...), '}')}
			if !SameContent(a, b) {
				names = append(names, m.name)
			}
		}
	}
	return names
}

// Real objects keep every property, also custom ones, from the object to the struct
// and back.
func TestTypedKeepsProperties(t *testing.T) {
	var files []string
	for _, pattern := range []string{
		"oasis/examples/*.json", "oasis/examples/threat-reports/*.json", "*-attack/*.json",
	} {
		found, _ := filepath.Glob(filepath.Join(dataFile(t, "stix"), filepath.FromSlash(pattern)))
		files = append(files, found...)
	}
	seen := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, _ := ParseBundle(bytes.NewReader(raw), Limits{})
		if one, err := Parse(raw); err == nil && one.Type() != "bundle" {
			objects = []*Object{one}
		}
		for _, o := range objects {
			v, err := Read(o)
			if e, ok := errors.AsType[*Error](err); ok && e.Reason.Code() == "stix.type.unknown" {
				seen["(custom)"]++
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			again, err := v.Object()
			if err != nil {
				t.Errorf("%s: %s is not built again: %v", filepath.Base(file), o.ID(), err)
				continue
			}
			if names := lost(o, again); len(names) > 0 {
				t.Errorf("%s: %s loses %v\n%s\n%s", filepath.Base(file), o.ID(), names, o.Bytes(), again.Bytes())
			}
			seen[o.Type()]++
		}
	}
	t.Log(seen)
	if len(seen) < 15 || seen["attack-pattern"] < 100 {
		t.Errorf("few objects: %v", seen)
	}
}

// with returns an object whose property has another value; "" takes it away.
func with(t *testing.T, o *Object, property, value string) *Object {
	t.Helper()
	var w writer
	for _, m := range o.members {
		if m.name == property {
			m.value = []byte(value)
		}
		if len(m.value) > 0 {
			w.value(m.name, json.RawMessage(m.value))
		}
	}
	out, err := w.object()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every property of every type is checked: its type when it is read, and its range,
// vocabulary and presence by Validate. The error names the property.
func TestTypedMistakes(t *testing.T) {
	names := func(list []*Error) (out []string) {
		for _, e := range list {
			out = append(out, e.Property)
		}
		return out
	}
	for _, o := range allFilled(t) {
		s := knownTypes()[o.Type()].schema
		for _, f := range s.fields {
			if parsed := []string{"id", "created_by_ref", "object_marking_refs", "created", "modified", "revoked",
				"lang",
				"confidence", "labels"}; slices.Contains(parsed, f.name) { // Parse refuses a wrong type
				continue
			}
			if _, there := o.property(f.name); !there {
				continue
			}
			wrong := "7"
			if f.goKind == reflect.Int || f.goKind == reflect.Float64 {
				wrong = `"7"`
			}
			bad := with(t, o, f.name, wrong)
			if _, err := Read(bad); err == nil || err.(*Error).Property != f.name {
				t.Errorf("%s with %s %s is read: %v", o.Type(), f.name, wrong, err)
			}
			if !slices.Contains(names(Validate(bad)), f.name) {
				t.Errorf("%s with %s %s is valid", o.Type(), f.name, wrong)
			}
			out := ""
			switch {
			case f.required:
			case len(f.enum) > 0:
				out = `"none of them"`
			case f.ref && f.goKind == reflect.String && strings.HasSuffix(f.name, "_ref") && len(f.refs) > 0:
				out = `"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`
			case f.least != nil:
				out = "-1000"
			case f.form == "hex" || f.form == "base64" || f.form == "url":
				out = `"?"`
			default:
				continue
			}
			if got := names(Validate(with(t, o, f.name, out))); !slices.Contains(got, f.name) {
				t.Errorf("%s with %s %q is valid but for %v", o.Type(), f.name, out, got)
			}
		}
	}
}

// What the specification asks of several properties together.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		property, code string
		build          func() (*Object, error)
	}{
		{"last_seen", "stix.order.before", Campaign{Common: Common{Created: now}, Name: "c", FirstSeen: now,
			LastSeen: TimestampOf(at.Add(-time.Hour))}.Object},
		{"name", "stix.missing", Malware{Common: Common{Created: now}, IsFamily: true}.Object},
		{"result", "stix.any", MalwareAnalysis{Common: Common{Created: now}, Product: "p"}.Object},
		{"longitude", "stix.needed", Location{Common: Common{Created: now}, Latitude: new(35.6)}.Object},
		{"region", "stix.any", Location{Common: Common{Created: now}, Name: "somewhere"}.Object},
		{"object_refs", "stix.any", ObservedData{Common: Common{Created: now}, FirstObserved: now, LastObserved: now,
			NumberObserved: 1}.Object},
		{"number_observed", "stix.type.range", ObservedData{Common: Common{Created: now}, FirstObserved: now,
			LastObserved: now, ObjectRefs: []string{creator}}.Object},
		{"opinion", "stix.enum",
			Opinion{Common: Common{Created: now}, Opinion: "maybe", ObjectRefs: []string{creator}}.Object},
		{"created_by_ref", "stix.missing", ExtensionDefinition{Common: Common{Created: now}, Name: "e", Schema: "s",
			Version: "1.0.0", Types: []string{"new-sdo"}}.Object},
		{"definition_type", "stix.any", MarkingDefinition{Created: now}.Object},
		{"definition.statement", "stix.missing", MarkingDefinition{Created: now, DefinitionType: "statement",
			Definition: map[string]any{"text": "t"}}.Object},
		{"payload_bin", "stix.any", Artifact{MIMEType: "text/plain"}.Object},
		{"hashes", "stix.needed", Artifact{URL: "https://example.com/a"}.Object},
		{"body", "stix.not.with", EmailMessage{IsMultipart: true, Body: "b"}.Object},
		{"body_multipart", "stix.not.with", EmailMessage{BodyMultipart: []MIMEPart{{Body: "b"}}}.Object},
		{"body_multipart[0]", "stix.one.of",
			EmailMessage{IsMultipart: true, BodyMultipart: []MIMEPart{{ContentType: "x"}}}.Object},
		{"src_ref", "stix.any", NetworkTraffic{Protocols: []string{"tcp"}}.Object},
		{"protocols", "stix.missing", NetworkTraffic{SrcRef: "ipv4-addr--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}.Object},
		{"src_ref", "stix.ref.type", NetworkTraffic{SrcRef: creator, Protocols: []string{"tcp"}}.Object},
		{"value", "stix.address.mac", MACAddr{Value: "00-1B-44-11-3A-B7"}.Object},
		{"", "stix.nothing", Process{}.Object},
		{"extensions.windows-pebinary-ext.sections[1].name", "stix.missing",
			File{Name: "x", WindowsPEBinary: &PEBinaryExt{
				Type: "exe", Sections: []PESection{{Name: ".text"}, {Size: new(7)}}}}.Object},
		{"extensions.icmp-ext", "stix.empty.dictionary", NetworkTraffic{Protocols: []string{"icmp"},
			DstRef: "ipv4-addr--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", ICMP: &ICMPExt{}}.Object},
		{"values[0].data_type", "stix.enum", WindowsRegistryKey{Values: []RegistryValue{{DataType: "REG"}}}.Object},
	} {
		_, err := c.build()
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Property != c.property || e.Reason.Code() != c.code {
			t.Errorf("%s %s: %v", c.property, c.code, err)
		}
	}
}

func TestAs(t *testing.T) {
	o, err := Identity{Common: Common{Created: now, Confidence: new(50)}, Name: "東都電力"}.Object()
	if err != nil {
		t.Fatal(err)
	}
	id, err := As[Identity](o)
	if err != nil || id.Name != "東都電力" || *id.Confidence != 50 || id.Created != o.Created() || id.ID != o.ID() {
		t.Errorf("%+v %v", id, err)
	}
	if _, err := As[Typed](o); err != nil {
		t.Error(err)
	}
	if _, err := As[Note](o); err == nil || err.(*Error).Reason.Code() != "stix.type.other" {
		t.Error(err)
	}
	own, err := Parse([]byte(`{"type":"x-own","id":"x-own--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(own); err == nil || err.(*Error).Reason.Code() != "stix.type.unknown" {
		t.Error(err)
	}
	if _, err := (Identity{Common: Common{Created: now, Custom: map[string]any{"name": "b"}},
		Name: "a"}).Object(); err == nil {
		t.Error("a custom property hides one of the type")
	}
	if _, err := (Identity{Common: Common{Created: now, Custom: map[string]any{"x": make(chan int)}},
		Name: "a"}).Object(); err == nil {
		t.Error("a channel was written")
	}
}

// Every valid object is read as a struct and built again the same.
func FuzzTyped(f *testing.F) {
	for _, o := range allFilled(f) {
		f.Add(o.Bytes())
	}
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := Parse(in)
		if err != nil {
			return
		}
		mistakes := Validate(o)
		for _, e := range mistakes {
			checkReason(t, e)
		}
		v, err := Read(o)
		if err != nil {
			checkReason(t, err)
			if known := knownTypes()[o.Type()] != nil; known && len(mistakes) == 0 {
				t.Fatalf("is valid and cannot be read: %v", err)
			}
			return
		}
		again, err := v.Object()
		if err != nil {
			checkReason(t, err)
		}
		if len(mistakes) > 0 {
			return
		}
		if err != nil {
			t.Fatalf("is valid and not built again: %v\n%s", err, in)
		}
		if names := lost(o, again); len(names) > 0 {
			t.Fatalf("%v are lost:\n%s\n%s", names, in, again.Bytes())
		}
		second, err := Read(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, second); diff != "" {
			t.Fatal(diff)
		}
	})
}
