package stix

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// Error says what is wrong with an object and where.
type Error struct {
	Object   string // id, or the place of an object that has none, such as "objects[3]"
	Property string // empty if it is about the whole object
	Reason   string // what is wrong, and where it helps, what is right
}

// Error is one line that names the object and the property.
func (e *Error) Error() string {
	s := "stix: " + e.Object
	if e.Property != "" {
		s += ": " + e.Property
	}
	return s + ": " + e.Reason
}

// Parse reads one object. It checks that the bytes are one JSON object without
// ambiguous names and that the common properties have their types; whether the
// object says what its type must say is for Validate. The bytes are copied.
// The error is an *Error.
func Parse(raw []byte) (*Object, error) { return parse(bytes.Clone(raw), "object") }

// parse takes over raw; place names an object that has no id yet.
func parse(raw []byte, place string) (*Object, error) {
	raw = trim(raw)
	fail := func(prop, format string, args ...any) (*Object, error) {
		return nil, &Error{Object: place, Property: prop, Reason: fmt.Sprintf(format, args...)}
	}
	if err := check(raw); err != nil {
		return fail("", "%v", err)
	}
	if raw[0] != '{' {
		return fail("", "is not a JSON object")
	}
	o := &Object{raw: raw, members: members(raw)}
	var err error
	if o.id, err = o.text("id"); err != nil {
		return fail("id", "%v", err)
	}
	if o.typ, err = o.text("type"); err != nil {
		return fail("type", "%v", err)
	}
	if o.id != "" {
		place = clip(o.id)
	}
	if o.typ == "" {
		return fail("type", "is missing")
	}
	if o.id == "" {
		return fail("id", "is missing")
	}
	if typ, ok := SplitID(o.id); !ok {
		return fail("id", "must be a type, two hyphens and a UUID, such as indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f")
	} else if typ != o.typ {
		return fail("id", "begins with %q, and the type is %q", typ, clip(o.typ))
	}
	for _, p := range []struct {
		name string
		into any
	}{
		{"created_by_ref", &o.createdBy}, {"lang", &o.lang}, {"created", &o.created}, {"modified", &o.modified},
		{"revoked", &o.revoked}, {"confidence", &o.confidence}, {"labels", &o.labels}, {"object_marking_refs", &o.markings},
	} {
		if err := o.view(p.name, p.into); err != nil {
			return fail(p.name, "%v", err)
		}
	}
	if o.createdBy != "" {
		if _, ok := SplitID(o.createdBy); !ok {
			return fail("created_by_ref", "must be an identifier")
		}
	}
	for _, m := range o.markings {
		if typ, ok := SplitID(m); !ok || typ != "marking-definition" {
			return fail("object_marking_refs", "%q is not the id of a marking definition", clip(m))
		}
	}
	return o, nil
}

func (o *Object) text(name string) (string, error) {
	raw, ok := o.property(name)
	if !ok {
		return "", nil
	}
	if raw[0] != '"' {
		return "", fmt.Errorf("must be a string")
	}
	return unquote(raw), nil
}

// view reads one common property with its type; an absent one is left alone.
func (o *Object) view(name string, into any) error {
	raw, ok := o.property(name)
	if !ok {
		return nil
	}
	switch into := into.(type) {
	case *string:
		s, err := o.text(name)
		*into = s
		return err
	case *Timestamp:
		s, err := o.text(name)
		if err != nil {
			return err
		}
		*into, err = ParseTimestamp(s)
		return err
	case *bool:
		if s := string(raw); s != "true" && s != "false" {
			return fmt.Errorf("must be true or false")
		}
		*into = string(raw) == "true"
	case *int:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || f != float64(int(f)) || f < 0 || f > 100 {
			return fmt.Errorf("must be a whole number from 0 to 100")
		}
		*into, o.hasConfidence = int(f), true
	case *[]string:
		if raw[0] != '[' {
			return fmt.Errorf("must be a list of strings")
		}
		for _, e := range elements(raw) {
			if e[0] != '"' {
				return fmt.Errorf("must be a list of strings")
			}
			*into = append(*into, unquote(e))
		}
	}
	return nil
}

// Bytes are the bytes of the object, exactly as they were read or built. The
// caller must not change them.
func (o *Object) Bytes() []byte { return o.raw }

// MarshalJSON gives Bytes. encoding/json drops white space and may escape
// letters in them; where every byte counts, write Bytes instead.
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
	v, _ := o.Get(path)
	s, _ := v.(string)
	return s
}

// Strings are the strings of the list at path.
func (o *Object) Strings(path string) []string {
	v, _ := o.Get(path)
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
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
