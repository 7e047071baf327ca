package stix

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	secret = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
	open   = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
)

func redact(t *testing.T, properties, markings string) (*Object, []string) {
	t.Helper()
	o, err := Parse(
		[]byte(`{"type":"malware","spec_version":"2.1","id":"malware--00000000-0000-4000-8000-000000000001",` +
			`"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","is_family":false,` +
			properties +
			`,"granular_markings":[` + markings + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if bad := Validate(o); len(bad) > 0 {
		t.Fatal(bad)
	}
	left, removed, err := Redact(o, func(m string) bool { return m == secret },
		"malware--00000000-0000-4000-8000-000000000002", "identity--00000000-0000-4000-8000-000000000003",
		time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if left != nil && left != o {
		if bad := Validate(left); len(bad) > 0 {
			t.Errorf("%s: %v", left.Bytes(), bad)
		}
		if left.ID() != "malware--00000000-0000-4000-8000-000000000002" || left.CreatedByRef() == "" ||
			left.Modified().String() != "2026-02-01T00:00:00.000Z" {
			t.Errorf("%s", left.Bytes())
		}
	}
	return left, removed
}

func hidden(selectors ...string) string { return granular(secret, selectors...) }

func granular(marking string, selectors ...string) string {
	return `{"marking_ref":"` + marking + `","selectors":["` + strings.Join(selectors, `","`) + `"]}`
}

func TestRedact(t *testing.T) {
	for name, test := range map[string]struct{ properties, markings, want string }{
		"a property": {`"name":"x","description":"secret"`, hidden("description"), `"name":"x"`},
		"an element, and what others say of those behind it": {`"labels":["a","secret","c"]`,
			hidden("labels.[1]") + "," + granular(open, "labels.[0]", "labels.[1]", "labels.[2]"),
			`"labels":["a","c"],"created_by_ref":"identity--00000000-0000-4000-8000-000000000003","granular_markings":[` +
				granular(open, "labels.[0]", "labels.[1]") + `]`},
		"a list that is empty then": {`"name":"x","labels":["secret"]`,
			hidden("labels.[0]") + "," + granular(open, "labels"), `"name":"x"`},
		"deep within": {
			`"name":"x","external_references":[{"source_name":"a","url":"https://a.example/"},{"source_name":"b","description":"secret","external_id":"1"}]`,
			hidden("external_references.[1].description"),
			`"name":"x","external_references":[{"source_name":"a","url":"https://a.example/"},{"source_name":"b","external_id":"1"}]`},
		"what nothing is left of": {
			`"name":"x","external_references":[{"source_name":"a","url":"https://secret.example/"},{"source_name":"b","external_id":"1"}]`,
			hidden("external_references.[0].url") + "," + granular(open, "external_references.[0]",
				"external_references.[1]"),
			`"name":"x","external_references":[{"source_name":"b","external_id":"1"}],` +
				`"created_by_ref":"identity--00000000-0000-4000-8000-000000000003","granular_markings":[` +
				granular(open, "external_references.[0]") + `]`},
		"spaces stay": {`"name" :  "x" , "description":"secret","x_n": 1.50`, hidden("description"),
			`"name":"x","x_n":1.50`},
	} {
		left, removed := redact(t, test.properties, test.markings)
		if left == nil || len(removed) == 0 {
			t.Errorf("%s: %v, removed %v", name, left, removed)
			continue
		}
		got := string(left.Bytes())
		_, got, _ = strings.Cut(got, `"is_family":false,`)
		got = strings.TrimSuffix(got, "}")
		got = strings.TrimSuffix(got, `,"created_by_ref":"identity--00000000-0000-4000-8000-000000000003"`)
		if got != test.want || strings.Contains(string(left.Bytes()), "secret") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

func TestRedactAllOrNothing(t *testing.T) {
	if left, removed := redact(t, `"name":"x"`, granular(open, "name")); left == nil || removed != nil ||
		left.Text("name") != "x" {
		t.Errorf("nothing is hidden: %v, %v", left, removed)
	}
	for name, test := range map[string][2]string{
		"what it cannot be without": {`"name":"x"`, hidden("is_family")},
		"its id":                    {`"name":"x"`, hidden("id")},
		"when it was created":       {`"name":"x"`, hidden("created")},
		"the whole of it":           {`"object_marking_refs":["` + secret + `"]`, granular(open, "is_family")},
	} {
		if left, _ := redact(t, test[0], test[1]); left != nil {
			t.Errorf("%s: %s", name, left.Bytes())
		}
	}
}

// Whatever is marked, nothing of it is left, all else is, and what is left is valid.
func TestRedactLeavesNothingHidden(t *testing.T) {
	selectors := []string{"name", "description", "labels.[0]", "labels.[1]", "labels.[2]", "labels", "aliases.[0]",
		"external_references.[0]", "external_references.[0].url", "external_references.[1].description", "x_d", "x_d.a",
		"x_d.l.[1].k"}
	rapid.Check(t, func(r *rapid.T) {
		hide := rapid.SliceOfNDistinct(rapid.SampledFrom(selectors), 1, 5, rapid.ID[string]).Draw(r, "hidden")
		show := rapid.SliceOfNDistinct(rapid.SampledFrom(selectors), 1, 5, rapid.ID[string]).Draw(r, "shown")
		properties :=
			`"name":"=name","description":"=description","labels":["=labels.[0]","=labels.[1]","=labels.[2]"],` +
				`"aliases":["=aliases.[0]"],"external_references":[{"source_name":"s","external_id":"1","url":"https://a.example/?=external_references.[0].url"},` +
				`{"source_name":"s","external_id":"1","description":"=external_references.[1].description"}],` +
				`"x_d":{"a":"=x_d.a","l":[1,{"k":"=x_d.l.[1].k","j":"=x_d.l.[1].j"}]}`
		left, _ := redact(t, properties, hidden(hide...)+","+granular(open, show...))
		if left == nil {
			r.Fatalf("nothing is left of %v", hide)
		}
		body := string(left.Bytes())
		for _, at := range []string{"name", "description", "labels.[0]", "labels.[1]", "labels.[2]", "aliases.[0]",
			"external_references.[0].url", "external_references.[1].description", "x_d.a", "x_d.l.[1].k",
			"x_d.l.[1].j"} {
			gone := slices.ContainsFunc(hide, func(h string) bool { return at == h || strings.HasPrefix(at, h+".") })
			if strings.Contains(body, "="+at+`"`) == gone {
				r.Errorf("%s, hidden %v: %s", at, hide, body)
			}
		}
	})
}
