package stix

import "strings"

// MaxPattern is the greatest length of a pattern in bytes.
const MaxPattern = 64 << 10

// Pattern is a parsed STIX pattern (section 9). It is never changed and may be
// shared between goroutines.
type Pattern struct {
	src    string
	root   observations
	level  int
	refuse *UnsupportedError // why Match refuses it; nil if it does not
}

// Source is the pattern as it was read.
func (p *Pattern) Source() string { return p.src }

// String is the pattern in one spelling: single spaces, = and !=, and only the
// parentheses it needs. It parses to the same pattern.
func (p *Pattern) String() string {
	var b strings.Builder
	p.root.write(&b)
	return b.String()
}

// Level is the conformance level (section 12.7) that matching it takes: 1 for
// one observation expression, 2 where several are joined by AND and OR, 3 for
// FOLLOWEDBY and qualifiers.
func (p *Pattern) Level() int { return p.level }

// Matchable returns why Match will refuse the pattern, as an *UnsupportedError;
// nil means that it will not.
func (p *Pattern) Matchable() error {
	if p.refuse == nil {
		return nil
	}
	return p.refuse
}
