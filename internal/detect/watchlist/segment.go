package watchlist

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// A segment is a file of records in order, never changed after it was written:
//
//	head    16 bytes
//	blocks  records, about 4 kB a block
//	index   first fingerprint, offset and CRC-32C of each block
//	filter  every fingerprint
//	tables  shapes, sources with their counts, union of the networks
//	tail    where these are, their CRC-32C, seed and number of records
const (
	segmentHead = "meneki-watch 1\n\x00"
	blockSize   = 4096
	tailSize    = 8 + 8 + 3*20 + 4 + 8
	tailMagic   = "watchend"
)

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// section is a part of the file with its checksum.
type section struct {
	off, size int64
	sum       uint32
}

type segment struct {
	path   string
	f      *os.File // closed when nothing refers to it any more
	size   int64
	count  int64
	seed   uint64
	fps    []uint64 // of each block
	offs   []int64  // of each block, and of the end
	sums   []uint32
	filter *filter
	shapes shapes
	names  []string // of sources
	counts []int64
	nets   ranges
	hot    [hotSets][hotWays]atomic.Pointer[hot]
	pool   sync.Pool // of *[]byte
}

// hot is what was lately found in the file under one fingerprint, so that a
// value that is seen all the time costs one read of the file, not one an event.
type hot struct {
	fp   uint64
	list []record
}

const (
	hotSets  = 2048
	hotWays  = 4    // places for the fingerprints of one set
	hotBytes = 1024 // of values and ids in one place: 8 MB in all, at the very most
)

// openSegment reads everything but the blocks and checks it.
func openSegment(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	s := &segment{path: path, f: f}
	s.pool.New = func() any { b := make([]byte, 0, 2*blockSize); return &b }
	if err := s.load(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *segment) damaged(at int64, format string, args ...any) error {
	return &DamagedError{File: s.path, Offset: at, Reason: fmt.Sprintf(format, args...)}
}

func (s *segment) load() error {
	info, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("watchlist: %w", err)
	}
	s.size = info.Size()
	if s.size < int64(len(segmentHead)+tailSize) {
		return s.damaged(s.size, "it ends here, and is too short for a list")
	}
	head, tail := make([]byte, len(segmentHead)), make([]byte, tailSize)
	at := s.size - tailSize
	if _, err := s.f.ReadAt(head, 0); err != nil {
		return s.damaged(0, "%v", err)
	}
	if string(head) != segmentHead {
		return s.damaged(0, "it does not begin as a list of this version")
	}
	if _, err := s.f.ReadAt(tail, at); err != nil {
		return s.damaged(at, "%v", err)
	}
	if string(tail[tailSize-8:]) != tailMagic ||
		castagnoli(tail[:tailSize-12]) != binary.LittleEndian.Uint32(tail[tailSize-12:]) {
		return s.damaged(at, "its last bytes are not the end of a list")
	}
	s.seed = binary.LittleEndian.Uint64(tail)
	s.count = int64(binary.LittleEndian.Uint64(tail[8:]))
	var parts [3]section
	end := at
	for i := len(parts) - 1; i >= 0; i-- {
		b := tail[16+20*i:]
		p := section{int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:])),
			binary.LittleEndian.Uint32(b[16:])}
		if p.off < int64(len(segmentHead)) || p.size < 0 || p.off+p.size != end {
			return s.damaged(at, "its parts do not lie one behind another")
		}
		parts[i], end = p, p.off
	}
	for i, read := range []func(io.Reader, section) error{s.loadIndex, s.loadFilter, s.loadTables} {
		sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
		in := bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(s.f, parts[i].off, parts[i].size), sum), 64<<10)
		err := read(in, parts[i])
		if _, rest := io.Copy(io.Discard, in); err == nil {
			err = rest
		}
		if sum.Sum32() != parts[i].sum {
			return s.damaged(parts[i].off, "the checksum of its %s is wrong",
				[...]string{"index", "filter", "tables"}[i])
		}
		if err != nil {
			return s.damaged(parts[i].off, "%v", err)
		}
	}
	return nil
}

func (s *segment) loadIndex(r io.Reader, p section) error {
	n := p.size / 20
	if p.size != n*20 {
		return errors.New("the index has an odd length")
	}
	s.fps, s.offs, s.sums = make([]uint64, n), make([]int64, n, n+1), make([]uint32, n)
	var b [20]byte
	last := int64(len(segmentHead))
	for i := range s.fps {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		s.fps[i], s.offs[i], s.sums[i] = binary.LittleEndian.Uint64(b[:]), int64(binary.LittleEndian.Uint64(b[8:])),
			binary.LittleEndian.Uint32(b[16:])
		if s.offs[i] < last || i == 0 && s.offs[i] != last || s.offs[i] >= p.off || i > 0 &&
			(s.fps[i] < s.fps[i-1] || s.offs[i]-s.offs[i-1] > blockSize+maxRecord) {
			return errors.New("the index is out of order")
		}
		last = s.offs[i]
	}
	if p.off-last > blockSize+maxRecord {
		return errors.New("the index is out of order")
	}
	s.offs = append(s.offs, p.off)
	return nil
}

func (s *segment) loadFilter(r io.Reader, p section) error {
	if p.size == 0 || p.size%32 != 0 || p.size/32 > 1<<31 {
		return errors.New("the filter has an odd length")
	}
	var err error
	s.filter, err = readFilter(r, p.size)
	return err
}

// loadTables reads what writer.tables wrote.
func (s *segment) loadTables(in io.Reader, p section) error {
	r := bufio.NewReader(in)
	number := func(most uint64) (int, error) {
		n, err := binary.ReadUvarint(r)
		if err == nil && n > min(most, uint64(p.size)) {
			err = errors.New("a table is longer than its file")
		}
		return int(n), err
	}
	n, err := number(uint64(kinds) * uint64(matches))
	if err != nil {
		return err
	}
	for range n {
		var b [26]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		if kind(b[0]) >= kinds || Match(b[1]) >= matches {
			return errors.New("it was written by a newer version: it holds kinds of value that this one does not know")
		}
		for i := range 3 {
			s.shapes[b[0]][b[1]][i] = binary.LittleEndian.Uint64(b[2+8*i:])
		}
	}
	if n, err = number(maxSources); err != nil {
		return err
	}
	for range n {
		size, err := number(maxName)
		if err != nil {
			return err
		}
		name := make([]byte, size)
		if _, err := io.ReadFull(r, name); err != nil {
			return err
		}
		count, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		s.names, s.counts = append(s.names, string(name)), append(s.counts, int64(count))
	}
	if n, err = number(maxNetworks4); err != nil {
		return err
	}
	var b [32]byte
	s.nets.v4 = make([]span[uint32], n)
	for i := range s.nets.v4 {
		if _, err := io.ReadFull(r, b[:8]); err != nil {
			return err
		}
		s.nets.v4[i] = span[uint32]{binary.LittleEndian.Uint32(b[:]), binary.LittleEndian.Uint32(b[4:])}
	}
	if n, err = number(maxNetworks6); err != nil {
		return err
	}
	s.nets.v6 = make([]span[wide], n)
	for i := range s.nets.v6 {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		u := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
		s.nets.v6[i] = span[wide]{wide{u(0), u(8)}, wide{u(16), u(24)}}
	}
	if !s.nets.sound() {
		return errors.New("the union of networks is out of order")
	}
	s.nets.index()
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind the tables")
	}
	return nil
}

// block reads and checks block i into buf.
func (s *segment) block(i int, buf []byte) ([]byte, error) {
	n := int(s.offs[i+1] - s.offs[i])
	buf = slices.Grow(buf[:0], n)[:n]
	if _, err := s.f.ReadAt(buf, s.offs[i]); err != nil {
		return buf, s.damaged(s.offs[i], "%v", err)
	}
	if castagnoli(buf) != s.sums[i] {
		return buf, s.damaged(s.offs[i], "the checksum of a block is wrong")
	}
	return buf, nil
}

// find returns every record of a fingerprint. What it yields is valid during the call.
func (s *segment) find(fp uint64, yield func(*record)) error {
	if s.filter.may(fp) == 0 {
		return nil
	}
	set := &s.hot[fp%hotSets]
	put := fp / hotSets % hotWays // where to put it if every place is taken
	for i := range set {
		h := set[i].Load()
		if h == nil {
			put = uint64(i)
			break
		}
		if h.fp == fp {
			for j := range h.list {
				yield(&h.list[j])
			}
			return nil
		}
	}
	h, bytes := &hot{fp: fp}, 0
	err := s.read(fp, func(r *record) {
		if bytes += 64 + len(r.value) + len(r.id); bytes <= hotBytes {
			h.list = append(h.list, r.copied())
		}
		yield(r)
	})
	if err == nil && bytes <= hotBytes {
		set[put].Store(h)
	}
	return err
}

func (s *segment) read(fp uint64, yield func(*record)) error {
	buf := s.pool.Get().(*[]byte)
	defer s.pool.Put(buf)
	i, _ := slices.BinarySearch(s.fps, fp)
	for i = max(0, i-1); i < len(s.fps) && s.fps[i] <= fp; i++ {
		var err error
		if *buf, err = s.block(i, *buf); err != nil {
			return err
		}
		for b := *buf; len(b) > 0; {
			var r record
			if r, b, err = decodeRecord(b, s.names); err != nil {
				return s.damaged(s.offs[i], "%v", err)
			}
			if r.fp == fp {
				yield(&r)
			} else if r.fp > fp {
				return nil
			}
		}
	}
	return nil
}

// memory is what the segment holds in memory, in bytes, without hot records.
func (s *segment) memory() int64 {
	return int64(len(s.fps))*20 + int64(len(s.filter.bits)) + int64(len(s.nets.v4))*8 + int64(len(s.nets.v6))*32 +
		int64(len(s.nets.first4))*4 + int64(len(s.nets.touched4))*8
}

// scan is the stream of all records.
type scan struct {
	s   *segment
	i   int
	in  *bufio.Reader
	buf []byte
	at  []byte
	r   record
}

func (s *segment) scan() *scan {
	from := int64(len(segmentHead))
	return &scan{s: s, in: bufio.NewReaderSize(io.NewSectionReader(s.f, from, s.offs[len(s.fps)]-from), 256<<10)}
}

func (c *scan) next() (*record, error) {
	for len(c.at) == 0 {
		if c.i == len(c.s.fps) {
			return nil, nil
		}
		off := c.s.offs[c.i]
		n := int(c.s.offs[c.i+1] - off)
		c.buf = slices.Grow(c.buf[:0], n)[:n]
		if _, err := io.ReadFull(c.in, c.buf); err != nil {
			return nil, c.s.damaged(off, "%v", err)
		}
		if castagnoli(c.buf) != c.s.sums[c.i] {
			return nil, c.s.damaged(off, "the checksum of a block is wrong")
		}
		c.at = c.buf
		c.i++
	}
	last := c.r.fp
	var err error
	if c.r, c.at, err = decodeRecord(c.at, c.s.names); err != nil {
		return nil, c.s.damaged(c.s.offs[c.i-1], "%v", err)
	}
	if c.r.fp < last {
		return nil, c.s.damaged(c.s.offs[c.i-1], "its records are out of order")
	}
	return &c.r, nil
}

// verify reads the whole file and holds every record against its fingerprint.
func (s *segment) verify(stop func() error) error {
	c := s.scan()
	n := int64(0)
	for {
		if n%4096 == 0 {
			if err := stop(); err != nil {
				return err
			}
		}
		r, err := c.next()
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		n++
		if fp := fingerprint(s.seed, r.kind, r.match, string(r.value)); fp != r.fp || s.filter.may(fp) == 0 {
			return s.damaged(s.offs[c.i-1], "a record has a fingerprint that is not its own")
		}
		if r.match == Network {
			if p, err := netip.ParsePrefix(string(r.value)); err != nil || !s.nets.contain(p.Addr()) {
				return s.damaged(s.offs[c.i-1], "a network is not in the union of networks")
			}
		}
	}
	if n != s.count {
		return s.damaged(s.size-tailSize, "it holds %d records and says %d", n, s.count)
	}
	return nil
}
