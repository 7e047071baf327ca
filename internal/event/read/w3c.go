package read

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The W3C extended log format, as IIS writes it: directives that begin with #, of
// which #Fields names the columns, and lines of columns between blanks. A log may name
// other columns further down.

const (
	fieldsDirective = "#Fields: "
	maxColumns      = 256
	maxColumnName   = 128 // bytes
)

// w3cDirectives are how the lines of a header begin.
var w3cDirectives = [...]string{"#Software: ", "#Version: ", "#Date: ", fieldsDirective}

func isDirective(s string) bool {
	for _, d := range w3cDirectives {
		if strings.HasPrefix(s, d) {
			return true
		}
	}
	return false
}

// w3cHead reports whether a file begins like a log of a web server in this format.
func w3cHead(head []byte) bool {
	if !isDirective(string(head[:min(len(head), 16)])) {
		return false
	}
	for line := range bytes.Lines(head) {
		if line[0] != '#' {
			return false
		}
		if bytes.HasPrefix(line, []byte(fieldsDirective)) {
			return w3cColumns(string(bytes.TrimSpace(line))) != nil
		}
	}
	return false
}

// w3cColumns reads a #Fields directive; nil if it is not of a web server's log or
// names more than is sensible.
func w3cColumns(directive string) []string {
	rest, ok := strings.CutPrefix(directive, fieldsDirective)
	if !ok || len(rest) > maxColumns*maxColumnName {
		return nil
	}
	names := strings.Fields(rest)
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] || len(n) > maxColumnName || strings.ContainsRune(n, ',') {
			return nil
		}
		seen[n] = true
	}
	if len(names) > maxColumns || !seen["date"] || !seen["time"] || !seen["cs-method"] || !seen["cs-uri-stem"] {
		return nil
	}
	return names
}

// w3cRow names the columns of a line; ok is false if it has not as many as there are names.
func w3cRow(names []string, line string) (m map[string]any, ok bool) {
	if len(names) == 0 || strings.Count(line, " ") != len(names)-1 {
		return nil, false
	}
	m = make(map[string]any, len(names)+16)
	i := 0
	for v := range strings.SplitSeq(line, " ") {
		if v != "-" && v != "" {
			m[names[i]] = v
		}
		i++
	}
	return m, true
}

// w3cShape recognises a line of an IIS log whose columns have their names, here or by
// one that is sent as JSON.
func w3cShape(m map[string]any) (record, bool) {
	if m["cs-method"] == nil || m["cs-uri-stem"] == nil || m["date"] == nil || m["time"] == nil {
		return record{}, false
	}
	if m["sc-win32-status"] == nil && m["sc-substatus"] == nil && m["s-sitename"] == nil {
		return record{}, false // columns that only IIS has
	}
	r := record{fields: m, product: "windows", service: "iis", categories: []string{"webserver"}, known: true}
	if t, _, ok := parseTime(str(m, "date") + " " + str(m, "time")); ok {
		r.time = t // always UTC
	}
	r.host, r.user = str(m, "s-computername"), str(m, "cs-username")
	for _, k := range []string{"sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken",
		"s-port"} {
		if n, err := strconv.ParseInt(str(m, k), 10, 64); err == nil {
			m[k] = n
		}
	}
	target := str(m, "cs-uri-stem")
	if q := str(m, "cs-uri-query"); q != "" {
		target += "?" + q
	}
	w := web{method: str(m, "cs-method"), host: str(m, "cs-host"), target: target,
		agent:    firstText(m, "cs-user-agent", "cs(User-Agent)"),
		referrer: firstText(m, "cs-referer", "cs(Referer)"), cookie: str(m, "cs(Cookie)"),
		version: str(m, "cs-version"), status: m["sc-status"], client: m["c-ip"]}
	delete(m, "cs-uri-query") // fill returns it with the path before it, as rules expect
	w.fill(m)
	for _, k := range []string{"cs-user-agent", "c-useragent"} {
		// IIS writes blanks as +, and rules either.
		if s := str(m, k); strings.ContainsRune(s, '+') {
			m[k] = []any{s, strings.ReplaceAll(s, "+", " ")}
		}
	}
	return r, true
}

// Header makes d the decoder of a file's lines: columns is what an earlier decoder of the
// same file returned as Columns, "" at its start. Only of a file may a line say what the
// columns of the next ones are.
func (d *Decoder) Header(columns string) {
	d.file, d.headed, d.columns = true, columns != "", nil
	if columns != "" && columns != noColumns {
		d.columns = strings.Split(columns, " ")
	}
}

// noColumns means a file that began with directives and has not named its columns.
const noColumns = "#"

// Columns returns what the lines read so far say about the columns of the next ones.
func (d *Decoder) Columns() string {
	if d.columns == nil && d.headed {
		return noColumns
	}
	return strings.Join(d.columns, " ")
}

// w3c reads a line of a file with columns. It is for files that begin with directives.
func (d *Decoder) w3c(s string, first bool) (record, bool) {
	switch {
	case !d.file || len(s) == 0:
	case s[0] != '#':
		if m, ok := w3cRow(d.columns, s); ok {
			return w3cShape(m)
		}
	case (first || d.headed) && isDirective(s):
		d.headed = true
		if names := w3cColumns(s); names != nil {
			d.columns = names
		} else if strings.HasPrefix(s, fieldsDirective) {
			d.columns = nil
		}
		return record{fields: map[string]any{"message": s}, known: true, none: true}, true
	}
	return record{}, false
}

// w3cLines turns a log in the W3C format into JSON lines, so that each can be read by
// itself. A line with another number of columns is passed on as it is, so that the one who
// reads the JSON reports it.
type w3cLines struct {
	in    *bufio.Reader
	most  int // longest line in bytes; a longer one is given on in pieces as it is
	names []string
	out   []byte // what was not read yet
	buf   []byte
	err   error
}

func newW3CLines(in *bufio.Reader, most int) *w3cLines { return &w3cLines{in: in, most: most} }

// Read returns the JSON lines.
func (w *w3cLines) Read(p []byte) (int, error) {
	for len(w.out) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.next()
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

func (w *w3cLines) next() {
	w.buf = w.buf[:0]
	for {
		part, err := w.in.ReadSlice('\n')
		w.buf = append(w.buf, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			w.err = err
			break
		}
		if err == nil {
			break
		}
		if len(w.buf) > w.most {
			w.out = w.buf
			return
		}
	}
	line := string(bytes.Trim(w.buf, "\r\n\x00"))
	switch {
	case line == "":
	case isDirective(line):
		if strings.HasPrefix(line, fieldsDirective) {
			w.names = w3cColumns(line)
		}
	default:
		m, ok := w3cRow(w.names, line)
		if !ok {
			w.out = append(append(w.out[:0], line...), '\n')
			return
		}
		b, _ := json.Marshal(m) // texts can always be written
		w.out = append(append(w.out[:0], b...), '\n')
	}
}

var _ io.Reader = (*w3cLines)(nil)
