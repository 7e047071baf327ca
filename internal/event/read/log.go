package read

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
)

// logMagic is how a Windows event log (.evtx) begins.
const logMagic = "ElfFile\x00"

// chunkMagic is how each of its chunks does.
const chunkMagic = "ElfChnk\x00"

// eventLog reads the records of a Windows event log.
func (r *reader) eventLog(ctx context.Context, name string, in io.Reader) error {
	p := &Part{Name: name, Log: true, In: in, opts: r.opts}
	if r.readPart != nil {
		return r.part(ctx, p)
	}
	r.report.Files++
	l, err := p.EventLog()
	if err != nil {
		r.report.bad(BadRecord{Name: name, Record: 1, Reason: LogReason(err)})
		return nil
	}
	d := new(Decoder)
	hint := r.hint(name)
	for rec, err := range l.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			if b, lost := BadLog(name, err); lost {
				r.report.bad(b)
			}
			continue
		}
		hint.Seen = r.opts.Clock()
		ev, err := d.Log(event.Source{Sensor: r.opts.Sensor, Name: name}, rec, hint)
		if err != nil {
			r.report.bad(BadRecord{Name: name, Offset: rec.Offset, Record: int64(rec.ID), Reason: LogReason(err)})
			continue
		}
		r.report.Events++
		r.report.Bytes += int64(rec.Size)
		if err := r.yield(ev); err != nil {
			return err
		}
	}
	return nil
}

// Log makes an event of a record of a Windows event log. Raw is the record as
// JSON; its place in the source is set from the record: Record is its identifier.
func (d *Decoder) Log(source event.Source, rec *evtx.Record, hint Hint) (*event.Event, error) {
	raw, err := rec.AppendJSON(nil)
	if err != nil {
		return nil, err
	}
	source.Offset, source.Record = rec.Offset, int64(rec.ID)
	return d.record(source, raw, true, hint)
}

// LogFields is Log for callers that only match the event: without Raw and ID. The
// way over JSON, which takes most of Log's time, is left out; the rest is the
// same.
func (d *Decoder) LogFields(source event.Source, rec *evtx.Record, hint Hint) (*event.Event, error) {
	fields, err := rec.Fields()
	if err != nil {
		return nil, err
	}
	source.Offset, source.Record = rec.Offset, int64(rec.ID)
	ev := &event.Event{Seen: hint.Seen, From: source}
	r := record{fields: make(map[string]any, len(fields)+8), time: rec.Written, windows: true}
	for i := range fields {
		f := &fields[i]
		if strings.IndexByte(f.Name, '.') >= 0 { // nested: only the JSON shows how
			if ev, err = d.Log(source, rec, hint); err == nil {
				ev.ID, ev.Raw = "", nil
			}
			return ev, err
		}
		r.fields[f.Name] = logValue(f.Value)
		if f.Name == "TimeCreated" {
			if t, ok := f.Value.Time(); ok {
				r.time = t
			}
		}
	}
	if r.time.Year() < 1602 { // no time was written: 0 is the year 1601
		r.time = time.Time{}
	}
	finish(ev, r, hint)
	return ev, nil
}

// logValue returns a value as events hold it. A number that an int64 cannot hold is
// a text, as it is where events are read from JSON.
func logValue(v evtx.Value) any {
	switch v.Kind() {
	case evtx.Uint:
		return v.String()
	case evtx.List:
		list := make([]any, len(v.List()))
		for i, m := range v.List() {
			list[i] = logValue(m)
		}
		return list
	}
	return v.Any()
}

// BadLog returns what is wrong with a Windows event log; lost if records could not
// be read because of it.
func BadLog(name string, err error) (b BadRecord, lost bool) {
	b = BadRecord{Name: name, Reason: LogReason(err)}
	var e *evtx.Error
	if errors.As(err, &e) {
		b.Offset, b.Record = e.Offset, int64(e.Record)
		return b, e.Lost
	}
	return b, true
}

// LogReason returns why a part of a Windows event log was not read.
func LogReason(err error) i18n.Text {
	if _, ok := fault.As(err); ok {
		return fault.TextOf(err)
	}
	if errors.Is(err, evtx.ErrFormat) {
		return i18n.T("the file begins like a Windows event log and is none", "Windows イベントログの先頭を持ちますが、中身が違います")
	}
	if errors.Is(err, evtx.ErrTooLarge) {
		return i18n.T("the record is too large when its templates are filled in", "テンプレートを展開した記録が大きすぎます")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return i18n.T("the file is cut short: what came before was read", "ファイルが途中で切れています。それより前は読み込みました")
	}
	// What names a part of the log's content stays with the log.
	if e, ok := errors.AsType[*evtx.Error](err); ok && e.Err != nil && !strings.Contains(e.Err.Error(), `"`) {
		return i18n.T("this part of the event log is damaged ({0}); the rest was read",
			"イベントログのこの部分が壊れています（{0}）。残りは読み込みました").With(reason.Of(e.Err))
	}
	return i18n.T("this part of the event log is damaged; the rest was read", "イベントログのこの部分が壊れています。残りは読み込みました")
}
