package evtx

// place is where in an event a piece of binary XML is.
type place uint8

const (
	inTop    place = iota
	inEvents       // below Event
	inSys          // below System
	inData         // below EventData
	inUser         // below UserData
	inWrap         // below the one element in UserData
	places
)

// A program is a template compiled for one context to the list of its fields:
// where each comes from, in which order.
type program struct {
	ops  []op
	data bool // it has data fields with names
	slow bool // it has what only walk can do
}

type opKind uint8

const (
	opSub    opKind = iota // a field from a value
	opText                 // a field from a literal
	opNested               // binary XML in a value
	opGuard                // skip the next ops if a value is not there
	opItem                 // a Data element without a name, from a value
	opPart                 // the same from a literal
)

type op struct {
	kind   opKind
	sub    uint16
	in     place
	system bool // what is not there is left out; otherwise it is ""
	number bool
	clash  bool // a System field may have this name
	source bool // the field is Provider_EventSourceName
	skip   uint16
	name   string
	spare  string
	text   string
}

// program returns t's program for a context.
func (c *Chunk) program(t *template, in place) *program {
	if t.flat[in] == nil {
		m := programmer{c: c, nodes: t.nodes, ops: c.ops}
		from := len(c.ops)
		m.container(0, int32(len(t.nodes)), in)
		c.ops = m.ops
		t.flat[in] = &program{ops: m.ops[from:len(m.ops):len(m.ops)], data: m.data, slow: m.slow}
	}
	return t.flat[in]
}

type programmer struct {
	c     *Chunk
	nodes []node
	ops   []op
	seen  keyset
	data  bool
	slow  bool
}

func (m *programmer) op(o op) { m.ops = append(m.ops, o) }

// container compiles what is right below an element, or at the top.
func (m *programmer) container(lo, hi int32, in place) {
	for k := lo; k < hi && !m.slow; k = m.nodes[k].end {
		switch n := &m.nodes[k]; n.kind {
		case nodeSub, nodeOpt:
			m.op(op{kind: opNested, sub: n.sub, in: in})
		case nodeText, nodeValue:
			m.slow = m.slow || in == inData || in == inWrap
		case nodeElement:
			m.element(k, in)
		}
	}
}

func (m *programmer) element(k int32, in place) {
	n := &m.nodes[k]
	// An optional value right below decides on the whole element.
	guard := -1
	for i := n.attrs; i < n.end; i = m.nodes[i].end {
		if m.nodes[i].kind == nodeOpt {
			m.slow = m.slow || guard >= 0
			guard = len(m.ops)
			m.op(op{kind: opGuard, sub: m.nodes[i].sub})
		}
	}
	switch in {
	case inTop:
		m.container(n.attrs, n.end, inEvents)
	case inEvents:
		switch n.name {
		case "System":
			m.container(n.attrs, n.end, inSys)
		case "EventData":
			m.container(n.attrs, n.end, inData)
		case "UserData":
			m.container(n.attrs, n.end, inUser)
		case "RenderingInfo":
			m.slow = true
		}
	case inSys:
		m.system(k)
	case inData, inWrap:
		m.datum(k)
	case inUser:
		if m.plain(n.attrs, n.end) < 0 || m.nodes[n.attrs].kind != nodeSub && m.nodes[n.attrs].kind != nodeOpt {
			for i := n.attrs; i < n.end; i = m.nodes[i].end {
				m.slow = m.slow || m.nodes[i].kind != nodeElement
			}
		}
		m.container(n.attrs, n.end, inWrap)
	}
	if guard >= 0 {
		skip := len(m.ops) - guard - 1
		m.slow = m.slow || skip > 0xffff
		m.ops[guard].skip = uint16(skip)
	}
}

// plain returns the one part from lo to hi: -1 if there are none or several, or
// one that is neither literal text nor a substitution.
func (m *programmer) plain(lo, hi int32) int32 {
	if lo >= hi || m.nodes[lo].end != hi {
		return -1
	}
	switch m.nodes[lo].kind {
	case nodeText, nodeSub, nodeOpt:
		return lo
	}
	return -1
}

// field adds the op of a field whose value is the part at k.
func (m *programmer) field(o op, k int32) {
	if m.seen.add(o.name) > 0 || o.spare != "" && m.seen.add(o.spare) > 0 {
		m.slow = true
	}
	if n := &m.nodes[k]; n.kind == nodeText {
		o.kind, o.text = opText, n.text
	} else {
		o.kind, o.sub = opSub, n.sub
	}
	m.op(o)
}

// join returns a field name made of an element and an attribute, once.
func (m *programmer) join(element, attr string) string {
	in := &m.c.intern
	in.scratch = append(append(append(in.scratch[:0], element...), '_'), attr...)
	return in.get(in.scratch)
}

func (m *programmer) system(k int32) {
	n := &m.nodes[k]
	for a := k + 1; a < n.attrs; a = m.nodes[a].end {
		at := &m.nodes[a]
		p := m.plain(a+1, at.end)
		name := systemAttr(n.name, at.name)
		if name == n.name+"_"+at.name {
			name = m.join(n.name, at.name)
		}
		if p < 0 || !systemFields[name] {
			m.slow = true
			return
		}
		m.field(op{name: name, system: true, source: name == "Provider_EventSourceName",
			number: n.name == "Execution" && inExecution.numeric(at.name)}, p)
	}
	if n.attrs == n.end {
		return
	}
	p := m.plain(n.attrs, n.end)
	if p < 0 || !systemFields[n.name] {
		m.slow = true
		return
	}
	m.field(op{name: n.name, system: true, number: inSystem.numeric(n.name)}, p)
}

func (m *programmer) datum(k int32) {
	n := &m.nodes[k]
	key := n.name
	if isData(n.name) {
		at := int32(-1)
		for a := k + 1; a < n.attrs && at < 0; a = m.nodes[a].end {
			if m.nodes[a].name == "Name" {
				at = a
			}
		}
		switch {
		case at >= 0:
			p := m.plain(at+1, m.nodes[at].end)
			if p < 0 || m.nodes[p].kind != nodeText || m.nodes[p].text == "" {
				m.slow = true
				return
			}
			key = m.nodes[p].text
		case n.name == "Data":
			m.item(n)
			return
		default:
			m.slow = true
			return
		}
	} else if n.attrs > k+1 {
		m.slow = true // with attributes it may be an object
		return
	}
	if hidden(key) {
		return
	}
	m.data = true
	o := op{}
	o.name, o.spare = dataNames(key)
	o.clash = systemFields[o.name] || systemFields[o.spare]
	if n.attrs == n.end {
		if m.seen.add(o.name) > 0 || o.spare != "" && m.seen.add(o.spare) > 0 {
			m.slow = true
		}
		o.kind = opText
		m.op(o)
		return
	}
	p := m.plain(n.attrs, n.end)
	if p < 0 {
		m.slow = true
		return
	}
	m.field(o, p)
}

// item compiles a Data element without a name.
func (m *programmer) item(n *node) {
	if n.attrs == n.end {
		return
	}
	p := m.plain(n.attrs, n.end)
	switch {
	case p < 0:
		m.slow = true
	case m.nodes[p].kind == nodeText:
		m.op(op{kind: opPart, text: m.nodes[p].text})
	default:
		m.op(op{kind: opItem, sub: m.nodes[p].sub})
	}
}

// fast runs the programs of the fragments from g on. It returns false where walk
// must do it: the fields are then of no use.
func (fl *flattener) fast(g int32, in place) bool {
	r := fl.r
	for ; g >= 0; g = r.frags[g].next {
		f := &r.frags[g]
		if f.t == nil {
			return false
		}
		p := r.c.program(f.t, in)
		if p.slow {
			return false
		}
		if p.data {
			// Two that have data fields may have the same name.
			if fl.data++; fl.data > 1 {
				return false
			}
		}
		if !fl.run(p, f) || fl.full() {
			return false
		}
	}
	return true
}

func (fl *flattener) run(p *program, f *fragment) bool {
	r := fl.r
	for i := 0; i < len(p.ops); i++ {
		o := &p.ops[i]
		if o.kind == opText {
			v := textValue(o.text)
			if o.number {
				fl.number(&v)
			}
			fl.field(o, v)
			continue
		}
		if o.kind == opPart {
			fl.lists = append(fl.lists, textValue(o.text))
			continue
		}
		v := &f.values[o.sub]
		null := v.null()
		switch o.kind {
		case opGuard:
			if null {
				i += int(o.skip)
			}
		case opNested:
			switch {
			case null:
			case v.typ == typeBinXML:
				if !fl.fast(v.frag, o.in) {
					return false
				}
			default:
				return false
			}
		case opItem:
			switch {
			case null:
			case v.typ == typeBinXML:
				return false
			case v.array():
				eachItem(v.typ, r.c.bytes(v), func(typ uint8, b []byte) bool {
					fl.lists = append(fl.lists, Value{})
					fl.set(&fl.lists[len(fl.lists)-1], typ, b, false)
					return !fl.full()
				})
			default:
				fl.lists = append(fl.lists, Value{})
				fl.set(&fl.lists[len(fl.lists)-1], v.typ, r.c.bytes(v), false)
			}
		case opSub:
			if null && o.system {
				continue
			}
			if v.typ == typeBinXML || v.array() {
				if v.typ == typeBinXML && !null {
					return false
				}
				if v.array() {
					var value Value
					fl.setArray(&value, v.typ, r.c.bytes(v))
					fl.field(o, value)
					continue
				}
			}
			if o.clash || o.spare != "" {
				var value Value
				fl.set(&value, v.typ, r.c.bytes(v), o.number)
				fl.field(o, value)
				continue
			}
			if o.source {
				fl.source = true
			}
			fl.set(fl.add(o.name), v.typ, r.c.bytes(v), o.number)
		}
	}
	return true
}

// field adds a field that is known beforehand.
func (fl *flattener) field(o *op, v Value) {
	if o.source {
		fl.source = true
	}
	if o.spare != "" {
		*fl.add(o.spare) = v
	}
	if o.clash {
		fl.put(o.name, v)
		return
	}
	*fl.add(o.name) = v
}
