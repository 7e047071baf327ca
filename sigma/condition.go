package sigma

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of one condition.
const (
	maxConditionDepth = 100
	maxConditionSize  = 64 << 10
)

// expr is a node of a condition.
type expr interface {
	eval(v *view) bool
}

type (
	andExpr struct{ all []expr }
	orExpr  struct{ any []expr }
	notExpr struct{ of expr }
	// ofExpr is "1 of" or "all of" selections.
	ofExpr struct {
		text       string // as written, "1 of filter_*"
		all        bool
		selections []*selection
	}
	// selExpr is one selection by its name.
	selExpr struct{ *selection }
)

func (e andExpr) eval(v *view) bool {
	for _, x := range e.all {
		if !x.eval(v) {
			return false
		}
	}
	return true
}

func (e orExpr) eval(v *view) bool {
	for _, x := range e.any {
		if x.eval(v) {
			return true
		}
	}
	return false
}

func (e notExpr) eval(v *view) bool { return !e.of.eval(v) }

func (e ofExpr) eval(v *view) bool {
	for _, s := range e.selections {
		if s.body.eval(v) != e.all {
			return !e.all
		}
	}
	return e.all
}

func (e selExpr) eval(v *view) bool { return e.body.eval(v) }

// word is a token of a condition with its place in bytes.
type word struct {
	text string
	at   int
}

// conditionError is a mistake at a byte offset of the condition.
type conditionError struct {
	at     int
	reason Reason
}

func (e *conditionError) Error() string { return e.reason.Error() }

// words cuts a condition into tokens: ( ) | , and words between blanks.
func words(text string) []word {
	var out []word
	begin := -1
	flush := func(end int) {
		if begin >= 0 {
			out = append(out, word{text[begin:end], begin})
			begin = -1
		}
	}
	for i, r := range text {
		switch {
		case unicode.IsSpace(r):
			flush(i)
		case strings.ContainsRune("()|,", r):
			flush(i)
			out = append(out, word{string(r), i})
		case begin < 0:
			begin = i
		}
	}
	flush(len(text))
	return out
}

// conditionParser is a recursive descent parser, one method for each level of
// precedence: or, and, not, x of, brackets.
type conditionParser struct {
	words      []word
	next       int
	end        int
	depth      int
	selections []*selection
}

// parseCondition reads one condition. Errors are of type *conditionError.
func parseCondition(text string, selections []*selection) (expr, error) {
	p := &conditionParser{words: words(text), end: len(text), selections: selections}
	switch {
	case len(text) > maxConditionSize:
		return nil, &conditionError{0, reasons.New("sigma.condition.long", maxConditionSize)}
	case !utf8.ValidString(text):
		return nil, &conditionError{0, reasons.New("sigma.condition.utf8")}
	case len(p.words) == 0:
		return nil, &conditionError{0, reasons.New("sigma.condition.empty")}
	}
	for i, w := range p.words {
		if w.text == "|" {
			what := reasons.New("sigma.kind.aggregation")
			if i+1 < len(p.words) {
				what = reasons.New("sigma.kind.aggregation-named", p.words[i+1].text)
			}
			return nil, &conditionError{w.at, reasons.New("sigma.condition.aggregation", what)}
		}
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if w := p.peek(); w.text != "" {
		return nil, p.unexpected(w, "sigma.expect.operator")
	}
	return e, nil
}

// peek returns the next token, one with empty text at the end.
func (p *conditionParser) peek() word {
	if p.next < len(p.words) {
		return p.words[p.next]
	}
	return word{at: p.end}
}

// accept takes the next token if it is this keyword, in any case.
func (p *conditionParser) accept(keyword string) bool {
	if strings.EqualFold(p.peek().text, keyword) {
		p.next++
		return true
	}
	return false
}

func (p *conditionParser) unexpected(w word, code string) error {
	want := reasons.New(code)
	if w.text == "" {
		return &conditionError{w.at, reasons.New("sigma.condition.end", want)}
	}
	return &conditionError{w.at, reasons.New("sigma.condition.unexpected", w.text, want)}
}

func (p *conditionParser) or() (expr, error) {
	var parts []expr
	for {
		e, err := p.and()
		if err != nil {
			return nil, err
		}
		if parts = append(parts, e); !p.accept("or") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return orExpr{parts}, nil
}

func (p *conditionParser) and() (expr, error) {
	var parts []expr
	for {
		e, err := p.not()
		if err != nil {
			return nil, err
		}
		if parts = append(parts, e); !p.accept("and") {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return andExpr{parts}, nil
}

func (p *conditionParser) not() (expr, error) {
	if p.depth++; p.depth > maxConditionDepth {
		return nil, &conditionError{p.peek().at, reasons.New("sigma.condition.depth", maxConditionDepth)}
	}
	defer func() { p.depth-- }()
	if !p.accept("not") {
		return p.operand()
	}
	e, err := p.not()
	if err != nil {
		return nil, err
	}
	return notExpr{e}, nil
}

// operand reads brackets, "x of", or the name of a selection.
func (p *conditionParser) operand() (expr, error) {
	w := p.peek()
	if p.accept("(") {
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.accept(")") {
			return nil, p.unexpected(p.peek(), "sigma.expect.bracket")
		}
		return e, nil
	}
	if w.text == "" || isOperator(w.text) {
		return nil, p.unexpected(w, "sigma.expect.selection")
	}
	p.next++
	if p.accept("of") {
		return p.of(w)
	}
	for _, s := range p.selections {
		if s.name == w.text {
			return selExpr{s}, nil
		}
	}
	if strings.Contains(w.text, "*") {
		return nil, &conditionError{w.at, reasons.New("sigma.condition.pattern", w.text, w.text)}
	}
	return nil, &conditionError{w.at, reasons.New("sigma.condition.selection-missing", w.text)}
}

func isOperator(text string) bool {
	switch strings.ToLower(text) {
	case "and", "or", "not", "of", "them", "(", ")", "|", ",":
		return true
	}
	return false
}

// of reads what follows "1 of", "any of" or "all of".
func (p *conditionParser) of(count word) (expr, error) {
	e := ofExpr{}
	switch strings.ToLower(count.text) {
	case "1", "any":
	case "all":
		e.all = true
	default:
		return nil, &conditionError{count.at, reasons.New("sigma.condition.count", count.text)}
	}
	w := p.peek()
	them := strings.EqualFold(w.text, "them")
	if w.text == "" || isOperator(w.text) && !them {
		return nil, p.unexpected(w, "sigma.expect.pattern")
	}
	p.next++
	e.text = count.text + " of " + w.text
	pattern := w.text
	if them {
		pattern = "*"
	}
	for _, s := range p.selections {
		// By convention a name that begins with _ is only meant when it is
		// named so.
		hidden := strings.HasPrefix(s.name, "_") && !strings.HasPrefix(pattern, "_")
		if !hidden && nameMatches(pattern, s.name) {
			e.selections = append(e.selections, s)
		}
	}
	if len(e.selections) == 0 {
		return nil, &conditionError{w.at, reasons.New("sigma.condition.pattern-unmatched", e.text)}
	}
	return e, nil
}

// nameMatches compares a selection name with a pattern in which only * is
// special.
func nameMatches(text, name string) bool {
	var p pattern
	for i, part := range strings.Split(text, "*") {
		if i > 0 {
			p = append(p, token{kind: anyMany})
		}
		p = append(p, literalPattern(part)...)
	}
	return p.match(name)
}
