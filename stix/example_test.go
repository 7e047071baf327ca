package stix_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/stix"
)

// Build an indicator, and read it back.
func Example() {
	if err := share(time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [ipv4-addr:value = '198.51.100.3'] from 2026-04-01T09:30:00.000Z
}

func share(now time.Time) error {
	o, err := stix.Indicator{
		Common:  stix.Common{Created: stix.TimestampOf(now)},
		Pattern: stix.ValuePattern("ipv4-addr", "198.51.100.3"), PatternType: "stix",
		ValidFrom: stix.TimestampOf(now),
	}.Object() // checked, and refused with the property that is wrong
	if err != nil {
		return err
	}
	ind, err := stix.As[stix.Indicator](o) // as it was, custom properties too
	fmt.Println(ind.Pattern, "from", ind.ValidFrom)
	return err
}

// Objects of any type are read to switch on.
func ExampleRead() {
	const bundle = `{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": [
		{"type": "domain-name", "spec_version": "2.1", "value": "example.com",
			"id": "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"},
		{"type": "malware", "spec_version": "2.1", "id": "malware--31b940d4-6f7f-459a-80ea-9c1f17b5891b",
			"created": "2026-04-01T09:30:00.000Z", "modified": "2026-04-01T09:30:00.000Z",
			"name": "Emotet", "is_family": true, "x_source": "own"}]}`
	objects, errs := stix.ParseBundle(strings.NewReader(bundle), stix.Limits{})
	for _, err := range errs { // one for each object that cannot be read
		fmt.Println(err)
	}
	for _, o := range objects {
		v, err := stix.Read(o)
		if err != nil {
			fmt.Println(err) // of a custom type, such as x-own
			continue
		}
		switch v := v.(type) {
		case stix.DomainName:
			fmt.Println("domain", v.Value)
		case stix.Malware:
			fmt.Println("malware", v.Name, v.Custom["x_source"])
		}
	}
	// Output:
	// domain example.com
	// malware Emotet own
}

// Validate returns every mistake with its property.
func ExampleValidate() {
	o, err := stix.Parse([]byte(`{"type": "location", "spec_version": "2.1",
		"id": "location--a6e9345f-5a15-4c29-8bb3-7dcc5d168d64",
		"created": "2026-04-01T09:30:00.000Z", "modified": "2026-04-01T09:30:00.000Z",
		"latitude": 139.7, "country": 81}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range stix.Validate(o) {
		fmt.Println(e.Property, e.Reason)
	}
	// Output:
	// latitude must be a number from -90 to 90
	// country must be a string
	// longitude is missing; latitude needs it
}

// The id of an observable follows from its content: everyone who builds it gets the same.
func ExampleFile() {
	o, err := stix.File{
		Name:            "invoice.exe",
		Hashes:          map[string]string{"MD5": "79054025255fb1a26e4bc422aef54eb4"},
		WindowsPEBinary: &stix.PEBinaryExt{Type: "exe"},
	}.Object()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.ID())
	// Output:
	// file--ff397d2d-8ac1-56fa-8df5-ebf099de3df0
}

// Withdraw an object, and share that with what marks it.
func ExampleRevoke() {
	created := time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)
	amber := stix.TLPMarking("amber")
	o, err := stix.Identity{
		Common: stix.Common{
			ID: "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5", Created: stix.TimestampOf(created),
			ObjectMarkingRefs: []string{amber.ID()},
		},
		Name: "Example Inc.",
	}.Object()
	if err == nil {
		o, err = stix.Revoke(o, created.Add(time.Hour))
	}
	var bundle bytes.Buffer
	if err == nil {
		err = stix.WriteBundle(&bundle, "", amber, o)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	objects, _ := stix.ParseBundle(&bundle, stix.Limits{})
	for _, o := range objects {
		fmt.Println(o.Type(), o.Modified(), o.Revoked())
	}
	// Output:
	// marking-definition  false
	// identity 2026-04-01T10:30:00.000Z true
}

// A pattern is matched on what one event showed.
func ExamplePattern_Match() {
	p, err := stix.ParsePattern("[network-traffic:dst_port = 445 AND network-traffic:dst_ref.value ISSUBSET " +
		"'192.0.2.0/24']")
	if err != nil {
		fmt.Println(err) // with line and column
		return
	}
	hit, err := p.Match(stix.Observation{
		{"type": "network-traffic", "dst_port": 445, "dst_ref": "ipv4-addr--1"},
		{"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.7"},
	})
	fmt.Println(hit, err)
	// Output:
	// true <nil>
}

// A pattern over several events is matched as they come.
func ExamplePattern_Stream() {
	p, err := stix.ParsePattern("([user-account:is_disabled = true] FOLLOWEDBY [process:pid = 4]) WITHIN 60 SECONDS")
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := p.Stream(stix.StreamOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	at := time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC)
	for _, e := range []struct {
		id    string
		after time.Duration
		seen  stix.Observation
	}{
		{"first", 0, stix.Observation{{"type": "user-account", "is_disabled": true}}},
		{"second", 59 * time.Second, stix.Observation{{"type": "process", "pid": 4}}},
	} {
		match, err := s.Add(e.id, at.Add(e.after), e.seen)
		if err != nil {
			fmt.Println(err)
		} else if match != nil {
			fmt.Println(match.IDs)
		}
	}
	// Output:
	// [first second]
}
