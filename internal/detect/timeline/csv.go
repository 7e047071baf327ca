package timeline

import (
	"bufio"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// sheet writes CSV (RFC 4180) for spreadsheets: with a byte order mark, so that
// Excel reads Japanese, times that Excel takes for times, and no cell that it
// takes for a formula. A cell holds at most 32,000 bytes, because Excel holds no
// more than 32,767 characters.
type sheet struct {
	b    *bufio.Writer
	w    *csv.Writer
	zone *time.Location
	row  []string
}

// sheetColumns are the same in every language, for programs that read them.
var sheetColumns = []string{"time", "zone", "time_utc", "level", "host", "user", "rule_title", "rule_id", "author",
	"license", "tactics", "techniques", "tags", "file", "record", "matched"}

const maxCell = 32_000

func newSheet(b *bufio.Writer, s Style) *sheet {
	w := csv.NewWriter(b)
	w.UseCRLF = true
	return &sheet{b: b, w: w, zone: s.Zone}
}

// Begin writes the heading.
func (s *sheet) Begin(*Result) error {
	if _, err := s.b.WriteString("\ufeff"); err != nil {
		return err
	}
	return s.w.Write(sheetColumns)
}

// Flush implements Flusher.
func (s *sheet) Flush() error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return err
	}
	return s.b.Flush()
}

// Write writes one row.
func (s *sheet) Write(m *Match) error {
	local, zone, utc := "", "", ""
	if !m.Time.IsZero() {
		t := m.Time.In(s.zone)
		local, zone, utc = t.Format("2006-01-02 15:04:05.000"), t.Format("-07:00"),
			m.Time.UTC().Format(time.RFC3339Nano)
	}
	s.row = append(s.row[:0], local, zone, utc, LevelName(m.Rule.Level), m.Host, m.User, m.Rule.Title, m.Rule.Key(),
		m.Rule.Author, m.Rule.License,
		strings.Join(phases(m.Rule), ", "), strings.Join(techniques(m.Rule), ", "), strings.Join(m.Rule.Tags, ", "),
		m.File, strconv.FormatInt(m.Record, 10), evidence(m, " ¦ "))
	for i, c := range s.row {
		if i != 1 { // the zone is ours, and begins with a sign
			s.row[i] = guard(c)
		}
	}
	return s.w.Write(s.row)
}

// End flushes.
func (s *sheet) End(*Result) error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return err
	}
	return s.b.Flush()
}

// guard makes a cell that a spreadsheet shows as it is: what would begin a
// formula (OWASP, CSV injection) gets an apostrophe before it, in full width too,
// and also behind blanks.
func guard(c string) string {
	c = event.Clip(strings.ReplaceAll(strings.ToValidUTF8(c, "\uFFFD"), "\x00", "\uFFFD"), maxCell)
	t := strings.TrimLeft(c, " \u00a0\u3000\ufeff\u200b")
	if t == "" {
		return c
	}
	switch r := []rune(t[:min(len(t), 4)])[0]; r {
	case '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠', '−':
		return "'" + c
	}
	return c
}

// evidence writes the matched fields in one line.
func evidence(m *Match, between string) string {
	var b strings.Builder
	for i, f := range m.Fields {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(f.Name)
		b.WriteString(": ")
		b.WriteString(f.Value())
		if b.Len() > 2*maxCell {
			break
		}
	}
	return b.String()
}

func techniques(r *sigma.Rule) []string {
	var list []string
	for _, tag := range r.Tags {
		if id := Technique(tag); id != "" {
			list = append(list, id)
		}
	}
	return list
}

func phases(r *sigma.Rule) []string {
	var list []string
	for _, tag := range r.Tags {
		if _, phase, ok := Tactic(tag); ok {
			list = append(list, phase)
		}
	}
	return list
}
