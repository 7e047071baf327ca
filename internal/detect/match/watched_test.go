package match

import (
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// The host in a value is looked up beside it.
func TestWithHost(t *testing.T) {
	for _, o := range []event.Observable{
		{Type: event.URL, Value: "https://evil.example:8443/a"},
		{Type: event.URL, Value: "https://[2001:db8::1]:8443/a"}, {Type: event.Email, Value: "a@evil.example"},
	} {
		if got := withHost(o); len(got) != 2 {
			t.Errorf("%v: %v", o, got)
		}
	}
}
