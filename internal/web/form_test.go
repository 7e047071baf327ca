package web

import (
	"net/url"
	"strings"
	"testing"
)

// What is blank or too long is noted at its own field, and what was noted before stays.
func TestFormRequire(t *testing.T) {
	fields := []Field{{Name: "name", Required: true, Max: 3}, {Name: "sector", Kind: "select", Required: true},
		{Name: "note", Max: 3}, {Name: "free"}}
	for _, c := range []struct {
		values string
		want   map[string]string
	}{
		{"name=%E7%84%A1%E6%95%B0%E3%81%AE&sector=x", nil},
		{"name=++&note=1234", map[string]string{"name": "filled in", "sector": "choose one", "note": "at most 3"}},
		{"name=1234&sector=x&free=12345", map[string]string{"name": "at most 3"}},
	} {
		v, err := url.ParseQuery(c.values)
		if err != nil {
			t.Fatal(err)
		}
		f := &Form{Values: v}
		f.Require(fields...)
		if len(f.Errors) != len(c.want) || (f.Err() == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.values, f.Errors)
		}
		for name, words := range c.want {
			if got := f.Errors[name].EN; !strings.Contains(got, words) {
				t.Errorf("%s: %s says %q, want %q", c.values, name, got, words)
			}
		}
	}
}
