package object

import (
	"slices"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Whoever may see a version of an object may see its latest one too: else what they see
// would show that there is one that they may not see. So a version that is marked more
// strictly takes those before it with it: they are their owner's alone from then on.

// SetHandling marks an object of an owner anew. It comes again, at a new position, for
// all who may see it now, and those who may not any more are told to forget it. What is held
// is shown to no more than before, see Item.Held.
func (s *Store) SetHandling(tx *store.Tx, realm, id, owner string, h policy.Handling) error {
	o, err := own(tx, realm, id, owner)
	if err != nil {
		return err
	}
	old, err := streamByID(tx, o.Stream)
	if err != nil {
		return err
	}
	h.Owner = owner
	b := batch{s: s, tx: tx, counts: map[int64]*[2]int64{}, items: 2}
	to := reachOf(h)
	if err := held(o, old.Reach, to); err != nil {
		return err
	}
	if !to.covers(old.Reach) {
		if err := b.recall(o); err != nil {
			return err
		}
	}
	if err := b.narrow(o.N, old.Type, old.Realm, to, owner); err != nil {
		return err
	}
	if err := b.move("stix_object", o, streamKey{old.Realm, old.Type, to}, h); err != nil {
		return err
	}
	return b.write()
}

// Delete removes an object of an owner, with all its versions. Those who could see it are
// told to forget it.
func (s *Store) Delete(tx *store.Tx, realm, id, owner string) error {
	o, err := own(tx, realm, id, owner)
	if err != nil {
		return err
	}
	b := batch{s: s, tx: tx, counts: map[int64]*[2]int64{}, items: 1}
	if err := b.recall(o); err != nil {
		return err
	}
	b.count(o.Stream, -1, 0)
	old, err := b.olds(o.N)
	if err != nil {
		return err
	}
	for _, v := range old {
		b.count(v.Stream, 0, -1)
	}
	for _, table := range []string{"stix_object", "stix_object_old"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE n = $1 AND SCOPE(`+table+`)`, o.N); err != nil {
			return err
		}
	}
	if err := b.unindex(o.N); err != nil {
		return err
	}
	if err := b.dropText(o.Seq); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM object_source WHERE n = $1`, o.N); err != nil {
		return err
	}
	return b.write()
}

// DeleteVersions removes those versions of an object of an owner for which gone returns
// true; fault.NotFound if there are none. Those who could see one are told to forget the
// object, unless they may see another version.
func (s *Store) DeleteVersions(tx *store.Tx, realm, id, owner string,
	gone func(o Object, first, last bool) bool) error {
	latest, err := own(tx, realm, id, owner)
	if err != nil {
		return err
	}
	b := batch{s: s, tx: tx, counts: map[int64]*[2]int64{}, items: 1}
	list, err := b.olds(latest.N)
	if err != nil {
		return err
	}
	list = append(list, latest)
	slices.SortFunc(list, func(a, b Object) int { return a.Modified.Compare(b.Modified) })
	var stay, leave []Object
	for i, o := range list {
		if gone(o, i == 0, i == len(list)-1) {
			leave = append(leave, o)
		} else {
			stay = append(stay, o)
		}
	}
	switch {
	case len(leave) == 0:
		return fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	case len(stay) == 0:
		return s.Delete(tx, realm, id, owner)
	}
	for _, o := range leave {
		if err := b.recall(o); err != nil {
			return err
		}
		table := "stix_object_old"
		if o.Seq == latest.Seq {
			table = "stix_object"
		} else {
			b.count(o.Stream, 0, -1)
		}
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE seq = $1 AND SCOPE(`+table+`)`, o.Seq); err != nil {
			return err
		}
	}
	if err := b.first(stay[0]); err != nil {
		return err
	}
	if last := stay[len(stay)-1]; last.Seq != latest.Seq {
		if err := b.restore(latest, last, len(stay) == 1); err != nil {
			return err
		}
	}
	return b.write()
}

// first marks a version as the first of its object.
func (b *batch) first(o Object) error {
	if o.Flags&First != 0 {
		return nil
	}
	for _, table := range []string{"stix_object", "stix_object_old"} {
		if _, err := b.tx.Exec(`UPDATE `+table+` SET flags = flags + $1 WHERE seq = $2 AND SCOPE(`+table+`)`,
			int64(First), o.Seq); err != nil {
			return err
		}
	}
	return nil
}

// restore makes a version the latest in the place of one that was deleted.
func (b *batch) restore(deleted, o Object, only bool) error {
	if only {
		o.Flags |= First
	}
	b.count(deleted.Stream, -1, 0)
	b.count(o.Stream, 1, -1)
	if _, err := b.tx.Exec(`DELETE FROM stix_object_old WHERE seq = $1 AND SCOPE(stix_object_old)`, o.Seq); err != nil {
		return err
	}
	if err := store.Insert(b.tx, "stix_object", []Object{o}); err != nil {
		return err
	}
	so, err := stix.Parse(o.Body)
	if err != nil {
		return err
	}
	if err := b.unindex(o.N); err != nil {
		return err
	}
	if err := b.setText(deleted.Seq, o); err != nil {
		return err
	}
	return b.index(references(o.N, so), valueRows(o.N, Values(so)))
}

// unindex forgets what an object refers to and is about.
func (b *batch) unindex(n int64) error {
	for _, table := range []string{"object_reference", "object_value"} {
		if _, err := b.tx.Exec(`DELETE FROM `+table+` WHERE n = $1`, n); err != nil {
			return err
		}
	}
	return nil
}

// own returns the latest version of an object that an owner gave.
func own(tx *store.Tx, realm, id, owner string) (Object, error) {
	list, err := store.Query[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.realm = $1 AND o.id = $2
		AND o.owner = $3
		AND SCOPE(o)`,
		realm, id, owner)
	if err != nil {
		return Object{}, err
	}
	if len(list) == 0 {
		return Object{}, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	return list[0], nil
}

func streamByID(tx *store.Tx, id int64) (stream, error) {
	return store.One[stream](tx, `SELECT stream, realm, type, reach FROM object_stream WHERE stream = $1`, id)
}

func (b *batch) olds(n int64) ([]Object, error) {
	return store.Query[Object](b.tx, `SELECT `+columns+` FROM stix_object_old o WHERE o.n = $1 AND SCOPE(o)`, n)
}

// narrow makes versions that are wider than the latest one their owner's alone.
func (b *batch) narrow(n int64, typ, realm string, latest reach, owner string) error {
	list, err := b.olds(n)
	if err != nil {
		return err
	}
	h := ownerOnly(owner)
	for _, o := range list {
		if latest.covers(reachOf(o.Handling)) || reachOf(o.Handling) == reachOf(h) {
			continue
		}
		if err := b.recall(o); err != nil {
			return err
		}
		if err := b.move("stix_object_old", o, streamKey{realm, typ, reachOf(h)}, h); err != nil {
			return err
		}
	}
	return nil
}

// recall notes that a version leaves its stream.
func (b *batch) recall(o Object) error {
	seq, err := b.position()
	if err != nil {
		return err
	}
	_, err = b.tx.Exec(`INSERT INTO object_recall (seq, n, realm, id, stream, was)
		VALUES ($1, $2, $3, $4, $5, $6)`, seq, o.N, o.Realm, o.ID, o.Stream, o.Seq)
	return err
}

// move puts a version into another stream, at a new position.
func (b *batch) move(table string, o Object, to streamKey, h policy.Handling) error {
	id, err := b.s.idOf(b.tx, to)
	if err != nil {
		return err
	}
	seq, err := b.position()
	if err != nil {
		return err
	}
	heads := int64(1)
	if table == "stix_object_old" {
		heads = 0
	}
	b.count(o.Stream, -heads, heads-1)
	b.count(id, heads, 1-heads)
	if table == "stix_object" {
		was := o.Seq
		o.Seq, o.Stream, o.Handling = seq, id, h
		if err := b.setText(was, o); err != nil {
			return err
		}
	}
	_, err = b.tx.Exec(`UPDATE `+table+` SET seq = $1, stream = $2, tlp = $3, owner = $4, audience = $5
		WHERE n = $6 AND modified = $7 AND SCOPE(`+table+`)`,
		seq, id, int(h.TLP), h.Owner, h.Audience.Column(), o.N, o.Modified)
	return err
}
