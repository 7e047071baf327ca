package timeline

import (
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// tactics are those of ATT&CK for Enterprise as rules tag them, in the order of
// the matrix.
var tactics = [...]string{"reconnaissance", "resource-development", "initial-access", "execution", "persistence",
	"privilege-escalation", "stealth", "defense-evasion",
	"defense-impairment", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
	"exfiltration", "impact"}

// Tactic returns the name of the ATT&CK tactic that a tag names, and its phase
// name as STIX has it; ok is false if it names none.
func Tactic(tag string) (name i18n.Text, phase string, ok bool) {
	t, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
	if !ok {
		return i18n.Text{}, "", false
	}
	name, ok = event.TacticText(t)
	return name, strings.ReplaceAll(t, "_", "-"), ok
}
