package sigma

import (
	"fmt"
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
	reason string
}

func (e *conditionError) Error() string { return e.reason }

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
		return nil, &conditionError{0, fmt.Sprintf("condition is longer than %d bytes", maxConditionSize)}
	case !utf8.ValidString(text):
		return nil, &conditionError{0, "condition is not valid UTF-8"}
	case len(p.words) == 0:
		return nil, &conditionError{0, "empty condition"}
	}
	for i, w := range p.words {
		if w.text == "|" {
			what := "aggregation"
			if i+1 < len(p.words) {
				what = fmt.Sprintf("aggregation %q", p.words[i+1].text)
			}
			return nil, &conditionError{w.at, what + " behind | is not part of Sigma 2; write a correlation rule instead"}
		}
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if w := p.peek(); w.text != "" {
		return nil, p.unexpected(w, "and, or, or the end")
	}
	return e, nil
}

// peek gives the next token, one with empty text at the end.
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

func (p *conditionParser) unexpected(w word, want string) error {
	if w.text == "" {
		return &conditionError{w.at, "condition ends where " + want + " is expected"}
	}
	return &conditionError{w.at, fmt.Sprintf("%q in the condition where %s is expected", w.text, want)}
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
		return nil, &conditionError{p.peek().at, fmt.Sprintf("condition is nested deeper than %d levels", maxConditionDepth)}
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
			return nil, p.unexpected(p.peek(), "a closing bracket")
		}
		return e, nil
	}
	if w.text == "" || isOperator(w.text) {
		return nil, p.unexpected(w, "the name of a selection")
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
		return nil, &conditionError{w.at, fmt.Sprintf("write \"1 of %s\" or \"all of %s\" for several selections", w.text, w.text)}
	}
	return nil, &conditionError{w.at, fmt.Sprintf("the condition names %q, but there is no such selection", w.text)}
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
		return nil, &conditionError{count.at, fmt.Sprintf("%q of: only \"1 of\" and \"all of\" are defined", count.text)}
	}
	w := p.peek()
	them := strings.EqualFold(w.text, "them")
	if w.text == "" || isOperator(w.text) && !them {
		return nil, p.unexpected(w, "them or a pattern of selection names")
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
		return nil, &conditionError{w.at, fmt.Sprintf("%q matches no selection", e.text)}
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
