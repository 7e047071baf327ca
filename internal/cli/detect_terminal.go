package cli

import (
	"bufio"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/meneki/meneki/internal/detect/timeline"
)

// terminalWriter prints two lines a match: when, how bad, where, which rule; and
// below it, what was seen in which record. On a screen, lines are cut to its width.
type terminalWriter struct {
	w     *bufio.Writer
	style timeline.Style
	paint func(code, s string) string
	width int // cells; 0: as long as they are
}

func newTerminal(out *result, s timeline.Style, colours bool) *terminalWriter {
	t := &terminalWriter{w: bufio.NewWriterSize(out, 1<<16), style: s, paint: paint(colours)}
	t.width = widthOf(out.to)
	return t
}

// widthOf gives the cells of a screen; 0 if w is none, or too narrow to care.
func widthOf(w any) int {
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 40 {
			return n
		}
	}
	return 0
}

// Begin prints nothing.
func (t *terminalWriter) Begin(*timeline.Result) error { return nil }

// Flush implements timeline.Flusher.
func (t *terminalWriter) Flush() error { return t.w.Flush() }

// Write prints a match.
func (t *terminalWriter) Write(m *timeline.Match) error {
	when := strings.Repeat("-", 23)
	if !m.Time.IsZero() {
		when = m.Time.In(t.style.Zone).Format("2006-01-02 15:04:05.000")
	}
	level := timeline.LevelName(m.Rule.Level)
	head := when + "  " + t.paint(levelColour(level), pad(level, 13)) + "  "
	used := 23 + 2 + 13 + 2
	host := clean(m.Host)
	if host == "" {
		host = "-"
	}
	host = pad(host, max(16, min(columns(host), 24))) + "  "
	used += columns(host)
	title := clean(m.Rule.Title)
	if a := clean(m.Rule.Author); a != "" {
		title += "  " + t.paint("2", "— "+a)
		if t.width > 0 && used+columns(clean(m.Rule.Title))+4+columns(a) > t.width {
			title = t.cut(clean(m.Rule.Title), t.width-used)
		}
	}
	var b strings.Builder
	for i, f := range m.Fields {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(f.Name + ": " + f.Value())
		if t.width > 0 && b.Len() > 8*t.width {
			break
		}
	}
	below := "    " + t.cut(clean(recordAt(m, t.width > 0)), max(t.width/3, 24)) + "  "
	evidence := clean(b.String())
	if t.width > 0 {
		evidence = t.cut(evidence, t.width-columns(below))
	}
	_, err := io.WriteString(t.w, head+t.paint("1", host)+title+"\n"+t.paint("2", below)+evidence+"\n")
	return err
}

// cut shortens s to n cells.
func (t *terminalWriter) cut(s string, n int) string {
	if t.width == 0 || columns(s) <= n {
		return s
	}
	return strings.TrimRight(pad(s, max(n, 8)), " ")
}

// recordAt names the record: with the whole path where there is room for it.
func recordAt(m *timeline.Match, short bool) string {
	name := m.File
	if short {
		if i := strings.LastIndexByte(name, '!'); i >= 0 {
			name = name[i+1:]
		}
		name = path.Base(strings.ReplaceAll(name, `\`, "/"))
		return "#" + strconv.FormatInt(m.Record, 10) + " " + name // the end is cut
	}
	return name + "#" + strconv.FormatInt(m.Record, 10)
}

// End flushes.
func (t *terminalWriter) End(*timeline.Result) error { return t.w.Flush() }
