package finding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
)

// Trace is one event behind a finding: where to look for it at the node.
type Trace struct {
	Event  string    `db:"event"`
	At     time.Time `db:"at"`
	Name   string    `db:"name"`
	Record int64     `db:"position"`
}

// Traces returns the first events behind a finding; only its own node has them.
func Traces(tx *store.Tx, finding string, limit int) ([]Trace, error) {
	return store.Query[Trace](tx, `SELECT event, at, name, position FROM finding_event WHERE finding = $1
		ORDER BY at, event LIMIT $2`, finding, limit)
}

// RuleEvent is an event that a rule matched.
type RuleEvent struct {
	Rule  string `db:"rule"`
	Event string `db:"event"`
}

// askTogether is how many pairs are asked for at once.
const askTogether = 64

// Traced returns those of the pairs that are in a finding already.
func Traced(tx *store.Tx, list []RuleEvent) (map[RuleEvent]bool, error) {
	out := map[RuleEvent]bool{}
	for some := range slices.Chunk(list, askTogether) {
		var args []any
		var places []string
		for _, p := range some {
			args = append(args, p.Rule, p.Event)
			places = append(places, fmt.Sprintf("($%d,$%d)", len(args)-1, len(args)))
		}
		for len(places) < askTogether && len(places)&(len(places)-1) != 0 { // few statements are kept prepared
			places = append(places, places[0])
		}
		rows, err := store.Query[RuleEvent](tx, `WITH w(rule, event) AS (VALUES `+strings.Join(places, ",")+`)
SELECT f.rule, f.event FROM w JOIN finding_event f ON f.rule = w.rule AND f.event = w.event`, args...)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			out[p] = true
		}
	}
	return out, nil
}

// FoundEvent is an event behind a finding, as it is written.
type FoundEvent struct {
	Finding string
	RuleEvent
	At     time.Time
	Name   string // of the source
	Record int64  // in it
}

// SaveTraces writes the events behind findings. None of them may be there already.
func SaveTraces(tx *store.Tx, list []FoundEvent) error {
	rows := make([][]any, len(list))
	for i, e := range list {
		rows[i] = []any{e.Finding, e.Rule, e.Event, clock.Micros(e.At), e.Name, e.Record}
	}
	return tx.InsertTogether(`INSERT INTO finding_event (finding, rule, event, at, name, position)`, rows, "")
}
