package engine

import "math/bits"

// gramTable finds literals anywhere in a text by four bytes of them (three in a
// table for literals that are that short). With step n only every nth place of
// the text is looked at; then the literals are at least n+3 bytes long, and n
// consecutive grams of each are known. A bit table that fits into the first level
// of cache answers for nearly every place.
//
// Case does not matter for grams: bit 5 of each byte is set in both.
type gramTable struct {
	step    int
	mask    uint32     // 0xffffff for three bytes
	shift   uint       // of the hash, for bits
	bits    []uint64   // by hash of a gram
	small   *smallBits // bits, if they are so few
	keys    []uint32   // open addressing; the first of its entries is in starts
	starts  []uint32   // plus one; 0 is a free slot
	kshift  uint
	entries []gramEntry // sorted by gram
}

// gramEntry is a literal that holds a gram at an offset.
type gramEntry struct {
	gram   uint32
	lit    int32
	offset int32
}

const (
	gramMul  = 0x9E3779B1
	caseBits = 0x20202020
)

// smallBits are the bits of most tables. That their number is known saves a third of
// the time of a look-up.
type smallBits [1 << (smallLog - 6)]uint64

const smallLog = 14

// newGramTable makes a table of entries sorted by gram.
func newGramTable(step int, mask uint32, entries []gramEntry) *gramTable {
	if len(entries) == 0 {
		return nil
	}
	distinct := 0
	for i := range entries {
		if i == 0 || entries[i].gram != entries[i-1].gram {
			distinct++
		}
	}
	t := &gramTable{step: step, mask: mask, entries: entries}
	bitLog := min(max(bits.Len(uint(distinct*40)), smallLog), 18)
	t.bits, t.shift = make([]uint64, 1<<(bitLog-6)), uint(32-bitLog)
	if bitLog == smallLog {
		t.small = (*smallBits)(t.bits)
	}
	klog := max(bits.Len(uint(distinct*2)), 2)
	t.keys, t.starts, t.kshift = make([]uint32, 1<<klog), make([]uint32, 1<<klog), uint(32-klog)
	for i, e := range entries {
		if i > 0 && e.gram == entries[i-1].gram {
			continue
		}
		h := e.gram * gramMul
		b := h >> t.shift
		t.bits[b>>6] |= 1 << (b & 63)
		at := h >> t.kshift
		for t.starts[at] != 0 {
			at = (at + 1) & uint32(len(t.keys)-1)
		}
		t.keys[at], t.starts[at] = e.gram, uint32(i)+1
	}
	return t
}

// find returns the first entry with a gram, or -1.
func (t *gramTable) find(gram uint32) int {
	for at := gram * gramMul >> t.kshift; t.starts[at] != 0; at = (at + 1) & uint32(len(t.keys)-1) {
		if t.keys[at] == gram {
			return int(t.starts[at]) - 1
		}
	}
	return -1
}

// meet compares the literals that hold a gram with the text around it.
func (w *Worker) meet(p *partition, t *gramTable, gram uint32, text []byte, at int) {
	first := t.find(gram)
	if first < 0 {
		return
	}
	for _, e := range t.entries[first:] {
		if e.gram != gram {
			return
		}
		from := at - int(e.offset)
		if from < 0 {
			continue
		}
		s := p.lits[e.lit].text
		if len(text)-from >= len(s) && foldedEqual(text[from:from+len(s)], s) {
			w.hit(p, e.lit)
		}
	}
}

// foldedEqual compares text, folded or not, with an equally long folded literal;
// what is beyond ASCII must be folded.
func foldedEqual(text []byte, s string) bool {
	for i := 0; i < len(s) && i < len(text); i++ {
		if lower[text[i]] != s[i] {
			return false
		}
	}
	return true
}

// gramAt returns the gram of a literal at an offset.
func gramAt(s string, at, n int) uint32 {
	g := uint32(0)
	for i := range n {
		g |= uint32(s[at+i]|0x20) << (8 * i)
	}
	return g
}
