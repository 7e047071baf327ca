package stix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// writer builds an object property by property, in the order it is told.
type writer struct {
	b   bytes.Buffer
	err error
}

// value writes a property, empty or not.
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
	if raw, ok := v.(json.RawMessage); ok { // as it was, white space and all
		w.b.Write(raw)
		return
	}
	enc := json.NewEncoder(&w.b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		w.err = fmt.Errorf("stix: property %s: %w", name, err)
		return
	}
	w.b.Truncate(w.b.Len() - 1) // the encoder's line feed
}

// set writes a property unless it is empty: STIX has no empty lists, and an
// empty string says no more than none. A nil *int is left out, a 0 is not.
func (w *writer) set(name string, v any) {
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			w.value(name, TimestampOf(v).String())
		}
		return
	}
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || rv.IsZero() || (rv.Kind() == reflect.Slice || rv.Kind() == reflect.Map) && rv.Len() == 0 {
		return
	}
	w.value(name, v)
}

func (w *writer) object() (*Object, error) {
	if w.err != nil {
		return nil, w.err
	}
	w.b.WriteByte('}')
	return parse(w.b.Bytes(), "new object")
}

// custom writes properties that this package does not know, by name.
func (w *writer) custom(extra map[string]any) {
	names := make([]string, 0, len(extra))
	for n := range extra {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		w.value(n, extra[n])
	}
}
