package finding

import (
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// FoundRule is a rule by which there are findings, with the events in them.
type FoundRule struct {
	wire.RuleRef
	Events int64
}

// Rules returns the rules of findings that the scope may see and that arrived
// since a time, each as its newest finding names it.
func Rules(tx *store.Tx, since time.Time) ([]FoundRule, error) {
	rows, err := store.Query[struct {
		Rule  string `db:"rule"`
		Count int64  `db:"n"`
		ID    string `db:"id"`
	}](tx, `SELECT f.rule AS rule, CAST(sum(f.count) AS BIGINT) AS n, max(f.id) AS id FROM findings f
WHERE f.arrived >= $1 AND SCOPE(f) GROUP BY f.rule`, clock.Micros(since))
	if err != nil {
		return nil, err
	}
	out := make([]FoundRule, 0, len(rows))
	for _, r := range rows {
		it, err := Get(tx, r.ID)
		if err != nil {
			return nil, err
		}
		ref := it.Rule
		ref.ID = r.Rule
		out = append(out, FoundRule{ref, r.Count})
	}
	return out, nil
}

// RuleFindings is how many findings a rule has made, and when the newest came.
type RuleFindings struct {
	Rule  string    `db:"rule"`
	Count int64     `db:"n"`
	Last  time.Time `db:"last"`
}

// CountByRule counts the findings that the scope may see, by rule.
func CountByRule(tx *store.Tx) (map[string]RuleFindings, error) {
	list, err := store.Query[RuleFindings](tx, `SELECT f.rule AS rule, count(*) AS n, max(f.arrived) AS last
		FROM findings f WHERE SCOPE(f) GROUP BY f.rule`)
	out := make(map[string]RuleFindings, len(list))
	for _, x := range list {
		out[x.Rule] = x
	}
	return out, err
}
