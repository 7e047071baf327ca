// Package stix reads, writes, checks and matches STIX 2.1 (OASIS Standard,
// 2021, with errata 01). It stands alone: it needs nothing else of meneki.
//
// An Object keeps the bytes it was parsed from. Whatever this package does not
// know (custom properties, extensions, the way a number is written) is still
// there, byte for byte, when the object is written again; the typed view
// beside the bytes never replaces them.
//
// The pattern language is parsed in full (section 9). Matching is STIX
// Patterning conformance level 1: one observation expression, without
// qualifiers, all comparison operators. Patterns of a higher level are parsed
// and printed, and refused by Match with an *UnsupportedError, never matched
// more loosely than they say.
//
// Nothing here reads a clock. An *Object and a *Pattern are never changed
// after they were made and may be shared between goroutines.
package stix
