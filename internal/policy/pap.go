package policy

import (
	"slices"
	"strings"
)

// PAP is a label of the Permissible Actions Protocol: what whoever has a thing may do with
// it, where TLP says to whom it may be shown. Greater is stricter. The zero PAP is no
// label, and limits nothing; a label that is not understood is Hold.
type PAP int

// The labels, from least to most strict. The numbers are stored.
const (
	PAPClear PAP = iota + 1 // no limit
	PAPGreen                // active use: blocking, contact with what it names
	PAPAmber                // no contact with what it names; look-ups at third parties
	PAPRed                  // nothing that anybody outside could notice
	// Hold is stricter than PAP knows: no act at all before its giver was asked. FIRST IEP
	// has it, as "none" and "contact for instruction". It is written as PAP:RED.
	Hold
)

// Action is a use of a thing by those who have it.
type Action string

// The actions.
const (
	ActSearch  Action = "search"  // look for it in one's own past records
	ActMatch   Action = "match"   // watch one's own records for it
	ActExport  Action = "export"  // hand it to other tools of one's own, without its marking
	ActLookup  Action = "lookup"  // ask third parties about it
	ActBlock   Action = "block"   // keep traffic from and to it away
	ActContact Action = "contact" // connect to it
	ActAny     Action = "any"     // everything else, such as a takedown
)

// permitted is what each label leaves.
var permitted = map[PAP][]Action{
	Hold:     {},
	PAPRed:   {ActSearch, ActMatch},
	PAPAmber: {ActSearch, ActMatch, ActExport, ActLookup},
	PAPGreen: {ActSearch, ActMatch, ActExport, ActLookup, ActBlock, ActContact},
	PAPClear: {ActSearch, ActMatch, ActExport, ActLookup, ActBlock, ActContact, ActAny},
}

// Known reports whether p is a label, or none.
func (p PAP) Known() bool { return p >= 0 && p <= Hold }

// orHold returns p, or Hold if it is no label.
func (p PAP) orHold() PAP {
	if !p.Known() {
		return Hold
	}
	return p
}

// Permitted returns what may be done with a thing, from the least to the most visible.
// The caller must not change the list.
func Permitted(p PAP) []Action {
	if p == 0 {
		p = PAPClear
	}
	return permitted[p.orHold()]
}

// Allows reports whether an action is permitted.
func (p PAP) Allows(a Action) bool { return slices.Contains(Permitted(p), a) }

var papNames = [...]string{"", "PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED", "PAP:RED"}

// String returns the label, empty for none.
func (p PAP) String() string { return papNames[p.orHold()] }

// ParsePAP reads a label with or without its prefix, in any case; WHITE is CLEAR. Anything
// else returns Hold and ok=false.
func ParsePAP(s string) (p PAP, ok bool) {
	switch strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), "PAP:") {
	case "CLEAR", "WHITE":
		return PAPClear, true
	case "GREEN":
		return PAPGreen, true
	case "AMBER":
		return PAPAmber, true
	case "RED":
		return PAPRed, true
	}
	return Hold, false
}

// MarshalText writes the label. Hold is written as PAP:RED, which is all that others know.
func (p PAP) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a label; an empty one is none, an unknown one Hold.
func (p *PAP) UnmarshalText(b []byte) error {
	if *p = 0; len(b) > 0 {
		*p, _ = ParsePAP(string(b))
	}
	return nil
}
