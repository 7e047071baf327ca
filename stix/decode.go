package stix

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
)

// A decoder reads the properties of an object into a struct, and gathers what is
// wrong. A value of a wrong type is left out of the struct.
type decoder struct {
	object   string
	strict   bool // check all that the tags say, not only types
	problems []*Error
}

func (d *decoder) bad(property string, r Reason) {
	d.problems = append(d.problems, &Error{Object: d.object, Property: property, Reason: r})
}

// objectInto reads the members of a JSON object into the struct v.
func (d *decoder) objectInto(s *schema, v reflect.Value, list []member, at string) {
	for _, m := range list {
		switch f := s.field(m.name); {
		case f != nil && m.name == "extensions":
			d.extensions(s, v, f, m.value, at+m.name)
		case f != nil:
			d.value(f, v.FieldByIndex(f.index), m.value, at+m.name)
		case at == "" && (m.name == "type" || m.name == "spec_version"):
		case s.custom != nil:
			put(v.FieldByIndex(s.custom), m.name, m.value)
		}
	}
	if !d.strict {
		return
	}
	for i := range s.fields {
		f := &s.fields[i]
		if !f.required {
			continue
		}
		switch i := slices.IndexFunc(list, func(m member) bool { return m.name == f.name }); {
		case i < 0:
			d.bad(at+f.name, because("stix.missing"))
		case string(list[i].value) == `""`:
			d.bad(at+f.name, because("stix.empty"))
		}
	}
}

// put keeps a property that has no field.
func put(m reflect.Value, name string, raw []byte) {
	if m.IsNil() {
		m.Set(reflect.MakeMap(m.Type()))
	}
	value := reflect.ValueOf(decodeAny(raw))
	if !value.IsValid() { // null
		value = reflect.Zero(m.Type().Elem())
	}
	m.SetMapIndex(reflect.ValueOf(name), value)
}

// decodeAny returns a JSON value as Get does; numbers keep the way they are written.
func decodeAny(raw []byte) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil { // cannot happen: raw was checked
		return nil
	}
	return v
}

// extensions reads the predefined extensions into their fields, and the others into
// the map.
func (d *decoder) extensions(s *schema, v reflect.Value, f *field, raw []byte, at string) {
	if raw[0] != '{' {
		d.bad(at, because("stix.type.dictionary"))
		return
	}
	for _, m := range members(raw) {
		e := s.extension(m.name)
		switch {
		case e == nil:
			put(v.FieldByIndex(f.index), m.name, m.value)
		case m.value[0] != '{':
			d.bad(at+"."+m.name, because("stix.type.dictionary"))
		default:
			p := v.FieldByIndex(e.index)
			p.Set(reflect.New(p.Type().Elem()))
			d.objectInto(e.nested, p.Elem(), members(m.value), at+"."+m.name+".")
		}
	}
}

// value reads one property into its field.
func (d *decoder) value(f *field, v reflect.Value, raw []byte, at string) {
	if v.Type() == timestampType {
		d.timestamp(v, raw, at)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if f.nested != nil && raw[0] != '{' {
			d.bad(at, because("stix.type.dictionary"))
			return
		}
		before := len(d.problems)
		p := reflect.New(v.Type().Elem())
		d.value(f, p.Elem(), raw, at)
		if len(d.problems) == before || f.nested != nil {
			v.Set(p)
		}
	case reflect.String:
		d.text(f, v, raw, at)
	case reflect.Bool:
		if s := string(raw); s != "true" && s != "false" {
			d.bad(at, because("stix.type.bool"))
			return
		}
		v.SetBool(raw[0] == 't')
	case reflect.Int:
		n, ok := wholeNumber(raw)
		if !ok || !d.inRange(f, float64(n)) {
			d.bad(at, f.notANumber())
			return
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || !d.inRange(f, x) {
			d.bad(at, f.notANumber())
			return
		}
		v.SetFloat(x)
	case reflect.Struct:
		if raw[0] != '{' {
			d.bad(at, because("stix.type.dictionary"))
			return
		}
		d.objectInto(f.nested, v, members(raw), at+".")
	case reflect.Slice:
		d.list(f, v, raw, at)
	case reflect.Map:
		d.dictionary(f, v, raw, at)
	}
}

func (d *decoder) timestamp(v reflect.Value, raw []byte, at string) {
	if raw[0] != '"' {
		d.bad(at, because("stix.type.string"))
		return
	}
	t, r := parseTimestamp(unquote(raw))
	if r != nil {
		d.bad(at, r)
		return
	}
	v.Set(reflect.ValueOf(t))
}

func (d *decoder) text(f *field, v reflect.Value, raw []byte, at string) {
	if raw[0] != '"' {
		d.bad(at, because("stix.type.string"))
		return
	}
	s := unquote(raw)
	v.SetString(s)
	if !d.strict {
		return
	}
	if f.ref {
		if typ, ok := SplitID(s); !ok {
			d.bad(at, because("stix.ref.form"))
		} else if !f.allows(typ) {
			d.bad(at, because("stix.ref.type", typ))
		}
	}
	if len(f.enum) > 0 && s != "" && !slices.Contains(f.enum, s) {
		d.bad(at, because("stix.enum", clip(s)))
	}
	switch f.form {
	case "hex":
		if _, err := hex.DecodeString(s); err != nil {
			d.bad(at, because("stix.hex"))
		}
	case "base64":
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			d.bad(at, because("stix.base64"))
		}
	case "url":
		if u, err := url.Parse(s); s != "" && (err != nil || u.Scheme == "") {
			d.bad(at, because("stix.url"))
		}
	}
}

// allows reports whether a property may refer to a type. Custom types may be anything.
func (f *field) allows(typ string) bool {
	switch {
	case len(f.refs) == 0:
		return true
	case f.refs[0] == "observable":
		return IsObservable(typ) || knownTypes()[typ] == nil && typ != "bundle"
	case f.refs[0] == "related":
		meta := []string{"relationship", "sighting", "bundle", "marking-definition", "language-content"}
		return !slices.Contains(meta, typ)
	}
	return slices.Contains(f.refs, typ)
}

func (d *decoder) list(f *field, v reflect.Value, raw []byte, at string) {
	wrong := because("stix.type.strings")
	if f.nested != nil {
		wrong = because("stix.type.dictionaries")
	}
	if raw[0] != '[' {
		d.bad(at, wrong)
		return
	}
	items := elements(raw)
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, e := range items {
		if (f.nested != nil) != (e[0] == '{') || f.nested == nil && e[0] != '"' {
			d.bad(at, wrong)
			return
		}
		d.value(f, out.Index(i), e, at+"["+strconv.Itoa(i)+"]")
	}
	if len(items) > 0 {
		v.Set(out)
	}
}

func (d *decoder) dictionary(f *field, v reflect.Value, raw []byte, at string) {
	if raw[0] != '{' {
		d.bad(at, because("stix.type.dictionary"))
		return
	}
	list := members(raw)
	if len(list) == 0 {
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(list))
	for _, m := range list {
		switch to := v.Type().Elem(); to.Kind() {
		case reflect.String:
			if m.value[0] != '"' {
				d.bad(at+"."+m.name, because("stix.type.string"))
				continue
			}
			s := unquote(m.value)
			if r := badHash(m.name, s); d.strict && f.form == "hashes" && r != nil {
				d.bad(at+"."+m.name, r)
			}
			out.SetMapIndex(reflect.ValueOf(m.name), reflect.ValueOf(s))
		case reflect.Map:
			inner := reflect.New(to).Elem()
			d.dictionary(&field{}, inner, m.value, at+"."+m.name)
			out.SetMapIndex(reflect.ValueOf(m.name), inner)
		default:
			put(out, m.name, m.value)
		}
	}
	v.Set(out)
}

// wholeNumber reads a JSON number that an int holds: 50, and also 50.0 and 5e1.
func wholeNumber(raw []byte) (int, bool) {
	if n, err := strconv.Atoi(string(raw)); err == nil {
		return n, true
	}
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) >= 1<<53 {
		return 0, false
	}
	return int(x), float64(int(x)) == x
}

// inRange reports whether a number is within the bounds of a field. Only strict
// decoding asks.
func (d *decoder) inRange(f *field, x float64) bool {
	return !d.strict || (f.least == nil || x >= *f.least) && (f.most == nil || x <= *f.most)
}

// notANumber returns what a field must be.
func (f *field) notANumber() Reason {
	whole := f.goKind != reflect.Float64
	switch {
	case f.least != nil && f.most != nil && whole:
		return because("stix.type.range", int(*f.least), int(*f.most))
	case f.least != nil && f.most != nil:
		return because("stix.type.number.range", *f.least, *f.most)
	case f.least != nil:
		return because("stix.type.least", int(*f.least))
	case whole:
		return because("stix.type.whole")
	}
	return because("stix.type.number")
}

// hashLengths are the hexadecimal digits of the algorithms of hash-algorithm-ov.
var hashLengths = map[string]int{
	"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128,
}

// badHash returns why a value cannot be a hash of an algorithm, or nil.
func badHash(algorithm, value string) Reason {
	n, known := hashLengths[algorithm]
	if !known {
		return nil
	}
	notHex := func(c byte) bool { return !isHex(c) }
	if len(value) != n || slices.ContainsFunc([]byte(value), notHex) {
		return because("stix.hash", clip(value), algorithm, n)
	}
	return nil
}
