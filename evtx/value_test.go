package evtx

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func le64(n uint64) []byte { return le.AppendUint64(nil, n) }

// Every type of value in all three forms.
func TestValues(t *testing.T) {
	guid := []byte{0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	systime := []byte{0xea, 7, 1, 0, 1, 0, 5, 0, 23, 0, 59, 0, 58, 0, 0xe7, 3}
	sid5 := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}
	sidBig := []byte{1, 1, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0}
	list := func(v ...any) []any { return v }
	for name, c := range map[string]struct {
		typ  byte
		b    []byte
		any  any    // as field
		json string // in JSON, if not what any gives
		xml  string // in XML
	}{
		"string":            {typeString, wide("a議😀"), "a議😀", "", "a議😀"},
		"string, NULs":      {typeString, wide("a\x00b\x00\x00"), "a\x00b", `"a\u0000b"`, "a\uFFFDb"},
		"string, surrogate": {typeString, []byte{'a', 0, 0, 0xd8, 'b', 0}, "a\uFFFDb", "", "a\uFFFDb"},
		"string, low only":  {typeString, []byte{0, 0xdc}, "\uFFFD", "", "\uFFFD"},
		"string, cut":       {typeString, []byte{'a', 0, 0, 0xd8}, "a\uFFFD", "", "a\uFFFD"},
		"string, odd":       {typeString, []byte{'a', 0, 'b'}, "a", "", "a"},
		"string, empty":     {typeString, nil, "", "", ""},
		"string, controls": {typeString, wide("\t\r\n\x1b\uFFFE"), "\t\r\n\x1b\uFFFE", `"\t\r\n\u001b` + "\uFFFE" +
			`"`, "\t&#13;\n\uFFFD\uFFFD"},
		"ansi":   {typeANSI, []byte("caf\xe9 \x80\x00"), "café €", "", "café €"},
		"int8":   {typeInt8, []byte{0xff}, int64(-1), "", "-1"},
		"uint8":  {typeUint8, []byte{0xff}, int64(255), "", "255"},
		"int16":  {typeInt16, []byte{0, 0x80}, int64(-32768), "", "-32768"},
		"uint16": {typeUint16, []byte{0, 0x80}, int64(32768), "", "32768"},
		"int32":  {typeInt32, []byte{0xfe, 0xff, 0xff, 0xff}, int64(-2), "", "-2"},
		"uint32": {typeUint32, []byte{0xfe, 0xff, 0xff, 0xff}, int64(4294967294), "", "4294967294"},
		"int64":  {typeInt64, le64(1 << 63), int64(math.MinInt64), "", "-9223372036854775808"},
		"uint64": {typeUint64, le64(math.MaxInt64), int64(math.MaxInt64), "", "9223372036854775807"},
		"uint64, great": {typeUint64, le64(math.MaxUint64), uint64(math.MaxUint64), "18446744073709551615",
			"18446744073709551615"},
		"float32":  {typeFloat32, le.AppendUint32(nil, math.Float32bits(0.1)), 0.1, "", "0.1"},
		"float64":  {typeFloat64, le64(math.Float64bits(-1.5e300)), -1.5e300, "", "-1.5e+300"},
		"infinite": {typeFloat64, le64(math.Float64bits(math.Inf(1))), "1.#INF", "", "1.#INF"},
		"minus infinite": {typeFloat32, le.AppendUint32(nil, math.Float32bits(float32(math.Inf(-1)))), "-1.#INF", "",
			"-1.#INF"},
		"not a number":   {typeFloat64, le64(math.Float64bits(math.NaN())), "-1.#IND", "", "-1.#IND"},
		"true":           {typeBool, []byte{1, 0, 0, 0}, true, "", "true"},
		"false":          {typeBool, []byte{0, 0, 0, 0}, false, "", "false"},
		"true, one byte": {typeBool, []byte{1}, true, "", "true"},
		"binary":         {typeBinary, []byte{0, 0xab, 0x10}, "00AB10", "", "00AB10"},
		"guid": {typeGUID, guid, "00112233-4455-6677-8899-AABBCCDDEEFF", "",
			"{00112233-4455-6677-8899-aabbccddeeff}"},
		"size, 4 bytes": {typeSize, []byte{0x10, 0, 0, 0}, "0x10", "", "0x10"},
		"size, 8 bytes": {typeSize, le64(1 << 40), "0x10000000000", "", "0x10000000000"},
		"filetime": {typeFileTime, le64(fileTime(testTime)), "2026-01-05T00:00:00.123456Z", "",
			"2026-01-05T00:00:00.1234567Z"},
		"filetime, 0": {typeFileTime, le64(0), "1601-01-01T00:00:00.000000Z", "", "1601-01-01T00:00:00.0000000Z"},
		"filetime, last": {typeFileTime, le64(math.MaxUint64), "9999-12-31T23:59:59.999999Z", "",
			"9999-12-31T23:59:59.9999999Z"},
		"systemtime": {typeSysTime, systime, "2026-01-05T23:59:58.999000Z", "", "2026-01-05T23:59:58.9990000Z"},
		"systemtime, 0": {typeSysTime, make([]byte, 16), "0001-01-01T00:00:00.000000Z", "",
			"0001-01-01T00:00:00.0000000Z"},
		"systemtime, max": {typeSysTime, []byte(strings.Repeat("\xff", 16)), "9999-12-31T23:59:59.999999Z", "",
			"9999-12-31T23:59:59.9999999Z"},
		"sid":              {typeSID, sid5, "S-1-5-32-544", "", "S-1-5-32-544"},
		"sid, authority":   {typeSID, sidBig, "S-1-0x100000000-7", "", "S-1-0x100000000-7"},
		"hex32":            {typeHex32, []byte{0xef, 0xbe, 0, 0}, "0xbeef", "", "0xbeef"},
		"hex64":            {typeHex64, le64(0xdeadbeef00), "0xdeadbeef00", "", "0xdeadbeef00"},
		"number, no bytes": {typeUint32, nil, "", "", ""},

		"strings":       {typeString | typeArray, wide("a\x00\x00b\x00"), list("a", "", "b"), "", "a|-|b"},
		"strings, open": {typeString | typeArray, wide("a\x00b"), list("a", "b"), "", "a|b"},
		"strings, one":  {typeString | typeArray, wide("a\x00"), "a", "", "a"},
		"strings, none": {typeString | typeArray, nil, "", "", "-"},
		"ansi strings":  {typeANSI | typeArray, []byte("a\x00b\x00c"), list("a", "b", "c"), "", "a|b|c"},
		"int8s":         {typeInt8 | typeArray, []byte{1, 0xff}, list(int64(1), int64(-1)), "", "1|-1"},
		"uint32s": {typeUint32 | typeArray, []byte{1, 0, 0, 0, 2, 0, 0, 0}, list(int64(1), int64(2)), "",
			"1|2"},
		"floats": {typeFloat64 | typeArray, append(le64(math.Float64bits(1.5)), le64(math.Float64bits(2))...),
			list(1.5, 2.0), "", "1.5|2"},
		"bools": {typeBool | typeArray, []byte{1, 0, 0, 0, 0, 0, 0, 0}, list(true, false), "", "true|false"},
		"guids": {typeGUID | typeArray, append(guid[:16:16], guid...),
			list("00112233-4455-6677-8899-AABBCCDDEEFF", "00112233-4455-6677-8899-AABBCCDDEEFF"), "",
			"{00112233-4455-6677-8899-aabbccddeeff}|{00112233-4455-6677-8899-aabbccddeeff}"},
		"filetimes": {typeFileTime | typeArray, append(le64(0), le64(10)...),
			list("1601-01-01T00:00:00.000000Z", "1601-01-01T00:00:00.000001Z"), "",
			"1601-01-01T00:00:00.0000000Z|1601-01-01T00:00:00.0000010Z"},
		"systemtimes": {typeSysTime | typeArray, append(systime[:16:16], systime...),
			list("2026-01-05T23:59:58.999000Z", "2026-01-05T23:59:58.999000Z"), "",
			"2026-01-05T23:59:58.9990000Z|2026-01-05T23:59:58.9990000Z"},
		"sids": {typeSID | typeArray, append(sid5[:16:16], sidBig...),
			list("S-1-5-32-544", "S-1-0x100000000-7"), "", "S-1-5-32-544|S-1-0x100000000-7"},
		"hex32s":          {typeHex32 | typeArray, []byte{1, 0, 0, 0, 2, 0, 0, 0}, list("0x1", "0x2"), "", "0x1|0x2"},
		"hex64s":          {typeHex64 | typeArray, append(le64(1), le64(2)...), list("0x1", "0x2"), "", "0x1|0x2"},
		"sizes, 4 bytes":  {typeSize | typeArray, []byte{1, 0, 0, 0, 2, 0, 0, 0}, list("0x1", "0x2"), "", "0x1|0x2"},
		"uint64s, greats": {typeUint64 | typeArray, append(le64(7), le64(8)...), list(int64(7), int64(8)), "", "7|8"},
	} {
		fields, j, x := only(t, func(c2 *chunkBuilder) {
			c2.instance(&tmpl{[]any{&el{name: "Event", kids: []any{text("EventData", data("x", sub{0, int(c.typ)}))}}}},
				val{typ: c.typ, b: c.b})
		})
		if d := cmp.Diff(map[string]any{"x": c.any}, fields); d != "" {
			t.Errorf("%s: field (-want +got):\n%s", name, d)
		}
		want := c.json
		if want == "" {
			b, err := json.Marshal(c.any)
			if err != nil {
				t.Fatal(err)
			}
			want = string(b)
		}
		if !json.Valid([]byte(j)) {
			t.Errorf("%s: not JSON: %s", name, j)
		}
		if want = `{"Event":{"EventData":{"x":` + want + `}}}`; j != want && !strings.Contains(name, "float") {
			t.Errorf("%s: JSON %s, want %s", name, j, want)
		}
		want = "<Event><EventData>"
		for _, part := range strings.Split(c.xml, "|") {
			switch {
			case part == "-" && c.b == nil, part == "" && c.typ != typeString:
				want += `<Data Name="x"/>`
			case part == "-":
				want += `<Data Name="x"></Data>`
			default:
				want += `<Data Name="x">` + part + `</Data>`
			}
		}
		if want += "</EventData></Event>"; x != want {
			t.Errorf("%s: XML %s, want %s", name, x, want)
		}
	}
}

// Values that do not fit their type are refused, with the number of the value.
func TestBadValues(t *testing.T) {
	for name, c := range map[string]struct {
		typ  byte
		b    []byte
		want string
	}{
		"short number": {typeUint32, []byte{1, 2}, "a value of type 0x08 has 2 bytes, and must have 4"},
		"long guid":    {typeGUID, make([]byte, 17), "has 17 bytes, and must have 16"},
		"short time":   {typeFileTime, make([]byte, 7), "must have 8"},
		"short sid": {typeSID, []byte{1, 2, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0},
			"a SID of 12 bytes, where 16 are needed"},
		"tiny sid":       {typeSID, []byte{1, 2}, "a SID of 2 bytes"},
		"array":          {typeUint32 | typeArray, make([]byte, 7), "has 7 bytes, which is not a multiple of 4"},
		"array of sids":  {typeSID | typeArray, make([]byte, 9), "a SID needs 8 bytes, and 1 are left"},
		"size":           {typeSize, make([]byte, 5), "has 5 bytes"},
		"unknown":        {0x20, nil, "of type 0x20, which is not known"},
		"unknown array":  {typeBinary | typeArray, []byte{1}, "of type 0x8e, which is not known"},
		"nested array":   {typeBinXML | typeArray, []byte{1}, "of type 0xa1, which is not known"},
		"broken content": {typeBinXML, []byte{0x77}, "token 0x77"},
	} {
		b := newChunk()
		b.record(5, func() {
			b.instance(&tmpl{[]any{text("Event", sub{1, 0})}}, str("first"), val{typ: c.typ, b: c.b})
		})
		got := collect(open(t, logFile(b.bytes())).All())
		if len(got.ids) != 0 || len(got.lost) != 1 || !strings.Contains(got.lost[0], c.want) ||
			!strings.Contains(got.lost[0], "record 5, ") {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

func TestFileTime(t *testing.T) {
	for _, want := range []time.Time{testTime, time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999999900, time.UTC)} {
		if got := FileTime(fileTime(want)); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// One of each kind, with its text, its JSON and its Go value.
func TestValueKinds(t *testing.T) {
	for _, c := range []struct {
		v          Value
		text, json string
		value      any
	}{
		{Value{}, "", "null", nil},
		{textValue("a\"b"), "a\"b", `"a\"b"`, "a\"b"},
		{Value{kind: Int, bits: math.MaxUint64}, "-1", "-1", int64(-1)},
		{Value{kind: Uint, bits: math.MaxUint64}, "18446744073709551615", "18446744073709551615",
			uint64(math.MaxUint64)},
		{Value{kind: Float, bits: math.Float64bits(1.5)}, "1.5", "1.5", 1.5},
		{Value{kind: Bool, bits: 1}, "true", "true", true},
		{Value{kind: List, list: []Value{textValue("x"), {kind: Int, bits: 7}, {kind: Bool}}}, "x,7,false",
			`["x",7,false]`,
			[]any{"x", int64(7), false}},
	} {
		raw, err := json.Marshal(c.v)
		if got := fmt.Sprint(c.v); got != c.text || string(raw) != c.json || err != nil {
			t.Errorf("%v: prints %q and %s, %v", c.v.Kind(), got, raw, err)
		}
		if got := c.v.Any(); !reflect.DeepEqual(got, c.value) {
			t.Errorf("%v: is %#v", c.v.Kind(), got)
		}
		n, isInt := c.v.Int()
		u, isUint := c.v.Uint()
		f, isFloat := c.v.Float()
		b, isBool := c.v.Bool()
		got := []any{isInt, isUint, isFloat, isBool, len(c.v.List()) > 0}
		want := map[Kind][]any{
			Null: {false, false, false, false, false}, String: {false, false, false, false, false},
			Int: {true, false, true, false, false}, Uint: {false, true, true, false, false},
			Float: {false, false, true, false, false}, Bool: {false, false, false, true, false},
			List: {false, false, false, false, true},
		}[c.v.Kind()]
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: is int, uint, float, bool, list: %v, want %v", c.v.Kind(), got, want)
		}
		if isInt && n != -1 || isUint && u != math.MaxUint64 || c.v.Kind() == Float && f != 1.5 || isBool != b {
			t.Errorf("%v: %d %d %v %v", c.v.Kind(), n, u, f, b)
		}
	}
	if u, ok := (Value{kind: Int, bits: 7}).Uint(); u != 7 || !ok {
		t.Errorf("7 is not unsigned: %d %v", u, ok)
	}
	when, ok := textValue("2026-01-05T00:00:00.123456Z").Time()
	if want := time.Date(2026, 1, 5, 0, 0, 0, 123456000, time.UTC); !ok || !when.Equal(want) {
		t.Errorf("%v %v", when, ok)
	}
	for _, v := range []Value{textValue("yesterday"), {kind: Int, bits: 1}, {}} {
		if _, ok := v.Time(); ok {
			t.Errorf("%v is a time", v)
		}
	}
	if Kind(200).String() != "Kind(200)" || List.String() != "list" {
		t.Error("kinds have other names")
	}
}
