package object

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Link says that one object refers to another, by a property of it or by a relationship.
type Link struct {
	From, To string // ids
	How      string // name of the property, or the type of the relationship
}

// Around is what is near an object.
type Around struct {
	Objects []Object // the latest versions, but for the object itself
	Links   []Link
	Cut     bool // there is more than is told
}

// maxNear bounds what is read around one object.
const maxNear = 60

// Near returns the objects around one, up to hops references away and at most limit of
// them, as far as the scope may see them. A relationship is a link between what it links,
// and no object itself; who created an object, and its markings, are no links.
func (s *Store) Near(tx *store.Tx, realm, id string, hops, limit int) (Around, error) {
	w := walk{s: s, tx: tx, realm: realm, limit: limit, have: map[string]bool{}}
	root, err := Get(tx, realm, id)
	if err != nil {
		return Around{}, err
	}
	w.have[id] = true
	edge := []Object{root}
	for range hops {
		var next []Object
		for _, o := range edge {
			more, err := w.step(o)
			if err != nil {
				return Around{}, err
			}
			next = append(next, more...)
		}
		edge = next
	}
	w.out.Links = slices.DeleteFunc(w.out.Links, func(l Link) bool { return !w.have[l.From] || !w.have[l.To] })
	slices.SortFunc(w.out.Links, func(a, b Link) int {
		return strings.Compare(a.From+" "+a.To+" "+a.How, b.From+" "+b.To+" "+b.How)
	})
	w.out.Links = slices.Compact(w.out.Links)
	return w.out, nil
}

// walk gathers what is around an object.
type walk struct {
	s     *Store
	tx    *store.Tx
	realm string
	limit int
	have  map[string]bool
	out   Around
}

// step adds what is one reference away from an object, and returns what is new.
func (w *walk) step(o Object) (fresh []Object, err error) {
	so, err := stix.Parse(o.Body)
	if err != nil {
		return nil, nil //nolint:nilerr // what cannot be read refers to nothing
	}
	in, err := referring(w.tx, w.realm, o.ID, maxNear+1)
	if err != nil {
		return nil, err
	}
	if len(in) > maxNear {
		in, w.out.Cut = in[:maxNear], true
	}
	var ids []string
	for _, l := range linksOf(so) {
		w.out.Links = append(w.out.Links, l)
		ids = append(ids, l.To)
	}
	var near []Object
	for _, r := range in {
		ro, err := stix.Parse(r.Body)
		if err != nil {
			continue
		}
		if r.Type() == "relationship" {
			from, to := ro.Text("source_ref"), ro.Text("target_ref")
			w.out.Links = append(w.out.Links, Link{from, to, ro.Text("relationship_type")})
			ids = append(ids, from, to)
			continue
		}
		for _, l := range linksOf(ro) {
			if l.To == o.ID {
				w.out.Links = append(w.out.Links, l)
				near = append(near, r)
			}
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == o.ID || w.have[id] })
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > 0 {
		p, err := w.s.Read(w.tx, Ask{Realm: w.realm, IDs: ids[:min(len(ids), 4*maxNear)], Limit: 4 * maxNear,
			Bodies: true})
		if err != nil {
			return nil, err
		}
		near = append(near, p.Objects...)
	}
	for _, x := range near {
		switch {
		case w.have[x.ID] || x.Type() == "relationship":
		case len(w.out.Objects) >= w.limit:
			w.out.Cut = true
		default:
			w.have[x.ID] = true
			w.out.Objects = append(w.out.Objects, x)
			fresh = append(fresh, x)
		}
	}
	return fresh, nil
}

// linksOf are the links that an object states.
func linksOf(o *stix.Object) (list []Link) {
	if o.Type() == "relationship" {
		return []Link{{o.ID(), o.Text("source_ref"), "source"}, {o.ID(), o.Text("target_ref"), "target"}}
	}
	for _, name := range o.Properties() {
		if name == "created_by_ref" || name == "object_marking_refs" || name == "granular_markings" {
			continue
		}
		v, ok := o.Get(name)
		if !ok {
			continue
		}
		how := strings.TrimSuffix(strings.TrimSuffix(name, "_refs"), "_ref")
		for _, id := range refsIn(nil, map[string]bool{}, name, v, 0) {
			list = append(list, Link{o.ID(), id, how})
		}
	}
	return list
}

// referring is Referring by the order in which objects came first, which its index has.
func referring(tx *store.Tx, realm, id string, limit int) (list []Object, err error) {
	rows, err := store.Query[Object](tx, `SELECT `+columns+` FROM object_reference x CROSS JOIN stix_object o
		WHERE o.n = x.n AND x.target = $1 AND o.realm = $2 AND SCOPE(o) AND NOT EXISTS (`+firstGiven+`)
		ORDER BY x.n DESC LIMIT $3`, hash(id), realm, limit)
	return slices.DeleteFunc(rows, func(o Object) bool {
		so, err := stix.Parse(o.Body)
		return err != nil || !slices.Contains(targets(so), id)
	}), err
}

// Type is the type of the object.
func (o Object) Type() string { t, _, _ := strings.Cut(o.ID, "--"); return t }

// Covers reports whether whoever may see something that is handled as narrow may see what
// is handled as wide. It may say no where the answer is yes, but never the other way.
func Covers(wide, narrow policy.Handling) bool { return reachOf(wide).covers(reachOf(narrow)) }

// Source is what a version of an object came by, and when first.
type Source struct {
	Source string `db:"source"`
	At     int64  `db:"at"`
}

// Sources returns what the versions of an object came by, the first first. It tells who
// gave it: show it only to who may know that.
func Sources(tx *store.Tx, o Object) ([]Source, error) {
	return store.Query[Source](tx, `SELECT source, min(at) AS at FROM object_source WHERE n = $1
		GROUP BY source ORDER BY min(at), source LIMIT 100`, o.N)
}
