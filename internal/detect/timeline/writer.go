package timeline

import (
	"bufio"
	"io"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/sigma"
)

// Writer writes a timeline in one format. Begin comes first, then each match,
// then End, which flushes; it does not close what is written to. Not safe for
// concurrent use.
type Writer interface {
	// Begin gets what is to come, if that is known by then: the result
	// is whole where the matches come in the order of time, and nil otherwise.
	Begin(r *Result) error
	Write(m *Match) error
	End(r *Result) error
}

// Flusher is a Writer that can show what was written so far before the End.
type Flusher interface{ Flush() error }

// Style says how things are written. Every member but Lang must be set.
type Style struct {
	Lang    i18n.Lang
	Zone    *time.Location // of times for people; machines get UTC
	TLP     policy.TLP     // how the results are marked
	Now     time.Time      // when it was made
	Program string         // what made it: "meneki 0.1"
	Refused []*sigma.ParseError
	Loaded  int // rules
}

// Formats are the names that New knows.
func Formats() []string {
	return []string{"jsonl", "csv", "html", "stix", "timesketch", "timesketch-csv"}
}

// New makes the writer of a format; nil for a name it does not know.
func New(format string, w io.Writer, s Style) Writer {
	b := bufio.NewWriterSize(w, 1<<16)
	switch format {
	case "jsonl":
		return &lines{w: b, rules: map[*sigma.Rule][]byte{}}
	case "csv":
		return newSheet(b, s)
	case "html":
		return &page{w: b, style: s}
	case "stix":
		return newBundle(b, s)
	case "timesketch":
		return &sketch{w: b, now: s.Now}
	case "timesketch-csv":
		return newSketchSheet(b, s)
	}
	return nil
}

// Ordered reports whether a format is for reading from top to bottom, and
// therefore wants its matches in the order of time.
func Ordered(format string) bool { return format == "html" || format == "terminal" }
