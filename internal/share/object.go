package share

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// objectRow is an indicator as it is stored: at the hub with where it came
// from, at a node with how far the node is.
type objectRow struct {
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
	Words      string          `db:"words"`
	Handling   policy.Handling `db:",handling"`
}

// Indicator is an indicator as it is shown.
type Indicator = objectRow

const objectColumns = "o.id, o.modified, o.realm, o.name, o.kind, o.value, o.level, o.body, o.valid_until, o.confidence, o.case_id, o.finding, o.made, o.sensed, o.withdrawn, o.state, o.hunted, o.halted, o.hits, o.words, o.tlp, o.owner, o.audience"

// save writes the object, replacing an older version of it.
func (r objectRow) save(tx *store.Tx) error {
	_, err := tx.Exec(`INSERT INTO objects (id, modified, realm, name, kind, value, level, body, valid_until, confidence, case_id, finding, made, sensed, withdrawn, state, hunted, hits, words, tlp, owner, audience)
VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22)
ON CONFLICT (id) DO UPDATE SET modified = excluded.modified, name = excluded.name, body = excluded.body, valid_until = excluded.valid_until, confidence = excluded.confidence,
 withdrawn = excluded.withdrawn, state = excluded.state, hunted = excluded.hunted, halted = excluded.halted, hits = excluded.hits, words = excluded.words, tlp = excluded.tlp, owner = excluded.owner, audience = excluded.audience`,
		r.ID, clock.Micros(r.Modified), r.Realm, r.Name, r.Kind, r.Value, r.Level, r.Body, clock.Micros(r.ValidUntil), r.Confidence, r.Case, r.Finding,
		clock.Micros(r.Made), clock.Micros(r.Sensed), clock.Micros(r.Withdrawn), r.State, r.Hunted, r.Hits, r.Words,
		int(r.Handling.TLP), r.Handling.Owner, r.Handling.Audience.Column())
	return err
}

// rowOf reads an object that came over the wire.
func rowOf(o wire.Object, now time.Time) (objectRow, error) {
	r := objectRow{ID: o.ID, Modified: o.Modified, Realm: o.Realm, Made: now, Handling: o.Handling}
	so, err := stix.Parse(o.STIX)
	if err != nil {
		return r, fault.Wrap(fault.Invalid, i18n.T("not a valid STIX object", "有効な STIX オブジェクトではありません"), err)
	}
	if so.ID() != o.ID || so.Type() != "indicator" {
		return r, fault.New(fault.Invalid, i18n.T("not the indicator that was announced", "告げられた指標ではありません"))
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

func text(o *stix.Object, name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// subject gives what an indicator is about, for lists.
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

// Get gives one indicator, or fault.NotFound.
func Get(tx *store.Tx, id string) (Indicator, error) {
	return store.One[Indicator](tx, `SELECT `+objectColumns+` FROM objects o WHERE o.id = $1 AND SCOPE(o)`, id)
}

// Progress is how far one member is with one indicator.
type Progress struct {
	Object   string    `db:"object"`
	Member   string    `db:"member"`
	State    string    `db:"state"` // wire.State; "" if it was addressed and nothing came back yet
	Sent     time.Time `db:"sent"`
	Armed    time.Time `db:"armed"`
	Hunted   time.Time `db:"hunted"`
	Searched int64     `db:"searched"`
	Hits     int64     `db:"hits"` // events in its past, as its receipt or its sightings tell; hitsUntold if neither does
	Reason   string    `db:"reason"`
}

// hitsUntold says that a member did not tell what a search of its past found.
const hitsUntold = -1

// ProgressOf lists the members that indicators were addressed to, and how far
// they are. Who is armed tells who is a member and nothing of their events;
// hits are shown only to whom the caller may show them.
func ProgressOf(tx *store.Tx, objects ...string) ([]Progress, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	var args []any
	list := make([]string, len(objects))
	for i, id := range objects {
		args = append(args, id)
		list[i] = fmt.Sprintf("$%d", i+1)
	}
	return store.Query[Progress](tx, `SELECT d.object AS object, d.member AS member, coalesce(p.state,'') AS state, min(d.at) AS sent, coalesce(p.armed,0) AS armed, coalesce(p.hunted,0) AS hunted,
 coalesce(p.searched,0) AS searched, CASE WHEN x.n > coalesce(p.hits,0) THEN x.n ELSE coalesce(p.hits,0) END AS hits, coalesce(p.reason,'') AS reason
FROM delivery d LEFT JOIN progress p ON p.object = d.object AND p.member = d.member
LEFT JOIN (SELECT s.object, s.member, CAST(sum(s.count) AS BIGINT) AS n FROM sightings s WHERE s.past = TRUE AND SCOPE(s) GROUP BY s.object, s.member) x ON x.object = d.object AND x.member = d.member
WHERE d.object IN (`+strings.Join(list, ",")+`)
GROUP BY d.object, d.member, p.state, p.armed, p.hunted, p.searched, p.hits, x.n, p.reason ORDER BY d.object, d.member`, args...)
}

// Seen is one sighting.
type Seen struct {
	ID       string          `db:"id"`
	Object   string          `db:"object"`
	Member   string          `db:"member"`
	Count    int             `db:"count"`
	First    time.Time       `db:"first"`
	Last     time.Time       `db:"last"`
	Retro    bool            `db:"past"`
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

// SightingsOf lists the sightings of an indicator that the scope may see.
func SightingsOf(tx *store.Tx, object string) ([]Seen, error) {
	return store.Query[Seen](tx, `SELECT s.id, s.object, s.member, s.count, s.first, s.last, s.past, s.at, s.tlp, s.owner, s.audience FROM sightings s WHERE s.object = $1 AND SCOPE(s) ORDER BY s.at`, object)
}
