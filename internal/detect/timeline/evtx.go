package timeline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
)

// evtxMagic are the first bytes of Windows event log files.
const evtxMagic = "ElfFile\x00"

func isEVTX(name string, head []byte) bool {
	return bytes.HasPrefix(head, []byte(evtxMagic)) || strings.HasSuffix(strings.ToLower(name), ".evtx") && len(head) > 0
}

// eventLog reads a Windows event log on disk. Its events look to rules as those
// that event/read makes of the same records in JSON, which is what it does with
// packed ones; the way over JSON is left out here because it takes most of the
// time. A record's number is the one that the log gives it. Damage that loses
// nothing is passed over; what is lost is listed.
func (s *scanner) eventLog(ctx context.Context, in Input, f *os.File, p *part, one func(*event.Event) error) (rep read.Report, err error) {
	r, err := evtx.NewReader(f, in.Size)
	if errors.Is(err, evtx.ErrFormat) {
		return read.Report{Skipped: []read.SkippedFile{{Name: in.Path, Reason: i18n.T("not a Windows event log, whatever it is called", "名前に反して、Windows イベントログではありません")}}, SkipN: 1}, nil
	}
	if err != nil {
		return skippedFile(in.Path, openFault(in.Path, err)), nil
	}
	rep.Files = 1
	chunk, done := -1, int64(0)
	for rec, damage := range r.All() {
		if ctx.Err() != nil {
			return rep, ctx.Err()
		}
		if damage != nil {
			if b, lost := read.BadLog(in.Path, damage); lost {
				bad(&rep, b)
			}
			continue
		}
		if rec.Chunk != chunk {
			chunk = rec.Chunk
			done += evtx.ChunkSize
			p.at(done)
		}
		rep.Bytes += int64(rec.Size)
		ev, err := s.logged(in.Path, rec)
		if err != nil {
			bad(&rep, read.BadRecord{Name: in.Path, Offset: rec.Offset, Record: int64(rec.ID), Reason: read.LogReason(err)})
			continue
		}
		rep.Events++
		if err := one(ev); err != nil {
			return rep, err
		}
	}
	return rep, nil
}

func bad(rep *read.Report, b read.BadRecord) {
	if rep.BadN++; len(rep.Bad) < listed {
		rep.Bad = append(rep.Bad, b)
	}
}

// logged makes the event of a record.
func (s *scanner) logged(name string, rec *evtx.Record) (*event.Event, error) {
	fields, err := rec.Fields()
	if err != nil {
		return nil, err
	}
	ev := &event.Event{
		Seen: s.opts.Clock(), Time: rec.Written, Fields: make(map[string]any, len(fields)+8),
		From: event.Source{Sensor: "file", Name: name, Offset: rec.Offset, Record: int64(rec.ID)},
	}
	for i := range fields {
		f := &fields[i]
		ev.Fields[f.Name] = valueOf(&f.Value)
		if f.Name == "TimeCreated" {
			if t, err := time.Parse(time.RFC3339Nano, f.Value.Text); err == nil {
				ev.Time = t.UTC()
			}
		}
	}
	if ev.Time.Year() < 1602 { // no time was written: 0 is the year 1601
		ev.Time = ev.Seen
	}
	event.RouteWindows(ev)
	return ev, nil
}

// valueOf gives a value as parsed JSON has it: a number that int64 cannot hold is text.
func valueOf(v *evtx.Value) any {
	if v.Kind == evtx.Uint {
		return strconv.FormatUint(v.Uint(), 10)
	}
	return v.Any()
}
