package timeline

import (
	"bufio"
	"encoding/csv"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// sketch writes JSON lines as Timesketch imports them: message, datetime (ISO
// 8601) and timestamp_desc are what it asks for (its documentation, "Import from
// JSON or CSV"), timestamp is the same time in microseconds, tag becomes tags of
// the event. A record that states no time gets the time of the run, and its
// timestamp_desc says so, because Timesketch takes no row without one.
type sketch struct {
	w   *bufio.Writer
	now time.Time
	buf []byte
}

const (
	eventTime  = "Event Logged"
	noTimeTold = "Read by meneki (the record tells no time)"
	maxMessage = 2000 // bytes of evidence in a message
)

func when(m *Match, now time.Time) (t time.Time, desc string) {
	if m.Time.IsZero() {
		return now.UTC(), noTimeTold
	}
	return m.Time.UTC(), eventTime
}

func message(m *Match) string {
	s := "[" + LevelName(m.Rule.Level) + "] " + m.Rule.Title
	if m.Host != "" {
		s += " on " + m.Host
	}
	return s + " — " + event.Clip(evidence(m, "; "), maxMessage)
}

func labels(r *sigma.Rule) []string {
	return append([]string{"sigma", "level-" + LevelName(r.Level)}, techniques(r)...)
}

// Begin writes nothing.
func (s *sketch) Begin(*Result) error { return nil }

// Flush implements Flusher.
func (s *sketch) Flush() error { return s.w.Flush() }

// Write writes one line.
func (s *sketch) Write(m *Match) error {
	t, desc := when(m, s.now)
	b := appendJSON(append(s.buf[:0], `{"message":`...), message(m))
	b = strconv.AppendInt(append(b, `,"timestamp":`...), t.UnixMicro(), 10)
	b = appendJSON(append(b, `,"datetime":`...), t.Format("2006-01-02T15:04:05.000000-07:00"))
	b = appendJSON(append(b, `,"timestamp_desc":`...), desc)
	b = appendJSON(append(b, `,"level":`...), LevelName(m.Rule.Level))
	b = appendJSON(append(b, `,"host":`...), m.Host)
	b = appendJSON(append(b, `,"user":`...), m.User)
	b = appendJSON(append(b, `,"rule_title":`...), m.Rule.Title)
	b = appendJSON(append(b, `,"rule_id":`...), m.Rule.Key())
	b = appendJSON(append(b, `,"rule_author":`...), m.Rule.Author)
	b = appendJSON(append(b, `,"rule_license":`...), m.Rule.License)
	b = appendList(append(b, `,"tag":`...), labels(m.Rule))
	b = appendJSON(append(b, `,"file":`...), m.File)
	b = strconv.AppendInt(append(b, `,"record":`...), m.Record, 10)
	b = appendJSON(append(b, `,"matched":`...), evidence(m, " ¦ "))
	s.buf = append(b, "}\n"...)
	_, err := s.w.Write(s.buf)
	return err
}

// End flushes.
func (s *sketch) End(*Result) error { return s.w.Flush() }

// sketchSheet writes the same as CSV. It has no byte order mark, which would
// become part of the first column's name, and cells are as they are: Timesketch
// computes no formulas.
type sketchSheet struct {
	b   *bufio.Writer
	w   *csv.Writer
	now time.Time
}

func newSketchSheet(b *bufio.Writer, s Style) *sketchSheet {
	return &sketchSheet{b: b, w: csv.NewWriter(b), now: s.Now}
}

// Begin writes the heading.
func (s *sketchSheet) Begin(*Result) error {
	return s.w.Write([]string{"message", "timestamp", "datetime", "timestamp_desc", "level", "host", "user",
		"rule_title", "rule_id", "rule_author", "rule_license", "tag", "file", "record", "matched"})
}

// Write writes one row.
func (s *sketchSheet) Write(m *Match) error {
	t, desc := when(m, s.now)
	return s.w.Write([]string{message(m), strconv.FormatInt(t.UnixMicro(), 10),
		t.Format("2006-01-02T15:04:05.000000-07:00"), desc, LevelName(m.Rule.Level), m.Host, m.User,
		m.Rule.Title, m.Rule.Key(), m.Rule.Author, m.Rule.License, string(appendList(nil, labels(m.Rule))), m.File,
		strconv.FormatInt(m.Record, 10), evidence(m, " ¦ ")})
}

// End flushes.
func (s *sketchSheet) End(*Result) error {
	s.w.Flush()
	if err := s.w.Error(); err != nil {
		return err
	}
	return s.b.Flush()
}
