package svg

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// restID begins the id of a node that stands for others.
const restID = "\x00rest "

func isRest(id string) bool { return strings.HasPrefix(id, restID) }

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fold returns the graph that has room on a page: where there are more than
// maxOfKind nodes of a kind, the weightiest stay, and one node stands for the
// others, tied to all that they were tied to. What stays keeps its order.
func (g Graph) fold(l i18n.Lang) Graph {
	kinds := map[NodeKind][]Node{}
	have := map[string]bool{}
	for _, n := range g.Nodes {
		if !have[n.ID] {
			have[n.ID] = true
			kinds[n.Kind] = append(kinds[n.Kind], n)
		}
	}
	for kind, nodes := range kinds {
		if len(nodes) <= maxOfKind {
			delete(kinds, kind)
			continue
		}
		slices.SortStableFunc(nodes, func(a, b Node) int { return cmp.Compare(b.Sev, a.Sev) })
	}
	if len(kinds) == 0 {
		return g
	}
	moved := map[string]string{} // a node without room, and what stands for it
	for kind, nodes := range kinds {
		for _, n := range nodes[maxOfKind-1:] {
			moved[n.ID] = restID + strconv.Itoa(int(kind))
		}
	}
	out := g
	out.Nodes, out.Edges = nil, nil
	told := map[NodeKind]bool{}
	for _, n := range g.Nodes {
		to, gone := moved[n.ID]
		switch {
		case !gone:
			out.Nodes = append(out.Nodes, n)
		case !told[n.Kind]:
			told[n.Kind] = true
			more := i18n.T("and {0} more", "ほか {0} 件").With(group(float64(len(kinds[n.Kind]) - maxOfKind + 1)))
			out.Nodes = append(out.Nodes,
				Node{ID: to, Kind: n.Kind, Label: more.In(l), Sub: n.Kind.Text(), Sev: -1, Path: g.Rest[n.Kind]})
		}
	}
	tied := map[[2]string]bool{}
	for _, e := range g.Edges {
		from, gone1 := moved[e.From]
		to, gone2 := moved[e.To]
		if gone1 {
			e.From = from
		}
		if gone2 {
			e.To = to
		}
		if gone1 || gone2 {
			e.Text = i18n.Text{} // said of one of many
		}
		if k := [2]string{e.From, e.To}; !tied[k] {
			tied[k] = true
			out.Edges = append(out.Edges, e)
		}
	}
	return out
}
