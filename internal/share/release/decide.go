package release

import (
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/wire"
)

// pseudonymPrefix begins the pseudonym of every machine.
const pseudonymPrefix = "host-"

// apply returns what of an offer leaves under the policy, and how. rank orders the
// levels of rules, and pseudonym replaces a host's name. A body of a type that is
// not known here never leaves.
func (p Policy) apply(o msg.Offer, rank func(level string) int, pseudonym func(host string) string) (wire.Body, Mode) {
	switch body := o.Body.(type) {
	case wire.Finding:
		if rank(o.Level) < rank(p.FindingLevel) {
			return nil, Never
		}
		body.Handling = o.Handling
		if !p.Details {
			body = p.redact(body, pseudonym)
		}
		return body, p.Findings
	case wire.Candidate:
		return body, p.Candidates
	case wire.Sighting:
		return body, p.Sightings
	case wire.Receipt:
		if p.Sightings != Auto {
			body.Hits, body.Undisclosed = 0, true
		}
		return body, Auto
	case wire.RangeReceipt:
		if p.Sightings != Auto {
			body.Hits, body.Undisclosed = nil, true
		}
		return body, Auto
	case wire.RuleHealth:
		return body, Auto
	}
	return nil, Never
}

// redact removes from a finding what points at a machine or a person. Hosts become
// pseudonyms, so that the hub can still tell one from another.
func (p Policy) redact(f wire.Finding, pseudonym func(host string) string) wire.Finding {
	if f.Host != "" {
		f.Host = pseudonym(f.Host)
	}
	f.User, f.Matched = "", nil
	if p.Candidates != Auto {
		f.Observables = nil
	}
	return f
}
