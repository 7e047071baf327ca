package object

import (
	"slices"
	"sync"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// stream is a set of objects that the same viewers may see, of one type in one realm.
// Streams are numbered from 1 on in the order of their commits, and never change.
type stream struct {
	ID    int64  `db:"stream"`
	Realm string `db:"realm"`
	Type  string `db:"type"`
	Reach reach  `db:"reach"`
}

// streams remembers the streams that were committed, and which of them viewers may see.
type streams struct {
	mu      sync.Mutex
	list    []stream               // under mu; the first ones
	ids     map[streamKey]int64    // under mu; of list
	viewers map[viewerKey]*visible // under mu
}

type streamKey struct {
	realm, typ string
	reach      reach
}

func (s stream) key() streamKey { return streamKey{s.Realm, s.Type, s.Reach} }

// viewerKey is what of a viewer policy asks for.
type viewerKey struct {
	user, member, sector string
	groups               policy.Groups
	hub, desk, machine   bool
}

// visible is which of the first known streams a viewer may see.
type visible struct {
	ids   []int64
	known int
}

// maxViewers bounds the viewers that are remembered.
const maxViewers = 2000

// newer reads the streams behind the first known ones, as tx sees them.
func newer(tx *store.Tx, known int) ([]stream, error) {
	return store.Query[stream](tx, `SELECT stream, realm, type, reach FROM object_stream
		WHERE stream > $1 ORDER BY stream`, known)
}

// refresh reads the streams that were committed since the last time. It does so in a
// transaction of its own: what the caller's has made may be rolled back.
func (s *Store) refresh(tx *store.Tx) error {
	return s.db.Read(tx.Context(), store.System("object: streams"), func(tx *store.Tx) error {
		s.streams.mu.Lock()
		defer s.streams.mu.Unlock()
		rows, err := newer(tx, len(s.streams.list))
		for _, r := range rows {
			s.streams.list = append(s.streams.list, r)
			s.streams.ids[r.key()] = r.ID
		}
		return err
	})
}

// idOf returns the number of a stream, and makes one that is new.
func (s *Store) idOf(tx *store.Tx, key streamKey) (int64, error) {
	s.streams.mu.Lock()
	id, ok := s.streams.ids[key]
	s.streams.mu.Unlock()
	if ok {
		return id, nil
	}
	rows, err := store.Query[int64](tx, `SELECT stream FROM object_stream WHERE realm = $1 AND type = $2
		AND reach = $3`,
		key.realm, key.typ, string(key.reach))
	if err != nil {
		return 0, err
	}
	if len(rows) > 0 {
		return rows[0], nil
	}
	id, err = store.One[int64](tx, `SELECT coalesce(max(stream), 0) + 1 FROM object_stream`)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`INSERT INTO object_stream (stream, realm, type, reach, heads, old) VALUES ($1, $2, $3, $4, 0, 0)`,
		id, key.realm, key.typ, string(key.reach))
	return id, err
}

// visibleTo returns the streams that the scope of tx may see, and whether these are all.
func (s *Store) visibleTo(tx *store.Tx) (list []stream, all bool, err error) {
	s.streams.mu.Lock()
	known := len(s.streams.list)
	s.streams.mu.Unlock()
	more, err := newer(tx, known)
	if err != nil {
		return nil, false, err
	}
	if len(more) > 0 {
		if err := s.refresh(tx); err != nil {
			return nil, false, err
		}
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	v, person := tx.Scope().Viewer()
	if !person {
		return slices.Concat(s.streams.list[:known], more), true, nil
	}
	key := viewerKey{v.User, v.Member, v.Sector, v.Groups, v.Hub, v.Coordinator, v.Machine}
	have := s.streams.viewers[key]
	if have == nil {
		if len(s.streams.viewers) >= maxViewers {
			clear(s.streams.viewers)
		}
		have = &visible{}
		s.streams.viewers[key] = have
	}
	for ; have.known < known; have.known++ {
		if st := s.streams.list[have.known]; policy.MaySee(v, st.Reach.handling()) {
			have.ids = append(have.ids, st.ID)
		}
	}
	for _, id := range have.ids {
		if int(id) > known {
			break // committed after tx began
		}
		list = append(list, s.streams.list[id-1])
	}
	for _, st := range more {
		if policy.MaySee(v, st.Reach.handling()) {
			list = append(list, st)
		}
	}
	return list, len(list) == known+len(more), nil
}
