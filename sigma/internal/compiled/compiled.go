// Package compiled shows what package sigma made of a rule as data, for packages
// that decide rules in another way than the reference evaluator does. It adds no
// meaning of its own: every part is what the evaluator works with.
package compiled

import "regexp"

// Rule is a detection rule.
type Rule struct {
	// Conditions are the rule's conditions, any of which is enough.
	Conditions *Part
	// WithRegexes returns a copy of the rule, a *sigma.Rule, in which regular
	// expressions are decided by the functions that decide returns for them, which
	// must return what MatchString of re does. Its matches name the copy in
	// Match.Rule and are otherwise the same. A rule without regular expressions is
	// its own copy.
	WithRegexes func(decide func(re *regexp.Regexp) func(text string) bool) any
}

// Correlation is a correlation rule.
type Correlation struct {
	// Alternatives are what the condition of a temporal type stands for, any of
	// which is enough. They are there with a condition in words, and with
	// temporal_ordered. A temporal correlation without them compares the number of
	// different rules.
	Alternatives []Alternative
}

// Alternative is a set of rules that must all have matched, and one of which
// none may have. The numbers are indices into Rules of the correlation, rising.
type Alternative struct{ Present, Absent []int }

// PartKind is what a Part stands for.
type PartKind uint8

// The kinds of parts.
const (
	PartAll  PartKind = iota // holds if all Parts do, and if there are none
	PartAny                  // holds if any of Parts does
	PartNot                  // holds if its one part does not
	PartItem                 // holds if Item does
)

// Part is a node of a rule's conditions, with the selections in place of their
// names.
type Part struct {
	Kind  PartKind
	Parts []*Part
	Item  *Item
}

// Item is a field, or with Keyword the whole event, and the values it is
// compared with. Without Exists it holds if any value is found in any scalar of
// the field (with All: every value), and with Neq if that is not so.
type Item struct {
	Field   string
	Keyword bool
	Neq     bool
	All     bool  // never together with Neq, where it makes no difference
	Exists  *bool // the field must be there, or must not; there are no Values then
	Values  []Value
}

// Value is one value of an item. Any of Probes is enough; with Null the absence
// of the field is, too.
type Value struct {
	Null   bool
	Probes []Probe
}

// ProbeKind is how a Probe compares.
type ProbeKind uint8

// The kinds of probes.
const (
	ProbeText   ProbeKind = iota // Tokens, with the whole text
	ProbeNumber                  // the text is Text[0], or Text[1] without regard to case
	ProbeBool                    // the text is Text[0] without regard to case
	ProbeNull                    // the scalar is null
	ProbeRegex                   // Regex is found in the text
	// ProbeRef is the text against that of the field Text[0]; Text[1] is how:
	// contains, startswith, endswith or "".
	ProbeRef
	ProbeOther // ask Match
)

// TokenKind is what a part of a text pattern stands for.
type TokenKind uint8

// The kinds of tokens.
const (
	TokenText TokenKind = iota // exactly Text
	TokenOne                   // one character; of bytes that are not UTF-8, one byte
	TokenMany                  // any number of characters
	TokenDash                  // one of Dashes
)

// Dashes are the characters that windash takes for one another, for which
// TokenDash stands: hyphen, slash, en dash, em dash and horizontal bar.
const Dashes = "-/–—―"

// Token is a part of a text pattern.
type Token struct {
	Kind TokenKind
	Text string
}

// Probe is one compiled comparison with one scalar of an event. Only ProbeNull
// holds for null, and none for maps.
type Probe struct {
	Kind   ProbeKind
	Cased  bool    // of ProbeText and ProbeRef; otherwise Tokens are folded and compared with folded text
	Tokens []Token // of ProbeText
	Text   [2]string
	Regex  *regexp.Regexp
	// Match reports whether a scalar with this text satisfies a ProbeOther.
	Match func(text string) bool
}
