package object

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// Search is which latest versions are looked for. Its zero value asks for all in the live
// realm. All that is set must hold.
type Search struct {
	Realm     string // empty: live
	Types     []string
	Text      string // words, of which each is one or the beginning of one; an id or a value alone
	Label     string
	Technique string     // T1566; its sub-techniques are found too
	TLP       policy.TLP // 0: any
	Owner     *string    // who gave it; nil: anybody
	From, To  time.Time  // when it became visible, From included; zero: no bound
	Revoked   *bool      // nil: either
	Oldest    bool       // the oldest first, instead of the newest
	After     int64      // position of the last one before the page; 0: from the start
	Limit     int        // 1 or more; at most MaxPage are returned
}

// maxParts bounds the parts of a search that are looked for.
const maxParts = 16

// Find returns latest versions that the scope may see, with their bodies, by their
// positions. What others have costs nothing: the streams of the viewer are part of what is
// looked for.
func (s *Store) Find(tx *store.Tx, q Search) ([]Object, error) {
	q.Realm, q.Limit = cmp.Or(q.Realm, event.Live), min(max(q.Limit, 1), MaxPage)
	list, all, err := s.visibleTo(tx)
	if err != nil {
		return nil, err
	}
	n := len(list)
	list = slices.DeleteFunc(list, func(st stream) bool {
		return st.Realm != q.Realm || len(q.Types) > 0 && !slices.Contains(q.Types, st.Type) || !q.reaches(st.Reach)
	})
	if len(list) == 0 {
		return nil, nil
	}
	f := finder{tx: tx, q: q, streams: list, every: all && len(list) == n}
	return f.find()
}

// reaches reports whether things of a reach can have the label that is looked for.
func (q Search) reaches(r reach) bool {
	switch q.TLP {
	case 0:
		return true
	case policy.Clear:
		return r == reachAll
	case policy.Green:
		return r == reachCommunity
	case policy.Amber, policy.AmberStrict:
		return strings.HasPrefix(string(r), "amber")
	}
	return strings.HasPrefix(string(r), "red")
}

// finder answers one search.
type finder struct {
	tx      *store.Tx
	q       Search
	streams []stream
	every   bool // the streams are all that there are
}

// cond is a condition on o with its arguments.
type cond struct {
	sql  string
	args []any
}

func (f finder) find() ([]Object, error) {
	text := strings.TrimSpace(f.q.Text)
	switch list := event.ParseObservables(text); {
	case text == "":
	case len(list) == 1 && len(strings.Fields(text)) == 1:
		if rows, err := f.byValue(list[0]); err != nil || len(rows) > 0 {
			return rows, err
		}
	default:
		if rows, err := f.byID(text); err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	words, none := f.words(text)
	switch {
	case none:
		return nil, nil
	case len(words) > 0:
		return f.byWords(words)
	case f.every:
		return f.rows(`stix_object o`, f.base())
	}
	found, err := f.byStreams()
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return f.at(found)
}

// base are the conditions on a row that no index answers, but for its position.
func (f finder) base() (out []cond) {
	if !f.every {
		ids := make([]int64, len(f.streams))
		for i, st := range f.streams {
			ids[i] = st.ID
		}
		in, args := store.List(1, ids)
		out = append(out, cond{"o.stream IN " + in, args})
	}
	out = append(out, cond{"o.realm = $1", []any{f.q.Realm}})
	if f.q.TLP != 0 {
		out = append(out, cond{"o.tlp = $1", []any{int(f.q.TLP)}})
	}
	if r := f.q.Revoked; r != nil {
		out = append(out, cond{"o.flags % 2 = $1", []any{btoi(*r)}})
	}
	if f.q.Owner != nil {
		out = append(out, cond{"o.owner = $1", []any{*f.q.Owner}})
	}
	return append(out, f.place("o.seq")...)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// place are the conditions on a position.
func (f finder) place(column string) (out []cond) {
	if f.q.After != 0 {
		op := " < $1"
		if f.q.Oldest {
			op = " > $1"
		}
		out = append(out, cond{column + op, []any{f.q.After}})
	}
	if !f.q.From.IsZero() {
		out = append(out, cond{column + " >= $1", []any{clock.Micros(f.q.From)}})
	}
	if !f.q.To.IsZero() {
		out = append(out, cond{column + " < $1", []any{clock.Micros(f.q.To)}})
	}
	return out
}

func (f finder) direction() string {
	if f.q.Oldest {
		return ""
	}
	return " DESC"
}

// where joins conditions, whose placeholders are numbered on.
func where(conds []cond, args []any) (string, []any) {
	parts := make([]string, len(conds))
	for i, c := range conds {
		parts[i] = renumber(c.sql, len(args))
		args = append(args, c.args...)
	}
	return strings.Join(parts, " AND "), args
}

// rows reads versions in the order that is asked for. An id that several gave is one object.
func (f finder) rows(from string, conds []cond) ([]Object, error) {
	sql, args := where(append(conds, cond{sql: "SCOPE(o)"}, cond{sql: "NOT EXISTS (" + firstGiven + ")"}), nil)
	limit, args := where([]cond{{"$1", []any{f.q.Limit}}}, args)
	return store.Query[Object](f.tx, `SELECT `+columns+` FROM `+from+` WHERE `+sql+
		` ORDER BY o.seq`+f.direction()+` LIMIT `+limit, args...)
}

// at reads the versions at positions.
func (f finder) at(seqs []int64) (out []Object, err error) {
	for some := range slices.Chunk(seqs, 400) {
		in, args := store.List(1, some)
		rows, err := f.rows(`stix_object o`, append([]cond{{"o.seq IN " + in, args}}, f.base()...))
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// byStreams returns the positions of a page, of the streams one beside the other.
func (f finder) byStreams() ([]int64, error) {
	var all []int64
	for _, st := range f.streams {
		conds := []cond{{"o.stream = $1", []any{st.ID}}}
		for _, c := range f.base() {
			if !strings.HasPrefix(c.sql, "o.stream") {
				conds = append(conds, c)
			}
		}
		sql, args := where(append(conds, cond{sql: "SCOPE(o)"}, cond{sql: "NOT EXISTS (" + firstGiven + ")"}), nil)
		limit, args := where([]cond{{"$1", []any{f.q.Limit}}}, args)
		rows, err := store.Query[int64](f.tx, `SELECT o.seq FROM stix_object o WHERE `+sql+` ORDER BY o.seq`+
			f.direction()+` LIMIT `+limit, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	slices.Sort(all)
	if !f.q.Oldest {
		slices.Reverse(all)
	}
	return all[:min(len(all), f.q.Limit)], nil
}

// words returns the conditions of the text index; none if what is looked for has no words.
func (f finder) words(text string) (list []string, none bool) {
	for i, part := range strings.Fields(store.Fold(text)) {
		if t := tokens(part); len(t) > 0 && i < maxParts {
			list = append(list, phrase(f.tx, t))
		}
	}
	if text != "" && len(list) == 0 {
		return nil, true
	}
	one := func(kind, value string) { list = append(list, either(f.tx, []string{markOf(kind, value)})) }
	if f.q.Label != "" {
		one(markLabel, store.Fold(f.q.Label))
	}
	if f.q.Technique != "" {
		one(markTechnique, strings.ToUpper(f.q.Technique))
	}
	if f.q.Owner != nil {
		one(markOwner, *f.q.Owner)
	}
	if len(list) > 0 && !f.every {
		marks := make([]string, len(f.streams))
		for i, st := range f.streams {
			marks[i] = streamMark(st.ID)
		}
		list = append(list, either(f.tx, marks))
	}
	return list, false
}

// byWords reads what the text index has.
func (f finder) byWords(words []string) ([]Object, error) {
	match := "x.object_text MATCH $1"
	if f.tx.Engine() == store.Postgres {
		match = "x.words @@ CAST($1 AS tsquery)"
	}
	conds := append([]cond{{match, []any{both(f.tx, words)}}}, f.place("x.rowid")...)
	sql, args := where(append(conds, f.rest()...), nil)
	limit, args := where([]cond{{"$1", []any{f.q.Limit}}}, args)
	return store.Query[Object](f.tx, `SELECT `+columns+` FROM object_text x CROSS JOIN stix_object o
		WHERE o.seq = x.rowid AND `+sql+` ORDER BY x.rowid`+f.direction()+` LIMIT `+limit, args...)
}

// rest are the conditions of base that a mark or the place does not answer already.
func (f finder) rest() []cond {
	out := slices.DeleteFunc(f.base(), func(c cond) bool { return strings.HasPrefix(c.sql, "o.seq") })
	return append(out, cond{sql: "SCOPE(o)"}, cond{sql: "NOT EXISTS (" + firstGiven + ")"})
}

// byValue reads what is about a value.
func (f finder) byValue(v event.Observable) ([]Object, error) {
	conds := append([]cond{{"o.n IN (SELECT x.n FROM object_value x WHERE x.value = $1)",
		[]any{hash(string(v.Type) + "\x00" + v.Value)}}}, f.base()...)
	rows, err := f.rows(`stix_object o`, append(conds, f.marks()...))
	return slices.DeleteFunc(rows, func(o Object) bool {
		so, err := stix.Parse(o.Body)
		return err != nil || !slices.Contains(Values(so), v)
	}), err
}

// byID reads the object with an id, or those whose ids end with a UUID.
func (f finder) byID(text string) ([]Object, error) {
	var ids []string
	text = strings.ToLower(text)
	if _, ok := stix.SplitID(text); ok {
		ids = append(ids, text)
	} else if _, err := uuid.Parse(text); err == nil && len(text) == 36 {
		for _, st := range f.streams {
			ids = append(ids, st.Type+"--"+text)
		}
		ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	}
	if len(ids) == 0 {
		return nil, nil
	}
	in, args := store.List(1, ids[:min(len(ids), 400)])
	return f.rows(`stix_object o`, append(append([]cond{{"o.id IN " + in, args}}, f.base()...), f.marks()...))
}

// marks are the conditions of labels and techniques where the text index is not asked.
func (f finder) marks() (out []cond) {
	var list []string
	if f.q.Label != "" {
		list = append(list, either(f.tx, []string{markOf(markLabel, store.Fold(f.q.Label))}))
	}
	if f.q.Technique != "" {
		list = append(list, either(f.tx, []string{markOf(markTechnique, strings.ToUpper(f.q.Technique))}))
	}
	if len(list) == 0 {
		return nil
	}
	match := "o.seq IN (SELECT y.rowid FROM object_text y WHERE y.object_text MATCH $1)"
	if f.tx.Engine() == store.Postgres {
		match = "o.seq IN (SELECT y.rowid FROM object_text y WHERE y.words @@ CAST($1 AS tsquery))"
	}
	return []cond{{match, []any{both(f.tx, list)}}}
}

// renumber adds to the numbers of a condition's placeholders.
func renumber(sql string, by int) string {
	if by == 0 || !strings.Contains(sql, "$") {
		return sql
	}
	var b strings.Builder
	for i := 0; i < len(sql); i++ {
		if b.WriteByte(sql[i]); sql[i] != '$' {
			continue
		}
		n := 0
		for i+1 < len(sql) && sql[i+1] >= '0' && sql[i+1] <= '9' {
			i++
			n = n*10 + int(sql[i]-'0')
		}
		b.WriteString(strconv.Itoa(n + by))
	}
	return b.String()
}
