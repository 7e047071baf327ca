package engine

import (
	"slices"

	"github.com/meneki/meneki/sigma/internal/fold"
)

// Names numbers field names, so that a record can be taken apart into an array
// instead of a map. Names that differ only in case form a class, because a rule
// finds a field without regard to case where its exact name is missing. It does
// not change after it was made.
type Names struct {
	list    []string
	class   []int32   // by name
	folded  []string  // by class
	members [][]int32 // by class: its names in byte order
	slots   []nameSlot
	mask    uint32
}

type nameSlot struct {
	hash  uint32
	class int32 // plus one; 0 is a free slot
}

// With returns the names with more, which are numbered on in the order given;
// each name may come only once.
func (n *Names) With(more ...string) *Names { return newNames(append(slices.Clone(n.list), more...)) }

// newNames numbers names from 0 in the order given; each may come only once.
func newNames(names []string) *Names {
	n := &Names{list: slices.Clone(names), class: make([]int32, len(names))}
	size := uint32(8)
	for size < uint32(len(names))*4 {
		size *= 2
	}
	n.slots, n.mask = make([]nameSlot, size), size-1
	for i, name := range names {
		fold := fold.Text(name)
		h := nameHash(fold)
		at := h & n.mask
		for ; n.slots[at].class != 0; at = (at + 1) & n.mask {
			if n.folded[n.slots[at].class-1] == fold {
				break
			}
		}
		if n.slots[at].class == 0 {
			n.folded = append(n.folded, fold)
			n.members = append(n.members, nil)
			n.slots[at] = nameSlot{h, int32(len(n.folded))}
		}
		c := n.slots[at].class - 1
		n.class[i] = c
		n.members[c] = append(n.members[c], int32(i))
	}
	for _, m := range n.members {
		slices.SortFunc(m, func(a, b int32) int { return compareText(n.list[a], n.list[b]) })
	}
	return n
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Len is how many names there are.
func (n *Names) Len() int { return len(n.list) }

// Name returns the name with a number.
func (n *Names) Name(id int32) string { return n.list[id] }

// Class returns the class of the name with a number.
func (n *Names) Class(id int32) int32 { return n.class[id] }

// Classes is how many classes there are.
func (n *Names) Classes() int { return len(n.members) }

// Members returns the names of a class in byte order. The result must not be
// changed.
func (n *Names) Members(class int32) []int32 { return n.members[class] }

// Find looks a key up: id is the name that is exactly this, class the class that
// holds the names that are equal to it without case. Either is -1 if there is
// none.
func (n *Names) Find(key []byte) (id, class int32) { return find(n, key) }

func find[T string | []byte](n *Names, key T) (id, class int32) {
	if !ascii(key) {
		return n.findFolded(string(key))
	}
	h := nameHash(key)
	for at := h & n.mask; ; at = (at + 1) & n.mask {
		s := n.slots[at]
		if s.class == 0 {
			return -1, -1
		}
		if s.hash == h && equalLower(key, n.folded[s.class-1]) {
			return n.exact(s.class-1, string(key)), s.class - 1
		}
	}
}

func (n *Names) exact(class int32, key string) int32 {
	for _, m := range n.members[class] {
		if n.list[m] == key {
			return m
		}
	}
	return -1
}

// findFolded is Find for keys beyond ASCII, some of which fold into it.
func (n *Names) findFolded(key string) (id, class int32) {
	fold := fold.Text(key)
	h := nameHash(fold)
	for at := h & n.mask; n.slots[at].class != 0; at = (at + 1) & n.mask {
		if c := n.slots[at].class - 1; n.folded[c] == fold {
			return n.exact(c, key), c
		}
	}
	return -1, -1
}

// nameHash takes letters of either case for the same, and some other characters
// too; keys are compared afterwards.
func nameHash[T string | []byte](key T) uint32 {
	h := uint64(len(key))
	i := 0
	for ; i+8 <= len(key); i += 8 {
		v := uint64(key[i]) | uint64(key[i+1])<<8 | uint64(key[i+2])<<16 | uint64(key[i+3])<<24 |
			uint64(key[i+4])<<32 | uint64(key[i+5])<<40 | uint64(key[i+6])<<48 | uint64(key[i+7])<<56
		h = (h ^ (v | 0x2020202020202020)) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	for ; i < len(key); i++ {
		h = (h ^ uint64(key[i]|0x20)) * 0x100000001B3
	}
	h ^= h >> 32
	return uint32(h*0x9E3779B97F4A7C15>>32) | 1
}

func ascii[T string | []byte](key T) bool {
	var or byte
	for i := 0; i < len(key); i++ {
		or |= key[i]
	}
	return or < 0x80
}

// equalLower compares ASCII text with folded text.
func equalLower[T string | []byte](key T, folded string) bool {
	if len(key) != len(folded) {
		return false
	}
	for i := 0; i < len(key); i++ {
		if lower[key[i]] != folded[i] {
			return false
		}
	}
	return true
}

// lower maps ASCII letters to lower case and every other byte to itself.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}()
