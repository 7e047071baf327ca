package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"mime"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// writeTable answers with the view's table as a file. The marking goes with it,
// in the file's name and, for JSON, inside.
func writeTable(r *Request, v *View) error {
	format := r.URL.Query().Get("format")
	var body []byte
	var err error
	kind := "text/csv; charset=utf-8"
	if format == "json" {
		kind = "application/json"
		body, err = tableJSON(v, r.Lang)
	} else {
		body, err = tableCSV(v.CSV, r.Lang)
	}
	if err != nil {
		return fmt.Errorf("web: download: %w", err)
	}
	name := v.CSV.Name
	if name.Zero() {
		name = v.Title
	}
	file := fileName(name.In(r.Lang))
	if v.Handling != nil {
		file += " " + strings.ReplaceAll(v.Handling.TLP.String(), ":", "-")
	}
	h := r.W.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file + "." + format}))
	_, _ = r.W.Write(body) // the reader has gone
	return nil
}

// fileName keeps what every file system takes.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || deceives(r) || r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80])
	}
	if s == "" {
		return "meneki"
	}
	return s
}

// tableCSV is RFC 4180 with a byte order mark, by which Excel recognises UTF-8. A
// text that a spreadsheet would run as a formula gets an apostrophe in front;
// the JSON download is exact.
func tableCSV(t *Table, l i18n.Lang) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	row := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		row[i] = c.Text.In(l)
	}
	if err := w.Write(row); err != nil {
		return nil, err
	}
	for _, cells := range t.Rows {
		row = row[:0]
		for _, c := range cells {
			s, isText := plain(c, l)
			if isText {
				s = harmless(s)
			}
			row = append(row, s)
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func tableJSON(v *View, l i18n.Lang) ([]byte, error) {
	out := struct {
		Name     string           `json:"name"`
		Handling *policy.Handling `json:"handling,omitempty"`
		Columns  []map[string]any `json:"columns"`
		Rows     []map[string]any `json:"rows"`
	}{Name: v.CSV.Name.In(l), Handling: v.Handling, Columns: []map[string]any{}, Rows: []map[string]any{}}
	for _, c := range v.CSV.Columns {
		out.Columns = append(out.Columns, map[string]any{"key": c.Key, "text": c.Text.In(l)})
	}
	for _, cells := range v.CSV.Rows {
		row := map[string]any{}
		for i, c := range cells {
			if i < len(v.CSV.Columns) {
				row[v.CSV.Columns[i].Key] = exactJSON(c, l)
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return json.MarshalIndent(out, "", "  ")
}

func exactJSON(c any, l i18n.Lang) any {
	switch c := c.(type) {
	case nil, int, int64, bool:
		return c
	case float64:
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return nil // JSON has no such numbers
		}
		return c
	case Sev:
		return int(c)
	case Bytes:
		return int64(c)
	case time.Duration:
		return float64(c.Microseconds()) / 1000
	}
	s, _ := plain(c, l)
	return s
}

// plain is a value as text without markup; isText is true for what somebody typed
// and false for what was counted.
func plain(c any, l i18n.Lang) (s string, isText bool) {
	stampOf := func(t time.Time) (string, bool) {
		if t.IsZero() {
			return "", false
		}
		return t.UTC().Format(time.RFC3339Nano), false
	}
	switch c := c.(type) {
	case nil:
		return "", false
	case string:
		return c, true
	case i18n.Text:
		return c.In(l), true
	case Mono:
		return string(c), true
	case Value:
		return string(c), true
	case Level:
		return string(c), true
	case time.Time:
		return stampOf(c)
	case Due:
		return stampOf(time.Time(c))
	case Day:
		return stampOf(time.Time(c))
	case Brief:
		return stampOf(time.Time(c))
	case time.Duration:
		return float(float64(c.Microseconds()) / 1000), false
	case int, int64, float64, bool, Sev, Bytes:
		return fmt.Sprint(c), false
	case policy.Handling:
		return c.TLP.String(), false
	case *policy.Handling:
		if c == nil {
			return "", false
		}
		return c.TLP.String(), false
	case Badge:
		return c.Text.In(l), true
	case *Badge:
		if c == nil {
			return "", false
		}
		return c.Text.In(l), true
	case Link:
		return plain(c.Text, l)
	case Lines:
		return joined(c, " / ", l)
	case Run:
		return joined(c, " ・ ", l)
	case template.HTML:
		return "", false // drawn, not said
	case interface{ Caption() i18n.Text }:
		return c.Caption().In(l), true
	}
	return fmt.Sprint(c), true
}

func joined(list []any, sep string, l i18n.Lang) (string, bool) {
	var parts []string
	for _, v := range list {
		if s, _ := plain(v, l); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, sep), true
}
