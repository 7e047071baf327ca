package evtx

import (
	"errors"
	"io"
)

// A source returns the bytes of a file piece by piece.
type source interface {
	// window returns up to n bytes at off: fewer at the end of the file, none after
	// it. They are good until the next call.
	window(off int64, n int) ([]byte, error)
}

// file is a source that can be read anywhere.
type file struct {
	r    io.ReaderAt
	size int64
	buf  []byte
}

func (f *file) window(off int64, n int) ([]byte, error) {
	if off >= f.size {
		return nil, nil
	}
	if len(f.buf) < n {
		f.buf = make([]byte, max(n, ChunkSize))
	}
	b := f.buf[:min(int64(n), f.size-off)]
	n, err := f.r.ReadAt(b, off)
	if err != nil && (n < len(b) && !errors.Is(err, io.EOF)) {
		return nil, err
	}
	return b[:n], nil // the file may have become shorter
}

// stream is a source that is read from start to end: off never goes back.
type stream struct {
	r   io.Reader
	off int64  // of buf
	buf []byte // read, and not yet passed
	err error
}

func (s *stream) window(off int64, n int) ([]byte, error) {
	for s.off < off { // pass what is before
		skip := min(off-s.off, int64(len(s.buf)))
		if skip == 0 {
			skip = off - s.off
			m, err := io.CopyN(io.Discard, s.r, skip)
			s.off += m
			if err != nil {
				s.err = err
				break
			}
			continue
		}
		s.buf = append(s.buf[:0], s.buf[skip:]...)
		s.off += skip
	}
	for len(s.buf) < n && s.err == nil {
		if cap(s.buf) < n {
			s.buf = append(make([]byte, 0, max(n, ChunkSize)), s.buf...)
		}
		m, err := io.ReadFull(s.r, s.buf[len(s.buf):n])
		s.buf = s.buf[:len(s.buf)+m]
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		s.err = err
	}
	if s.err != nil && s.err != io.EOF && len(s.buf) == 0 {
		return nil, s.err
	}
	return s.buf[:min(n, len(s.buf))], nil
}
