package stix

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Validate checks an object against the specification: the properties that all
// objects share, and of every type of STIX 2.1 all of its own and those of the
// predefined extensions. Of custom types and extensions it checks the common part. It
// returns every mistake in the order of the properties, and nil if there is none.
func Validate(o *Object) []*Error {
	v := &validator{o: o, decoder: decoder{object: o.id, strict: true}}
	v.common()
	goType, s := reflect.TypeFor[otherObject](), otherSchema()
	if known := knownTypes()[o.typ]; known != nil {
		goType, s = known.goType, known.schema
	}
	v.objectInto(s, reflect.New(goType).Elem(), o.members, "")
	if rule := rules[o.typ]; rule != nil {
		rule(v)
	}
	return v.sorted()
}

type validator struct {
	decoder
	o *Object
}

// sorted returns the mistakes by property, each property's first one only once.
func (v *validator) sorted() []*Error {
	place := func(e *Error) int {
		name, _, _ := strings.Cut(e.Property, ".")
		name, _, _ = strings.Cut(name, "[")
		i := slices.IndexFunc(v.o.members, func(m member) bool { return m.name == name })
		if i < 0 {
			return len(v.o.members)
		}
		return i
	}
	slices.SortStableFunc(v.problems, func(a, b *Error) int { return place(a) - place(b) })
	seen := map[string]bool{}
	return slices.DeleteFunc(v.problems, func(e *Error) bool {
		key := e.Property + "\x00" + e.Reason.Code()
		again := seen[key]
		seen[key] = true
		return again
	})
}

func (v *validator) common() {
	o := v.o
	if !rfc4122(o.id) {
		v.bad("id", because("stix.id.version"))
	}
	if len(o.typ) < 3 || strings.ToLower(o.typ) != o.typ || strings.Contains(o.typ, "_") {
		v.bad("type", because("stix.type.name"))
	}
	if sv, ok := o.property("spec_version"); string(sv) != `"2.1"` && (ok || !IsObservable(o.typ)) {
		v.bad("spec_version", because("stix.spec"))
	}
	for _, m := range o.members {
		v.empty(m.name, m.value)
	}
	if slices.Contains(o.markings, o.id) {
		v.bad("object_marking_refs", because("stix.ref.self"))
	}
	v.granular()
	if IsObservable(o.typ) {
		for _, n := range notOfObservables {
			if v.has(n) {
				v.bad(n, because("stix.observable.property"))
			}
		}
		return
	}
	v.milliseconds("created")
	if o.typ != "marking-definition" {
		v.milliseconds("modified")
		v.order("created", "modified", true)
	}
	for i := range o.externalReferences() {
		at := "external_references[" + strconv.Itoa(i) + "]"
		if o.Text(at+".description") == "" && o.Text(at+".url") == "" && o.Text(at+".external_id") == "" {
			v.bad(at, because("stix.reference"))
		}
	}
}

// notOfObservables are the common properties that observables do not have.
var notOfObservables = []string{
	"created_by_ref", "revoked", "labels", "confidence", "lang", "external_references", "created", "modified",
}

func (o *Object) externalReferences() [][]byte {
	raw, _ := o.property("external_references")
	return elements(raw)
}

// empty checks what holds for every value, wherever it is: none is null or empty.
func (v *validator) empty(path string, raw []byte) {
	switch {
	case string(raw) == "null":
		v.bad(path, because("stix.null"))
	case raw[0] == '[':
		list := elements(raw)
		if len(list) == 0 {
			v.bad(path, because("stix.empty.list"))
		}
		for i, e := range list {
			v.empty(path+"["+strconv.Itoa(i)+"]", e)
		}
	case raw[0] == '{':
		list := members(raw)
		if len(list) == 0 {
			v.bad(path, because("stix.empty.dictionary"))
		}
		for _, m := range list {
			v.empty(path+"."+m.name, m.value)
		}
	}
}

func (v *validator) has(name string) bool {
	_, ok := v.o.property(name)
	return ok
}

// milliseconds checks that a timestamp is precise enough to distinguish versions.
func (v *validator) milliseconds(name string) {
	if t, ok := v.o.Time(name); ok && t.Digits() < 3 {
		v.bad(name, because("stix.timestamp.precision"))
	}
}

// order checks that b is later than a, or the same where same is allowed.
func (v *validator) order(a, b string, same bool) {
	x, ok1 := v.o.Time(a)
	y, ok2 := v.o.Time(b)
	if !ok1 || !ok2 {
		return
	}
	switch c := y.Compare(x); {
	case c < 0 && same:
		v.bad(b, because("stix.order.before", a))
	case c <= 0 && !same:
		v.bad(b, because("stix.order.after", a))
	}
}

// granular checks section 7.2.3: one of lang and marking_ref, and selectors that each
// find something.
func (v *validator) granular() {
	raw, ok := v.o.property("granular_markings")
	if !ok {
		return
	}
	for i := range elements(raw) {
		at := "granular_markings[" + strconv.Itoa(i) + "]"
		_, lang := v.o.Raw(at + ".lang")
		_, marking := v.o.Raw(at + ".marking_ref")
		if lang == marking {
			v.bad(at, because("stix.granular.one"))
		}
		for _, s := range v.o.Strings(at + ".selectors") {
			if !v.o.selects(s) {
				v.bad(at+".selectors", because("stix.granular.selector", clip(s)))
			}
		}
	}
}

// selects follows a selector of section 7.2.3.1: names and [n] between dots.
func (o *Object) selects(selector string) bool {
	cur := o.raw
	for step := range strings.SplitSeq(selector, ".") {
		if n, ok := strings.CutPrefix(step, "["); ok {
			n, ok = strings.CutSuffix(n, "]")
			i, err := strconv.Atoi(n)
			es := elements(cur)
			if !ok || err != nil || i < 0 || i >= len(es) || strconv.Itoa(i) != n {
				return false
			}
			cur = es[i]
			continue
		}
		ms := members(cur)
		i := slices.IndexFunc(ms, func(m member) bool { return m.name == step })
		if i < 0 {
			return false
		}
		cur = ms[i].value
	}
	return true
}
