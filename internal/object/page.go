package object

import (
	"cmp"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
)

// Ask is which objects of all are wanted. Its zero value asks for the latest version of
// every object in the live realm.
type Ask struct {
	Realm  string   // empty: live
	Realms bool     // of every realm; not with IDs
	Types  []string // empty: all
	IDs    []string // empty: all
	After  int64    // position, strictly after
	Limit  int      // 1 or more; at most MaxPage are returned
	Bodies bool
	// Which versions of each object: the latest if none of these is set.
	All    bool
	First  bool
	Latest bool
	At     []time.Time
}

// MaxPage is how many objects a page has at most.
const MaxPage = 10_000

// Page is a part of the objects, in the order of their positions.
type Page struct {
	Objects []Object
	More    bool  // there are more behind the last
	Upto    int64 // where the next page goes on
}

// few is the number of streams up to which each is read on its own. Of more the whole
// order is read, if the scope may see most of it.
const few = 64

// Read returns a page of the objects that the scope may see.
func (s *Store) Read(tx *store.Tx, a Ask) (Page, error) {
	a.Limit = min(max(a.Limit, 1), MaxPage)
	a.Realm = cmp.Or(a.Realm, event.Live)
	r := reader{tx: tx, ask: a}
	list, all, err := s.wanted(tx, a)
	if err != nil {
		return Page{}, err
	}
	var rows []Object
	switch {
	case len(a.IDs) > 0:
		rows, err = r.byID(list)
	case len(list) > few && all:
		rows, err = r.whole(list)
	default:
		rows, err = r.merge(list)
	}
	if err != nil {
		return Page{}, err
	}
	p := Page{Objects: rows, Upto: a.After}
	if len(rows) > a.Limit {
		p.Objects, p.More = rows[:a.Limit], true
	}
	if n := len(p.Objects); n > 0 {
		p.Upto = p.Objects[n-1].Seq
	}
	return p, nil
}

// wanted returns the streams that a is about and the scope may see, and whether those are
// most of what there is.
func (s *Store) wanted(tx *store.Tx, a Ask) (list []stream, most bool, err error) {
	list, all, err := s.visibleTo(tx)
	a.Realm = cmp.Or(a.Realm, event.Live)
	n := len(list)
	list = slices.DeleteFunc(list, func(st stream) bool {
		return !a.Realms && st.Realm != a.Realm || len(a.Types) > 0 && !slices.Contains(a.Types, st.Type)
	})
	return list, all && len(list)*2 > n, err
}

// reader reads one page.
type reader struct {
	tx  *store.Tx
	ask Ask
}

// tables are those in which versions are that are wanted.
func (r *reader) tables() []string {
	if !r.ask.All && !r.ask.First && len(r.ask.At) == 0 {
		return []string{"stix_object"}
	}
	return []string{"stix_object", "stix_object_old"}
}

// query reads versions of one table. cond has $1 and so on for args, o for the table.
func (r *reader) query(table, cond string, limit int, args ...any) ([]Object, error) {
	cols := columns
	if !r.ask.Bodies {
		cols = "o.n, o.realm, o.id, o.seq, o.stream, o.modified, o.version, o.flags, NULL AS body, o.tlp, " +
			"o.owner, o.audience"
	}
	if c, more := r.versions(table, len(args)+1); c != "" {
		cond, args = cond+" AND "+c, append(args, more...)
	}
	in, more := store.List(len(args)+1, []int{limit})
	return store.Query[Object](r.tx, `SELECT `+cols+` FROM `+table+` o WHERE `+cond+` AND SCOPE(o)
		AND NOT EXISTS (`+firstGiven+`) ORDER BY o.seq LIMIT `+in[1:len(in)-1], append(args, more...)...)
}

// versions is the condition that a version is among those that are wanted.
func (r *reader) versions(table string, next int) (cond string, args []any) {
	if r.ask.All || table == "stix_object" && len(r.tables()) == 1 {
		return "", nil
	}
	if table == "stix_object" && (r.ask.Latest) {
		return "", nil
	}
	var either []string
	if r.ask.First {
		either = append(either, "(o.flags / 4) % 2 = 1")
	}
	if len(r.ask.At) > 0 {
		at := make([]int64, len(r.ask.At))
		for i, t := range r.ask.At {
			at[i] = clock.Micros(t)
		}
		in, more := store.List(next, at)
		either, args = append(either, "o.modified IN "+in), more
	}
	if len(either) == 0 {
		return "1=0", nil // latest alone, of the versions that are not
	}
	cond = either[0]
	if len(either) == 2 {
		cond = "(" + cond + " OR " + either[1] + ")"
	}
	return cond, args
}

// byID reads objects by their ids.
func (r *reader) byID(list []stream) ([]Object, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(r.ask.IDs)))
	var out []Object
	for _, table := range r.tables() {
		for some := range slices.Chunk(ids, 400) {
			in, args := store.List(3, some)
			rows, err := r.query(table, "o.seq > $1 AND o.realm = $2 AND o.id IN "+in, MaxPage+1,
				append([]any{r.ask.After, r.ask.Realm}, args...)...)
			if err != nil {
				return nil, err
			}
			out = append(out, rows...)
		}
	}
	return inStreams(sorted(out), list), nil
}

// whole reads everybody's versions in their order, and leaves out other streams.
func (r *reader) whole(list []stream) ([]Object, error) {
	var out []Object
	after := r.ask.After
	for len(out) <= r.ask.Limit {
		var some []Object
		upto := int64(-1)
		for _, table := range r.tables() {
			rows, err := r.query(table, "o.seq > $1", r.ask.Limit+1, after)
			if err != nil {
				return nil, err
			}
			if len(rows) > r.ask.Limit && (upto < 0 || rows[len(rows)-1].Seq < upto) {
				upto = rows[len(rows)-1].Seq
			}
			some = append(some, rows...)
		}
		if some = sorted(some); upto >= 0 {
			some = slices.DeleteFunc(some, func(o Object) bool { return o.Seq > upto })
		}
		out = append(out, inStreams(some, list)...)
		if upto < 0 {
			break
		}
		after = upto
	}
	return out, nil
}

// source is a table's part of a stream, of which versions are read some at a time.
type source struct {
	table string
	id    int64
	after int64
	ended bool
}

// merge reads the streams beside one another, so that it reads little more than the page
// however the objects are spread over them.
func (r *reader) merge(list []stream) ([]Object, error) {
	var sources []*source
	for _, table := range r.tables() {
		for _, st := range list {
			sources = append(sources, &source{table: table, id: st.ID, after: r.ask.After})
		}
	}
	var out, pending []Object
	for len(out) <= r.ask.Limit && len(sources) > 0 {
		each := 2*(r.ask.Limit+1-len(out))/len(sources) + 16
		upto := int64(-1) // everything up to here was read, of all sources
		for _, src := range sources {
			if !src.ended && (len(pending) == 0 || src.after <= pending[0].Seq) {
				rows, err := r.query(src.table, "o.stream = $1 AND o.seq > $2", each, src.id, src.after)
				if err != nil {
					return nil, err
				}
				pending = append(pending, rows...)
				if src.ended = len(rows) < each; len(rows) > 0 {
					src.after = rows[len(rows)-1].Seq
				}
			}
			if !src.ended && (upto < 0 || src.after < upto) {
				upto = src.after
			}
		}
		pending = sorted(pending)
		n := len(pending)
		if upto >= 0 {
			n, _ = slices.BinarySearchFunc(pending, upto+1, func(o Object, seq int64) int { return int(o.Seq - seq) })
		}
		out, pending = append(out, pending[:n]...), pending[n:]
		sources = slices.DeleteFunc(sources, func(s *source) bool { return s.ended })
	}
	return append(out, pending...)[:min(len(out)+len(pending), r.ask.Limit+1)], nil
}

func sorted(list []Object) []Object {
	slices.SortFunc(list, func(a, b Object) int { return int(a.Seq - b.Seq) })
	return list
}

func inStreams(rows []Object, list []stream) []Object {
	ids := map[int64]bool{}
	for _, st := range list {
		ids[st.ID] = true
	}
	return slices.DeleteFunc(rows, func(o Object) bool { return !ids[o.Stream] })
}

// Count returns how many objects of the types there are, all that the scope may see. An
// object that several gave counts as often as the scope may see it of one of them.
func (s *Store) Count(tx *store.Tx, a Ask) (n int64, err error) {
	list, _, err := s.wanted(tx, a)
	if err != nil {
		return 0, err
	}
	ids := make([]int64, len(list))
	for i, st := range list {
		ids[i] = st.ID
	}
	for some := range slices.Chunk(ids, 400) {
		in, args := store.List(1, some)
		heads, err := store.One[int64](tx, `SELECT coalesce(sum(heads), 0) FROM object_stream WHERE stream IN `+in,
			args...)
		if err != nil {
			return 0, err
		}
		n += heads
	}
	return n, nil
}
