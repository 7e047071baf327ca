package timeline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/quick"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// worker matches events and lines for one goroutine.
type worker struct {
	match  func(ev *event.Event, yield func(*sigma.Match) bool)
	engine *engine.Engine // nil for the reference evaluator, which has no short way
}

// hit is told of each match of an event.
type hit func(ev *event.Event, m *sigma.Match) error

// maxLine is the longest line that is looked at as such; event/read has the rest.
const maxLine = 1 << 20

// errNoLine says that the stream is not, or no longer, one record a line.
var errNoLine = errors.New("timeline: not one record a line")

// lines reads JSON lines by the short way: what no rule can match is not even
// decoded. At the first line that is not exactly one record, event/read goes on
// with the rest, as it would have read the whole; the numbers of records and
// places go on too. in is what follows the name's head, which is not yet read.
func (s *scanner) lines(ctx context.Context, w worker, name string, in *bufio.Reader, m *Meter, found hit) (rep read.Report, err error) {
	rep.Files = 1
	var d read.Decoder
	source := event.Source{Sensor: "file", Name: name}
	hint := s.opts.Hint
	hint.Seen = s.opts.Clock()
	q := quick.NewMatcher(w.engine, func(line []byte) (*event.Event, error) {
		list, err := d.Line(source, line, hint)
		if err != nil || len(list) != 1 {
			return nil, errNoLine
		}
		return list[0], nil
	})
	offset := int64(0)
	var last []byte // the record before, for the rest: what follows JSON is read otherwise than what stands first
	rest := func(line []byte, records int64) (read.Report, error) {
		return s.rest(ctx, w, name, last, io.MultiReader(bytes.NewReader(bytes.Clone(line)), in), offset, records, rep, m, found)
	}
	for {
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
		line, err := in.ReadSlice('\n')
		whole := err == nil
		text := bytes.TrimRight(line, " \t\r\n")
		if text = bytes.TrimLeft(text, " \t"); whole && len(text) == 0 {
			offset += int64(len(line))
			continue
		}
		if !whole || text[0] != '{' || text[len(text)-1] != '}' {
			return rest(line, source.Record)
		}
		source.Offset, source.Record = offset, source.Record+1
		var stop error
		err = q.Match(text, func(ev *event.Event, match *sigma.Match) bool {
			stop = found(ev, match)
			return stop == nil
		})
		switch {
		case stop != nil:
			return rep, stop
		case err != nil:
			return rest(line, source.Record-1)
		}
		last = append(last[:0], line...)
		offset += int64(len(line))
		rep.Events++
		rep.Bytes = offset
		m.events.Add(1)
	}
}

// rest lets event/read go on at a place behind some records, the last of which
// it is given to see once more.
func (s *scanner) rest(ctx context.Context, w worker, name string, last []byte, in io.Reader, offset, records int64, rep read.Report, m *Meter, found hit) (read.Report, error) {
	again := int64(0)
	if len(last) > 0 {
		again = 1
	}
	offset -= int64(len(last))
	records -= again
	seen := false
	more, err := read.Stream(ctx, name, io.MultiReader(bytes.NewReader(last), in), s.opts, func(ev *event.Event) error {
		if again > 0 && !seen {
			seen = true
			return nil
		}
		m.events.Add(1)
		ev.From.Offset += offset
		ev.From.Record += records
		return s.each(w, ev, found)
	})
	for i := range more.Bad {
		more.Bad[i].Offset += offset
		more.Bad[i].Record += records
	}
	if more.Files == 0 { // by the first bytes, the rest is no log; but it stands in the middle of one
		for _, x := range more.Skipped {
			bad(&rep, read.BadRecord{Name: name, Offset: offset + int64(len(last)), Record: records + again + 1, Reason: x.Reason})
		}
		return rep, err
	}
	more.Files, more.Events = 0, more.Events-again // the same stream
	merged(&rep, more)
	return rep, err
}

// each matches one event.
func (s *scanner) each(w worker, ev *event.Event, found hit) (err error) {
	w.match(ev, func(m *sigma.Match) bool {
		err = found(ev, m)
		return err == nil
	})
	return err
}
