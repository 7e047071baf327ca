package read

import (
	"bytes"
	"io"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Cutter cuts a stream of text into records, for callers that decode them themselves:
// on several cores, for instance, since cutting takes far less time than
// decoding. It holds at most one record. Not safe for concurrent use.
type Cutter struct {
	f      *framer
	broken bool
}

// NewCutter cuts in; records longer than maxRecord bytes (event.MaxRecord if 0)
// are refused.
func NewCutter(in io.Reader, maxRecord int) *Cutter {
	if maxRecord <= 0 || maxRecord > event.MaxRecord {
		maxRecord = event.MaxRecord
	}
	f := newFramer(in, maxRecord)
	f.lines = true
	return &Cutter{f: f}
}

// Cut is a record as it is in the stream, or a line of JSON that holds one, or
// none, or several: Decoder.Cut knows.
type Cut struct {
	Raw    []byte // good until the next call of Next, unless it is copied; empty if the record was refused
	Offset int64  // bytes from the start of the stream
	Line   bool   // Raw is a line that begins with { and ends with } and white space, and was not looked into

	json, last, xml bool
	within          bool // the stream's first record was JSON
	err             error
}

// Next returns the next cut, or io.EOF.
func (c *Cutter) Next() (Cut, error) {
	fr, err := c.f.next()
	if err != nil {
		return Cut{}, err
	}
	c.broken = c.broken || c.f.err != nil && fr.err == c.f.err
	return Cut{Raw: fr.raw, Offset: fr.offset, Line: fr.line, json: fr.json, last: fr.last, xml: fr.xml,
		within: c.f.jsonSeen, err: fr.err}, nil
}

// Offset is up to where the stream was cut.
func (c *Cutter) Offset() int64 { return c.f.offset() }

// Broken reports whether the stream ended with an error, which Next returned as a refused
// record.
func (c *Cutter) Broken() bool { return c.broken }

// Audit returns the number of the system call that an audit record in the cut
// belongs to, as auditd writes it; nil if there is none. The records of one call
// explain one another, so that one Decoder must see all of them.
func (c Cut) Audit() []byte {
	i := bytes.Index(c.Raw, []byte("audit("))
	if i < 0 {
		return nil
	}
	id := c.Raw[i+6:]
	j := bytes.IndexByte(id, ')')
	if j <= 0 || j > 64 {
		return nil
	}
	return id[:j]
}

var notJSON = fault.New(fault.Invalid, i18n.T("not a JSON record", "JSON の記録ではありません"))

// Cut decodes a cut: it calls yield with each event, and miss with each record
// that cannot be read, and returns how many records there were. source says where
// the first of them is. An error is one of yield, and ends it.
func (d *Decoder) Cut(source event.Source, c Cut, hint Hint, yield func(*event.Event) error,
	miss func(BadRecord)) (records int64, err error) {
	if !c.Line {
		return 1, d.cut(source, c, hint, yield, miss)
	}
	if ev, err := d.record(source, bytes.TrimRight(c.Raw, " \t\r"), true, hint); err == nil {
		if ev == nil {
			return 1, nil
		}
		return 1, yield(ev)
	}
	// Not one whole record. What follows the line in the stream shows where it breaks.
	line := append(bytes.Clone(c.Raw), '\n')
	if !c.last {
		line = append(line, '{')
	}
	f := frameAll(line, event.MaxRecord)
	f.first, f.jsonSeen = true, c.within
	at, number := source.Offset, source.Record
	for {
		fr, err := f.next()
		if err != nil || fr.offset > int64(len(c.Raw)) {
			return records, nil
		}
		source.Offset, source.Record = at+fr.offset, number+records
		records++
		one := Cut{Raw: fr.raw, Offset: source.Offset, json: fr.json, xml: fr.xml, within: c.within, err: fr.err}
		if err := d.cut(source, one, hint, yield, miss); err != nil {
			return records, err
		}
	}
}

// cut decodes what is one record.
func (d *Decoder) cut(source event.Source, c Cut, hint Hint, yield func(*event.Event) error,
	miss func(BadRecord)) (err error) {
	var ev *event.Event
	if err = c.err; err == nil {
		ev, err = d.record(source, c.Raw, c.json, hint)
	}
	if err == nil && c.xml && ev.Product == "" {
		err = badXML
	}
	if err == nil && ev != nil && !c.json && c.within && ev.Product == "" && ev.Categories == nil {
		err = notJSON
	}
	if err != nil {
		miss(BadRecord{Name: source.Name, Offset: c.Offset, Record: source.Record, Reason: whyNot(err)})
		return nil
	}
	if ev == nil {
		return nil
	}
	return yield(ev)
}
