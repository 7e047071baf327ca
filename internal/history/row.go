package history

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// row is one event as history keeps it, in the log and in Parquet alike.
// Strings are valid UTF-8 in it: other bytes become U+FFFD, except in Fields
// (see appendFields) and Raw, where they stay.
type row struct {
	ID          string
	Time        int64 // µs; when it happened, or when it was seen if the record states no time
	Assumed     bool  // Time is when it was seen
	Seen        int64 // µs, 0 for none
	Product     string
	Service     string
	Categories  []string
	Host        string
	User        string
	From        event.Source
	Observables []event.Observable
	Fields      string // JSON
	Raw         []byte

	Number eventNumber // derived, not kept
	Class  int32       // derived
}

// eventNumber is the EventID of a Windows record.
type eventNumber uint32

const (
	noNumber  eventNumber = math.MaxUint32     // the record has none
	oddNumber eventNumber = math.MaxUint32 - 1 // it has one that is no whole number of 32 bits
)

func numberOf(fields map[string]any) eventNumber {
	v, ok := sigma.LookupIn(fields, "EventID")
	if !ok {
		return noNumber
	}
	switch v := v.(type) {
	case nil:
		return noNumber
	case int64:
		return numberFrom(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return numberFrom(int64(v))
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return numberFrom(n)
		}
	}
	return oddNumber
}

func numberFrom(n int64) eventNumber {
	if n < 0 || n >= int64(oddNumber) {
		return oddNumber
	}
	return eventNumber(n)
}

// rowOf takes an event apart. The event must have an ID.
func rowOf(ev *event.Event, observables []event.Observable) (*row, error) {
	fields, err := appendFields(nil, ev.Fields)
	if err != nil {
		return nil, err
	}
	r := &row{
		ID: clean(ev.ID), Time: ev.Time.UnixMicro(), Seen: clock.Micros(ev.Seen),
		Product: clean(ev.Product), Service: clean(ev.Service), Host: clean(ev.Host), User: clean(ev.User),
		From: event.Source{
			Sensor: clean(ev.From.Sensor),
			Name:   clean(ev.From.Name),
			Offset: ev.From.Offset,
			Record: ev.From.Record,
		},
		Fields: string(fields), Raw: ev.Raw, Number: numberOf(ev.Fields),
	}
	if ev.Time.IsZero() {
		r.Time, r.Assumed = r.Seen, true
	}
	for _, c := range ev.Categories {
		r.Categories = append(r.Categories, clean(c))
	}
	for _, o := range observables {
		r.Observables = append(r.Observables, cleanObservable(o))
	}
	r.Class = classOf(ev, r.Number)
	return r, nil
}

func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func cleanObservable(o event.Observable) event.Observable {
	return event.Observable{Type: event.ObservableType(clean(string(o.Type))), Value: clean(o.Value)}
}

// event puts the event together again.
func (r *row) event(in interner) (*event.Event, error) {
	fields, err := parseFields(r.Fields, in)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", r.ID, err)
	}
	ev := r.outline()
	ev.Fields, ev.Raw = fields, r.Raw
	return ev, nil
}

// outline is the event but for its fields and raw data.
func (r *row) outline() *event.Event {
	ev := &event.Event{
		ID: r.ID, Time: time.UnixMicro(r.Time).UTC(), Seen: clock.FromMicros(r.Seen), From: r.From,
		Product: r.Product, Service: r.Service, Categories: r.Categories,
		Host: r.Host, User: r.User,
	}
	if r.Assumed {
		ev.Time = time.Time{}
	}
	return ev
}

// key is a 64-bit digest of a value in its kind. It is cut from SHA-256, so that
// no one can make a value that is mistaken for another.
type key uint64

func keyOf(kind, value string) key {
	var room [160]byte
	b := append(append(append(room[:0], kind...), 0), value...)
	sum := sha256.Sum256(b)
	return key(binary.LittleEndian.Uint64(sum[:]))
}

func idKey(id string) key { return keyOf("id", id) }

func hostKey(host string) key {
	if host == "" {
		return 0
	}
	return keyOf("host", host)
}

func valueKey(o event.Observable) key { return keyOf(string(o.Type), o.Value) }

const rowVersion = 1

// appendRow writes r as the payload of a log frame: its parts in order, numbers
// as varints, texts with their length before them.
func appendRow(b []byte, r *row) []byte {
	b = append(b, rowVersion)
	b = appendText(b, r.ID)
	b = binary.AppendVarint(b, r.Time)
	if r.Assumed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendVarint(b, r.Seen)
	b = binary.AppendUvarint(b, uint64(r.Number))
	b = binary.AppendVarint(b, int64(r.Class))
	b = appendText(b, r.Product)
	b = appendText(b, r.Service)
	b = binary.AppendUvarint(b, uint64(len(r.Categories)))
	for _, c := range r.Categories {
		b = appendText(b, c)
	}
	b = appendText(b, r.Host)
	b = appendText(b, r.User)
	b = appendText(b, r.From.Sensor)
	b = appendText(b, r.From.Name)
	b = binary.AppendVarint(b, r.From.Offset)
	b = binary.AppendVarint(b, r.From.Record)
	b = binary.AppendUvarint(b, uint64(len(r.Observables)))
	for _, o := range r.Observables {
		b = appendText(b, string(o.Type))
		b = appendText(b, o.Value)
	}
	b = appendText(b, r.Fields)
	return appendText(b, string(r.Raw))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errRow = errors.New("damaged event record")

// parseRow reads what appendRow wrote. The row may share the payload's memory.
func parseRow(payload []byte, in interner) (*row, error) {
	d := rowReader{b: payload}
	if v := d.byte(); v != rowVersion {
		return nil, fmt.Errorf("event record of version %d", v)
	}
	r := &row{ID: string(d.bytes()), Time: d.varint(), Assumed: d.byte() == 1, Seen: d.varint()}
	r.Number = eventNumber(d.uvarint())
	r.Class = int32(d.varint())
	r.Product, r.Service = d.text(in), d.text(in)
	for n := d.count(); n > 0; n-- {
		r.Categories = append(r.Categories, d.text(in))
	}
	r.Host, r.User = d.text(in), d.text(in)
	r.From.Sensor, r.From.Name = d.text(in), d.text(in)
	r.From.Offset, r.From.Record = d.varint(), d.varint()
	for n := d.count(); n > 0; n-- {
		r.Observables = append(
			r.Observables,
			event.Observable{Type: event.ObservableType(d.text(in)), Value: string(d.bytes())},
		)
	}
	r.Fields = string(d.bytes())
	if raw := d.bytes(); len(raw) > 0 {
		r.Raw = raw
	}
	if d.failed || len(d.b) != 0 || r.ID == "" {
		return nil, errRow
	}
	return r, nil
}

type rowReader struct {
	b      []byte
	failed bool
}

func (d *rowReader) fail() { d.failed, d.b = true, nil }

func (d *rowReader) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *rowReader) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *rowReader) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads how many things follow; each takes a byte at least.
func (d *rowReader) count() int {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *rowReader) bytes() []byte {
	n := d.count()
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *rowReader) text(in interner) string {
	b := d.bytes()
	if s, ok := in[string(b)]; ok {
		return s
	}
	return in.get(string(b))
}
