package timeline

import (
	"bufio"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/event/jsonscan"
	"github.com/meneki/meneki/sigma"
)

// lines writes one JSON object a match and a line:
//
//	{"rule":{"id","title","author","license","level","tags"},
//	 "event":{"time","file","record"},"matched":{field: value}}
//
// All keys are always there. The time is RFC 3339 in UTC, or null where the
// record states none. A field that matched with several values has a list of them.
type lines struct {
	w     *bufio.Writer
	rules map[*sigma.Rule][]byte // the rules' part, which repeats
	buf   []byte
}

// Begin writes nothing.
func (l *lines) Begin(*Result) error { return nil }

// Flush implements Flusher.
func (l *lines) Flush() error { return l.w.Flush() }

// Write writes one line.
func (l *lines) Write(m *Match) error {
	rule := l.rules[m.Rule]
	if rule == nil {
		rule = appendRule(nil, m.Rule)
		l.rules[m.Rule] = rule
	}
	b := append(l.buf[:0], `{"rule":`...)
	b = append(b, rule...)
	b = append(b, `,"event":{"time":`...)
	if m.Time.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(b, '"')
		b = m.Time.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	b = appendJSON(append(b, `,"file":`...), m.File)
	b = strconv.AppendInt(append(b, `,"record":`...), m.Record, 10)
	b = append(b, `},"matched":{`...)
	for i, f := range m.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, f.Name), ':')
		if len(f.Values) == 1 {
			b = appendJSON(b, f.Values[0])
		} else {
			b = appendList(b, f.Values)
		}
	}
	l.buf = append(b, "}}\n"...)
	_, err := l.w.Write(l.buf)
	return err
}

// End flushes.
func (l *lines) End(*Result) error { return l.w.Flush() }

func appendRule(b []byte, r *sigma.Rule) []byte {
	b = appendJSON(append(b, `{"id":`...), r.Key())
	b = appendJSON(append(b, `,"title":`...), r.Title)
	b = appendJSON(append(b, `,"author":`...), r.Author)
	b = appendJSON(append(b, `,"license":`...), r.License)
	b = appendJSON(append(b, `,"level":`...), string(r.Level))
	b = appendList(append(b, `,"tags":`...), r.Tags)
	return append(b, '}')
}

func appendList(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, s)
	}
	return append(b, ']')
}

// appendJSON writes s as a JSON string, in one line for every reader.
func appendJSON(b []byte, s string) []byte { return jsonscan.AppendString(b, s, jsonscan.Foreign) }
