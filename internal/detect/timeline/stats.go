package timeline

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Stats is what a run came to, for programs.
type Stats struct {
	Files       int64     `json:"files"`      // streams that were read; members of archives one by one
	Events      int64     `json:"events"`     // records that were understood
	Unreadable  int64     `json:"unreadable"` // records that were not
	Skipped     int64     `json:"skipped"`    // files that were passed by
	Loaded      int       `json:"rules_loaded"`
	Used        int       `json:"rules_used"` // what the filters left of them
	Ours        int       `json:"rules_ours"` // of the rules that come with meneki, what the filters left
	Refused     []Refused `json:"rules_refused"`
	Matches     int64     `json:"matches"`
	Seconds     float64   `json:"seconds"`
	Interrupted bool      `json:"interrupted"`
	NotUTF8     int64     `json:"not_utf8,omitempty"` // events of which some bytes were read as U+FFFD
	// events of no known log source: all rules were tried on them
	Unknown int64 `json:"unknown_source,omitempty"`
	// matches that correlations could not use: their records state no time
	Timeless  int64 `json:"without_time,omitempty"`
	Uncertain int64 `json:"uncertain,omitempty"` // what correlations dropped because of their bounds
}

// Refused is a rule that was not loaded.
type Refused struct {
	Path   string `json:"path"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// WriteStats writes one line of JSON. loaded is how many rules were, without those
// that come with the program.
func WriteStats(w io.Writer, r *Result, set *sigma.Set, loaded int, took time.Duration) error {
	s := Stats{
		Files: r.Report.Files, Events: r.Report.Events, Unreadable: r.Report.BadN, Skipped: r.Report.SkipN,
		Loaded: loaded, Used: r.Used, Ours: r.Ours, Refused: []Refused{}, Matches: r.Tally.Matches,
		Seconds: math.Round(took.Seconds()*1000) / 1000, Interrupted: r.Interrupted, Uncertain: r.Uncertain,
		NotUTF8: r.Report.GarbledN, Unknown: r.Report.Unknown, Timeless: r.Report.Timeless,
	}
	for _, x := range set.Refused {
		s.Refused = append(s.Refused, Refused{x.Path, x.Line, x.Reason.Error()})
	}
	return json.NewEncoder(w).Encode(s)
}
