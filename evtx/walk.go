package evtx

// walk gathers the fields of any record, however odd, by going through its tree.
// Its result is that of fast, for the records that fast can do.
func (fl *flattener) walk() {
	r := fl.r
	for g := r.root; g >= 0; g = r.frags[g].next {
		f := &r.frags[g]
		fl.each(f, 0, int32(len(f.nodes)), func(f *fragment, i int32) {
			fl.each(f, f.nodes[i].attrs, f.nodes[i].end, fl.part)
		})
	}
}

// each calls do for each element right below.
func (fl *flattener) each(f *fragment, lo, hi int32, do func(f *fragment, i int32)) {
	fl.r.children(f, lo, hi, &fl.budget, func(f *fragment, i int32) bool {
		do(f, i)
		return !fl.full()
	})
}

// part takes a child of Event.
func (fl *flattener) part(f *fragment, i int32) {
	n := &f.nodes[i]
	switch n.name {
	case "System":
		fl.each(f, n.attrs, n.end, fl.system)
	case "EventData":
		if s := f.shape(n.attrs, n.end); s.parts > 0 && !s.elements {
			fl.loose(f, n)
		}
		fl.content(f, n)
	case "UserData":
		fl.each(f, n.attrs, n.end, func(f *fragment, i int32) {
			n := &f.nodes[i]
			switch s := f.shape(n.attrs, n.end); {
			case s.elements:
				fl.content(f, n)
			case s.parts > 0:
				fl.value(n.name, f, n.attrs, n.end, s)
			}
		})
	case "RenderingInfo":
		fl.each(f, n.attrs, n.end, func(f *fragment, i int32) {
			n := &f.nodes[i]
			s := f.shape(n.attrs, n.end)
			if n.name != "Message" || s.elements || s.parts == 0 || fl.find("Message") != nil {
				return
			}
			var v Value
			if fl.scalar(&v, f, n.attrs, n.end, s, false); v.kind != String || v.text != "" {
				*fl.add("Message") = v
			}
		})
	}
}

// loose is text right in EventData.
func (fl *flattener) loose(f *fragment, n *node) {
	var v Value
	fl.r.setText(&v, f, n.attrs, n.end)
	fl.texts += len(v.text)
	for i := range len(v.text) {
		if v.text[i] > ' ' {
			fl.lists = append(fl.lists, v)
			return
		}
	}
}

func (fl *flattener) system(f *fragment, i int32) {
	n := &f.nodes[i]
	for k := i + 1; k < n.attrs; k = f.nodes[k].end {
		if f.absent(k) {
			continue
		}
		a := &f.nodes[k]
		var v Value
		fl.scalar(&v, f, k+1, a.end, f.shape(k+1, a.end), n.name == "Execution" && inExecution.numeric(a.name))
		name := systemAttr(n.name, a.name)
		fl.source = fl.source || name == "Provider_EventSourceName"
		fl.put(name, v)
	}
	if s := f.shape(n.attrs, n.end); s.parts > 0 {
		var v Value
		fl.scalar(&v, f, n.attrs, n.end, s, inSystem.numeric(n.name))
		fl.put(n.name, v)
	}
}

// content takes the data elements within an element.
func (fl *flattener) content(f *fragment, n *node) {
	fl.each(f, n.attrs, n.end, func(f *fragment, i int32) { fl.datum(f, i) })
}

func (fl *flattener) datum(f *fragment, i int32) {
	n := &f.nodes[i]
	s := f.shape(n.attrs, n.end)
	key := fl.r.dataName(f, i)
	named := key != ""
	if !named {
		key = n.name
		if key == "Data" && !s.elements {
			fl.item(f, n, s)
			return
		}
	}
	attrs := false
	if !named {
		for k := i + 1; k < n.attrs && !attrs; k = f.nodes[k].end {
			attrs = !f.absent(k)
		}
	}
	key = fl.keys.unique(key)
	if hidden(key) {
		return
	}
	if s.parts == 0 && (attrs || s.elements) {
		name, _ := dataNames(key)
		fl.nested(name, f, i, attrs)
		return
	}
	fl.value(key, f, n.attrs, n.end, s)
}

// item takes a Data element without a name.
func (fl *flattener) item(f *fragment, n *node, s shape) {
	switch {
	case s.parts == 0:
	case s.parts == 1 && s.array >= 0:
		typ, b := fl.r.typed(f, s.array)
		eachItem(typ, b, func(typ uint8, b []byte) bool {
			fl.lists = append(fl.lists, Value{})
			fl.set(&fl.lists[len(fl.lists)-1], typ, b, false)
			return !fl.full()
		})
	default:
		var v Value
		fl.scalar(&v, f, n.attrs, n.end, s, false)
		fl.lists = append(fl.lists, v)
	}
}

// value adds a data field.
func (fl *flattener) value(key string, f *fragment, lo, hi int32, s shape) {
	if hidden(key) {
		return
	}
	var v Value
	fl.scalar(&v, f, lo, hi, s, false)
	name, spare := dataNames(key)
	if spare != "" {
		fl.put(spare, v)
	}
	fl.put(name, v)
}

// scalar reads a text, or the one value that makes it up.
func (fl *flattener) scalar(v *Value, f *fragment, lo, hi int32, s shape, number bool) {
	switch {
	case s.parts == 0:
		*v = textValue("")
	case s.parts > 1:
		fl.r.setText(v, f, lo, hi)
		fl.texts += len(v.text)
	case f.nodes[s.one].kind == nodeText:
		*v = textValue(f.nodes[s.one].text)
		if number {
			fl.number(v)
		}
	default:
		typ, b := fl.r.typed(f, s.one)
		if typ&typeArray != 0 {
			fl.setArray(v, typ, b)
			return
		}
		fl.set(v, typ, b, number)
	}
}

// nested adds what is below a data element under its path.
func (fl *flattener) nested(path string, f *fragment, i int32, attrs bool) {
	n := &f.nodes[i]
	if len(path) > 4096 || fl.full() {
		fl.budget = -1
		return
	}
	fl.texts += len(path)
	if attrs {
		for k := i + 1; k < n.attrs; k = f.nodes[k].end {
			if f.absent(k) {
				continue
			}
			var v Value
			fl.scalar(&v, f, k+1, f.nodes[k].end, f.shape(k+1, f.nodes[k].end), false)
			fl.put(path+".#attributes."+f.nodes[k].name, v)
		}
	}
	if s := f.shape(n.attrs, n.end); s.parts > 0 {
		var v Value
		fl.scalar(&v, f, n.attrs, n.end, s, false)
		fl.put(path+".#text", v)
	}
	var keys keyset
	var list []Value
	fl.each(f, n.attrs, n.end, func(f *fragment, i int32) {
		n := &f.nodes[i]
		s := f.shape(n.attrs, n.end)
		key := fl.r.dataName(f, i)
		named := key != ""
		if !named {
			key = n.name
		}
		if n.name == "Data" && !named && !s.elements {
			var v Value
			if s.parts > 0 {
				fl.scalar(&v, f, n.attrs, n.end, s, false)
				if v.kind == List {
					list = append(list, v.list...)
				} else {
					list = append(list, v)
				}
			}
			return
		}
		attrs := false
		for k := i + 1; k < n.attrs && !attrs && !named; k = f.nodes[k].end {
			attrs = !f.absent(k)
		}
		below := path + "." + keys.unique(key)
		if attrs || s.elements {
			fl.nested(below, f, i, attrs)
			return
		}
		if s.parts > 0 || named {
			var v Value
			fl.scalar(&v, f, n.attrs, n.end, s, false)
			fl.put(below, v)
		}
	})
	switch len(list) {
	case 0:
	case 1:
		fl.put(path+".Data.#text", list[0])
	default:
		fl.put(path+".Data.#text", Value{kind: List, list: list})
	}
}
