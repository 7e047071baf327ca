package engine

import "encoding/binary"

// searcher finds whether a text holds one of many literals.
type searcher struct {
	lits             []string
	short            []string // of one or two bytes, and ""
	far, near, three *gramTable
}

func newSearcher(lits []string) *searcher {
	s := &searcher{lits: lits}
	var far, near, three []gramEntry
	popular, step := gramCounts(lits), stepOf(lits)
	for i, lit := range lits {
		switch n := len(lit); {
		case n >= fit:
			far = append(far, rarest(lit, int32(i), step, popular)...)
		case n >= 4:
			near = append(near, rarest(lit, int32(i), 1, popular)...)
		case n == 3:
			three = append(three, gramEntry{gramAt(lit, 0, 3), int32(i), 0})
		default:
			s.short = append(s.short, lit)
		}
	}
	s.far, s.near, s.three = sortedGrams(step, 0xffffffff, far), sortedGrams(1, 0xffffffff, near),
		sortedGrams(1, 0xffffff, three)
	return s
}

func (s *searcher) in(text []byte) bool {
	for _, lit := range s.short {
		if contains(text, lit) {
			return true
		}
	}
	return s.far.any(s.lits, text) || s.near.any(s.lits, text) || s.three.any(s.lits, text)
}

// any reports whether a folded text holds one of the literals of a table.
func (t *gramTable) any(lits []string, text []byte) bool {
	if t == nil {
		return false
	}
	top := uint32(len(t.bits) - 1)
	width := 4
	if t.mask != 0xffffffff {
		width = 3
	}
	for i := 0; i+width <= len(text); i += t.step {
		var gram uint32
		if width == 4 {
			gram = binary.LittleEndian.Uint32(text[i:]) | caseBits
		} else {
			gram = (uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16) | caseBits&0xffffff
		}
		b := gram * gramMul >> (t.shift & 31)
		if t.bits[b>>6&top]&(1<<(b&63)) == 0 {
			continue
		}
		first := t.find(gram)
		if first < 0 {
			continue
		}
		for _, e := range t.entries[first:] {
			if e.gram != gram {
				break
			}
			from, lit := i-int(e.offset), lits[e.lit]
			if from >= 0 && len(text)-from >= len(lit) && string(text[from:from+len(lit)]) == lit {
				return true
			}
		}
	}
	return false
}
