package evtx

// null reports whether a value is absent. An empty text is present.
func (v *value) null() bool {
	switch {
	case v.typ == typeNull:
		return true
	case v.typ == typeBinXML:
		return v.frag < 0
	case v.size == 0:
		return v.typ&typeArray == 0 && v.typ != typeString && v.typ != typeANSI
	}
	return false
}

func (v *value) array() bool { return v.typ&typeArray != 0 }

func (c *Chunk) bytes(v *value) []byte { return c.buf[v.off : int(v.off)+int(v.size)] }

// omitted reports whether the element at i is left out: an optional substitution
// right within it has no value ([MS-EVEN6] 3.1.4.7.2).
func (f *fragment) omitted(i int32) bool {
	n := &f.nodes[i]
	for k := n.attrs; k < n.end; k = f.nodes[k].end {
		if f.nodes[k].kind == nodeOpt && f.values[f.nodes[k].sub].null() {
			return true
		}
	}
	return false
}

// absent reports whether the attribute at i has no value at all.
func (f *fragment) absent(i int32) bool {
	for k := i + 1; k < f.nodes[i].end; k++ {
		switch n := &f.nodes[k]; n.kind {
		case nodeSub, nodeOpt:
			if !f.values[n.sub].null() {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// shape is what is in an element.
type shape struct {
	elements bool  // elements, or binary XML
	parts    int   // parts of text that are there
	one      int32 // the last of them
	array    int32 // the first of them that is an array, or -1
}

func (f *fragment) shape(lo, hi int32) shape {
	s := shape{array: -1}
	for k := lo; k < hi; k = f.nodes[k].end {
		switch n := &f.nodes[k]; n.kind {
		case nodeElement:
			s.elements = true
		case nodeText, nodeValue:
			s.parts, s.one = s.parts+1, k
		case nodeSub, nodeOpt:
			v := &f.values[n.sub]
			switch {
			case v.null():
			case v.typ == typeBinXML:
				s.elements = true
			default:
				s.parts, s.one = s.parts+1, k
				if v.array() && s.array < 0 {
					s.array = k
				}
			}
		}
	}
	return s
}

// typed returns the type and bytes of a part of a text; literal texts have none.
func (r *Record) typed(f *fragment, k int32) (typ uint8, b []byte) {
	switch n := &f.nodes[k]; n.kind {
	case nodeValue:
		return n.typ, r.c.buf[n.off : n.off+n.size]
	case nodeSub, nodeOpt:
		v := &f.values[n.sub]
		return v.typ, r.c.bytes(v)
	}
	return typeNull, nil
}

// appendPart appends a part of a text as UTF-8 without escapes. The members of
// an array are parted by commas.
func (r *Record) appendPart(dst []byte, f *fragment, k int32, s style) []byte {
	if f.nodes[k].kind == nodeText {
		return append(dst, f.nodes[k].text...)
	}
	typ, b := r.typed(f, k)
	if typ&typeArray == 0 {
		return appendValue(dst, typ, b, s)
	}
	first := true
	eachItem(typ, b, func(typ uint8, b []byte) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendValue(dst, typ, b, s)
		return true
	})
	return dst
}

// appendText appends all parts of a text from lo to hi.
func (r *Record) appendText(dst []byte, f *fragment, lo, hi int32, s style) []byte {
	for k := lo; k < hi; k = f.nodes[k].end {
		switch f.nodes[k].kind {
		case nodeElement, nodeAttr, nodePI:
		default:
			dst = r.appendPart(dst, f, k, s)
		}
	}
	return dst
}

// isData reports whether an element is known by its attribute Name.
func isData(name string) bool { return name == "Data" || name == "ComplexData" }

// dataName returns the attribute Name of a Data element at i; "" if it has none.
func (r *Record) dataName(f *fragment, i int32) string {
	if !isData(f.nodes[i].name) {
		return ""
	}
	for k := i + 1; k < f.nodes[i].attrs; k = f.nodes[k].end {
		if f.nodes[k].name != "Name" || f.absent(k) {
			continue
		}
		if end := f.nodes[k].end; end > k+2 || f.nodes[k+1].kind != nodeText {
			return string(r.appendText(nil, f, k+1, end, styleJSON))
		}
		return f.nodes[k+1].text
	}
	return ""
}

// children calls yield for each element that is right below, in the fragments
// put there too, until it returns false. budget counts down with each step.
func (r *Record) children(f *fragment, lo, hi int32, budget *int, yield func(f *fragment, i int32) bool) bool {
	for k := lo; k < hi; k = f.nodes[k].end {
		if *budget--; *budget < 0 {
			return false
		}
		switch n := &f.nodes[k]; n.kind {
		case nodeElement:
			if !f.omitted(k) && !yield(f, k) {
				return false
			}
		case nodeSub, nodeOpt:
			v := &f.values[n.sub]
			if v.typ != typeBinXML {
				continue
			}
			for g := v.frag; g >= 0; g = r.frags[g].next {
				below := &r.frags[g]
				if !r.children(below, 0, int32(len(below.nodes)), budget, yield) {
					return false
				}
			}
		}
	}
	return true
}

// unnamed calls yield for each Data element without a name that is right
// below and holds text: with its place, or, of one with an array, for each
// member with k -1.
func (r *Record) unnamed(f *fragment, lo, hi int32, budget *int,
	yield func(f *fragment, k int32, typ uint8, b []byte) bool) {
	r.children(f, lo, hi, budget, func(f *fragment, i int32) bool {
		n := &f.nodes[i]
		if n.name != "Data" || r.dataName(f, i) != "" {
			return true
		}
		s := f.shape(n.attrs, n.end)
		switch {
		case s.elements || s.parts == 0:
			return true
		case s.parts == 1 && s.array >= 0:
			typ, b := r.typed(f, s.array)
			more := true
			eachItem(typ, b, func(typ uint8, b []byte) bool {
				*budget--
				more = *budget >= 0 && yield(f, -1, typ, b)
				return more
			})
			return more
		}
		return yield(f, i, typeNull, nil)
	})
}
