package evtx

import "unicode/utf8"

// AppendXML appends the record as XML text without line breaks of its own, as
// Windows renders it: an element whose optional value is not there is left out,
// one with an array is repeated for each member. Characters that XML 1.0 cannot
// hold become U+FFFD. An error wraps ErrTooLarge; dst is then as it was.
func (r *Record) AppendXML(dst []byte) ([]byte, error) {
	w := r.writer(dst)
	for g := r.root; g >= 0; g = r.frags[g].next {
		f := &r.frags[g]
		w.xml(f, 0, int32(len(f.nodes)), -1, nil)
	}
	return w.done(dst)
}

// xml writes the nodes from lo to hi; the array at node array is replaced by one
// member of it.
func (w *writer) xml(f *fragment, lo, hi, array int32, member func() (uint8, []byte)) {
	for k := lo; k < hi; k = f.nodes[k].end {
		if w.full() {
			return
		}
		n := &f.nodes[k]
		switch n.kind {
		case nodeElement:
			if !f.omitted(k) {
				w.xmlElement(f, k)
			}
		case nodePI:
			w.dst = append(w.dst, "<?"...)
			w.dst = append(w.dst, n.name...)
			w.dst = append(w.dst, ' ')
			w.escape([]byte(n.text))
			w.dst = append(w.dst, "?>"...)
		case nodeSub, nodeOpt:
			v := &f.values[n.sub]
			if v.typ == typeBinXML {
				for g := v.frag; g >= 0; g = w.r.frags[g].next {
					below := &w.r.frags[g]
					w.xml(below, 0, int32(len(below.nodes)), -1, nil)
				}
				continue
			}
			if k == array {
				typ, b := member()
				w.scratch = appendValue(w.scratch[:0], typ, b, styleXML)
				w.escape(w.scratch)
				continue
			}
			fallthrough
		default:
			w.scratch = w.r.appendPart(w.scratch[:0], f, k, styleXML)
			w.escape(w.scratch)
		}
	}
}

func (w *writer) xmlElement(f *fragment, i int32) {
	n := &f.nodes[i]
	s := f.shape(n.attrs, n.end)
	if s.array < 0 {
		w.xmlOne(f, i, s.elements || s.parts > 0, -1, nil)
		return
	}
	typ, b := w.r.typed(f, s.array)
	any := false
	eachItem(typ, b, func(typ uint8, b []byte) bool {
		any = true
		w.xmlOne(f, i, true, s.array, func() (uint8, []byte) { return typ, b })
		return !w.full()
	})
	if !any {
		w.xmlOne(f, i, false, -1, nil)
	}
}

func (w *writer) xmlOne(f *fragment, i int32, filled bool, array int32, member func() (uint8, []byte)) {
	n := &f.nodes[i]
	w.dst = append(append(w.dst, '<'), n.name...)
	for k := i + 1; k < n.attrs; k = f.nodes[k].end {
		if f.absent(k) {
			continue
		}
		w.dst = append(append(w.dst, ' '), f.nodes[k].name...)
		w.dst = append(w.dst, `="`...)
		w.scratch = w.r.appendText(w.scratch[:0], f, k+1, f.nodes[k].end, styleXML)
		w.escape(w.scratch)
		w.dst = append(w.dst, '"')
		if w.full() {
			return
		}
	}
	if !filled {
		w.dst = append(w.dst, "/>"...)
		return
	}
	w.dst = append(w.dst, '>')
	w.xml(f, n.attrs, n.end, array, member)
	w.dst = append(append(w.dst, "</"...), n.name...)
	w.dst = append(w.dst, '>')
}

// escape appends UTF-8 text to XML. A carriage return is escaped too, or readers
// would take it for a line feed; tabs and line feeds are left as they are.
func (w *writer) escape(b []byte) {
	from := 0
	for i := 0; i < len(b); {
		c := b[i]
		if xmlPlain[c] {
			i++
			continue
		}
		size := 1
		esc := ""
		switch {
		case c == '&':
			esc = "&amp;"
		case c == '<':
			esc = "&lt;"
		case c == '>':
			esc = "&gt;"
		case c == '"':
			esc = "&quot;"
		case c == '\r':
			esc = "&#13;"
		case c < ' ' && c != '\t' && c != '\n':
			esc = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRune(b[i:]); r == 0xfffe || r == 0xffff {
				esc = "\uFFFD"
			}
		}
		if esc != "" {
			w.dst = append(append(w.dst, b[from:i]...), esc...)
			from = i + size
		}
		i += size
	}
	w.dst = append(w.dst, b[from:]...)
}

// xmlPlain are the bytes that stand for themselves.
var xmlPlain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '&' && c != '<' && c != '>' && c != '"'
	}
	t['\t'], t['\n'] = true, true
	return t
}()
