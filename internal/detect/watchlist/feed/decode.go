package feed

import (
	"bufio"
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decode returns a reader of UTF-8 without a byte order mark, whose lines end in LF, and the name
// of the encoding that it found; "" is UTF-8. What is neither that nor another encoding as a
// whole is left as it is.
func decode(in *bufio.Reader) (*bufio.Reader, string) {
	head, err := in.Peek(sniffed)
	whole := err != nil // all of it is there
	var enc encoding.Encoding
	name := ""
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")) && len(head)%2 == 0 || zerosAt(head, 1):
		enc, name = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "UTF-16LE"
	case bytes.HasPrefix(head, []byte("\xfe\xff")) && len(head)%2 == 0 || zerosAt(head, 0):
		enc, name = unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "UTF-16BE"
	case bytes.Contains(head, []byte("\x1b$B")) || bytes.Contains(head, []byte("\x1b$@")):
		enc, name = japanese.ISO2022JP, "ISO-2022-JP"
	default:
		enc, name = legacy(head, whole)
	}
	if enc != nil {
		in = bufio.NewReaderSize(transform.NewReader(in, enc.NewDecoder()), 64<<10)
	}
	if head, _ = in.Peek(sniffed); bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		in = bufio.NewReaderSize(carriage{in}, 64<<10)
	}
	return in, name
}

// zerosAt reports whether the bytes are ASCII as UTF-16 has it: every other one is zero.
func zerosAt(head []byte, odd int) bool {
	if len(head) < 8 {
		return false
	}
	n := 0
	for i, c := range head[:len(head)/2*2] {
		if c == 0 {
			if i%2 != odd {
				return false
			}
			n++
		}
	}
	return n*3 > len(head)
}

// legacy tells Shift_JIS from EUC-JP by which of them the bytes are as a whole, with the fewest
// letters that hardly anybody writes.
func legacy(head []byte, whole bool) (encoding.Encoding, string) {
	if !whole {
		if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
			head = head[:i]
		}
	}
	if utf8.Valid(head) {
		return nil, ""
	}
	var best encoding.Encoding
	name, least := "", -1
	for _, c := range []struct {
		enc  encoding.Encoding
		name string
	}{{japanese.ShiftJIS, "Shift_JIS"}, {japanese.EUCJP, "EUC-JP"}} {
		text, err := c.enc.NewDecoder().Bytes(head)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			continue
		}
		rare, usual := 0, 0
		for _, r := range string(text) {
			switch {
			case r >= 0xff61 && r <= 0xff9f, r >= 0xe000 && r < 0xf900, r >= 0x80 && r < 0xa0:
				rare++
			case r >= 0x3040 && r <= 0x30ff || r >= 0x4e00 && r <= 0x9fff:
				usual++
			}
		}
		if usual > 0 && (least < 0 || rare < least) {
			best, name, least = c.enc, c.name, rare
		}
	}
	return best, name
}

// carriage gives LF for CR.
type carriage struct{ in io.Reader }

func (c carriage) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
