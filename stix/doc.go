// Package stix reads, builds, checks and matches STIX 2.1 (OASIS Standard, 2021,
// with errata 01). It needs nothing else of meneki.
//
// # Objects
//
// An [Object] keeps the bytes it was parsed from. Whatever this package does not
// know (custom properties, extensions, the way a number is written) is still there,
// byte for byte, when the object is written again.
//
// For every type there is a struct, such as [Indicator] or [File], with a field for
// each property: its method Object builds an object, and [As] reads one back. [Read]
// reads an object of any type, to switch on. [Validate] checks an object against the
// specification. [NewVersion] changes properties of an object that others made, and
// [Revoke] withdraws it. [ParseBundle] and [WriteBundle] read and write many.
//
// # Patterns
//
// The pattern language is parsed in full (section 9). [Pattern.Match] does STIX
// Patterning conformance level 1: one observation expression, without qualifiers, all
// comparison operators. [Pattern.Stream] does levels 2 and 3 over observations that
// come one after another, each at an instant: AND and OR between observations,
// FOLLOWEDBY, WITHIN, REPEATS, START and STOP. What either cannot decide in full (a
// regular expression with look-around, a stream pattern without a bound in time where
// the caller sets none, more than 64 observation expressions) it refuses with an
// [UnsupportedError], and never matches more loosely than the pattern says.
//
// # Errors
//
// Every error is a [Reason]: an English sentence, and a code with arguments by which
// it can be shown in other languages. [Reasons] lists all codes.
//
// Nothing here reads a clock. An *Object and a *Pattern do not change after they were
// made and may be shared between goroutines.
package stix
