package detect

import (
	"slices"
	"strconv"

	"golang.org/x/text/unicode/norm"

	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/stix"
)

// patternBook finds, of many patterns, the few that an event can meet: by whole
// values, by four letters of a text, and by type for those that give no text. It
// is never changed after it was made, but for the windows of its patterns.
type patternBook struct {
	list  []Armed // in order of their ids
	whole map[string][]int32
	grams map[uint32][]part
	bits  [1 << 16 / 64]uint64 // of the hashes of grams
	types map[string][]int32
}

const gramSize = 4

// part is a text that a pattern needs, found by the gram at one place of it.
type part struct {
	pattern int32
	text    string
	at      int
}

// stands reports whether the whole text stands in s, its gram at i.
func (p part) stands(s string, i int) bool {
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

// newPatternBook gives nil for no patterns.
func newPatternBook(list []Armed) *patternBook {
	if len(list) == 0 {
		return nil
	}
	b := &patternBook{list: list, whole: map[string][]int32{}, grams: map[uint32][]part{}, types: map[string][]int32{}}
	for i, a := range list {
		for _, c := range a.Pattern.Prefilters() {
			switch {
			case c.Whole && c.Text != "":
				b.whole[c.Text] = appendNew(b.whole[c.Text], int32(i))
			case len(c.Text) >= gramSize:
				g, at := b.rarest(c.Text)
				b.grams[g] = append(b.grams[g], part{int32(i), c.Text, at})
				h := gramHash(g)
				b.bits[h/64] |= 1 << (h % 64)
			default:
				b.types[c.Object] = appendNew(b.types[c.Object], int32(i))
			}
		}
	}
	return b
}

func appendNew(list []int32, i int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == i {
		return list
	}
	return append(list, i)
}

// common are grams that are in very many events; others are better to look for.
var common = []string{"\\win", "wind", "indo", "ndow", "dows", "ows\\", "syst", "yste", "stem", "em32", "m32\\", ".exe", "http", "ttp:", "tps:", "://w", "www.", ".com", "prog", "rogr", "ogra", "gram", "file", "iles", "user", "sers", "micr", "icro", "cros", "roso", "osof", "soft", "powe", "ower", "wers", "ersh", "rshe", "shel", "hell", "curr", "vers"}

// rarest gives the gram of a text that is likely in the fewest events.
func (b *patternBook) rarest(text string) (gram uint32, at int) {
	least := 1 << 30
	for i := 0; i+gramSize <= len(text); i++ {
		g := gramAt(text, i)
		n := 2 * len(b.grams[g])
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

// candidates gives, in order, the patterns whose clues are in an observation.
func (b *patternBook) candidates(seen stix.Observation) []int32 {
	var out []int32
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, b.whole[v]...)
			if len(b.grams) > 0 {
				out = b.scan(out, v)
			}
		case int64:
			out = append(out, b.whole[strconv.FormatInt(v, 10)]...)
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
				out = append(out, b.types[typ]...)
			case "id":
			default:
				walk(v)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// scan looks for the four letters of every pattern.
func (b *patternBook) scan(out []int32, s string) []int32 {
	if !norm.NFC.IsNormalString(s) {
		s = norm.NFC.String(s)
	}
	var g uint32
	for i := 0; i < len(s); i++ {
		g = g>>8 | uint32(lower(s[i]))<<24
		if h := gramHash(g); i >= gramSize-1 && b.bits[h/64]&(1<<(h%64)) != 0 {
			for _, p := range b.grams[g] {
				if p.stands(s, i-gramSize+1) {
					out = append(out, p.pattern)
				}
			}
			if len(out) > 1<<16 { // one text over and over
				slices.Sort(out)
				out = slices.Compact(out)
			}
		}
	}
	return out
}

// match yields the hits of patterns that holds says are valid. An observation
// that a pattern cannot be compared with, though it was armed, does not meet it:
// arming has seen to it that there is none.
func (b *patternBook) match(ev *event.Event, valid func(id string) bool, yield func(Hit)) {
	if b == nil {
		return
	}
	seen := observed.Of(ev)
	for _, i := range b.candidates(seen) {
		a := b.list[i]
		if !valid(a.ID) {
			continue
		}
		if a.window != nil {
			if m, err := a.window.add(ev, seen); err == nil && m != nil {
				yield(patternHit(a, m.IDs))
			}
			continue
		}
		if ok, err := a.Pattern.Match(seen); err == nil && ok {
			yield(patternHit(a, nil))
		}
	}
}

// holds reports whether the book is of these patterns.
func (b *patternBook) holds(list []Armed) bool {
	if b == nil {
		return len(list) == 0
	}
	return slices.EqualFunc(b.list, list, func(x, y Armed) bool {
		return x.ID == y.ID && x.Pattern == y.Pattern && x.Name == y.Name && x.Level == y.Level
	})
}
