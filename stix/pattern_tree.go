package stix

import (
	"regexp"
	"strconv"
	"strings"
)

// The tree. Observations are outside the square brackets, tests inside.
type (
	node interface {
		write(*strings.Builder)
		operator() string // that joins it: AND, OR, FOLLOWEDBY, or ""
	}

	observations node // outside the brackets
	test         node // inside them

	expression struct{ test test } // [ … ]

	combined struct {
		op          string // AND, OR, FOLLOWEDBY
		left, right observations
	}

	qualified struct {
		of         observations
		qualifiers []qualifier // each kind at most once
	}

	qualifier struct {
		kind        string // REPEATS, WITHIN, START
		number      string // of REPEATS and WITHIN
		start, stop Timestamp
	}

	junction struct {
		op          string // AND, OR
		left, right test
	}

	comparison struct {
		path   objectPath
		op     string // = != < > <= >= IN LIKE MATCHES ISSUBSET ISSUPERSET EXISTS
		not    bool
		values []literal      // one; any number for IN; none for EXISTS
		re     *regexp.Regexp // of LIKE and MATCHES
	}

	objectPath struct {
		typ   string
		steps []step
	}

	step struct {
		name  string // if it is not an index
		index bool
		any   bool // [*]
		at    int64
	}
)

// kind is the type of a literal.
type kind uint8

const (
	textKind kind = iota
	intKind
	floatKind
	boolKind
	hexKind
	binKind
	timeKind
)

// code returns the code of the kind's name in a sentence.
func (k kind) code() string {
	return [...]string{
		"stix.pattern.kind.string", "stix.pattern.kind.number", "stix.pattern.kind.number", "stix.pattern.kind.bool",
		"stix.pattern.kind.hex", "stix.pattern.kind.binary", "stix.pattern.kind.timestamp",
	}[k]
}

func (k kind) name() Reason { return because(k.code()) }

type literal struct {
	kind  kind
	text  string // of a string, as meant; of others, as written
	i     int64
	f     float64
	bytes []byte // of hex and binary
	t     Timestamp
}

func (o expression) write(b *strings.Builder) {
	b.WriteByte('[')
	o.test.write(b)
	b.WriteByte(']')
}

func (o expression) operator() string { return "" }
func (q qualified) operator() string  { return "" }
func (c combined) operator() string   { return c.op }
func (j junction) operator() string   { return j.op }
func (c comparison) operator() string { return "" }

func rank(op string) int {
	switch op {
	case "AND":
		return 3
	case "OR":
		return 2
	}
	return 1
}

// writeSide puts parentheses round an operand that would bind otherwise.
// Operators are left-associative, so a right operand of the same rank needs
// them too.
func writeSide(b *strings.Builder, operand node, outer string, right bool) {
	op := operand.operator()
	if op != "" && (rank(op) < rank(outer) || right && rank(op) == rank(outer)) {
		b.WriteByte('(')
		operand.write(b)
		b.WriteByte(')')
		return
	}
	operand.write(b)
}

func (c combined) write(b *strings.Builder) {
	writeSide(b, c.left, c.op, false)
	b.WriteString(" " + c.op + " ")
	writeSide(b, c.right, c.op, true)
}

func (q qualified) write(b *strings.Builder) {
	if _, simple := q.of.(expression); simple {
		q.of.write(b)
	} else {
		b.WriteByte('(')
		q.of.write(b)
		b.WriteByte(')')
	}
	for _, x := range q.qualifiers {
		b.WriteString(" " + x.String())
	}
}

func (q qualifier) String() string {
	switch q.kind {
	case "REPEATS":
		return "REPEATS " + q.number + " TIMES"
	case "WITHIN":
		return "WITHIN " + q.number + " SECONDS"
	}
	return "START t'" + q.start.String() + "' STOP t'" + q.stop.String() + "'"
}

func (j junction) write(b *strings.Builder) {
	writeSide(b, j.left, j.op, false)
	b.WriteString(" " + j.op + " ")
	writeSide(b, j.right, j.op, true)
}

func (c comparison) write(b *strings.Builder) {
	not := ""
	if c.not {
		not = "NOT "
	}
	if c.op == "EXISTS" {
		b.WriteString(not + "EXISTS " + c.path.String())
		return
	}
	b.WriteString(c.path.String() + " " + not + c.op + " ")
	if c.op != "IN" {
		b.WriteString(c.values[0].String())
		return
	}
	b.WriteByte('(')
	for i, v := range c.values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.String())
	}
	b.WriteByte(')')
}

func (p objectPath) String() string { return p.typ + ":" + p.tail() }

// tail is the path after the type.
func (p objectPath) tail() string {
	var b strings.Builder
	for i, s := range p.steps {
		switch {
		case s.any:
			b.WriteString("[*]")
		case s.index:
			b.WriteString("[" + strconv.FormatInt(s.at, 10) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			if plainName(s.name) {
				b.WriteString(s.name)
			} else {
				b.WriteString(quote(s.name))
			}
		}
	}
	return b.String()
}

func (l literal) String() string {
	switch l.kind {
	case textKind:
		return quote(l.text)
	case hexKind:
		return "h'" + l.text + "'"
	case binKind:
		return "b'" + l.text + "'"
	case timeKind:
		return "t'" + l.text + "'"
	}
	return l.text
}

// quote writes a string literal: only the quote and the backslash are escaped.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// plainName reports whether a property name needs no quotes in a path.
func plainName(s string) bool {
	if s == "" || keywords[s] {
		return false
	}
	for i, c := range []byte(s) {
		if !isLetter(c) && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

var keywords = map[string]bool{
	"AND": true, "OR": true, "NOT": true, "FOLLOWEDBY": true, "LIKE": true, "MATCHES": true, "ISSUPERSET": true,
	"ISSUBSET": true, "EXISTS": true, "LAST": true, "IN": true, "START": true, "STOP": true, "SECONDS": true,
	"true": true, "false": true, "WITHIN": true, "REPEATS": true, "TIMES": true,
}
