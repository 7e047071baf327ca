package release

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// released says of every field of every message what leaves of it under the
// policies cautious, open and manual: "=" as it is, "~" replaced, "-" not at all.
// The first line of a message says whether it leaves by itself or waits. A field
// that is added to a type on the wire fails the test until it is decided here.
var released = map[wire.Kind]string{
	wire.KindFinding: `
		finding            ready ready waiting
		id                 = = =
		version            = = =
		realm              = = =
		rule.id            = = =
		rule.title         = = =
		rule.author        = = =
		rule.license       = = =
		rule.level         = = =
		rule.tags          = = =
		indicator          = = =
		first              = = =
		last               = = =
		count              = = =
		host               ~ = ~
		user               - = -
		matched.field      - = -
		matched.value      - = -
		observables.type   - = -
		observables.value  - = -
		retro              = = =
		sensed             = = =
		detected           = = =
		handling           = = =`,
	wire.KindCandidate: `
		candidate          waiting ready waiting
		id                 = = =
		finding            = = =
		realm              = = =
		observable.type    = = =
		observable.value   = = =
		sigma              = = =
		base.id            = = =
		base.title         = = =
		base.author        = = =
		base.license       = = =
		base.level         = = =
		base.tags          = = =
		rule.id            = = =
		rule.title         = = =
		rule.author        = = =
		rule.license       = = =
		rule.level         = = =
		rule.tags          = = =
		why                = = =
		handling           = = =
		sensed             = = =`,
	wire.KindReceipt: `
		receipt            ready ready ready
		id                 = = =
		object             = = =
		modified           = = =
		state              = = =
		at                 = = =
		searched           = = =
		hits               = = -
		undisclosed        - - ~
		reason             = = =`,
	wire.KindRange: `
		receipt-range      ready ready ready
		id                 = = =
		from               = = =
		upto               = = =
		state              = = =
		at                 = = =
		searched           = = =
		undisclosed        - - ~
		except.object      = = =
		except.modified    = = =
		except.state       = = =
		except.reason.text = = =
		hits.object        = = -
		hits.modified      = = -
		hits.hits          = = -`,
	wire.KindSighting: `
		sighting           ready ready waiting
		id                 = = =
		indicator          = = =
		realm              = = =
		count              = = =
		first              = = =
		last               = = =
		retro              = = =
		at                 = = =
		handling           = = =`,
	wire.KindRuleHealth: `
		rule-health        ready ready ready
		id                 = = =
		at                 = = =
		withdraw           = = =
		rules.rule         = = =
		rules.hits         = = =
		rules.false        = = =
		techniques.technique = = =
		techniques.rules   = = =
		handling           = = =`,
}

// What leaves of every field under every preset is written down above.
func TestReleasedFields(t *testing.T) {
	bodies := []any{&wire.Finding{}, &wire.Candidate{}, &wire.Receipt{}, &wire.RangeReceipt{},
		&wire.Sighting{}, &wire.RuleHealth{}}
	eachNode(t, func(t *testing.T, db *store.DB) {
		var kinds []wire.Kind
		for _, body := range bodies {
			n := 0
			fill(t, reflect.ValueOf(body).Elem(), &n)
			if r, ok := body.(*wire.Receipt); ok {
				r.Undisclosed = false // the policy sets it
			}
			if r, ok := body.(*wire.RangeReceipt); ok {
				r.Undisclosed = false
			}
			full := reflect.ValueOf(body).Elem().Interface().(wire.Body)
			kinds = append(kinds, full.Kind())
			var got []map[string]string
			states := []string{string(full.Kind())}
			for _, name := range []string{"cautious", "open", "manual"} {
				p, err := Preset(name)
				if err != nil {
					t.Fatal(err)
				}
				q := openQueue(t, db, Cautious())
				if err := q.SetPolicy(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				give(t, db, q, name, "high", full)
				m := queued(t, db)[string(full.Kind())+"/"+name]
				states = append(states, m.State)
				got = append(got, outcome(t, full, m.Body))
			}
			lines := []string{strings.Join(states, " ")}
			for _, path := range paths(got) {
				lines = append(lines, strings.Join([]string{path, got[0][path], got[1][path], got[2][path]}, " "))
			}
			var want []string
			for l := range strings.Lines(strings.TrimSpace(released[full.Kind()])) {
				want = append(want, strings.Join(strings.Fields(l), " "))
			}
			slices.Sort(lines[1:])
			slices.Sort(want[1:])
			if !slices.Equal(lines, want) {
				t.Errorf(
					"of a %s leaves\n%s\nwant\n%s", full.Kind(), strings.Join(lines, "\n"), strings.Join(want, "\n"),
				)
			}
		}
		if !slices.Equal(kinds, wire.Kinds()) {
			t.Errorf("kinds %v, want %v", kinds, wire.Kinds())
		}
	})
}

// fill sets every field of a message to something that is not its zero value.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(sharetest.Start.Add(time.Duration(*n) * time.Minute)))
		return
	case policy.Handling:
		// As the queue marks a message under every preset, so that it is the same before and after.
		v.Set(reflect.ValueOf(policy.Handling{TLP: policy.AmberStrict, Owner: "power"}))
		return
	case reason.Reason:
		v.Set(reflect.ValueOf(reason.Plain("because")))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), n)
	case reflect.String:
		v.SetString(fmt.Sprint("value-", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n + 1000))
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a field of type %v: say how it is filled", v.Type())
	}
}

// outcome says of every field of a message what a stored body holds of it.
func outcome(t *testing.T, full wire.Body, stored string) map[string]string {
	t.Helper()
	b, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	before, after := leafs(t, string(b)), leafs(t, stored)
	out := map[string]string{}
	for path, was := range before {
		is, ok := after[path]
		switch {
		case !ok:
			out[path] = "-"
		case is == was:
			out[path] = "="
		default:
			out[path] = "~"
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			out[path] = "~"
		}
	}
	return out
}

// leafs returns the values of a JSON object by path; a handling is one value.
func leafs(t *testing.T, text string) map[string]string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			if path == "handling" || path == "reason" {
				break
			}
			for k, w := range x {
				walk(strings.TrimPrefix(path+"."+k, "."), w)
			}
			return
		case []any:
			for _, w := range x {
				walk(path, w)
			}
			return
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = string(b)
	}
	walk("", v)
	return out
}

// paths are all fields that a message has under any policy, in order.
func paths(list []map[string]string) []string {
	all := map[string]bool{}
	for _, m := range list {
		for path := range m {
			all[path] = true
		}
	}
	for _, m := range list {
		for path := range all {
			if m[path] == "" {
				m[path] = "-"
			}
		}
	}
	out := make([]string, 0, len(all))
	for path := range all {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}
