package read

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// zipStream reads the members of a zip archive one after another from their
// local headers (APPNOTE 4.3.7), without the directory at the archive's end: for
// archives that were cut short and for archives inside archives.
func (r *reader) zipStream(ctx context.Context, name string, b *bufio.Reader, depth int) error {
	var at int64 = 1
	broken := func(err error) error {
		r.report.bad(BadRecord{Name: name, Record: at, Reason: whyNot(err)})
		return nil
	}
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n >= maxMembers {
			return broken(fault.New(fault.TooLarge,
				i18n.T("the archive holds more than {0} files; the rest was not read",
					"書庫のファイルが {0} 個を超えるため、残りは読み込みませんでした").With(maxMembers)))
		}
		var h [30]byte
		if _, err := io.ReadFull(b, h[:4]); err != nil {
			return broken(io.ErrUnexpectedEOF)
		}
		switch binary.LittleEndian.Uint32(h[:4]) {
		case 0x04034b50:
		case 0x02014b50, 0x06054b50, 0x06064b50:
			return nil // the directory: all members were read
		default:
			return broken(errDamaged)
		}
		if _, err := io.ReadFull(b, h[4:]); err != nil {
			return broken(io.ErrUnexpectedEOF)
		}
		flags, method := binary.LittleEndian.Uint16(h[6:]), binary.LittleEndian.Uint16(h[8:])
		packed := int64(binary.LittleEndian.Uint32(h[18:]))
		names := make([]byte, int(binary.LittleEndian.Uint16(h[26:]))+int(binary.LittleEndian.Uint16(h[28:])))
		if _, err := io.ReadFull(b, names); err != nil {
			return broken(io.ErrUnexpectedEOF)
		}
		inner := name + "!" + clean(string(names[:binary.LittleEndian.Uint16(h[26:])]))
		extra := names[binary.LittleEndian.Uint16(h[26:]):]
		if packed == 0xffffffff {
			packed = zip64Size(extra)
		}
		later := flags&8 != 0 // the sizes follow the data
		var in io.Reader
		var body *io.LimitedReader
		switch {
		case later && method == 8:
			in = flate.NewReader(b) // ends by itself and, b being a ByteReader, at the right byte
		case later:
			return broken(fault.New(fault.Unsupported,
				i18n.T("the size of {0} is not stated before its data; the rest was not read",
					"{0} の大きさがデータより前に書かれていないため、残りは読み込みませんでした").With(inner)))
		default:
			body = &io.LimitedReader{R: b, N: packed}
			switch method {
			case 0:
				in = short{body}
			case 8:
				in = flate.NewReader(bufio.NewReader(body))
			case zstd.ZipMethodWinZip:
				in = zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(window))(body)
			}
		}
		if in == nil {
			r.report.skip(inner, i18n.T("packed by a method that is not supported", "対応していない圧縮方式です"))
		} else if r.wants(inner, flags) {
			r.cut = false
			if err := r.stream(ctx, inner, r.limit(in), false, depth+1); err != nil {
				return err
			}
			if r.cut {
				return nil // said already
			}
		}
		if in != nil {
			// Pass what the member still holds. A member that was cut short has
			// said so itself; a bomb ends here.
			if _, err := io.Copy(io.Discard, r.limit(in)); err != nil {
				return broken(err)
			}
		}
		if body != nil {
			if _, err := io.Copy(io.Discard, body); err != nil || body.N > 0 {
				return broken(io.ErrUnexpectedEOF)
			}
		}
		if later && !descriptor(b) {
			return broken(io.ErrUnexpectedEOF)
		}
		at++
	}
}

var errDamaged = fault.New(fault.Invalid,
	i18n.T("the archive is damaged from here on: what came before was read", "ここから先の書庫が壊れています。それより前は読み込みました"))

// short turns the early end of a stored member into the error it is.
type short struct{ l *io.LimitedReader }

func (s short) Read(p []byte) (int, error) {
	n, err := s.l.Read(p)
	if err == io.EOF && s.l.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// zip64Size reads the packed size out of the ZIP64 extra field.
func zip64Size(extra []byte) int64 {
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if len(extra) < 4+n {
			break
		}
		if id == 1 && n >= 16 {
			return int64(binary.LittleEndian.Uint64(extra[12:]) & (1<<62 - 1))
		}
		extra = extra[4+n:]
	}
	return 0
}

// descriptor skips the sizes after a member: with or without signature, of
// four or of eight bytes each.
func descriptor(b *bufio.Reader) bool {
	head, err := b.Peek(4)
	if err != nil {
		return false
	}
	n := 12
	if binary.LittleEndian.Uint32(head) == 0x08074b50 {
		n = 16
	}
	if next, err := b.Peek(n + 12); err == nil && !isHeader(next[n:]) && isHeader(next[n+8:]) {
		n += 8
	}
	_, err = b.Discard(n)
	return err == nil
}

func isHeader(b []byte) bool {
	switch binary.LittleEndian.Uint32(b) {
	case 0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50:
		return true
	}
	return false
}
