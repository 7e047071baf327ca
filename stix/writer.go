package stix

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// writer builds a JSON object property by property, in the order of the calls.
type writer struct {
	b   bytes.Buffer
	err error
}

// value writes a property. A json.RawMessage is written as it is.
func (w *writer) value(name string, v any) {
	if w.err != nil {
		return
	}
	if w.b.Len() == 0 {
		w.b.WriteByte('{')
	} else {
		w.b.WriteByte(',')
	}
	n, _ := json.Marshal(name)
	w.b.Write(n)
	w.b.WriteByte(':')
	if raw, ok := v.(json.RawMessage); ok { // white space and all
		w.b.Write(raw)
		return
	}
	w.encode(v)
}

// encode writes a value alone.
func (w *writer) encode(v any) {
	enc := json.NewEncoder(&w.b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		w.err = err
		return
	}
	w.b.Truncate(w.b.Len() - 1) // the encoder's line feed
}

// custom writes properties that this package does not know, by name.
func (w *writer) custom(properties map[string]any) {
	for _, n := range slices.Sorted(maps.Keys(properties)) {
		w.value(n, properties[n])
	}
}

func (w *writer) object() (*Object, error) {
	if w.err != nil {
		return nil, &Error{Object: newObject, Reason: because("stix.json.unwritable", w.err)}
	}
	w.b.WriteByte('}')
	return parse(w.b.Bytes(), newObject)
}
