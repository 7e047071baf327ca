// Package finding keeps findings as they are stored, at a node and at the hub:
// what was found, the events behind it, and the verdicts on its values; with
// their lists, pages, API and search.
package finding

import (
	"embed"
	"encoding/json"
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

const columns = "f.arrived, f.body, f.tlp, f.owner, f.audience"

// Save writes findings, replacing older versions of them. Their labels never get
// wider by that.
func Save(tx *store.Tx, arrived time.Time, list ...msg.Finding) error {
	rows := make([][]any, len(list))
	for i, f := range list {
		body, err := encode(f)
		if err != nil {
			return err
		}
		rows[i] = []any{
			f.ID, f.Version, f.Member, f.Realm, f.Rule.ID, f.Rule.Title, f.Rule.Level, rank(f.Rule.Level),
			f.Indicator, f.Host, clock.Micros(f.First), clock.Micros(f.Last), f.Count, f.Retro,
			clock.Micros(f.Detected), clock.Micros(arrived), words(f), body,
			int(f.Handling.TLP), f.Handling.Owner, f.Handling.Audience.Column(),
		}
	}
	return tx.InsertTogether(`INSERT INTO findings (id, version, member, realm, rule, title, level, rank,
 indicator, host, first, last, count, retro,
 detected, arrived, words, body,
 tlp, owner, audience)`,
		rows, `ON CONFLICT (id) DO UPDATE SET version = excluded.version, title = excluded.title,
 level = excluded.level, rank = excluded.rank, indicator = excluded.indicator, host = excluded.host,
 first = excluded.first, last = excluded.last, count = excluded.count, retro = excluded.retro,
 words = excluded.words, body = excluded.body,
 tlp = CASE WHEN excluded.tlp > findings.tlp THEN excluded.tlp ELSE findings.tlp END`)
}

// rank is the place of a level among the levels, as it is stored.
func rank(level string) int { return sigma.Level(level).Rank() }

// Item is a finding in a list. What lists sort and filter by is in columns of
// its own, the whole in body.
type Item struct {
	msg.Finding `db:"body,json"`
	Arrived     time.Time       `db:"arrived"`
	Stored      policy.Handling `db:",handling"` // the same as Handling, which body does not hold
}

// complete returns items as they were read with their handling.
func complete(items []Item) []Item {
	for i := range items {
		items[i].Handling = items[i].Stored
	}
	return items
}

// Get returns one finding, or fault.NotFound, also for one that the scope may not see.
func Get(tx *store.Tx, id string) (Item, error) {
	it, err := store.One[Item](tx, `SELECT `+columns+` FROM findings f WHERE f.id = $1 AND SCOPE(f)`, id)
	return complete([]Item{it})[0], err
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
	items, err := store.Query[Item](tx, `SELECT `+columns+` FROM findings f
WHERE f.rule = $1 AND f.host = $2 AND f.retro = $3 AND f.member = $4 AND f.arrived > $5 AND f.title = $6 AND SCOPE(f)
ORDER BY f.arrived DESC LIMIT 1`, rule.ID, host, false, member, clock.Micros(after), rule.Title)
	if err != nil || len(items) == 0 {
		return Item{}, false, err
	}
	return complete(items)[0], true, nil
}

// Title returns a finding's title as far as tx may see it.
func Title(tx *store.Tx, id string) string {
	f, err := Get(tx, id)
	if err != nil {
		return ""
	}
	return f.Rule.Title
}
