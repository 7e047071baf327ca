package read

import (
	"context"
	"io"
	"time"
)

// quiet is how long nothing comes before a stream is idle.
const quiet = 50 * time.Millisecond

// waiting reads a stream for which one may have to wait. It ends when ctx does
// although nothing comes, and says when it is idle.
type waiting struct {
	ctx   context.Context
	in    chan []byte // closed at the end
	used  chan []byte // buffers to be filled again
	err   error       // why it ended; set before in is closed
	whole []byte      // the buffer that rest is of
	rest  []byte
	wrong error        // of idle
	idle  func() error // may be nil; its error ends the stream
}

// waitFor makes a stream one that does not hold up the end of ctx.
func (r *reader) waitFor(ctx context.Context, in io.Reader) io.Reader {
	w := &waiting{ctx: ctx, in: make(chan []byte), used: make(chan []byte, 2)}
	w.used <- make([]byte, chunk)
	w.used <- make([]byte, chunk)
	go func() {
		defer close(w.in)
		for {
			var b []byte
			select {
			case b = <-w.used:
			case <-ctx.Done():
				return
			}
			n, err := in.Read(b[:cap(b)])
			if n > 0 {
				select {
				case w.in <- b[:n]:
				case <-ctx.Done():
					return
				}
			} else if err == nil {
				w.used <- b
			}
			if err != nil {
				w.err = err
				return
			}
		}
	}()
	r.wait = w
	return w
}

// Read implements io.Reader.
func (w *waiting) Read(b []byte) (int, error) {
	if len(w.rest) == 0 {
		if w.whole != nil {
			w.used <- w.whole
			w.whole = nil
		}
		more, ok := w.next()
		switch {
		case ok:
			w.whole, w.rest = more, more
		case w.wrong != nil:
			return 0, w.wrong
		case w.ctx.Err() != nil || w.err == nil:
			return 0, io.EOF
		default:
			return 0, w.err
		}
	}
	n := copy(b, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// next returns what came; ok is false at the end.
func (w *waiting) next() (more []byte, ok bool) {
	select {
	case more, ok = <-w.in:
		return more, ok
	default:
	}
	if w.idle != nil {
		select {
		case more, ok = <-w.in:
			return more, ok
		case <-w.ctx.Done():
			return nil, false
		case <-time.After(quiet):
			if w.wrong = w.idle(); w.wrong != nil {
				return nil, false
			}
		}
	}
	select {
	case more, ok = <-w.in:
		return more, ok
	case <-w.ctx.Done():
		return nil, false
	}
}
