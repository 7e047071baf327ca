package object

import (
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// revise takes another version of an object that is here, of the same owner.
func (b *batch) revise(g *given) (Outcome, error) {
	if err := fits(g); err != nil {
		return Outcome{Err: err}, nil
	}
	seq, err := b.position()
	if err != nil {
		return Outcome{}, err
	}
	g.position = seq
	older := !g.at.IsZero() && g.at.Before(g.mine.Modified)
	if older && !reachOf(g.mine.Handling).covers(g.reach) {
		g.Handling = ownerOnly(g.Handling.Owner)
		g.reach = reachOf(g.Handling)
	}
	id, err := b.s.idOf(b.tx, streamKey{g.Realm, g.Object.Type(), g.reach})
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{New: true, Latest: !older, Seq: seq, Version: versionText(g, seq)}
	if older {
		return out, b.older(g, id)
	}
	return out, b.newer(g, id)
}

// fits reports why a version cannot be one of the object that is here.
func fits(g *given) error {
	head, err := stix.Parse(g.mine.Body)
	if err != nil {
		return err
	}
	switch {
	case head.Created().Compare(g.Object.Created()) != 0 || head.CreatedByRef() != g.Object.CreatedByRef():
		return fault.New(fault.Conflict,
			i18n.T("created and created_by_ref are not those of the object's other versions",
				"created と created_by_ref がほかの版と異なります"))
	case g.mine.Flags&Revoked != 0 && g.at.After(g.mine.Modified):
		return fault.New(fault.Conflict, i18n.T("the object is revoked; there is no version after that",
			"取り消し済みのオブジェクトです。以降の版は作成できません"))
	case !g.Held:
		return held(*g.mine, reachOf(g.mine.Handling), g.reach)
	}
	return nil
}

// held reports that an object may not be shown to more, since its owner holds it for
// somebody else.
func held(o Object, was, to reach) error {
	if o.Flags&Held == 0 || was.covers(to) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("it was given without a name: only who gave it may have it shown to more",
		"名を伏せて提供された情報です。共有範囲を広げられるのは提供元だけです"))
}

// newer makes the version the latest.
func (b *batch) newer(g *given, stream int64) error {
	if err := store.Insert(b.tx, "stix_object_old", []Object{*g.mine}); err != nil {
		return err
	}
	b.count(g.mine.Stream, -1, 1)
	b.count(stream, 1, 0)
	if err := b.narrow(g.mine.N, g.Object.Type(), g.Realm, g.reach, g.Handling.Owner); err != nil {
		return err
	}
	o := g.row(stream, false)
	if err := update(b.tx, "stix_object", o); err != nil {
		return err
	}
	if err := b.unindex(o.N); err != nil {
		return err
	}
	if err := b.setText(g.mine.Seq, o); err != nil {
		return err
	}
	b.source(o.N, g, o.Modified)
	return b.index(references(o.N, g.Object), valueRows(o.N, g.values))
}

// older puts a version between those that are here.
func (b *batch) older(g *given, stream int64) error {
	earlier, err := store.One[int64](b.tx, `SELECT count(*) FROM stix_object_old o WHERE o.n = $1 AND o.modified < $2
		AND SCOPE(o)`,
		g.mine.N, g.at)
	if err != nil {
		return err
	}
	if earlier == 0 {
		for _, table := range []string{"stix_object", "stix_object_old"} {
			_, err := b.tx.Exec(`UPDATE `+table+` SET flags = flags - $1 WHERE n = $2 AND (flags / $1) % 2 = 1
				AND SCOPE(`+table+`)`, int64(First), g.mine.N)
			if err != nil {
				return err
			}
		}
	}
	b.count(stream, 0, 1)
	o := g.row(stream, earlier == 0)
	b.source(o.N, g, o.Modified)
	return store.Insert(b.tx, "stix_object_old", []Object{o})
}

// update writes a version over the one that is in its row.
func update(tx *store.Tx, table string, o Object) error {
	_, err := tx.Exec(`UPDATE `+table+` SET seq = $1, stream = $2, modified = $3, version = $4, flags = $5, body = $6,
		tlp = $7, owner = $8, audience = $9 WHERE n = $10 AND SCOPE(`+table+`)`, o.Seq, o.Stream, o.Modified, o.Version,
		int64(o.Flags), o.Body, int(o.Handling.TLP), o.Handling.Owner, o.Handling.Audience.Column(), o.N)
	return err
}
