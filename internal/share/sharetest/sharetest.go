// Package sharetest is what the tests of the rooms of share have in common: a console
// with people, and findings, offers and indicators.
package sharetest

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// Start is when every test begins.
var Start = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// Desk is a coordinator of the hub.
var Desk = policy.Viewer{User: "u-desk", Name: "Desk", Hub: true, Coordinator: true, Role: policy.RoleCoordinator}

// Evil is a domain of an attacker.
const Evil = "evil.example.net"

// Domain returns an observable.
func Domain(v string) *event.Observable { return &event.Observable{Type: event.Domain, Value: v} }

// Candidate returns an offer of an observable, or of a rule without one.
func Candidate(id, finding string, o *event.Observable, h policy.Handling) msg.Candidate {
	return msg.Candidate{Candidate: wire.Candidate{ID: id, Finding: finding, Realm: event.Live, Observable: o,
		Handling: h, Sensed: Start.Add(-time.Second),
		Rule: wire.RuleRef{ID: "rule-1", Title: "Beacon", Author: "A. Author", License: "DRL 1.1", Level: "high",
			Tags: []string{"attack.command-and-control", "attack.t1071.001"}}}}
}

// Amber returns a handling for parties.
func Amber(tokens ...string) policy.Handling {
	return policy.Handling{TLP: policy.Amber, Audience: tokens}
}

// Finding returns a finding with everything in it that should not leave.
func Finding(level string) wire.Finding {
	return wire.Finding{ID: "f1", Version: 1, Realm: event.Live, Rule: wire.RuleRef{ID: "rule-1", Title: "Beacon",
		Level: level},
		First: Start, Last: Start, Count: 1, Host: "SCADA-7.corp.example", User: "CORP\\tanaka", Sensed: Start,
		Detected:    Start,
		Matched:     []wire.FieldValue{{Field: "CommandLine", Value: "secret --password hunter2"}},
		Observables: []event.Observable{*Domain(Evil)},
		Handling:    policy.Handling{TLP: policy.AmberStrict, Owner: "power"}}
}

// Object returns an indicator of a domain as the hub sends it, with a name.
func Object(t *testing.T, name string) wire.Object {
	t.Helper()
	marking, _ := stix.TLPMarkingID(policy.Amber.String())
	ind := stix.Indicator{
		Common: stix.Common{CreatedByRef: "identity--7f4a9d3e-4f0a-4c5e-8f6a-1f2b3c4d5e6f",
			Created: stix.TimestampOf(Start),
			Labels:  []string{"level:high"}, ObjectMarkingRefs: []string{marking}},
		Name: name, Types: []string{"malicious-activity"}, ValidFrom: stix.TimestampOf(Start),
		ValidUntil:  stix.TimestampOf(Start.Add(24 * time.Hour)),
		PatternType: "stix", PatternVersion: "2.1", Pattern: stix.ValuePattern(string(event.Domain), name),
	}
	obj, err := ind.Object()
	if err != nil {
		t.Fatal(err)
	}
	return wire.Object{ID: obj.ID(), Modified: Start, Realm: event.Live, STIX: obj.Bytes(),
		Handling: policy.Handling{TLP: policy.Amber}}
}
