package stix

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that an object says against the specification.
type Problem struct {
	Property string
	Reason   string
}

// String is one line.
func (p Problem) String() string { return p.Property + ": " + p.Reason }

// Validate checks the common properties of any object, and all properties of
// the types that this package builds: indicator, identity, sighting,
// relationship, note, report, marking-definition and the address, name, hash
// and file observables. It gives every problem; nil means that none was found.
// Of other types it checks no more than the common part.
func Validate(o *Object) []Problem {
	v := &validator{o: o}
	v.common()
	if check := typeChecks[o.typ]; check != nil {
		check(v)
	}
	return v.problems
}

type validator struct {
	o        *Object
	problems []Problem
}

func (v *validator) bad(property, format string, args ...any) {
	v.problems = append(v.problems, Problem{property, fmt.Sprintf(format, args...)})
}

func (v *validator) common() {
	o := v.o
	if !rfc4122(o.id) {
		v.bad("id", "its UUID must be of version 1 to 5 and of the RFC 4122 variant")
	}
	if len(o.typ) < 3 || strings.ToLower(o.typ) != o.typ || strings.Contains(o.typ, "_") {
		v.bad("type", "must be 3 to 250 lower-case letters, digits and hyphens")
	}
	sv := o.Text("spec_version")
	switch {
	case sv == "2.1":
	case sv == "" && IsObservable(o.typ):
		if _, ok := o.property("spec_version"); ok {
			v.bad("spec_version", "must be \"2.1\"")
		}
	default:
		v.bad("spec_version", "must be \"2.1\"")
	}
	for _, m := range o.members {
		v.value(m.name, m.value)
	}
	for _, r := range o.markings {
		if r == o.id {
			v.bad("object_marking_refs", "must not refer to the object itself")
		}
	}
	v.externalReferences()
	v.granular()
	if IsObservable(o.typ) {
		for _, n := range []string{"created_by_ref", "revoked", "labels", "confidence", "lang", "external_references", "created", "modified"} {
			if _, ok := o.property(n); ok {
				v.bad(n, "does not belong to an observable")
			}
		}
		return
	}
	if t, ok := SplitID(o.createdBy); ok && t != "identity" {
		v.bad("created_by_ref", "must refer to an identity")
	}
	v.timestamp("created", true, 3)
	if o.typ == "marking-definition" {
		return
	}
	v.timestamp("modified", true, 3)
	v.order("created", "modified", true)
}

// value checks what holds for every value, wherever it stands.
func (v *validator) value(path string, raw []byte) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		v.bad(path, "must not be null; leave the property out")
	case raw[0] == '[':
		es := elements(raw)
		if len(es) == 0 {
			v.bad(path, "must not be an empty list; leave the property out")
		}
		for i, e := range es {
			v.value(path+"["+strconv.Itoa(i)+"]", e)
		}
	case raw[0] == '{':
		ms := members(raw)
		if len(ms) == 0 {
			v.bad(path, "must not be an empty dictionary; leave the property out")
		}
		for _, m := range ms {
			v.value(path+"."+m.name, m.value)
		}
	case raw[0] == '"':
		if name := path[strings.LastIndexByte(path, '.')+1:]; strings.HasSuffix(name, "_ref") && !strings.Contains(path, "extensions.") {
			if _, ok := SplitID(unquote(raw)); !ok {
				v.bad(path, "must be an identifier")
			}
		}
	}
}

func (v *validator) str(name string, required bool) string {
	raw, ok := v.o.property(name)
	if !ok {
		if required {
			v.bad(name, "is missing")
		}
		return ""
	}
	s := v.o.Text(name)
	if raw[0] != '"' {
		v.bad(name, "must be a string")
	} else if s == "" && required {
		v.bad(name, "is empty")
	}
	return s
}

func (v *validator) strs(name string, required bool) []string {
	raw, ok := v.o.property(name)
	if !ok {
		if required {
			v.bad(name, "is missing")
		}
		return nil
	}
	if raw[0] != '[' || len(elements(raw)) != len(v.o.Strings(name)) {
		v.bad(name, "must be a list of strings")
	}
	return v.o.Strings(name)
}

func (v *validator) timestamp(name string, required bool, digits int) Timestamp {
	if _, ok := v.o.property(name); !ok {
		if required {
			v.bad(name, "is missing")
		}
		return Timestamp{}
	}
	t, err := ParseTimestamp(v.o.Text(name))
	if err != nil {
		v.bad(name, "%v", err)
	} else if t.Digits() < digits {
		v.bad(name, "must be precise to the millisecond")
	}
	return t
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
		v.bad(b, "must not be earlier than %s", a)
	case c <= 0 && !same:
		v.bad(b, "must be later than %s", a)
	}
}

func (v *validator) ref(name string, required bool, allowed func(typ string) bool) {
	s := v.str(name, required)
	if s == "" {
		return
	}
	if t, ok := SplitID(s); !ok {
		v.bad(name, "must be an identifier")
	} else if !allowed(t) {
		v.bad(name, "must not refer to %s", t)
	}
}

func (v *validator) refs(name string, required bool, allowed func(typ string) bool) {
	for _, s := range v.strs(name, required) {
		if t, ok := SplitID(s); !ok {
			v.bad(name, "%q is not an identifier", clip(s))
		} else if !allowed(t) {
			v.bad(name, "must not refer to %s", t)
		}
	}
}

func (v *validator) boolean(name string) {
	if raw, ok := v.o.property(name); ok && string(raw) != "true" && string(raw) != "false" {
		v.bad(name, "must be true or false")
	}
}

func (v *validator) externalReferences() {
	raw, ok := v.o.property("external_references")
	if !ok {
		return
	}
	var refs []ExternalReference
	if json.Unmarshal(raw, &refs) != nil {
		v.bad("external_references", "must be a list of references")
		return
	}
	for i, r := range refs {
		at := fmt.Sprintf("external_references[%d]", i)
		if r.SourceName == "" {
			v.bad(at+".source_name", "is missing")
		}
		if r.Description == "" && r.URL == "" && r.ExternalID == "" {
			v.bad(at, "must have a description, a url or an external_id")
		}
		if r.URL != "" {
			if u, err := url.Parse(r.URL); err != nil || u.Scheme == "" {
				v.bad(at+".url", "must be an absolute URL")
			}
		}
		for alg, h := range r.Hashes {
			if why := badHash(alg, h); why != "" {
				v.bad(at+".hashes."+alg, "%s", why)
			}
		}
	}
}

// granular checks section 7.2.3: one of lang and marking_ref, and selectors
// that each find something.
func (v *validator) granular() {
	raw, ok := v.o.property("granular_markings")
	if !ok {
		return
	}
	if raw[0] != '[' {
		v.bad("granular_markings", "must be a list")
		return
	}
	for i := range elements(raw) {
		at := fmt.Sprintf("granular_markings[%d]", i)
		_, lang := v.o.Raw(at + ".lang")
		_, mark := v.o.Raw(at + ".marking_ref")
		if lang == mark {
			v.bad(at, "must have one of lang and marking_ref")
		}
		if t, ok := SplitID(v.o.Text(at + ".marking_ref")); mark && (!ok || t != "marking-definition") {
			v.bad(at+".marking_ref", "must refer to a marking definition")
		}
		sel := v.o.Strings(at + ".selectors")
		if len(sel) == 0 {
			v.bad(at+".selectors", "is missing")
		}
		for _, s := range sel {
			if !v.o.selects(s) {
				v.bad(at+".selectors", "%q finds nothing in the object", clip(s))
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
