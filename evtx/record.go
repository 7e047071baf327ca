package evtx

import (
	"time"
)

// A Record is one event. It is valid until the next one is asked for, and used
// by one goroutine at a time.
type Record struct {
	ID uint64 // event record identifier, as in the record's own header
	// when it was written to the log, UTC, exact to 100 ns; the event's own time is the field TimeCreated
	Written time.Time
	Offset  int64 // bytes from the start of the file to the record
	Chunk   int   // number of the 64 KiB block after the file header, from 0
	Size    int   // bytes that the record takes

	c      *Chunk
	frags  []fragment
	values []value
	nodes  []node // of fragments that are no template
	root   int32

	fields Fields
	flat   flattener
	w      writer
}

// A fragment is a tree with the values to be put into it: a template instance,
// or elements that stand for themselves.
type fragment struct {
	t      *template // nil for elements that stand for themselves
	nodes  []node
	values []value
	next   int32 // the fragment that follows in the same value, or -1
}

// A value is one of a template instance's values: where it is in the chunk.
type value struct {
	typ  uint8
	size uint16
	off  uint32
	frag int32 // of type BinXml: its first fragment, or -1
}

// reset reads the record at pos, whose outside frame has checked. All of its
// binary XML is checked here, so that nothing but MaxOutput can fail later.
func (r *Record) reset(c *Chunk, pos, size int) *Error {
	r.c = c
	r.ID, r.Written = le.Uint64(c.buf[pos+8:]), FileTime(le.Uint64(c.buf[pos+16:]))
	r.Offset, r.Chunk, r.Size = c.base+int64(pos), c.index, size
	r.frags, r.values, r.nodes = r.frags[:0], r.values[:0], r.nodes[:0]
	var e *Error
	r.root, _, e = r.parse(pos+24, pos+size-4, 0)
	if e == nil && r.root < 0 {
		e = c.fail(pos+24, "evtx.record.empty")
	}
	return e
}

// parse reads the fragments from pos to end, and returns the number of the first
// one, or -1 if there are none.
func (r *Record) parse(pos, end, depth int) (first int32, to int, e *Error) {
	c := r.c
	if depth > maxFragments {
		return -1, pos, c.fail(pos, "evtx.depth.binary", maxFragments)
	}
	first, last := int32(-1), int32(-1)
	for pos < end {
		switch t := c.buf[pos]; t &^ more {
		case tokenEOF:
			return first, pos, nil
		case tokenFragment:
			if end-pos < 4 {
				return -1, pos, c.fail(pos, "evtx.needs", because("evtx.part.fragment"), 4, end-pos)
			}
			pos += 4
			continue
		}
		me := int32(len(r.frags))
		r.frags = append(r.frags, fragment{next: -1})
		if last < 0 {
			first = me
		} else {
			r.frags[last].next = me
		}
		last = me
		if c.buf[pos] == tokenTemplate {
			pos, e = r.instance(me, pos+1, end, depth)
		} else {
			pos, e = r.elements(me, pos, end)
		}
		if e != nil {
			return -1, pos, e
		}
	}
	return first, pos, nil
}

// elements reads elements that stand for themselves.
func (r *Record) elements(me int32, pos, end int) (int, *Error) {
	from := len(r.nodes)
	p := parser{c: r.c, pos: pos, end: end, nodes: r.nodes}
	var e *Error
	switch t := r.c.buf[pos]; t &^ more {
	case tokenElement:
		e = p.element(1)
	case tokenPITarget:
		e = p.pi()
	default:
		e = r.c.fail(pos, "evtx.token.top", code8(t))
	}
	if e != nil {
		return pos, e
	}
	nodes := p.nodes[from:len(p.nodes):len(p.nodes)]
	for i := range nodes {
		nodes[i].end -= int32(from)
		nodes[i].attrs -= int32(from)
	}
	r.nodes = p.nodes
	r.frags[me].nodes = nodes
	return p.pos, nil
}

// instance reads a template instance after its token: a version, the template's
// id, where its definition is (often right here), and the values.
func (r *Record) instance(me int32, pos, end, depth int) (int, *Error) {
	c := r.c
	if end-pos < 9 {
		return pos, c.fail(pos, "evtx.needs", because("evtx.part.instance"), 9, end-pos)
	}
	off := le.Uint32(c.buf[pos+5:])
	pos += 9
	t, size, e := c.template(off, pos-4)
	if e != nil {
		return pos, e
	}
	if int(off) == pos {
		if end-pos < size {
			return pos, c.fail(pos, "evtx.template.size.left", size, end-pos)
		}
		pos += size
	}
	if end-pos < 4 {
		return pos, c.fail(pos, "evtx.needs", because("evtx.part.number"), 4, end-pos)
	}
	n := le.Uint32(c.buf[pos:])
	pos += 4
	if int64(n)*4 > int64(end-pos) {
		return pos, c.fail(pos-4, "evtx.values.number", n, end-pos)
	}
	if t.maxSub >= int(n) {
		return pos, c.fail(pos-4, "evtx.values.asked", t.maxSub, n)
	}
	specs := c.buf[pos : pos+int(n)*4]
	pos += int(n) * 4
	from := len(r.values)
	for i := 0; i < len(specs); i += 4 {
		size, typ := int(le.Uint16(specs[i:])), specs[i+2]
		if end-pos < size {
			return pos, c.fail(pos, "evtx.value.left", i/4, size, end-pos)
		}
		if !validSize(typ, size) {
			if e := c.checkValue(typ, pos, size); e != nil {
				e.Err = because("evtx.value", i/4, e.Err)
				return pos, e
			}
		}
		r.values = append(r.values, value{typ: typ, size: uint16(size), off: uint32(pos), frag: -1})
		pos += size
	}
	// Appending for what is nested moves r.values, but what is here is not
	// written again: so this slice stays right, with the fragments noted first.
	mine := r.values[from:len(r.values):len(r.values)]
	for i := range mine {
		if v := &mine[i]; v.typ == typeBinXML && v.size > 0 {
			if v.frag, _, e = r.parse(int(v.off), int(v.off)+int(v.size), depth+1); e != nil {
				return pos, e
			}
		}
	}
	r.frags[me].t, r.frags[me].nodes, r.frags[me].values = t, t.nodes, mine
	return pos, nil
}
