package object

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// Change is what somebody who keeps a copy has to do to it at a position: take the latest
// version of an object, or forget the object.
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

// Changes returns what changed after a position in all realms, as far as the scope may see
// it, in the order of the positions; more says that there is more behind the last. Whoever
// takes them all from 0 on has what the scope may see, and nothing else. What was recalled
// before they took it is not among them.
func (s *Store) Changes(tx *store.Tx, after int64, limit int) (list []Change, more bool, err error) {
	limit = min(max(limit, 1), MaxPage)
	page, err := s.Read(tx, Ask{Realms: true, After: after, Limit: limit, Bodies: true})
	if err != nil {
		return nil, false, err
	}
	for _, o := range page.Objects {
		list = append(list, Change{Object: o})
	}
	gone, cut, err := s.recalls(tx, after, limit)
	if err != nil {
		return nil, false, err
	}
	// Behind where one of the two was cut, the other is not complete.
	upto := int64(-1)
	if page.More {
		upto = page.Upto
	}
	if cut && (upto < 0 || gone[len(gone)-1].Seq < upto) {
		upto = gone[len(gone)-1].Seq
	}
	for _, r := range gone {
		if upto >= 0 && r.Seq > upto {
			break
		}
		c, ok, err := insteadOf(tx, r, after)
		if err != nil {
			return nil, false, err
		}
		if ok {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return int(a.Seq - b.Seq) })
	if upto >= 0 {
		list = slices.DeleteFunc(list, func(c Change) bool { return c.Seq > upto })
	}
	if len(list) > limit {
		list, upto = list[:limit], 0
	}
	if upto >= 0 && len(list) == 0 { // recalls of what the scope sees anew: it gets that later
		return s.Changes(tx, upto, limit)
	}
	return list, upto >= 0, nil
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
	now[0].Seq = r.Seq
	return Change{Object: now[0]}, true, nil
}

// recalls returns what was recalled after a position, of what was before it in streams that
// the scope may see; cut says that there is more.
func (s *Store) recalls(tx *store.Tx, after int64, limit int) (list []recall, cut bool, err error) {
	streams, _, err := s.visibleTo(tx)
	if err != nil {
		return nil, false, err
	}
	for some := range slices.Chunk(streams, 400) {
		args := []any{after, limit + 1}
		marks := make([]string, len(some))
		for i, st := range some {
			args = append(args, st.ID)
			marks[i] = fmt.Sprintf("$%d", i+3)
		}
		rows, err := store.Query[recall](tx, `SELECT r.seq, r.realm, r.id, r.stream, r.was FROM object_recall r
			WHERE r.seq > $1 AND r.was <= $1 AND r.stream IN (`+strings.Join(marks, ",")+`) ORDER BY r.seq LIMIT $2`,
			args...)
		if err != nil {
			return nil, false, err
		}
		list = append(list, rows...)
	}
	slices.SortFunc(list, func(a, b recall) int { return int(a.Seq - b.Seq) })
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
