// Package event holds the records that sensors saw, which never leave their
// node, and the values in them that are worth matching.
package event

import (
	"iter"
	"slices"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Event is one record that a sensor saw. Readers fill it; after that it is
// read-only and may be shared between goroutines.
type Event struct {
	ID   string    // UUID; from a source that can be read again (file, OTLP) the same record has the same ID each time
	Time time.Time // when it happened, as the record states it, UTC; Seen if the record states none
	Seen time.Time // when this node read it
	From Source    // where it was read

	// Product, Service and Categories are the Sigma logsource of the record
	// (sigma taxonomy appendix). A registry value set is in two categories,
	// registry_set and registry_event.
	Product    string
	Service    string
	Categories []string

	Host string // the machine it is about, as written
	User string // the account it is about, as written

	// Fields holds the record under the names that Sigma rules use. Values are
	// string, float64, int64, bool, nil, []any and map[string]any.
	Fields map[string]any
	// Raw is the record as it was read (one line or one JSON value), at most
	// MaxRecord bytes.
	Raw []byte
}

// MaxRecord is the greatest size of one record in bytes. A longer one is
// refused by its reader with its place, and reading goes on behind it.
const MaxRecord = 16 << 20

// Source says where a record was read.
type Source struct {
	Sensor string // "file", "syslog", "otlp", "import"
	Name   string // file path (inside an archive: "a.zip!b.json"), or peer address
	Offset int64  // bytes from the start of Name to the record
	Record int64  // number of the record in Name, from 1
}

// LogSource returns the three routing values of e, for sigma.Event.
func (e *Event) LogSource() (product, service string, categories []string) {
	return e.Product, e.Service, e.Categories
}

// TryAllSources makes rules of every log source apply to an event whose source is not
// known, and rules of its category to one of which only that is known (ECS that names
// no operating system, an access log). It reports whether nothing was known. A node
// does not call it: its rules were not chosen for such events.
func (e *Event) TryAllSources() bool {
	if e.Product != "" || e.Service != "" {
		return false
	}
	e.Product = sigma.AnySource
	return len(e.Categories) == 0
}

// Supports reports whether a match rests on the event. One of no known log source
// (TryAllSources) must have something that the rule looks for, or a field that it names:
// otherwise a rule that only says what must not be there would match all of them.
func (e *Event) Supports(m *sigma.Match) bool {
	if e.Product != sigma.AnySource || len(m.Fields) > 0 {
		return true
	}
	names, _ := m.Rule.FieldNames()
	return slices.ContainsFunc(names, func(name string) bool {
		_, ok := e.Lookup(name)
		return ok
	})
}

// Lookup finds a field: its exact name first, then a dotted path through nested
// maps, then the exact name without regard to case. ok is false if it is absent.
func (e *Event) Lookup(field string) (value any, ok bool) { return sigma.LookupIn(e.Fields, field) }

// FieldMap returns the record's fields, for the engine.
func (e *Event) FieldMap() map[string]any { return e.Fields }

// Leaves returns each scalar value in the record, nested ones too, as text.
func (e *Event) Leaves() iter.Seq[string] { return sigma.LeavesOf(e.Fields) }
