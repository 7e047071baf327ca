package timeline

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// appendMatch writes m: numbers as varints, texts behind their length.
func appendMatch(b []byte, m *Match) []byte {
	b = binary.AppendUvarint(b, uint64(m.file))
	b = binary.AppendUvarint(b, uint64(m.rule))
	b = appendTime(b, m.Time)
	b = binary.AppendVarint(b, m.Record)
	b = appendText(appendText(appendText(b, m.File), m.Host), m.User)
	b = binary.AppendUvarint(b, uint64(len(m.Fields)))
	for _, f := range m.Fields {
		b = appendText(b, f.Name)
		b = binary.AppendUvarint(b, uint64(len(f.Values)))
		for _, v := range f.Values {
			b = appendText(b, v)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.Seen)))
	for _, o := range m.Seen {
		b = appendText(appendText(b, string(o.Type)), o.Value)
	}
	return b
}

var errSpool = errors.New("timeline: the temporary file was changed by somebody else")

// bits takes apart what append functions put together. What is broken gives
// zeros, and broken is set.
type bits struct {
	b      []byte
	broken bool
}

func (r *bits) fail() { r.broken, r.b = true, nil }

func (r *bits) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *bits) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many of something follow, each of at least one byte.
func (r *bits) count(most int) int {
	n := r.number()
	if n > uint64(most) || n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *bits) text() string {
	n := r.count(len(r.b))
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *bits) time() time.Time {
	if r.number() != 1 {
		return time.Time{}
	}
	sec := r.signed()
	return time.Unix(sec, int64(r.number()%1e9)).UTC()
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = binary.AppendVarint(append(b, 1), t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func readMatch(b []byte, rules []*sigma.Rule) (*Match, error) {
	r := &bits{b: b}
	m := &Match{file: int(r.number()), rule: int(r.number())}
	m.Time = r.time()
	m.Record, m.File, m.Host, m.User = r.signed(), r.text(), r.text(), r.text()
	m.Fields = make([]Field, r.count(maxFields))
	for i := range m.Fields {
		m.Fields[i].Name = r.text()
		m.Fields[i].Values = make([]string, r.count(maxValues))
		for k := range m.Fields[i].Values {
			m.Fields[i].Values[k] = r.text()
		}
	}
	if n := r.count(maxSeen); n > 0 {
		m.Seen = make([]event.Observable, n)
	}
	for i := range m.Seen {
		m.Seen[i] = event.Observable{Type: event.ObservableType(r.text()), Value: r.text()}
	}
	if r.broken || len(r.b) > 0 || m.rule < 0 || m.rule >= len(rules) {
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
