package publish

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// lifetimes say how long an indicator of a kind is worth matching: addresses
// change hands within weeks, hashes and behaviours do not.
var lifetimes = map[string]time.Duration{
	string(event.IPv4): 30 * day, string(event.IPv6): 30 * day, string(event.Domain): 90 * day,
	string(event.URL):   90 * day,
	string(event.Email): 180 * day, string(event.MD5): 365 * day, string(event.SHA1): 365 * day,
	string(event.SHA256): 365 * day, "sigma": 365 * day,
}

const day = 24 * time.Hour

// confidences translate the level of the rule that found it.
var confidences = map[string]int{"critical": 90, "high": 75, "medium": 55, "low": 35, "informational": 15}

// build returns the STIX indicator of a candidate. It names the hub as its creator,
// and neither the member that it came from nor any machine.
func (p *Publisher) build(c msg.Candidate, now time.Time) (*stix.Object, indicator.Indicator, error) {
	kind, value := subjectOf(c)
	marking, _ := stix.TLPMarkingID(c.Handling.TLP.String())
	confidence, ok := confidences[c.Rule.Level]
	if !ok {
		confidence = confidences["medium"]
	}
	ind := stix.Indicator{
		Common: stix.Common{CreatedByRef: p.identity, Created: stix.TimestampOf(now), Confidence: &confidence,
			Labels: []string{"level:" + levelOr(c.Rule.Level)}, ObjectMarkingRefs: []string{marking}},
		Types: []string{"malicious-activity"}, ValidFrom: stix.TimestampOf(now),
		ValidUntil:      stix.TimestampOf(now.Add(lifetimes[kind])),
		KillChainPhases: phases(c.Rule.Tags),
	}
	ind.ExternalReferences = references(c.Rule)
	if c.Rule.License != "" { // a rule often states none itself; whoever shows a match must
		ind.Labels = append(ind.Labels, "license:"+c.Rule.License)
	}
	what := "Sigma rule: "
	if len(c.Base) > 0 {
		what = "Sigma correlation: "
	}
	ind.Description = what + credit(c.Rule)
	if c.Sigma != "" {
		for _, b := range c.Base {
			ind.Description += "\nBuilt on the Sigma rule: " + credit(b)
		}
	}
	if c.Observable != nil {
		ind.Name = value
		ind.PatternType, ind.PatternVersion = "stix", "2.1"
		ind.Pattern = stix.ValuePattern(string(c.Observable.Type), c.Observable.Value)
	} else {
		ind.Name = c.Rule.Title
		ind.PatternType, ind.Pattern = "sigma", c.Sigma
	}
	obj, err := ind.Object()
	if err != nil {
		return nil, indicator.Indicator{}, fmt.Errorf("build the indicator of %s %s: %w", kind, value, err)
	}
	row := indicator.Indicator{ID: obj.ID(), Modified: obj.Modified().Time(), Realm: c.Realm, Name: ind.Name,
		Kind: kind, Value: value,
		Level: levelOr(c.Rule.Level), Body: string(obj.Bytes()), ValidUntil: now.Add(lifetimes[kind]),
		Confidence: confidence,
		Finding:    c.Finding, Made: now, Sensed: c.Sensed, State: "active", Handling: c.Handling}
	row.Words = store.Fold(row.Name + "\n" + row.Value + "\n" + row.ID + "\n" + c.Rule.Title + "\n" + c.Rule.ID)
	return obj, row, nil
}

// credit names a rule as whoever shows a match of it must.
func credit(r wire.RuleRef) string {
	out := r.Title + " (" + r.ID + ")"
	if r.Author != "" {
		out += ", author: " + r.Author
	}
	if r.License != "" {
		out += ", licence: " + r.License
	}
	return out
}

func levelOr(l string) string {
	if _, ok := confidences[l]; ok {
		return l
	}
	return "medium"
}

// subjectOf names what a candidate would match; two candidates with the same
// subject are one indicator, but for rules of one id that say different things.
func subjectOf(c msg.Candidate) (kind, value string) {
	if c.Observable != nil {
		return string(c.Observable.Type), c.Observable.Value
	}
	return "sigma", c.Rule.ID
}

// phases reads ATT&CK tactics out of Sigma tags (attack.lateral-movement).
func phases(tags []string) []stix.KillChainPhase {
	var out []stix.KillChainPhase
	for _, t := range tags {
		name, ok := strings.CutPrefix(t, "attack.")
		if !ok || technique(name) {
			continue
		}
		out = append(out, stix.KillChainPhase{KillChain: "mitre-attack", Phase: strings.ReplaceAll(name, "_", "-")})
	}
	return out
}

// technique reports whether an ATT&CK tag names a technique, group or software
// (t1059, g0016, s0002) rather than a tactic.
func technique(name string) bool {
	return len(name) > 4 && strings.ContainsRune("tgs", rune(name[0])) && name[1] >= '0' && name[1] <= '9'
}

func references(r wire.RuleRef) []stix.ExternalReference {
	out := []stix.ExternalReference{{SourceName: "sigma", ExternalID: r.ID, Description: r.Title}}
	for _, t := range r.Tags {
		if name, ok := strings.CutPrefix(t, "attack."); ok && technique(name) {
			out = append(out, stix.ExternalReference{SourceName: "mitre-attack", ExternalID: strings.ToUpper(name)})
		}
	}
	return out
}
