package watchlist

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/policy"
)

// record is an entry as the files hold it. value and id may lie in a buffer of
// its stream, until the stream yields the next one; copied makes them its own.
type record struct {
	fp     uint64
	kind   kind
	match  Match
	tlp    policy.TLP
	until  int64 // microseconds since 1970; 0: no end
	source string
	value  []byte
	id     []byte
}

func recordOf(seed uint64, e Entry) record {
	k := kindOf(e.Type)
	return record{fp: fingerprint(seed, k, e.Match, e.Value), kind: k, match: e.Match, tlp: e.TLP,
		until: clock.Micros(e.ValidUntil), source: e.Source, value: []byte(e.Value), id: []byte(e.ID)}
}

func (r record) entry() Entry {
	return Entry{Type: kindTypes[r.kind], Match: r.match, Value: string(r.value), Source: r.source, ID: string(r.id),
		TLP: r.tlp, ValidUntil: clock.FromMicros(r.until)}
}

func (r record) copied() record {
	r.value, r.id = bytes.Clone(r.value), bytes.Clone(r.id)
	return r
}

func (r record) expired(now time.Time) bool { return r.until != 0 && r.until <= now.UnixMicro() }

// compare orders records as a segment holds them; 0 is the same key.
func (r *record) compare(o *record) int {
	if c := cmp.Compare(r.fp, o.fp); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.kind, o.kind), cmp.Compare(r.match, o.match), bytes.Compare(r.value, o.value),
		cmp.Compare(r.source, o.source), bytes.Compare(r.id, o.id))
}

// is reports whether r watches for this value in this way.
func (r *record) is(k kind, m Match, v string) bool {
	return r.kind == k && r.match == m && string(r.value) == v
}

// sources numbers the names of sources, because there are few of them.
type sources struct {
	names  []string
	number map[string]int
	counts []int64
}

// maxSources bounds the sources of one list.
const maxSources = 100_000

var errSources = errors.New("watchlist: more than 100,000 sources")

func newSources() *sources { return &sources{number: map[string]int{}} }

func (s *sources) of(name string) (int, error) {
	if n, ok := s.number[name]; ok {
		return n, nil
	}
	if len(s.names) == maxSources {
		return 0, errSources
	}
	n := len(s.names)
	s.names = append(s.names, name)
	s.counts = append(s.counts, 0)
	s.number[name] = n
	return n, nil
}

// appendRecord writes r behind b; decodeRecord reads it.
func appendRecord(b []byte, r *record, source int) []byte {
	b = binary.LittleEndian.AppendUint64(b, r.fp)
	b = append(b, byte(r.kind)<<3|byte(r.match), byte(r.tlp))
	b = binary.AppendUvarint(b, uint64(source))
	b = binary.AppendVarint(b, r.until)
	b = binary.AppendUvarint(b, uint64(len(r.value)))
	b = append(b, r.value...)
	b = binary.AppendUvarint(b, uint64(len(r.id)))
	return append(b, r.id...)
}

// maxRecord is the greatest length that appendRecord makes.
const maxRecord = 10 + 3*binary.MaxVarintLen64 + 2*binary.MaxVarintLen32 + maxValue + maxName

var errRecord = errors.New("a record is not well formed")

// decodeRecord reads the first record of b; its value and id lie in b.
func decodeRecord(b []byte, names []string) (r record, rest []byte, err error) {
	if len(b) < 10 {
		return r, nil, errRecord
	}
	r.fp = binary.LittleEndian.Uint64(b)
	r.kind, r.match, r.tlp = kind(b[8]>>3), Match(b[8]&7), policy.TLP(b[9])
	b = b[10:]
	source, n := binary.Uvarint(b)
	if n <= 0 || source >= uint64(len(names)) || r.kind == 0 || r.kind >= kinds || r.match >= matches ||
		!r.tlp.Known() {
		return r, nil, errRecord
	}
	r.source, b = names[source], b[n:]
	if r.until, n = binary.Varint(b); n <= 0 || r.until < 0 {
		return r, nil, errRecord
	}
	if r.value, b, err = decodeBytes(b[n:], maxValue); err != nil {
		return r, nil, err
	}
	r.id, b, err = decodeBytes(b, maxName)
	return r, b, err
}

func decodeBytes(b []byte, most int) (v, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(min(most, math.MaxInt32)) || size > uint64(len(b)-n) {
		return nil, nil, errRecord
	}
	return b[n : n+int(size) : n+int(size)], b[n+int(size):], nil
}

// stream returns records in order, each until the next is asked for; nil at the end.
type stream interface {
	next() (*record, error)
}
