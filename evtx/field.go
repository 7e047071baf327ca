package evtx

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Fields are the fields of one record, in the order of the record.
type Fields []Field

// Get returns the value of the field with a name, as Sigma rules spell it. Without
// such a field it returns the zero Value, whose text is "".
func (f Fields) Get(name string) Value {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value
		}
	}
	return Value{}
}

// A Field is one field of a record under the name that Sigma rules use.
type Field struct {
	Name  string
	Value Value
}

// Kind is the type of what a Value holds.
type Kind uint8

// The kinds of values.
const (
	Null   Kind = iota // nothing: the zero Value; no field of a record has it
	String             // a text
	Int                // a whole number that an int64 holds
	Uint               // a whole number too large for an int64
	Float              // any other number, never NaN or infinite
	Bool               // true or false
	List               // several values: Data elements without a name, or an array
)

// String returns the name of the kind.
func (k Kind) String() string {
	if names := [...]string{"null", "string", "int", "uint", "float", "bool", "list"}; int(k) < len(names) {
		return names[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// A Value is what a field holds. String returns its text whatever its kind is; the
// other methods return it as a Go value of one type.
//
// Texts may be kept. The list of a List is reused for the next record. A text is
// part of a block of up to 64 KiB of texts: to keep a short one for long, copy it
// with strings.Clone.
type Value struct {
	kind Kind
	bits uint64 // of a number or a Bool
	text string // of a String
	list []Value
}

// Kind returns the type of what v holds.
func (v Value) Kind() Kind { return v.kind }

// String returns v as text: numbers in decimal, true or false, the members of a
// List joined by commas.
func (v Value) String() string {
	if v.kind == String {
		return v.text
	}
	return string(v.Append(nil))
}

// Append appends the text that String returns to dst.
func (v Value) Append(dst []byte) []byte {
	switch v.kind {
	case String:
		return append(dst, v.text...)
	case Int:
		return strconv.AppendInt(dst, int64(v.bits), 10)
	case Uint:
		return strconv.AppendUint(dst, v.bits, 10)
	case Float:
		return strconv.AppendFloat(dst, math.Float64frombits(v.bits), 'g', -1, 64)
	case Bool:
		return strconv.AppendBool(dst, v.bits != 0)
	case List:
		for i := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.list[i].Append(dst)
		}
	}
	return dst
}

// Int returns a whole number; ok is false if v is not one or does not fit.
func (v Value) Int() (n int64, ok bool) {
	if v.kind == Int {
		return int64(v.bits), true
	}
	return 0, false
}

// Uint returns a whole number from 0 on; ok is false if v is not one.
func (v Value) Uint() (n uint64, ok bool) {
	if v.kind == Uint || v.kind == Int && int64(v.bits) >= 0 {
		return v.bits, true
	}
	return 0, false
}

// Float returns a number of any kind as a float64; ok is false if v is not a number.
func (v Value) Float() (f float64, ok bool) {
	switch v.kind {
	case Int:
		return float64(int64(v.bits)), true
	case Uint:
		return float64(v.bits), true
	case Float:
		return math.Float64frombits(v.bits), true
	}
	return 0, false
}

// Bool returns whether v is true; ok is false if v is neither true nor false.
func (v Value) Bool() (b, ok bool) {
	if v.kind == Bool {
		return v.bits != 0, true
	}
	return false, false
}

// Time returns the time that a text such as that of TimeCreated states; ok is false
// if v is not a time.
func (v Value) Time() (t time.Time, ok bool) {
	if v.kind != String {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, v.text)
	return t.UTC(), err == nil
}

// List returns the values of a List, and nil for any other kind.
func (v Value) List() []Value { return v.list }

// Any returns v as nil, string, int64, uint64 (of kind Uint), float64, bool or []any.
func (v Value) Any() any {
	switch v.kind {
	case String:
		return v.text
	case Int:
		return int64(v.bits)
	case Uint:
		return v.bits
	case Float:
		return math.Float64frombits(v.bits)
	case Bool:
		return v.bits != 0
	case List:
		list := make([]any, len(v.list))
		for i := range v.list {
			list[i] = v.list[i].Any()
		}
		return list
	}
	return nil
}

// MarshalJSON returns v as the JSON value of its kind.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Any()) }

func textValue(s string) Value { return Value{kind: String, text: s} }

// set reads a value that is neither an array nor binary XML. An absent one is "".
func (v *Value) set(c *Chunk, typ uint8, b []byte) {
	*v = Value{kind: String}
	if len(b) == 0 {
		return
	}
	switch typ {
	case typeString:
		v.text = c.arena.utf16(trimNUL(b))
	case typeInt8, typeInt16, typeInt32, typeInt64:
		v.kind, v.bits = Int, uint64(signed(typ, b))
	case typeUint8, typeUint16, typeUint32, typeUint64:
		v.kind, v.bits = Int, unsigned(b)
		if v.bits > math.MaxInt64 {
			v.kind = Uint
		}
	case typeBool:
		v.kind = Bool
		if unsigned(b) != 0 {
			v.bits = 1
		}
	case typeFloat32, typeFloat64:
		f := float(typ, b)
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			if typ == typeFloat32 { // as its shortest text says, not with the digits that float64 would show
				f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
			}
			v.kind, v.bits = Float, math.Float64bits(f)
			return
		}
		fallthrough
	default:
		a := &c.arena
		a.scratch = appendValue(a.scratch[:0], typ, b, styleJSON)
		v.text = a.keep(a.scratch)
	}
}

// setText reads all parts of a text as one.
func (r *Record) setText(v *Value, f *fragment, lo, hi int32) {
	r.flat.scratch = r.appendText(r.flat.scratch[:0], f, lo, hi, styleJSON)
	*v = textValue(r.c.arena.keep(r.flat.scratch))
}
