// Package attack knows the techniques and tactics of MITRE ATT&CK by name, and
// reads them out of the tags of rules.
package attack

import (
	_ "embed" // the list of techniques
	"regexp"
	"strings"
)

//go:embed attack.txt
var text string

// Technique is a technique or sub-technique of MITRE ATT&CK.
type Technique struct {
	ID      string   // T1059, T1059.001
	Name    string   // as ATT&CK has it; the id where it is not known here
	Tactics []string // of a technique; a sub-technique serves its technique's
	Old     bool     // ATT&CK has replaced it
}

// List is the list of techniques that meneki knows by name.
type List struct {
	Techniques []Technique // in the order of their ids, sub-techniques behind their technique
	byID       map[string]int
}

// Read reads the list that meneki comes with.
func Read() *List {
	a := &List{byID: map[string]int{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		rest, old := strings.CutPrefix(line, "-")
		id, rest, _ := strings.Cut(rest, " ")
		name, serves, _ := strings.Cut(rest, " | ")
		a.byID[id] = len(a.Techniques)
		a.Techniques = append(a.Techniques, Technique{ID: id, Name: strings.TrimSpace(name),
			Tactics: strings.Fields(serves), Old: old})
	}
	return a
}

// Find returns a technique by its id.
func (a *List) Find(id string) (Technique, bool) {
	i, ok := a.byID[id]
	if !ok {
		return Technique{ID: id, Name: id}, false
	}
	return a.Techniques[i], true
}

var techniqueID = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

// IsTechnique reports whether id is written as the id of a technique or sub-technique.
func IsTechnique(id string) bool { return techniqueID.MatchString(id) }

// Parent is the technique of a sub-technique, or the technique itself.
func Parent(id string) string {
	p, _, _ := strings.Cut(id, ".")
	return p
}

// Tactics is the order of an attack, as ATT&CK lays its columns out.
var Tactics = []string{"reconnaissance", "resource-development", "initial-access", "execution", "persistence",
	"privilege-escalation", "stealth", "defense-impairment",
	"credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact"}
