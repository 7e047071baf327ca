package store

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
)

// plan is how the rows of a struct type are read and written.
type plan struct {
	scalar bool // the type is one column
	cols   []column
	byName map[string]int
	err    error
}

type column struct {
	name  string
	index []int // reflect.Value.FieldByIndex
	json  bool
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	handlingType = reflect.TypeFor[policy.Handling]()
	audienceType = reflect.TypeFor[policy.Audience]()
	bytesType    = reflect.TypeFor[[]byte]()
	textOut      = reflect.TypeFor[encoding.TextMarshaler]()
	textIn       = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (db *DB) planOf(t reflect.Type) (*plan, error) {
	if p, ok := db.plans.Load(t); ok {
		return p.(*plan), p.(*plan).err
	}
	p := &plan{byName: map[string]int{}}
	if t.Kind() != reflect.Struct || t == timeType || reflect.PointerTo(t).Implements(textIn) {
		p.scalar = true
	} else {
		p.add(t, nil)
		if len(p.cols) == 0 && p.err == nil {
			p.err = fmt.Errorf("store: %s has no field with a db tag", t)
		}
	}
	db.plans.Store(t, p)
	return p, p.err
}

// add collects the fields of t. The fields of an embedded struct without a tag are among them.
func (p *plan) add(t reflect.Type, at []int) {
	for f := range t.Fields() {
		index := append(append([]int{}, at...), f.Index...)
		tag, tagged := f.Tag.Lookup("db")
		name, opt, _ := strings.Cut(tag, ",")
		switch {
		case name == "-":
		case opt == "handling":
			if f.Type != handlingType {
				p.err = fmt.Errorf("store: %s.%s is tagged handling and is no policy.Handling", t, f.Name)
				return
			}
			for i, n := range []string{"tlp", "owner", "audience"} {
				p.column(t, column{name: n, index: append(append([]int{}, index...), i)})
			}
		case !tagged && f.Anonymous && f.Type.Kind() == reflect.Struct:
			p.add(f.Type, index)
		case !tagged || name == "":
		case !f.IsExported():
			p.err = fmt.Errorf("store: %s.%s is tagged and not exported", t, f.Name)
			return
		default:
			p.column(t, column{name: strings.ToLower(name), index: index, json: opt == "json"})
		}
	}
}

func (p *plan) column(t reflect.Type, c column) {
	if _, twice := p.byName[c.name]; twice && p.err == nil {
		p.err = fmt.Errorf("store: %s has the column %s twice", t, c.name)
	}
	p.byName[c.name] = len(p.cols)
	p.cols = append(p.cols, c)
}

// encodeArg converts an argument of a statement: times to microseconds, named
// types to their base, an Audience to its column, an address to its text.
func encodeArg(a any) (any, error) {
	switch v := a.(type) {
	case nil, int64, bool, float64, []byte:
		return a, nil
	case string:
		return clean(v), nil
	case int:
		return int64(v), nil
	case time.Time:
		return clock.Micros(v), nil
	}
	return encode(reflect.ValueOf(a), false)
}

// clean puts U+FFFD in the place of what TEXT cannot hold on PostgreSQL, bytes
// that are no UTF-8 and the NUL character, on both engines alike: a hostile log
// line must not make a row that one of them refuses. Arguments that are compared
// go through here too, so what was stored is found again.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// JSON is v as an argument for a column that a field tagged ",json" reads.
func JSON(v any) any { return jsonArg{v} }

type jsonArg struct{ v any }

func encode(v reflect.Value, asJSON bool) (any, error) {
	if asJSON {
		b, err := json.Marshal(v.Interface())
		return string(b), err
	}
	t := v.Type()
	switch t {
	case timeType:
		return clock.Micros(v.Interface().(time.Time)), nil
	case audienceType:
		return v.Interface().(policy.Audience).Column(), nil
	case reflect.TypeFor[jsonArg]():
		b, err := json.Marshal(v.Interface().(jsonArg).v)
		return string(b), err
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return encode(v.Elem(), false)
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(v.Uint()), nil // the same 64 bits; decode turns them back
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.String:
		return clean(v.String()), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			if v.IsNil() {
				return []byte{}, nil
			}
			return v.Convert(bytesType).Interface(), nil
		}
	case reflect.Struct:
		if t.Implements(textOut) {
			b, err := v.Interface().(encoding.TextMarshaler).MarshalText()
			return clean(string(b)), err
		}
	}
	return nil, fmt.Errorf("store: a %s is no column; tag the field \",json\" or pass store.JSON(v)", t)
}

// decode puts what the driver gave into v. NULL reads as the zero value.
func decode(src any, v reflect.Value, asJSON bool) error {
	if src == nil {
		v.SetZero()
		return nil
	}
	if asJSON {
		b, ok := asBytes(src)
		if !ok || len(b) == 0 {
			v.SetZero()
			return nil
		}
		return json.Unmarshal(b, v.Addr().Interface())
	}
	t := v.Type()
	switch t {
	case timeType:
		n, err := asInt(src)
		v.Set(reflect.ValueOf(clock.FromMicros(n)))
		return err
	case audienceType:
		b, ok := asBytes(src)
		if !ok {
			return mismatch(src, t)
		}
		v.Set(reflect.ValueOf(policy.ParseAudience(string(b))))
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		return decode(src, v.Elem(), false)
	case reflect.Bool:
		n, err := asInt(src)
		v.SetBool(n != 0)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := asInt(src)
		if err == nil && v.OverflowInt(n) {
			return mismatch(src, t)
		}
		v.SetInt(n)
		return err
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := asInt(src)
		if err == nil && v.OverflowUint(uint64(n)) {
			return mismatch(src, t)
		}
		v.SetUint(uint64(n))
		return err
	case reflect.Float32, reflect.Float64:
		f, err := asFloat(src)
		v.SetFloat(f)
		return err
	}
	b, ok := asBytes(src)
	switch {
	case !ok:
		return mismatch(src, t)
	case t.Kind() == reflect.String:
		v.SetString(string(b))
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		v.SetBytes(append([]byte{}, b...))
	case reflect.PointerTo(t).Implements(textIn):
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(b)
	default:
		return fmt.Errorf("store: a %s is no column; tag the field \",json\"", t)
	}
	return nil
}

func asInt(src any) (int64, error) {
	switch s := src.(type) {
	case int64:
		return s, nil
	case bool:
		if s {
			return 1, nil
		}
		return 0, nil
	case float64:
		if s == float64(int64(s)) {
			return int64(s), nil
		}
	case string: // a PostgreSQL numeric, such as the sum of a BIGINT
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, mismatch(src, reflect.TypeFor[int64]())
}

func asFloat(src any) (float64, error) {
	switch s := src.(type) {
	case float64:
		return s, nil
	case int64:
		return float64(s), nil
	case string:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f, nil
		}
	}
	return 0, mismatch(src, reflect.TypeFor[float64]())
}

func asBytes(src any) ([]byte, bool) {
	switch s := src.(type) {
	case string:
		return []byte(s), true
	case []byte:
		return s, true
	}
	return nil, false
}

func mismatch(src any, t reflect.Type) error {
	return fmt.Errorf("store: a %T does not fit a %s", src, t)
}
