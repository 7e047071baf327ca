// Package extract finds what a report is about: observables in free text as people write
// it, in Japanese and English, defanged, full-width, broken over lines, in Markdown and in
// log lines. What is found says where it stands in the text, and whether it is to be taken
// without being asked; if not, why.
package extract

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event"
)

// Types of what is found beside those of package event.
const (
	FilePath = "file-path"
	Registry = "windows-registry-key"
	Mutex    = "mutex"
	AS       = "autonomous-system"
	SHA512   = "SHA-512"
	SSDEEP   = "SSDEEP"
	JA3      = "JA3"
)

// Found is one value in a text.
type Found struct {
	Type  string
	Value string // in canonical form
	Port  int    // that the text gives an address; 0 if it gives none
	From  int    // where it stands, in bytes of the text as it was given
	To    int
	Take  bool // take it without asking
	Why   Why  // why not, if not
}

// Why is a reason to ask before something is taken.
type Why string

// The reasons.
const (
	Excluded  Why = "excluded"  // it says nothing: a private address, a common name
	Negated   Why = "negated"   // the text says that it is not meant
	Reference Why = "reference" // a link to read on
	Victim    Why = "victim"    // of whom was attacked
	Filename  Why = "filename"  // may be the name of a file, or of a part of a program
	HostBits  Why = "host-bits" // a network whose address is not its first
	Path      Why = "path"      // of a request to a server
)

// maxText bounds what is read of a text, and maxFound what is found in it.
const (
	maxText  = 4 << 20
	maxFound = 20_000
)

// Text finds the values in a text, each once, in their order. excluded reports why a
// value never says anything; nil excludes none.
func Text(text string, excluded func(event.Observable) string) []Found {
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	x := &extractor{m: plain(text), excluded: excluded, seen: map[string]int{}}
	x.taken = make([]bool, len(x.m.text)+1)
	x.marked()
	x.paths()
	x.urls()
	x.emails()
	x.hashes()
	x.addresses()
	x.names()
	slices.SortStableFunc(x.out, func(a, b Found) int { return a.From - b.From })
	return x.out
}

// extractor looks for one kind of value after the other. What one has found is not looked
// into by those after it.
type extractor struct {
	m        mapped
	excluded func(event.Observable) string
	taken    []bool         // bytes of m.text that belong to something
	seen     map[string]int // index in out, by type and value
	out      []Found
}

// free reports whether nothing was found in a part of the text.
func (x *extractor) free(from, to int) bool { return !slices.Contains(x.taken[from:to], true) }

// take marks a part of the text as looked at.
func (x *extractor) take(from, to int) {
	for i := from; i < to; i++ {
		x.taken[i] = true
	}
}

// found adds a value that stands from from to to in m.text.
func (x *extractor) found(typ, value string, from, to, port int, why Why) {
	x.take(from, to)
	if why == "" {
		why = x.context(from, to)
	}
	if why == "" && x.excluded != nil {
		if x.excluded(event.Observable{Type: event.ObservableType(typ), Value: value}) != "" {
			why = Excluded
		}
	}
	f := Found{Type: typ, Value: value, Port: port, From: x.m.at[from], To: x.m.at[to], Take: why == "", Why: why}
	key := typ + "\x00" + value
	if i, ok := x.seen[key]; ok {
		if old := &x.out[i]; f.Take && !old.Take && old.Why != Excluded { // what is meant once is meant
			f.Port = max(f.Port, old.Port)
			*old = f
		} else if old.Port == 0 {
			old.Port = f.Port
		}
		return
	}
	if len(x.out) < maxFound {
		x.seen[key] = len(x.out)
		x.out = append(x.out, f)
	}
}

// context reports why a value is not meant, by the words beside it.
func (x *extractor) context(from, to int) Why {
	before, after := x.sentenceBefore(from), x.sentenceAfter(to)
	lower := strings.ToLower(before)
	for _, w := range []string{"but not ", "except ", "excluding ", "other than ", "is not ", "are not ",
		"not malicious"} {
		if i := strings.LastIndex(lower, w); i >= 0 && !strings.ContainsAny(lower[i:], "():") {
			return Negated
		}
	}
	if i := strings.LastIndex(lower, "but not "); i >= 0 {
		return Negated
	}
	for _, w := range []string{"を除く", "を除き", "を除いた", "以外", "ではありません", "ではない", "は無関係", "は正規"} {
		if strings.HasPrefix(after, w) {
			return Negated
		}
	}
	for _, w := range []string{"被害端末", "被害組織", "被害機器", "感染端末", "victim host", "victim's host", "compromised host"} {
		if i := strings.LastIndex(lower, w); i >= 0 {
			rest := lower[i+len(w):]
			if open := strings.HasPrefix(strings.TrimSpace(rest), "("); open && !strings.Contains(rest, ")") ||
				!open && len(strings.Fields(rest)) == 0 {
				return Victim
			}
		}
	}
	return ""
}

// sentenceBefore is the text before a place up to where its sentence begins.
func (x *extractor) sentenceBefore(at int) string {
	from := at
	for from > 0 && at-from < 300 && !x.ends(from-1) {
		from--
	}
	for from < at && !utf8.RuneStart(x.m.text[from]) {
		from++
	}
	return x.m.text[from:at]
}

// sentenceAfter is the text behind a place up to where its sentence ends.
func (x *extractor) sentenceAfter(at int) string {
	to := at
	for to < len(x.m.text) && to-at < 300 && !x.ends(to) {
		to++
	}
	return x.m.text[at:to]
}

// ends reports whether a sentence ends at a byte.
func (x *extractor) ends(i int) bool {
	s := x.m.text
	switch s[i] {
	case '\n', ';':
		return true
	case '.', '!', '?':
		return i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\n'
	}
	return strings.HasPrefix(s[i:], "。")
}
