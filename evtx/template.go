package evtx

// A template is a definition compiled to nodes. It lives as long as its chunk.
type template struct {
	nodes  []node
	maxSub int
	flat   [places]*program // made when first needed
}

// templateHead is what is before the tokens of a definition: 4 bytes to the
// next definition, its GUID, and the size of the tokens.
const templateHead = 4 + 16 + 4

// template compiles the definition at off, which is named at at, or returns the
// one that was compiled before. size is what the definition takes in the chunk.
func (c *Chunk) template(off uint32, at int) (t *template, size int, e *Error) {
	if int64(off)+templateHead > int64(len(c.buf)) || off < chunkHeaderSize {
		return nil, 0, c.fail(at, "evtx.template.place", hex(off))
	}
	n := le.Uint32(c.buf[off+templateHead-4:])
	if int64(n) > int64(len(c.buf))-int64(off)-templateHead {
		return nil, 0, c.fail(int(off), "evtx.template.size", n)
	}
	size = templateHead + int(n)
	if t, ok := c.templates[off]; ok {
		return t, size, nil
	}
	// Definitions are side by side, so that all of them together are smaller than
	// the chunk. Those of a hostile chunk may overlap, and each is compiled again.
	if c.compiled += size; c.compiled > 8*ChunkSize {
		return nil, 0, c.fail(int(off), "evtx.template.overlap", c.compiled)
	}
	from := len(c.nodes)
	p := parser{c: c, pos: int(off) + templateHead, end: int(off) + size, template: true, nodes: c.nodes, maxSub: -1}
	if e := p.fragment(); e != nil {
		return nil, 0, e
	}
	nodes := p.nodes[from:len(p.nodes):len(p.nodes)]
	for i := range nodes { // places count from the template's first node
		nodes[i].end -= int32(from)
		nodes[i].attrs -= int32(from)
	}
	c.nodes = p.nodes
	t = &template{nodes: nodes, maxSub: p.maxSub}
	c.templates[off] = t
	return t, size, nil
}

// fragment reads headers, elements and processing instructions up to the end token or p.end.
func (p *parser) fragment() *Error {
	for p.pos < p.end {
		switch t := p.c.buf[p.pos]; t &^ more {
		case tokenEOF:
			p.pos++
			return nil
		case tokenFragment:
			if e := p.need(4, "evtx.part.fragment"); e != nil {
				return e
			}
			p.pos += 4
		case tokenElement:
			if e := p.element(1); e != nil {
				return e
			}
		case tokenPITarget:
			if e := p.pi(); e != nil {
				return e
			}
		default:
			return p.c.fail(p.pos, "evtx.token.element", code8(t))
		}
	}
	return nil
}
