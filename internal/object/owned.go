package object

import (
	"slices"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Own returns the latest versions of objects that an owner gave, by their ids, as far as
// the scope may see them.
func Own(tx *store.Tx, realm, owner string, ids []string) (out []Object, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for some := range slices.Chunk(ids, 400) {
		in, args := store.List(3, some)
		rows, err := store.Query[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.realm = $1 AND o.owner = $2
			AND o.id IN `+in+` AND SCOPE(o)`, append([]any{realm, owner}, args...)...)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Given returns the latest versions of an object, one of each who gave it, as far as the
// scope may see them.
func Given(tx *store.Tx, realm, id string) ([]Object, error) {
	return store.Query[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.realm = $1 AND o.id = $2 AND SCOPE(o)
		ORDER BY o.n`, realm, id)
}

// OwnReferring returns the latest versions of all objects of an owner that refer to an
// object by its id, in the order in which they came first, as far as the scope may see them.
func OwnReferring(tx *store.Tx, realm, owner, target string) (out []Object, err error) {
	for o, err := range store.Rows[Object](tx, `SELECT `+columns+` FROM object_reference x
		JOIN stix_object o ON o.n = x.n WHERE x.target = $1 AND o.realm = $2 AND o.owner = $3 AND SCOPE(o) ORDER BY o.n`,
		hash(target), realm, owner) {
		if err != nil {
			return nil, err
		}
		if parsed, err := stix.Parse(o.Body); err == nil && slices.Contains(targets(parsed), target) {
			out = append(out, o)
		}
	}
	return out, nil
}

// ReferringAny returns the latest versions of objects of some types that refer to one of
// several objects, in the order in which they came first, as far as the scope may see them.
func ReferringAny(tx *store.Tx, realm string, ids, types []string) (out []Object, err error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	seen := map[int64]bool{}
	for some := range slices.Chunk(ids, 400) {
		keys := make([]int64, len(some))
		for i, id := range some {
			keys[i] = hash(id)
		}
		in, args := store.List(2, keys)
		for o, err := range store.Rows[Object](tx, `SELECT `+columns+` FROM object_reference x
			JOIN stix_object o ON o.n = x.n WHERE o.realm = $1 AND x.target IN `+in+` AND SCOPE(o)
			AND NOT EXISTS (`+firstGiven+`)`, append([]any{realm}, args...)...) {
			if err != nil {
				return nil, err
			}
			typ, _ := stix.SplitID(o.ID)
			if seen[o.N] || !slices.Contains(types, typ) {
				continue
			}
			parsed, err := stix.Parse(o.Body)
			if err == nil && slices.ContainsFunc(targets(parsed), func(t string) bool { return wanted[t] }) {
				seen[o.N] = true
				out = append(out, o)
			}
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return int(a.N - b.N) })
	return out, nil
}

// Touch says when objects with one marking that refer to an object last came.
type Touch struct {
	Owner string     `db:"owner"`
	TLP   policy.TLP `db:"tlp"`
	Last  int64      `db:"last"` // position
}

// Touched returns when objects that refer to each of several objects last came, by the ids
// of those, as far as the scope may see them. One that nothing refers to is not in it.
func Touched(tx *store.Tx, realm string, ids []string) (map[string][]Touch, error) {
	byKey := map[int64][]string{}
	for _, id := range ids {
		byKey[hash(id)] = append(byKey[hash(id)], id)
	}
	type row struct {
		Target int64 `db:"target"`
		Touch
	}
	out := map[string][]Touch{}
	for some := range slices.Chunk(ids, 400) {
		keys := make([]int64, len(some))
		for i, id := range some {
			keys[i] = hash(id)
		}
		in, args := store.List(2, keys)
		rows, err := store.Query[row](tx, `SELECT x.target AS target, o.owner AS owner, o.tlp AS tlp, max(o.seq) AS last
			FROM object_reference x JOIN stix_object o ON o.n = x.n WHERE o.realm = $1 AND x.target IN `+in+`
			AND SCOPE(o) GROUP BY x.target, o.owner, o.tlp`, append([]any{realm}, args...)...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			for _, id := range byKey[r.Target] {
				out[id] = append(out[id], r.Touch)
			}
		}
	}
	return out, nil
}

// Numbered returns the latest version of an object by its number, see Object.N, as far as
// the scope may see it; fault.NotFound if it may not.
func Numbered(tx *store.Tx, n int64) (Object, error) {
	return store.One[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.n = $1 AND SCOPE(o)
		AND NOT EXISTS (`+firstGiven+`)`, n)
}

// Day is the objects of a type that came first on one day (UTC).
type Day struct {
	Day   int64 `db:"day"` // days since 1970
	Last  int64 `db:"last"`
	Count int64 `db:"count"`
}

const dayMicros = 24 * 60 * 60 * 1_000_000

// Days returns the days on which objects of a type came first that do not have a text in
// them, as far as the scope may see them.
func (s *Store) Days(tx *store.Tx, realm, typ, without string) ([]Day, error) {
	streams, _, err := s.wanted(tx, Ask{Realm: realm, Types: []string{typ}})
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(streams))
	for i, st := range streams {
		ids[i] = st.ID
	}
	days := map[int64]Day{}
	for some := range slices.Chunk(ids, 400) {
		in, args := store.List(2, some)
		rows, err := store.Query[Day](tx, `SELECT o.n / 86400000000 AS day, max(o.seq) AS last, count(*) AS count
			FROM stix_object o WHERE o.stream IN `+in+` AND SCOPE(o) AND NOT EXISTS (`+firstGiven+`)
			AND `+lacks(tx.Engine())+` GROUP BY 1`, append([]any{without}, args...)...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			d := days[r.Day]
			days[r.Day] = Day{r.Day, max(d.Last, r.Last), d.Count + r.Count}
		}
	}
	out := make([]Day, 0, len(days))
	for _, d := range days {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Day) int { return int(a.Day - b.Day) })
	return out, nil
}

// lacks is the condition that a body does not hold the text $1.
func lacks(e store.Engine) string {
	if e == store.Postgres {
		return `position(convert_to($1, 'UTF8') in o.body) = 0`
	}
	return `instr(o.body, $1) = 0`
}

// OfDay returns the objects that Days counts of one day, in the order in which they came.
func (s *Store) OfDay(tx *store.Tx, realm, typ, without string, day int64) (out []Object, err error) {
	streams, _, err := s.wanted(tx, Ask{Realm: realm, Types: []string{typ}})
	if err != nil {
		return nil, err
	}
	rows, err := store.Query[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.n >= $2 AND o.n < $3
		AND SCOPE(o) AND NOT EXISTS (`+firstGiven+`) AND `+lacks(tx.Engine())+` ORDER BY o.n`,
		without, day*dayMicros, (day+1)*dayMicros)
	return inStreams(rows, streams), err
}
