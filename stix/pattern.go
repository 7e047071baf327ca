package stix

import (
	"fmt"
	"strings"
)

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
// parentheses it needs. Parsing it again gives the same pattern.
func (p *Pattern) String() string {
	var b strings.Builder
	p.root.write(&b)
	return b.String()
}

// Level is the conformance level (section 12.7) that matching it takes: 1 for
// one observation expression, 2 where several are joined by AND and OR, 3 for
// FOLLOWEDBY and qualifiers.
func (p *Pattern) Level() int { return p.level }

// Matchable says why Match will refuse the pattern, as an *UnsupportedError;
// nil means that it will not.
func (p *Pattern) Matchable() error {
	if p.refuse == nil {
		return nil
	}
	return p.refuse
}

// UnsupportedError says that a pattern is right and that this package does not
// match it. It is never matched in a weaker way instead.
type UnsupportedError struct {
	Level  int    // the level it would take
	Reason string // what is not supported
}

// Error is one line.
func (e *UnsupportedError) Error() string { return "stix pattern: not supported: " + e.Reason }

// SyntaxError says where a pattern is wrong.
type SyntaxError struct {
	Offset, Line, Column int // bytes from 0; line and column (in letters) from 1
	Reason               string
}

// Error is one line with the position.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("stix pattern: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}
