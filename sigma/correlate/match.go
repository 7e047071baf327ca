package correlate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/fold"
)

// Match is an event that satisfied a detection rule.
type Match struct {
	Rule *sigma.Rule // one of the Rules of the set that the engine was made for
	Time time.Time   // of the event, between the years 1700 and 2200
	// Event names the event: the same name, rule, time and group twice is a
	// duplicate and counts once. It comes back in alerts and means nothing to the
	// engine.
	Event  string
	Fields Fields // asked only while Add runs
}

// Fields are the fields of an event, as in [sigma.Event].
type Fields interface {
	Lookup(field string) (value any, ok bool)
}

const (
	maxText    = 1024 // bytes of one value, name of an event
	maxMembers = 64   // values of one field, groups and tuples of one event
	maxNesting = 100  // lists in lists
	maxNumber  = 1e280
)

// source is a field of an event, or of an alert, and how it is read.
type source struct {
	field string
	who   bool // it is for group-by: the resolver is asked
	all   bool // equal values count too: it is computed with
}

// giver returns the values of fields as text, without those that are absent, null
// or empty. It appends to dst.
type giver interface {
	give(dst []string, s source) []string
}

// eventFields returns the fields of an event.
type eventFields struct {
	fields  Fields
	resolve func(field, value string, at time.Time) string
	at      time.Time
	stats   *Stats
}

func (f *eventFields) give(dst []string, s source) []string {
	value, ok := f.fields.Lookup(s.field)
	if !ok {
		return dst
	}
	return f.add(dst, len(dst), value, s, 0)
}

func (f *eventFields) add(dst []string, from int, value any, s source, depth int) []string {
	if list, ok := value.([]any); ok {
		if depth < maxNesting {
			for _, member := range list {
				dst = f.add(dst, from, member, s, depth+1)
			}
		}
		return dst
	}
	text, ok := sigma.TextOf(value)
	if !ok || text == "" {
		return dst
	}
	if s.who && f.resolve != nil {
		if text = f.resolve(s.field, text, f.at); text == "" {
			return dst
		}
	}
	if !s.all && len(dst) > from && slices.ContainsFunc(dst[from:], func(other string) bool {
		return strings.EqualFold(other, text)
	}) {
		return dst
	}
	if len(dst)-from >= maxMembers {
		f.stats.LeftOut++
		return dst
	}
	return append(dst, text)
}

// limited returns a text of bounded length that is still as different from others
// as before.
func limited(text string) string {
	if len(text) <= maxText {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return strings.ToValidUTF8(text[:128], "") + "… sha256:" + hex.EncodeToString(sum[:])
}

// key returns the text by which a value is compared.
func key(text string) string { return limited(fold.Text(text)) }

// joined puts several texts, each as made by each, into one so that different ones
// stay different. A single one is itself.
func joined(dst []byte, texts []string, each func(string) string) []byte {
	if len(texts) == 1 {
		return append(dst, each(texts[0])...)
	}
	for _, t := range texts {
		t = each(t)
		dst = binary.AppendUvarint(dst, uint64(len(t)))
		dst = append(dst, t...)
	}
	return dst
}

// parted takes joined texts apart again.
func parted(text string, count int) []string {
	if count == 1 {
		return []string{text}
	}
	out := make([]string, 0, count)
	for rest := []byte(text); len(out) < count; {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			n, size = 0, 0 // only in a snapshot made by hand
		}
		out = append(out, string(rest[size:size+int(n)]))
		rest = rest[size+int(n):]
	}
	return out
}

// number reads decimal notation with optional sign, fraction and exponent, like
// the comparisons of detection rules. Numbers beyond 1e280 are none, so that sums
// stay finite.
func number(text string) (float64, bool) {
	digit := false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E':
		default:
			return 0, false
		}
	}
	if !digit {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(f) > maxNumber {
		return 0, false
	}
	if f == 0 {
		f = 0 // never -0
	}
	return f, true
}
