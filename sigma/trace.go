package sigma

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Trace says why a rule did or did not match an event.
type Trace struct {
	Rule    *Rule
	Matched bool // the log source covers the event and the detection matches

	// LogSource is whether the rule's log source covers the event's, which is
	// given by the next three fields.
	LogSource  bool
	Product    string
	Service    string
	Categories []string

	Detection  bool // whether any of the conditions holds
	Conditions []*TraceNode
}

// TraceKind is the part of a rule that a TraceNode stands for.
type TraceKind string

// The kinds of trace nodes.
const (
	TraceCondition TraceKind = "condition" // one condition of the rule
	TraceAnd       TraceKind = "and"       // holds if all children do
	TraceOr        TraceKind = "or"        // holds if any child does
	TraceNot       TraceKind = "not"       // holds if its child does not
	TraceOneOf     TraceKind = "1 of"      // holds if any child does
	TraceAllOf     TraceKind = "all of"    // holds if all children do
	TraceSelection TraceKind = "selection" // has one child: its map or its list
	TraceMap       TraceKind = "map"       // holds if all children do
	TraceList      TraceKind = "list"      // holds if any child does
	TraceItem      TraceKind = "item"      // a field with its values
	TraceValue     TraceKind = "value"     // one value of an item, before neq
)

// TraceNode is the result of one part of a rule. All parts are evaluated, also
// those that could not change the result any more.
type TraceNode struct {
	Kind     TraceKind
	Text     string // as the rule writes it
	Holds    bool
	Present  bool   // TraceItem: the event has the field
	Found    string // TraceItem: the field's value; TraceValue: what satisfied it
	Children []*TraceNode
}

// Explain evaluates every part of the rule and keeps each result.
func (r *Rule) Explain(ev Event) *Trace {
	t := &Trace{Rule: r}
	t.Product, t.Service, t.Categories = ev.LogSource()
	t.LogSource = r.LogSource.Covers(t.Product, t.Service, t.Categories)
	tr := tracer{newView(ev)}
	for i, e := range r.conditions {
		n := tr.expr(e)
		t.Detection = t.Detection || n.Holds
		t.Conditions = append(t.Conditions, &TraceNode{
			Kind: TraceCondition, Text: r.condition[i], Holds: n.Holds, Children: []*TraceNode{n},
		})
	}
	t.Matched = t.LogSource && t.Detection
	return t
}

type tracer struct{ v *view }

// join makes a node that holds if all children do, or any.
func join(kind TraceKind, text string, all bool, children []*TraceNode) *TraceNode {
	n := &TraceNode{Kind: kind, Text: text, Holds: all, Children: children}
	for _, c := range children {
		if all {
			n.Holds = n.Holds && c.Holds
		} else {
			n.Holds = n.Holds || c.Holds
		}
	}
	return n
}

func (t tracer) expr(e expr) *TraceNode {
	switch e := e.(type) {
	case andExpr:
		return join(TraceAnd, "", true, t.exprs(e.all))
	case orExpr:
		return join(TraceOr, "", false, t.exprs(e.any))
	case notExpr:
		n := t.expr(e.of)
		return &TraceNode{Kind: TraceNot, Holds: !n.Holds, Children: []*TraceNode{n}}
	case ofExpr:
		kind := TraceOneOf
		if e.all {
			kind = TraceAllOf
		}
		var children []*TraceNode
		for _, s := range e.selections {
			children = append(children, t.selection(s))
		}
		return join(kind, e.text, e.all, children)
	case selExpr:
		return t.selection(e.selection)
	}
	return &TraceNode{}
}

func (t tracer) exprs(list []expr) []*TraceNode {
	var out []*TraceNode
	for _, e := range list {
		out = append(out, t.expr(e))
	}
	return out
}

func (t tracer) selection(s *selection) *TraceNode {
	return join(TraceSelection, s.name, true, []*TraceNode{t.block(s.body)})
}

func (t tracer) block(b *block) *TraceNode {
	var children []*TraceNode
	if b.any != nil {
		for _, alternative := range b.any {
			children = append(children, t.block(alternative))
		}
		return join(TraceList, "", false, children)
	}
	for _, it := range b.items {
		children = append(children, t.item(it))
	}
	return join(TraceMap, "", true, children)
}

func (t tracer) item(it *item) *TraceNode {
	n := &TraceNode{Kind: TraceItem, Text: it.name(), Found: it.shown(t.v)}
	if !it.keyword {
		n.Present = t.v.field(it.field).present
	}
	for _, val := range it.values {
		c := &TraceNode{Kind: TraceValue, Text: val.raw}
		if it.exists != nil {
			c.Holds = n.Present == *it.exists
		} else if found, ok := val.find(it.lookup(t.v), t.v); ok {
			c.Holds, c.Found = true, found.show()
		}
		n.Children = append(n.Children, c)
	}
	all := join(TraceItem, "", it.every(), n.Children)
	n.Holds = all.Holds != it.mods.neq
	return n
}

// maxShownValues and maxShownText bound what String prints of one item.
const (
	maxShownValues = 12
	maxShownText   = 200
)

// String prints the trace as an indented tree, one line for each part, with
// "yes" or "no" before it.
func (t *Trace) String() string {
	var b strings.Builder
	verdict := "no match"
	if t.Matched {
		verdict = "match"
	}
	fmt.Fprintf(&b, "%s: %s\n", t.Rule.Credit(), verdict)
	fmt.Fprintf(&b, "%s log source %s; event: product %q, service %q, categories %q\n",
		yesNo(t.LogSource), t.Rule.LogSource, t.Product, t.Service, t.Categories)
	for _, n := range t.Conditions {
		n.print(&b, 0)
	}
	return b.String()
}

func yesNo(holds bool) string {
	if holds {
		return "yes"
	}
	return "no "
}

func (n *TraceNode) print(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%s %s", yesNo(n.Holds), strings.Repeat("  ", depth))
	switch n.Kind {
	case TraceCondition:
		fmt.Fprintf(b, "condition: %s", strings.Join(strings.Fields(n.Text), " "))
	case TraceOneOf, TraceAllOf:
		b.WriteString(n.Text)
	case TraceSelection:
		fmt.Fprintf(b, "selection %s", n.Text)
	case TraceMap:
		b.WriteString("all of these:")
	case TraceList:
		b.WriteString("any of these:")
	case TraceItem:
		b.WriteString(n.Text)
		if n.Present {
			fmt.Fprintf(b, " is %q", short(n.Found))
		} else if n.Text != "keywords" && !strings.HasPrefix(n.Text, "|") {
			b.WriteString(" is absent")
		}
	case TraceValue:
		fmt.Fprintf(b, "%q", short(n.Text))
		if n.Holds && n.Found != "" {
			fmt.Fprintf(b, " found in %q", short(n.Found))
		}
	default:
		b.WriteString(string(n.Kind))
	}
	b.WriteByte('\n')
	skipped := 0
	for i, c := range n.Children {
		if c.Kind == TraceValue && i >= maxShownValues && !c.Holds {
			skipped++
			continue
		}
		c.print(b, depth+1)
	}
	if skipped > 0 {
		fmt.Fprintf(b, "no  %s%d more values\n", strings.Repeat("  ", depth+1), skipped)
	}
}

// short cuts long text for printing, between characters.
func short(s string) string {
	if utf8.RuneCountInString(s) <= maxShownText {
		return s
	}
	return string([]rune(s)[:maxShownText]) + "…"
}
