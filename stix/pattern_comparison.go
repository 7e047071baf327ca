package stix

// Comparison is one comparison of a pattern as it is written.
type Comparison struct {
	Object string   // object type: "file"
	Path   string   // as a pattern writes it: "hashes.'SHA-256'", "values[*].name"
	Op     string   // = != < > <= >= IN LIKE MATCHES ISSUBSET ISSUPERSET EXISTS
	Not    bool     // before the operator
	Kind   Literal  // of Values
	Values []string // one; any number for IN; none for EXISTS. Strings as meant, others as written.
}

// Literal is the type of what a comparison compares with.
type Literal string

// The types of literals.
const (
	TextLiteral   Literal = "string"
	NumberLiteral Literal = "number"
	BoolLiteral   Literal = "boolean"
	BytesLiteral  Literal = "bytes" // hex and binary
	TimeLiteral   Literal = "timestamp"
)

func (k kind) literal() Literal {
	return [...]Literal{TextLiteral, NumberLiteral, NumberLiteral, BoolLiteral, BytesLiteral, BytesLiteral,
		TimeLiteral}[k]
}

func (c comparison) exported() Comparison {
	out := Comparison{Object: c.path.typ, Path: c.path.tail(), Op: c.op, Not: c.not, Kind: TextLiteral}
	for _, v := range c.values {
		out.Kind = v.kind.literal()
		out.Values = append(out.Values, v.text)
	}
	return out
}

// Comparisons lists every comparison of the pattern, from left to right.
func (p *Pattern) Comparisons() []Comparison {
	var out []Comparison
	for _, t := range expressions(nil, p.root) {
		out = comparisons(out, t)
	}
	return out
}

func comparisons(out []Comparison, t test) []Comparison {
	switch t := t.(type) {
	case junction:
		return comparisons(comparisons(out, t.left), t.right)
	case comparison:
		return append(out, t.exported())
	}
	return out
}

// expressions returns what is in the brackets, from left to right.
func expressions(out []test, o observations) []test {
	switch o := o.(type) {
	case expression:
		return append(out, o.test)
	case combined:
		return expressions(expressions(out, o.left), o.right)
	case qualified:
		return expressions(out, o.of)
	}
	return out
}

// IsDisjunction reports whether the pattern says no more than that one of its Comparisons
// holds: it is one observation whose comparisons are joined by OR.
func (p *Pattern) IsDisjunction() bool {
	o, single := p.root.(expression)
	return single && isDisjunction(o.test)
}

func isDisjunction(t test) bool {
	if j, is := t.(junction); is {
		return j.op == "OR" && isDisjunction(j.left) && isDisjunction(j.right)
	}
	return true
}

// Rewrite returns the pattern with other strings in its comparisons by =, != and
// IN: f is asked for each. The source stays that of p.
func (p *Pattern) Rewrite(f func(c Comparison, value string) string) *Pattern {
	q := *p
	q.root = rewriteObservations(p.root, f)
	return &q
}

func rewriteObservations(o observations, f func(Comparison, string) string) observations {
	switch o := o.(type) {
	case expression:
		return expression{rewriteTest(o.test, f)}
	case combined:
		return combined{o.op, rewriteObservations(o.left, f), rewriteObservations(o.right, f)}
	case qualified:
		return qualified{rewriteObservations(o.of, f), o.qualifiers}
	}
	return o
}

func rewriteTest(t test, f func(Comparison, string) string) test {
	switch t := t.(type) {
	case junction:
		return junction{t.op, rewriteTest(t.left, f), rewriteTest(t.right, f)}
	case comparison:
		if t.op != "=" && t.op != "!=" && t.op != "IN" {
			return t
		}
		c := t.exported()
		values := make([]literal, len(t.values))
		for i, v := range t.values {
			if v.kind == textKind {
				v.text = f(c, v.text)
			}
			values[i] = v
		}
		t.values = values
		return t
	}
	return t
}

// MatchesAny reports whether an observation meets any observation expression of the
// pattern: one that meets none is nothing to a Stream. The errors are those of
// Match.
func (p *Pattern) MatchesAny(seen Observation) (bool, error) {
	m := matcher{seen: seen}
	for _, t := range expressions(nil, p.root) {
		for _, sco := range seen {
			if ok, err := m.eval(t, sco); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}
