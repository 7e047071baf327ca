package attack

import (
	"slices"
	"strings"
	"testing"
)

// The list is whole: every entry has a name, every technique a tactic that we
// know, every sub-technique its technique, and each stands once.
func TestList(t *testing.T) {
	a := Read()
	if len(a.Techniques) < 650 || len(a.byID) != len(a.Techniques) {
		t.Fatalf("%d entries, %d ids", len(a.Techniques), len(a.byID))
	}
	served := map[string]bool{}
	for _, x := range a.Techniques {
		if !IsTechnique(x.ID) || x.Name == "" || strings.ContainsAny(x.Name, "|<>") {
			t.Errorf("%+v", x)
		}
		if up := Parent(x.ID); up == x.ID {
			if len(x.Tactics) == 0 {
				t.Errorf("%s serves no tactic", x.ID)
			}
		} else if _, ok := a.Find(up); !ok {
			t.Errorf("%s has no technique above it", x.ID)
		}
		for _, tactic := range x.Tactics {
			served[tactic] = true
			if !slices.Contains(Tactics, tactic) {
				t.Errorf("%s serves %q", x.ID, tactic)
			}
		}
	}
	for _, tactic := range Tactics {
		if text := TacticText(tactic); !served[tactic] || text.EN == "" || text.JA == "" {
			t.Errorf("tactic %s: served %v, %+v", tactic, served[tactic], text)
		}
	}
	if !strings.Contains(text, "The MITRE Corporation") {
		t.Error("the list does not say whose it is")
	}
	if x, ok := a.Find("T1059.001"); !ok || x.Name != "PowerShell" {
		t.Errorf("%+v", x)
	}
}

func TestTags(t *testing.T) {
	tags := []string{"attack.t1059.001", "ATTACK.T1059.001", "attack.t1059", "attack.defense_evasion", "attack.Stealth",
		"attack.s0002", "attack.t10", "cve.2021.1", "attack.", "att", "attack.t1059.001.2"}
	if got := TechniquesOf(tags); !slices.Equal(got, []string{"T1059", "T1059.001"}) {
		t.Error(got)
	}
	if got := TacticsOf(tags); !slices.Equal(got, []string{"stealth"}) {
		t.Error(got)
	}
}
