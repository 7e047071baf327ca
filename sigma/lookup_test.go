package sigma_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

func TestLookupIn(t *testing.T) {
	ev := decode(t, `{"A":1,"n":null,"o":{"p":{"q":2,"x.y":3},"l":[{"m":4},{"z":0},{"m":[5,6]}]},
		"d.e":{"f":7},"Case":8,"cASE":9,"o.p.q":10,"e":[]}`)
	tests := []struct {
		name  string
		value any
		ok    bool
	}{
		{"A", int64(1), true},
		{"a", int64(1), true},
		{"n", nil, true},
		{"o.p.q", int64(10), true}, // the exact key before the path
		{"o.p.x.y", int64(3), true},
		{"d.e.f", int64(7), true},
		{"o.l.m", []any{int64(4), []any{int64(5), int64(6)}}, true},
		{"case", int64(8), true}, // the first in byte order
		{"Case", int64(8), true},
		{"o.p", map[string]any{"q": int64(2), "x.y": int64(3)}, true},
		{"e", []any{}, true},
		{"e.x", nil, false},
		{"o.P.q", int64(10), true}, // without case only whole keys
		{"O.p.x.y", nil, false},
		{"missing", nil, false},
		{"", nil, false},
		{".", nil, false},
		{"o..p", nil, false},
	}
	for _, tt := range tests {
		value, ok := sigma.LookupIn(ev.fields, tt.name)
		if ok != tt.ok || !cmp.Equal(value, tt.value) {
			t.Errorf("%q: got %v %v, want %v %v", tt.name, value, ok, tt.value, tt.ok)
		}
	}
	if _, ok := sigma.LookupIn(nil, "x"); ok {
		t.Error("found in nil")
	}
}

func TestLeavesOf(t *testing.T) {
	ev := decode(t, `{"b":{"y":[1,2.5,true,null,["z"]],"x":""},"a":"text","c":1e30,"d":4625.0,"e":{}}`)
	got := slices.Collect(sigma.LeavesOf(ev.fields))
	want := []string{"text", "", "1", "2.5", "true", "z", "1e+30", "4625"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	n := 0
	for range sigma.LeavesOf(ev.fields) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("stopped after %d", n)
	}
}

// TestNesting: an event may be nested absurdly deep.
func TestNesting(t *testing.T) {
	var v any = "needle"
	for range 100_000 {
		v = []any{v}
	}
	var m any = "needle"
	for range 100_000 {
		m = map[string]any{"a": m}
	}
	ev := record{product: "test", fields: map[string]any{"F": v, "a": m}}
	for _, line := range []string{`F: 'needle'`, `a.a.a.a: 'x'`} {
		one(t, source(sel(line))).Match(ev)
	}
	one(t, source("k: ['needle']\ncondition: k")).Match(ev)
}
