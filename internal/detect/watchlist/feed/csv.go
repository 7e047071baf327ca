package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/i18n"
)

// header says in which columns (from 0; -1: none) things are.
type header struct {
	value, typ, match, until, tlp, source, id int
	valueType                                 string // what the value's column says of its type: sha256_hash
}

// columnNames are the names of columns as plain writes them, the best first.
var columnNames = [...]struct {
	at    func(*header) *int
	names []string
}{
	{func(h *header) *int { return &h.value },
		[]string{"value", "indicator", "ioc", "iocvalue", "observable", "indicatorvalue"}},
	{func(h *header) *int { return &h.typ }, []string{"type", "ioctype", "indicatortype", "observabletype", "kind"}},
	{func(h *header) *int { return &h.match }, []string{"match", "matchtype"}},
	{func(h *header) *int { return &h.until },
		[]string{"validuntil", "expires", "expiration", "expirationdate", "expiry", "expiresat"}},
	{func(h *header) *int { return &h.tlp }, []string{"tlp", "marking", "tlplabel"}},
	{func(h *header) *int { return &h.source }, []string{"source", "feed", "provider"}},
	{func(h *header) *int { return &h.id }, []string{"id", "uuid", "iocid", "indicatorid", "stixid"}},
}

// headerOf finds the columns; value is -1 if the row is no header.
func headerOf(row []string) header {
	h := header{-1, -1, -1, -1, -1, -1, -1, ""}
	first := map[string]int{} // the column of each name
	named := -1               // the first column that is named after a type
	for i, cell := range row {
		name := plain(cell)
		if _, there := first[name]; !there {
			first[name] = i
		}
		if _, ok := typeNames[name]; ok && named < 0 {
			named = i
		}
	}
	for _, c := range columnNames {
		for _, name := range c.names {
			if i, there := first[name]; there && *c.at(&h) < 0 {
				*c.at(&h) = i
			}
		}
	}
	if h.value < 0 && named >= 0 { // it holds values of that type
		h.value, h.valueType = named, row[named]
	}
	return h
}

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

func (r *reader) csv(in *bufio.Reader) error {
	line := 0
	var h header
	var sep byte
	var last string // the last comment: some feeds write their header as one
	known := false
	for {
		row, from, long, err := r.row(in, nil, &line)
		if errors.Is(err, io.EOF) {
			if !known {
				return r.fail(line, noHeader, nil)
			}
			return nil
		}
		if err != nil {
			return r.broken(from, err)
		}
		if !long && strings.TrimSpace(row) == "" {
			continue
		}
		if !long && row[0] == '#' {
			last = strings.TrimLeft(row, "# ")
			continue
		}
		if !known {
			sep = separatorOf(row)
			h = headerOf(cells(row, sep))
			known = h.value >= 0
			if known {
				continue
			}
			sep = separatorOf(last)
			if h = headerOf(cells(last, sep)); h.value < 0 {
				return r.fail(from, noHeader, nil)
			}
			known = true
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
		if err := r.rowEntry(from, h, cells(row, sep)); err != nil {
			return err
		}
	}
}

var (
	noHeader = i18n.T("there is no header that names a column \"value\" (or indicator, ioc, url, sha256_hash …)",
		"列名 value(または indicator、ioc、url、sha256_hash など)を含む見出し行がありません")
	longRow  = i18n.T("the row is longer than {0} bytes", "行が {0} バイトを超えています")
	badMatch = i18n.T("{0} is no way to match (exact, tree, below, prefix, network)",
		"{0} という照合方法はありません(exact、tree、below、prefix、network)")
)

func (r *reader) rowEntry(line int, h header, row []string) error {
	cell := func(at int) string {
		if at < 0 || at >= len(row) {
			return ""
		}
		return row[at]
	}
	if cell(h.value) == "" {
		r.refuse(line, i18n.T("the row has no value", "値の列が空です"))
		return nil
	}
	typ := cell(h.typ)
	if typ == "" {
		typ = h.valueType
	}
	return r.fields(line, typ, cell(h.value), cell(h.match), cell(h.until), cell(h.tlp), cell(h.source), cell(h.id))
}

// fields returns one entry whose parts are all text.
func (r *reader) fields(line int, typ, value, match, until, tlp, source, id string) error {
	e, covered, why := r.entry(typ, value)
	switch {
	case !covered:
		r.uncovered(line, why)
		return nil
	case !why.Zero():
		r.refuse(line, why)
		return nil
	}
	if match != "" {
		m, ok := watchlist.ParseMatch(match)
		if !ok {
			r.refuse(line, badMatch.With(quote(match)))
			return nil
		}
		e.Match = m
	}
	t, ok := instant(until)
	if !ok {
		r.refuse(line, badTime.With(quote(until)))
		return nil
	}
	e.ValidUntil, e.TLP, e.Source, e.ID = t, r.label(tlp), source, id
	return r.give(line, e)
}
