package feed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/meneki/meneki/internal/event/jsonscan"
)

// scanner walks through a JSON text of any length. It holds only the values that
// it is asked for, and counts lines.
type scanner struct {
	in      *bufio.Reader
	line    int
	shape   jsonscan.Structure
	between bool // no value has begun that has not ended
}

func newScanner(in *bufio.Reader) *scanner {
	return &scanner{in: in, line: 1, between: true, shape: jsonscan.Structure{MaxDepth: maxDepth, Lines: true}}
}

// syntaxError says that the text is no JSON.
type syntaxError struct{ what string }

func (e *syntaxError) Error() string { return e.what }

func wrong(format string, args ...any) error { return &syntaxError{fmt.Sprintf(format, args...)} }

func (s *scanner) byte() (byte, error) {
	c, err := s.in.ReadByte()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if c == '\n' {
		s.line++
	}
	return c, err
}

// peek returns the next byte that is no white space, and leaves it.
func (s *scanner) peek() (byte, error) {
	for {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		if !jsonscan.IsSpace(c) {
			return c, s.in.UnreadByte()
		}
	}
}

func (s *scanner) expect(want byte) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c != want {
		return wrong("%q where %q belongs", c, want)
	}
	_, err = s.byte()
	return err
}

const maxDepth = 1000

// value reads the next value. One of more than most bytes is read to its end and
// not kept: long is true.
func (s *scanner) value(most int) (raw []byte, long bool, err error) {
	if _, err := s.peek(); err != nil {
		return nil, false, err
	}
	s.shape.Reset()
	for n := 0; ; n++ {
		c, err := s.byte()
		if err != nil {
			return nil, false, err
		}
		if n < most {
			raw = append(raw, c)
		}
		ended := false
		switch s.shape.Next(c) {
		case jsonscan.Broken:
			return nil, false, wrong("%q out of place", c)
		case jsonscan.Done:
			ended = true
		case jsonscan.More:
			// A number or a word ends before what cannot belong to it.
			if s.shape.InWord() {
				next, err := s.in.Peek(1)
				ended = err != nil || !jsonscan.IsWord(next[0])
			}
		}
		switch {
		case s.shape.TooDeep():
			return nil, false, wrong("nested deeper than %d", maxDepth)
		case !ended:
		case n >= most:
			return nil, true, nil
		default:
			return raw, false, nil
		}
	}
}

func (s *scanner) skip() error {
	_, _, err := s.value(0)
	return err
}

// object calls member for each member of the object that comes; member reads the value.
func (s *scanner) object(member func(name string) error) error {
	return s.list('{', '}', func() error {
		raw, long, err := s.value(maxLine)
		if err != nil {
			return err
		}
		var name string
		if long || json.Unmarshal(raw, &name) != nil {
			return wrong("no name of a property")
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return member(name)
	})
}

// array calls element for each element of the list that comes; element reads it.
func (s *scanner) array(element func() error) error { return s.list('[', ']', element) }

func (s *scanner) list(open, end byte, each func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c == end {
			_, err := s.byte()
			return err
		}
		if !first {
			if err := s.expect(','); err != nil {
				return err
			}
		}
		if err := each(); err != nil {
			return err
		}
	}
}

// end reports an error if anything but white space comes.
func (s *scanner) end() error {
	c, err := s.peek()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err == nil {
		err = wrong("%q behind the end", c)
	}
	return err
}
