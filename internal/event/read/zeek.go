package read

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// zeekMagic is how a Zeek log in TSV, Zeek's own default, begins.
const zeekMagic = "#separator"

// maxZeekName bounds the names of columns in bytes, since every row repeats them.
const maxZeekName = 128

// zeekLines turns a Zeek log in TSV into the JSON lines that Zeek would have
// written instead, with the log's name in _path. Its header says what the columns
// are called and what they hold; it may come again, with other columns. A line
// with another number of columns is passed on as it is, so that the reader of the
// JSON reports it.
type zeekLines struct {
	in   *bufio.Reader
	most int // longest line in bytes; a longer one is given on in pieces as it is

	separator, set, empty, unset string
	path                         string
	names                        [][]byte // as JSON
	types                        []string

	out []byte // what was not read yet
	buf []byte
	err error
}

func newZeekLines(in *bufio.Reader, most int) *zeekLines {
	return &zeekLines{in: in, most: most, separator: "\t", set: ",", empty: "(empty)", unset: "-"}
}

// Read returns the JSON lines.
func (z *zeekLines) Read(p []byte) (int, error) {
	for len(z.out) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.next()
	}
	n := copy(p, z.out)
	z.out = z.out[n:]
	return n, nil
}

// next reads a line.
func (z *zeekLines) next() {
	z.buf = z.buf[:0]
	for {
		part, err := z.in.ReadSlice('\n')
		z.buf = append(z.buf, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			z.err = err
			break
		}
		if err == nil {
			break
		}
		if len(z.buf) > z.most { // no line of Zeek's: what reads the JSON bounds and reports it
			z.out = z.buf
			return
		}
	}
	line := bytes.TrimRight(z.buf, "\r\n")
	switch {
	case len(line) == 0:
	case line[0] == '#':
		z.header(string(line))
	default:
		z.row(line)
	}
}

func (z *zeekLines) header(line string) {
	if rest, ok := strings.CutPrefix(line, "#separator "); ok { // always with a blank
		z.separator = zeekText(rest)
		return
	}
	key, value, _ := strings.Cut(line, z.separator)
	switch key {
	case "#set_separator":
		z.set = zeekText(value)
	case "#empty_field":
		z.empty = zeekText(value)
	case "#unset_field":
		z.unset = zeekText(value)
	case "#path":
		if z.path = zeekText(value); len(z.path) > maxZeekName {
			z.path = ""
		}
	case "#fields":
		z.names, z.types = nil, nil
		for name := range strings.SplitSeq(value, z.separator) {
			if len(name) > maxZeekName {
				z.names = nil // the rows are reported
				return
			}
			z.names = append(z.names, zeekJSON(name))
		}
	case "#types":
		z.types = strings.Split(value, z.separator)
	}
}

// row writes a line as JSON.
func (z *zeekLines) row(line []byte) {
	columns := strings.Split(string(line), z.separator)
	if z.separator == "" || len(columns) != len(z.names) {
		z.out = append(append(z.out[:0], line...), '\n')
		return
	}
	z.out = append(append(z.out[:0], `{"_path":`...), zeekJSON(z.path)...)
	for i, text := range columns {
		if text == z.unset {
			continue
		}
		kind := "string"
		if i < len(z.types) {
			kind = z.types[i]
		}
		z.out = append(append(append(append(z.out, ','), z.names[i]...), ':'), z.value(kind, text)...)
	}
	z.out = append(z.out, "}\n"...)
}

// value writes a column as the JSON that its type asks for.
func (z *zeekLines) value(kind, text string) []byte {
	if member, ok := strings.CutSuffix(kind, "]"); ok {
		if _, member, _ = strings.Cut(member, "["); strings.HasSuffix(member, "]") {
			member = "string" // Zeek nests no lists
		}
		out := []byte{'['}
		if text != z.empty && z.set != "" {
			for i, one := range strings.Split(text, z.set) {
				if i > 0 {
					out = append(out, ',')
				}
				if one == z.unset {
					out = append(out, "null"...)
					continue
				}
				out = append(out, z.value(member, one)...)
			}
		}
		return append(out, ']')
	}
	switch kind {
	case "bool":
		if text == "T" || text == "F" {
			return strconv.AppendBool(nil, text == "T")
		}
	case "count", "int", "port", "time", "interval", "double":
		// Only what is a number in JSON as it is: no sign before it, no hexadecimal.
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && json.Valid([]byte(text)) {
			return []byte(text)
		}
	}
	if text == z.empty {
		text = ""
	}
	return zeekJSON(zeekText(text))
}

// zeekText undoes Zeek's escapes: \x09 for a byte, \\ for a backslash.
func zeekText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if b, err := hex.DecodeString(s[i+2 : i+4]); err == nil {
				out.WriteByte(b[0])
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == '\\' {
			i++
		}
	}
	return out.String()
}

// zeekJSON writes a text as JSON; bytes that are no UTF-8 become U+FFFD there.
func zeekJSON(s string) []byte {
	b, _ := json.Marshal(s) // a string can always be written
	return b
}

var _ io.Reader = (*zeekLines)(nil)
