package history

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFieldsComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fields := rapid.MapOf(
			rapid.OneOf(
				rapid.String(),
				rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			),
			valueGen,
		).Draw(
			rt,
			"fields",
		)
		b, err := appendFields(nil, fields)
		if err != nil {
			rt.Fatal(err)
		}
		if !utf8.Valid(b) || !json.Valid(b) {
			rt.Fatalf("not JSON: %q", b)
		}
		got, err := parseFields(string(b), interner{})
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(fields, got); d != "" {
			rt.Fatalf("%s (-want +got):\n%s", b, d)
		}
	})
}

func TestFieldsAreReadAsJSONIs(t *testing.T) {
	got, err := parseFields(
		" { \"a\" : [ 1 , -2.5e3 , 12345678901234567890 ] , \"b\\u00e9\\ud83d\\ude00\\/\\b\\f\" : \"\\ud800x\" , "+
			"\"n\":{ } }\n",
		interner{},
	)
	want := map[string]any{
		"a":        []any{int64(1), -2500.0, 12345678901234567890.0},
		"bé😀/\b\f": "\uFFFDx",
		"n":        map[string]any{},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for _, bad := range []string{"", "{", "[]", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":tru}`, `{"a":-}`, `{"a":1}x`,
		`{"a":"\u12"}`, `{"a":"\x"}`, `{"a":"`, `{"a":"\`, `{a:1}`, `{"a":[1 2]}`} {
		if v, err := parseFields(bad, interner{}); err == nil {
			t.Errorf("%q gave %v", bad, v)
		}
	}
	if b, err := appendFields(nil, map[string]any{"a": math.NaN(), "b": []string{"x"}}); err != nil ||
		string(b) != `{"a":null,"b":["x"]}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := appendFields(nil, map[string]any{"f": func() {}}); err == nil {
		t.Error("a function was written")
	}
}

func FuzzFields(f *testing.F) {
	f.Add(`{"a":[1,2.5,"x\udc80",{"b":null}],"c":true}`)
	f.Add(`null`)
	f.Add(`{"a":"\ud83d\ude00\n"}`)
	f.Fuzz(func(t *testing.T, text string) {
		fields, err := parseFields(text, interner{})
		if err != nil {
			return
		}
		b, err := appendFields(nil, fields)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseFields(string(b), interner{})
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if d := cmp.Diff(fields, again); d != "" {
			t.Fatalf("(-first +second):\n%s", d)
		}
	})
}

// A log of any bytes is read without a panic, and every good frame in it is found.
func FuzzWAL(f *testing.F) {
	var log []byte
	for n := range 3 {
		r, _ := rowOf(sample(n), ofFields(sample(n)))
		log = appendFrame(log, appendRow(nil, r))
	}
	f.Add(log, 0, byte(0))
	f.Add(log, 30, byte(1))
	f.Add(log[:len(log)-7], 5, byte(0x80))
	f.Add(append(slices.Clone(log), frameMagic+"\x05\x00\x00\x00...."...), 500, byte(2))
	f.Fuzz(func(t *testing.T, log []byte, at int, flip byte) {
		read := func(b []byte) (out [][]byte, end int64, gaps []gap) {
			end, gaps, err := scanFrames(bytes.NewReader(b), 0, int64(len(b)), func(off int64, p []byte) error {
				if r, err := parseRow(p, interner{}); err == nil {
					if _, err := r.event(interner{}); err == nil && r.ID == "" {
						t.Error("an event without an id")
					}
				}
				parseFound(p)
				out = append(out, p)
				return nil
			})
			if err != nil || end > int64(len(b)) {
				t.Fatalf("end %d of %d: %v", end, len(b), err)
			}
			return out, end, gaps
		}
		before, end, _ := read(log)
		if again, end2, _ := read(log[:end]); len(again) != len(before) || end2 != end {
			t.Fatalf("%d frames, after the cut %d", len(before), len(again))
		}
		whole := append(slices.Clone(log[:end]), appendFrame(nil, []byte("the last one"))...)
		if flip != 0 && end > 0 {
			at = int(uint(at) % uint(end))
			whole[at] ^= flip
		}
		// However the bytes before it are damaged, the last frame is found.
		after, _, _ := read(whole)
		if len(after) == 0 || string(after[len(after)-1]) != "the last one" {
			t.Fatalf("the frame behind the damage is lost: %d frames", len(after))
		}
	})
}
