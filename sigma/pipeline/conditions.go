package pipeline

import (
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// truth is what is known of a condition. Of a filter it may be open, because the
// rules that it is for are other documents.
type truth int8

const (
	no truth = iota
	open
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth { return yes - t }

// conditions are those of one kind: either a list that is linked by and or or, or
// conditions with names and an expression over these.
type conditions[C any] struct {
	list   []C
	or     bool
	negate bool
	expr   expression
}

// given reports whether there are any.
func (c *conditions[C]) given() bool { return len(c.list) > 0 }

// eval asks test about each condition. Without conditions everything holds.
func (c *conditions[C]) eval(test func(C) (truth, error)) (truth, error) {
	if len(c.list) == 0 {
		return yes, nil
	}
	results := make([]truth, len(c.list))
	for i, one := range c.list {
		var err error
		if results[i], err = test(one); err != nil {
			return no, err
		}
	}
	var out truth
	switch {
	case c.expr != nil:
		out = c.expr.eval(results)
	case c.or:
		out = or(results...)
	default:
		out = and(results...)
	}
	if c.negate {
		out = out.not()
	}
	return out, nil
}

func and(of ...truth) truth {
	out := yes
	for _, t := range of {
		out = min(out, t)
	}
	return out
}

func or(of ...truth) truth {
	out := no
	for _, t := range of {
		out = max(out, t)
	}
	return out
}

// readConditions reads PREFIX_conditions, PREFIX_cond_op, PREFIX_cond_not and
// PREFIX_cond_expr. Only "rule" has another spelling of none.
func readConditions[C any](a *args, prefix string, read func(a *args, kind string) C) (c conditions[C], err error) {
	list := a.take(prefix + "_conditions")
	opNode, notNode, exprNode := a.keys[prefix+"_cond_op"], a.keys[prefix+"_cond_not"], a.keys[prefix+"_cond_expr"]
	c.or = a.choice(prefix+"_cond_op", "and", "or") == "or"
	c.negate = a.flag(prefix + "_cond_not")
	text := a.text(prefix+"_cond_expr", "")
	for wrong, right := range map[string]string{"_condition_linking": "_cond_op", "_condition_negation": "_cond_not",
		"_condition_expression": "_cond_expr"} {
		if n := a.keys[prefix+wrong]; n != nil {
			a.fail(n, "pipeline.conditions.renamed", prefix+wrong, prefix+right)
		}
	}
	if a.err != nil {
		return c, a.err
	}
	var names []string
	one := func(label string, n *yaml.Node) error {
		inner, err := newArgs(reasons.New("pipeline.kind.condition-in", prefix), n)
		if err != nil {
			return err
		}
		kind := inner.name("type")
		if inner.err != nil {
			return inner.err
		}
		inner.what = reasons.New("pipeline.kind.condition-named", kind)
		got := read(inner, kind)
		names, c.list = append(names, label), append(c.list, got)
		return inner.done()
	}
	switch {
	case list == nil || isEmpty(list):
		if at := firstOf(opNode, notNode, exprNode); at != nil {
			return c, fail(at, "pipeline.conditions.none", prefix)
		}
		return c, nil
	case list.Kind == yaml.SequenceNode:
		for _, m := range list.Content {
			if err := one("", yamldoc.Deref(m)); err != nil {
				return c, err
			}
		}
	case list.Kind == yaml.MappingNode:
		if err := yamldoc.Pairs(list, func(label string, at, val *yaml.Node) error {
			return one(label, val)
		}); err != nil {
			return c, err
		}
	default:
		return c, fail(list, "pipeline.conditions.kind", prefix)
	}
	if exprNode == nil {
		return c, nil
	}
	switch {
	case opNode != nil:
		return c, fail(exprNode, "pipeline.conditions.exclusive", prefix, prefix)
	case list.Kind != yaml.MappingNode:
		return c, fail(exprNode, "pipeline.conditions.unnamed", prefix, prefix)
	}
	var used map[int]bool
	if c.expr, used, err = parseExpression(text, names); err != nil {
		return c, fail(exprNode, "pipeline.expression.invalid", prefix, err)
	}
	for i, label := range names {
		if !used[i] {
			return c, fail(exprNode, "pipeline.expression.unused", prefix, label)
		}
	}
	return c, nil
}

func firstOf(nodes ...*yaml.Node) *yaml.Node {
	for _, n := range nodes {
		if n != nil {
			return n
		}
	}
	return nil
}

// ordered are the operators of rule_attribute and processing_state.
var ordered = []string{"eq", "ne", "gte", "gt", "lte", "lt"}

// compare applies one of them to what a three-way comparison returned.
func compare(op string, order int) bool {
	switch op {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "gte":
		return order >= 0
	case "gt":
		return order > 0
	case "lte":
		return order <= 0
	}
	return order < 0
}

// sameFold compares log source parts, as matching does.
func sameFold(a, b string) bool { return strings.EqualFold(a, b) }
