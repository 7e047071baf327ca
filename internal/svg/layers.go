package svg

import (
	"slices"

	"github.com/meneki/meneki/internal/i18n"
)

// box is where a node stands: its upper left corner.
type box struct{ x, y float64 }

type tie struct {
	from, to int // indices of nodes
	text     i18n.Text
}

// placed is a graph that knows where everything is.
type placed struct {
	nodes  []Node
	edges  []tie
	box    []box
	layers int
}

// layout places the nodes. It is deterministic: ties are broken by the order in
// which nodes were given.
func (g Graph) layout() placed {
	var out placed
	index := map[string]int{}
	for _, n := range g.Nodes {
		if _, twice := index[n.ID]; twice {
			continue
		}
		index[n.ID] = len(out.nodes)
		out.nodes = append(out.nodes, n)
	}
	seen := map[[2]int]bool{}
	for _, e := range g.Edges {
		a, ok1 := index[e.From]
		b, ok2 := index[e.To]
		if !ok1 || !ok2 || a == b || seen[[2]int{a, b}] {
			continue
		}
		seen[[2]int{a, b}] = true
		out.edges = append(out.edges, tie{a, b, e.Text})
	}
	n := len(out.nodes)
	next, prev := forward(n, out.edges)
	layer := longest(n, next, prev)
	rows := order(n, layer, next, prev)
	for _, r := range rows { // what stands for the rest stands below it
		slices.SortStableFunc(r, func(a, b int) int {
			return flag(isRest(out.nodes[a].ID)) - flag(isRest(
				out.nodes[b].ID))
		})
	}
	out.layers = len(rows)
	out.box = make([]box, n)
	tallest := 0
	for _, r := range rows {
		tallest = max(tallest, len(r))
	}
	for l, r := range rows {
		// Each layer is centred on the tallest.
		top := float64(tallest-len(r)) * (nodeH + rowGap) / 2
		for i, v := range r {
			out.box[v] = box{float64(l) * (nodeW + layerGap), top + float64(i)*(nodeH+rowGap)}
		}
	}
	return out
}

// forward returns the neighbours after and before each node, without the edges
// that close a ring, which a search in depth finds as those to a node that is
// still open. It keeps its own stack: hostile input must not exhaust ours.
func forward(n int, edges []tie) (next, prev [][]int) {
	out := make([][]int, n)
	for _, e := range edges {
		out[e.from] = append(out[e.from], e.to)
	}
	next, prev = make([][]int, n), make([][]int, n)
	state := make([]int, n) // 0 new, 1 open, 2 done
	type frame struct{ node, at int }
	for root := range n {
		if state[root] != 0 {
			continue
		}
		state[root] = 1
		stack := []frame{{root, 0}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if f.at == len(out[f.node]) {
				state[f.node] = 2
				stack = stack[:len(stack)-1]
				continue
			}
			v, w := f.node, out[f.node][f.at]
			f.at++
			if state[w] == 1 {
				continue
			}
			next[v] = append(next[v], w)
			prev[w] = append(prev[w], v)
			if state[w] == 0 {
				state[w] = 1
				stack = append(stack, frame{w, 0})
			}
		}
	}
	return next, prev
}

// longest returns each node the length of the longest path that leads to it.
func longest(n int, next, prev [][]int) []int {
	layer, waits := make([]int, n), make([]int, n)
	var ready []int
	for v := range n {
		if waits[v] = len(prev[v]); waits[v] == 0 {
			ready = append(ready, v)
		}
	}
	for len(ready) > 0 {
		v := ready[0]
		ready = ready[1:]
		for _, w := range next[v] {
			layer[w] = max(layer[w], layer[v]+1)
			if waits[w]--; waits[w] == 0 {
				ready = append(ready, w)
			}
		}
	}
	return layer
}

// sweeps is how often the layers are ordered there and back.
const sweeps = 8

// order puts the nodes of each layer into the order of the means of their
// neighbours, sweeping forward and back.
func order(n int, layer []int, next, prev [][]int) [][]int {
	last := -1
	for v := range n {
		last = max(last, layer[v])
	}
	rows := make([][]int, last+1)
	for v := range n {
		rows[layer[v]] = append(rows[layer[v]], v)
	}
	place := make([]float64, n)
	number := func(r []int) {
		for i, v := range r {
			place[v] = float64(i) - float64(len(r)-1)/2
		}
	}
	for _, r := range rows {
		number(r)
	}
	sortBy := func(r []int, near [][]int) {
		mean := map[int]float64{}
		for _, v := range r {
			if len(near[v]) == 0 {
				mean[v] = place[v]
				continue
			}
			sum := 0.0
			for _, w := range near[v] {
				sum += place[w]
			}
			mean[v] = sum / float64(len(near[v]))
		}
		slices.SortStableFunc(r, func(a, b int) int {
			switch {
			case mean[a] < mean[b]:
				return -1
			case mean[a] > mean[b]:
				return 1
			}
			return a - b
		})
		number(r)
	}
	for range sweeps {
		for l := 1; l < len(rows); l++ {
			sortBy(rows[l], prev)
		}
		for l := len(rows) - 2; l >= 0; l-- {
			sortBy(rows[l], next)
		}
	}
	return rows
}
