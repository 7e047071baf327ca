// Package release decides what leaves a node, and sends it: the member's policy, the
// queue of messages with what waits for a person, the sender, and the pages and the
// API of all three.
package release

import (
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
)

// Mode is how a kind of message leaves the node.
type Mode string

// The modes. An unknown mode is Never.
const (
	Auto  Mode = "auto"  // leaves by itself
	Ask   Mode = "ask"   // waits for a person
	Never Mode = "never" // stays
)

// Policy is a member's policy on what leaves its node. Receipts always leave: they
// report that the node is armed and has searched its past, and what it found there
// only where sightings leave by themselves.
type Policy struct {
	Findings Mode `json:"findings"` // that a rule matched, when and how often
	// Details: with host, account and matched values; otherwise the host is a pseudonym.
	Details        bool            `json:"details"`
	FindingLevel   string          `json:"finding_level"`   // findings below it stay
	FindingTLP     policy.TLP      `json:"finding_tlp"`     // whom the hub may show them to
	Candidates     Mode            `json:"candidates"`      // values and rules for the others to match
	CandidateLevel string          `json:"candidate_level"` // from findings below it nothing is offered
	CandidateTLP   policy.TLP      `json:"candidate_tlp"`
	Audience       policy.Audience `json:"audience"`  // who may get the candidates
	Sightings      Mode            `json:"sightings"` // that an indicator was seen here
}

// Cautious is the policy of a node that nobody has set up: the hub learns that
// a rule matched and that an indicator was seen, never on which machine; what
// others would match waits for a person.
func Cautious() Policy {
	return Policy{Findings: Auto, FindingLevel: "medium", FindingTLP: policy.AmberStrict,
		Candidates: Ask, CandidateLevel: "medium", CandidateTLP: policy.Amber,
		Audience: policy.Audience{policy.Community}, Sightings: Auto}
}

// Open is the policy of a member that lets everything technical leave by itself.
func Open() Policy {
	r := Cautious()
	r.Candidates, r.Details, r.FindingLevel, r.CandidateLevel = Auto, true, "low", "low"
	return r
}

// Manual is the policy of a member where a person decides about everything.
func Manual() Policy {
	r := Cautious()
	r.Findings, r.Sightings = Ask, Ask
	return r
}

// Preset returns a policy by name: cautious, open or manual.
func Preset(name string) (Policy, error) {
	switch name {
	case "", "cautious":
		return Cautious(), nil
	case "open":
		return Open(), nil
	case "manual":
		return Manual(), nil
	}
	return Policy{}, fault.New(
		fault.Invalid,
		i18n.T("there is no sharing policy named {0}", "{0} という名前の共有方針はありません").With(name),
	).
		WithHint(i18n.T("choose cautious, open or manual", "cautious、open、manual のいずれかを指定してください"))
}

// levels of rules that a policy may name.
var levels = []string{"informational", "low", "medium", "high", "critical"}

// Validate refuses a policy that is not fully understood; nothing of it is then
// in force.
func (r Policy) Validate() error {
	bad := func(what string) error {
		return fault.New(
			fault.Invalid,
			i18n.T("the sharing policy has no valid {0}", "共有方針の {0} が正しくありません").With(what),
		)
	}
	mode := func(w Mode) bool { return w == Auto || w == Ask || w == Never }
	switch {
	case !mode(r.Findings):
		return bad("findings")
	case !mode(r.Candidates):
		return bad("candidates")
	case !mode(r.Sightings):
		return bad("sightings")
	case !slices.Contains(levels, r.FindingLevel):
		return bad("finding_level")
	case !slices.Contains(levels, r.CandidateLevel):
		return bad("candidate_level")
	case !r.FindingTLP.Known():
		return bad("finding_tlp")
	case !r.CandidateTLP.Known():
		return bad("candidate_tlp")
	}
	return marking.Check(r.Audience)
}

// equal reports whether two policies are the same.
func equal(a, b Policy) bool {
	x, y := a.Audience, b.Audience
	a.Audience, b.Audience = nil, nil
	return a.Findings == b.Findings && a.Details == b.Details &&
		a.FindingLevel == b.FindingLevel && a.FindingTLP == b.FindingTLP &&
		a.Candidates == b.Candidates && a.CandidateLevel == b.CandidateLevel && a.CandidateTLP == b.CandidateTLP &&
		a.Sightings == b.Sightings && x.Column() == y.Column()
}
