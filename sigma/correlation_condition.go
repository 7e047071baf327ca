package sigma

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma/internal/compiled"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

const (
	maxAlternatives = 64        // that one condition may stand for
	maxCount        = 1_000_000 // that one may ask for
)

// CorrelationCondition says when a correlation holds: either by comparisons of a
// number, all of which must hold, or by Expression.
type CorrelationCondition struct {
	Comparisons []Comparison
	// Fields are what value_count counts, several as one tuple, and the one field
	// that the numeric types compute with. Names of fields or aliases.
	Fields     []string
	Percentile float64 // of value_percentile and value_median, 0 to 100

	// Expression is the condition in words over rules ("a and not b"), as written.
	Expression string
}

// Comparison is one of the criteria gt, gte, lt, lte, eq, neq.
type Comparison struct {
	Op    string
	Value float64
}

// Holds reports whether a number satisfies the comparison.
func (c Comparison) Holds(n float64) bool {
	switch c.Op {
	case "gt":
		return n > c.Value
	case "gte":
		return n >= c.Value
	case "lt":
		return n < c.Value
	case "lte":
		return n <= c.Value
	case "eq":
		return n == c.Value
	case "neq":
		return n != c.Value
	}
	return false
}

// Compare reports whether a number satisfies all comparisons.
func (c *CorrelationCondition) Compare(n float64) bool {
	for _, one := range c.Comparisons {
		if !one.Holds(n) {
			return false
		}
	}
	return true
}

// String writes the condition in one line.
func (c *CorrelationCondition) String() string {
	if c.Expression != "" {
		return strings.Join(strings.Fields(c.Expression), " ")
	}
	var parts []string
	for _, one := range c.Comparisons {
		parts = append(parts, fmt.Sprintf("%s %v", one.Op, one.Value))
	}
	if len(c.Fields) > 0 {
		parts = append(parts, "of "+strings.Join(c.Fields, ", "))
	}
	return strings.Join(parts, " ")
}

func (c *Correlation) readCondition(b *builder, n *yaml.Node) error {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		if !c.Type.Together() {
			return fail(n, "sigma.correlation.words", string(c.Type))
		}
		return c.readExpression(b, n)
	case n.Kind != yaml.MappingNode:
		return fail(n, "sigma.correlation.condition-kind", kindName(n))
	}
	return yamldoc.Pairs(n, func(key string, at, val *yaml.Node) (err error) {
		switch key {
		case "gt", "gte", "lt", "lte", "eq", "neq":
			var v float64
			if v, err = c.readNumber(key, val); err == nil {
				c.Condition.Comparisons = append(c.Condition.Comparisons, Comparison{key, v})
			}
		case "field":
			if c.Type != ValueCount && !c.Type.Numeric() {
				return fail(at, "sigma.correlation.no-field", string(c.Type))
			}
			c.Condition.Fields, err = fieldNames("field", val)
			if err == nil && c.Type.Numeric() && len(c.Condition.Fields) > 1 {
				err = fail(val, "sigma.correlation.one-field", string(c.Type), len(c.Condition.Fields))
			}
			if err == nil && len(c.Condition.Fields) > maxGroupBy {
				err = fail(val, "sigma.correlation.many-condition-fields", maxGroupBy)
			}
		case "percentile":
			if c.Type != ValuePercentile {
				return fail(at, "sigma.correlation.no-percentile", string(c.Type))
			}
			if c.Condition.Percentile, err = c.readNumber(key, val); err == nil &&
				(c.Condition.Percentile < 0 || c.Condition.Percentile > 100) {
				err = fail(val, "sigma.correlation.percentile-range")
			}
		default:
			err = fail(at, "sigma.correlation.condition-key", key)
		}
		return err
	})
}

// readNumber reads an unquoted decimal number, for counts a whole one.
func (c *Correlation) readNumber(key string, n *yaml.Node) (float64, error) {
	s := readScalar(n)
	if n.Kind != yaml.ScalarNode || s.kind != scalarNumber {
		var hint any = ""
		if _, ok := parseNumber(looseText(n)); ok && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			hint = reasons.New("sigma.hint.quotes")
		}
		return 0, fail(n, "sigma.correlation.number", key, hint)
	}
	v := s.num.f
	if s.num.isInt {
		v = float64(s.num.i)
		if s.num.compare(number{f: v}) != 0 {
			return 0, fail(n, "sigma.correlation.too-large", key, s.raw)
		}
	}
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return 0, fail(n, "sigma.correlation.not-finite", key, s.raw)
	case !c.Type.Numeric() && (v != math.Trunc(v) || v < 0 || v > 1<<53):
		return 0, fail(n, "sigma.correlation.not-count", key, string(c.Type), s.raw)
	case !c.Type.Numeric() && v > maxCount && key != "percentile":
		return 0, fail(n, "sigma.correlation.count-large", key, maxCount)
	}
	return v, nil
}

// readExpression reads a condition in words (proposal 198 of the specification).
// Without "rules" the rules are those it names, in the order of their first
// mention.
func (c *Correlation) readExpression(b *builder, n *yaml.Node) error {
	c.expression = n.Value
	c.Condition.Expression = n.Value
	named := make(map[string]bool)
	infer := len(c.Rules) == 0
	for _, w := range words(n.Value) {
		if isOperator(w.text) {
			continue
		}
		known := slices.ContainsFunc(c.Rules, func(r RuleRef) bool { return r.Text == w.text })
		switch {
		case known:
		case infer:
			c.addRule(reference{w.text, max(n.Line, 1) + b.offset, max(n.Column, 1)})
		default:
			return b.locate(n, &conditionError{w.at, reasons.New("sigma.correlation.rule-not-listed", w.text)})
		}
		named[w.text] = true
	}
	for _, r := range c.Rules {
		if !named[r.Text] {
			return fail(n, "sigma.correlation.rule-not-named", r.Text)
		}
	}
	if len(c.Rules) > maxOrderedRules {
		return fail(n, "sigma.correlation.many-named", maxOrderedRules)
	}
	return nil
}

// finishCondition checks the condition as a whole and works out its alternatives.
func (c *Correlation) finishCondition(b *builder, n *yaml.Node) error {
	cond := &c.Condition
	if c.expression != "" {
		return c.finishExpression(b, n)
	}
	if len(cond.Comparisons) == 0 {
		return fail(n, "sigma.correlation.no-comparison")
	}
	if (c.Type == ValueCount || c.Type.Numeric()) && len(cond.Fields) == 0 {
		return fail(n, "sigma.correlation.field-missing", string(c.Type))
	}
	switch c.Type {
	case ValueMedian:
		cond.Percentile = 50
	case ValuePercentile:
		if yamldoc.Child(n, "percentile") == nil {
			return fail(n, "sigma.correlation.percentile-missing")
		}
	}
	if !c.possible() {
		return fail(n, "sigma.correlation.never", cond.String())
	}
	if c.Type == TemporalOrdered {
		return c.subsets(n)
	}
	return nil
}

// possible reports whether any number that can occur satisfies the comparisons.
// A count is looked at when an event comes, so it is at least 1; the temporal
// types count different rules.
func (c *Correlation) possible() bool {
	cond := &c.Condition
	if c.Type.Together() {
		for n := range len(c.Rules) {
			if cond.Compare(float64(n + 1)) {
				return true
			}
		}
		return false
	}
	// The comparisons cut the numbers at their values only: if any number will
	// do, one of these or a next one does.
	tries := []float64{1}
	for _, one := range cond.Comparisons {
		v := one.Value
		if c.Type.Numeric() {
			tries = append(tries, v, math.Nextafter(v, math.Inf(1)), math.Nextafter(v, math.Inf(-1)))
		} else {
			tries = append(tries, v-1, v, v+1)
		}
	}
	return slices.ContainsFunc(tries, func(v float64) bool {
		return (c.Type.Numeric() || v >= 1) && cond.Compare(v)
	})
}

// subsets works out the alternatives of temporal_ordered: every choice of rules
// that is large enough to matter, in the order listed.
func (c *Correlation) subsets(n *yaml.Node) error {
	total := len(c.Rules)
	// If more rules never hurt, the smallest number that holds is enough.
	least, rising := 0, true
	for count := 1; count <= total; count++ {
		switch holds := c.Condition.Compare(float64(count)); {
		case holds && least == 0:
			least = count
		case !holds && least > 0:
			rising = false
		}
	}
	var choose func(from int, chosen []int, size int) bool
	choose = func(from int, chosen []int, size int) bool {
		if len(chosen) == size {
			c.alternatives = append(c.alternatives, compiled.Alternative{Present: slices.Clone(chosen)})
			return len(c.alternatives) <= maxAlternatives
		}
		for i := from; i <= total-(size-len(chosen)); i++ {
			if !choose(i+1, append(chosen, i), size) {
				return false
			}
		}
		return true
	}
	for size := 1; size <= total; size++ {
		if rising && size != least {
			continue
		}
		if !choose(0, nil, size) {
			return fail(n, "sigma.correlation.many-orders", maxAlternatives)
		}
	}
	return nil
}

// finishExpression turns the condition in words into alternatives.
func (c *Correlation) finishExpression(b *builder, n *yaml.Node) error {
	names := make([]*selection, len(c.Rules))
	index := make(map[*selection]int)
	for i, r := range c.Rules {
		names[i] = &selection{name: r.Text}
		index[names[i]] = i
	}
	e, err := parseCondition(c.expression, names)
	if err != nil {
		return b.locate(n, err)
	}
	list, err := alternatives(e, false, index)
	if err != nil {
		return failWith(n, reasonOf(err))
	}
	if len(list) == 0 {
		return fail(n, "sigma.correlation.never", c.Condition.String())
	}
	for _, a := range list {
		if len(a.Present) == 0 {
			return fail(n, "sigma.correlation.always", c.Condition.String())
		}
	}
	if len(list) > maxAlternatives {
		return fail(n, "sigma.correlation.many-alternatives", maxAlternatives)
	}
	c.alternatives = list
	return nil
}

// alternatives returns the disjunctive normal form of e, or of its opposite,
// without what another alternative makes superfluous.
func alternatives(e expr, opposite bool, index map[*selection]int) ([]compiled.Alternative, error) {
	var parts []expr
	and := false
	switch e := e.(type) {
	case selExpr:
		one := []int{index[e.selection]}
		if opposite {
			return []compiled.Alternative{{Absent: one}}, nil
		}
		return []compiled.Alternative{{Present: one}}, nil
	case notExpr:
		return alternatives(e.of, !opposite, index)
	case andExpr:
		parts, and = e.all, !opposite
	case orExpr:
		parts, and = e.any, opposite
	default:
		return nil, reasons.New("sigma.correlation.grammar")
	}
	var out []compiled.Alternative
	if and {
		out = []compiled.Alternative{{}}
	}
	for _, part := range parts {
		list, err := alternatives(part, opposite, index)
		if err != nil {
			return nil, err
		}
		if !and {
			out = append(out, list...)
		} else {
			var product []compiled.Alternative
			for _, a := range out {
				for _, b := range list {
					if joined, ok := both(a, b); ok {
						product = append(product, joined)
					}
				}
			}
			out = product
		}
		if out = leastOf(out); len(out) > maxAlternatives*maxAlternatives/4 {
			return nil, reasons.New("sigma.correlation.many-alternatives", maxAlternatives)
		}
	}
	return out, nil
}

// both joins two alternatives; ok is false if they contradict each other.
func both(a, b compiled.Alternative) (joined compiled.Alternative, ok bool) {
	union := func(x, y []int) []int {
		out := append(slices.Clone(x), y...)
		slices.Sort(out)
		return slices.Compact(out)
	}
	joined = compiled.Alternative{Present: union(a.Present, b.Present), Absent: union(a.Absent, b.Absent)}
	for _, i := range joined.Present {
		if slices.Contains(joined.Absent, i) {
			return joined, false
		}
	}
	return joined, true
}

// leastOf leaves out every alternative that demands all that another does.
func leastOf(list []compiled.Alternative) []compiled.Alternative {
	var out []compiled.Alternative
	within := func(x, y []int) bool {
		return !slices.ContainsFunc(x, func(i int) bool { return !slices.Contains(y, i) })
	}
	covers := func(a, b compiled.Alternative) bool {
		return within(a.Present, b.Present) && within(a.Absent, b.Absent)
	}
	for _, a := range list {
		if slices.ContainsFunc(out, func(b compiled.Alternative) bool { return covers(b, a) }) {
			continue
		}
		out = append(slices.DeleteFunc(out, func(b compiled.Alternative) bool { return covers(a, b) }), a)
	}
	return out
}
