package timeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// spool keeps on disk what would not fit into memory: one temporary file, which
// is written at its end and read in segments. It is gone when it is closed. Not
// safe for concurrent use.
type spool[T any] struct {
	codec[T]
	dir  string // "" for the system's
	file *os.File
	end  int64
}

// codec is how something is kept on disk.
type codec[T any] struct {
	encode func(b []byte, v T) []byte // appends to b
	decode func(b []byte) (T, error)  // of what encode appended; keeps nothing of b
	weight func(T) int                // about what it takes in memory, in bytes
}

// segment is a part of a spool that was written at once.
type segment struct{ from, to int64 }

func diskFault(err error) error {
	return fault.Wrap(fault.Storage, i18n.T("matches cannot be kept in a temporary file", "一時ファイルに結果を保存できません"), err).
		WithHint(i18n.T("free disk space, or choose another folder for temporary files with TMPDIR",
			"空き容量を増やすか、TMPDIR で一時フォルダーを変えてください"))
}

// write appends a list as one segment.
func (s *spool[T]) write(list []T) (segment, error) {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "meneki-detect-*")
		if err != nil {
			return segment{}, diskFault(err)
		}
		// Where the system allows it, the file has no name from here on, so that
		// nothing is left of it whatever happens.
		_ = os.Remove(f.Name())
		s.file = f
	}
	seg := segment{from: s.end}
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), 1<<18)
	var b []byte
	for _, m := range list {
		b = s.encode(b[:0], m)
		var n [binary.MaxVarintLen64]byte
		if _, err := w.Write(n[:binary.PutUvarint(n[:], uint64(len(b)))]); err != nil {
			return seg, diskFault(err)
		}
		if _, err := w.Write(b); err != nil {
			return seg, diskFault(err)
		}
		s.end += int64(uvarintLen(uint64(len(b))) + len(b))
	}
	if err := w.Flush(); err != nil {
		return seg, diskFault(err)
	}
	seg.to = s.end
	return seg, nil
}

func uvarintLen(n uint64) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

func (s *spool[T]) close() {
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
		s.file = nil
	}
}

// open reads a segment: next returns one value after another, then io.EOF.
func (s *spool[T]) open(seg segment) func() (T, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(s.file, seg.from, seg.to-seg.from), 1<<16)
	var buf []byte
	return func() (none T, err error) {
		n, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) {
			return none, io.EOF
		}
		if err != nil {
			return none, diskFault(err)
		}
		if n > uint64(seg.to-seg.from) {
			return none, diskFault(errSpool)
		}
		if uint64(cap(buf)) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if _, err := io.ReadFull(in, buf); err != nil {
			return none, diskFault(err)
		}
		v, err := s.decode(buf)
		if err != nil {
			return none, diskFault(err)
		}
		return v, nil
	}
}

// spoolMatches makes a spool for matches of rules.
func spoolMatches(dir string, rules []*sigma.Rule) *spool[*Match] {
	return &spool[*Match]{dir: dir, codec: codec[*Match]{encode: appendMatch, decode: func(b []byte) (*Match, error) {
		return readMatch(b, rules)
	}, weight: (*Match).weight}}
}
