package evtx

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

var le = binary.LittleEndian

// A Header is what the file states about itself. Windows writes it rarely: in a log
// that is in use, or that was copied while it was, the numbers are old.
type Header struct {
	FirstChunk uint64 // number of the oldest chunk
	LastChunk  uint64 // number of the chunk last written
	NextRecord uint64 // identifier of the next record to be written
	Minor      uint16 // format version, seen 3.1 and 3.2
	Major      uint16
	Chunks     uint16 // number of chunks in use
	Dirty      bool   // in use, or was when it was copied
	Full       bool   // has reached its greatest size
}

// parseHeader reads a file header. The errors lose nothing; ok is false where b
// does not begin with one.
func parseHeader(b []byte) (h Header, ok bool, problems []*Error) {
	warn := func(off int64, code string, args ...any) {
		problems = append(problems, &Error{Offset: off, Chunk: -1, Err: because(code, args...)})
	}
	if len(b) < 128 || !bytes.Equal(b[:8], fileSignature) {
		return h, false, nil
	}
	h = Header{
		FirstChunk: le.Uint64(b[8:]), LastChunk: le.Uint64(b[16:]), NextRecord: le.Uint64(b[24:]),
		Minor: le.Uint16(b[36:]), Major: le.Uint16(b[38:]), Chunks: le.Uint16(b[42:]),
		Dirty: b[120]&1 != 0, Full: b[120]&2 != 0,
	}
	if want, is := le.Uint32(b[124:]), crc32.ChecksumIEEE(b[:120]); want != is {
		warn(124, "evtx.header.checksum", checksum(want), checksum(is))
	}
	if n := le.Uint16(b[40:]); n != headerSize {
		warn(40, "evtx.header.size", n, headerSize)
	}
	if h.Major != 3 {
		warn(38, "evtx.header.version", h.Major, h.Minor)
	}
	return h, true, problems
}
