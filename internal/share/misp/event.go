package misp

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Event is an event of MISP: its fields as JSON has them, and the lists in it apart.
type Event struct {
	Fields     map[string]any // all but the lists below; Tag, Galaxy, Orgc and others are in it
	Attributes []*Attribute   // those that are in no object
	Objects    []*Object
	Reports    []*Report
	Proposals  int // changes that others proposed (ShadowAttribute), which are not read
}

// Attribute is one attribute, with its fields as JSON has them.
type Attribute struct {
	Fields    map[string]any // all but the lists below
	Sightings []map[string]any
	Proposals int
	// Off reports, of one that came back from STIX, that it was given for detection and
	// does not act, so that its to_ids is not set.
	Off bool
}

// Object is a set of attributes that belong together, by a template.
type Object struct {
	Fields     map[string]any // all but Attribute; ObjectReference is in it
	Attributes []*Attribute
}

// Report is a text about an event.
type Report struct{ Fields map[string]any }

// UUID is the event's uuid in lower case, or "" if it is none.
func (e *Event) UUID() string { return uuidOf(e.Fields) }

// Text returns a field as text; numbers and booleans too.
func (e *Event) Text(name string) string { return text(e.Fields, name) }

// Timestamp is when the event was last changed; zero if it does not say.
func (e *Event) Timestamp() time.Time { return seconds(e.Fields, "timestamp") }

// Published is when it was published; zero if it was not.
func (e *Event) Published() time.Time {
	if !boolean(e.Fields, "published") {
		return time.Time{}
	}
	return seconds(e.Fields, "publish_timestamp")
}

// Tags are the names of the event's tags, letter by letter; empty names are left out.
func (e *Event) Tags() []string { return tags(e.Fields) }

// All yields every attribute, with the object it is in or nil.
func (e *Event) All() []Placed {
	var list []Placed
	for _, a := range e.Attributes {
		list = append(list, Placed{a, nil})
	}
	for _, o := range e.Objects {
		for _, a := range o.Attributes {
			list = append(list, Placed{a, o})
		}
	}
	return list
}

// Placed is an attribute and where it is.
type Placed struct {
	*Attribute
	In *Object
}

// Find returns the attribute with a uuid, and whether there is one.
func (e *Event) Find(id string) (Placed, bool) {
	for _, p := range e.All() {
		if p.UUID() == id {
			return p, true
		}
	}
	return Placed{}, false
}

// UUID is the attribute's uuid in lower case, or "".
func (a *Attribute) UUID() string { return uuidOf(a.Fields) }

// Type and Value are what the attribute says.
func (a *Attribute) Type() string { return text(a.Fields, "type") }

// Value is its value as it is written.
func (a *Attribute) Value() string { return text(a.Fields, "value") }

// Detect reports whether the attribute is for detection (to_ids).
func (a *Attribute) Detect() bool { return boolean(a.Fields, "to_ids") }

// Deleted reports whether the attribute was withdrawn.
func (a *Attribute) Deleted() bool { return boolean(a.Fields, "deleted") }

// Tags are the names of the attribute's own tags.
func (a *Attribute) Tags() []string { return tags(a.Fields) }

// UUID is the object's uuid in lower case, or "".
func (o *Object) UUID() string { return uuidOf(o.Fields) }

// Deleted reports whether the object was withdrawn.
func (o *Object) Deleted() bool { return boolean(o.Fields, "deleted") }

// text returns a scalar field as text.
func text(m map[string]any, name string) string {
	switch v := m[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// boolean reads true, 1 and "1" as true.
func boolean(m map[string]any, name string) bool {
	s := text(m, name)
	return s == "true" || s == "1" || s == "True"
}

// number returns a whole number; ok is false if the field is none.
func number(m map[string]any, name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text(m, name), 10, 64)
	return n, err == nil
}

// latest bounds times: later ones are mistakes, and STIX writes four digits of a year.
const latest = 253402300799

// seconds reads a time in seconds since 1970; zero if there is none.
func seconds(m map[string]any, name string) time.Time {
	n, ok := number(m, name)
	if !ok || n <= 0 || n > latest {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// seen reads first_seen and last_seen: RFC 3339, or microseconds since 1970.
func seen(m map[string]any, name string) time.Time {
	s := text(m, name)
	if s == "" {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil && t.Unix() > 0 && t.Unix() <= latest {
		return t.UTC()
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n/1e6 <= latest {
		return time.UnixMicro(n).UTC()
	}
	return time.Time{}
}

// uuidOf returns the uuid of a thing in its usual form.
func uuidOf(m map[string]any) string {
	s := strings.TrimSpace(text(m, "uuid"))
	if len(s) != 36 {
		return ""
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return ""
	}
	return id.String()
}

// tags are the names of the tags in a thing's Tag list.
func tags(m map[string]any) (names []string) {
	list, _ := m["Tag"].([]any)
	for _, x := range list {
		if t, ok := x.(map[string]any); ok {
			if name := text(t, "name"); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// maps returns the objects of a list in a field.
func list(m map[string]any, name string) (out []map[string]any) {
	all, _ := m[name].([]any)
	for _, x := range all {
		if o, ok := x.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// kept returns fields as they are kept in a property of STIX, which knows neither null nor
// empty lists; nothing that MISP says is lost by that.
func kept(fields map[string]any, but ...string) map[string]any {
	m, _ := full(without(fields, but...)).(map[string]any)
	return m
}

// full leaves out of a value what is null or empty in it.
func full(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if x = full(x); x != nil {
				out[k] = x
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, x := range v {
			if x = full(x); x != nil {
				out = append(out, x)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

// without returns a copy of fields but for some.
func without(m map[string]any, names ...string) map[string]any {
	out := maps.Clone(m)
	for _, n := range names {
		delete(out, n)
	}
	return out
}
