package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A log is a sequence of frames behind an eight-byte head:
//
//	magic 4 | length of the payload 4 | CRC-32C of length and payload 4 | payload
//
// Numbers are little-endian. The magic has bytes that no UTF-8 text holds; it
// lets a reader find the next good frame behind a damaged one.
const (
	frameHead  = 12
	frameMagic = "\xfeMK\xff"
	maxPayload = 256 << 20
	logHead    = "MENEKIL1"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFrame says that bytes are not a whole, undamaged frame.
var errFrame = errors.New("damaged frame")

// appendFrame appends a frame around payload to dst.
func appendFrame(dst, payload []byte) []byte {
	var head [frameHead]byte
	copy(head[:], frameMagic)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(payload)))
	sum := crc32.Update(crc32.Checksum(head[4:8], castagnoli), castagnoli, payload)
	binary.LittleEndian.PutUint32(head[8:], sum)
	return append(append(dst, head[:]...), payload...)
}

// frameSize returns the payload's size that a frame's head states.
func frameSize(head []byte) (int64, error) {
	n := binary.LittleEndian.Uint32(head[4:])
	if string(head[:4]) != frameMagic || n == 0 || n > maxPayload {
		return 0, errFrame
	}
	return int64(n), nil
}

func checkFrame(head, payload []byte) error {
	sum := crc32.Update(crc32.Checksum(head[4:8], castagnoli), castagnoli, payload)
	if binary.LittleEndian.Uint32(head[8:]) != sum {
		return errFrame
	}
	return nil
}

// readFrame reads the payload of the frame at off.
func readFrame(r io.ReaderAt, off int64, size uint32) ([]byte, error) {
	b := make([]byte, frameHead+int(size))
	if _, err := r.ReadAt(b, off); err != nil {
		return nil, err
	}
	if n, err := frameSize(b); err != nil || n != int64(size) {
		return nil, errFrame
	}
	if err := checkFrame(b, b[frameHead:]); err != nil {
		return nil, err
	}
	return b[frameHead:], nil
}

// gap is a stretch of a log that holds no good frame though good ones follow.
type gap struct{ from, to int64 }

// scanFrames calls fn for each good frame of r between start and size; payload
// is fn's to keep. It returns the offset behind the last good frame: what is
// behind that is a torn tail, to be cut off. Damage with good frames behind it is no
// torn tail: it is skipped and reported as a gap.
func scanFrames(
	r io.ReaderAt,
	start, size int64,
	fn func(off int64, payload []byte) error,
) (end int64, gaps []gap, err error) {
	off := start
	budget := 4 * (size - start)
	br := bufio.NewReaderSize(io.NewSectionReader(r, off, size-off), int(min(1<<18, size-off)))
	for off < size {
		payload, err := nextFrame(br, size-off)
		if errors.Is(err, errFrame) {
			next, err := findFrame(r, off+1, size, &budget)
			if err != nil {
				return off, gaps, err
			}
			if next < 0 {
				return off, gaps, nil
			}
			gaps = append(gaps, gap{off, next})
			off = next
			br.Reset(io.NewSectionReader(r, off, size-off))
			continue
		}
		if err != nil {
			return off, gaps, err
		}
		if err := fn(off, payload); err != nil {
			return off, gaps, err
		}
		off += frameHead + int64(len(payload))
	}
	return off, gaps, nil
}

// nextFrame reads one frame of which at most left bytes can be there.
func nextFrame(br *bufio.Reader, left int64) ([]byte, error) {
	if left < frameHead {
		return nil, errFrame
	}
	var head [frameHead]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return nil, err
	}
	n, err := frameSize(head[:])
	if err != nil || n > left-frameHead {
		return nil, errFrame
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(br, payload); err != nil {
		return nil, err
	}
	return payload, checkFrame(head[:], payload)
}

// findFrame returns the offset of the first good frame at or behind off, -1 if
// there is none. What looks like a frame and is none costs its length; budget,
// four times the log for the whole of a scan, bounds the sum of these.
func findFrame(r io.ReaderAt, off, size int64, budget *int64) (int64, error) {
	const chunk = 1 << 20
	buf := make([]byte, min(chunk, max(size-off, 0)))
	for off < size {
		n, err := r.ReadAt(buf[:min(chunk, size-off)], off)
		if err != nil && !(errors.Is(err, io.EOF) && n > 0) {
			return -1, err
		}
		b := buf[:n]
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(frameMagic))
			if i < 0 {
				break
			}
			at += i
			pos := off + int64(at)
			if size-pos < frameHead {
				return -1, nil
			}
			var head [frameHead]byte
			if _, err := r.ReadAt(head[:], pos); err != nil {
				return -1, err
			}
			want, err := frameSize(head[:])
			if err != nil || want > size-pos-frameHead {
				continue
			}
			if *budget -= want; *budget < 0 {
				return -1, nil
			}
			if _, err := readFrame(r, pos, uint32(want)); err == nil {
				return pos, nil
			} else if !errors.Is(err, errFrame) {
				return -1, err
			}
		}
		if off+int64(n) >= size {
			return -1, nil
		}
		off += int64(n) - int64(len(frameMagic)-1)
	}
	return -1, nil
}
