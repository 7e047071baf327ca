package history

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// An index says where in a sealed file a value, an event id, a log source and a
// time lie, so that only rows which match are read. It is derived: lost or
// damaged, it is rebuilt from its Parquet file. Its sections, behind the head,
// are arrays of little-endian numbers:
//
//	rows      24 bytes a row: time, host, source, event number
//	ids       12 bytes an event, by key: key, row
//	values    16 bytes a value, by key: key, where, count; of a value that is
//	          in one row only, where is that row, else an offset into lists
//	lists     rows of a value as rising varint differences
//	meta      indexMeta as JSON
//	tail      length and CRC-32C of meta, head again
const (
	indexHead   = "MENEKIX1"
	indexTail   = 16
	rowSize     = 24
	idSize      = 12
	valueSize   = 16
	maxMetaSize = 16 << 20
)

type section struct {
	Off int64  `json:"off"`
	Len int64  `json:"len"`
	CRC uint32 `json:"crc"`
}

// indexMeta is all that has to be known of a sealed file to pass it by.
type indexMeta struct {
	Version int      `json:"version"`
	File    string   `json:"file"`    // the Parquet file's id
	Segment string   `json:"segment"` // the segment it was sealed from
	Bytes   int64    `json:"bytes"`   // of the Parquet file
	CRC     uint32   `json:"crc"`     // CRC-32C of the Parquet file
	Events  int64    `json:"events"`
	Values  int64    `json:"values"` // distinct observables
	Min     int64    `json:"min"`    // of the rows' times, µs
	Max     int64    `json:"max"`
	SeenMin int64    `json:"seenMin"`
	SeenMax int64    `json:"seenMax"`
	Sources []source `json:"sources"`

	Bloom  section `json:"bloomAt"` // in the Parquet file; Len 0 if it holds no observable
	Rows   section `json:"rowsAt"`
	IDs    section `json:"idsAt"`
	Lookup section `json:"valuesAt"`
	Lists  section `json:"listsAt"`
}

// indexBuilder collects the rows of one file, in order.
type indexBuilder struct {
	meta    indexMeta
	sources sourceList
	rows    []rowMeta
	ids     []keyRow
	values  []keyRow
}

type keyRow struct {
	key key
	row uint32
}

func (b *indexBuilder) add(r *row) {
	at := uint32(len(b.rows))
	if at == 0 {
		b.meta.Min, b.meta.Max, b.meta.SeenMin, b.meta.SeenMax = r.Time, r.Time, r.Seen, r.Seen
	}
	b.meta.Min, b.meta.Max = min(b.meta.Min, r.Time), max(b.meta.Max, r.Time)
	b.meta.SeenMin, b.meta.SeenMax = min(b.meta.SeenMin, r.Seen), max(b.meta.SeenMax, r.Seen)
	b.rows = append(b.rows, rowMeta{Time: r.Time, Host: hostKey(r.Host), Source: b.sources.id(r), Number: r.Number})
	b.ids = append(b.ids, keyRow{idKey(r.ID), at})
	for _, o := range r.Observables {
		b.values = append(b.values, keyRow{valueKey(o), at})
	}
}

func compareKeyRow(a, b keyRow) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.row, b.row))
}

// bytes returns the index as it is written.
func (b *indexBuilder) bytes() ([]byte, error) {
	le := binary.LittleEndian
	out := append(make([]byte, 0, 64+len(b.rows)*(rowSize+idSize)+len(b.values)*valueSize), indexHead...)
	end := func(from int) section {
		return section{int64(from), int64(len(out) - from), crc32.Checksum(out[from:], castagnoli)}
	}

	from := len(out)
	for _, r := range b.rows {
		out = le.AppendUint64(out, uint64(r.Time))
		out = le.AppendUint64(out, uint64(r.Host))
		out = le.AppendUint32(out, r.Source)
		out = le.AppendUint32(out, uint32(r.Number))
	}
	b.meta.Rows = end(from)

	slices.SortFunc(b.ids, compareKeyRow)
	from = len(out)
	for _, e := range b.ids {
		out = le.AppendUint32(le.AppendUint64(out, uint64(e.key)), e.row)
	}
	b.meta.IDs = end(from)

	slices.SortFunc(b.values, compareKeyRow)
	values := slices.Compact(b.values)
	var lists []byte
	from = len(out)
	for len(values) > 0 {
		n := 1
		for n < len(values) && values[n].key == values[0].key {
			n++
		}
		where := uint64(values[0].row)
		if n > 1 {
			if where = uint64(len(lists)); where > math.MaxUint32 {
				return nil, errors.New("index too large")
			}
			last := uint32(0)
			for _, e := range values[:n] {
				lists = binary.AppendUvarint(lists, uint64(e.row-last))
				last = e.row
			}
		}
		out = le.AppendUint64(out, uint64(values[0].key))
		out = le.AppendUint32(le.AppendUint32(out, uint32(where)), uint32(n))
		b.meta.Values++
		values = values[n:]
	}
	b.meta.Lookup = end(from)
	from = len(out)
	out = append(out, lists...)
	b.meta.Lists = end(from)

	b.meta.Version, b.meta.Events, b.meta.Sources = formatVersion, int64(len(b.rows)), b.sources.list
	meta, err := json.Marshal(b.meta)
	if err != nil {
		return nil, err
	}
	out = append(out, meta...)
	out = le.AppendUint32(out, uint32(len(meta)))
	out = le.AppendUint32(out, crc32.Checksum(meta, castagnoli))
	return append(out, indexHead...), nil
}

var errIndex = errors.New("damaged index")

// readIndexMeta reads the end of an index.
func readIndexMeta(r io.ReaderAt, size int64) (indexMeta, error) {
	var m indexMeta
	var tail [indexTail]byte
	if size < indexTail+int64(len(indexHead)) {
		return m, errIndex
	}
	if _, err := r.ReadAt(tail[:], size-indexTail); err != nil {
		return m, err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[8:]) != indexHead || n > maxMetaSize || n > size-indexTail {
		return m, errIndex
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-indexTail-n); err != nil {
		return m, err
	}
	if crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(tail[4:]) {
		return m, errIndex
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%w: %w", errIndex, err)
	}
	body := size - indexTail - n
	for _, s := range []section{m.Rows, m.IDs, m.Lookup, m.Lists} {
		if s.Off < 0 || s.Len < 0 || s.Off > body || s.Len > body-s.Off {
			return m, errIndex
		}
	}
	if m.Version != formatVersion || m.Events <= 0 || m.Events > math.MaxUint32 ||
		m.Rows.Len != m.Events*rowSize || m.IDs.Len != m.Events*idSize || m.Lookup.Len != m.Values*valueSize {
		return m, errIndex
	}
	return m, nil
}

// checkIndex reads the whole index and compares its sums.
func checkIndex(r io.ReaderAt, m *indexMeta) error {
	for _, s := range []section{m.Rows, m.IDs, m.Lookup, m.Lists} {
		sum := crc32.New(castagnoli)
		if _, err := io.Copy(sum, io.NewSectionReader(r, s.Off, s.Len)); err != nil {
			return err
		}
		if sum.Sum32() != s.CRC {
			return errIndex
		}
	}
	return nil
}

// lookup finds the entries of k in a section of entries that start with a key
// and are sorted by it. Keys are evenly spread, so the place is guessed.
func lookup(r io.ReaderAt, s section, size int64, k key) ([]byte, error) {
	const window = 128
	lo, hi := int64(0), s.Len/size // the entry is in [lo, hi), if anywhere
	kLo, kHi := uint64(0), uint64(math.MaxUint64)
	var buf [window * valueSize]byte
	for lo < hi {
		at := lo
		if hi-lo > window {
			share := float64(uint64(k)-kLo) / (float64(kHi-kLo) + 1)
			at = min(max(lo+int64(share*float64(hi-lo))-window/2, lo), hi-window)
		}
		n := min(window, hi-at)
		b := buf[:n*size]
		if _, err := r.ReadAt(b, s.Off+at*size); err != nil {
			return nil, err
		}
		entry := func(i int64) uint64 { return binary.LittleEndian.Uint64(b[i*size:]) }
		first, last := entry(0), entry(n-1)
		switch {
		case uint64(k) < first:
			hi, kHi = at, first
		case uint64(k) > last:
			lo, kLo = at+n, last
		default:
			for i := range n {
				if entry(i) == uint64(k) {
					return slices.Clone(b[i*size : (i+1)*size]), nil
				}
			}
			return nil, nil
		}
	}
	return nil, nil
}

// valueRows returns the rows that hold the value with key k, in order.
func (m *indexMeta) valueRows(r io.ReaderAt, k key) ([]uint32, error) {
	e, err := lookup(r, m.Lookup, valueSize, k)
	if err != nil || e == nil {
		return nil, err
	}
	where, n := binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
	if int64(n) > m.Events || n == 0 {
		return nil, errIndex
	}
	if n == 1 {
		return []uint32{where}, nil
	}
	if int64(where) > m.Lists.Len {
		return nil, errIndex
	}
	b := make([]byte, min(int64(n)*binary.MaxVarintLen32, m.Lists.Len-int64(where)))
	if _, err := r.ReadAt(b, m.Lists.Off+int64(where)); err != nil {
		return nil, err
	}
	rows := make([]uint32, n)
	last := uint32(0)
	for i := range rows {
		d, w := binary.Uvarint(b)
		if w <= 0 || uint64(last)+d >= uint64(m.Events) {
			return nil, errIndex
		}
		b = b[w:]
		last += uint32(d)
		rows[i] = last
	}
	return rows, nil
}

// idRow returns the row of the event whose id has key k.
func (m *indexMeta) idRow(r io.ReaderAt, k key) (uint32, bool, error) {
	e, err := lookup(r, m.IDs, idSize, k)
	if err != nil || e == nil {
		return 0, false, err
	}
	at := binary.LittleEndian.Uint32(e[8:])
	if int64(at) >= m.Events {
		return 0, false, errIndex
	}
	return at, true, nil
}

// manyIDs is how many entries are read in a row in the time of one look-up, about.
const manyIDs = 500

// idRows returns the rows of the events with the ids keys that are there, in any order.
func (m *indexMeta) idRows(r io.ReaderAt, keys []key, fn func(k key, at uint32) error) error {
	if int64(len(keys))*manyIDs < m.Events {
		for _, k := range keys {
			at, ok, err := m.idRow(r, k)
			if err == nil && ok {
				err = fn(k, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	keys = slices.Sorted(slices.Values(keys))
	b := make([]byte, min(manyIDs*8*idSize, m.IDs.Len))
	for off := int64(0); off < m.IDs.Len && len(keys) > 0; off += int64(len(b)) {
		b = b[:min(int64(len(b)), m.IDs.Len-off)]
		if _, err := r.ReadAt(b, m.IDs.Off+off); err != nil {
			return err
		}
		for e := b; len(e) > 0 && len(keys) > 0; e = e[idSize:] {
			id := key(binary.LittleEndian.Uint64(e))
			for len(keys) > 0 && keys[0] < id {
				keys = keys[1:]
			}
			if len(keys) == 0 || keys[0] != id {
				continue
			}
			at := binary.LittleEndian.Uint32(e[8:])
			if int64(at) >= m.Events {
				return errIndex
			}
			if err := fn(id, at); err != nil {
				return err
			}
			keys = keys[1:]
		}
	}
	return nil
}

// table is the section of rows in memory.
type table []byte

func (t table) row(i uint32) rowMeta {
	b := t[int(i)*rowSize:][:rowSize]
	le := binary.LittleEndian
	return rowMeta{int64(le.Uint64(b)), key(le.Uint64(b[8:])), le.Uint32(b[16:]), eventNumber(le.Uint32(b[20:]))}
}

func (m *indexMeta) table(r io.ReaderAt) (table, error) {
	t := make(table, m.Rows.Len)
	if _, err := r.ReadAt(t, m.Rows.Off); err != nil {
		return nil, err
	}
	return t, nil
}

// oneRow reads one row of the table.
func (m *indexMeta) oneRow(r io.ReaderAt, i uint32) (rowMeta, error) {
	if int64(i) >= m.Events {
		return rowMeta{}, errIndex
	}
	t := make(table, rowSize)
	if _, err := r.ReadAt(t, m.Rows.Off+int64(i)*rowSize); err != nil {
		return rowMeta{}, err
	}
	return t.row(0), nil
}
