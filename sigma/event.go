package sigma

import "iter"

// Event is what a rule is matched against. Implementations are read-only. [Map]
// is one for records that are decoded into a map.
type Event interface {
	// LogSource returns the routing values of the event; categories may be empty
	// and may be several.
	LogSource() (product, service string, categories []string)
	// Lookup finds a field. Values are string, int64, float64, bool, nil, []any or
	// map[string]any; ok is false if the field is absent.
	Lookup(field string) (value any, ok bool)
	// Leaves returns every scalar value of the event as text, see [TextOf], nested
	// ones too, for keyword searches; never keys.
	Leaves() iter.Seq[string]
}

// Decoded is an Event whose fields are in a map that its Lookup and Leaves look
// into with [LookupIn] and [LeavesOf]. What matches many rules, such as the
// package engine, reads the map instead of asking for one field after another.
type Decoded interface {
	Event
	FieldMap() map[string]any
}

// Map is a decoded event, such as a JSON object, with the log source that it
// came from.
type Map struct {
	Product, Service string
	Categories       []string
	Fields           map[string]any
}

// LogSource returns the log source.
func (m Map) LogSource() (product, service string, categories []string) {
	return m.Product, m.Service, m.Categories
}

// Lookup finds a field with [LookupIn].
func (m Map) Lookup(field string) (value any, ok bool) { return LookupIn(m.Fields, field) }

// Leaves returns the scalar values with [LeavesOf].
func (m Map) Leaves() iter.Seq[string] { return LeavesOf(m.Fields) }

// FieldMap returns Fields.
func (m Map) FieldMap() map[string]any { return m.Fields }
