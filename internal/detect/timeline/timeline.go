// Package timeline is a run of Sigma rules over files: what matched, when, on
// which machine, by whose rule. It finds the inputs, reads and matches them on
// several cores, keeps the counts that a summary needs, brings the matches into
// the order that is asked for without holding all of them in memory, and writes
// them as JSON lines, CSV, an HTML report, a STIX 2.1 bundle or a Timesketch
// import. Each of these carries the rule's id, title, author and licence, as the
// Detection Rule License 1.1 asks.
package timeline

import (
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// Match is one event that satisfied one rule.
type Match struct {
	Rule   *sigma.Rule
	Time   time.Time          // when the event happened, UTC; zero if the record states no time
	File   string             // file as it was named; inside an archive "a.zip!b.json"
	Record int64              // number of the record in File, from 1; of an .evtx file the log's own record number
	Host   string             // the machine it is about, as written
	User   string             // the account it is about, as written
	Seen   []event.Observable // what the event names: addresses, domains, hashes …; only if Config.Observables
	Fields []Field            // what made it match, in the order of the rule, each field once

	file int // index of the input
	rule int // index of the rule in the set
}

// Field is a field of the event, and those of its values that the rule looks for.
type Field struct {
	Name   string   // Keywords for a value that was found somewhere in the record
	Values []string // distinct, at least one; each cut at 64 KiB
}

// Keywords stands for the name of a field where a rule names none.
const Keywords = "keywords"

const (
	maxFields = 64       // fields of one match
	maxValues = 64       // values of one field
	maxValue  = 64 << 10 // bytes of one value
	maxName   = 1 << 10  // bytes of a host or user
)

// Value joins the values for people.
func (f Field) Value() string { return strings.Join(f.Values, ", ") }

// newMatch keeps of m and ev what a timeline shows. All text is copied, because
// a part of a record would keep the whole record in memory.
func newMatch(m *sigma.Match, ev *event.Event, in, rule int) *Match {
	out := &Match{
		Rule: m.Rule, File: ev.From.Name, Record: ev.From.Record,
		Host: strings.Clone(event.Clip(ev.Host, maxName)), User: strings.Clone(event.Clip(ev.User, maxName)),
		Fields: fieldsOf(m.Fields), file: in, rule: rule,
	}
	if !ev.Time.Equal(ev.Seen) { // a record that states no time has that of the reading
		out.Time = ev.Time.UTC()
	}
	return out
}

func fieldsOf(list []sigma.FieldMatch) []Field {
	out := make([]Field, 0, min(len(list), maxFields))
	at := make(map[string]int, len(list))
	for _, f := range list {
		name := f.Field
		if name == "" {
			name = Keywords
		}
		i, there := at[name]
		if !there {
			if len(out) == maxFields {
				continue
			}
			i = len(out)
			at[name] = i
			out = append(out, Field{Name: name})
		}
		v := event.Clip(f.Value, maxValue)
		if has(out[i].Values, v) || len(out[i].Values) == maxValues {
			continue
		}
		out[i].Values = append(out[i].Values, strings.Clone(v))
	}
	return out
}

func has(list []string, v string) bool {
	for _, s := range list {
		if s == v {
			return true
		}
	}
	return false
}

// Levels are the rule levels from the most severe on; the last stands for rules
// that state none.
var Levels = [...]sigma.Level{sigma.Critical, sigma.High, sigma.Medium, sigma.Low, sigma.Informational, ""}

// levelIndex returns the index of a level in Levels.
func levelIndex(l sigma.Level) int {
	for i, x := range Levels {
		if x == l {
			return i
		}
	}
	return len(Levels) - 1
}

// LevelName is the level as outputs for people write it; a rule that states
// none has "none".
func LevelName(l sigma.Level) string {
	if l == "" {
		return "none"
	}
	return string(l)
}

// before orders matches in time, then as the input has them. Those without a
// time come last.
func before(a, b *Match) int {
	switch {
	case a.Time.IsZero() != b.Time.IsZero():
		if b.Time.IsZero() {
			return -1
		}
		return 1
	case !a.Time.Equal(b.Time):
		return a.Time.Compare(b.Time)
	case a.file != b.file:
		return a.file - b.file
	case a.File != b.File:
		return strings.Compare(a.File, b.File)
	case a.Record != b.Record:
		if a.Record < b.Record {
			return -1
		}
		return 1
	}
	return a.rule - b.rule
}
