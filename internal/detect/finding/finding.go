// Package finding keeps findings as they are stored, at a node and at the hub:
// what was found, the events behind it, and the verdicts on its values; with
// their lists, pages, API and search.
package finding

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

//go:embed sql templates
var files embed.FS

// Migration is findings' part of the schema, at the hub and at a node.
func Migration() store.Migration { return store.Migration{Name: "finding", FS: files} }

// row is a finding as it is stored: what lists sort and filter by in columns,
// the whole in body.
type row struct {
	ID       string          `db:"id"`
	Arrived  time.Time       `db:"arrived"`
	Body     string          `db:"body"`
	Handling policy.Handling `db:",handling"`
}

const columns = "f.id, f.arrived, f.body, f.tlp, f.owner, f.audience"

func (r row) finding() (msg.Finding, error) {
	var f msg.Finding
	if err := json.Unmarshal([]byte(r.Body), &f); err != nil {
		return f, fmt.Errorf("read finding %s: %w", r.ID, err)
	}
	f.Handling = r.Handling
	return f, nil
}

// Save writes findings, replacing older versions of them. Their labels never get
// wider by that.
func Save(tx *store.Tx, arrived time.Time, list ...msg.Finding) error {
	rows := make([][]any, len(list))
	for i, f := range list {
		body, err := encode(f)
		if err != nil {
			return err
		}
		rows[i] = []any{f.ID, f.Version, f.Member, f.Realm, f.Rule.ID, f.Rule.Title, f.Rule.Level, sigma.Level(f.Rule.Level).Rank(), f.Indicator, f.Host,
			clock.Micros(f.First), clock.Micros(f.Last), f.Count, f.Retro, clock.Micros(f.Detected), clock.Micros(arrived), words(f), body,
			int(f.Handling.TLP), f.Handling.Owner, f.Handling.Audience.Column()}
	}
	return tx.InsertTogether(`INSERT INTO findings (id, version, member, realm, rule, title, level, rank, indicator, host, first, last, count, retro, detected, arrived, words, body, tlp, owner, audience)`,
		rows, `ON CONFLICT (id) DO UPDATE SET version = excluded.version, indicator = excluded.indicator, first = excluded.first, last = excluded.last, count = excluded.count, words = excluded.words, body = excluded.body,
 tlp = CASE WHEN excluded.tlp > findings.tlp THEN excluded.tlp ELSE findings.tlp END`)
}

// Item is a finding in a list.
type Item struct {
	msg.Finding
	Arrived time.Time
}

// Get returns one finding, or fault.NotFound, also for one that the scope may not see.
func Get(tx *store.Tx, id string) (Item, error) {
	r, err := store.One[row](tx, `SELECT `+columns+` FROM findings f WHERE f.id = $1 AND SCOPE(f)`, id)
	if err != nil {
		return Item{}, err
	}
	f, err := r.finding()
	return Item{f, r.Arrived}, err
}

// words is what a search looks through.
func words(f msg.Finding) string {
	var b strings.Builder
	for _, w := range []string{f.Rule.Title, f.Rule.ID, f.Host, f.User, f.Indicator} {
		b.WriteString(w)
		b.WriteByte('\n')
	}
	for _, o := range f.Observables {
		b.WriteString(o.Value)
		b.WriteByte('\n')
	}
	b.WriteString(strings.Join(f.Rule.Tags, "\n"))
	return store.Fold(b.String())
}

func encode(f msg.Finding) (string, error) {
	b, err := json.Marshal(f)
	return string(b), err
}

// Growing returns the newest live finding of a member by a rule at a host that
// arrived after a time; false if there is none.
func Growing(tx *store.Tx, member string, rule wire.RuleRef, host string, after time.Time) (Item, bool, error) {
	rows, err := store.Query[row](tx, `SELECT `+columns+` FROM findings f
WHERE f.rule = $1 AND f.host = $2 AND f.retro = $3 AND f.member = $4 AND f.arrived > $5 AND f.title = $6 AND SCOPE(f)
ORDER BY f.arrived DESC LIMIT 1`, rule.ID, host, false, member, clock.Micros(after), rule.Title)
	if err != nil || len(rows) == 0 {
		return Item{}, false, err
	}
	f, err := rows[0].finding()
	return Item{f, rows[0].Arrived}, err == nil, err
}

// Title returns a finding's title as far as tx may see it.
func Title(tx *store.Tx, id string) string {
	f, err := Get(tx, id)
	if err != nil {
		return ""
	}
	return f.Rule.Title
}
