package engine

import (
	"encoding/binary"
	"math/bits"
)

// keyTable finds literals by a key of eight bytes that is taken from the
// beginning, the end, or both ends of a text.
type keyTable struct {
	keys   []uint64
	starts []uint32 // plus one; 0 is a free slot
	shift  uint
	list   []keyEntry // sorted by key
}

type keyEntry struct {
	key uint64
	lit int32
}

const keyMul = 0x9E3779B97F4A7C15

// newKeyTable makes a table of entries sorted by key.
func newKeyTable(list []keyEntry) *keyTable {
	if len(list) == 0 {
		return nil
	}
	log := max(bits.Len(uint(len(list)*2)), 2)
	t := &keyTable{keys: make([]uint64, 1<<log), starts: make([]uint32, 1<<log), shift: uint(64 - log), list: list}
	for i, e := range list {
		if i > 0 && e.key == list[i-1].key {
			continue
		}
		at := e.key * keyMul >> t.shift
		for t.starts[at] != 0 {
			at = (at + 1) & uint64(len(t.keys)-1)
		}
		t.keys[at], t.starts[at] = e.key, uint32(i)+1
	}
	return t
}

// find returns the entries from the first with a key on; they are sorted by key.
func (t *keyTable) find(key uint64) []keyEntry {
	for at := key * keyMul >> t.shift; t.starts[at] != 0; at = (at + 1) & uint64(len(t.keys)-1) {
		if t.keys[at] == key {
			return t.list[t.starts[at]-1:]
		}
	}
	return nil
}

// few returns up to eight bytes as a number.
func few[T string | []byte](s T) uint64 {
	var v uint64
	for i := 0; i < len(s) && i < 8; i++ {
		v |= uint64(s[i]) << (8 * i)
	}
	return v
}

// equalKey is the key of a whole text.
func equalKey[T string | []byte](s T) uint64 {
	if len(s) < 8 {
		return few(s) ^ uint64(len(s))<<56
	}
	return few(s[:8]) ^ bits.RotateLeft64(few(s[len(s)-8:]), 23) ^ uint64(len(s))*keyMul
}

// The same for the text of an event, whose bytes are read at once.
func textKey(s []byte) uint64 {
	if len(s) < 8 {
		return few(s) ^ uint64(len(s))<<56
	}
	return binary.LittleEndian.Uint64(s) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(s[len(s)-8:]),
		23) ^ uint64(len(s))*keyMul
}
