package object

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Store keeps the objects of a hub or a node. It is safe for concurrent use.
type Store struct {
	db      *store.DB
	streams streams

	listenMu sync.Mutex
	listen   []func() // under listenMu
}

// New returns the store of objects in a database. It does not touch it.
func New(db *store.DB) *Store {
	return &Store{db: db, streams: streams{ids: map[streamKey]int64{}, viewers: map[viewerKey]*visible{}}}
}

// Item is an object that is to be kept.
type Item struct {
	Object   *stix.Object
	Handling policy.Handling // the owner is who gave it
	Realm    string          // empty: live
	Source   string          // what it came by, such as a member or a feed; may be empty
	// Held says that its owner keeps it for somebody else, who alone may have it shown to
	// more than it was. It stays with the object.
	Held bool
}

// Outcome is what became of an item.
type Outcome struct {
	// Err says why it was not taken; nil if it was, or was here.
	Err error
	// New reports that it was not here in this version.
	New bool
	// Latest reports that this version is the latest of what its owner gave.
	Latest  bool
	Seq     int64 // its position
	Version string

	handling policy.Handling // of the version that was here
}

// maxBatch is how many items one Put takes.
const maxBatch = 1000

// given is an item on its way.
type given struct {
	Item
	at       time.Time // of the version; zero if the object has none
	reach    reach
	values   []event.Observable
	mine     *Object // its latest version here, of the same owner
	position int64
}

// Put keeps objects, each on its own: what is wrong with one is its outcome. An object
// that is here in this version with the same content changes nothing. A version may come
// after a later one. These are refused:
//
//   - a version that is here with other content;
//   - a version later than one that is revoked;
//   - a version of an object of somebody else's that the giver may see: only who created
//     an object changes it (STIX 2.1, section 3.6.2);
//   - a version that is not held of one that is, for more than may see that.
//
// An observable that is here of somebody else's, for fewer than it is given to now, is the
// giver's own, too.
//
// An object of somebody else's that the giver may not see makes no difference.
func (s *Store) Put(tx *store.Tx, items []Item) ([]Outcome, error) {
	out := make([]Outcome, 0, len(items))
	for some := range slices.Chunk(items, maxBatch) {
		list, err := s.put(tx, some)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func (s *Store) put(tx *store.Tx, items []Item) ([]Outcome, error) {
	ids := map[string][]string{} // by realm
	for _, it := range items {
		realm := cmp.Or(it.Realm, event.Live)
		ids[realm] = append(ids[realm], it.Object.ID())
	}
	here := map[inRealm][]*Object{}
	for _, realm := range slices.Sorted(maps.Keys(ids)) {
		if err := latest(tx, realm, ids[realm], here); err != nil {
			return nil, err
		}
	}
	out := make([]Outcome, len(items))
	b := batch{s: s, tx: tx, here: here, touched: map[inRealm]bool{}, counts: map[int64]*[2]int64{}}
	for i, it := range items {
		b.items = len(items) - i
		g := newGiven(it)
		o, err := b.take(g)
		if err != nil {
			return nil, err
		}
		out[i] = o
	}
	return out, b.write()
}

// inRealm is an id in a realm.
type inRealm struct{ realm, id string }

// latest puts the latest versions of objects into here by id, of all owners, the first who
// gave one first.
func latest(tx *store.Tx, realm string, ids []string, here map[inRealm][]*Object) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for _, id := range ids {
		delete(here, inRealm{realm, id})
	}
	for some := range slices.Chunk(ids, 400) {
		in, args := store.List(2, some)
		for o, err := range store.Rows[Object](tx, `SELECT `+columns+` FROM stix_object o WHERE o.realm = $1
			AND o.id IN `+in+`
			AND SCOPE(o) ORDER BY o.n`, append([]any{realm}, args...)...) {
			if err != nil {
				return err
			}
			key := inRealm{realm, o.ID}
			here[key] = append(here[key], &o)
		}
	}
	return nil
}

func newGiven(it Item) *given {
	g := &given{Item: it, reach: reachOf(it.Handling), values: Values(it.Object)}
	g.Realm = cmp.Or(g.Realm, event.Live)
	if m := it.Object.Modified(); !m.IsZero() {
		g.at = m.Time()
	} else if c := it.Object.Created(); !c.IsZero() {
		g.at = c.Time()
	}
	return g
}

// batch is what one put writes.
type batch struct {
	s       *Store
	tx      *store.Tx
	here    map[inRealm][]*Object // what there is of the ids in it
	touched map[inRealm]bool      // ids that were in it
	fresh   []*given              // new objects
	counts  map[int64]*[2]int64
	same    [][]any // rows of object_source

	items int   // that have not been taken
	next  int64 // position
	left  int   // positions that are taken from next on
}

// take decides on one item. The rows of new objects wait for write; versions of objects
// that are here are written at once.
func (b *batch) take(g *given) (Outcome, error) {
	key := inRealm{g.Realm, g.Object.ID()}
	if b.touched[key] { // an id comes again in a batch: what came before it is here now
		if err := b.write(); err != nil {
			return Outcome{}, err
		}
		if err := latest(b.tx, key.realm, []string{key.id}, b.here); err != nil {
			return Outcome{}, err
		}
	}
	b.touched[key] = true
	by := giver(g.Handling.Owner)
	for _, o := range b.here[key] {
		if o.Handling.Owner == g.Handling.Owner {
			g.mine = o
			continue
		}
		if !policy.MaySee(by, o.Handling) {
			continue
		}
		same, _, err := b.find(o, g)
		if err != nil {
			return Outcome{}, err
		}
		if same != nil && g.at.IsZero() && !reachOf(o.Handling).covers(g.reach) {
			continue // what everybody's is the same, such as an address, is given to more than it was
		}
		if same != nil {
			b.source(o.N, g, same.Modified)
			return Outcome{Seq: same.Seq, Version: same.Version}, nil
		}
		if !g.at.IsZero() {
			return Outcome{Err: fault.New(fault.Conflict,
				i18n.T("the object is another organisation's; make a new one that is derived from it",
					"他の組織のオブジェクトです。派生した新しいオブジェクトを作成してください"))}, nil
		}
	}
	if g.mine == nil {
		return b.create(g)
	}
	same, taken, err := b.find(g.mine, g)
	switch {
	case err != nil:
		return Outcome{}, err
	case taken && same == nil:
		return Outcome{Err: fault.New(fault.Conflict, i18n.T("the object is here in this version with other content",
			"同じ版で内容の異なるオブジェクトがすでにあります"))}, nil
	case same != nil:
		b.source(g.mine.N, g, same.Modified)
		return Outcome{Seq: same.Seq, Version: same.Version, Latest: same.Seq == g.mine.Seq,
			handling: same.Handling}, nil
	}
	return b.revise(g)
}

// giver is the owner of a thing as somebody who asks.
func giver(owner string) policy.Viewer {
	if owner == "" {
		return policy.Viewer{Hub: true}
	}
	return policy.Viewer{Member: owner, User: "giver"}
}

// find returns the version of an object that is the given one, with the same content, and
// whether there is one of this version with any.
func (b *batch) find(head *Object, g *given) (same *Object, taken bool, err error) {
	cond, args := `o.n = $1`, []any{head.N}
	if !g.at.IsZero() {
		cond, args = cond+` AND o.modified = $2`, append(args, g.at)
	}
	list, err := store.Query[Object](b.tx, `SELECT `+columns+` FROM stix_object_old o WHERE `+cond+` AND SCOPE(o)
		ORDER BY o.modified DESC LIMIT 100`, args...)
	if err != nil {
		return nil, false, err
	}
	for _, o := range append([]Object{*head}, list...) {
		if !g.at.IsZero() && !o.Modified.Equal(g.at.Truncate(time.Microsecond)) {
			continue
		}
		taken = !g.at.IsZero()
		if old, err := stix.Parse(o.Body); err == nil && stix.SameContent(old, g.Object) {
			return &o, true, nil
		}
	}
	return nil, taken, nil
}

func (b *batch) source(n int64, g *given, modified time.Time) {
	if g.Source != "" {
		b.same = append(b.same, []any{n, g.Source, modified, b.tx.Now()})
	}
}

// create takes an object that is new here.
func (b *batch) create(g *given) (Outcome, error) {
	seq, err := b.position()
	if err != nil {
		return Outcome{}, err
	}
	g.position = seq
	b.fresh = append(b.fresh, g)
	return Outcome{New: true, Latest: true, Seq: seq, Version: versionText(g, seq)}, nil
}

// versionText is the version as protocols write it.
func versionText(g *given, seq int64) string {
	if m := g.Object.Modified(); !m.IsZero() {
		return m.String()
	}
	if c := g.Object.Created(); !c.IsZero() {
		return c.String()
	}
	return time.UnixMicro(seq).UTC().Format("2006-01-02T15:04:05.000000Z")
}

// row is the version as it is stored, in a stream.
func (g *given) row(stream int64, first bool) Object {
	o := Object{N: g.position, Realm: g.Realm, ID: g.Object.ID(), Seq: g.position, Stream: stream, Modified: g.at,
		Version: versionText(g, g.position), Body: g.Object.Bytes(), Handling: g.Handling}
	if g.mine != nil {
		o.N = g.mine.N
	}
	if g.at.IsZero() {
		o.Modified, o.Flags = time.UnixMicro(g.position).UTC(), o.Flags|Unversioned
	}
	if g.Object.Revoked() {
		o.Flags |= Revoked
	}
	if first {
		o.Flags |= First
	}
	if g.Held || g.mine != nil && g.mine.Flags&Held != 0 {
		o.Flags |= Held
	}
	return o
}

// write writes what take has gathered.
func (b *batch) write() error {
	objects := make([]Object, 0, len(b.fresh))
	var refs, values, texts [][]any
	for _, g := range b.fresh {
		id, err := b.s.idOf(b.tx, streamKey{g.Realm, g.Object.Type(), g.reach})
		if err != nil {
			return err
		}
		o := g.row(id, true)
		b.count(id, 1, 0)
		objects = append(objects, o)
		refs = append(refs, references(o.N, g.Object)...)
		values = append(values, valueRows(o.N, g.values)...)
		texts = append(texts, wordRow(b.tx, o.Seq, words(g.Object, o.Stream, o.Handling.Owner)))
		b.source(o.N, g, o.Modified)
	}
	if err := store.Insert(b.tx, "stix_object", objects); err != nil {
		return err
	}
	if err := b.index(refs, values); err != nil {
		return err
	}
	if err := b.insertText(texts); err != nil {
		return err
	}
	if err := b.tx.InsertTogether(`INSERT INTO object_source (n, source, modified, at)`, b.same,
		`ON CONFLICT (n, source, modified) DO NOTHING`); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(b.counts)) {
		c := b.counts[id]
		if _, err := b.tx.Exec(`UPDATE object_stream SET heads = heads + $1, old = old + $2 WHERE stream = $3`,
			c[0], c[1], id); err != nil {
			return err
		}
	}
	b.fresh, b.same = nil, nil
	clear(b.counts)
	return nil
}

func (b *batch) count(stream, heads, old int64) {
	c := b.counts[stream]
	if c == nil {
		c = new([2]int64)
		b.counts[stream] = c
	}
	c[0] += heads
	c[1] += old
}

// index writes references and values, most of which are new.
func (b *batch) index(refs, values [][]any) error {
	if err := b.tx.InsertTogether(`INSERT INTO object_reference (target, n)`, refs,
		`ON CONFLICT (target, n) DO NOTHING`); err != nil {
		return err
	}
	return b.tx.InsertTogether(`INSERT INTO object_value (value, n)`, values, `ON CONFLICT (value, n) DO NOTHING`)
}
