package read

import (
	"bytes"
	"io"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Splitter splits a stream of text into records, for callers that decode them
// themselves: on several cores, for instance, since splitting takes far less time than
// decoding. It holds at most one record. It is not safe for concurrent use.
type Splitter struct {
	f      *framer
	broken bool
}

// NewSplitter returns a Splitter of in; records longer than maxRecord bytes (event.MaxRecord if 0)
// are refused.
func NewSplitter(in io.Reader, maxRecord int) *Splitter {
	if maxRecord <= 0 || maxRecord > event.MaxRecord {
		maxRecord = event.MaxRecord
	}
	f := newFramer(in, maxRecord)
	f.lines = true
	return &Splitter{f: f}
}

// Chunk is a record as it is in the stream, or a line of JSON that holds one record,
// none, or several, which Decoder.Chunk finds out.
type Chunk struct {
	Raw    []byte // good until the next call of Next, unless it is copied; empty if the record was refused
	Offset int64  // bytes from the start of the stream
	Line   bool   // Raw is a line that begins with { and ends with } and white space, and was not looked into

	json, last, xml bool
	within          bool // the stream's first record was JSON
	err             error
}

// Next returns the next chunk, or io.EOF.
func (c *Splitter) Next() (Chunk, error) {
	fr, err := c.f.next()
	if err != nil {
		return Chunk{}, err
	}
	c.broken = c.broken || c.f.err != nil && fr.err == c.f.err
	return Chunk{Raw: fr.raw, Offset: fr.offset, Line: fr.line, json: fr.json, last: fr.last, xml: fr.xml,
		within: c.f.jsonSeen, err: fr.err}, nil
}

// Offset returns up to where the stream was split.
func (c *Splitter) Offset() int64 { return c.f.offset() }

// Broken reports whether the stream ended with an error, which Next returned as a refused
// record.
func (c *Splitter) Broken() bool { return c.broken }

// Audit returns the number of the system call that an audit record in the chunk
// belongs to, as auditd writes it; nil if there is none. The records of one call
// explain one another, so that one Decoder must see all of them.
func (c Chunk) Audit() []byte {
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

// Chunk decodes a chunk: it calls yield with each event, and miss with each record
// that cannot be read, and returns how many records there were. source says where
// the first of them is. An error is one of yield, and ends it.
func (d *Decoder) Chunk(source event.Source, c Chunk, hint Hint, yield func(*event.Event) error,
	miss func(BadRecord)) (records int64, err error) {
	if !c.Line {
		return 1, d.decodeOne(source, c, hint, yield, miss)
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
		one := Chunk{Raw: fr.raw, Offset: source.Offset, json: fr.json, xml: fr.xml, within: c.within, err: fr.err}
		if err := d.decodeOne(source, one, hint, yield, miss); err != nil {
			return records, err
		}
	}
}

// decodeOne decodes a chunk that is one record.
func (d *Decoder) decodeOne(source event.Source, c Chunk, hint Hint, yield func(*event.Event) error,
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
