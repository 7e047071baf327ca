package wire_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/wire"
)

// leaves lists every field that may leave a node, by message. A field that is
// added to a type on the wire fails TestFields until somebody has decided that
// it may leave and written it down here.
var leaves = map[wire.Kind]string{
	wire.KindFinding: `id version realm rule.id rule.title rule.author rule.license rule.level rule.tags indicator first last count
		host user matched.field matched.value observables.type observables.value retro sensed detected handling`,
	wire.KindCandidate: `id finding realm observable.type observable.value sigma base.id base.title base.author base.license base.level base.tags
		rule.id rule.title rule.author rule.license rule.level rule.tags why handling sensed`,
	wire.KindReceipt: `id object modified state at searched hits undisclosed
		reason.code reason.args reason.text reason.ja`,
	wire.KindRange: `id from upto state at searched undisclosed
		except.object except.modified except.state except.reason.code except.reason.args except.reason.text
		except.reason.ja hits.object hits.modified hits.hits`,
	wire.KindSighting:   `id indicator realm count first last retro at handling`,
	wire.KindRuleHealth: `id at withdraw rules.rule rules.hits rules.false techniques.technique techniques.rules handling`,
}

// bodies are all messages that may leave a node.
func bodies() []wire.Body {
	return []wire.Body{wire.Finding{}, wire.Candidate{}, wire.Receipt{}, wire.RangeReceipt{}, wire.Sighting{}, wire.RuleHealth{}}
}

func TestFields(t *testing.T) {
	var kinds []wire.Kind
	for _, b := range bodies() {
		kinds = append(kinds, b.Kind())
		if !wire.ByValue(b) {
			t.Errorf("%T is not known by value", b)
		}
		want := strings.Fields(leaves[b.Kind()])
		got := fields(t, reflect.TypeOf(b), "")
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%T has the fields\n%v, and may send\n%v", b, got, want)
		}
	}
	if !slices.Equal(kinds, wire.Kinds()) {
		t.Errorf("kinds %v, want %v", kinds, wire.Kinds())
	}
}

// A pointer has the methods of its value, but is not taken for it.
func TestPointerIsNoBody(t *testing.T) {
	for _, b := range []wire.Body{&wire.Finding{}, &wire.Candidate{}, &wire.Receipt{}, &wire.RangeReceipt{},
		&wire.Sighting{}, &wire.RuleHealth{}} {
		if wire.ByValue(b) {
			t.Errorf("%T passes for a value", b)
		}
	}
}

// fields returns the JSON paths of all fields of typ, those of its parts too.
func fields(t *testing.T, typ reflect.Type, prefix string) (out []string) {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	marshals := typ.Implements(reflect.TypeFor[json.Marshaler]())
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || marshals || typ.Name() == "Handling" {
		return []string{strings.TrimSuffix(prefix, ".")}
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || f.Anonymous || !f.IsExported() {
			t.Errorf("%v.%s has no name on the wire", typ, f.Name)
			continue
		}
		out = append(out, fields(t, f.Type, prefix+name+".")...)
	}
	return out
}
