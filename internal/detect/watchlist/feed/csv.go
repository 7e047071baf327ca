package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// separatorOf is what parts the cells of a line: the one that is there most often.
func separatorOf(line string) byte {
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

// cells parts one complete record as RFC 4180 has it; blanks in front of a
// quote are passed.
func cells(row string, sep byte) []string {
	var out []string
	for {
		s := strings.TrimLeft(row, " ")
		if !strings.HasPrefix(s, `"`) {
			cell, rest, more := strings.Cut(row, string(sep))
			out = append(out, strings.TrimSpace(cell))
			if !more {
				return out
			}
			row = rest
			continue
		}
		var b strings.Builder
		for s = s[1:]; ; {
			at := strings.IndexByte(s, '"')
			if at < 0 { // no closing quote
				b.WriteString(s)
				return append(out, b.String())
			}
			b.WriteString(s[:at])
			if s = s[at+1:]; !strings.HasPrefix(s, `"`) {
				break
			}
			b.WriteByte('"')
			s = s[1:]
		}
		out = append(out, strings.TrimSpace(b.String()))
		at := strings.IndexByte(s, sep)
		if at < 0 {
			return out
		}
		row = s[at+1:]
	}
}

// row returns the next record, which may run over several lines, and its first line.
func (r *reader) row(in *bufio.Reader, buf []byte, line *int) (row string, from int, long bool, err error) {
	var b strings.Builder
	quotes := 0
	for first := true; ; first = false {
		raw, cut, err := nextLine(in, buf, maxRow)
		if err != nil {
			if !first && errors.Is(err, io.EOF) {
				return b.String(), from, long, nil
			}
			return "", *line + 1, false, err
		}
		*line++
		if first {
			from = *line
		} else {
			b.WriteByte('\n')
		}
		if long = long || cut || b.Len()+len(raw) > maxRow; !long {
			b.Write(raw)
			quotes += bytes.Count(raw, []byte(`"`))
		}
		// A record goes on while a quote is open. Of one that is too long nothing is
		// known; it ends with its line.
		if long || quotes%2 == 0 || first && len(raw) > 0 && raw[0] == '#' {
			return b.String(), from, long, nil
		}
	}
}

var (
	noHeader = i18n.T("it cannot be told which column holds the values: say --column value=N, or give the columns "+
		"names (value, type, url, sha256_hash …)",
		"値の列を判別できません。--column value=番号 で指定するか、列に見出し（value、type、url、sha256_hash など）を付けてください")
	longRow = i18n.T("the row is longer than {0} bytes", "行が {0} バイトを超えています")
	uneven  = i18n.T("the row has {0} cells, and the others have {1}", "この行のセルは {0} 個で、ほかの行の {1} 個と異なります")
	zeros   = i18n.T("it holds bytes that are no text (NUL)", "文字ではないバイト（NUL）を含んでいます")
)

// table is what is known of the columns while a table is read.
type table struct {
	header
	sep   byte
	known bool
	last  string // the last comment: some feeds write their header as one
}

// fieldsMark begins the header of files that Zeek reads.
const fieldsMark = "#fields"

// begin finds the columns by the first row or what is before it. It reports whether the row is
// the header itself.
func (r *reader) begin(t *table, row string, sample []byte) (isHeader, ok bool) {
	t.sep = separatorOf(row)
	first := cells(row, t.sep)
	said := cells(t.last, separatorOf(t.last))
	if h := headerOf(said); h.values() && (len(said) == len(first) || !r.naming(first)) {
		t.header, t.known = h, true
		if t.sep = separatorOf(t.last); len(said) == 1 {
			t.sep = separatorOf(row)
		}
	} else if h := headerOf(first); h.values() && r.naming(first) {
		t.header, t.known, isHeader = h, true, true
	} else if h := r.headerByLook(sampleRows(sample, t.sep)); h.values() {
		t.header, t.known = h, true
	} else {
		t.header, t.known = h, len(r.o.Columns) > 0
		t.width = len(first)
	}
	t.header = t.header.stated(r.o.Columns)
	if n := r.o.Columns["value"]; n > 0 && !isHeader {
		// What the first row has there may be the name of the column.
		isHeader = n <= len(first) && isColumnName(first[n-1])
	}
	return isHeader, t.known && t.values()
}

// naming reports whether a row can be a header: nothing in it is a value.
func (r *reader) naming(row []string) bool {
	for _, c := range row {
		if it, _, why := r.entry("", c); c != "" && why.Zero() && len(it.Entries) > 0 {
			return false
		}
	}
	return true
}

// isColumnName reports whether a cell is the name of a column as feeds have them.
func isColumnName(cell string) bool {
	name := plain(cell)
	for _, names := range columnNames {
		for _, n := range names {
			if n == name {
				return true
			}
		}
	}
	_, typ := typeNames[name]
	return typ
}

// maxSample is how many rows are looked at to find the column with the values.
const maxSample = 50

// sampleRows parts the first complete lines of a table.
func sampleRows(sample []byte, sep byte) (rows [][]string) {
	text := string(sample)
	if i := strings.LastIndexByte(text, '\n'); i >= 0 && len(sample) >= sniffed {
		text = text[:i] // the last line may be cut
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if rows = append(rows, cells(line, sep)); len(rows) == maxSample {
			break
		}
	}
	return rows
}

func (r *reader) csv(in *bufio.Reader) error {
	line := 0
	sample, _ := in.Peek(sniffed)
	sample = bytes.Clone(sample)
	t := table{}
	for {
		row, from, long, err := r.row(in, nil, &line)
		if errors.Is(err, io.EOF) {
			if !t.known {
				return r.fail(max(line, 1), noHeader, nil)
			}
			return nil
		}
		if err != nil {
			return r.broken(from, err)
		}
		if !long && strings.TrimSpace(row) == "" {
			continue
		}
		if !long && row[0] == '#' && r.comment(&t, row) {
			continue
		}
		if !t.known {
			isHeader, ok := r.begin(&t, row, sample)
			if !ok {
				return r.fail(from, noHeader, nil)
			}
			if isHeader {
				continue
			}
		}
		if err := r.record(); err != nil {
			return err
		}
		if long {
			r.refuse(from, longRow.With(maxRow))
			continue
		}
		if !r.text(from, []byte(row)) {
			continue
		}
		if err := r.tableRow(from, &t, cells(row, t.sep)); err != nil {
			return err
		}
	}
}

// comment reads a comment of a table, which may be its header.
func (r *reader) comment(t *table, row string) bool {
	if rest, ok := strings.CutPrefix(row, fieldsMark); ok && rest != "" && (rest[0] == '\t' || rest[0] == ' ') {
		if h := headerOf(cells(strings.TrimLeft(rest, "\t "), '\t')); h.values() {
			t.header, t.known, t.sep = h.stated(r.o.Columns), true, '\t'
			return true
		}
	}
	t.last = strings.TrimLeft(row, "# ")
	return true
}

func (r *reader) tableRow(line int, t *table, row []string) error {
	for len(row) > t.width && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	if t.width > 0 && len(row) != t.width {
		r.refuse(line, uneven.With(len(row), t.width))
		return nil
	}
	return r.recordOf(record{line: line, h: &t.header, cell: func(at int) string {
		if at < 0 || at >= len(row) {
			return ""
		}
		return unarmed(row[at])
	}})
}

// unarmed takes off the apostrophe by which a cell does not run in a spreadsheet.
func unarmed(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("=+-@\t\r'", cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}
