package feed

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// header says in which columns (from 0; -1: none) things are.
type header struct {
	col   [columnCount]int
	typed []typedColumn // columns that are named after the type of their values
	width int           // 0: rows may be of any length
}

// typedColumn is a column that is named after a type, such as sha256_hash.
type typedColumn struct {
	at   int
	name string
	meaning
}

// values reports whether there is a column with values.
func (h header) values() bool {
	return h.col[colValue] >= 0 || len(h.typed) > 0 || h.col[colStart] >= 0 && (h.col[colEnd] >= 0 ||
		h.col[colNetblock] >= 0)
}

// headerOf finds the columns; values is false if the row is no header.
func headerOf(row []string) header {
	h := header{width: len(row)}
	first := map[string]int{} // the column of each name
	for i, cell := range row {
		name := plain(cell)
		if _, there := first[name]; !there {
			first[name] = i
		}
	}
	for c, names := range columnNames {
		h.col[c] = -1
		for _, name := range names {
			if i, there := first[name]; there {
				h.col[c] = i
				break
			}
		}
	}
	if h.col[colStart] >= 0 && (h.col[colNetblock] >= 0 || h.col[colEnd] >= 0) || h.col[colValue] >= 0 {
		return h
	}
	for i, cell := range row {
		if m, ok := typeNamed(cell); ok && !m.only && first[plain(cell)] == i {
			h.typed = append(h.typed, typedColumn{i, cell, m})
		}
	}
	// A name beside hashes says what the file is called, a fingerprint how much it is like others.
	if slices.ContainsFunc(h.typed, func(c typedColumn) bool { return c.hash || wholeFile(c.typ) }) {
		h.typed = slices.DeleteFunc(h.typed, func(c typedColumn) bool {
			return c.typ == watchlist.FileName || c.typ == watchlist.ImpHash || c.typ == watchlist.SSDeep ||
				c.typ == watchlist.TLSH
		})
	}
	return h
}

// headerByLook finds the column with values in rows without a header; values is false if it is
// not the only one.
func (r *reader) headerByLook(rows [][]string) header {
	h := header{}
	for c := range h.col {
		h.col[c] = -1
	}
	if len(rows) == 0 || len(rows[0]) < 2 {
		return h
	}
	h.width = len(rows[0])
	values, types := make([]int, h.width), make([]int, h.width)
	for _, row := range rows {
		if len(row) != h.width {
			return header{col: h.col}
		}
		for i, cell := range row {
			if _, ok := typeNamed(cell); ok {
				types[i]++
			}
			if it, _, why := r.entry("", cell); cell != "" && why.Zero() && len(it.Entries) > 0 {
				values[i]++
			}
		}
	}
	best := 0
	for i, n := range values {
		if n > values[best] {
			best = i
		}
	}
	for i, n := range values {
		if i != best && n*2 > values[best] {
			return header{col: h.col} // it cannot be told which
		}
	}
	if values[best]*2 <= len(rows) {
		return header{col: h.col}
	}
	h.col[colValue] = best
	for i, n := range types {
		if n*2 > len(rows) && i != best {
			h.col[colType] = i
		}
	}
	return h
}

// columnKeys are the columns that Options.Columns may name.
var columnKeys = map[string]int{"value": colValue, "type": colType, "match": colMatch, "until": colUntil, "tlp": colTLP,
	"source": colSource, "id": colID, "port": colPort, "name": colName, "note": colNote, "labels": colLabels,
	"reference": colReference, "confidence": colConfidence, "first": colFirst, "last": colLast}

// ColumnNames lists what Options.Columns may name.
func ColumnNames() []string {
	return []string{"value", "type", "match", "until", "tlp", "source", "id", "port", "name", "note", "labels",
		"reference", "confidence", "first", "last"}
}

// stated returns h with the columns that the options state.
func (h header) stated(columns map[string]int) header {
	for name, at := range columns {
		h.col[columnKeys[name]] = at - 1
	}
	if columns["value"] > 0 {
		h.typed, h.col[colStart] = nil, -1
	}
	return h
}

// record is one row or JSON object on its way.
type record struct {
	line int
	h    *header
	cell func(at int) string
}

func (c record) of(column int) string { return c.cell(c.h.col[column]) }

// detail is what a record says beside its values.
func (c record) detail() (d Detail) {
	text := func(column int) string {
		if c.h.col[column] < 0 {
			return ""
		}
		s := event.Clip(c.of(column), maxDetail)
		if s == "None" || s == "n/a" || s == "null" || s == "-" {
			return ""
		}
		return s
	}
	d.Name, d.Note, d.Reference = text(colName), text(colNote), text(colReference)
	for l := range strings.FieldsFuncSeq(text(colLabels), func(r rune) bool { return r == ',' }) {
		if l = strings.TrimSpace(l); l != "" && len(d.Labels) < 50 {
			d.Labels = append(d.Labels, l)
		}
	}
	if n, err := strconv.Atoi(text(colConfidence)); err == nil && n > 0 && n <= 100 {
		d.Confidence = n
	}
	if n, ok := portOf(text(colPort)); ok {
		d.Port = n
	}
	if c.h.col[colFirst] < 0 && c.h.col[colLast] < 0 {
		return d
	}
	if t, ok := moment(text(colFirst)); ok {
		d.First = t
	}
	if t, ok := moment(text(colLast)); ok {
		d.Last = t
	}
	return d
}

var (
	badMatch = i18n.T("{0} is no way to match (exact, tree, below, prefix, network)",
		"{0} という照合方法はありません(exact、tree、below、prefix、network)")
	noValue = i18n.T("the row has no value", "値の列が空です")
)

// record gives what a record says. It was counted once; what more it holds is counted here.
func (r *reader) recordOf(c record) error {
	d := c.detail()
	if c.h.col[colStart] >= 0 && c.h.col[colValue] < 0 {
		return r.rangeOf(c, d)
	}
	if c.h.col[colValue] >= 0 {
		if c.of(colValue) == "" {
			r.refuse(c.line, noValue)
			return nil
		}
		return r.fields(c, c.of(colType), c.of(colValue), d, false)
	}
	var hashes []watchlist.Entry
	var text string
	more := false
	url := false
	for _, t := range c.h.typed {
		v := c.cell(t.at)
		if v == "" || v == "n/a" || v == "-" || v == "None" {
			continue
		}
		if it, _, why := r.entry(t.name, v); why.Zero() && len(it.Entries) == 1 && wholeFile(it.Entries[0].Type) {
			if _, ok := watchlist.Canonical(it.Entries[0].Type, it.Entries[0].Value); ok {
				if hashes = append(hashes, it.Entries[0]); text == "" {
					text = v
				}
				continue
			}
		}
		if url && (t.addr || t.typ == event.Domain) {
			continue // the host of the URL in the same row: the URL says it
		}
		url = url || t.typ == event.URL
		if err := r.fields(c, t.name, v, d, more); err != nil {
			return err
		}
		more = true
	}
	if len(hashes) == 0 {
		if !more {
			r.refuse(c.line, noValue)
		}
		return nil
	}
	if more {
		if err := r.record(); err != nil {
			return err
		}
	}
	it := Item{Text: text, Entries: hashes, Detail: d}
	if why := r.bound(c, &it); !why.Zero() {
		r.refuse(c.line, why)
		return nil
	}
	return r.give(c.line, it)
}

// rangeOf reads a network in two columns: its first address, and its last one or its prefix.
func (r *reader) rangeOf(c record, d Detail) error {
	start, end := c.of(colStart), c.of(colEnd)
	if n := c.of(colNetblock); n != "" {
		p, err := netip.ParsePrefix(start + "/" + strings.TrimPrefix(n, "/"))
		if err != nil {
			r.refuse(c.line, noAddress.With(quote(start+"/"+n)))
			return nil
		}
		return r.fields(c, "cidr", p.String(), d, false)
	}
	return r.fields(c, "cidr", start+"-"+end, d, false)
}

// bound sets what bounds an item: until when, for whom, how it is matched.
func (r *reader) bound(c record, it *Item) (why i18n.Text) {
	t, ok := instant(c.of(colUntil))
	if !ok {
		return badTime.With(quote(c.of(colUntil)))
	}
	match, stated := watchlist.Exact, c.of(colMatch)
	if stated != "" {
		if match, ok = watchlist.ParseMatch(stated); !ok {
			return badMatch.With(quote(stated))
		}
	}
	label := r.label(c.of(colTLP))
	for i := range it.Entries {
		e := &it.Entries[i]
		e.ValidUntil, e.TLP, e.Source, e.ID = t, label, c.of(colSource), c.of(colID)
		if stated != "" {
			e.Match = match
		}
	}
	return i18n.Text{}
}

// parted are what separates several values in one cell.
func parted(r rune) bool {
	return r == ' ' || r == ',' || r == ';' || r == '|' || r == '\n' || r == '\t' || r == '、' || r == '\r' || r == '　'
}

// several reports whether a cell of a type may hold more than one value: none of them has blanks.
func (r *reader) several(typ string) bool {
	m, ok := r.typeOf(typ)
	return !ok || m.addr || m.hash || wholeFile(m.typ) || m.typ == event.Domain || m.typ == event.URL ||
		m.typ == event.Email || m.typ == event.IPv4 || m.typ == event.IPv6
}

// fields gives the value, or the values, of one cell. counted is whether the record was counted
// for another cell already.
func (r *reader) fields(c record, typ, value string, d Detail, counted bool) error {
	parts := []string{value}
	if typ != "" && c.h.col[colValue] < 0 && r.several(typ) {
		// A column that is named after one type holds, in the field, values of another one.
		if it, covered, why := r.entry(typ, value); !covered || !why.Zero() || !r.right(it) {
			if some := strings.FieldsFunc(value, parted); !r.all(typ, some) && r.all("", some) {
				typ = ""
			}
		}
	}
	if it, covered, why := r.entry(typ, value); (!covered || !why.Zero() || !r.right(it)) && r.several(typ) {
		if some := strings.FieldsFunc(value, parted); len(some) > 1 && r.all(typ, some) {
			parts = some
		}
	}
	for _, v := range parts {
		if counted {
			if err := r.record(); err != nil {
				return err
			}
		}
		counted = true
		it, covered, why := r.entry(typ, v)
		switch {
		case !covered:
			r.uncovered(c.line, why)
			continue
		case !why.Zero():
			r.refuse(c.line, why)
			continue
		}
		labels, port := it.Labels, it.Port
		it.Detail = d
		it.Labels = append(labels, d.Labels...)
		if port > 0 {
			it.Port = port
		}
		if why := r.bound(c, &it); !why.Zero() {
			r.refuse(c.line, why)
			continue
		}
		if err := r.give(c.line, it); err != nil {
			return err
		}
	}
	return nil
}

// right reports whether the values of an item are such that a list takes them.
func (r *reader) right(it Item) bool {
	for _, e := range it.Entries {
		if _, err := watchlist.Check(r.fill(e)); err != nil {
			return false
		}
	}
	return len(it.Entries) > 0
}

// all reports whether each part of a cell is a value.
func (r *reader) all(typ string, parts []string) bool {
	for _, p := range parts {
		if it, covered, why := r.entry(typ, p); !covered || !why.Zero() || !r.right(it) {
			return false
		}
	}
	return true
}
