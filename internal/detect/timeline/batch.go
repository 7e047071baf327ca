package timeline

import (
	"slices"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// Bounds of a batch.
const (
	blockSize = 256 << 10 // bytes, or one record that is longer
	maxCuts   = 1024      // records
)

// batch is a piece of one stream of records, and what was found in it. It is
// filled by one goroutine, worked through by another, and then the first one's
// again.
type batch struct {
	part   *read.Part
	input  int
	data   []byte       // holds what follows
	primer []read.Chunk // audit records before the batch that explain some in it
	cuts   []read.Chunk
	before int64 // cuts in the stream before these, more or less records
	chunks []chunk
	done   chan struct{}

	matches        []*Match
	kept           []*kept
	report         read.Report
	asked, records int64 // cuts that were worked through, and the records in them
	err            error
}

// chunk is a chunk of an event log, or what is wrong between two.
type chunk struct {
	raw evtx.RawChunk
	err error
}

func newBatch(p *read.Part, input int, before int64) *batch {
	return &batch{part: p, input: input, before: before, data: make([]byte, 0, blockSize), done: make(chan struct{})}
}

// hold copies b, so that it stays good.
func (b *batch) hold(raw []byte) []byte {
	if len(raw) > cap(b.data)-len(b.data) {
		return slices.Clone(raw)
	}
	at := len(b.data)
	b.data = append(b.data, raw...)
	return b.data[at:len(b.data):len(b.data)]
}

// do works through b.
func (w *worker) do(b *batch) {
	defer close(b.done)
	if b.chunks != nil {
		w.log(b)
	} else {
		w.text(b)
	}
	b.data, b.cuts, b.primer, b.chunks = nil, nil, nil, nil
	w.meter.events.Add(b.report.Events)
}

// text matches cuts.
func (w *worker) text(b *batch) {
	w.decoder = read.Decoder{}
	w.source = event.Source{Sensor: b.part.Sensor(), Name: b.part.Name}
	w.hint = b.part.Hint()
	for _, c := range b.primer {
		_, _ = w.decoder.Chunk(w.source, c, w.hint, func(*event.Event) error { return nil }, func(read.BadRecord) {})
	}
	each := func(ev *event.Event) error {
		b.report.Events++
		w.event(b, ev)
		return b.err
	}
	w.source.Record = b.before
	for _, c := range b.cuts {
		if b.err != nil {
			return
		}
		w.source.Offset = c.Offset
		w.source.Record++
		b.asked++
		b.records++
		b.report.CheckText(c.Raw, w.source)
		if c.Line && w.flat != nil && w.short(b, c) {
			continue
		}
		n, _ := w.decoder.Chunk(w.source, c, w.hint, each, b.report.AddBad) // the error is b's
		w.source.Record += n - 1
		b.records += n - 1
	}
}

// log matches the records of chunks.
func (w *worker) log(b *batch) {
	source, hint := event.Source{Sensor: b.part.Sensor(), Name: b.part.Name}, b.part.Hint()
	for _, c := range b.chunks {
		if c.err == nil {
			c.err = w.chunk.Reset(c.raw.Data, c.raw.Offset, c.raw.Index)
		}
		if c.err != nil {
			w.damage(b, c.err)
			continue
		}
		for rec, err := range w.chunk.All() {
			if b.err != nil {
				return
			}
			if err != nil {
				w.damage(b, err)
				continue
			}
			b.report.Bytes += int64(rec.Size)
			ev, err := w.decoder.LogFields(source, rec, hint)
			if err != nil {
				b.report.AddBad(read.BadRecord{Name: b.part.Name, Offset: rec.Offset, Record: int64(rec.ID),
					Reason: read.LogReason(err)})
				continue
			}
			b.report.Events++
			w.event(b, ev)
		}
	}
}

func (w *worker) damage(b *batch, err error) {
	if bad, lost := read.BadLog(b.part.Name, err); lost {
		b.report.AddBad(bad)
	}
}
