package stix

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Limits bound what ParseBundle reads. A zero field means its default.
type Limits struct {
	Bytes       int64 // of the whole bundle; default 256 MiB
	Objects     int   // default 1,000,000
	ObjectBytes int   // of one object; default 16 MiB
	Errors      int   // how many errors are reported one by one; default 100
}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 256 << 20
	}
	if l.Objects <= 0 {
		l.Objects = 1_000_000
	}
	if l.ObjectBytes <= 0 {
		l.ObjectBytes = 16 << 20
	}
	if l.Errors <= 0 {
		l.Errors = 100
	}
	return l
}

// ParseBundle reads a bundle object by object, holding one object at a time
// beside those it returns. A bad object costs one error, which names it
// and the property, and reading goes on with the next; what is wrong with the
// bundle itself ends the reading. Two objects of the same id and version with
// different content are an error (the first is kept): which of them is meant
// cannot be known. Every error is an *Error.
func ParseBundle(r io.Reader, limits Limits) ([]*Object, []error) {
	p := bundleReader{limits: limits.filled(), seen: map[string]*Object{}}
	p.r = bufio.NewReaderSize(io.LimitReader(r, p.limits.Bytes+1), 64<<10)
	if r := p.read(); r != nil {
		p.fail("bundle", "", r)
	}
	if p.more > 0 {
		p.errs = append(p.errs, &Error{Object: "bundle", Reason: because("stix.bundle.more", p.more)})
	}
	return p.objects, p.errs
}

type bundleReader struct {
	r       *bufio.Reader
	limits  Limits
	n       int64 // bytes read
	objects []*Object
	seen    map[string]*Object // by id and version
	errs    []error
	more    int // errors that were counted only
}

func (p *bundleReader) fail(object, property string, r Reason) {
	p.add(&Error{Object: object, Property: property, Reason: r})
}

func (p *bundleReader) add(err error) {
	if len(p.errs) >= p.limits.Errors {
		p.more++
		return
	}
	p.errs = append(p.errs, err)
}

func (p *bundleReader) read() Reason {
	c, r := p.next()
	if r != nil {
		return r
	}
	if c != '{' {
		return because("stix.bundle.begin")
	}
	var typ, id string
	names := map[string]bool{}
	for first := true; ; first = false {
		if c, r = p.next(); r != nil {
			return r
		}
		if c == '}' && first {
			break
		}
		if !first {
			if c == '}' {
				break
			}
			if c != ',' {
				return because("stix.bundle.comma", string(c), p.n)
			}
			if c, r = p.next(); r != nil {
				return r
			}
		}
		rawName, _, r := p.value(c, 1<<10)
		if r != nil {
			return r
		}
		if c != '"' || rawName == nil || check(rawName) != nil {
			return because("stix.bundle.name", p.n)
		}
		name := unquote(rawName)
		if names[name] {
			return because("stix.json.twice", clip(name))
		}
		names[name] = true
		if c, r = p.next(); r != nil {
			return r
		}
		if c != ':' {
			return because("stix.bundle.colon", clip(name))
		}
		if c, r = p.next(); r != nil {
			return r
		}
		if name == "objects" {
			if r := p.list(c); r != nil {
				return r
			}
			continue
		}
		raw, _, r := p.value(c, p.limits.ObjectBytes)
		if r != nil {
			return r
		}
		if raw == nil {
			return because("stix.bundle.property.large", clip(name), p.limits.ObjectBytes)
		}
		if r := check(raw); r != nil {
			return because("stix.bundle.property", clip(name), r)
		}
		switch name {
		case "type":
			typ = unquote(raw)
		case "id":
			id = unquote(raw)
		}
	}
	if typ != "bundle" {
		p.fail("bundle", "type", because("stix.bundle.type", clip(typ)))
	}
	if t, ok := SplitID(id); !ok || t != "bundle" {
		p.fail("bundle", "id", because("stix.bundle.id"))
	}
	if c, r := p.next(); r == nil {
		return because("stix.bundle.rest", string(c), p.n)
	} else if !errors.Is(r, io.ErrUnexpectedEOF) {
		return r
	}
	return nil
}

// list reads the value of "objects"; c is its first character.
func (p *bundleReader) list(c byte) Reason {
	if c != '[' {
		return because("stix.bundle.objects")
	}
	for i := 0; ; i++ {
		c, r := p.next()
		if r != nil {
			return r
		}
		if c == ']' {
			return nil
		}
		if i > 0 {
			if c != ',' {
				return because("stix.bundle.comma", string(c), p.n)
			}
			if c, r = p.next(); r != nil {
				return r
			}
		}
		if i >= p.limits.Objects {
			return because("stix.bundle.many", p.limits.Objects)
		}
		place := fmt.Sprintf("objects[%d]", i)
		raw, size, r := p.value(c, p.limits.ObjectBytes)
		if r != nil {
			return because("stix.bundle.place", place, r)
		}
		if raw == nil {
			p.fail(place, "", because("stix.bundle.object.large", size, p.limits.ObjectBytes))
			continue
		}
		o, err := parse(raw, place)
		if err != nil {
			p.add(err)
			continue
		}
		key := o.id + "|" + o.version().normal()
		if other := p.seen[key]; other != nil && !SameContent(other, o) {
			p.fail(o.id, "modified", because("stix.bundle.conflict", place))
			continue
		}
		p.seen[key] = o
		p.objects = append(p.objects, o)
	}
}

// next returns the first character that is not white space.
func (p *bundleReader) next() (byte, Reason) {
	for {
		c, r := p.byte()
		if r != nil {
			return 0, r
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
	}
}

func (p *bundleReader) byte() (byte, Reason) {
	c, err := p.r.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, because("stix.bundle.cut", p.n, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return 0, because("stix.bundle.read", p.n, err)
	}
	if p.n++; p.n > p.limits.Bytes {
		return 0, because("stix.bundle.large", p.limits.Bytes)
	}
	return c, nil
}

// value reads one JSON value that begins with c. A value longer than most is
// read to its end and not kept: raw is nil.
func (p *bundleReader) value(c byte, most int) (raw []byte, size int, r Reason) {
	keep := func(c byte) {
		if size++; size <= most {
			raw = append(raw, c)
		} else {
			raw = nil
		}
	}
	var depth int
	inString, escaped := false, false
	for {
		keep(c)
		switch {
		case inString:
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth < 0 {
			return nil, 0, because("stix.bundle.misplaced", string(c), p.n)
		}
		if depth == 0 && !inString && (c == '"' || c == '}' || c == ']') {
			return raw, size, nil
		}
		if depth == 0 && !inString {
			// a number or a word: it ends before the next character that cannot belong to it
			b, err := p.r.Peek(1)
			if err == nil && (bytes.IndexByte([]byte(",]}: \t\r\n\""), b[0]) >= 0) {
				return raw, size, nil
			}
		}
		if c, r = p.byte(); r != nil {
			return nil, 0, r
		}
	}
}

// WriteBundle writes objects as a bundle with the given id; "" stands
// for a random one. The objects' bytes are written as they are.
func WriteBundle(w io.Writer, id string, objects ...*Object) error {
	if id == "" {
		id = NewID("bundle")
	}
	if t, ok := SplitID(id); !ok || t != "bundle" {
		return &Error{Object: clip(id), Property: "id", Reason: because("stix.bundle.id")}
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `{"type":"bundle","id":%q`, id)
	for i, o := range objects {
		if i == 0 {
			b.WriteString(`,"objects":[`)
		} else {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(o.raw)
	}
	if len(objects) > 0 {
		b.WriteString("\n]")
	}
	b.WriteString("}\n")
	return b.Flush()
}
