package follow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const (
	window = 256 << 10 // how much is read at a time, in bytes; grows for longer lines
	sniff  = 64 << 10  // how much of a file is looked at to find its form
)

// look reads what one file has that is new.
func (w *Follower) look(ctx context.Context, f *file) error {
	if f.pack {
		return w.unpack(ctx, f)
	}
	if f.away {
		if f.checkpoint.Whole || f.form == read.Whole {
			return w.end(ctx, f)
		}
		if f.f == nil && !w.find(f) {
			// A file that is being renamed may be missed for a moment.
			if w.opts.Clock().Sub(f.still) < w.opts.Linger {
				return nil
			}
			return w.end(ctx, f) // removed; all that could be read was read
		}
		if f.pack {
			return w.unpack(ctx, f)
		}
	} else {
		w.notice(f)
	}
	if f.form == read.Unsure {
		if err := w.detectForm(ctx, f); err != nil || f.checkpoint.Gone {
			return err
		}
		if f.form == read.Unsure {
			if !f.away || w.opts.Clock().Sub(f.still) < w.opts.Linger {
				return nil
			}
			f.form = read.Lines // it is no longer written, and has lines
		}
	}
	switch f.form {
	case read.Whole:
		return w.whole(ctx, f)
	case read.Log:
		return w.eventLog(ctx, f)
	}
	if f.f == nil && f.size == f.checkpoint.Offset && f.info.Size() == f.checkpoint.Offset && w.idle(f) {
		return nil
	}
	if err := f.open(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it was renamed between listing and opening: next time
		}
		return err
	}
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.checkpoint.Offset || !info.ModTime().Equal(f.checked) {
		f.checked = info.ModTime()
		if !f.checkpoint.same(f.f, info.Size()) {
			if f.waits = !f.waits && w.isRotation(f); f.waits {
				f.checked = time.Time{}
				return nil // the next match sees whether a copy was written over it
			}
			if err := w.truncated(ctx, f, info); err != nil {
				return err
			}
		}
	}
	before := f.checkpoint.Offset
	if err := w.lines(ctx, f, false); err != nil {
		return err
	}
	switch {
	case f.checkpoint.Offset != before:
		f.still = w.opts.Clock()
	case f.away && w.opts.Clock().Sub(f.still) >= w.opts.Linger:
		// It is no longer written: its last line is complete, with or
		// without a line break.
		if err := w.lines(ctx, f, true); err != nil {
			return err
		}
		return w.end(ctx, f)
	case !f.away && w.idle(f):
		if err := w.lastLine(ctx, f); err != nil {
			return err
		}
	}
	if len(w.files) > maxOpen && w.opts.Clock().Sub(info.ModTime()) > w.opts.Settle {
		f.close()
	}
	return nil
}

// maxOpen is how many files stay open although nothing happens to them. Open
// files cannot be lost when they are renamed and removed between two looks.
const maxOpen = 256

// notice notes since when a file has not changed.
func (w *Follower) notice(f *file) {
	if f.info.Size() != f.size || !f.info.ModTime().Equal(f.changed) {
		f.size, f.changed, f.still = f.info.Size(), f.info.ModTime(), w.opts.Clock()
	}
}

func (w *Follower) idle(f *file) bool { return w.opts.Clock().Sub(f.still) >= w.opts.Settle }

// detectForm detects the form of a file, if it has enough data.
func (w *Follower) detectForm(ctx context.Context, f *file) error {
	if f.checkpoint.Whole {
		f.form = read.Whole
		return nil
	}
	if f.checkpoint.Log != nil {
		f.form = read.Log
		return nil
	}
	if f.checkpoint.Offset > 0 {
		f.form = read.Lines
		return nil
	}
	if err := f.open(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	head := make([]byte, sniff)
	n, err := f.f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	form, why := read.Sniff(f.path, head[:n], n < len(head))
	switch form {
	case read.Foreign:
		w.skip(f, why)
		return w.save(ctx, f.checkpoint)
	case read.Unsure:
		if n == 0 || !w.idle(f) {
			return nil
		}
		// One line, no line break, and it is no longer written: a document.
		form = read.Whole
		if !bytes.HasPrefix(bytes.TrimLeft(head[:n], " \t\r\n\xef\xbb\xbf"), []byte("[")) &&
			filepath.Ext(f.path) != ".json" {
			form = read.Lines
		}
	}
	f.form = form
	return nil
}

// truncated begins the next generation of a file that was truncated or rewritten: a
// new epoch from its start. If a rotation copied it before, the copy is read to
// its end first, from where reading had stopped.
func (w *Follower) truncated(ctx context.Context, f *file, info os.FileInfo) error {
	old := f.checkpoint
	if old.HeadLen > 0 && !w.hasCopy(f) {
		dir := filepath.Dir(f.path)
		names, _ := os.ReadDir(dir)
		for _, n := range names {
			p := filepath.Join(dir, n.Name())
			if p == f.path || !rotatedOf(n.Name(), filepath.Base(f.path)) || packed.MatchString(p) {
				continue
			}
			i, err := os.Stat(p)
			if err != nil || !i.Mode().IsRegular() || os.SameFile(i, info) {
				continue
			}
			c := w.copied(entry{path: p, info: i}, old)
			if c == nil {
				continue
			}
			if err := w.save(ctx, c.checkpoint); err != nil {
				return err
			}
			c.away, c.still = true, w.opts.Clock()
			if err := c.open(); err == nil {
				if err := w.lines(ctx, c, true); err != nil {
					return err
				}
			}
			c.close()
			if err := w.end(ctx, c); err != nil {
				return err
			}
			break
		}
	}
	old.Gone = true
	f.checkpoint = Checkpoint{Key: clock.RandomID(), Epoch: clock.RandomID(), Path: f.path}
	f.checkpoint.Device, f.checkpoint.Inode = identity(info)
	f.decoder = new(read.Decoder)
	return w.save(ctx, f.checkpoint, old)
}

// hasCopy reports whether a copy of f's present generation is followed already.
func (w *Follower) hasCopy(f *file) bool {
	for _, o := range w.files {
		if o != f && o.checkpoint.Epoch == f.checkpoint.Epoch {
			return true
		}
	}
	return false
}

// end stops following a file that was read to its end and is no longer followed by
// name.
func (w *Follower) end(ctx context.Context, f *file) error {
	f.checkpoint.Gone = true
	if f.checkpoint.Whole || f.checkpoint.Inode == 0 {
		return w.save(ctx, f.checkpoint)
	}
	return w.save(ctx, w.retire(f.checkpoint)...)
}

// lines reads whole lines from where reading is to the end of the file; if
// final is set, also the rest after the last line break.
func (w *Follower) lines(ctx context.Context, f *file, final bool) error {
	if w.buf == nil {
		w.buf = make([]byte, window)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.f.ReadAt(w.buf, f.checkpoint.Offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return nil
		}
		b := w.buf[:n]
		if hole := n - len(bytes.TrimLeft(b, "\x00")); hole > 0 && !f.checkpoint.Skipping {
			// NUL bytes that a writer leaves when it goes on at its old offset after a
			// truncation. Many of them must not make a record that is too large.
			f.checkpoint.advance(f.f, f.checkpoint.Offset+int64(hole))
			continue
		}
		end := bytes.LastIndexByte(b, '\n') + 1
		switch {
		case f.checkpoint.Skipping:
			end = bytes.IndexByte(b, '\n') + 1
			m := f.checkpoint
			m.Skipping = end == 0
			if end == 0 {
				end = n
			}
			m.advance(f.f, m.Offset+int64(end))
			f.checkpoint = m
			if err := w.save(ctx, m); err != nil {
				return err
			}
			continue
		case end == 0 && n > w.opts.MaxRecord:
			w.bad(read.BadRecord{Name: f.checkpoint.Path, Offset: f.checkpoint.Offset, Record: f.checkpoint.Record + 1,
				Reason: i18n.T("the record is larger than {0} bytes", "記録が {0} バイトを超えています").With(w.opts.MaxRecord)})
			f.checkpoint.Skipping = true
			f.checkpoint.Record++
			continue
		case end == 0 && n == len(w.buf):
			w.buf = make([]byte, min(2*len(w.buf), max(w.opts.MaxRecord+1, len(w.buf)+1)))
			continue
		case end == 0:
			if !final {
				return nil // the last line is not complete
			}
			end = n
		}
		w.odd(f, b[:end])
		if err := w.batch(ctx, f, b[:end]); err != nil {
			return err
		}
		if len(w.buf) > window && n < window {
			w.buf = nil // a long line is rare; do not keep its room
			w.buf = make([]byte, window)
		}
	}
}

// odd reports a file's first line that is not UTF-8.
func (w *Follower) odd(f *file, lines []byte) {
	if f.odd || w.opts.OnOdd == nil || utf8.Valid(lines) {
		return
	}
	f.odd = true
	at := read.BadRecord{
		Name:   f.checkpoint.Path,
		Offset: f.checkpoint.Offset,
		Record: f.checkpoint.Record,
		Reason: read.NotUTF8,
	}
	for line := range bytes.Lines(lines) {
		at.Record++
		if !utf8.Valid(line) {
			break
		}
		at.Offset += int64(len(line))
	}
	w.opts.OnOdd(at)
}

// batch reads lines, passes them to the sink in batches and notes after each how
// far they went.
func (w *Follower) batch(ctx context.Context, f *file, b []byte) error {
	m := f.checkpoint
	at := m.Offset
	f.decoder.Header(m.Columns) // also if these lines come again, as they were not kept
	var events []*event.Event
	keep := func() error {
		if err := w.deliver(ctx, events); err != nil {
			return err
		}
		m.advance(f.f, at)
		m.Columns = f.decoder.Columns()
		if info, err := f.f.Stat(); err == nil {
			m.Modified = info.ModTime().UTC() // what was rotated after this was not read yet; see between
		}
		f.checkpoint = m
		events = nil
		return w.save(ctx, m)
	}
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		size := int64(len(line))
		if ended {
			size++
		}
		m.Record++
		got, err := f.line(w, line, at, m)
		if err != nil {
			w.bad(read.BadRecord{Name: m.Path, Offset: at, Record: m.Record, Reason: fault.TextOf(err)})
		}
		events = append(events, got...)
		at += size
		b = rest
		if len(events) >= w.opts.Batch {
			if err := keep(); err != nil {
				return err
			}
		}
	}
	return keep()
}

func (f *file) line(w *Follower, line []byte, at int64, m Checkpoint) ([]*event.Event, error) {
	if len(line) > w.opts.MaxRecord {
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record is larger than {0} bytes", "記録が {0} バイトを超えています").With(w.opts.MaxRecord))
	}
	hint := w.opts.Hint
	hint.Seen, hint.Seed = w.opts.Clock(), m.Epoch
	return f.decoder.Line(event.Source{Sensor: w.opts.Sensor, Name: m.Path, Offset: at, Record: m.Record},
		bytes.TrimRight(line, "\r"), hint)
}

// lastLine reads a last line without a line break, if it is JSON that is
// complete, or if the file was rotated and does not change: of another line of
// text it is not known whether it will go on.
func (w *Follower) lastLine(ctx context.Context, f *file) error {
	if f.path != f.checkpoint.Path && w.opts.Clock().Sub(f.still) >= w.opts.Linger {
		return w.lines(ctx, f, true)
	}
	n := f.info.Size() - f.checkpoint.Offset
	if n <= 0 || n > int64(w.opts.MaxRecord) || f.checkpoint.Skipping {
		return nil
	}
	b := make([]byte, n)
	if m, err := f.f.ReadAt(b, f.checkpoint.Offset); m < len(b) {
		return err
	}
	if t := bytes.TrimSpace(b); len(t) == 0 || t[0] != '{' || t[len(t)-1] != '}' || bytes.IndexByte(b, '\n') >= 0 {
		return nil
	}
	m := f.checkpoint
	m.Record++
	if _, err := f.line(w, b, m.Offset, m); err != nil {
		return nil
	}
	return w.batch(ctx, f, b)
}
