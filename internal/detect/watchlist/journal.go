package watchlist

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A journal holds the batches that an overlay is made of, one frame a batch, so
// that a batch is there whole or not at all:
//
//	"wlj1", length of the body, CRC-32C of the body, CRC-32C of these 12 bytes, body
//
// The body is changes: 'A' and a record to add, 'K' and a record whose key is
// removed, 'I' and an id, 'S' and a source.
const (
	journalHead = "meneki-wljrn 1\n\x00"
	frameHead   = 16
	frameMagic  = "wlj1"
	maxFrame    = 64 << 20
)

type journal struct {
	path   string
	f      *os.File
	size   int64 // of what is good
	broken error // if its end could not be put right
}

// createJournal makes an empty journal; it is on disk when this returns, and its
// name is when the folder is synced.
func createJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	_, err = f.WriteString(journalHead)
	if err = errors.Join(err, f.Sync()); err != nil {
		f.Close()
		os.Remove(path)
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	return &journal{path: path, f: f, size: int64(len(journalHead))}, nil
}

// append writes one batch and syncs it.
func (j *journal) append(batch []change) error {
	if j.broken != nil {
		return j.broken
	}
	b := encodeFrame(batch)
	if len(b) > maxFrame {
		return fmt.Errorf("watchlist: a batch of %d bytes; at most %d are taken at once", len(b), maxFrame)
	}
	_, err := j.f.WriteAt(b, j.size)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		// What is half written must not be mistaken for a batch when it is read again.
		if undo := errors.Join(j.f.Truncate(j.size), j.f.Sync()); undo != nil {
			j.broken = fmt.Errorf("watchlist: %s cannot be written further: %w", j.path, undo)
		}
		return fmt.Errorf("watchlist: %w", err)
	}
	j.size += int64(len(b))
	return nil
}

func encodeFrame(batch []change) []byte {
	b := make([]byte, frameHead)
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, c := range batch {
		switch {
		case c.add != nil:
			b = append(b, 'A')
			text(c.add.source)
			b = appendRecord(b, c.add, 0)
		case c.key != nil:
			b = append(b, 'K')
			text(c.key.source)
			b = appendRecord(b, c.key, 0)
		case c.tombstone[0] == 'i':
			b = append(b, 'I')
			text(c.tombstone[1:])
		default:
			b = append(b, 'S')
			text(c.tombstone[1:])
		}
	}
	copy(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-frameHead))
	binary.LittleEndian.PutUint32(b[8:], castagnoli(b[frameHead:]))
	binary.LittleEndian.PutUint32(b[12:], castagnoli(b[:12]))
	return b
}

func decodeFrame(b []byte) ([]change, error) {
	var out []change
	for len(b) > 0 {
		op := b[0]
		name, rest, err := decodeBytes(b[1:], maxName)
		if err != nil {
			return nil, err
		}
		b = rest
		switch op {
		case 'A', 'K':
			r, rest, err := decodeRecord(b, []string{string(name)})
			if err != nil {
				return nil, err
			}
			b = rest
			r = r.copied()
			if op == 'A' {
				out = append(out, change{add: &r})
			} else {
				out = append(out, change{key: &r, tombstone: tombstoneKey(&r)})
			}
		case 'I':
			out = append(out, change{tombstone: tombstoneID(name)})
		case 'S':
			out = append(out, change{tombstone: tombstoneSource(string(name))})
		default:
			return nil, errRecord
		}
	}
	return out, nil
}

// openJournal reads a journal and calls take with each batch. What was being written
// when the machine stopped is cut off, and notice says so; damage in front of
// whole batches is a *DamagedError.
func openJournal(path string, take func([]change)) (j *journal, notice string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, "", fmt.Errorf("watchlist: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	j = &journal{path: path, f: f, size: int64(len(journalHead))}
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("watchlist: %w", err)
	}
	damaged := func(why string) error { return &DamagedError{File: path, Offset: j.size, Reason: why} }
	in := bufio.NewReaderSize(f, 64<<10)
	head := make([]byte, len(journalHead))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != journalHead {
		j.size = 0
		return nil, "", damaged("it does not begin as a journal of this version")
	}
	for j.size < info.Size() {
		left := info.Size() - j.size
		torn := func(why string) error {
			notice = fmt.Sprintf(
				"%s: the last %d bytes were being written when the machine stopped and are left out: %s", path, left,
				why,
			)
			return errors.Join(f.Truncate(j.size), f.Sync())
		}
		if left < frameHead {
			return j, notice, torn("half a head")
		}
		var h [frameHead]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil, "", damaged(err.Error())
		}
		if h == [frameHead]byte{} && zeros(in) {
			return j, notice, torn("nothing but zeros")
		}
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		if string(h[:4]) != frameMagic || castagnoli(h[:12]) != binary.LittleEndian.Uint32(h[12:]) || n > maxFrame {
			return nil, "", damaged("the head of a batch is wrong")
		}
		if n > left-frameHead {
			return j, notice, torn("half a batch")
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return nil, "", damaged(err.Error())
		}
		if castagnoli(body) != binary.LittleEndian.Uint32(h[8:]) {
			if n == left-frameHead {
				return j, notice, torn("a wrong checksum")
			}
			return nil, "", damaged("the checksum of a batch is wrong")
		}
		batch, err := decodeFrame(body)
		if err != nil {
			return nil, "", damaged(err.Error())
		}
		take(batch)
		j.size += frameHead + n
	}
	return j, notice, nil
}

// zeros reports whether nothing but zeros is left.
func zeros(r io.ByteReader) bool {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		if b != 0 {
			return false
		}
	}
}
