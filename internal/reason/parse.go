package reason

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/i18n"
)

// Bounds of the work for one reason; a longer or deeper one stays English where
// the bound is met.
const (
	maxReason = 8 << 10 // bytes of a reason
	maxSteps  = 4096    // places that are tried for the parts of sentences
)

// entry is one sentence of a library: the format it is made with, and the same in
// Japanese. In the Japanese {0} is the first part as it stands (a name, a number,
// a quoted value), and {0~} is one that is itself a reason or a phrase and is said
// in Japanese too.
type entry struct{ en, ja string }

// Text gives a library's reason in both languages. The English is s. The Japanese
// is s too where nothing better is known.
func Text(s string) i18n.Text {
	if len(s) > maxReason {
		return i18n.Same(s)
	}
	t := teller{book: theBook(), steps: maxSteps}
	lines := strings.Split(s, "\n") // joined errors stand on lines of their own
	for i, line := range lines {
		lines[i] = t.say(line, 0)
	}
	return i18n.Text{EN: s, JA: strings.Join(lines, "\n")}
}

// formats are all sentences, by where they come from.
func formats() []entry {
	return slices.Concat(shared(), ofRules(), ofConditions(), ofCorrelations(), ofPipelines(), ofSteps(), ofCodes(),
		ofLiterals(), ofSnapshots(), ofYAML(), ofMachine(), ofReceipts())
}

var theBook = sync.OnceValue(func() *book { return bind(formats()) })

// book finds sentences by one word of theirs, so that a look-up tries few.
type book struct {
	sentences []sentence       // the most telling first
	by        map[string][]int // by anchor, into sentences
	always    []int            // those without an anchor
}

// bind orders sentences: where several fit, the one that says most about the
// beginning wins, then the one with most words of its own.
func bind(list []entry) *book {
	b := &book{by: map[string][]int{}}
	count := map[string]int{}
	for _, e := range list {
		s := compile(e)
		b.sentences = append(b.sentences, s)
		for _, w := range s.words {
			count[w]++
		}
	}
	slices.SortStableFunc(b.sentences, func(x, y sentence) int {
		if x.open != y.open {
			return x.open - y.open
		}
		return y.own - x.own
	})
	for i, s := range b.sentences {
		if len(s.words) == 0 {
			b.always = append(b.always, i)
			continue
		}
		rarest := slices.MinFunc(s.words, func(a, b string) int { return count[a] - count[b] })
		b.by[rarest] = append(b.by[rarest], i)
	}
	return b
}

// candidates are the sentences that s may have been made from, the best first.
func (b *book) candidates(s string) []int {
	out := slices.Clone(b.always)
	for w := range strings.SplitSeq(s, " ") {
		out = append(out, b.by[w]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// teller says one reason, with what is left to spend on it.
type teller struct {
	book  *book
	steps int
}

// say gives s in Japanese.
func (t *teller) say(s string, depth int) string {
	if s == "" || depth == maxDepth {
		return s
	}
	quoted := quotes(s)
	for _, i := range t.book.candidates(s) {
		if t.steps <= 0 {
			return s
		}
		m := matcher{s: s, quoted: quoted, steps: &t.steps}
		x := &t.book.sentences[i]
		if !m.fits(x.parts, 0) {
			continue
		}
		if said, told := t.fill(x, m.holes, depth); told {
			return said
		}
	}
	return s
}

// fill puts the parts of a reason into a Japanese sentence. told is false if that
// says no more than the English did.
func (t *teller) fill(x *sentence, holes []string, depth int) (said string, told bool) {
	var out []byte
	told = !x.bare
	spaced := false // behind a part that may end in Latin letters
	for _, p := range x.ja {
		if spaced && latin(utf8.DecodeLastRune(out)) && japanese(utf8.DecodeRuneInString(p.text)) {
			out = append(out, ' ')
		}
		out = append(out, p.text...)
		if spaced = p.translate || p.hole == 0 && x.open == 2; p.hole < 0 {
			continue
		}
		part := holes[p.hole]
		// What a sentence begins with may have taken in the reason around it.
		if p.translate || p.hole == 0 && x.open == 2 && strings.Contains(part, ": ") {
			part = t.say(part, depth+1)
			told = told || part != holes[p.hole]
			if japanese(utf8.DecodeLastRune(out)) && latin(utf8.DecodeRuneInString(part)) {
				out = append(out, ' ')
			}
		}
		out = append(out, part...)
	}
	return string(out), told
}
