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
	Errors      int   // how many errors are told one by one; default 100
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
// beside the ones it gives back. A bad object costs one error, which names it
// and the property, and reading goes on with the next; what is wrong with the
// bundle itself ends the reading. Two objects of the same id and version with
// different content are an error (the first is kept): which of them is meant
// cannot be known. Every error is an *Error.
func ParseBundle(r io.Reader, limits Limits) ([]*Object, []error) {
	p := bundleReader{limits: limits.filled(), seen: map[string]*Object{}}
	p.r = bufio.NewReaderSize(io.LimitReader(r, p.limits.Bytes+1), 64<<10)
	if err := p.read(); err != nil {
		p.fail("bundle", "", err.Error())
	}
	if p.untold > 0 {
		p.errs = append(p.errs, &Error{Object: "bundle", Reason: fmt.Sprintf("has %d more errors", p.untold)})
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
	untold  int
}

func (p *bundleReader) fail(object, property, reason string) {
	p.add(&Error{Object: object, Property: property, Reason: reason})
}

func (p *bundleReader) add(err error) {
	if len(p.errs) >= p.limits.Errors {
		p.untold++
		return
	}
	p.errs = append(p.errs, err)
}

func (p *bundleReader) read() error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != '{' {
		return errors.New("does not begin with {")
	}
	var typ, id string
	names := map[string]bool{}
	for first := true; ; first = false {
		if c, err = p.next(); err != nil {
			return err
		}
		if c == '}' && first {
			break
		}
		if !first {
			if c == '}' {
				break
			}
			if c != ',' {
				return fmt.Errorf("has %q where a comma belongs, at byte %d", c, p.n)
			}
			if c, err = p.next(); err != nil {
				return err
			}
		}
		rawName, _, err := p.value(c, 1<<10)
		if err != nil {
			return err
		}
		if c != '"' || rawName == nil || check(rawName) != nil {
			return fmt.Errorf("has no property name at byte %d", p.n)
		}
		name := unquote(rawName)
		if names[name] {
			return fmt.Errorf("has the property %q twice", clip(name))
		}
		names[name] = true
		if c, err = p.next(); err != nil {
			return err
		}
		if c != ':' {
			return fmt.Errorf("has no colon after %q", clip(name))
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if name == "objects" {
			if err := p.list(c); err != nil {
				return err
			}
			continue
		}
		raw, _, err := p.value(c, p.limits.ObjectBytes)
		if err != nil {
			return err
		}
		if raw == nil {
			return fmt.Errorf("has a property %q of more than %d bytes", clip(name), p.limits.ObjectBytes)
		}
		if err := check(raw); err != nil {
			return fmt.Errorf("property %q %w", clip(name), err)
		}
		switch name {
		case "type":
			typ = unquote(raw)
		case "id":
			id = unquote(raw)
		}
	}
	if typ != "bundle" {
		p.fail("bundle", "type", fmt.Sprintf("is %q where it must be \"bundle\"", clip(typ)))
	}
	if t, ok := SplitID(id); !ok || t != "bundle" {
		p.fail("bundle", "id", "must be bundle--, then a UUID")
	}
	if c, err := p.next(); err == nil {
		return fmt.Errorf("has %q after its end, at byte %d", c, p.n)
	} else if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

// list reads the value of "objects"; c is its first letter.
func (p *bundleReader) list(c byte) error {
	if c != '[' {
		return errors.New("has objects that are not a list")
	}
	for i := 0; ; i++ {
		c, err := p.next()
		if err != nil {
			return err
		}
		if c == ']' {
			return nil
		}
		if i > 0 {
			if c != ',' {
				return fmt.Errorf("has %q where a comma belongs, at byte %d", c, p.n)
			}
			if c, err = p.next(); err != nil {
				return err
			}
		}
		if i >= p.limits.Objects {
			return fmt.Errorf("has more than %d objects", p.limits.Objects)
		}
		place := fmt.Sprintf("objects[%d]", i)
		raw, size, err := p.value(c, p.limits.ObjectBytes)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		if raw == nil {
			p.fail(place, "", fmt.Sprintf("has %d bytes; at most %d are read", size, p.limits.ObjectBytes))
			continue
		}
		o, err := parse(raw, place)
		if err != nil {
			p.add(err)
			continue
		}
		key := o.id + "|" + o.version().normal()
		if other := p.seen[key]; other != nil && !SameContent(other, o) {
			p.fail(o.id, "modified", place+" has the same id and version as an earlier object and different content")
			continue
		}
		p.seen[key] = o
		p.objects = append(p.objects, o)
	}
}

// next gives the first letter that is not white space.
func (p *bundleReader) next() (byte, error) {
	for {
		c, err := p.byte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
	}
}

func (p *bundleReader) byte() (byte, error) {
	c, err := p.r.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("ends at byte %d, before it is complete: %w", p.n, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return 0, fmt.Errorf("cannot be read further than byte %d: %w", p.n, err)
	}
	if p.n++; p.n > p.limits.Bytes {
		return 0, fmt.Errorf("has more than %d bytes", p.limits.Bytes)
	}
	return c, nil
}

// value reads one JSON value that begins with c. A value longer than most is
// read to its end and not kept: raw is nil.
func (p *bundleReader) value(c byte, most int) (raw []byte, size int, err error) {
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
			return nil, 0, fmt.Errorf("has %q out of place, at byte %d", c, p.n)
		}
		if depth == 0 && !inString && (c == '"' || c == '}' || c == ']') {
			return raw, size, nil
		}
		if depth == 0 && !inString {
			// a number or a word: it ends before the next letter that cannot belong to it
			b, err := p.r.Peek(1)
			if err == nil && (bytes.IndexByte([]byte(",]}: \t\r\n\""), b[0]) >= 0) {
				return raw, size, nil
			}
		}
		if c, err = p.byte(); err != nil {
			return nil, 0, err
		}
	}
}

// WriteBundle writes objects as a bundle with the given id; "" makes a random
// one. The objects' bytes are written as they are.
func WriteBundle(w io.Writer, id string, objects ...*Object) error {
	if id == "" {
		id = NewID("bundle")
	}
	if t, ok := SplitID(id); !ok || t != "bundle" {
		return &Error{Object: clip(id), Property: "id", Reason: "must be bundle--, then a UUID"}
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

// Bundle is WriteBundle into memory.
func Bundle(id string, objects ...*Object) ([]byte, error) {
	var b bytes.Buffer
	err := WriteBundle(&b, id, objects...)
	return b.Bytes(), err
}
