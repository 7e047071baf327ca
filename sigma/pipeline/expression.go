package pipeline

import (
	"slices"
	"strings"
)

// expression is a condition over other conditions, which it knows by number.
type expression interface {
	eval(results []truth) truth
}

type (
	exprName int
	exprNot  struct{ of expression }
	exprAnd  struct{ all []expression }
	exprOr   struct{ any []expression }
)

func (e exprName) eval(results []truth) truth { return results[e] }
func (e exprNot) eval(results []truth) truth  { return e.of.eval(results).not() }

func (e exprAnd) eval(results []truth) truth {
	out := yes
	for _, x := range e.all {
		out = min(out, x.eval(results))
	}
	return out
}

func (e exprOr) eval(results []truth) truth {
	out := no
	for _, x := range e.any {
		out = max(out, x.eval(results))
	}
	return out
}

const (
	maxExpression      = 16 << 10
	maxExpressionDepth = 100
)

// parseExpression reads not, and, or, in that order of strength, and brackets.
// used are the numbers of the names that come up.
func parseExpression(text string, names []string) (e expression, used map[int]bool, err error) {
	if len(text) > maxExpression {
		return nil, nil, reasons.New("pipeline.expression.long", maxExpression)
	}
	spaced := strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	p := &exprParser{words: strings.Fields(spaced), names: names, used: make(map[int]bool)}
	if e, err = p.or(); err == nil && p.next < len(p.words) {
		err = reasons.New("pipeline.expression.unexpected", p.words[p.next])
	}
	return e, p.used, err
}

type exprParser struct {
	words []string
	next  int
	depth int
	names []string
	used  map[int]bool
}

func (p *exprParser) accept(word string) bool {
	if p.next < len(p.words) && p.words[p.next] == word {
		p.next++
		return true
	}
	return false
}

func (p *exprParser) or() (expression, error) {
	var parts []expression
	for {
		e, err := p.and()
		if err != nil {
			return nil, err
		}
		if parts = append(parts, e); !p.accept("or") {
			return exprOr{parts}, nil
		}
	}
}

func (p *exprParser) and() (expression, error) {
	var parts []expression
	for {
		e, err := p.not()
		if err != nil {
			return nil, err
		}
		if parts = append(parts, e); !p.accept("and") {
			return exprAnd{parts}, nil
		}
	}
}

func (p *exprParser) not() (expression, error) {
	if p.depth++; p.depth > maxExpressionDepth {
		return nil, reasons.New("pipeline.expression.depth", maxExpressionDepth)
	}
	defer func() { p.depth-- }()
	if p.accept("not") {
		e, err := p.not()
		return exprNot{e}, err
	}
	if p.accept("(") {
		e, err := p.or()
		if err == nil && !p.accept(")") {
			err = reasons.New("pipeline.expression.bracket")
		}
		return e, err
	}
	if p.next == len(p.words) {
		return nil, reasons.New("pipeline.expression.end")
	}
	word := p.words[p.next]
	p.next++
	i := slices.Index(p.names, word)
	if i < 0 {
		return nil, reasons.New("pipeline.expression.name", word)
	}
	p.used[i] = true
	return exprName(i), nil
}
