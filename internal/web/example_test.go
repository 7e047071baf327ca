package web_test

import (
	"testing"

	"github.com/meneki/meneki/internal/policy"
)

// Every page of the demo draws in both languages, for who is signed in and for
// the public.
func TestCheckAll(t *testing.T) {
	s := demo(t, demoDesk)
	for _, v := range demoViews() {
		s.Example(v, demoDesk)
		s.Example(v, policy.Viewer{})
	}
	err := s.CheckAll()
	if err == nil ||
		err.Error() != "template demo/broken has no example (Site.Example) and no other template includes it" {
		t.Fatal(err)
	}
}
