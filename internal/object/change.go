package object

import (
	"slices"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Change is what somebody who keeps a copy has to do: take the latest version of an object,
// or forget the object.
type Change struct {
	Object // of a recall, Realm, ID and Seq alone
	Recall bool
}

// recall is a version that left its stream.
type recall struct {
	Seq    int64  `db:"seq"`
	Realm  string `db:"realm"`
	ID     string `db:"id"`
	Stream int64  `db:"stream"`
	Was    int64  `db:"was"`
}

// Place is how far somebody is who keeps a copy. The zero Place is that of who has nothing.
type Place struct {
	Seq    int64 // position up to which it has all latest versions
	Recall int64 // position up to which it was told of recalls, or never had what was recalled
}

// Changes returns what changed behind a place in all realms, as far as the scope may see it,
// and the place behind that; more says that there is more. Recalls come first, then versions
// in the order of their positions. Whoever takes all from the zero Place on has what the
// scope may see, and nothing else, and is told to forget only what it was given. Positions
// of a place are those of what the scope may see, or could.
func (s *Store) Changes(tx *store.Tx, at Place, limit int) (list []Change, next Place, more bool, err error) {
	limit = min(max(limit, 1), MaxPage)
	next = at
	gone, cut, err := s.recalls(tx, at, limit)
	if err != nil {
		return nil, next, false, err
	}
	for _, r := range gone {
		next.Recall = r.Seq
		if r.Was > at.Seq {
			continue // it was not given
		}
		c, ok, err := insteadOf(tx, r, at.Seq)
		if err != nil {
			return nil, next, false, err
		}
		if ok {
			list = append(list, c)
		}
	}
	if cut {
		return list, next, true, nil
	}
	page, err := s.Read(tx, Ask{Realms: true, After: at.Seq, Limit: limit, Bodies: true})
	if err != nil {
		return nil, next, false, err
	}
	for _, o := range page.Objects {
		list = append(list, Change{Object: o})
	}
	next.Seq = page.Upto
	return list, next, page.More, nil
}

// insteadOf is what a recall is to who was at a position: the scope may see the object of
// another giver now, which was hidden behind what was recalled. ok is false if that
// comes by itself, at a later position.
func insteadOf(tx *store.Tx, r recall, after int64) (c Change, ok bool, err error) {
	now, err := store.Query[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.realm = $1 AND o.id = $2
		AND SCOPE(o) ORDER BY o.n LIMIT 1`, r.Realm, r.ID)
	switch {
	case err != nil:
		return Change{}, false, err
	case len(now) == 0:
		return Change{Object: Object{Realm: r.Realm, ID: r.ID, Seq: r.Seq}, Recall: true}, true, nil
	case now[0].Seq > after:
		return Change{}, false, nil
	}
	return Change{Object: now[0]}, true, nil
}

// recalls returns what was recalled behind a place, in streams that the scope may see; cut
// says that there is more. To who has nothing only the last of them matters.
func (s *Store) recalls(tx *store.Tx, at Place, limit int) (list []recall, cut bool, err error) {
	streams, _, err := s.visibleTo(tx)
	if err != nil {
		return nil, false, err
	}
	order := "ASC LIMIT $2"
	if at.Seq == 0 {
		order, limit = "DESC LIMIT $2", 0
	}
	for some := range slices.Chunk(streams, 400) {
		ids := make([]int64, len(some))
		for i, st := range some {
			ids[i] = st.ID
		}
		in, args := store.List(3, ids)
		rows, err := store.Query[recall](tx, `SELECT r.seq, r.realm, r.id, r.stream, r.was FROM object_recall r
			WHERE r.seq > $1 AND r.stream IN `+in+` ORDER BY r.seq `+order,
			append([]any{at.Recall, limit + 1}, args...)...)
		if err != nil {
			return nil, false, err
		}
		list = append(list, rows...)
	}
	slices.SortFunc(list, func(a, b recall) int { return int(a.Seq - b.Seq) })
	if at.Seq == 0 {
		return list[max(len(list)-1, 0):], false, nil
	}
	if len(list) > limit {
		list, cut = list[:limit], true
	}
	return list, cut, nil
}

// Commit is what was committed at a position, whoever may see it: the latest version of an
// object, or that one left its stream.
type Commit struct {
	Object // of a recall, Realm, ID, Seq and Stream alone
	Recall bool
	Was    int64 // of a recall: the position that the version had in its stream
	// Several reports that others gave an object of the same id. Who sees which of them is
	// to be asked by Changes.
	Several bool
}

type committed struct {
	Object
	Several bool `db:"several"`
}

// Committed returns what was committed after a position, in the order of the positions, for
// whoever tells many viewers at once; more says that there is more behind the last. It is
// for the scope of the system.
func (s *Store) Committed(tx *store.Tx, after int64, limit int) (list []Commit, more bool, err error) {
	rows, err := store.Query[committed](tx, `SELECT `+columns+`, EXISTS (SELECT 1 FROM stix_object d
		WHERE d.realm = o.realm AND d.id = o.id AND d.n <> o.n AND SCOPE(d)) AS several
		FROM stix_object o WHERE o.seq > $1 AND SCOPE(o) ORDER BY o.seq LIMIT $2`, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	for _, o := range rows {
		list = append(list, Commit{Object: o.Object, Several: o.Several})
	}
	gone, err := store.Query[recall](tx, `SELECT r.seq, r.realm, r.id, r.stream, r.was FROM object_recall r
		WHERE r.seq > $1 ORDER BY r.seq LIMIT $2`, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	for _, r := range gone {
		list = append(list, Commit{Object: Object{Realm: r.Realm, ID: r.ID, Seq: r.Seq, Stream: r.Stream},
			Recall: true, Was: r.Was})
	}
	slices.SortFunc(list, func(a, b Commit) int { return int(a.Seq - b.Seq) })
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, nil
}

// ChangedStreams returns the streams in which something was committed after a position, and
// the position of the last of it; for more than is worth looking at one by one.
func (s *Store) ChangedStreams(tx *store.Tx, after int64) (streams []int64, upto int64, err error) {
	if upto, err = s.Last(tx); err != nil || upto <= after {
		return nil, after, err
	}
	streams, err = store.Query[int64](tx, `SELECT DISTINCT o.stream FROM stix_object o WHERE o.seq > $1 AND SCOPE(o)
		UNION SELECT r.stream FROM object_recall r WHERE r.seq > $1`, after)
	return streams, upto, err
}

// Last returns the last position at which something was committed, whoever may see it.
func (s *Store) Last(tx *store.Tx) (int64, error) {
	return store.One[int64](tx, `SELECT coalesce(max(x.seq), 0) FROM (
		SELECT max(o.seq) AS seq FROM stix_object o WHERE SCOPE(o)
		UNION ALL SELECT max(r.seq) FROM object_recall r) x`)
}

// Reach returns who may see the objects of a stream, in a form to ask policy with.
func (s *Store) Reach(tx *store.Tx, stream int64) (policy.Handling, error) {
	st, err := streamByID(tx, stream)
	return st.Reach.handling(), err
}

// Could reports whether a viewer may see an object in some realm, or could before it was
// recalled. It is for the scope of the system.
func (s *Store) Could(tx *store.Tx, v policy.Viewer, id string) (bool, error) {
	rows, err := store.Query[Object](tx, `SELECT o.n, o.realm, o.id, o.seq, o.stream, o.modified, o.version, o.flags,
		NULL AS body, o.tlp, o.owner, o.audience FROM stix_object o WHERE o.id = $1
		AND o.realm IN (SELECT t.realm FROM object_stream t) AND SCOPE(o)`, id)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(rows, func(o Object) bool { return policy.MaySee(v, o.Handling) }) {
		return true, nil
	}
	was, err := store.Query[int64](tx, `SELECT DISTINCT r.stream FROM object_recall r WHERE r.id = $1`, id)
	for _, stream := range was {
		h, err := s.Reach(tx, stream)
		if err != nil || policy.MaySee(v, h) {
			return err == nil, err
		}
	}
	return false, err
}

// Listen has f called after each commit that changed something, of this process. It must
// return at once.
func (s *Store) Listen(f func()) {
	s.listenMu.Lock()
	defer s.listenMu.Unlock()
	s.listen = append(s.listen, f)
}

func (s *Store) changed() {
	s.listenMu.Lock()
	defer s.listenMu.Unlock()
	for _, f := range s.listen {
		f()
	}
}
