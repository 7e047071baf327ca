package pipeline

import (
	"encoding/json"
	"os"
	"testing"
)

// TestGolden: rules that were rewritten match the events that they match after
// pySigma 1.5.1 rewrote them. The events were judged by evaluating pySigma's
// condition tree. Where this package differs on purpose (see the design note)
// there is no golden case.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Pipeline, Rule string
		Yes, No        []json.RawMessage
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	events := 0
	for _, v := range cases {
		r := one(t, chain(t, v.Pipeline), v.Rule)
		for i, list := range [][]json.RawMessage{v.No, v.Yes} {
			for _, text := range list {
				if _, ok := r.MatchDetection(event(t, "", string(text))); ok != (i == 1) {
					t.Errorf("match %v: %s\n%s\n%s", ok, text, v.Pipeline, v.Rule)
				}
				events++
			}
		}
	}
	if len(cases) < 60 || events < 1000 {
		t.Errorf("only %d cases, %d events", len(cases), events)
	}
}
