package evtx

import (
	"math"
	"strconv"
	"time"
)

// Types of values ([MS-EVEN6] 3.1.4.7.3).
const (
	typeNull     = 0x00
	typeString   = 0x01
	typeANSI     = 0x02
	typeInt8     = 0x03
	typeUint8    = 0x04
	typeInt16    = 0x05
	typeUint16   = 0x06
	typeInt32    = 0x07
	typeUint32   = 0x08
	typeInt64    = 0x09
	typeUint64   = 0x0a
	typeFloat32  = 0x0b
	typeFloat64  = 0x0c
	typeBool     = 0x0d
	typeBinary   = 0x0e
	typeGUID     = 0x0f
	typeSize     = 0x10
	typeFileTime = 0x11
	typeSysTime  = 0x12
	typeSID      = 0x13
	typeHex32    = 0x14
	typeHex64    = 0x15
	typeBinXML   = 0x21

	typeArray = 0x80
)

// fixedSizes are the bytes of values that always have the same number of them.
var fixedSizes = [...]uint8{
	typeInt8: 1, typeUint8: 1, typeInt16: 2, typeUint16: 2, typeInt32: 4, typeUint32: 4, typeInt64: 8, typeUint64: 8,
	typeFloat32: 4, typeFloat64: 8, typeBool: 4, typeGUID: 16, typeFileTime: 8, typeSysTime: 16, typeHex32: 4,
	typeHex64: 8,
}

func fixedSize(typ uint8) int {
	if int(typ) < len(fixedSizes) {
		return int(fixedSizes[typ])
	}
	return 0
}

// validSize reports quickly that a value can be read. Where it is false, checkValue
// decides.
func validSize(typ uint8, size int) bool {
	if int(typ) < len(fixedSizes) && fixedSizes[typ] != 0 {
		return size == int(fixedSizes[typ])
	}
	return typ <= typeString || typ == typeBinXML || typ == typeBinary
}

// checkValue refuses a value that cannot be read.
func (c *Chunk) checkValue(typ uint8, off, size int) *Error {
	one := typ &^ typeArray
	fixed := fixedSize(one)
	switch {
	case size == 0:
		if known(typ) {
			return nil
		}
	case typ&typeArray != 0 && fixed != 0:
		if size%fixed != 0 {
			return c.fail(off, "evtx.value.array", code8(typ), size, fixed)
		}
		return nil
	case typ == typeSize || typ == typeSize|typeArray:
		if size%4 == 0 && (typ&typeArray != 0 || size <= 8) {
			return nil
		}
		return c.fail(off, "evtx.value.size", code8(typ), size)
	case typ == typeBool && size == 1:
		return nil
	case fixed != 0:
		return c.fail(off, "evtx.value.size.fixed", code8(typ), size, fixed)
	case typ == typeSID:
		if n := sidSize(c.buf[off : off+size]); n != size {
			return c.fail(off, "evtx.sid.size", size, n)
		}
		return nil
	case typ == typeSID|typeArray:
		for b := c.buf[off : off+size]; len(b) > 0; {
			n := sidSize(b)
			if n > len(b) {
				return c.fail(off, "evtx.sid.left", n, len(b))
			}
			b = b[n:]
		}
		return nil
	case known(typ):
		return nil
	}
	return c.fail(off, "evtx.value.unknown", code8(typ))
}

func known(typ uint8) bool {
	one := typ &^ typeArray
	return one == typeString || one == typeANSI || one == typeSID || one == typeSize || fixedSize(one) != 0 ||
		typ == typeNull || typ == typeBinary || typ == typeBinXML
}

// sidSize is the size of the SID that b begins with: a version, the number of
// parts, an authority of 6 bytes, and 4 bytes a part.
func sidSize(b []byte) int {
	if len(b) < 8 {
		return 8
	}
	return 8 + 4*int(b[1])
}

// eachItem calls yield with the type and bytes of each member of an array.
func eachItem(typ uint8, b []byte, yield func(typ uint8, b []byte) bool) {
	one := typ &^ typeArray
	switch one {
	case typeString:
		for from, i := 0, 0; i+2 <= len(b); i += 2 {
			if b[i] == 0 && b[i+1] == 0 || i+4 > len(b) {
				to := i
				if b[i] != 0 || b[i+1] != 0 {
					to = i + 2
				}
				if !yield(one, b[from:to]) {
					return
				}
				from = i + 2
			}
		}
	case typeANSI:
		for from, i := 0, 0; i < len(b); i++ {
			if b[i] == 0 || i+1 == len(b) {
				to := i
				if b[i] != 0 {
					to = i + 1
				}
				if !yield(one, b[from:to]) {
					return
				}
				from = i + 1
			}
		}
	case typeSID:
		for len(b) > 0 {
			n := min(sidSize(b), len(b))
			if !yield(one, b[:n]) {
				return
			}
			b = b[n:]
		}
	case typeSize: // whether its members have 4 or 8 bytes only the value's own type states
		for ; len(b) >= 4; b = b[4:] {
			if !yield(typeHex32, b[:4]) {
				return
			}
		}
	default:
		n := fixedSize(one)
		for ; n > 0 && len(b) >= n; b = b[n:] {
			if !yield(one, b[:n]) {
				return
			}
		}
	}
}

// A style is how values are written.
type style uint8

const (
	styleXML style = iota // as Windows renders them
	// as the JSON tools of the Sigma community do: GUIDs in capitals without braces, times to the microsecond
	styleJSON
)

// isNumber reports whether JSON has a type as it is; all others are texts there.
func isNumber(typ uint8) bool {
	return typ >= typeInt8 && typ <= typeUint64 || typ == typeFloat32 || typ == typeFloat64
}

// appendValue appends a value that is neither an array nor binary XML, as UTF-8,
// without escapes. An absent one is nothing.
func appendValue(dst []byte, typ uint8, b []byte, s style) []byte {
	if len(b) == 0 {
		return dst
	}
	switch typ {
	case typeString:
		return appendUTF16(dst, trimNUL(b))
	case typeANSI:
		for len(b) > 0 && b[len(b)-1] == 0 {
			b = b[:len(b)-1]
		}
		return appendANSI(dst, b)
	case typeInt8, typeInt16, typeInt32, typeInt64:
		return strconv.AppendInt(dst, signed(typ, b), 10)
	case typeUint8, typeUint16, typeUint32, typeUint64:
		return strconv.AppendUint(dst, unsigned(b), 10)
	case typeFloat32, typeFloat64:
		return appendFloat(dst, typ, b)
	case typeBool:
		return strconv.AppendBool(dst, unsigned(b) != 0)
	case typeHex32, typeHex64, typeSize:
		return strconv.AppendUint(append(dst, '0', 'x'), unsigned(b), 16)
	case typeBinary:
		return appendHex(dst, b, upper)
	case typeGUID:
		return appendGUID(dst, b, s)
	case typeSID:
		return appendSID(dst, b)
	case typeFileTime:
		return appendTime(dst, FileTime(le.Uint64(b)), s)
	case typeSysTime:
		return appendTime(dst, sysTime(b), s)
	}
	return dst
}

func unsigned(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(le.Uint16(b))
	case 4:
		return uint64(le.Uint32(b))
	case 8:
		return le.Uint64(b)
	}
	return 0
}

func signed(typ uint8, b []byte) int64 {
	n := unsigned(b)
	switch typ {
	case typeInt8:
		return int64(int8(n))
	case typeInt16:
		return int64(int16(n))
	case typeInt32:
		return int64(int32(n))
	}
	return int64(n)
}

func float(typ uint8, b []byte) float64 {
	if typ == typeFloat32 {
		return float64(math.Float32frombits(le.Uint32(b)))
	}
	return math.Float64frombits(le.Uint64(b))
}

// appendFloat writes NaN and infinities as Windows does.
func appendFloat(dst []byte, typ uint8, b []byte) []byte {
	f := float(typ, b)
	switch {
	case math.IsNaN(f):
		return append(dst, "-1.#IND"...)
	case math.IsInf(f, 1):
		return append(dst, "1.#INF"...)
	case math.IsInf(f, -1):
		return append(dst, "-1.#INF"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 8*len(b))
}

const (
	lower = "0123456789abcdef"
	upper = "0123456789ABCDEF"
)

func appendHex(dst, b []byte, digits string) []byte {
	for _, x := range b {
		dst = append(dst, digits[x>>4], digits[x&15])
	}
	return dst
}

// appendGUID writes a GUID, whose first three parts are little-endian.
func appendGUID(dst, b []byte, s style) []byte {
	digits := upper
	if s == styleXML {
		dst = append(dst, '{')
		digits = lower
	}
	var out [36]byte
	j := 0
	for i, from := range [...]uint8{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out[j] = '-'
			j++
		}
		out[j], out[j+1] = digits[b[from]>>4], digits[b[from]&15]
		j += 2
	}
	dst = append(dst, out[:]...)
	if s == styleXML {
		dst = append(dst, '}')
	}
	return dst
}

// appendSID writes S-version-authority-parts; the authority is in hexadecimal if
// it needs more than 32 bits.
func appendSID(dst, b []byte) []byte {
	dst = strconv.AppendUint(append(dst, 'S', '-'), uint64(b[0]), 10)
	authority := uint64(b[2])<<40 | uint64(b[3])<<32 | uint64(b[4])<<24 |
		uint64(b[5])<<16 | uint64(b[6])<<8 | uint64(b[7])
	dst = append(dst, '-')
	if authority < 1<<32 {
		dst = strconv.AppendUint(dst, authority, 10)
	} else {
		dst = strconv.AppendUint(append(dst, '0', 'x'), authority, 16)
	}
	for b = b[8:]; len(b) >= 4; b = b[4:] {
		dst = strconv.AppendUint(append(dst, '-'), uint64(le.Uint32(b)), 10)
	}
	return dst
}

// FileTime returns the time of a FILETIME: 100 ns since 1601, UTC. Those of the
// year 10000 and later, which no text has a form for, are the last moment of 9999.
func FileTime(n uint64) time.Time {
	const (
		second = 10_000_000
		epoch  = 11_644_473_600 // seconds from 1601 to 1970
		last   = 2_650_467_743_999_999_999
	)
	n = min(n, last)
	return time.Unix(int64(n/second)-epoch, int64(n%second)*100).UTC()
}

// sysTime returns the time of a SYSTEMTIME. One that names no day of the calendar
// is taken as the day that its numbers lead to.
func sysTime(b []byte) time.Time {
	u := func(i int) int { return int(le.Uint16(b[2*i:])) }
	t := time.Date(u(0), time.Month(u(1)), u(3), u(4), u(5), u(6), u(7)*1e6, time.UTC)
	switch {
	case t.Year() > 9999:
		return FileTime(math.MaxUint64)
	case t.Year() < 1:
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}

// appendTime writes RFC 3339 in UTC, exact to 100 ns in XML and to the microsecond in JSON.
func appendTime(dst []byte, t time.Time, s style) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	two := func(sep byte, n int) { dst = append(dst, sep, byte('0'+n/10), byte('0'+n%10)) }
	dst = append(dst, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10))
	two('-', int(month))
	two('-', day)
	two('T', hour)
	two(':', minute)
	two(':', second)
	n, digits := t.Nanosecond()/100, 7
	if s == styleJSON {
		n, digits = n/10, 6
	}
	dst = append(dst, '.')
	at := len(dst)
	dst = append(dst, "0000000"[:digits]...)
	for i := digits - 1; i >= 0; i-- {
		dst[at+i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, 'Z')
}
