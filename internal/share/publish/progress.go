package publish

import (
	"fmt"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Progress is how far one member is with one indicator.
type Progress struct {
	Object   string    `db:"object"`
	Member   string    `db:"member"`
	State    string    `db:"state"` // wire.State; "" if it was addressed and nothing came back yet
	Sent     time.Time `db:"sent"`
	Armed    time.Time `db:"armed"`
	Hunted   time.Time `db:"hunted"`
	Searched int64     `db:"searched"`
	// events in its past, as its receipt or its sightings tell; hitsUndisclosed if neither does
	Hits   int64  `db:"hits"`
	Reason string `db:"reason"`
}

// isArmed reports whether the member matches the indicator now.
func (p Progress) isArmed() bool { return !p.Armed.IsZero() && p.State != string(wire.Disarmed) }

// hitsUndisclosed says that a member did not tell what a search of its past found.
const hitsUndisclosed = -1

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
	return store.Query[Progress](tx,
		`SELECT d.object AS object, d.member AS member, coalesce(p.state,'') AS state, min(d.at) AS sent,
			coalesce(p.armed,0) AS armed, coalesce(p.hunted,0) AS hunted,
 coalesce(p.searched,0) AS searched, CASE WHEN x.n > coalesce(p.hits,0) THEN x.n ELSE coalesce(p.hits,0) END AS hits,
coalesce(p.reason,'') AS reason
FROM delivery d LEFT JOIN progress p ON p.object = d.object AND p.member = d.member
LEFT JOIN (SELECT s.object, s.member, CAST(sum(s.count) AS BIGINT) AS n FROM sightings s WHERE s.retro = TRUE
AND SCOPE(s) GROUP BY s.object, s.member) x ON x.object = d.object AND x.member = d.member
WHERE d.object IN (`+strings.Join(list, ",")+`)
GROUP BY d.object, d.member, p.state, p.armed, p.hunted, p.searched, p.hits, x.n, p.reason ORDER BY d.object, d.member`,
		args...)
}

// Seen is one sighting.
type Seen struct {
	ID       string          `db:"id"`
	Object   string          `db:"object"`
	Member   string          `db:"member"`
	Count    int             `db:"count"`
	First    time.Time       `db:"first"`
	Last     time.Time       `db:"last"`
	Retro    bool            `db:"retro"`
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

// SightingsOf lists the sightings of an indicator that the scope may see.
func SightingsOf(tx *store.Tx, object string) ([]Seen, error) {
	return store.Query[Seen](tx, `SELECT s.id, s.object, s.member, s.count, s.first, s.last, s.retro, s.at, s.tlp,
		s.owner, s.audience FROM sightings s WHERE s.object = $1 AND SCOPE(s) ORDER BY s.at`, object)
}

type countRow struct {
	Object string `db:"object"`
	N      int64  `db:"n"`
}

// foundBy counts the members that saw each indicator, of the sightings that the scope may see.
func foundBy(tx *store.Tx, objects []string) (map[string]int64, error) {
	in, args := store.List(1, objects)
	rows, err := store.Query[countRow](tx, `SELECT s.object, count(DISTINCT s.member) AS n FROM sightings s
		WHERE s.object IN `+in+` AND SCOPE(s) GROUP BY s.object`, args...)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Object] = r.N
	}
	return out, err
}

// progressOf is ProgressOf in pieces that fit any database's bound on arguments.
func progressOf(tx *store.Tx, ids []string) ([]Progress, error) {
	var out []Progress
	for len(ids) > 0 {
		part := ids[:min(len(ids), 500)]
		list, err := ProgressOf(tx, part...)
		if err != nil {
			return nil, err
		}
		out, ids = append(out, list...), ids[len(part):]
	}
	return out, nil
}
