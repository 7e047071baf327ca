package evtx

import (
	"math"
	"strconv"
)

// A Field is one field of a record under the name that Sigma rules use.
type Field struct {
	Name  string
	Value Value
}

// Kind says what a Value is.
type Kind uint8

// The kinds of values.
const (
	Null   Kind = iota // the zero Value; no field has it
	String             // Text
	Int                // Int
	Uint               // Uint, of numbers greater than an int64 holds
	Float              // Float, never NaN or infinite
	Bool               // Bool
	List               // List: the Data elements without a name, or an array
)

// A Value is the value of a field. Texts may be kept; List is used again for the
// next record. Whoever keeps a short text of a record for long should keep a
// copy (strings.Clone): it lies in a block of 64 KiB with others.
type Value struct {
	Kind Kind
	bits uint64
	Text string // of String, otherwise empty
	List []Value
}

// Int gives the number of an Int, and 0 of anything else.
func (v *Value) Int() int64 {
	if v.Kind == Int {
		return int64(v.bits)
	}
	return 0
}

// Uint gives the number of a Uint, and 0 of anything else.
func (v *Value) Uint() uint64 {
	if v.Kind == Uint {
		return v.bits
	}
	return 0
}

// Float gives the number of a Float, and 0 of anything else.
func (v *Value) Float() float64 {
	if v.Kind == Float {
		return math.Float64frombits(v.bits)
	}
	return 0
}

// Bool gives the value of a Bool, and false of anything else.
func (v *Value) Bool() bool { return v.Kind == Bool && v.bits != 0 }

// Any gives the value as encoding/json would hold it, but whole numbers as int64
// where they fit: nil, string, int64, float64, bool or []any.
func (v *Value) Any() any {
	switch v.Kind {
	case String:
		return v.Text
	case Int:
		return int64(v.bits)
	case Uint:
		return float64(v.bits)
	case Float:
		return v.Float()
	case Bool:
		return v.bits != 0
	case List:
		list := make([]any, len(v.List))
		for i := range v.List {
			list[i] = v.List[i].Any()
		}
		return list
	}
	return nil
}

// Append appends the value as text; the members of a List are parted by commas.
func (v *Value) Append(dst []byte) []byte {
	switch v.Kind {
	case String:
		return append(dst, v.Text...)
	case Int:
		return strconv.AppendInt(dst, int64(v.bits), 10)
	case Uint:
		return strconv.AppendUint(dst, v.bits, 10)
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	case Bool:
		return strconv.AppendBool(dst, v.bits != 0)
	case List:
		for i := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.List[i].Append(dst)
		}
	}
	return dst
}

// String gives the value as text.
func (v Value) String() string {
	if v.Kind == String {
		return v.Text
	}
	return string(v.Append(nil))
}

func textValue(s string) Value { return Value{Kind: String, Text: s} }

// set reads a value that is no array and no binary XML. An absent one is "".
func (v *Value) set(c *Chunk, typ uint8, b []byte) {
	*v = Value{Kind: String}
	if len(b) == 0 {
		return
	}
	switch typ {
	case typeString:
		v.Text = c.arena.utf16(trimNUL(b))
	case typeInt8, typeInt16, typeInt32, typeInt64:
		v.Kind, v.bits = Int, uint64(signed(typ, b))
	case typeUint8, typeUint16, typeUint32, typeUint64:
		v.Kind, v.bits = Int, unsigned(b)
		if v.bits > math.MaxInt64 {
			v.Kind = Uint
		}
	case typeBool:
		v.Kind = Bool
		if unsigned(b) != 0 {
			v.bits = 1
		}
	case typeFloat32, typeFloat64:
		f := float(typ, b)
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			if typ == typeFloat32 { // as its shortest text says, not with the digits that float64 would show
				f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
			}
			v.Kind, v.bits = Float, math.Float64bits(f)
			return
		}
		fallthrough
	default:
		a := &c.arena
		a.scratch = appendValue(a.scratch[:0], typ, b, styleJSON)
		v.Text = a.keep(a.scratch)
	}
}

// setText reads all parts of a text as one.
func (r *Record) setText(v *Value, f *fragment, lo, hi int32) {
	r.flat.scratch = r.appendText(r.flat.scratch[:0], f, lo, hi, styleJSON)
	*v = textValue(r.c.arena.keep(r.flat.scratch))
}
