package match

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/stix"
)

// Patterns finds, of many patterns, the few that an event can meet: by whole
// values, by four letters of a text, and by type for those that ask for no text.
// It is immutable, but for the windows of its patterns; nil is one of no patterns.
type Patterns struct {
	n     int // patterns
	whole sharded[string, []*Armed]
	grams sharded[uint32, []part]
	bits  [1 << 16 / 64]uint64 // of the hashes of grams, perhaps of some that are gone
	gone  int                  // grams that are gone and have a bit still
	types sharded[string, []*Armed]
}

const gramSize = 4

// part is a text that a pattern needs, found by the gram at one place of it.
type part struct {
	pattern *Armed
	text    string
	at      int
}

// within reports whether s holds the whole text, its gram at i.
func (p part) within(s string, i int) bool {
	i -= p.at
	if i < 0 || i+len(p.text) > len(s) {
		return false
	}
	for j := range len(p.text) {
		if lower(p.text[j]) != lower(s[i+j]) {
			return false
		}
	}
	return true
}

// NewPatterns returns the book of some patterns.
func NewPatterns(list []*Armed) *Patterns { return (*Patterns)(nil).with(list, nil) }

// with returns the book without some of its patterns and with others. It costs
// what these patterns cost, however many there are.
func (b *Patterns) with(add, drop []*Armed) *Patterns {
	if len(add)+len(drop) == 0 {
		return b
	}
	n := Patterns{}
	if b != nil {
		n = *b
	}
	if n.n += len(add) - len(drop); n.n == 0 {
		return nil
	}
	e := patternEdit{&n, n.whole.edit(), n.grams.edit(), n.types.edit()}
	for _, a := range drop {
		e.drop(a)
	}
	for _, a := range add {
		e.add(a)
	}
	n.whole, n.grams, n.types = e.whole.done(), e.grams.done(), e.types.done()
	if n.gone > n.grams.len()+1000 {
		n.bits, n.gone = [len(n.bits)]uint64{}, 0
		for g := range n.grams.all() {
			n.setBit(g)
		}
	}
	return &n
}

func (b *Patterns) setBit(gram uint32) {
	h := gramHash(gram)
	b.bits[h/64] |= 1 << (h % 64)
}

// patternEdit is a change of a book that is under way. Lists grow in place: an
// older book reads only its own length of them.
type patternEdit struct {
	book  *Patterns
	whole *shardedEdit[string, []*Armed]
	grams *shardedEdit[uint32, []part]
	types *shardedEdit[string, []*Armed]
}

func (e patternEdit) add(a *Armed) {
	for _, c := range a.Pattern.Prefilters() {
		switch {
		case c.Whole && c.Text != "":
			list, _ := e.whole.get(c.Text)
			e.whole.set(c.Text, appendNew(list, a))
		case len(c.Text) >= gramSize:
			g, at := e.rarest(c.Text)
			list, _ := e.grams.get(g)
			e.grams.set(g, append(list, part{a, c.Text, at}))
			e.book.setBit(g)
		default:
			list, _ := e.types.get(c.Object)
			e.types.set(c.Object, appendNew(list, a))
		}
	}
}

func (e patternEdit) drop(a *Armed) {
	without := func(m *shardedEdit[string, []*Armed], key string) {
		list, ok := m.get(key)
		if !ok {
			return
		}
		list = slices.DeleteFunc(slices.Clone(list), func(x *Armed) bool { return x == a })
		if len(list) == 0 {
			m.delete(key)
		} else {
			m.set(key, list)
		}
	}
	for _, c := range a.Pattern.Prefilters() {
		switch {
		case c.Whole && c.Text != "":
			without(e.whole, c.Text)
		case len(c.Text) >= gramSize:
			e.dropText(a, c.Text)
		default:
			without(e.types, c.Object)
		}
	}
}

// dropText removes the parts of a pattern from under whichever gram of a text
// they are.
func (e patternEdit) dropText(a *Armed, text string) {
	mine := func(p part) bool { return p.pattern == a }
	for i := 0; i+gramSize <= len(text); i++ {
		g := gramAt(text, i)
		list, _ := e.grams.get(g)
		if !slices.ContainsFunc(list, mine) {
			continue
		}
		if list = slices.DeleteFunc(slices.Clone(list), mine); len(list) > 0 {
			e.grams.set(g, list)
			continue
		}
		e.grams.delete(g)
		e.book.gone++
	}
}

func appendNew(list []*Armed, a *Armed) []*Armed {
	if n := len(list); n > 0 && list[n-1] == a {
		return list
	}
	return append(list, a)
}

// common are grams that are in very many events; others are better to look for.
var common = []string{
	"\\win", "wind", "indo", "ndow", "dows", "ows\\", "syst", "yste", "stem", "em32", "m32\\", ".exe", "http", "ttp:",
	"tps:", "://w", "www.", ".com", "prog", "rogr", "ogra", "gram", "file", "iles", "user", "sers", "micr", "icro",
	"cros", "roso", "osof", "soft", "powe", "ower", "wers", "ersh", "rshe", "shel", "hell", "curr", "vers",
}

// rarest returns the gram of a text that is likely in the fewest events.
func (e patternEdit) rarest(text string) (gram uint32, at int) {
	least := 1 << 30
	for i := 0; i+gramSize <= len(text); i++ {
		g := gramAt(text, i)
		list, _ := e.grams.get(g)
		n := 2 * len(list)
		if slices.Contains(common, folded4(g)) {
			n += 1000
		}
		if n < least {
			gram, at, least = g, i, n
		}
	}
	return gram, at
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func gramAt(s string, i int) uint32 {
	return uint32(lower(s[i])) | uint32(lower(s[i+1]))<<8 | uint32(lower(s[i+2]))<<16 | uint32(lower(s[i+3]))<<24
}

func folded4(g uint32) string {
	return string([]byte{byte(g), byte(g >> 8), byte(g >> 16), byte(g >> 24)})
}

func gramHash(g uint32) uint32 { return g * 0x9e3779b1 >> 16 }

// Candidates returns the patterns whose prefilters are in an observation, in the
// order of their ids.
func (b *Patterns) Candidates(seen stix.Observation) []*Armed {
	var out []*Armed
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = b.valued(out, v)
			if b.grams.len() > 0 {
				out = b.scan(out, v)
			}
		case int64:
			out = b.valued(out, strconv.FormatInt(v, 10))
		case map[string]any:
			for _, w := range v {
				walk(w)
			}
		case []any:
			for _, w := range v {
				walk(w)
			}
		}
	}
	for _, o := range seen {
		for name, v := range o {
			switch name {
			case "type":
				typ, _ := v.(string)
				list, _ := b.types.get(typ)
				out = append(out, list...)
			case "id":
			default:
				walk(v)
			}
		}
	}
	return distinct(out)
}

func (b *Patterns) valued(out []*Armed, value string) []*Armed {
	list, _ := b.whole.get(value)
	return append(out, list...)
}

// distinct sorts a list by ids, in place, and leaves one of each pattern.
func distinct(list []*Armed) []*Armed {
	slices.SortFunc(list, func(x, y *Armed) int { return strings.Compare(x.ID, y.ID) })
	out := list[:0]
	same := 0 // where the last id begins
	for _, a := range list {
		if len(out) > 0 && out[len(out)-1].ID != a.ID {
			same = len(out)
		}
		if !slices.Contains(out[same:], a) {
			out = append(out, a)
		}
	}
	return out
}

// scan looks for the four letters of every pattern.
func (b *Patterns) scan(out []*Armed, s string) []*Armed {
	if !norm.NFC.IsNormalString(s) {
		s = norm.NFC.String(s)
	}
	var g uint32
	for i := 0; i < len(s); i++ {
		g = g>>8 | uint32(lower(s[i]))<<24
		if h := gramHash(g); i >= gramSize-1 && b.bits[h/64]&(1<<(h%64)) != 0 {
			list, _ := b.grams.get(g)
			for _, p := range list {
				if p.within(s, i-gramSize+1) {
					out = append(out, p.pattern)
				}
			}
			if len(out) > 1<<16 { // one text over and over
				out = distinct(out)
			}
		}
	}
	return out
}

// Match yields the hits of patterns that valid says are. An observation that a
// pattern cannot be compared with, though it was armed, does not meet it: arming
// has seen to it that there is none.
func (b *Patterns) match(ev *event.Event, valid func(*Armed) bool, yield func(Hit)) {
	if b == nil {
		return
	}
	seen := observed.Of(ev)
	for _, a := range b.Candidates(seen) {
		if !valid(a) {
			continue
		}
		if a.Window != nil {
			if m, err := a.Window.add(ev, seen); err == nil && m != nil {
				yield(PatternHit(*a, m.IDs))
			}
			continue
		}
		if ok, err := a.Pattern.Match(seen); err == nil && ok {
			yield(PatternHit(*a, nil))
		}
	}
}
