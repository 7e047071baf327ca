package evtx

// Tokens of binary XML. The bit more says that an attribute list follows
// (element), another attribute, or more of the same content.
const (
	tokenEOF        = 0x00
	tokenElement    = 0x01
	tokenCloseStart = 0x02
	tokenCloseEmpty = 0x03
	tokenEnd        = 0x04
	tokenValue      = 0x05
	tokenAttribute  = 0x06
	tokenCDATA      = 0x07
	tokenCharRef    = 0x08
	tokenEntityRef  = 0x09
	tokenPITarget   = 0x0a
	tokenPIData     = 0x0b
	tokenTemplate   = 0x0c
	tokenNormalSub  = 0x0d
	tokenOptSub     = 0x0e
	tokenFragment   = 0x0f

	more = 0x40
)

// nodeKind says what a node of a compiled tree is.
type nodeKind uint8

const (
	nodeElement nodeKind = iota
	nodeAttr
	nodeText  // literal text: value text, CDATA, character and entity references
	nodeValue // literal value that is not text
	nodeSub   // normal substitution
	nodeOpt   // optional substitution
	nodePI    // processing instruction: name is the target, text the data
)

// A node is a part of a tree in document order: an element, its attributes each
// followed by its parts, and its content.
type node struct {
	kind  nodeKind
	typ   uint8  // of a substitution or a literal value
	sub   uint16 // which value is put here
	attrs int32  // of an element: where its content begins, within the tree
	end   int32  // after the last node below this one
	off   uint32 // of a literal value: where it is in the chunk
	size  uint32
	name  string
	text  string
}

// A parser compiles tokens to nodes.
type parser struct {
	c        *Chunk
	pos, end int
	template bool // in a template definition: elements carry a dependency identifier, and substitutions are allowed
	nodes    []node
	maxSub   int // the greatest substitution, or -1
}

func (p *parser) need(n int, what string) *Error {
	if p.end-p.pos < n {
		return p.c.fail(p.pos, "evtx.needs", because(what), n, p.end-p.pos)
	}
	return nil
}

func (p *parser) u16() int { p.pos += 2; return int(le.Uint16(p.c.buf[p.pos-2:])) }
func (p *parser) u32() uint32 {
	p.pos += 4
	return le.Uint32(p.c.buf[p.pos-4:])
}

// name reads a reference to a name, and skips the name if it is right here.
func (p *parser) name(what string) (string, *Error) {
	if e := p.need(4, what); e != nil {
		return "", e
	}
	off := p.u32()
	n, e := p.c.name(off, p.pos-4)
	if e != nil {
		return "", e
	}
	if int(off) == p.pos {
		if e := p.need(n.size, what); e != nil {
			return "", e
		}
		p.pos += n.size
	}
	return n.text, nil
}

// element reads an element, from its token to its end.
func (p *parser) element(depth int) *Error {
	if depth > MaxDepth {
		return p.c.fail(p.pos, "evtx.depth.elements", MaxDepth)
	}
	token := p.c.buf[p.pos]
	p.pos++
	n := 4
	if p.template {
		n += 2
	}
	if e := p.need(n, "evtx.part.element"); e != nil {
		return e
	}
	p.pos += n // the size and the dependency are not needed: tokens say where it ends
	name, e := p.name("evtx.part.element.name")
	if e != nil {
		return e
	}
	me := len(p.nodes)
	p.nodes = append(p.nodes, node{kind: nodeElement, name: name})
	if token&more != 0 {
		if e := p.attributes(); e != nil {
			return e
		}
	}
	p.nodes[me].attrs = int32(len(p.nodes))
	if e := p.need(1, "evtx.part.element"); e != nil {
		return e
	}
	switch t := p.c.buf[p.pos]; t {
	case tokenCloseEmpty:
		p.pos++
	case tokenCloseStart:
		p.pos++
		if e := p.content(depth); e != nil {
			return e
		}
	default:
		return p.c.fail(p.pos, "evtx.token.start", code8(t), name)
	}
	p.nodes[me].end = int32(len(p.nodes))
	return nil
}

func (p *parser) attributes() *Error {
	if e := p.need(4, "evtx.part.attributes"); e != nil {
		return e
	}
	size := int64(p.u32())
	if size > int64(p.end-p.pos) {
		return p.c.fail(p.pos-4, "evtx.attributes.left", size, p.end-p.pos)
	}
	end := p.pos + int(size)
	for p.pos < end {
		if t := p.c.buf[p.pos]; t&^more != tokenAttribute {
			return p.c.fail(p.pos, "evtx.token.attribute", code8(t))
		}
		p.pos++
		name, e := p.name("evtx.part.attribute.name")
		if e != nil {
			return e
		}
		me := len(p.nodes)
		p.nodes = append(p.nodes, node{kind: nodeAttr, name: name})
		for p.pos < end && p.c.buf[p.pos]&^more != tokenAttribute {
			if ok, e := p.part(); e != nil {
				return e
			} else if !ok {
				return p.c.fail(p.pos, "evtx.token.attribute.value", code8(p.c.buf[p.pos]), name)
			}
		}
		p.nodes[me].end = int32(len(p.nodes))
	}
	if p.pos != end {
		return p.c.fail(p.pos, "evtx.attributes.end")
	}
	return nil
}

// content reads what is between an element's start and its end token.
func (p *parser) content(depth int) *Error {
	for {
		if e := p.need(1, "evtx.part.content"); e != nil {
			return e
		}
		switch t := p.c.buf[p.pos]; t &^ more {
		case tokenEnd:
			p.pos++
			return nil
		case tokenElement:
			if e := p.element(depth + 1); e != nil {
				return e
			}
		case tokenPITarget:
			if e := p.pi(); e != nil {
				return e
			}
		default:
			if ok, e := p.part(); e != nil {
				return e
			} else if !ok {
				return p.c.fail(p.pos, "evtx.token.content", code8(t))
			}
		}
	}
}

// part reads one part of a text: a literal, a reference or a substitution. ok is
// false, and nothing read, at any other token.
func (p *parser) part() (ok bool, e *Error) {
	t := p.c.buf[p.pos]
	switch t &^ more {
	case tokenValue:
		if e := p.need(2, "evtx.part.value"); e != nil {
			return false, e
		}
		typ := p.c.buf[p.pos+1]
		p.pos += 2
		if typ == typeString {
			return true, p.text(false)
		}
		size := fixedSize(typ)
		if size == 0 {
			return false, p.c.fail(p.pos-1, "evtx.value.literal", code8(typ))
		}
		if e := p.need(size, "evtx.part.value"); e != nil {
			return false, e
		}
		p.add(node{kind: nodeValue, typ: typ, off: uint32(p.pos), size: uint32(size)})
		p.pos += size
	case tokenCDATA:
		p.pos++
		return true, p.text(false)
	case tokenCharRef:
		if e := p.need(3, "evtx.part.character"); e != nil {
			return false, e
		}
		p.pos++
		p.add(node{kind: nodeText, text: string(rune(p.u16()))}) // a surrogate becomes U+FFFD
	case tokenEntityRef:
		p.pos++
		name, e := p.name("evtx.part.entity")
		if e != nil {
			return false, e
		}
		text, known := entities[name]
		if !known {
			return false, p.c.fail(p.pos, "evtx.entity.unknown", name)
		}
		p.add(node{kind: nodeText, text: text})
	case tokenNormalSub, tokenOptSub:
		if e := p.need(4, "evtx.part.substitution"); e != nil {
			return false, e
		}
		if !p.template {
			return false, p.c.fail(p.pos, "evtx.substitution.outside")
		}
		kind := nodeSub
		if t&^more == tokenOptSub {
			kind = nodeOpt
		}
		p.pos++
		sub := p.u16()
		p.add(node{kind: kind, sub: uint16(sub), typ: p.c.buf[p.pos]})
		p.pos++
		p.maxSub = max(p.maxSub, sub)
	default:
		return false, nil
	}
	return true, nil
}

var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

// text reads counted UTF-16 text.
func (p *parser) text(pi bool) *Error {
	if e := p.need(2, "evtx.part.text"); e != nil {
		return e
	}
	n := 2 * p.u16()
	if e := p.need(n, "evtx.part.text"); e != nil {
		return e
	}
	b := trimNUL(p.c.buf[p.pos : p.pos+n])
	p.pos += n
	var s string
	if p.template {
		s = p.c.intern.utf16(b)
	} else {
		s = p.c.arena.utf16(b)
	}
	if pi {
		p.nodes[len(p.nodes)-1].text = s
	} else {
		p.add(node{kind: nodeText, text: s})
	}
	return nil
}

func (p *parser) pi() *Error {
	p.pos++
	name, e := p.name("evtx.part.pi")
	if e != nil {
		return e
	}
	p.add(node{kind: nodePI, name: name})
	if e := p.need(1, "evtx.part.pi"); e != nil {
		return e
	}
	if p.c.buf[p.pos] != tokenPIData {
		return p.c.fail(p.pos, "evtx.token.pi", code8(p.c.buf[p.pos]))
	}
	p.pos++
	return p.text(true)
}

func (p *parser) add(n node) {
	n.end = int32(len(p.nodes) + 1)
	p.nodes = append(p.nodes, n)
}
