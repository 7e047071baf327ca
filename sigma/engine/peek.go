package engine

import "bytes"

// peek decides a text by its spelling in JSON where that is enough, so that a
// long text that hardly a rule looks at need not be taken out of its escapes.
// raw is what [Record].Spelling gives. sure is false where the text itself has
// to be looked at.
func (t *test) peek(raw []byte) (yes, sure bool) {
	o := &t.others[0]
	if o.kind == casedInside {
		return spells(raw, o.a)
	}
	d := o.re
	switch {
	case len(raw) < d.least:
		return false, true
	case d.plain != nil:
		return spells(raw, string(d.plain))
	default:
		return false, shortLines(raw, d.run.n)
	}
}

// peeks reports whether peek can ever be sure.
func (t *test) peeks() bool {
	if t.exists != 0 || t.plain || len(t.others) != 1 {
		return false
	}
	switch o := &t.others[0]; {
	case o.kind == casedInside:
		return verbatim(o.a)
	case o.kind != regex:
		return false
	case o.re.plain != nil:
		return verbatim(string(o.re.plain))
	default:
		return o.re.run != nil && o.re.run.line
	}
}

// verbatim reports whether JSON writes s only as it is, but for \u.
func verbatim(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '/' {
			return false
		}
	}
	return s != ""
}

// spells looks for a text that is written as it is. What follows a backslash may
// be the second half of an escape.
func spells(raw []byte, s string) (yes, sure bool) {
	found := false
	for from := 0; ; {
		i := bytes.Index(raw[from:], []byte(s))
		if i < 0 {
			return false, !found
		}
		if i += from; i == 0 || raw[i-1] != '\\' {
			return true, true
		}
		found, from = true, i+1
	}
}

// shortLines reports that no line of the text can have n characters: they are at
// most as many as the bytes between two breaks. It is false if that is not sure.
func shortLines(raw []byte, n int) bool {
	for len(raw) >= n {
		end := lastBreak(raw[:n])
		if end < 0 {
			return false
		}
		raw = raw[end:]
	}
	return true
}

// lastBreak gives the place behind the last \n that surely is one; -1 if there is
// none.
func lastBreak(raw []byte) int {
	for end := len(raw) - 1; ; {
		i := bytes.LastIndexByte(raw[:max(end, 0)], '\\')
		if i < 0 {
			return -1
		}
		if raw[i+1] == 'n' && (i == 0 || raw[i-1] != '\\') {
			return i + 2
		}
		end = i
	}
}
