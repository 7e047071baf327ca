package svg

import (
	"html/template"
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// Graph shows how things of a case hang together, from left to right: who saw
// it, what found it, what came of it. It is layered by longest path, and the
// order within a layer keeps lines from crossing (barycentre). Edges that would
// close a ring are drawn backwards.
type Graph struct {
	Text  i18n.Text
	Note  i18n.Text
	Nodes []Node // of a kind the ten weightiest are drawn; all are in the table
	Edges []Edge // between nodes that are there; others are left out
	// Rest says where those of a kind are listed for which there is no room; may be nil.
	Rest map[NodeKind]string
}

// Node is one thing.
type Node struct {
	ID    string // unique within the graph
	Kind  NodeKind
	Label string
	Sub   i18n.Text
	Sev   int    // 0 to 4 for cases and findings; negative or other kinds: none
	Path  string // may be empty
}

// NodeKind is what a node is; each has a shape of its own at its left edge.
type NodeKind uint8

// The kinds.
const (
	KindMember NodeKind = iota
	KindFinding
	KindCase
	KindIndicator
	KindOther
)

// Text is the kind in words.
func (k NodeKind) Text() i18n.Text {
	switch k {
	case KindMember:
		return i18n.T("member", "構成員")
	case KindFinding:
		return i18n.T("finding", "検知")
	case KindCase:
		return i18n.T("case", "事案")
	case KindIndicator:
		return i18n.T("indicator", "指標")
	}
	return i18n.T("object", "オブジェクト")
}

func (k NodeKind) class() string {
	return [...]string{"k-member", "k-finding", "k-case", "k-indicator", "k-other"}[min(k, KindOther)]
}

// Edge says that From led to To.
type Edge struct {
	From, To string
	Text     i18n.Text // "matched", "armed in 236 ms"
}

const (
	maxOfKind        = 10
	nodeW, nodeH     = 240.0, 50.0
	layerGap, rowGap = 74.0, 14.0
)

// Caption states the finding.
func (g Graph) Caption() i18n.Text { return g.Text }

// SVG draws the graph. It is as wide as its layers; a page lets it scroll.
func (g Graph) SVG(l i18n.Lang) template.HTML {
	p := pen{lang: l}
	at := g.fold(l).layout()
	w, h := nodeW, nodeH
	for _, b := range at.box {
		w, h = max(w, b.x+nodeW), max(h, b.y+nodeH)
	}
	p.sized("graph g"+strconv.Itoa(min(at.layers, 6)), w+2, h+2, p.in(g.Text), p.in(g.Note))
	if len(at.nodes) == 0 {
		p.label(p.in(i18n.T("nothing yet", "まだありません")), w/2, h/2+4, 20, "middle", "none")
	}
	for _, e := range at.edges {
		a, b := at.box[e.from], at.box[e.to]
		x0, y0, x1, y1 := a.x+nodeW, a.y+nodeH/2, b.x, b.y+nodeH/2
		if b.x <= a.x { // backwards or within a layer
			x0, x1 = a.x, b.x+nodeW
			if b.x == a.x {
				x0, x1 = a.x+nodeW, b.x+nodeW
			}
		}
		mid := (x0 + x1) / 2
		if b.x == a.x {
			mid = x0 + layerGap*0.7
		}
		p.tag("path", "class", "edge", "d",
			"M"+num(x0)+" "+num(y0)+"C"+num(mid)+" "+num(y0)+" "+num(mid)+" "+num(y1)+" "+num(x1)+" "+num(y1))
		if !e.text.Zero() {
			p.text("title", p.in(e.text))
		}
		p.end("path")
	}
	for i, n := range at.nodes {
		g.node(&p, n, at.box[i])
	}
	p.end("svg")
	return p.html()
}

func (g Graph) node(p *pen, n Node, b box) {
	done := p.link(n.Path)
	p.tag("g", "class", "node "+n.Kind.class())
	p.text("title", p.in(n.Kind.Text())+" "+n.Label)
	p.leaf("rect", "class", "tile", "x", num(b.x+1), "y", num(b.y+1), "width", num(nodeW), "height", num(nodeH), "rx",
		"9")
	cx, cy := b.x+20, b.y+nodeH/2+1
	switch n.Kind {
	case KindMember:
		p.leaf("circle", "class", "kind", "cx", num(cx), "cy", num(cy-5), "r", "4.2")
		p.leaf("path", "class", "kind", "d", "M"+num(cx-8)+" "+num(cy+10)+"c0-11 16-11 16 0z")
	case KindFinding:
		p.leaf("circle", "class", "kind line", "cx", num(cx-1.5), "cy", num(cy-1.5), "r", "6")
		p.leaf("path", "class", "kind line", "d", "m"+num(cx+3)+" "+num(cy+3)+" 5.5 5.5")
	case KindCase:
		p.leaf("path", "class", "kind", "d", "M"+num(cx-9)+" "+num(cy-8)+"h7l2.4 3H"+num(cx+9)+"v13H"+num(cx-9)+"z")
	case KindIndicator:
		p.leaf("path", "class", "kind", "d",
			"M"+num(cx)+" "+num(cy-10)+"l8 3.4v5c0 5-3.2 8.4-8 10-4.800-1.600-8-5-8-10v-5z")
	default:
		p.leaf("rect", "class", "kind", "x", num(cx-6), "y", num(cy-6), "width", "12", "height", "12", "rx", "2")
	}
	room := nodeW - 50
	if n.Sev >= 0 && (n.Kind == KindCase || n.Kind == KindFinding) {
		s := clampSeverity(n.Sev)
		p.tag("g", "class", "glyph v"+strconv.Itoa(s), "transform",
			"translate("+num(b.x+nodeW-21)+" "+num(b.y+9)+") scale(.82)")
		p.shape(s)
		p.end("g")
		room -= 18
	}
	p.label(n.Label, b.x+40, b.y+22, room/13.6, "start", "name")
	sub := p.in(n.Sub)
	if sub == "" {
		sub = p.in(n.Kind.Text())
	}
	p.label(sub, b.x+40, b.y+40, (nodeW-50)/11.2, "start", "sub")
	p.end("g")
	done()
}

// Table lists the edges, and the nodes that have none.
func (g Graph) Table() Table {
	t := Table{Name: g.Text, Columns: []Column{
		{Key: "from", Text: i18n.T("From", "元")},
		{Key: "how", Text: i18n.T("How", "関係")},
		{Key: "to", Text: i18n.T("To", "先")},
	}}
	byID, tied := map[string]Node{}, map[string]bool{}
	for _, n := range g.Nodes {
		byID[n.ID] = n
	}
	say := func(n Node) i18n.Text {
		return i18n.T("{0}: {1}", "{0}：{1}").With(n.Kind.Text(), n.Label)
	}
	for _, e := range g.Edges {
		a, ok1 := byID[e.From]
		b, ok2 := byID[e.To]
		if ok1 && ok2 {
			t.Rows = append(t.Rows, []any{say(a), e.Text, say(b)})
			tied[e.From], tied[e.To] = true, true
		}
	}
	for _, n := range g.Nodes {
		if !tied[n.ID] {
			t.Rows = append(t.Rows, []any{say(n), nil, nil})
		}
	}
	return t
}
