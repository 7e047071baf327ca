package evtx

import "math"

// AppendJSON appends the record as one line of JSON without a line break, in the
// shape that the tools of the Sigma community share:
//
//	{"Event":{"#attributes":{"xmlns":…},
//	  "System":{"Provider":{"#attributes":{"Name":…,"Guid":…}},"EventID":1,…},"EventData":{"Image":…,…}}}
//
// Elements are members by their names, and Data elements by their attribute
// Name; attributes are under "#attributes", and the text beside them under
// "#text". Data elements without a name are "Data":{"#text":[…]}, one alone
// "Data":{"#text":…}. A name that comes again in one element gets "_1", "_2" and
// so on. An element without content is null, a Data element "". Numbers and
// booleans are JSON's; GUIDs are in capitals without braces, times in UTC to the
// microsecond. An error wraps ErrTooLarge; dst is then as it was.
func (r *Record) AppendJSON(dst []byte) ([]byte, error) {
	w := r.writer(dst)
	w.dst = append(w.dst, '{')
	o := object{w: w, at: inRoot, keys: w.push()}
	for g := r.root; g >= 0; g = r.frags[g].next {
		f := &r.frags[g]
		o.fill(f, 0, int32(len(f.nodes)))
	}
	w.pop()
	w.dst = append(w.dst, '}')
	return w.done(dst)
}

// where in the record an object is, to know the System part.
type where uint8

const (
	inRoot where = iota
	inEvent
	inSystem
	inExecution
	elsewhere
)

// below returns the place of the element name.
func (p where) below(name string) where {
	switch {
	case p == inRoot:
		return inEvent
	case p == inEvent && name == "System":
		return inSystem
	case p == inSystem && name == "Execution":
		return inExecution
	}
	return elsewhere
}

// numeric reports whether a member of System is a number even where the log keeps
// them as text, as it does for events without a template.
func (p where) numeric(name string) bool {
	switch p {
	case inSystem:
		return name == "EventID" || name == "Version" || name == "Level" || name == "Task" || name == "Opcode" ||
			name == "EventRecordID"
	case inExecution:
		return name == "ProcessID" || name == "ThreadID"
	}
	return false
}

// An object writes the members of one JSON object.
type object struct {
	w       *writer
	at      where
	any     bool
	unnamed bool // the Data elements without a name are written
	keys    *keyset

	f      *fragment // the element's content
	lo, hi int32
}

func (o *object) key(name string) {
	w := o.w
	if o.any {
		w.dst = append(w.dst, ',')
	}
	o.any = true
	w.scratch = append(w.scratch[:0], o.keys.unique(name)...)
	w.dst = append(w.quote(w.scratch), ':')
}

// fill writes the elements from lo to hi.
func (o *object) fill(f *fragment, lo, hi int32) {
	o.f, o.lo, o.hi = f, lo, hi
	o.members(f, lo, hi)
}

func (o *object) members(f *fragment, lo, hi int32) {
	w := o.w
	for k := lo; k < hi; k = f.nodes[k].end {
		if w.full() {
			return
		}
		switch n := &f.nodes[k]; n.kind {
		case nodeElement:
			if !f.omitted(k) {
				o.element(f, k)
			}
		case nodeSub, nodeOpt:
			v := &f.values[n.sub]
			if v.typ != typeBinXML {
				continue
			}
			for g := v.frag; g >= 0; g = w.r.frags[g].next {
				below := &w.r.frags[g]
				o.members(below, 0, int32(len(below.nodes)))
			}
		}
	}
}

func (o *object) element(f *fragment, i int32) {
	w, n := o.w, &f.nodes[i]
	s := f.shape(n.attrs, n.end)
	if name := w.r.dataName(f, i); name != "" {
		o.key(name)
		if s.elements {
			w.object(f, i, s, elsewhere, false)
		} else {
			w.scalar(f, n.attrs, n.end, s, `""`, false)
		}
		return
	}
	if n.name == "Data" && !s.elements {
		o.lists()
		return
	}
	o.key(n.name)
	attrs := false
	for k := i + 1; k < n.attrs && !attrs; k = f.nodes[k].end {
		attrs = !f.absent(k)
	}
	switch {
	case attrs || s.elements:
		w.object(f, i, s, o.at, attrs)
	default:
		w.scalar(f, n.attrs, n.end, s, "null", o.at.numeric(n.name))
	}
}

// object writes an element that has attributes or elements, and is at parent.
func (w *writer) object(f *fragment, i int32, s shape, parent where, attrs bool) {
	n := &f.nodes[i]
	o := object{w: w, at: parent.below(n.name), keys: w.push()}
	w.dst = append(w.dst, '{')
	if attrs {
		o.key("#attributes")
		a := object{w: w, keys: w.push()}
		w.dst = append(w.dst, '{')
		for k := i + 1; k < n.attrs; k = f.nodes[k].end {
			if !f.absent(k) {
				a.key(f.nodes[k].name)
				w.scalar(f, k+1, f.nodes[k].end, f.shape(k+1, f.nodes[k].end), "null", o.at.numeric(f.nodes[k].name))
			}
		}
		w.pop()
		w.dst = append(w.dst, '}')
	}
	if s.parts > 0 {
		o.key("#text")
		w.scalar(f, n.attrs, n.end, s, "null", parent.numeric(n.name))
	}
	o.fill(f, n.attrs, n.end)
	w.pop()
	w.dst = append(w.dst, '}')
}

// lists writes, once, the Data elements without a name that are in the object.
func (o *object) lists() {
	if o.unnamed {
		return
	}
	o.unnamed = true
	w := o.w
	o.key("Data")
	before, n := len(w.dst), 0
	w.dst = append(w.dst, `{"#text":[`...)
	at := len(w.dst) - 1
	w.r.unnamed(o.f, o.lo, o.hi, &w.budget, func(f *fragment, k int32, typ uint8, b []byte) bool {
		if n++; n > 1 {
			w.dst = append(w.dst, ',')
		}
		if k < 0 {
			w.value(typ, b, false)
		} else {
			w.scalar(f, f.nodes[k].attrs, f.nodes[k].end, f.shape(f.nodes[k].attrs, f.nodes[k].end), `""`, false)
		}
		return !w.full()
	})
	switch n {
	case 0:
		w.dst = append(w.dst[:before], "null"...)
	case 1:
		w.dst = append(append(w.dst[:at], w.dst[at+1:]...), '}')
	default:
		w.dst = append(w.dst, "]}"...)
	}
}

// scalar writes a text, a number, or the members of an array.
func (w *writer) scalar(f *fragment, lo, hi int32, s shape, empty string, number bool) {
	switch {
	case s.parts == 0:
		w.dst = append(w.dst, empty...)
	case s.parts > 1:
		w.scratch = w.r.appendText(w.scratch[:0], f, lo, hi, styleJSON)
		w.dst = w.quote(w.scratch)
	case f.nodes[s.one].kind == nodeText:
		w.text([]byte(f.nodes[s.one].text), number)
	default:
		typ, b := w.r.typed(f, s.one)
		if typ&typeArray == 0 {
			w.value(typ, b, number)
			return
		}
		w.array(typ, b)
	}
}

// array writes the members of an array as a list, one alone as itself.
func (w *writer) array(typ uint8, b []byte) {
	at, n := len(w.dst), 0
	w.dst = append(w.dst, '[')
	eachItem(typ, b, func(typ uint8, b []byte) bool {
		if n++; n > 1 {
			w.dst = append(w.dst, ',')
		}
		w.value(typ, b, false)
		return !w.full()
	})
	switch n {
	case 0:
		w.dst = append(w.dst[:at], `""`...)
	case 1:
		w.dst = append(w.dst[:at], w.dst[at+1:]...)
	default:
		w.dst = append(w.dst, ']')
	}
}

func (w *writer) value(typ uint8, b []byte, number bool) {
	switch {
	case isNumber(typ) && len(b) > 0:
		if typ == typeFloat32 || typ == typeFloat64 {
			if f := float(typ, b); math.IsNaN(f) || math.IsInf(f, 0) {
				break
			}
		}
		w.dst = appendValue(w.dst, typ, b, styleJSON)
		return
	case typ == typeBool && len(b) > 0:
		w.dst = appendValue(w.dst, typ, b, styleJSON)
		return
	}
	w.scratch = appendValue(w.scratch[:0], typ, b, styleJSON)
	w.text(w.scratch, number)
}

func (w *writer) text(b []byte, number bool) {
	if number && isDecimal(b) {
		w.dst = append(w.dst, b...)
		return
	}
	w.dst = w.quote(b)
}

// isDecimal reports whether b is a whole number of at most 18 digits as JSON writes it.
func isDecimal(b []byte) bool {
	if len(b) == 0 || len(b) > 18 || b[0] == '0' && len(b) > 1 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// quote appends UTF-8 text as a JSON string.
func (w *writer) quote(b []byte) []byte {
	dst := append(w.dst, '"')
	from := 0
	for i, c := range b {
		if jsonPlain[c] {
			continue
		}
		dst = append(dst, b[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', lower[c>>4], lower[c&15])
		}
	}
	return append(append(dst, b[from:]...), '"')
}

// jsonPlain are the bytes that stand for themselves.
var jsonPlain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()
