package detect

import (
	_ "embed" // the list of techniques
	"slices"
	"strings"
)

//go:embed attack.txt
var attackText string

// Technique is a technique or sub-technique of MITRE ATT&CK.
type Technique struct {
	ID      string   // T1059, T1059.001
	Name    string   // as ATT&CK has it; the id where it is not known here
	Tactics []string // of a technique; a sub-technique serves its technique's
	Old     bool     // ATT&CK has replaced it
}

// Attack is the list of techniques that meneki knows by name.
type Attack struct {
	Techniques []Technique // in the order of their ids, sub-techniques behind their technique
	byID       map[string]int
}

// ReadAttack reads the list that meneki comes with.
func ReadAttack() *Attack {
	a := &Attack{byID: map[string]int{}}
	for line := range strings.Lines(attackText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		rest, old := strings.CutPrefix(line, "-")
		id, rest, _ := strings.Cut(rest, " ")
		name, serves, _ := strings.Cut(rest, " | ")
		a.byID[id] = len(a.Techniques)
		a.Techniques = append(a.Techniques, Technique{ID: id, Name: strings.TrimSpace(name), Tactics: strings.Fields(serves), Old: old})
	}
	return a
}

// Find gives a technique by its id.
func (a *Attack) Find(id string) (Technique, bool) {
	i, ok := a.byID[id]
	if !ok {
		return Technique{ID: id, Name: id}, false
	}
	return a.Techniques[i], true
}

// parent is the technique of a sub-technique, or the technique itself.
func parent(id string) string {
	p, _, _ := strings.Cut(id, ".")
	return p
}

// tacticOrder is the order of an attack, as ATT&CK lays its columns out.
var tacticOrder = []string{"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", "stealth", "defense-impairment",
	"credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact"}

// techniquesOf reads the techniques out of a rule's tags, each once.
func techniquesOf(tags []string) []string {
	var out []string
	for _, tag := range tags {
		name, ok := cutAttack(tag)
		if id := strings.ToUpper(name); ok && techniqueID.MatchString(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// tacticsOf reads the tactics out of a rule's tags, each once. Defense evasion,
// as older rules have it, is read as stealth, where ATT&CK has put most of it.
func tacticsOf(tags []string) []string {
	var out []string
	for _, tag := range tags {
		name, ok := cutAttack(tag)
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if name == "defense-evasion" {
			name = "stealth"
		}
		if ok && slices.Contains(tacticOrder, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func cutAttack(tag string) (string, bool) {
	if len(tag) < 7 || !strings.EqualFold(tag[:7], "attack.") {
		return "", false
	}
	return tag[7:], true
}
