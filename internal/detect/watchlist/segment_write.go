package watchlist

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
)

// The most networks of one list: the union of them is in memory.
const (
	maxNetworks4 = 1 << 22 // 32 MB
	maxNetworks6 = 1 << 20 // 32 MB
)

var errNetworks = errors.New("watchlist: more networks than one list takes (4,194,304 of IPv4, 1,048,576 of IPv6)")

// writer makes a segment out of records in order. It holds a block, the index,
// the filter and the networks in memory.
type writer struct {
	f       *os.File
	out     *bufio.Writer
	off     int64
	seed    uint64
	block   []byte
	first   uint64 // fingerprint in block
	index   []byte
	filter  *filter
	shapes  shapes
	sources *sources
	nets    ranges
	count   int64
}

// newWriter begins the file; most is the greatest number of records to come.
func newWriter(path string, seed uint64, most int64) (*writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	w := &writer{f: f, out: bufio.NewWriterSize(f, 256<<10), seed: seed, filter: newFilter(most), sources: newSources()}
	w.write([]byte(segmentHead))
	return w, nil
}

// write leaves errors to bufio.Writer, which repeats the first one at Flush.
func (w *writer) write(b []byte) {
	w.out.Write(b)
	w.off += int64(len(b))
}

// add takes the next record, which must come behind all before it.
func (w *writer) add(r *record) error {
	source, err := w.sources.of(r.source)
	if err != nil {
		return err
	}
	w.sources.counts[source]++
	if len(w.block) == 0 {
		w.first = r.fp
	}
	w.block = appendRecord(w.block, r, source)
	w.filter.add(r.fp)
	w.count++
	if r.match == Exact {
		w.shapes[r.kind][Exact].add(0)
	} else {
		w.shapes.add(r.kind, r.match, string(r.value))
	}
	if r.match == Network {
		p, err := netip.ParsePrefix(string(r.value))
		if err != nil {
			return fmt.Errorf("watchlist: %w", err)
		}
		w.nets.add(p)
		if len(w.nets.v4) > maxNetworks4 || len(w.nets.v6) > maxNetworks6 {
			return errNetworks
		}
	}
	if len(w.block) >= blockSize {
		w.flush()
	}
	return nil
}

func (w *writer) flush() {
	if len(w.block) == 0 {
		return
	}
	w.index = binary.LittleEndian.AppendUint64(w.index, w.first)
	w.index = binary.LittleEndian.AppendUint64(w.index, uint64(w.off))
	w.index = binary.LittleEndian.AppendUint32(w.index, castagnoli(w.block))
	w.write(w.block)
	w.block = w.block[:0]
}

// finish writes what follows the blocks and syncs the file.
func (w *writer) finish() error {
	w.flush()
	w.nets.seal()
	tail := binary.LittleEndian.AppendUint64(nil, w.seed)
	tail = binary.LittleEndian.AppendUint64(tail, uint64(w.count))
	for _, part := range []func(io.Writer) error{
		func(o io.Writer) error { _, err := o.Write(w.index); return err },
		func(o io.Writer) error { _, err := o.Write(w.filter.bits); return err },
		func(o io.Writer) error { _, err := o.Write(w.tables()); return err },
	} {
		from := w.off
		sum := summed{w: w, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
		if err := part(sum); err != nil {
			return err
		}
		tail = binary.LittleEndian.AppendUint64(tail, uint64(from))
		tail = binary.LittleEndian.AppendUint64(tail, uint64(w.off-from))
		tail = binary.LittleEndian.AppendUint32(tail, sum.sum.Sum32())
	}
	tail = binary.LittleEndian.AppendUint32(tail, castagnoli(tail))
	w.write(append(tail, tailMagic...))
	if err := errors.Join(w.out.Flush(), w.f.Sync(), w.f.Close()); err != nil {
		return fmt.Errorf("watchlist: write %s: %w", w.f.Name(), err)
	}
	return nil
}

// abort removes the file.
func (w *writer) abort() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// summed writes and sums up.
type summed struct {
	w   *writer
	sum hash.Hash32
}

func (s summed) Write(b []byte) (int, error) {
	s.sum.Write(b)
	s.w.write(b)
	return len(b), nil
}

func (w *writer) tables() []byte {
	var b, list []byte
	n := 0
	for k := range w.shapes {
		for m := range w.shapes[k] {
			d := w.shapes[k][m]
			if d.none() {
				continue
			}
			n++
			list = append(list, byte(k), byte(m))
			for _, x := range d {
				list = binary.LittleEndian.AppendUint64(list, x)
			}
		}
	}
	b = append(binary.AppendUvarint(b, uint64(n)), list...)
	b = binary.AppendUvarint(b, uint64(len(w.sources.names)))
	for i, name := range w.sources.names {
		b = binary.AppendUvarint(b, uint64(len(name)))
		b = append(b, name...)
		b = binary.AppendUvarint(b, uint64(w.sources.counts[i]))
	}
	b = binary.AppendUvarint(b, uint64(len(w.nets.v4)))
	for _, s := range w.nets.v4 {
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, s.from), s.to)
	}
	b = binary.AppendUvarint(b, uint64(len(w.nets.v6)))
	for _, s := range w.nets.v6 {
		for _, x := range []uint64{s.from.hi, s.from.lo, s.to.hi, s.to.lo} {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
	}
	return b
}
