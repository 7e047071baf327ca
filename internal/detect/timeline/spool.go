package timeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// spool keeps matches on disk that would not fit into memory: one temporary
// file, which is written at its end and read in segments. It is gone when it is
// closed. Not safe for concurrent use.
type spool struct {
	dir   string // "" for the system's
	rules []*sigma.Rule
	file  *os.File
	end   int64
}

// segment is a part of a spool that was written at once.
type segment struct{ from, to int64 }

func diskFault(err error) error {
	return fault.Wrap(fault.Storage, i18n.T("matches cannot be kept in a temporary file", "一時ファイルに結果を保存できません"), err).
		WithHint(i18n.T("free disk space, or choose another folder for temporary files with TMPDIR", "空き容量を増やすか、TMPDIR で一時フォルダーを変えてください"))
}

// write appends matches as one segment.
func (s *spool) write(list []*Match) (segment, error) {
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
		b = appendMatch(b[:0], m)
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

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
		s.file = nil
	}
}

// spooled reads the matches of a segment, one after another.
type spooled struct {
	in    *bufio.Reader
	rules []*sigma.Rule
	buf   []byte
}

func (s *spool) open(seg segment) *spooled {
	return &spooled{in: bufio.NewReaderSize(io.NewSectionReader(s.file, seg.from, seg.to-seg.from), 1<<16), rules: s.rules}
}

// next gives the next match, or io.EOF.
func (r *spooled) next() (*Match, error) {
	n, err := binary.ReadUvarint(r.in)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, diskFault(err)
	}
	if uint64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		return nil, diskFault(err)
	}
	m, err := readMatch(r.buf, r.rules)
	if err != nil {
		return nil, diskFault(err)
	}
	return m, nil
}

// appendMatch writes m: numbers as varints, texts behind their length.
func appendMatch(b []byte, m *Match) []byte {
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(m.file))
	b = binary.AppendUvarint(b, uint64(m.rule))
	if m.Time.IsZero() {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.AppendVarint(b, m.Time.Unix())
		b = binary.AppendUvarint(b, uint64(m.Time.Nanosecond()))
	}
	b = binary.AppendVarint(b, m.Record)
	text(m.File)
	text(m.Host)
	text(m.User)
	b = binary.AppendUvarint(b, uint64(len(m.Fields)))
	for _, f := range m.Fields {
		text(f.Name)
		b = binary.AppendUvarint(b, uint64(len(f.Values)))
		for _, v := range f.Values {
			text(v)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.Seen)))
	for _, o := range m.Seen {
		text(string(o.Type))
		text(o.Value)
	}
	return b
}

var errSpool = errors.New("timeline: the temporary file was changed by somebody else")

func readMatch(b []byte, rules []*sigma.Rule) (*Match, error) {
	broken := false
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			broken, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	signed := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			broken, b = true, nil
			return 0
		}
		b = b[n:]
		return v
	}
	text := func() string {
		n := number()
		if n > uint64(len(b)) {
			broken, b = true, nil
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	m := &Match{file: int(number()), rule: int(number())}
	if number() == 1 {
		sec := signed()
		m.Time = time.Unix(sec, int64(number())).UTC()
	}
	m.Record, m.File, m.Host, m.User = signed(), text(), text(), text()
	if n := number(); n > maxFields {
		broken = true
	} else {
		m.Fields = make([]Field, n)
	}
	for i := range m.Fields {
		m.Fields[i].Name = text()
		n := number()
		if n > maxValues {
			broken = true
			break
		}
		m.Fields[i].Values = make([]string, n)
		for k := range n {
			m.Fields[i].Values[k] = text()
		}
	}
	if n := number(); n > maxSeen {
		broken = true
	} else if n > 0 {
		m.Seen = make([]event.Observable, n)
	}
	for i := range m.Seen {
		m.Seen[i] = event.Observable{Type: event.ObservableType(text()), Value: text()}
	}
	if broken || len(b) > 0 || m.rule < 0 || m.rule >= len(rules) {
		return nil, errSpool
	}
	m.Rule = rules[m.rule]
	return m, nil
}

// weight is about what a match takes in memory, in bytes.
func (m *Match) weight() int {
	n := 200 + len(m.File) + len(m.Host) + len(m.User) + 64*len(m.Fields)
	for _, f := range m.Fields {
		n += len(f.Name)
		for _, v := range f.Values {
			n += 16 + len(v)
		}
	}
	for _, o := range m.Seen {
		n += 32 + len(o.Value)
	}
	return n
}
