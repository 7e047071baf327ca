package stix

import (
	"strings"
	"unicode/utf8"
)

// ParsePattern reads a pattern of the whole STIX 2.1 pattern language. The
// error is a *SyntaxError. A regular expression that this package cannot run
// (MATCHES takes PCRE, and look-around and back-references are not run here)
// is not an error: the pattern is read, and Matchable reports it.
//
// Where the specification and the OASIS matcher differ, the specification
// counts: a qualifier may come once after an observation, REPEATS and WITHIN
// take more than 0, STOP must be later than START. 2.0's way of writing START
// and STOP as plain strings is not read.
func ParsePattern(src string) (*Pattern, error) {
	if len(src) > MaxPattern {
		return nil, &SyntaxError{Line: 1, Column: 1, Reason: because("stix.pattern.large", len(src), MaxPattern)}
	}
	if !utf8.ValidString(src) {
		return nil, &SyntaxError{Line: 1, Column: 1, Reason: because("stix.pattern.utf")}
	}
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, tokens: tokens, out: &Pattern{src: src, level: 1}}
	if p.out.root, err = p.observations(0); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, p.wrong(t, "stix.pattern.want.joint")
	}
	if p.out.level > 1 {
		p.out.refuse = &UnsupportedError{Level: p.out.level, Reason: p.why}
	}
	return p.out, nil
}

type parser struct {
	src    string
	tokens []token
	pos    int
	out    *Pattern
	depth  int
	why    Reason // what raised the level
	size   int    // of the regular expressions so far
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) take() token {
	t := p.tokens[p.pos]
	if t.kind != endToken {
		p.pos++
	}
	return t
}

func (p *parser) accept(kind tokenKind, text string) bool {
	if t := p.peek(); t.kind == kind && t.text == text {
		p.pos++
		return true
	}
	return false
}

func (p *parser) wrong(t token, want string, args ...any) error {
	return syntax(p.src, t.at, because("stix.pattern.found", t.describe(), because(want, args...)))
}

func (p *parser) enter(t token) error {
	if p.depth++; p.depth > MaxDepth {
		return syntax(p.src, t.at, because("stix.pattern.depth", MaxDepth))
	}
	return nil
}

func (p *parser) raise(level int, why Reason) {
	if level > p.out.level {
		p.out.level, p.why = level, why
	}
}

var observationOps = [...]string{"FOLLOWEDBY", "OR", "AND"}

// observations reads operators from the loosest (0) to the tightest.
func (p *parser) observations(from int) (observations, error) {
	if from == len(observationOps) {
		return p.qualified()
	}
	left, err := p.observations(from + 1)
	if err != nil {
		return nil, err
	}
	op := observationOps[from]
	for p.accept(wordToken, op) {
		right, err := p.observations(from + 1)
		if err != nil {
			return nil, err
		}
		left = combined{op, left, right}
		if op == "FOLLOWEDBY" {
			p.raise(3, because("stix.pattern.unsupported.followedby"))
		} else {
			p.raise(2, because("stix.pattern.unsupported.several", op))
		}
	}
	return left, nil
}

func (p *parser) qualified() (observations, error) {
	t := p.take()
	var of observations
	grouped := false
	switch {
	case t.kind == signToken && t.text == "[":
		inner, err := p.tests(0)
		if err != nil {
			return nil, err
		}
		if !p.accept(signToken, "]") {
			return nil, p.wrong(p.peek(), "stix.pattern.want.close")
		}
		of = expression{inner}
	case t.kind == signToken && t.text == "(":
		if err := p.enter(t); err != nil {
			return nil, err
		}
		inner, err := p.observations(0)
		if err != nil {
			return nil, err
		}
		p.depth--
		if !p.accept(signToken, ")") {
			return nil, p.wrong(p.peek(), "stix.pattern.want.bracket")
		}
		of, grouped = inner, true
	default:
		return nil, p.wrong(t, "stix.pattern.want.observation")
	}
	var qs []qualifier
	for {
		at := p.peek()
		q, ok, err := p.qualifier()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		for _, other := range qs {
			if other.kind != q.kind {
				continue
			}
			if !grouped {
				return nil, syntax(p.src, at.at, because("stix.pattern.qualifier.twice", q.kind))
			}
			// After a group the grammar reads the second as one more group.
			of, qs = qualified{of, qs}, nil
			break
		}
		qs = append(qs, q)
		p.raise(3, because("stix.pattern.unsupported.qualifier", q.kind))
	}
	if len(qs) > 0 {
		return qualified{of, qs}, nil
	}
	return of, nil
}

func (p *parser) qualifier() (q qualifier, ok bool, err error) {
	t := p.peek()
	if t.kind != wordToken {
		return q, false, nil
	}
	switch t.text {
	case "REPEATS", "WITHIN":
		p.pos++
		unit := map[string]string{"REPEATS": "TIMES", "WITHIN": "SECONDS"}[t.text]
		n := p.take()
		if n.kind != literalToken || n.lit.kind != intKind && (t.text == "REPEATS" || n.lit.kind != floatKind) ||
			n.lit.text[0] == '-' {
			return q, false, p.wrong(n, "stix.pattern.want.number", unit)
		}
		if n.lit.f <= 0 {
			return q, false, syntax(p.src, n.at, because("stix.pattern.qualifier.zero", t.text))
		}
		if !p.accept(wordToken, unit) {
			return q, false, p.wrong(p.peek(), "stix.pattern.want.word", unit)
		}
		return qualifier{kind: t.text, number: n.lit.text}, true, nil
	case "START":
		p.pos++
		from, err := p.timestamp()
		if err != nil {
			return q, false, err
		}
		if !p.accept(wordToken, "STOP") {
			return q, false, p.wrong(p.peek(), "stix.pattern.want.word", "STOP")
		}
		to, err := p.timestamp()
		if err != nil {
			return q, false, err
		}
		if to.Compare(from) <= 0 {
			return q, false, syntax(p.src, t.at, because("stix.pattern.stop"))
		}
		return qualifier{kind: "START", start: from, stop: to}, true, nil
	}
	return q, false, nil
}

func (p *parser) timestamp() (Timestamp, error) {
	t := p.take()
	if t.kind != literalToken || t.lit.kind != timeKind {
		return Timestamp{}, p.wrong(t, "stix.pattern.want.timestamp")
	}
	return t.lit.t, nil
}

var testOps = [...]string{"OR", "AND"}

func (p *parser) tests(from int) (test, error) {
	if from == len(testOps) {
		return p.test()
	}
	left, err := p.tests(from + 1)
	if err != nil {
		return nil, err
	}
	for p.accept(wordToken, testOps[from]) {
		right, err := p.tests(from + 1)
		if err != nil {
			return nil, err
		}
		left = junction{testOps[from], left, right}
	}
	return left, nil
}

func (p *parser) test() (test, error) {
	t := p.peek()
	if p.accept(signToken, "(") {
		if err := p.enter(t); err != nil {
			return nil, err
		}
		inner, err := p.tests(0)
		if err != nil {
			return nil, err
		}
		p.depth--
		if !p.accept(signToken, ")") {
			return nil, p.wrong(p.peek(), "stix.pattern.want.bracket")
		}
		return inner, nil
	}
	c := comparison{}
	if c.not = p.accept(wordToken, "NOT"); c.not && p.peek().text != "EXISTS" {
		return nil, p.wrong(p.peek(), "stix.pattern.want.exists")
	}
	var err error
	if p.accept(wordToken, "EXISTS") {
		c.op = "EXISTS"
		c.path, err = p.path()
		return c, err
	}
	if c.path, err = p.path(); err != nil {
		return nil, err
	}
	c.not = p.accept(wordToken, "NOT")
	return p.comparison(c)
}

// comparison reads the operator and what it compares with.
func (p *parser) comparison(c comparison) (test, error) {
	op := p.take()
	c.op = op.text
	switch {
	case op.kind == signToken && strings.Contains(" = == != <> < > <= >= ", " "+op.text+" "):
		switch op.text {
		case "==":
			c.op = "="
		case "<>":
			c.op = "!="
		}
		v := p.take()
		ordered := c.op != "=" && c.op != "!="
		if v.kind != literalToken || ordered && v.lit.kind == boolKind {
			return nil, p.wrong(v, "stix.pattern.want.value.quoted")
		}
		c.values = []literal{v.lit}
	case op.kind == wordToken && op.text == "IN":
		var err error
		if c.values, err = p.set(); err != nil {
			return nil, err
		}
	case op.kind == wordToken &&
		(op.text == "LIKE" || op.text == "MATCHES" || op.text == "ISSUBSET" || op.text == "ISSUPERSET"):
		v := p.take()
		if v.kind != literalToken || v.lit.kind != textKind {
			return nil, p.wrong(v, "stix.pattern.want.string")
		}
		c.values = []literal{v.lit}
		if err := p.prepare(&c, v); err != nil {
			return nil, err
		}
	default:
		return nil, p.wrong(op, "stix.pattern.want.operator")
	}
	return c, p.hashes(c, op)
}

func (p *parser) set() ([]literal, error) {
	if !p.accept(signToken, "(") {
		return nil, p.wrong(p.peek(), "stix.pattern.want.open")
	}
	values := []literal{}
	if p.accept(signToken, ")") {
		return values, nil
	}
	for {
		v := p.take()
		if v.kind != literalToken {
			return nil, p.wrong(v, "stix.pattern.want.value")
		}
		if len(values) > 0 && v.lit.kind.code() != values[0].kind.code() {
			return nil, syntax(p.src, v.at,
				because("stix.pattern.set", values[0].kind.name(), v.lit.kind.name()))
		}
		values = append(values, v.lit)
		if p.accept(signToken, ")") {
			return values, nil
		}
		if !p.accept(signToken, ",") {
			return nil, p.wrong(p.peek(), "stix.pattern.want.comma")
		}
	}
}

func (p *parser) path() (objectPath, error) {
	t := p.take()
	if t.kind != wordToken || keywords[t.text] {
		return objectPath{}, p.wrong(t, "stix.pattern.want.path")
	}
	path := objectPath{typ: t.text}
	if !p.accept(signToken, ":") {
		return path, p.wrong(p.peek(), "stix.pattern.want.colon")
	}
	for first := true; ; first = false {
		if !first {
			if p.accept(signToken, "[") {
				s, err := p.index()
				if err != nil {
					return path, err
				}
				path.steps = append(path.steps, s)
				continue
			}
			if !p.accept(signToken, ".") {
				return path, nil
			}
		}
		n := p.take()
		switch {
		case n.kind == wordToken && !n.hyphen && !keywords[n.text]:
			path.steps = append(path.steps, step{name: n.text})
		case n.kind == wordToken && n.hyphen:
			return path, syntax(p.src, n.at, because("stix.pattern.hyphen", clip(n.text)))
		case n.kind == literalToken && n.lit.kind == textKind:
			path.steps = append(path.steps, step{name: n.lit.text})
		default:
			return path, p.wrong(n, "stix.pattern.want.property")
		}
	}
}

func (p *parser) index() (step, error) {
	t := p.take()
	s := step{index: true}
	switch {
	case t.kind == signToken && t.text == "*":
		s.any = true
	case t.kind == literalToken && t.lit.kind == intKind:
		s.at = t.lit.i
	default:
		return s, p.wrong(t, "stix.pattern.want.index")
	}
	if !p.accept(signToken, "]") {
		return s, p.wrong(p.peek(), "stix.pattern.want.word", "]")
	}
	return s, nil
}
