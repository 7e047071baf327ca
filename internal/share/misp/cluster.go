package misp

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// cluster is an entry of a galaxy: an actor, a technique, malware.
type cluster struct {
	galaxy   string // type of the galaxy
	value    string
	synonyms []string
	meta     map[string]any
}

var galaxyTag = regexp.MustCompile(`^misp-galaxy:([^=]+)="(.+)"$`)

// clustersOf are the clusters of a thing: those in its galaxies, and those that only a tag
// names. Each once.
func clustersOf(fields map[string]any) (out []cluster) {
	named := map[string]bool{}
	for _, g := range list(fields, "Galaxy") {
		for _, c := range list(g, "GalaxyCluster") {
			k := cluster{galaxy: text(c, "type"), value: text(c, "value")}
			if k.galaxy == "" {
				k.galaxy = text(g, "type")
			}
			k.meta, _ = c["meta"].(map[string]any)
			k.synonyms = texts(k.meta["synonyms"])
			named[text(c, "tag_name")] = true
			if k.value != "" {
				out = append(out, k)
			}
		}
	}
	for _, t := range tags(fields) {
		if m := galaxyTag.FindStringSubmatch(t); m != nil && !named[t] {
			out = append(out, cluster{galaxy: m[1], value: m[2]})
		}
	}
	return out
}

func texts(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok && s != "" && len(out) < 200 {
				out = append(out, s)
			}
		}
	}
	return out
}

// clusterTypes are the types of STIX by words in the types of galaxies; the first counts.
var clusterTypes = []struct{ word, typ string }{
	{"attack-pattern", "attack-pattern"}, {"technique", "attack-pattern"}, {"intrusion-set", "intrusion-set"},
	{"course-of-action", "course-of-action"}, {"threat-actor", "threat-actor"}, {"activity-group", "threat-actor"},
	{"campaign", "campaign"}, {"malware", "malware"}, {"malpedia", "malware"}, {"ransomware", "malware"},
	{"botnet", "malware"}, {"banker", "malware"}, {"stealer", "malware"}, {"backdoor", "malware"},
	{"cryptominer", "malware"}, {"android", "malware"}, {"tool", "tool"}, {"exploit-kit", "tool"},
}

func (c cluster) typ() string {
	if c.galaxy == "rat" {
		return "malware"
	}
	for _, t := range clusterTypes {
		if strings.Contains(c.galaxy, t.word) {
			return t.typ
		}
	}
	return ""
}

// attackID is the id of ATT&CK at the end of a cluster's value: "PowerShell - T1059.001".
var attackID = regexp.MustCompile(`^(.*?) - ((?:T\d{4}(?:\.\d{3})?)|[GSMC]\d{4})$`)

// clusters makes the objects of a thing's clusters, and returns their ids. Their ids follow
// from all that they say, so that nothing of one name is taken for another.
func (x *exporter) clusters(fields map[string]any, h policy.Handling) (ids []string) {
	for _, c := range clustersOf(fields) {
		obj := c.object()
		if obj == nil {
			continue
		}
		if !slices.Contains(ids, obj.ID()) {
			ids = append(ids, obj.ID())
		}
		x.add(obj, h)
	}
	return ids
}

func (c cluster) object() *stix.Object {
	typ := c.typ()
	if typ == "" {
		return nil
	}
	m := map[string]any{}
	name := c.value
	if id := attackID.FindStringSubmatch(c.value); id != nil {
		name = id[1]
		m["external_references"] = []any{map[string]any{"source_name": "mitre-attack", "external_id": id[2],
			"url": attackURL(id[2])}}
	}
	m["name"] = title(name)
	if len(c.synonyms) > 0 && typ != "course-of-action" {
		m["aliases"] = c.synonyms
	}
	if typ == "malware" {
		m["is_family"] = true
	}
	if phases := attackPhases(texts(c.meta["kill_chain"])); phases != nil && (typ == "attack-pattern" ||
		typ == "malware" || typ == "tool") {
		m["kill_chain_phases"] = phases
	}
	said, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	m["type"], m["spec_version"] = typ, "2.1"
	m["id"] = typ + "--" + derived(typ, c.galaxy, string(said))
	m["created"], m["modified"] = epoch.String(), epoch.String()
	raw, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	obj, err := stix.Parse(raw)
	if err != nil || len(stix.Validate(obj)) > 0 {
		return nil
	}
	return obj
}

func attackURL(id string) string {
	folder := map[byte]string{'T': "techniques", 'G': "groups", 'S': "software", 'M': "mitigations",
		'C': "campaigns"}[id[0]]
	return "https://attack.mitre.org/" + folder + "/" + strings.ReplaceAll(id, ".", "/") + "/"
}

// attackPhases reads "mitre-attack:execution", and the older form with a platform between.
func attackPhases(list []string) (out []any) {
	for _, s := range list {
		chain, phase, ok := strings.Cut(s, ":")
		if i := strings.LastIndexByte(phase, ':'); i >= 0 {
			phase = phase[i+1:]
		}
		if ok && chain != "" && phase != "" {
			out = append(out, map[string]any{"kill_chain_name": chain, "phase_name": phase})
		}
	}
	return out
}

// phases are the phases of an attack that tags name.
func phases(tags []string) (out []stix.KillChainPhase) {
	for _, t := range tags {
		if s, ok := strings.CutPrefix(strings.ToLower(t), "kill-chain:"); ok && s != "" {
			s = strings.Trim(strings.ReplaceAll(s, " ", "-"), `"`)
			out = append(out, stix.KillChainPhase{KillChain: "lockheed-martin-cyber-kill-chain", Phase: s})
		}
	}
	return out
}

// confidences are tags that say how sure somebody is, on the scale of STIX (appendix A).
var confidences = map[string]int{
	`misp:confidence-level="completely-confident"`:                     100,
	`misp:confidence-level="usually-confident"`:                        75,
	`misp:confidence-level="fairly-confident"`:                         50,
	`misp:confidence-level="rarely-confident"`:                         25,
	`misp:confidence-level="unconfident"`:                              0,
	`admiralty-scale:information-credibility="1"`:                      90,
	`admiralty-scale:information-credibility="2"`:                      70,
	`admiralty-scale:information-credibility="3"`:                      50,
	`admiralty-scale:information-credibility="4"`:                      30,
	`admiralty-scale:information-credibility="5"`:                      10,
	`estimative-language:confidence-in-analytic-judgment="high"`:       85,
	`estimative-language:confidence-in-analytic-judgment="moderate"`:   50,
	`estimative-language:confidence-in-analytic-judgment="low"`:        15,
	`estimative-language:likelihood-probability="almost-certain"`:      90,
	`estimative-language:likelihood-probability="very-likely"`:         80,
	`estimative-language:likelihood-probability="likely"`:              70,
	`estimative-language:likelihood-probability="roughly-even-chance"`: 50,
	`estimative-language:likelihood-probability="unlikely"`:            30,
	`estimative-language:likelihood-probability="very-unlikely"`:       20,
	`estimative-language:likelihood-probability="almost-no-chance"`:    5,
}

// confidence is the lowest that tags state; nil if none does.
func confidence(tags []string) (lowest *int) {
	for _, t := range tags {
		if n, ok := confidences[strings.ToLower(t)]; ok && (lowest == nil || n < *lowest) {
			lowest = &n
		}
	}
	return lowest
}
