package read

import (
	"bytes"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Hint is what is known about a record besides its bytes. The zero Hint is good.
type Hint struct {
	Product, Service string         // logsource of records whose shape shows none
	Host             string         // host of records that name none
	Time             time.Time      // time of records that have none (of a syslog header, for instance)
	Seen             time.Time      // when it was read; must be set
	Zone             *time.Location // of times that are written without one and without year (RFC 3164); nil is UTC
	Seed             string         // what RecordID starts from; empty: the source's sensor and name
}

// Decoder turns records of one source into events. It remembers the last audit
// record, because auditd spreads one system call over several lines, and of a file the
// names of its columns (Header); all else depends on the record alone. It is not safe for concurrent use.
type Decoder struct {
	audit auditMemory

	file    bool     // its lines are a file's; see Header
	headed  bool     // the file begins with directives
	columns []string // of the lines that come, in the W3C format
}

// Line reads one record, or several if line is a JSON list or holds more than
// one JSON value or Event element, out of one line or datagram. source says where line is; a
// record further on in it gets its own offset and number. Blank lines return
// nothing. An error is a fault of kind Invalid or TooLarge, with the events that
// could be read all the same.
func Line(source event.Source, line []byte, hint Hint) ([]*event.Event, error) {
	return new(Decoder).Line(source, line, hint)
}

// Line is the function Line with d's memory.
func (d *Decoder) Line(source event.Source, line []byte, hint Hint) ([]*event.Event, error) {
	if len(line) > event.MaxRecord {
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record is larger than {0} bytes", "記録が {0} バイトを超えています").With(event.MaxRecord))
	}
	if t := bytes.TrimLeft(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), " \t\r\n\x00"); len(t) == 0 || t[0] != '{' &&
		t[0] != '[' && !holdsXML(t) {
		t = bytes.TrimRight(t, " \t\r\n\x00")
		if len(t) == 0 {
			return nil, nil
		}
		ev, err := d.record(source, t, false, hint)
		if err != nil || ev == nil {
			return nil, err
		}
		return []*event.Event{ev}, nil
	}
	f := frameAll(line, event.MaxRecord)
	var out []*event.Event
	var first error
	at, number := source.Offset, source.Record
	for {
		fr, err := f.next()
		if err != nil {
			return out, first
		}
		source.Offset = at + fr.offset
		var ev *event.Event
		if err = fr.err; err == nil {
			ev, err = d.record(source, fr.raw, fr.json, hint)
		}
		if err == nil && fr.xml && ev.Product == "" {
			err = badXML
		}
		switch {
		case err == nil && ev == nil:
		case err == nil:
			out = append(out, ev)
		case first == nil:
			first = err
		}
		number++
		source.Record = number
	}
}

// holdsXML reports whether a line begins like an export of Windows events.
func holdsXML(line []byte) bool {
	if line[0] != '<' || len(line) < 7 || line[1] >= '0' && line[1] <= '9' {
		return false
	}
	p, _, _ := xmlPieceOf(line[:min(len(line), maxLead)])
	return p != notXML
}

// record is what the shapes fill in.
type record struct {
	fields           map[string]any
	product, service string
	categories       []string
	time             time.Time
	host, user       string
	windows          bool // fields hold a Windows event that event.RouteWindows finishes
	known            bool // the shape was recognised
	none             bool // it is no record
}

// record makes the event of one record, nil if it is an action line of Elasticsearch's
// bulk format, or says what the lines below it are. raw is copied.
func (d *Decoder) record(source event.Source, raw []byte, isJSON bool, hint Hint) (*event.Event, error) {
	ev := &event.Event{From: source, Seen: hint.Seen, Raw: bytes.Clone(raw)}
	seed := hint.Seed
	if seed == "" {
		seed = source.Sensor + "\x00" + source.Name
	}
	ev.ID = RecordID(seed, source.Offset, raw)
	var r record
	if isJSON {
		v, err := parseJSON(string(raw))
		if err != nil {
			return nil, err
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, i18n.T("the record is not a JSON object", "記録が JSON オブジェクトではありません"))
		}
		if bulkAction(m) {
			return nil, nil
		}
		r = d.shape(m, source.Name, hint, 0)
	} else {
		s := clean(string(raw))
		var ok bool
		if r, ok = d.w3c(s, source.Offset == 0); !ok {
			r = d.text(s, source.Name, hint, 0)
		}
		if r.none {
			return nil, nil
		}
	}
	finish(ev, r, hint)
	return ev, nil
}

// Text makes an event of line as text, whatever it holds: for records that
// cannot be returned to their sender, and must not be lost for being
// broken. line is copied. d must not have had a Header.
func (d *Decoder) Text(source event.Source, line []byte, hint Hint) *event.Event {
	ev, err := d.record(source, line, false, hint)
	if err != nil {
		panic(err) // only JSON can be refused
	}
	return ev
}

// Map makes an event out of a record that is decoded already, as OTLP brings
// it. raw is kept, not copied.
func (d *Decoder) Map(source event.Source, fields map[string]any, raw []byte, hint Hint) *event.Event {
	ev := &event.Event{From: source, Seen: hint.Seen, Raw: raw}
	ev.ID = RecordID(hint.Seed, source.Offset, raw)
	finish(ev, d.shape(fields, source.Name, hint, 0), hint)
	return ev
}

func finish(ev *event.Event, r record, hint Hint) {
	ev.Fields = r.fields
	ev.Product, ev.Service, ev.Categories = r.product, r.service, r.categories
	ev.Host, ev.User, ev.Time = r.host, r.user, r.time
	if r.windows {
		event.RouteWindows(ev)
	}
	if ev.Product == "" && ev.Service == "" {
		ev.Product, ev.Service = hint.Product, hint.Service
	}
	if ev.Host == "" {
		ev.Host = hint.Host
	}
	if ev.Time.IsZero() {
		ev.Time = hint.Time
	}
	if ev.Time.IsZero() {
		ev.Time = ev.Seen
	}
}

// clean makes text valid UTF-8 without NUL.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return s
}
