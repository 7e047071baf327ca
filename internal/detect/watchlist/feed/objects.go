package feed

import (
	"bufio"
	"context"
	"io"
)

// Objects calls each for every object of a STIX document, with the line on which it begins and
// its bytes: a bundle, a TAXII envelope, a list of objects or one object alone, plain or packed
// as Read has it. An object of more than 16 MB is given as nil. What is wrong with the document
// itself is an *Error and ends the reading; an error of each ends it too.
func Objects(ctx context.Context, name string, open func() (io.ReadCloser, error), o Options,
	each func(line int, raw []byte) error) error {
	r := newReader(ctx, name, o)
	members, err := r.archive(open)
	if err != nil {
		return err
	}
	if members == nil {
		return r.document(open, each)
	}
	for _, m := range members {
		r.name = name + "/" + m.name
		if err := r.document(m.open, each); err != nil {
			return err
		}
	}
	return nil
}

// document reads one document.
func (r *reader) document(open func() (io.ReadCloser, error), each func(line int, raw []byte) error) error {
	in, done, err := r.unpack(open)
	if err != nil {
		return err
	}
	single, err := r.objects(in, each)
	done()
	if err != nil || !single {
		return err
	}
	if in, done, err = r.unpack(open); err != nil {
		return err
	}
	defer done()
	s := newScanner(in)
	if _, err = s.peek(); err != nil {
		return r.jsonError(s.line, err)
	}
	line := s.line
	raw, long, err := s.value(maxValue)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return r.jsonError(s.line, err)
	}
	if long {
		raw = nil
	}
	return each(line, raw)
}

// objects walks through a bundle, an envelope or a list. single reports that the document has no
// objects in it but an id, so that it is an object itself.
func (r *reader) objects(in *bufio.Reader, each func(line int, raw []byte) error) (single bool, err error) {
	s := newScanner(in)
	var own error // an error that is not the scanner's
	object := func() error {
		if _, err := s.peek(); err != nil {
			return err
		}
		line := s.line
		raw, long, err := s.value(maxValue)
		if err != nil {
			return err
		}
		if long {
			raw = nil
		}
		if own = r.ctx.Err(); own == nil {
			own = each(line, raw)
		}
		return own
	}
	some, id := false, false
	c, err := s.peek()
	if err == nil && c == '[' {
		some, err = true, s.array(object)
	} else if err == nil {
		err = s.object(func(name string) error {
			switch name {
			case "objects":
				c, err := s.peek()
				if err != nil || c != '[' { // STIX 2.0 has a table of them in observed data
					return s.skip()
				}
				some = true
				return s.array(object)
			case "id":
				id = true
			}
			return s.skip()
		})
	}
	if err == nil {
		err = s.end()
	}
	if err != nil && own != nil && err == own {
		return false, err
	}
	if err != nil {
		return false, r.jsonError(s.line, err)
	}
	if !some && !id {
		return false, r.fail(1, noObjects, nil)
	}
	return !some, nil
}
