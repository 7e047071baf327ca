package correlate

import (
	"time"

	"github.com/meneki/meneki/sigma"
)

// Config says how an [Engine] works. The zero value works: nothing may be late,
// nothing is resolved, and the bounds are the defaults.
type Config struct {
	// Lateness is how far a match may lie behind the newest time seen and still
	// count. Alerts come that much later. To read whole files of several
	// machines, whose times start again with each file, give more than they span
	// and call Flush at the end.
	Lateness time.Duration

	// Resolve, if given, replaces the values of fields named by group-by before
	// events are grouped, so that one person with several accounts is one group.
	// field is the name in the event, at the event's time. "" means that the
	// value names no one; the event then belongs to no group. It is called with
	// the engine locked and must not call it.
	Resolve func(field, value string, at time.Time) string

	// Now, if given, is the clock against which times in the future are found:
	// matches more than MaxAhead (default an hour) ahead of it are not used.
	Now      func() time.Time
	MaxAhead time.Duration

	// MaxPerGroup is how many events, values or moments one group keeps; default
	// 10,000. Counts are exact beyond it.
	MaxPerGroup int
	// MaxMemory bounds what the engine keeps, in bytes by its own estimate;
	// default 256 MiB. Beyond it the groups that were quiet longest are given up.
	MaxMemory int64
	// MaxEvents is how many events an alert lists, the newest; default 100.
	MaxEvents int
}

func (c *Config) complete() error {
	if c.Lateness < 0 || c.MaxAhead < 0 || c.MaxPerGroup < 0 || c.MaxMemory < 0 || c.MaxEvents < 0 {
		return reasons.New("correlate.config.negative")
	}
	if c.MaxAhead == 0 {
		c.MaxAhead = time.Hour
	}
	if c.MaxPerGroup == 0 {
		c.MaxPerGroup = 10_000
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 256 << 20
	}
	if c.MaxEvents == 0 {
		c.MaxEvents = 100
	}
	return nil
}

// Stats counts what the engine did since it was made or restored from, and what
// it keeps now.
type Stats struct {
	Matches    int64 // given to Add and wanted by a correlation
	Alerts     int64 // also those of silent correlations
	Duplicates int64 // left out, counted for each group

	// What was not used, or not in full.
	Late       int64 // matches, also duplicates that come late
	Ahead      int64 // matches too far in the future
	BadTime    int64 // matches without a time, or with an impossible one
	Ungrouped  int64 // matches that lack a field of group-by, for each correlation
	Valueless  int64 // matches that lack the field of the condition or have no number in it
	LeftOut    int64 // values beyond the 64th of a field, groups and tuples beyond the 64th of an event
	Overflowed int64 // entries given up because a group had too many
	Evicted    int64 // groups given up because of MaxMemory
	Forced     int64 // moments worked through before Lateness had passed, because of MaxMemory

	// What is kept now.
	Memory  int64 // bytes, estimated
	Groups  int
	Pending int // matches and moments that wait

	Correlations []CorrelationStats // in the order of the engine, inner ones first
}

// CorrelationStats is the share of one correlation.
type CorrelationStats struct {
	Rule       *sigma.Correlation
	Alerts     int64
	Ungrouped  int64
	Valueless  int64
	Overflowed int64
	Evicted    int64
	Groups     int
}

// Alert says that a correlation holds.
type Alert struct {
	// ID is the same whenever the same correlation holds for the same group at the
	// same time, also after a restart.
	ID    string
	Rule  *sigma.Correlation
	Group []Value // in the order of group-by
	// At is the moment at which it holds. If the condition wants something to be
	// absent behind it, it is one timespan later, when that is certain.
	At time.Time
	// First and Last are the times of the first and the last contributing event.
	First, Last time.Time
	// Events contributed, by time: for event_count and the numeric types those in
	// the window, for value_count the last of each value, for temporal the last of
	// each rule, for temporal_ordered the steps. For an alert of an inner
	// correlation its events stand.
	Events  []Event
	Omitted int // events that contributed but are not listed
	// Value is the count, sum, average or percentile; for the temporal types the
	// number of different rules.
	Value float64
	// Truncated says that the group had more than it may keep: the events and,
	// but for conditions on counts, the value are then those of the newest.
	Truncated bool
}

// Value is a field of group-by with its value, as the first event of the group
// wrote it, or as it was resolved.
type Value struct{ Field, Value string }

// Event is one contributing event.
type Event struct {
	Rule  *sigma.Rule
	Event string // as given in Match
	Time  time.Time
}
