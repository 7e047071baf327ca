package stix

// Error describes what is wrong with an object, and where. It is a [Reason] itself.
type Error struct {
	Object   string // id, or the place of an object without one, such as "objects[3]"
	Property string // empty if it is about the whole object
	Reason   Reason // what is wrong, and where it helps, what is right
}

// Error returns one line that names the object and the property.
func (e *Error) Error() string { return because(e.Code(), e.Args()...).Error() }

// Code returns stix.property, or stix.object if no property is named.
func (e *Error) Code() string {
	if e.Property == "" {
		return "stix.object"
	}
	return "stix.property"
}

// Args returns the object, the property if one is named, and the reason.
func (e *Error) Args() []any {
	var object any = e.Object
	if e.Object == newObject {
		object = because("stix.new")
	}
	if e.Property == "" {
		return []any{object, e.Reason}
	}
	return []any{object, e.Property, e.Reason}
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// newObject is the place of an object that is being built and has no id yet.
const newObject = "new object"

// SyntaxError describes where a pattern is wrong. It is a [Reason] itself.
type SyntaxError struct {
	Offset       int // in bytes, from 0
	Line, Column int // from 1; the column counts characters
	Reason       Reason
}

// Error returns one line with the position.
func (e *SyntaxError) Error() string { return because(e.Code(), e.Args()...).Error() }

// Code returns stix.pattern.
func (e *SyntaxError) Code() string { return "stix.pattern" }

// Args returns the line, the column and the reason.
func (e *SyntaxError) Args() []any { return []any{e.Line, e.Column, e.Reason} }

// Unwrap returns the reason.
func (e *SyntaxError) Unwrap() error { return e.Reason }

// UnsupportedError reports that a pattern is right and that this package does not
// match it. The pattern is never matched in a weaker way instead. It is a [Reason]
// itself.
type UnsupportedError struct {
	Level  int    // the conformance level that the pattern has
	Reason Reason // what is not supported
}

// Error returns one line.
func (e *UnsupportedError) Error() string { return because(e.Code(), e.Args()...).Error() }

// Code returns stix.pattern.unsupported.
func (e *UnsupportedError) Code() string { return "stix.pattern.unsupported" }

// Args returns the reason.
func (e *UnsupportedError) Args() []any { return []any{e.Reason} }

// Unwrap returns the reason.
func (e *UnsupportedError) Unwrap() error { return e.Reason }

// MatchError reports that observed data cannot be compared as the pattern asks: a
// timestamp literal against text that is not a timestamp. It is an error, not "no
// match", because otherwise bad data would go unnoticed. It is a [Reason] itself.
type MatchError struct {
	Path   string
	Reason Reason
}

// Error returns one line.
func (e *MatchError) Error() string { return because(e.Code(), e.Args()...).Error() }

// Code returns stix.pattern.match.
func (e *MatchError) Code() string { return "stix.pattern.match" }

// Args returns the path and the reason.
func (e *MatchError) Args() []any { return []any{e.Path, e.Reason} }

// Unwrap returns the reason.
func (e *MatchError) Unwrap() error { return e.Reason }
