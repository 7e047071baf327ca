package engine

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma/internal/fold"
)

// decider decides a regular expression with as little of the general machine as
// it can: a text that is too short, or lacks a literal that every match holds,
// is decided at once, and some expressions are no more than that. It decides exactly
// as regexp.MatchString does.
type decider struct {
	re     *regexp.Regexp // nil if one of the next four decides it
	always bool
	plain  []byte // the text holds it
	folded []byte // the folded text holds it
	run    *run   // the text holds such a run

	least int        // bytes that a match has at least
	must  [][]string // of each list, the folded text holds one
}

// run is n characters in a row that one class allows, as in ".{1000,}".
type run struct {
	n    int
	any  bool // every character
	line bool // every character but a line break
	set  *syntax.Regexp
}

// Bounds of what is looked at in an expression.
const (
	maxExact = 16
	maxMust  = 48
	maxLeast = 1 << 20
)

func newDecider(re *regexp.Regexp) *decider {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil { // it was compiled, so this does not happen
		return &decider{re: re}
	}
	d := &decider{re: re, least: leastBytes(tree)}
	exact, must := required(tree)
	if exact != nil {
		must = append(must, exact)
	}
	for _, list := range must {
		if usable(list) {
			d.must = append(d.must, list)
		}
	}
	switch t := strip(tree); {
	case t.Op == syntax.OpEmptyMatch:
		d.re, d.always = nil, true
	case t.Op == syntax.OpLiteral && plainRunes(t.Rune):
		d.re = nil
		if t.Flags&syntax.FoldCase != 0 {
			d.folded = []byte(fold.Text(string(t.Rune)))
		} else {
			d.plain = []byte(string(t.Rune))
		}
	default:
		if r := runOf(t); r != nil {
			d.re, d.run = nil, r
		}
	}
	return d
}

// match decides one scalar.
func (d *decider) match(x *cell, all *Cells) bool {
	if len(x.text) < d.least {
		return false
	}
	switch {
	case d.always:
		return true
	case d.plain != nil:
		return bytes.Contains(x.text, d.plain)
	case d.folded != nil:
		return bytes.Contains(all.folded(x), d.folded)
	case d.run != nil:
		return d.run.in(x.text)
	}
	for _, list := range d.must {
		if !containsAny(all.folded(x), list) {
			return false
		}
	}
	return d.re.Match(x.text)
}

// matchText is match for the reference evaluator.
func (d *decider) matchText(text string) bool {
	if len(text) < d.least {
		return false
	}
	return d.match(&cell{kind: cellText, text: []byte(text)}, &Cells{})
}

func containsAny(text []byte, list []string) bool {
	for _, s := range list {
		if bytes.Contains(text, []byte(s)) {
			return true
		}
	}
	return false
}

// usable reports whether a list of literals excludes anything.
func usable(list []string) bool {
	for _, s := range list {
		if s == "" {
			return false
		}
	}
	return len(list) > 0
}

// plainRunes reports whether a literal is found by its bytes: U+FFFD also stands
// for bytes that are not UTF-8.
func plainRunes(runes []rune) bool {
	for _, r := range runes {
		if r == utf8.RuneError {
			return false
		}
	}
	return true
}

// strip returns an expression that is found in the same texts and is simpler at
// its ends: where a text is searched, what may be empty at either end does not
// matter, and of what may be repeated there the least number is enough.
func strip(re *syntax.Regexp) *syntax.Regexp {
	for {
		switch re.Op {
		case syntax.OpCapture:
			re = re.Sub[0]
			continue
		case syntax.OpPlus:
			if nullable(re.Sub[0]) {
				return &syntax.Regexp{Op: syntax.OpEmptyMatch}
			}
			re = re.Sub[0]
			continue
		case syntax.OpRepeat:
			if re.Min == 1 {
				re = re.Sub[0]
				continue
			}
		}
		if nullable(re) {
			return &syntax.Regexp{Op: syntax.OpEmptyMatch}
		}
		if re.Op != syntax.OpConcat {
			return re
		}
		sub := append([]*syntax.Regexp(nil), re.Sub...)
		for len(sub) > 0 && nullable(sub[0]) {
			sub = sub[1:]
		}
		for len(sub) > 0 && nullable(sub[len(sub)-1]) {
			sub = sub[:len(sub)-1]
		}
		if len(sub) != 1 {
			return re
		}
		re = sub[0]
	}
}

// nullable reports whether an expression matches the empty text anywhere.
func nullable(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpStar, syntax.OpQuest:
		return true
	case syntax.OpRepeat:
		return re.Min == 0 || nullable(re.Sub[0])
	case syntax.OpCapture, syntax.OpPlus:
		return nullable(re.Sub[0])
	case syntax.OpConcat:
		for _, s := range re.Sub {
			if !nullable(s) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, s := range re.Sub {
			if nullable(s) {
				return true
			}
		}
	}
	return false
}

// runOf recognises one class of characters, repeated or not.
func runOf(re *syntax.Regexp) *run {
	n := 1
	if re.Op == syntax.OpRepeat {
		n = re.Min
		re = re.Sub[0]
		for re.Op == syntax.OpCapture {
			re = re.Sub[0]
		}
	}
	switch re.Op {
	case syntax.OpAnyChar:
		return &run{n: n, any: true}
	case syntax.OpAnyCharNotNL:
		return &run{n: n, line: true}
	case syntax.OpCharClass:
		return &run{n: n, set: re}
	}
	return nil
}

func (r *run) in(text []byte) bool {
	if r.line {
		return r.inLine(text)
	}
	have := 0
	for left := len(text); left >= r.n-have && left > 0; {
		c, size := utf8.DecodeRune(text[len(text)-left:])
		left -= size
		if r.any || r.set != nil && inClass(r.set.Rune, c) {
			if have++; have >= r.n {
				return true
			}
			continue
		}
		have = 0
	}
	return false
}

// inLine looks for a line that is long enough. Where one of n bytes cannot begin,
// since a break lies in them, the next may begin behind the last such break: of
// short lines hardly a byte is looked at.
func (r *run) inLine(text []byte) bool {
	for len(text) >= r.n {
		if last := bytes.LastIndexByte(text[:r.n], '\n'); last >= 0 {
			text = text[last+1:]
			continue
		}
		end := bytes.IndexByte(text[r.n:], '\n')
		if end < 0 {
			return utf8.RuneCount(text) >= r.n
		}
		if utf8.RuneCount(text[:r.n+end]) >= r.n {
			return true
		}
		text = text[r.n+end+1:]
	}
	return false
}

func inClass(pairs []rune, c rune) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] <= c && c <= pairs[i+1] {
			return true
		}
	}
	return false
}

// leastBytes is how long a match is at least; a character is at least one byte.
func leastBytes(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = 1
	case syntax.OpCapture, syntax.OpPlus:
		n = leastBytes(re.Sub[0])
	case syntax.OpRepeat:
		n = min(re.Min, maxLeast) * leastBytes(re.Sub[0])
	case syntax.OpConcat:
		for _, s := range re.Sub {
			n = min(n+leastBytes(s), maxLeast)
		}
	case syntax.OpAlternate:
		n = maxLeast
		for _, s := range re.Sub {
			n = min(n, leastBytes(s))
		}
	}
	return min(n, maxLeast)
}

// required returns folded literals that the folded form of every match holds.
// exact, unless nil, is all the texts that a match can be; of each list in must,
// one is part of it.
func required(re *syntax.Regexp) (exact []string, must [][]string) {
	switch re.Op {
	case syntax.OpLiteral:
		if !plainRunes(re.Rune) {
			return nil, nil
		}
		return []string{fold.Text(string(re.Rune))}, nil
	case syntax.OpCharClass:
		return classTexts(re.Rune), nil
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}, nil
	case syntax.OpCapture:
		return required(re.Sub[0])
	case syntax.OpPlus:
		return repeated(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return repeated(re.Sub[0])
		}
	case syntax.OpConcat:
		return requiredConcat(re.Sub)
	case syntax.OpAlternate:
		return requiredAlternate(re.Sub)
	}
	return nil, nil
}

// repeated is required of something that may come more than once.
func repeated(re *syntax.Regexp) (exact []string, must [][]string) {
	exact, must = required(re)
	if exact != nil {
		must = append(must, exact)
	}
	return nil, must
}

func requiredConcat(parts []*syntax.Regexp) (exact []string, must [][]string) {
	cur := []string{""}
	whole := true
	flush := func() {
		if usable(cur) {
			must = append(must, cur)
		}
		cur, whole = []string{""}, false
	}
	for _, part := range parts {
		e, m := required(part)
		must = append(must, m...)
		if e == nil {
			flush()
			continue
		}
		if len(e)*len(cur) > maxExact {
			flush()
			cur = e
			continue
		}
		var next []string
		for _, a := range cur {
			for _, b := range e {
				next = append(next, a+b)
			}
		}
		cur = next
	}
	if whole {
		return cur, must
	}
	flush()
	return nil, must
}

func requiredAlternate(parts []*syntax.Regexp) (exact []string, must [][]string) {
	allExact := true
	var all, union []string
	known := true
	for _, part := range parts {
		e, m := required(part)
		if e != nil {
			m = append(m, e)
			all = append(all, e...)
		} else {
			allExact = false
		}
		best := bestList(m)
		known = known && best != nil
		union = append(union, best...)
	}
	switch {
	case allExact && len(all) <= maxMust:
		return all, nil
	case known && len(union) <= maxMust:
		return nil, [][]string{union}
	}
	return nil, nil
}

// bestList returns the list whose shortest literal is longest; nil if none excludes
// anything.
func bestList(lists [][]string) []string {
	var best []string
	bestLen := 0
	for _, list := range lists {
		if !usable(list) {
			continue
		}
		shortest := len(list[0])
		for _, s := range list {
			shortest = min(shortest, len(s))
		}
		if shortest > bestLen || shortest == bestLen && len(list) < len(best) {
			best, bestLen = list, shortest
		}
	}
	return best
}

// classTexts writes a small class of characters out; nil if it is large.
func classTexts(pairs []rune) []string {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1]-pairs[i] > maxExact {
			return nil
		}
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if r == utf8.RuneError {
				return nil
			}
			s := string(fold.Rune(r))
			if strings.Contains(strings.Join(out, ""), s) {
				continue
			}
			if out = append(out, s); len(out) > maxExact {
				return nil
			}
		}
	}
	return out
}
