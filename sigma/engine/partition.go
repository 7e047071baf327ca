package engine

import (
	"cmp"
	"maps"
	"slices"
)

// partition is the rules that one kind of event can match, and the tables that
// choose among them. It does not change after it was made, but for being
// replaced when it has learned which signs are rare.
type partition struct {
	route   *route
	id      int64 // EventID, if single
	single  bool
	learned map[signature]float64
	serial  int32 // different for every partition of an engine
	rules   []*program
	want    []int32 // the fields to take apart and search
	there   []there // the fields that only have to be there
	always  []uint64
	word    int // the length of the shortest word that is searched in the whole event
	probes  []fieldProbe
	lits    []lit
	lists   []int32 // rules of the literals, by place in rules
	proves  []int32 // tests of the literals
	keys    []signature
	chances []float64 // how often the literals are thought to be found
	known   []uint64  // tests all of whose literals are searched: they hold where one is found, and nowhere else
}

// there is a literal without a text: the field must be there, and its text at
// least so many bytes long.
type there struct {
	field int32
	lit   int32
	least int
}

// lit is a literal of a partition and the rules that wait on it.
type lit struct {
	text                string
	from, to            int32 // in lists
	fromProof, endProof int32 // in proves: tests that hold where it is found
}

// fieldProbe is what is looked for in one field.
type fieldProbe struct {
	field            int32
	there            []int32 // literals of place present, of Whole
	whole            *keyTable
	head8, head4     *keyTable
	tail8, tail4     *keyTable
	heads, tails     []int32 // shorter than four bytes
	far, near, three *gramTable
	short            []int32 // of one or two bytes, anywhere
	least            int     // texts that are shorter hold nothing (of Whole)
}

// fit is how long a literal must be for the table that passes over places, and
// maxStep how many it passes over at most.
const (
	fit     = 7
	maxStep = 8
)

// stepOf returns the step for literals of which the shortest that fits has n bytes.
func stepOf(lits []string) int {
	least := maxStep + 3
	for _, s := range lits {
		if n := len(s); n >= fit {
			least = min(least, n)
		}
	}
	for _, step := range steps {
		if step <= least-3 {
			return step
		}
	}
	return 1
}

func newPartition(rt *route, serial int32, rules []*program, w *requirer) *partition {
	p := &partition{route: rt, serial: serial, rules: rules, always: make([]uint64, (len(rules)+63)/64)}
	byKey := map[signature]int{}
	var waiting [][]int32
	for i, prog := range rules {
		list, _ := w.of(prog.root)
		if list == nil || w.mostly(list) {
			p.always[i/64] |= 1 << (i % 64)
			continue
		}
		for _, l := range list {
			key := l.signature()
			at, ok := byKey[key]
			if !ok {
				at = len(p.keys)
				byKey[key] = at
				p.keys = append(p.keys, key)
				p.chances = append(p.chances, w.chance(l))
				waiting = append(waiting, nil)
			}
			if n := len(waiting[at]); n == 0 || waiting[at][n-1] != int32(i) {
				waiting[at] = append(waiting[at], int32(i))
			}
		}
	}
	proofs := p.proofs(byKey)
	p.lits = make([]lit, len(p.keys))
	byField := map[int32][]int32{}
	for i, key := range p.keys {
		p.lits[i] = lit{
			key.text, int32(len(p.lists)), int32(len(p.lists) + len(waiting[i])),
			int32(len(p.proves)), int32(len(p.proves) + len(proofs[i])),
		}
		p.lists = append(p.lists, waiting[i]...)
		p.proves = append(p.proves, proofs[i]...)
		if key.place == present && key.field != Whole {
			p.there = append(p.there, there{key.field, int32(i), key.least})
			continue
		}
		byField[key.field] = append(byField[key.field], int32(i))
	}
	p.want = slices.Sorted(maps.Keys(byField))
	for _, f := range p.want {
		p.probes = append(p.probes, p.probe(f, byField[f]))
		if f == Whole {
			p.word = p.probes[len(p.probes)-1].least
		}
	}
	return p
}

// proofs finds the tests all of whose literals are searched, and returns for each
// literal those that hold where it is found.
func (p *partition) proofs(byKey map[signature]int) [][]int32 {
	out := make([][]int32, len(p.keys))
	seen := map[*test]bool{}
	var places []int
	var walk func(n *node)
	walk = func(n *node) {
		for _, part := range n.nodes {
			walk(part)
		}
		t := n.test
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		if t.exists != 0 || t.null || len(t.others) > 0 {
			return
		}
		places = places[:0]
		for _, group := range [...]struct {
			place placing
			list  []string
		}{{equal, t.equal}, {prefix, t.prefix}, {suffix, t.suffix}, {inside, t.inside}} {
			for _, s := range group.list {
				at, ok := byKey[signature{place: group.place, field: t.field, text: s}]
				if !ok {
					return
				}
				places = append(places, at)
			}
		}
		for _, at := range places {
			out[at] = append(out[at], t.id)
		}
		for int(t.id)>>6 >= len(p.known) {
			p.known = append(p.known, 0)
		}
		p.known[t.id>>6] |= 1 << (t.id & 63)
	}
	for _, prog := range p.rules {
		walk(prog.root)
	}
	return out
}

// probe makes the tables of one field.
func (p *partition) probe(field int32, lits []int32) fieldProbe {
	f := fieldProbe{field: field, least: 1 << 30}
	var whole, head8, head4, tail8, tail4 []keyEntry
	var far, near, three []gramEntry
	texts, anywhere := make([]string, len(lits)), make([]string, 0, len(lits))
	for k, i := range lits {
		if texts[k] = p.keys[i].text; p.keys[i].place == inside {
			anywhere = append(anywhere, texts[k])
		}
	}
	popular, step := gramCounts(texts), stepOf(anywhere)
	for _, i := range lits {
		s := p.keys[i].text
		n := len(s)
		f.least = min(f.least, n)
		switch p.keys[i].place {
		case present:
			f.there = append(f.there, i)
			f.least = 0
		case equal:
			whole = append(whole, keyEntry{equalKey(s), i})
		case prefix:
			switch {
			case n >= 8:
				head8 = append(head8, keyEntry{few(s), i})
			case n >= 4:
				head4 = append(head4, keyEntry{few(s[:4]), i})
			default:
				f.heads = append(f.heads, i)
			}
		case suffix:
			switch {
			case n >= 8:
				tail8 = append(tail8, keyEntry{few(s[n-8:]), i})
			case n >= 4:
				tail4 = append(tail4, keyEntry{few(s[n-4:]), i})
			default:
				f.tails = append(f.tails, i)
			}
		case inside:
			switch {
			case n >= fit:
				far = append(far, rarest(s, i, step, popular)...)
			case n >= 4:
				near = append(near, rarest(s, i, 1, popular)...)
			case n == 3:
				three = append(three, gramEntry{gramAt(s, 0, 3), i, 0})
			default:
				f.short = append(f.short, i)
			}
		}
	}
	byKey := func(list []keyEntry) *keyTable {
		slices.SortFunc(list, func(a, b keyEntry) int {
			return cmp.Or(cmp.Compare(a.key, b.key),
				cmp.Compare(a.lit, b.lit))
		})
		return newKeyTable(list)
	}
	f.whole, f.head8, f.head4, f.tail8, f.tail4 = byKey(whole), byKey(head8), byKey(head4), byKey(tail8), byKey(tail4)
	f.far, f.near, f.three = sortedGrams(step, 0xffffffff, far), sortedGrams(1, 0xffffffff, near),
		sortedGrams(1, 0xffffff, three)
	return f
}

// gramCounts counts the grams of literals, as a sign of which are seen often:
// what rules have in common, events have too.
func gramCounts(lits []string) map[uint32]int {
	counts := map[uint32]int{}
	for _, s := range lits {
		for at := 0; at+4 <= len(s); at++ {
			counts[gramAt(s, at, 4)]++
		}
	}
	for gram, n := range commonGrams {
		counts[gram] += n
	}
	return counts
}

var commonGrams = func() map[uint32]int {
	counts := map[uint32]int{}
	for _, s := range common {
		for at := 0; at+4 <= len(s); at++ {
			counts[gramAt(s, at, 4)] += 20
		}
	}
	return counts
}()

// sortedGrams makes a table of entries in any order.
func sortedGrams(step int, mask uint32, list []gramEntry) *gramTable {
	slices.SortFunc(list, func(a, b gramEntry) int {
		return cmp.Or(cmp.Compare(a.gram, b.gram),
			cmp.Compare(a.lit, b.lit))
	})
	return newGramTable(step, mask, list)
}

// rarest returns the entries of one literal for n consecutive grams, where they
// are rarest.
func rarest(s string, lit int32, n int, popular map[uint32]int) []gramEntry {
	best, least := 0, -1
	for at := 0; at+n+3 <= len(s) && at < 64; at++ {
		sum := 0
		for k := range n {
			sum += popular[gramAt(s, at+k, 4)]
		}
		if least < 0 || sum < least {
			best, least = at, sum
		}
	}
	out := make([]gramEntry, n)
	for k := range n {
		out[k] = gramEntry{gramAt(s, best+k, 4), lit, int32(best + k)}
	}
	return out
}

// About what these take in memory, in bytes.
const (
	sizeLit       = 64
	sizeSignature = 32
	sizeProbe     = 128
)

// bytes estimates what the tables of a partition take in memory.
func (p *partition) bytes() int {
	n := len(p.lits)*(sizeLit+sizeSignature) + 4*len(p.lists) + 8*len(p.rules) + 4*len(p.want)
	for i := range p.probes {
		f := &p.probes[i]
		n += sizeProbe
		for _, t := range []*keyTable{f.whole, f.head8, f.head4, f.tail8, f.tail4} {
			if t != nil {
				n += 12*len(t.keys) + 16*len(t.list)
			}
		}
		for _, t := range []*gramTable{f.far, f.near, f.three} {
			if t != nil {
				n += 8*len(t.bits) + 8*len(t.keys) + 12*len(t.entries)
			}
		}
	}
	return n
}

// search looks at one field and calls w.hit for the literals that it holds.
func (f *fieldProbe) search(w *Worker, p *partition, cells []cell) {
	for _, i := range f.there {
		w.hit(p, i)
	}
	for i := range cells {
		if cells[i].kind != cellText {
			continue
		}
		text := w.cells.folded(&cells[i])
		n := len(text)
		if n < f.least {
			continue
		}
		if f.whole != nil {
			key := textKey(text)
			for _, e := range f.whole.find(key) {
				if e.key != key {
					break
				}
				if p.lits[e.lit].text == string(text) {
					w.hit(p, e.lit)
				}
			}
		}
		if n >= 4 {
			f.ends(w, p, text)
		}
		for _, i := range f.heads {
			if s := p.lits[i].text; n >= len(s) && string(text[:len(s)]) == s {
				w.hit(p, i)
			}
		}
		for _, i := range f.tails {
			if s := p.lits[i].text; n >= len(s) && string(text[n-len(s):]) == s {
				w.hit(p, i)
			}
		}
		if f.far != nil && n >= fit {
			f.far.scan(w, p, text)
		}
		if f.near != nil {
			f.near.scan(w, p, text)
		}
		if f.three != nil {
			f.three.scan(w, p, text)
		}
		for _, i := range f.short {
			if contains(text, p.lits[i].text) {
				w.hit(p, i)
			}
		}
	}
}

// ends looks for literals at the ends of a text of at least four bytes.
func (f *fieldProbe) ends(w *Worker, p *partition, text []byte) {
	n := len(text)
	heads := func(t *keyTable, key uint64) {
		for _, e := range t.find(key) {
			if e.key != key {
				return
			}
			if s := p.lits[e.lit].text; n >= len(s) && string(text[:len(s)]) == s {
				w.hit(p, e.lit)
			}
		}
	}
	tails := func(t *keyTable, key uint64) {
		for _, e := range t.find(key) {
			if e.key != key {
				return
			}
			if s := p.lits[e.lit].text; n >= len(s) && string(text[n-len(s):]) == s {
				w.hit(p, e.lit)
			}
		}
	}
	if f.head4 != nil {
		heads(f.head4, few(text[:4]))
	}
	if f.tail4 != nil {
		tails(f.tail4, few(text[n-4:]))
	}
	if n < 8 {
		return
	}
	if f.head8 != nil {
		heads(f.head8, few(text[:8]))
	}
	if f.tail8 != nil {
		tails(f.tail8, few(text[n-8:]))
	}
}
