package follow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
)

// whole reads an archive, or a JSON document, once it does not change.
func (w *Follower) whole(ctx context.Context, f *file) error {
	m := f.checkpoint
	if m.Done && m.Size == f.info.Size() && m.Modified.Equal(f.info.ModTime().UTC()) || !w.idle(f) {
		return nil
	}
	sum, before, err := content(f.path, m.Size)
	if err != nil {
		return err
	}
	// If a file grows after it was read (a copy over the network that had paused), the
	// events that were read before keep their ids.
	if !m.Done || m.Sum == "" || before != m.Sum {
		m.Epoch = sum
	}
	if !w.done[sum] {
		if err := w.readWhole(ctx, f, m.Epoch); err != nil {
			return err
		}
		w.done[sum] = true
	}
	m.Sum, m.Whole, m.Done = sum, true, true
	m.Size, m.Modified = f.info.Size(), f.info.ModTime().UTC()
	f.checkpoint = m
	f.close()
	return w.save(ctx, m)
}

func (w *Follower) readWhole(ctx context.Context, f *file, epoch string) error {
	in, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	opts := read.Options{Sensor: w.opts.Sensor, Clock: w.opts.Clock, MaxRecord: w.opts.MaxRecord, Hint: w.opts.Hint,
		Epoch: epoch}
	var events []*event.Event
	rep, err := read.Stream(ctx, f.path, in, opts, func(e *event.Event) error {
		if events = append(events, e); len(events) < w.opts.Batch {
			return nil
		}
		err := w.deliver(ctx, events)
		events = nil
		return err
	})
	if err == nil {
		err = w.deliver(ctx, events)
	}
	if err != nil {
		return err
	}
	for _, b := range rep.Bad {
		w.bad(b)
	}
	if w.opts.OnOdd != nil {
		for _, b := range rep.Garbled {
			w.opts.OnOdd(b)
		}
	}
	w.mu.Lock()
	w.counters.Bad += rep.BadN - int64(len(rep.Bad))
	w.mu.Unlock()
	if w.opts.OnSkip != nil {
		for _, s := range rep.Skipped {
			w.opts.OnSkip(s)
		}
	}
	return nil
}

// samePacked reports whether the packed file at p begins as m's did.
func samePacked(p string, m Checkpoint) bool {
	in, err := openPacked(p)
	if err != nil || m.HeadLen == 0 {
		return false
	}
	defer in.Close()
	head := make([]byte, m.HeadLen)
	if _, err := io.ReadFull(in, head); err != nil {
		return false
	}
	return m.same(bytes.NewReader(head), max(m.Offset, int64(len(head))))
}

// unpack reads the rest of a log that was rotated and packed before it was read
// to its end.
func (w *Follower) unpack(ctx context.Context, f *file) error {
	in, err := openPacked(f.path)
	if err != nil {
		return w.end(ctx, f)
	}
	defer in.Close()
	if _, err := io.CopyN(io.Discard, in, f.checkpoint.Offset); err != nil {
		return w.end(ctx, f)
	}
	b := bufio.NewReaderSize(in, window)
	for {
		line, err := b.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long := bytes.Clone(line)
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = b.ReadSlice('\n')
				if len(long) <= w.opts.MaxRecord {
					long = append(long, line...)
				} else {
					f.checkpoint.Offset += int64(len(line))
				}
			}
			line = long
		}
		if len(line) > 0 {
			m := f.checkpoint
			m.Record++
			events, bad := f.line(w, bytes.TrimRight(line, "\n"), m.Offset, m)
			if bad != nil {
				w.bad(read.BadRecord{Name: m.Path, Offset: m.Offset, Record: m.Record, Reason: fault.TextOf(bad)})
			}
			if err := w.deliver(ctx, events); err != nil {
				return err
			}
			m.Offset += int64(len(line))
			f.checkpoint = m
		}
		if err != nil {
			return w.end(ctx, f)
		}
	}
}

func openPacked(p string) (io.ReadCloser, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	var in io.Reader
	switch filepath.Ext(p) {
	case ".gz":
		in, err = gzip.NewReader(f)
	case ".zst":
		in, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	default:
		err = errors.ErrUnsupported
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{in, f}, nil
}
