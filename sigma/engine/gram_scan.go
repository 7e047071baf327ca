package engine

import "encoding/binary"

// steps are how many places tables pass over; each has a loop of its own, in which
// the distances are constants and need no checks.
var steps = [...]int{8, 6, 4, 1}

// scan calls w.meet for every place where a literal may be.
func (t *gramTable) scan(w *Worker, p *partition, text []byte) {
	i, small := 0, t.small
	switch {
	case t.mask != 0xffffffff:
		t.scanThree(w, p, text)
		return
	case small == nil:
	case t.step == 8:
		for ; i+28 <= len(text); i += 32 {
			if b := text[i : i+28]; small.has(b) || small.has(b[8:]) || small.has(b[16:]) || small.has(b[24:]) {
				t.look(w, p, text, i, i+32)
			}
		}
	case t.step == 6:
		for ; i+22 <= len(text); i += 24 {
			if b := text[i : i+22]; small.has(b) || small.has(b[6:]) || small.has(b[12:]) || small.has(b[18:]) {
				t.look(w, p, text, i, i+24)
			}
		}
	case t.step == 4:
		for ; i+16 <= len(text); i += 16 {
			if b := text[i : i+16]; small.has(b) || small.has(b[4:]) || small.has(b[8:]) || small.has(b[12:]) {
				t.look(w, p, text, i, i+16)
			}
		}
	case t.step == 1:
		for ; i+7 <= len(text); i += 4 {
			if b := text[i : i+7]; small.has(b) || small.has(b[1:]) || small.has(b[2:]) || small.has(b[3:]) {
				t.look(w, p, text, i, i+4)
			}
		}
	}
	t.look(w, p, text, i, len(text))
}

// has reports whether a text, of four bytes at least, begins with a gram.
func (s *smallBits) has(b []byte) bool {
	h := (binary.LittleEndian.Uint32(b) | caseBits) * gramMul >> (32 - smallLog)
	return s[h>>6]&(1<<(h&63)) != 0
}

// look is scan one by one, for places from from up to to.
func (t *gramTable) look(w *Worker, p *partition, text []byte, from, to int) {
	table, shift := t.bits, t.shift&31
	top := uint32(len(table) - 1)
	for i := from; i < to && i+4 <= len(text); i += t.step {
		gram := binary.LittleEndian.Uint32(text[i:]) | caseBits
		if b := gram * gramMul >> shift; table[b>>6&top]&(1<<(b&63)) != 0 {
			w.meet(p, t, gram, text, i)
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
