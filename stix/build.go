package stix

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// build writes the object of a struct, and checks it.
func build(v Typed) (*Object, error) {
	typ := v.objectType()
	s := knownTypes()[typ].schema
	rv := reflect.ValueOf(v)
	var list []member
	for i := range s.fields {
		f := &s.fields[i]
		value := rv.FieldByIndex(f.index)
		if f.name == "modified" && f.place == 0 && value.IsZero() {
			value = rv.FieldByName("Created")
		}
		raw, err := s.encode(f, rv, value)
		if err != nil {
			return nil, &Error{Object: newObject, Property: f.name, Reason: err}
		}
		if raw != nil {
			list = append(list, member{f.name, raw})
		}
	}
	var w writer
	w.value("type", typ)
	w.value("spec_version", "2.1")
	if rv.FieldByName("ID").String() == "" {
		id, err := newID(typ, list)
		if err != nil {
			return nil, err
		}
		w.value("id", id)
	}
	for _, m := range list {
		w.value(m.name, json.RawMessage(m.value))
	}
	w.custom(rv.FieldByIndex(s.custom).Interface().(map[string]any))
	o, err := w.object()
	if err != nil {
		return nil, err
	}
	if problems := Validate(o); len(problems) > 0 {
		return nil, problems[0]
	}
	return o, nil
}

// encode returns the JSON of a field; nil if it is empty and not to be written.
func (s *schema) encode(f *field, parent, v reflect.Value) ([]byte, Reason) {
	if f.name == "extensions" && len(s.extensions) > 0 {
		return s.encodeExtensions(parent, v)
	}
	if v.IsZero() && !(f.required && (v.Kind() == reflect.Bool || v.Kind() == reflect.Int)) {
		return nil, nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encodeValue(f, v.Elem())
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			return nil, nil
		}
	}
	return encodeValue(f, v)
}

// encodeExtensions joins the predefined extensions and the others.
func (s *schema) encodeExtensions(parent, v reflect.Value) ([]byte, Reason) {
	all := map[string]any{}
	maps.Copy(all, v.Interface().(map[string]any))
	for i := range s.extensions {
		e := &s.extensions[i]
		p := parent.FieldByIndex(e.index)
		if p.IsNil() {
			continue
		}
		raw, r := encodeValue(e, p.Elem())
		if r != nil {
			return nil, r
		}
		all[e.name] = json.RawMessage(raw)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return encodeAny(all)
}

// encodeValue returns the JSON of a value that is there.
func encodeValue(f *field, v reflect.Value) ([]byte, Reason) {
	switch {
	case v.Type() == timestampType:
		return encodeAny(v.Interface().(Timestamp).String())
	case v.Kind() == reflect.Struct:
		return encodeStruct(f.nested, v)
	case v.Kind() == reflect.Slice && f.nested != nil:
		out := []byte{'['}
		for i := range v.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			raw, r := encodeStruct(f.nested, v.Index(i))
			if r != nil {
				return nil, r
			}
			out = append(out, raw...)
		}
		return append(out, ']'), nil
	}
	return encodeAny(v.Interface())
}

func encodeStruct(s *schema, v reflect.Value) ([]byte, Reason) {
	var w writer
	for i := range s.fields {
		f := &s.fields[i]
		raw, r := s.encode(f, v, v.FieldByIndex(f.index))
		if r != nil {
			return nil, r
		}
		if raw != nil {
			w.value(f.name, json.RawMessage(raw))
		}
	}
	w.custom(v.FieldByIndex(s.custom).Interface().(map[string]any))
	if w.err != nil {
		return nil, because("stix.json.unwritable", w.err)
	}
	if w.b.Len() == 0 {
		return []byte("{}"), nil
	}
	return append(w.b.Bytes(), '}'), nil
}

func encodeAny(v any) ([]byte, Reason) {
	var w writer
	if w.encode(v); w.err != nil {
		return nil, because("stix.json.unwritable", w.err)
	}
	return slices.Clone(w.b.Bytes()), nil
}
