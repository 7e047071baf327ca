package publish

import (
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/feed"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Progress is how far one member is with one indicator.
type Progress struct {
	Object   string    `db:"object"`
	Member   string    `db:"member"`
	State    string    `db:"state"` // wire.State; "" if it was addressed and nothing came back yet
	Sent     time.Time `db:"-"`     // when it was made
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

// Progress lists, for each of the indicators, the members that may have it now or have
// said something of it, and how far they are. Who is armed tells who is a member and
// nothing of their events; hits are shown only to whom the caller may show them.
func (p *Publisher) Progress(tx *store.Tx, people []identity.Member,
	rows ...indicator.Indicator) (out []Progress, err error) {
	for some := range slices.Chunk(rows, 400) {
		ids := make([]string, len(some))
		for i, r := range some {
			ids[i] = r.ID
		}
		said, err := saidOf(tx, ids)
		if err != nil {
			return nil, err
		}
		places, err := placesOf(tx, some)
		if err != nil {
			return nil, err
		}
		for _, r := range some {
			list := said[r.ID]
			open := slices.DeleteFunc(feed.Entitled(people, r.Handling), func(m identity.Member) bool {
				return slices.ContainsFunc(list, func(p Progress) bool { return p.Member == m.ID && !p.Armed.IsZero() })
			})
			ranges, err := p.rangesOf(tx, open, places[r.ID])
			if err != nil {
				return nil, err
			}
			for _, m := range open {
				far := Progress{Object: r.ID, Member: m.ID}
				row, ok := ranges[m.ID]
				if ok {
					far = row.progress(r)
				}
				if at := slices.IndexFunc(list, func(p Progress) bool { return p.Member == m.ID }); at < 0 {
					list = append(list, far)
				} else if list[at].State == string(wire.Hunted) {
					list[at].Armed = far.Armed
				}
			}
			for i := range list {
				list[i].Sent = r.Made
			}
			slices.SortFunc(list, func(a, b Progress) int { return strings.Compare(a.Member, b.Member) })
			out = append(out, list...)
		}
	}
	return out, nil
}

// saidOf returns what members said of objects, by object.
func saidOf(tx *store.Tx, ids []string) (map[string][]Progress, error) {
	in, args := store.List(1, ids)
	list, err := store.Query[Progress](tx, `SELECT p.object, p.member, p.state, p.armed, p.hunted, p.searched,
		CASE WHEN x.n > p.hits THEN x.n ELSE p.hits END AS hits, p.reason
		FROM progress p LEFT JOIN (SELECT s.object, s.member, CAST(sum(s.count) AS BIGINT) AS n FROM sightings s
			WHERE s.retro = TRUE AND s.object IN `+in+` AND SCOPE(s) GROUP BY s.object, s.member) x
			ON x.object = p.object AND x.member = p.member
		WHERE p.object IN `+in, args...)
	out := map[string][]Progress{}
	for _, p := range list {
		out[p.Object] = append(out[p.Object], p)
	}
	return out, err
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
