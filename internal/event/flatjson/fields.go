package flatjson

import (
	"iter"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma/engine"
)

// Fields asks an engine about the fields of past events as history keeps them: one
// JSON object, whose members have the names and values that rules see. It finds
// what matches without making maps of them. It is not safe for concurrent use.
type Fields struct {
	worker *engine.Worker
	scan   scanner
	source kind
	id     int64
	single bool
	decode func() (*event.Event, error)
	event  *event.Event // once it was decoded
	err    error
}

// NewFields makes one for an engine.
func NewFields(e *engine.Engine) *Fields {
	f := &Fields{worker: e.Worker()}
	f.scan.init(e.Names(), nil)
	for _, r := range e.Set().Rules {
		_, whole := r.FieldNames()
		f.scan.always = f.scan.always || whole
	}
	return f
}

// Matches reports whether a rule matches the event with these fields and this log
// source. decode makes the event; it is called where the fields are not plainly
// such an object (in fields that rules look at: lists, null, infinities, what stands
// for control characters and for bytes that were no UTF-8), where rules look for keywords, and for the final decision
// on what seems to match. The error is that of decode.
func (f *Fields) Matches(product, service string, categories []string, fields []byte,
	decode func() (*event.Event, error)) (found bool, err error) {
	f.source.product, f.source.service, f.source.categories = product, service, categories
	f.decode, f.event, f.err = decode, nil, nil
	if !f.scan.always && f.read(fields) {
		for range f.worker.Match(f) {
			return f.err == nil, f.err
		}
		return false, f.err
	}
	ev, err := decode()
	if err != nil {
		return false, err
	}
	for range f.worker.Match(ev) {
		return true, nil
	}
	return false, nil
}

func (f *Fields) read(fields []byte) bool {
	s := &f.scan
	if len(fields) < 2 || len(fields) > maxLine || fields[0] != '{' {
		return false
	}
	s.begin(fields)
	s.strange = false
	if !s.members() || s.strange {
		return false
	}
	f.id, f.single = 0, false
	if v := &s.values[s.at.eventID]; v.epoch == s.epoch && (v.kind == isWhole || v.kind == isText && !v.escaped) {
		f.id, f.single = engine.WholeNumber(v.text)
	} else if s.find(s.at.eventID) != nil {
		return false // under another spelling, or as something else
	}
	return true
}

// LogSource is for the engine, and so are the next six.
func (f *Fields) LogSource() (product, service string, categories []string) {
	return f.source.product, f.source.service, f.source.categories
}

// EventID returns the event's ID.
func (f *Fields) EventID() (int64, bool) { return f.id, f.single }

// Size reports whether the event has a field.
func (f *Fields) Size(field int32) (int, bool) { return f.scan.size(field) }

// Spelling returns the text of a field as it is written.
func (f *Fields) Spelling(field int32) (raw []byte, unicode, ok bool) { return f.scan.spelling(field) }

// Fill returns the fields that are wanted.
func (f *Fields) Fill(want []int32, into *engine.Cells) { f.scan.fill(want, into) }

// Lookup decodes the event and finds a field.
func (f *Fields) Lookup(field string) (value any, ok bool) {
	if !f.decoded() {
		return nil, false
	}
	return f.event.Lookup(field)
}

// Leaves decodes the event and returns its scalar values.
func (f *Fields) Leaves() iter.Seq[string] {
	if !f.decoded() {
		return func(func(string) bool) {}
	}
	return f.event.Leaves()
}

func (f *Fields) decoded() bool {
	if f.event == nil && f.err == nil {
		f.event, f.err = f.decode()
	}
	return f.err == nil
}
