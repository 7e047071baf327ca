package object_test

import (
	"testing"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
)

// An address that somebody was given in confidence can be given to more, by who has it from
// elsewhere; given to fewer, it is what is here already.
func TestObservableForMore(t *testing.T) {
	each(t, func(h house) {
		only := []string{policy.ToMember("b")}
		h.put("a", policy.Amber, only, address("198.51.100.3", ""))
		if got := h.sees(member("c"), object.Ask{}); len(got) != 0 {
			h.Fatalf("%v", got)
		}
		if out := h.put("b", policy.Green, nil, address("198.51.100.3", ""))[0]; !out.New || out.Err != nil {
			h.Errorf("for more than it is here: %+v", out)
		}
		if out := h.put("c", policy.Amber, only, address("198.51.100.3", ""))[0]; out.New || out.Err != nil {
			h.Errorf("for fewer than it is here: %+v", out)
		}
		for _, who := range []string{"a", "b", "c"} {
			if got := h.sees(member(who), object.Ask{}); len(got) != 1 {
				h.Errorf("%s sees %v", who, got)
			}
		}
	})
}
