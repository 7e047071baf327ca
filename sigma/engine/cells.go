package engine

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// Whole stands for the whole event among the fields that a Record is asked for:
// all its scalars, for keywords. It is the number of the empty name.
const Whole int32 = 0

// Cells are the fields of one event that its rules look at, taken apart into
// scalars. A Record fills them; texts that are given to them must stay as they
// are until the event was matched.
type Cells struct {
	epoch uint32
	slots []slot // by field
	cells []cell
	buf   []byte
	open  int32
	word  int      // shorter scalars of Whole need not be kept
	from  Record   // where fields are taken from when they are needed
	one   [1]int32 // the field that is asked for
}

// slot is one field, if epoch is that of the event: n cells from cells[at], or -1
// if the event does not have it.
type slot struct {
	epoch uint32
	at, n int32
}

type cellKind uint8

const (
	cellText cellKind = iota
	cellNull
	cellObject
)

// cell is one scalar of the event.
type cell struct {
	kind cellKind
	text []byte
	fold []byte // see folded; nil if it was not needed yet
}

func newCells(fields int) Cells { return Cells{slots: make([]slot, fields), epoch: 1} }

// keepBuffer is how much scratch a worker keeps between events, in bytes.
const keepBuffer = 1 << 20

func (c *Cells) reset() {
	c.cells = c.cells[:0]
	if cap(c.buf) > keepBuffer {
		c.buf = nil
	}
	c.buf = c.buf[:0]
	if c.epoch++; c.epoch == 0 {
		clear(c.slots)
		c.epoch = 1
	}
}

// Begin starts a field that the event has. The scalars of a list are added one
// by one before End.
func (c *Cells) Begin(field int32) {
	c.open = field
	c.slots[field] = slot{c.epoch, int32(len(c.cells)), 0}
}

// End ends the field. One without scalars is an empty list and counts as null.
func (c *Cells) End() {
	s := &c.slots[c.open]
	if s.n = int32(len(c.cells)) - s.at; s.n == 0 && c.open != Whole {
		c.Null()
		s.n = 1
	}
}

// Text adds a scalar with a text: text itself, a number as sigma.TextOf writes
// it, true or false.
func (c *Cells) Text(text []byte) { c.cells = append(c.cells, cell{kind: cellText, text: text}) }

// String is Text with a copy of text.
func (c *Cells) String(text string) {
	at := len(c.buf)
	c.buf = append(c.buf, text...)
	c.Text(c.buf[at:len(c.buf):len(c.buf)])
}

// Raw adds to Whole what does not have to be folded: text as it stands in JSON,
// of one scalar or of many with what is between them. What in it is spelled with \u
// or is odd, see [Odd], must be given with Text, unescaped.
func (c *Cells) Raw(text []byte) {
	if len(text) < c.word {
		return
	}
	c.cells = append(c.cells, cell{cellText, text, text})
}

// Odd reports whether text has a character beyond ASCII that is equal to an ASCII
// letter without case: the Kelvin sign or the long s.
func Odd(text []byte) bool {
	return bytes.Contains(text, []byte("\u212a")) || bytes.Contains(text, []byte("\u017f"))
}

// leaves adds what sigma.LeavesOf yields to Whole, in any order, as one text.
func (c *Cells) leaves(fields map[string]any) {
	at := len(c.buf)
	c.join(fields, 0)
	if text := c.buf[at:len(c.buf):len(c.buf)]; Odd(text) {
		c.Text(text)
	} else {
		c.Raw(text)
	}
}

// join appends scalars to the scratch, each with a NUL behind it, which no literal
// of Whole has.
func (c *Cells) join(value any, depth int) {
	if depth > maxNesting {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			c.join(member, depth+1)
		}
	case []any:
		for _, member := range v {
			c.join(member, depth+1)
		}
	case string:
		c.buf = append(append(c.buf, v...), 0)
	default:
		if text, ok := sigma.TextOf(v); ok {
			c.buf = append(append(c.buf, text...), 0)
		}
	}
}

// folded returns the text of a cell without its case.
func (c *Cells) folded(x *cell) []byte {
	if x.fold == nil {
		at := len(c.buf)
		c.buf = appendFold(c.buf, x.text)
		x.fold = c.buf[at:len(c.buf):len(c.buf)]
	}
	return x.fold
}

// Null adds null.
func (c *Cells) Null() { c.cells = append(c.cells, cell{kind: cellNull}) }

// Object adds a map, which equals nothing.
func (c *Cells) Object() { c.cells = append(c.cells, cell{kind: cellObject}) }

// Buffer returns the scratch buffer, to append to; it must be returned with
// Return before any other method is called.
func (c *Cells) Buffer() []byte { return c.buf }

// Return takes the scratch buffer back after something was appended.
func (c *Cells) Return(buf []byte) { c.buf = buf }

// field returns the scalars of a field, and whether the event has it.
func (c *Cells) field(id int32) ([]cell, bool) {
	s := &c.slots[id]
	if s.epoch != c.epoch {
		*s = slot{c.epoch, 0, -1}
		c.one[0] = id
		c.from.Fill(c.one[:], c)
	}
	if s.n < 0 {
		return nil, false
	}
	return c.cells[s.at : s.at+s.n], true
}

// spelling is [Record].Spelling of a field that was not taken apart yet.
func (c *Cells) spelling(id int32) (raw []byte, unicode, ok bool) {
	if c.slots[id].epoch == c.epoch {
		return nil, false, false
	}
	return c.from.Spelling(id)
}

// add takes a value apart as package sigma does.
func (c *Cells) add(value any, depth int) {
	switch v := value.(type) {
	case nil:
		c.Null()
	case string:
		c.String(v)
	case []any:
		if depth > maxNesting {
			return
		}
		for _, member := range v {
			c.add(member, depth+1)
		}
	default:
		if text, ok := sigma.TextOf(v); ok {
			c.String(text)
		} else {
			c.Object()
		}
	}
}

// maxNesting is how deep package sigma descends into lists.
const maxNesting = 10_000

const (
	high8 = 0x8080808080808080
	all8  = 0x0101010101010101
)

// appendFold appends fold.Text(text).
func appendFold(dst, text []byte) []byte {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		v := binary.LittleEndian.Uint64(text[i:])
		if v&high8 != 0 {
			return foldRest(dst, text[i:])
		}
		// In each byte the high bit of v+63 says at least 'A', that of v+37 more
		// than 'Z'.
		up := (v + 0x3f*all8) &^ (v + 0x25*all8) & high8
		dst = binary.LittleEndian.AppendUint64(dst, v+up>>2)
	}
	for ; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return foldRest(dst, text[i:])
		}
		dst = append(dst, lower[text[i]])
	}
	return dst
}

func foldRest(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, lower[c])
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, text[i])
		case r == '®' || r == '©' || r >= 0x3000 && r < 0xA000:
			dst = append(dst, text[i:i+size]...) // has no case, and is what is seen most
		default:
			dst = utf8.AppendRune(dst, fold.Rune(r))
		}
		i += size
	}
	return dst
}
