package watchlist

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

// filter is a split-block Bloom filter (the layout of Parquet's, blocks of eight
// 32-bit words): one cache line a question, no false "no", and it is filled one
// fingerprint at a time, so that building it needs no memory beside itself.
type filter struct {
	bits []byte // blocks of 32 bytes, words lowest byte first
}

// filterBits is what an entry costs in a filter.
const filterBits = 24

// salts are the odd multipliers that pick one bit in each of the eight words.
var salts = [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31}

func newFilter(entries int64) *filter {
	return &filter{largePages(make([]byte, max(1, (entries*filterBits+255)/256)*32))}
}

func place(fp uint64, blocks int) uint64 { return (fp >> 32) * uint64(blocks) >> 32 }

func (f *filter) block(fp uint64) []byte {
	at := place(fp, len(f.bits)/32) * 32
	return f.bits[at : at+32 : at+32]
}

func (f *filter) add(fp uint64) {
	b := f.block(fp)
	for i, s := range salts {
		w := b[4*i : 4*i+4]
		binary.LittleEndian.PutUint32(w, binary.LittleEndian.Uint32(w)|1<<(uint32(fp)*s>>27))
	}
}

// may returns 0 if fp was never added, and 1 if perhaps it was: a number, so that
// no branch waits for it.
func (f *filter) may(fp uint64) uint64 {
	b, x := f.block(fp), uint32(fp)
	w := binary.LittleEndian.Uint32
	all := w(
		b,
	) >> (x * 0x47b6137b >> 27) & (w(b[4:]) >> (x * 0x44974d91 >> 27)) & (w(b[8:]) >> (x * 0x8824ad5b >> 27)) &
		(w(b[12:]) >> (x * 0xa2b7289d >> 27))
	all &= w(
		b[16:],
	) >> (x * 0x705495c7 >> 27) & (w(b[20:]) >> (x * 0x2df1424b >> 27)) & (w(b[24:]) >> (x * 0x9efc4947 >> 27)) &
		(w(b[28:]) >> (x * 0x5c6bfb31 >> 27))
	return uint64(all & 1)
}

// readFilter reads the n bytes of a filter.
func readFilter(r io.Reader, n int64) (*filter, error) {
	f := &filter{largePages(make([]byte, n))}
	_, err := io.ReadFull(r, f.bits)
	return f, err
}

// growing is a filter of fixed size that is asked while it is filled.
type growing struct {
	words []atomic.Uint64 // blocks of four
}

func newGrowing(entries int) *growing {
	return &growing{words: make([]atomic.Uint64, max(4, entries*filterBits/256*4))}
}

// bits returns the two bits of word i of fp's block.
func (g *growing) bits(fp uint64, i int) uint64 {
	x := uint32(fp)
	return 1<<(x*salts[2*i]>>26) | 1<<(x*salts[2*i+1]>>26)
}

func (g *growing) add(fp uint64) {
	at := place(fp, len(g.words)/4) * 4
	for i := range 4 {
		g.words[at+uint64(i)].Or(g.bits(fp, i))
	}
}

func (g *growing) may(fp uint64) bool {
	at := place(fp, len(g.words)/4) * 4
	for i := range 4 {
		if m := g.bits(fp, i); g.words[at+uint64(i)].Load()&m != m {
			return false
		}
	}
	return true
}
