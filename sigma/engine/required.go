package engine

import (
	"strings"

	"github.com/meneki/meneki/sigma/internal/compiled"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// literal is a literal at a place in a field. A rule waits on a list of them, its
// required literals, of which an event that it matches has at least one.
type literal struct {
	place placing
	field int32
	text  string // folded; for Whole as it stands in JSON, too
	test  *test  // that holds where the literal is found; nil if more is needed
	least int    // of place present: how many bytes the text must have
}

// signature names a literal without its test.
type signature struct {
	place placing
	field int32
	text  string
	least int
}

func (l *literal) signature() signature { return signature{l.place, l.field, l.text, l.least} }

// requirer chooses the literals that rules require.
type requirer struct {
	popular map[string]int
	learned map[signature]float64 // how often a literal was found, of the events
}

// maxRequired is how many literals one list of required literals has at most.
const maxRequired = 20_000

// of returns the required literals of a node that are cheapest to wait on, and how
// often an event has one of them; nil if the node requires none.
func (w *requirer) of(n *node) (list []*literal, cost float64) {
	switch n.op {
	case opTrue:
		if n.words != nil {
			return w.words(n.words)
		}
	case opTest:
		if !n.neg {
			return w.test(n.test)
		}
	case opAll:
		for _, part := range n.nodes {
			if l, c := w.of(part); l != nil && (list == nil || c < cost) {
				list, cost = l, c
			}
		}
		return list, cost
	case opAny:
		for _, part := range n.nodes {
			l, c := w.of(part)
			if l == nil || len(list)+len(l) > maxRequired {
				return nil, 0
			}
			list, cost = append(list, l...), either(cost, c)
		}
		return list, cost
	}
	return nil, 0
}

// mostly reports whether the list is no more than a field that nearly all events
// were seen to have: then to ask for it costs more than it saves.
func (w *requirer) mostly(list []*literal) bool {
	l := list[0]
	return len(list) == 1 && l.place == present && l.least == 0 && w.learned[l.signature()] > mostEvents
}

// mostEvents is how many of the events nearly all are.
const mostEvents = .9

// either is how often an event has one of two independent signs.
func either(a, b float64) float64 { return a + b - a*b }

func (w *requirer) sum(list []*literal) ([]*literal, float64) {
	cost := 0.0
	for _, l := range list {
		cost = either(cost, w.chance(l))
	}
	return list, cost
}

func (w *requirer) test(t *test) ([]*literal, float64) {
	if t.exists < 0 || t.null {
		return nil, 0
	}
	there := []*literal{{place: present, field: t.field}}
	if t.exists > 0 {
		return w.sum(there)
	}
	var list []*literal
	add := func(place placing, of []string) bool {
		for _, s := range of {
			if s == "" && place != equal {
				return false
			}
			list = append(list, &literal{place: place, field: t.field, text: s, test: t})
		}
		return true
	}
	ok := add(equal, t.equal) && add(prefix, t.prefix) && add(suffix, t.suffix) && add(inside, t.inside)
	for i := 0; ok && i < len(t.others); i++ {
		var more []*literal
		more, ok = w.other(&t.others[i], t.field)
		list = append(list, more...)
	}
	if !ok || len(list) > maxRequired {
		there[0].least = t.least()
		return w.sum(there)
	}
	sure, cost := w.sum(list)
	if len(list) <= 2 && cost > .8 {
		// To decide the test costs less than to search for what is nearly always found.
		there[0].least = t.least()
		return w.sum(there)
	}
	return sure, cost
}

// least is how many bytes a text must have for the test to hold, if only regular
// expressions tell.
func (t *test) least() int {
	least := -1
	for i := range t.others {
		n := 0
		if t.others[i].kind == regex {
			n = t.others[i].re.least
		}
		if least < 0 || n < least {
			least = n
		}
	}
	if t.plain || least < 0 {
		return 0
	}
	return least
}

// other returns literals of which the text has one if the probe holds; ok is false
// if it has none.
func (w *requirer) other(o *other, field int32) (list []*literal, ok bool) {
	one := func(place placing, s string) ([]*literal, bool) {
		return []*literal{{place: place, field: field, text: s}}, s != "" || place == equal
	}
	switch o.kind {
	case casedEqual:
		return one(equal, o.b)
	case casedPrefix:
		return one(prefix, o.b)
	case casedSuffix:
		return one(suffix, o.b)
	case casedInside:
		return one(inside, o.b)
	case number:
		list, _ = one(equal, o.b)
		return append(list, &literal{place: equal, field: field, text: fold.Text(o.a)}), true
	case glob, casedGlob:
		return w.glob(o.tokens, field)
	case regex:
		switch {
		case o.re.plain != nil:
			return one(inside, fold.Text(string(o.re.plain)))
		case o.re.folded != nil:
			return one(inside, string(o.re.folded))
		}
		best := -1.0
		for _, must := range o.re.must {
			var l []*literal
			for _, s := range must {
				l = append(l, &literal{place: inside, field: field, text: s})
			}
			if _, cost := w.sum(l); best < 0 || cost < best {
				list, best = l, cost
			}
		}
		return list, best >= 0
	}
	return nil, false
}

// glob chooses the rarest literal of a pattern.
func (w *requirer) glob(tokens []compiled.Token, field int32) (list []*literal, ok bool) {
	best := 0.0
	for i, t := range tokens {
		if t.Kind != compiled.TokenText {
			continue
		}
		l := &literal{place: inside, field: field, text: fold.Text(t.Text)}
		switch {
		case i == 0:
			l.place = prefix
		case i == len(tokens)-1:
			l.place = suffix
		}
		if c := w.chance(l); list == nil || c < best {
			list, best = []*literal{l}, c
		}
	}
	return list, list != nil
}

// words returns the required literals of keywords. Only the parts of a keyword that stand in
// JSON as they are can be searched there.
func (w *requirer) words(it *compiled.Item) ([]*literal, float64) {
	everywhere := []*literal{{place: present, field: Whole}}
	var all []*literal
	best := -1.0
	for _, val := range it.Values {
		var list []*literal
		for _, p := range val.Probes {
			l := w.word(p)
			if l == nil {
				list = nil
				break
			}
			list = append(list, l...)
		}
		if it.All {
			if _, cost := w.sum(list); list != nil && (best < 0 || cost < best) {
				all, best = list, cost
			}
			continue
		}
		if list == nil {
			return w.sum(everywhere)
		}
		all = append(all, list...)
	}
	if all == nil || len(all) > maxRequired {
		return w.sum(everywhere)
	}
	return w.sum(all)
}

// minWord is the least length of a part of a keyword that is searched for.
const minWord = 3

func (w *requirer) word(p compiled.Probe) []*literal {
	var lists [][]string
	switch p.Kind {
	case compiled.ProbeText:
		for _, t := range p.Tokens {
			if t.Kind == compiled.TokenText {
				lists = append(lists, []string{fold.Text(t.Text)})
			}
		}
	case compiled.ProbeRegex:
		d := newDecider(p.Regex)
		lists = d.must
		if d.plain != nil {
			lists = [][]string{{fold.Text(string(d.plain))}}
		}
	}
	var out []*literal
	best := -1.0
	for _, list := range lists {
		var l []*literal
		for _, s := range list {
			part := w.verbatim(s)
			if part == nil {
				l = nil
				break
			}
			l = append(l, part)
		}
		if l == nil {
			continue
		}
		if _, cost := w.sum(l); best < 0 || cost < best {
			out, best = l, cost
		}
	}
	return out
}

// verbatim returns the rarest part of a text that JSON has no other way to write
// than as it is, but for \u.
func (w *requirer) verbatim(s string) *literal {
	var out *literal
	best := 0.0
	for _, part := range strings.FieldsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f || r == '"' || r == '\\' || r == '/'
	}) {
		l := &literal{place: inside, field: Whole, text: part}
		if c := w.chance(l); len(part) >= minWord && (out == nil || c < best) {
			out, best = l, c
		}
	}
	return out
}

// common are texts that most fields of ordinary events hold parts of.
var common = []string{
	`c:\windows\system32\svchost.exe`, `c:\windows\syswow64\`, `c:\windows\system32\drivers\`, `c:\program files\`,
	`c:\program files (x86)\`, `c:\users\`, `\appdata\local\temp\`, `\appdata\local\microsoft\`,
	`c:\programdata\microsoft\windows\`,
	`hklm\software\microsoft\windows\currentversion\`, `hklm\system\currentcontrolset\services\`, `hku\s-1-5-21-`,
	`\windows nt\currentversion\`, `hklm\software\wow6432node\`, `hklm\software\classes\`, `microsoft corporation`,
	`microsoft windows operating system`, `nt authority\system`, `c:\windows\explorer.exe`,
	`c:\windows\system32\lsass.exe`,
	`c:\windows\system32\services.exe`, `c:\windows\system32\windowspowershell\v1.0\powershell.exe`,
	`microsoft-windows-`,
	`http://`, `https://www.`, `.dll`, `.exe`, `true`, `false`, `-`, `0x1000`, `\device\harddiskvolume`, `/usr/bin/`,
	`/bin/bash`, `/etc/`,
	`c:\windows\system32\cmd.exe /c `, `c:\windows\system32\kernelbase.dll`, `c:\windows\system32\ntdll.dll`, `0x0`,
	`unknown`,
	`createkey`, `setvalue`, `deletekey`, `dword (0x00000000)`, `dword (0x00000001)`, `binary data`,
}

// byLength is how often a literal is found anywhere in a field, by its length.
var byLength = [...]float64{1, .9, .5, .15, .05, .03, .02, .012, .008, .006, .004}

// chance estimates how often an event has the literal.
func (w *requirer) chance(l *literal) float64 {
	if p, ok := w.learned[l.signature()]; ok {
		return p
	}
	n := len(l.text)
	p := byLength[min(n, len(byLength)-1)]
	switch l.place {
	case present:
		return .999 // what it leads to is expensive, too
	case equal:
		p = max(p/4, .002)
	case prefix, suffix:
		p /= 2
	}
	for _, c := range common {
		i := strings.Index(c, l.text)
		if i < 0 {
			continue
		}
		switch {
		case l.place == inside, l.place == prefix && i == 0, l.place == suffix && i+n == len(c):
			p = max(p, .25)
		case l.place == equal && n == len(c):
			p = max(p, .1)
		}
	}
	return min(p*(1+.3*float64(w.popular[l.text])), .99)
}
