// Package indicator is an indicator as a hub and a node store it, list it and show
// it: the STIX object with what it is about, how long it holds and who may see it.
// What only one side does with indicators is in the packages publish and inbox.
package indicator

import (
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/stix"
)

// Indicator is an indicator as it is stored: at the hub with where it came
// from, at a node with how far the node is.
type Indicator struct {
	ID         string          `db:"id"`
	Modified   time.Time       `db:"modified"`
	Realm      string          `db:"realm"`
	Name       string          `db:"name"`
	Kind       string          `db:"kind"`  // observable type, or "sigma"
	Value      string          `db:"value"` // observable value, or rule id
	Level      string          `db:"level"`
	Body       string          `db:"body"`
	ValidUntil time.Time       `db:"valid_until"`
	Confidence int             `db:"confidence"`
	Case       string          `db:"case_id"`
	Finding    string          `db:"finding"`
	Made       time.Time       `db:"made"`
	Sensed     time.Time       `db:"sensed"`
	Withdrawn  time.Time       `db:"withdrawn"`
	State      string          `db:"state"`
	Hunted     bool            `db:"hunted"`
	Halted     bool            `db:"halted"` // a person stopped the search of the past for it
	Hits       int64           `db:"hits"`
	Searched   int64           `db:"searched"` // events of the past, at a node
	Batch      string          `db:"batch"`    // cursor of the page that it came in, if its receipt is for all of that
	Words      string          `db:"words"`
	Handling   policy.Handling `db:",handling"`
}

const Columns = "o.id, o.modified, o.realm, o.name, o.kind, o.value, o.level, o.body, o.valid_until, o.confidence, " +
	"o.case_id, o.finding, o.made, o.sensed, o.withdrawn, o.state, o.hunted, o.halted, o.hits, o.searched, o.batch, " +
	"o.words, o.tlp, o.owner, o.audience"

// Save writes the object, replacing an older version of it.
func (r Indicator) Save(tx *store.Tx) error { return SaveAll(tx, []Indicator{r}) }

// SaveAll is Save for many, all different.
func SaveAll(tx *store.Tx, list []Indicator) error {
	rows := make([][]any, len(list))
	for i, r := range list {
		rows[i] = []any{r.ID, clock.Micros(r.Modified), r.Realm, r.Name, r.Kind, r.Value, r.Level, r.Body,
			clock.Micros(r.ValidUntil), r.Confidence, r.Case, r.Finding, clock.Micros(r.Made), clock.Micros(r.Sensed),
			clock.Micros(r.Withdrawn), r.State, r.Hunted, r.Halted, r.Hits, r.Searched, r.Batch, r.Words,
			int(r.Handling.TLP), r.Handling.Owner, r.Handling.Audience.Column()}
	}
	return tx.InsertTogether(`INSERT INTO objects (id, modified, realm, name, kind, value, level, body, valid_until,
		confidence, case_id, finding, made, sensed, withdrawn, state, hunted, halted, hits, searched, batch, words, tlp,
		owner, audience)`, rows, `ON CONFLICT (id) DO UPDATE SET modified = excluded.modified, realm = excluded.realm,
		name = excluded.name, kind = excluded.kind, value = excluded.value, level = excluded.level,
		body = excluded.body, valid_until = excluded.valid_until, confidence = excluded.confidence,
		withdrawn = excluded.withdrawn, state = excluded.state, hunted = excluded.hunted, halted = excluded.halted,
		hits = excluded.hits, searched = excluded.searched, batch = excluded.batch, words = excluded.words,
		tlp = excluded.tlp, owner = excluded.owner, audience = excluded.audience`)
}

// FromWire returns the indicator in an object that came over the wire.
func FromWire(o wire.Object, now time.Time) (Indicator, error) {
	r := Indicator{ID: o.ID, Modified: o.Modified, Realm: o.Realm, Made: now, Handling: o.Handling}
	so, err := stix.Parse(o.STIX)
	if err != nil {
		return r, fault.Wrap(
			fault.Invalid, i18n.T("not a valid STIX object", "有効な STIX オブジェクトではありません"), err,
		)
	}
	if so.ID() != o.ID || so.Type() != "indicator" {
		return r, fault.New(
			fault.Invalid, i18n.T("not the indicator that was announced", "告げられた指標ではありません"),
		)
	}
	r.Body = string(so.Bytes())
	r.Name = text(so, "name")
	r.Confidence, _ = so.Confidence()
	r.ValidUntil, _ = time.Parse(time.RFC3339Nano, text(so, "valid_until"))
	for _, l := range so.Labels() {
		if v, ok := strings.CutPrefix(l, "level:"); ok {
			r.Level = v
		}
	}
	r.Kind, r.Value = subject(so)
	r.Words = store.Fold(r.Name + "\n" + r.Value + "\n" + r.ID)
	return r, nil
}

// text returns a property that is a string, or "".
func text(o *stix.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// subject returns what an indicator is about, for lists.
func subject(o *stix.Object) (kind, value string) {
	if t := text(o, "pattern_type"); t != "stix" {
		if refs, ok := o.Get("external_references"); ok {
			if list, ok := refs.([]any); ok {
				for _, r := range list {
					if m, ok := r.(map[string]any); ok && m["source_name"] == "sigma" {
						value, _ = m["external_id"].(string)
					}
				}
			}
		}
		return t, value
	}
	p, err := stix.ParsePattern(text(o, "pattern"))
	if err != nil {
		return "stix", ""
	}
	list, _ := p.Equalities()
	if len(list) == 0 {
		return "stix", ""
	}
	c := list[0]
	kind = c.Object
	if c.Object == "file" {
		kind = strings.Trim(strings.TrimPrefix(c.Path, "hashes."), "'")
	}
	return kind, c.Value
}

// Get returns one indicator, or fault.NotFound.
func Get(tx *store.Tx, id string) (Indicator, error) {
	return store.One[Indicator](tx, `SELECT `+Columns+` FROM objects o WHERE o.id = $1 AND SCOPE(o)`, id)
}

// SameRule reports whether an indicator's rule says the same as another, but for
// what carries no meaning.
func (i Indicator) SameRule(yaml string) bool {
	o, err := stix.Parse([]byte(i.Body))
	return err == nil && sigma.Canonical(text(o, "pattern")) == sigma.Canonical(yaml)
}
