package engine

import (
	"encoding/binary"
	"math/bits"
)

// gramTable finds literals anywhere in a text by four bytes of them (three in a
// table for literals that are that short). With step n only every nth place of
// the text is looked at; then the literals are at least n+3 bytes long, and n
// consecutive grams of each are known. A bit table that fits into the first level
// of cache answers for nearly every place.
//
// Case does not matter for grams: bit 5 of each byte is set in both.
type gramTable struct {
	step    int
	mask    uint32 // 0xffffff for three bytes
	shift   uint   // of the hash, for bits
	bits    []uint64
	keys    []uint32 // open addressing; the first of its entries is in starts
	starts  []uint32 // plus one; 0 is a free slot
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
	log := min(max(bits.Len(uint(distinct*40)), 9), 18)
	t := &gramTable{step: step, mask: mask, shift: uint(32 - log), bits: make([]uint64, 1<<(log-6)), entries: entries}
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

// find gives the first entry with a gram, or -1.
func (t *gramTable) find(gram uint32) int {
	for at := gram * gramMul >> t.kshift; t.starts[at] != 0; at = (at + 1) & uint32(len(t.keys)-1) {
		if t.keys[at] == gram {
			return int(t.starts[at]) - 1
		}
	}
	return -1
}

// scan calls w.meet for every place where a literal may be.
func (t *gramTable) scan(w *Worker, p *partition, text []byte) {
	if t.mask != 0xffffffff {
		t.scanThree(w, p, text)
		return
	}
	table, shift, step := t.bits, t.shift&31, t.step
	top := uint32(len(table) - 1)
	i := 0
	// Two places at a time: the look-ups do not wait for one another.
	for ; i+step+4 <= len(text); i += 2 * step {
		a := binary.LittleEndian.Uint32(text[i:]) | caseBits
		c := binary.LittleEndian.Uint32(text[i+step:]) | caseBits
		x, y := a*gramMul>>shift, c*gramMul>>shift
		if table[x>>6&top]&(1<<(x&63)) != 0 {
			w.meet(p, t, a, text, i)
		}
		if table[y>>6&top]&(1<<(y&63)) != 0 {
			w.meet(p, t, c, text, i+step)
		}
	}
	if i+4 <= len(text) {
		a := binary.LittleEndian.Uint32(text[i:]) | caseBits
		x := a * gramMul >> shift
		if table[x>>6&top]&(1<<(x&63)) != 0 {
			w.meet(p, t, a, text, i)
		}
	}
}

func (t *gramTable) scanThree(w *Worker, p *partition, text []byte) {
	table, shift := t.bits, t.shift&31
	top := uint32(len(table) - 1)
	for i := 0; i+3 <= len(text); i++ {
		gram := (uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16) | caseBits&0xffffff
		b := gram * gramMul >> shift
		if table[b>>6&top]&(1<<(b&63)) != 0 {
			w.meet(p, t, gram, text, i)
		}
	}
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

// gramAt gives the gram of a literal at an offset.
func gramAt(s string, at, n int) uint32 {
	g := uint32(0)
	for i := range n {
		g |= uint32(s[at+i]|0x20) << (8 * i)
	}
	return g
}
