// Package stix reads, writes, checks and matches STIX 2.1 (OASIS Standard,
// 2021, with errata 01). It stands alone: it needs nothing else of meneki.
//
// An Object keeps the bytes it was parsed from. Whatever this package does not
// know (custom properties, extensions, the way a number is written) is still
// there, byte for byte, when the object is written again; the typed view
// beside the bytes never replaces them.
//
// The pattern language is parsed in full (section 9). Pattern.Match does STIX
// Patterning conformance level 1: one observation expression, without
// qualifiers, all comparison operators. Pattern.Stream does levels 2 and 3 over
// observations that come one after another, each at an instant: AND and OR
// between observations, FOLLOWEDBY, WITHIN, REPEATS, START and STOP. What either
// cannot decide in full (a regular expression with look-around, a stream pattern
// without a bound in time where the caller sets none, more than 64 observation
// expressions) it refuses with an *UnsupportedError, never matching more loosely
// than the pattern says.
//
// Nothing here reads a clock. An *Object and a *Pattern are never changed
// after they were made and may be shared between goroutines.
package stix
