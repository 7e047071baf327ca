package feed

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// maxFields bounds the properties of one record that are looked at, and maxNested how deep
// records are looked for.
const (
	maxFields = 500
	maxNested = 20
)

// records finds records in JSON: objects with a property that is named as a column of values is.
type records struct {
	r     *reader
	s     *scanner
	found bool
	own   error // an error that is not the scanner's
}

// json reads one JSON value after the other, and the records in them at any depth: a table of
// records by id, a list in an answer's "data", an object a line.
func (r *reader) json(in *bufio.Reader) error {
	w := &records{r: r, s: newScanner(in)}
	var err error
	for err == nil {
		if _, err = w.s.peek(); err == nil {
			err = w.value("", 0)
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && w.s.between {
		err = nil
	}
	switch {
	case err != nil && w.own != nil:
		return w.own
	case err != nil:
		return r.jsonError(w.s.line, err)
	case !w.found:
		return r.fail(1, i18n.T("it is JSON, and neither STIX, nor MISP, nor does it hold records with a value, an "+
			"indicator or a property that is named after a type: say the format",
			"JSON ですが、STIX でも MISP でもなく、value、indicator や型の名前のプロパティーを持つ記録もありません。形式を指定してください"), nil)
	}
	return nil
}

// value reads a value; name is that of the property or the list that it is in.
func (w *records) value(name string, depth int) error {
	if depth > maxNested {
		return w.s.skip()
	}
	w.s.between = false
	c, err := w.s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		err = w.s.array(func() error { return w.value(name, depth+1) })
	case '{':
		err = w.object(depth)
	case '"':
		err = w.bare(name)
	default:
		err = w.s.skip()
	}
	w.s.between = depth == 0
	return err
}

// bare reads a text in a list; in one without a name, or with that of a column, it is a value.
func (w *records) bare(name string) error {
	line := w.s.line
	text, err := w.text()
	if err != nil || text == "" {
		return err
	}
	h := headerOf([]string{strings.TrimSuffix(name, "s")})
	if name == "" {
		h = headerOf([]string{"value"})
	}
	if !h.values() || len(h.typed) == 0 && h.col[colValue] < 0 {
		return nil
	}
	return w.give(line, &h, []string{text})
}

// text reads a text, or a number as one; "" if it is neither or too long.
func (w *records) text() (string, error) {
	raw, long, err := w.s.value(maxLine)
	if err != nil || long || len(raw) == 0 {
		return "", err
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", wrong("a text is no JSON text")
		}
		return strings.TrimSpace(s), nil
	}
	if s := string(raw); s != "null" {
		return s, nil
	}
	return "", nil
}

// object reads an object: a record, or what holds some.
func (w *records) object(depth int) error {
	var names, cells []string
	if _, err := w.s.peek(); err != nil {
		return err
	}
	line := w.s.line
	err := w.s.object(func(name string) error {
		c, err := w.s.peek()
		if err != nil {
			return err
		}
		switch {
		case c == '{':
			return w.value(name, depth+1)
		case c == '[':
			texts, err := w.list(name, depth)
			if err == nil && len(texts) > 0 && len(names) < maxFields {
				names, cells = append(names, name), append(cells, strings.Join(texts, ","))
			}
			return err
		}
		text, err := w.text()
		if err == nil && len(names) < maxFields {
			names, cells = append(names, name), append(cells, text)
		}
		return err
	})
	if err != nil {
		return err
	}
	h := headerOf(names)
	if h.col[colValue] < 0 && len(h.typed) == 0 && h.col[colStart] < 0 || !h.values() {
		return nil
	}
	return w.give(line, &h, cells)
}

// list reads a list: its texts are returned if they belong to the record around it, such as its
// tags, and what else is in it is read as records.
func (w *records) list(name string, depth int) (texts []string, err error) {
	labels := slices.Contains(columnNames[colLabels], plain(name))
	err = w.s.array(func() error {
		c, err := w.s.peek()
		if err != nil {
			return err
		}
		if c == '"' && labels {
			text, err := w.text()
			if len(texts) < 50 && text != "" {
				texts = append(texts, text)
			}
			return err
		}
		return w.value(name, depth+1)
	})
	return texts, err
}

func (w *records) give(line int, h *header, cells []string) error {
	w.found = true
	if w.own = w.r.record(); w.own != nil {
		return w.own
	}
	w.own = w.r.recordOf(record{line: line, h: h, cell: func(at int) string {
		if at < 0 || at >= len(cells) {
			return ""
		}
		return cells[at]
	}})
	return w.own
}
