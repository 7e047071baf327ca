package stix

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Object is one STIX object: the bytes it was read from, and a typed view of
// the properties that all objects share. It is never changed after it was made.
type Object struct {
	raw     []byte
	members []member

	typ, id, createdBy, lang string
	created, modified        Timestamp
	revoked                  bool
	confidence               int
	hasConfidence            bool
	labels, markings         []string
}

// Parse reads one object. It checks that the bytes are one JSON object without
// ambiguous names and that the common properties have their types; whether the
// object says what its type must say is for Validate. The bytes are copied.
// The error is an *Error.
func Parse(raw []byte) (*Object, error) { return parse(bytes.Clone(raw), "object") }

// parse takes over raw; place names an object that has no id yet.
func parse(raw []byte, place string) (*Object, error) {
	raw = trim(raw)
	fail := func(property string, r Reason) (*Object, error) {
		return nil, &Error{Object: place, Property: property, Reason: r}
	}
	if r := check(raw); r != nil {
		return fail("", r)
	}
	if raw[0] != '{' {
		return fail("", because("stix.json.object"))
	}
	o := &Object{raw: raw, members: members(raw)}
	var r Reason
	if o.id, r = o.text("id"); r != nil {
		return fail("id", r)
	}
	if o.typ, r = o.text("type"); r != nil {
		return fail("type", r)
	}
	if o.id != "" {
		place = clip(o.id)
	}
	if o.typ == "" {
		return fail("type", because("stix.missing"))
	}
	if o.id == "" {
		return fail("id", because("stix.missing"))
	}
	if typ, ok := SplitID(o.id); !ok {
		return fail("id", because("stix.id.form"))
	} else if typ != o.typ {
		return fail("id", because("stix.id.type", typ, clip(o.typ)))
	}
	for _, p := range []struct {
		name string
		into any
	}{
		{"created_by_ref", &o.createdBy}, {"lang", &o.lang}, {"created", &o.created}, {"modified", &o.modified},
		{"revoked", &o.revoked}, {"confidence", &o.confidence}, {"labels", &o.labels},
		{"object_marking_refs", &o.markings},
	} {
		if r := o.view(p.name, p.into); r != nil {
			return fail(p.name, r)
		}
	}
	if o.createdBy != "" {
		if _, ok := SplitID(o.createdBy); !ok {
			return fail("created_by_ref", because("stix.ref.form"))
		}
	}
	for _, m := range o.markings {
		if typ, ok := SplitID(m); !ok || typ != "marking-definition" {
			return fail("object_marking_refs", because("stix.ref.marking", clip(m)))
		}
	}
	return o, nil
}

func (o *Object) text(name string) (string, Reason) {
	raw, ok := o.property(name)
	if !ok {
		return "", nil
	}
	if raw[0] != '"' {
		return "", because("stix.type.string")
	}
	return unquote(raw), nil
}

// view reads one common property with its type; an absent one is left alone.
func (o *Object) view(name string, into any) Reason {
	raw, ok := o.property(name)
	if !ok {
		return nil
	}
	switch into := into.(type) {
	case *string:
		s, r := o.text(name)
		*into = s
		return r
	case *Timestamp:
		s, r := o.text(name)
		if r != nil {
			return r
		}
		*into, r = parseTimestamp(s)
		return r
	case *bool:
		if s := string(raw); s != "true" && s != "false" {
			return because("stix.type.bool")
		}
		*into = string(raw) == "true"
	case *int:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || f != float64(int(f)) || f < 0 || f > 100 {
			return because("stix.type.range", 0, 100)
		}
		*into, o.hasConfidence = int(f), true
	case *[]string:
		if raw[0] != '[' {
			return because("stix.type.strings")
		}
		for _, e := range elements(raw) {
			if e[0] != '"' {
				return because("stix.type.strings")
			}
			*into = append(*into, unquote(e))
		}
	}
	return nil
}

// Bytes are the bytes of the object, exactly as they were read or built. The
// caller must not change them.
func (o *Object) Bytes() []byte { return o.raw }

// MarshalJSON returns Bytes. encoding/json drops white space and may escape
// characters in them; where every byte counts, write Bytes instead.
func (o *Object) MarshalJSON() ([]byte, error) { return o.raw, nil }

// UnmarshalJSON is Parse.
func (o *Object) UnmarshalJSON(b []byte) error {
	p, err := Parse(b)
	if err != nil {
		return err
	}
	*o = *p
	return nil
}

// ID is the object's identifier.
func (o *Object) ID() string { return o.id }

// Type is the object's type.
func (o *Object) Type() string { return o.typ }

// Created is when the first version was made; zero where the type has none.
func (o *Object) Created() Timestamp { return o.created }

// Modified is when this version was made; zero where the type has no versions.
func (o *Object) Modified() Timestamp { return o.modified }

// CreatedByRef is the identity that made the object, or "".
func (o *Object) CreatedByRef() string { return o.createdBy }

// Revoked reports whether the object was withdrawn.
func (o *Object) Revoked() bool { return o.revoked }

// Confidence is 0 to 100; ok is false where none is stated, which is not 0.
func (o *Object) Confidence() (n int, ok bool) { return o.confidence, o.hasConfidence }

// Labels are the object's labels.
func (o *Object) Labels() []string { return slices.Clone(o.labels) }

// ObjectMarkingRefs are the ids of the markings of the whole object.
func (o *Object) ObjectMarkingRefs() []string { return slices.Clone(o.markings) }

// Lang is the language of the object's text, an RFC 5646 tag, or "".
func (o *Object) Lang() string { return o.lang }

// Properties names the object's properties in the order they were written.
func (o *Object) Properties() []string {
	out := make([]string, len(o.members))
	for i, m := range o.members {
		out[i] = m.name
	}
	return out
}

func (o *Object) property(name string) ([]byte, bool) {
	for _, m := range o.members {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// Raw finds the value at a path, as it was written. A path is property names
// separated by dots; a list takes a place, [0]; a name with a dot, a bracket
// or a quote in it is written between single quotes:
// extensions.'windows-pebinary-ext'.sections[0].entropy
func (o *Object) Raw(path string) (json.RawMessage, bool) {
	steps, ok := splitPath(path)
	if !ok || len(steps) == 0 {
		return nil, false
	}
	cur := o.raw
	for n, s := range steps {
		if s.index >= 0 {
			es := elements(cur)
			if s.index >= len(es) {
				return nil, false
			}
			cur = es[s.index]
			continue
		}
		list := o.members
		if n > 0 {
			list = members(cur)
		}
		i := slices.IndexFunc(list, func(m member) bool { return m.name == s.name })
		if i < 0 {
			return nil, false
		}
		cur = list[i].value
	}
	return cur, true
}

// Get is Raw decoded: string, bool, nil, json.Number, []any or map[string]any.
func (o *Object) Get(path string) (any, bool) {
	raw, ok := o.Raw(path)
	if !ok {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	return v, true
}

// Text is the string at path, or "".
func (o *Object) Text(path string) string {
	raw, ok := o.Raw(path)
	if !ok || raw[0] != '"' {
		return ""
	}
	return unquote(raw)
}

// Strings are the strings of the list at path.
func (o *Object) Strings(path string) []string {
	raw, _ := o.Raw(path)
	var out []string
	for _, e := range elements(raw) {
		if e[0] == '"' {
			out = append(out, unquote(e))
		}
	}
	return out
}

// Time is the timestamp at path; ok is false if there is none or it is not one.
func (o *Object) Time(path string) (t Timestamp, ok bool) {
	t, err := ParseTimestamp(o.Text(path))
	return t, err == nil
}

type pathStep struct {
	name  string
	index int // -1 for a name
}

func splitPath(path string) ([]pathStep, bool) {
	var out []pathStep
	for first := true; path != ""; first = false {
		switch {
		case path[0] == '[':
			n, rest, ok := strings.Cut(path[1:], "]")
			i, err := strconv.Atoi(n)
			if !ok || err != nil || i < 0 {
				return nil, false
			}
			out = append(out, pathStep{index: i})
			path = rest
			continue
		case path[0] == '.' && !first:
			path = path[1:]
		case !first:
			return nil, false
		}
		if strings.HasPrefix(path, "'") {
			name, rest, ok := strings.Cut(path[1:], "'")
			if !ok {
				return nil, false
			}
			out, path = append(out, pathStep{name, -1}), rest
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		if end == 0 {
			return nil, false
		}
		out, path = append(out, pathStep{path[:end], -1}), path[end:]
	}
	return out, true
}
