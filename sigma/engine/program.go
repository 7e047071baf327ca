package engine

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/compiled"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// program is a rule as the engine decides it: in negation normal form, over
// tests that rules share. What the engine does not decide itself, keywords, is
// taken to hold wherever that can make the rule match. So a program never says
// no where the rule matches, and says yes in vain only for keywords.
type program struct {
	rule  *sigma.Rule
	exec  *sigma.Rule // the rule with regular expressions that are decided faster
	index int32       // in the set
	root  *node
	ids   map[int64]bool // of EventID, one of which the event must have; nil if any will do
}

type nodeOp uint8

const (
	opTrue nodeOp = iota
	opAll
	opAny
	opTest
)

type node struct {
	op    nodeOp
	neg   bool // of a test: it must not hold
	test  *test
	nodes []*node
	words *compiled.Item // keywords: holds for all we know
	cost  float64
}

// test is one item of a rule without all and neq, which are resolved in the
// program: it holds if any of its values is found in the field.
type test struct {
	id     int32
	field  int32
	exists int8 // 1: the field must be there, -1: must not, 0: compare
	null   bool // absence is enough

	peekable bool   // see peek
	spelled  []byte // what peek looks for; nil if for a long line

	plain                         bool     // any of the next four
	equal, prefix, suffix, inside []string // folded
	equals                        map[string]struct{}
	search                        *searcher // for inside, if there are many
	others                        []other
}

// other is a probe that is not one folded literal.
type other struct {
	kind   otherKind
	a, b   string
	tokens []compiled.Token
	re     *decider
	field  int32
	probe  compiled.Probe
}

type otherKind uint8

const (
	casedEqual otherKind = iota
	casedPrefix
	casedSuffix
	casedInside
	glob      // tokens over folded text
	casedGlob // tokens over text
	number    // a exactly, or b folded
	null
	regex
	ref      // place in a
	casedRef // place in a
	opaque   // the probe itself
)

// From how many values on they are looked up instead of compared one by one.
const (
	manyEquals = 6
	manyInside = 8
)

// compiler makes programs of rules, with the tests that several of them use only
// once.
type compiler struct {
	names    *Names
	tests    map[string]*test
	count    int32
	deciders map[string]*decider
	popular  map[string]int // literal: how many tests hold it
}

func (c *compiler) decider(re *regexp.Regexp) *decider {
	key := re.String()
	d := c.deciders[key]
	if d == nil {
		d = newDecider(re)
		c.deciders[key] = d
	}
	return d
}

func (c *compiler) program(index int, r *sigma.Rule) *program {
	p := &program{rule: r, index: int32(index)}
	form := r.Compiled()
	decide := func(re *regexp.Regexp) func(string) bool { return c.decider(re).matchText }
	p.exec = form.WithRegexes(decide).(*sigma.Rule)
	p.root = c.node(form.Conditions, false)
	if ids := r.EventIDs(); ids != nil {
		p.ids = make(map[int64]bool, len(ids))
		for _, id := range ids {
			p.ids[id] = true
		}
	}
	return p
}

func (c *compiler) node(part *compiled.Part, neg bool) *node {
	switch part.Kind {
	case compiled.PartNot:
		return c.node(part.Parts[0], !neg)
	case compiled.PartItem:
		return c.item(part.Item, neg)
	}
	op := opAll
	if (part.Kind == compiled.PartAny) != neg {
		op = opAny
	}
	n := &node{op: op}
	for _, p := range part.Parts {
		n.add(c.node(p, neg))
	}
	return n.tidy()
}

// add adds a part, and those of a part of the same kind one by one.
func (n *node) add(part *node) {
	if part.op == n.op {
		n.nodes = append(n.nodes, part.nodes...)
		return
	}
	n.nodes = append(n.nodes, part)
}

func (n *node) tidy() *node {
	if len(n.nodes) == 1 {
		return n.nodes[0]
	}
	return n
}

// item makes the node of one item. With neg the item must not hold.
func (c *compiler) item(it *compiled.Item, neg bool) *node {
	neg = neg != it.Neq
	if it.Keyword {
		if neg {
			return &node{op: opTrue}
		}
		return &node{op: opTrue, words: it}
	}
	if !it.All {
		return &node{op: opTest, neg: neg, test: c.test(it, it.Values)}
	}
	op := opAll
	if neg {
		op = opAny
	}
	n := &node{op: op}
	for i := range it.Values {
		n.add(&node{op: opTest, neg: neg, test: c.test(it, it.Values[i:i+1])})
	}
	return n.tidy()
}

func (c *compiler) test(it *compiled.Item, values []compiled.Value) *test {
	field, _ := find(c.names, it.Field)
	t := &test{field: field}
	var key strings.Builder
	key.WriteString(strconv.Itoa(int(field)))
	put := func(kind string, list ...string) {
		key.WriteByte(0)
		key.WriteString(kind)
		for _, s := range list {
			key.WriteString(strconv.Itoa(len(s)))
			key.WriteByte(':')
			key.WriteString(s)
		}
	}
	if it.Exists != nil {
		if t.exists = -1; *it.Exists {
			t.exists = 1
		}
		put("exists", strconv.Itoa(int(t.exists)))
	}
	for _, val := range values {
		if val.Null {
			t.null = true
			put("absent")
		}
		for _, p := range val.Probes {
			c.probe(t, p, put)
		}
	}
	if old := c.tests[key.String()]; old != nil {
		return old
	}
	t.id = c.count
	c.count++
	t.plain = len(t.equal)+len(t.prefix)+len(t.suffix)+len(t.inside) > 0
	if len(t.equal) >= manyEquals {
		t.equals = make(map[string]struct{}, len(t.equal))
		for _, s := range t.equal {
			t.equals[s] = struct{}{}
		}
	}
	if len(t.inside) >= manyInside {
		t.search = newSearcher(t.inside)
	}
	t.preparePeek()
	c.tests[key.String()] = t
	for _, list := range [][]string{t.equal, t.prefix, t.suffix, t.inside} {
		for _, s := range list {
			c.popular[s]++
		}
	}
	return t
}

// maxDashes is how many spellings of a value with windash are written out.
const maxDashes = 25

// probe adds a probe to a test, and to its key.
func (c *compiler) probe(t *test, p compiled.Probe, put func(string, ...string)) {
	switch p.Kind {
	case compiled.ProbeText:
		c.text(t, p, put)
	case compiled.ProbeNumber:
		folded := fold.Text(p.Text[1])
		put("number", p.Text[0], folded)
		if p.Text[0] == folded && fold.Text(p.Text[0]) == p.Text[0] && !strings.ContainsAny(folded, "e") {
			t.equal = append(t.equal, folded)
			return
		}
		t.others = append(t.others, other{kind: number, a: p.Text[0], b: folded})
	case compiled.ProbeBool:
		folded := fold.Text(p.Text[0])
		put("equal", folded)
		t.equal = append(t.equal, folded)
	case compiled.ProbeNull:
		put("null")
		t.others = append(t.others, other{kind: null})
	case compiled.ProbeRegex:
		d := c.decider(p.Regex)
		put("regex", p.Regex.String())
		t.others = append(t.others, other{kind: regex, re: d})
	case compiled.ProbeRef:
		kind, name := ref, "ref"
		if p.Cased {
			kind, name = casedRef, "casedref"
		}
		put(name, p.Text[0], p.Text[1])
		id, _ := find(c.names, p.Text[0])
		t.others = append(t.others, other{kind: kind, a: p.Text[1], field: id})
	default:
		put("opaque", strconv.Itoa(int(c.count))) // shared with no other test
		t.others = append(t.others, other{kind: opaque, probe: p})
	}
}

func (c *compiler) text(t *test, p compiled.Probe, put func(string, ...string)) {
	place, variants := simpleText(p.Tokens)
	if variants == nil {
		kind := glob
		name := "glob"
		if p.Cased {
			kind, name = casedGlob, "casedglob"
		}
		put(name)
		for _, tok := range p.Tokens {
			put(strconv.Itoa(int(tok.Kind)), tok.Text)
		}
		t.others = append(t.others, other{kind: kind, tokens: p.Tokens})
		return
	}
	if p.Cased {
		kind := map[placing]otherKind{equal: casedEqual, prefix: casedPrefix, suffix: casedSuffix,
			inside: casedInside}[place]
		put("cased"+strconv.Itoa(int(place)), variants...)
		for _, v := range variants {
			t.others = append(t.others, other{kind: kind, a: v, b: fold.Text(v)})
		}
		return
	}
	put(strconv.Itoa(int(place)), variants...)
	switch place {
	case equal:
		t.equal = append(t.equal, variants...)
	case prefix:
		t.prefix = append(t.prefix, variants...)
	case suffix:
		t.suffix = append(t.suffix, variants...)
	default:
		t.inside = append(t.inside, variants...)
	}
}

// placing is where in a text a literal must be.
type placing uint8

const (
	equal placing = iota
	prefix
	suffix
	inside
	present // no literal: the field must be there
)

// simpleText recognises a pattern that is a literal with * around it or not,
// with windash as few literals; nil if it is anything else.
func simpleText(tokens []compiled.Token) (placing, []string) {
	before, behind := false, false
	if len(tokens) > 0 && tokens[0].Kind == compiled.TokenMany {
		before, tokens = true, tokens[1:]
	}
	if len(tokens) > 0 && tokens[len(tokens)-1].Kind == compiled.TokenMany {
		behind, tokens = true, tokens[:len(tokens)-1]
	}
	if len(tokens) == 0 && before {
		return inside, []string{""}
	}
	variants := spellings(tokens)
	switch {
	case before && behind:
		return inside, variants
	case before:
		return suffix, variants
	case behind:
		return prefix, variants
	}
	return equal, variants
}

// spellings writes tokens without wildcards out; nil if there are wildcards or
// too many spellings.
func spellings(tokens []compiled.Token) []string {
	out := []string{""}
	for _, t := range tokens {
		switch t.Kind {
		case compiled.TokenText:
			for i := range out {
				out[i] += t.Text
			}
		case compiled.TokenDash:
			var next []string
			for _, s := range out {
				for _, d := range compiled.Dashes {
					next = append(next, s+string(d))
				}
			}
			if out = next; len(out) > maxDashes {
				return nil
			}
		default:
			return nil
		}
	}
	return out
}
