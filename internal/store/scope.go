package store

import (
	"fmt"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Scope says for whom a transaction runs, and so which rows of the guarded
// tables it can reach. The zero Scope is the public's.
//
// A statement that names a guarded table says where the rows are to be cut by
// SCOPE(alias), once for each time the table is named, alias being the table's
// alias there, or its name if it has none:
//
//	SELECT f.id FROM finding f WHERE SCOPE(f) AND f.rule = $1
//
// The store puts policy.Predicate of the scope's viewer in its place, or 1=1
// for the system. A statement that leaves it out, puts it beside an OR without
// parentheses, or negates it is refused before it runs. INSERT needs none, but
// a SELECT inside an INSERT does. A column that is named like a guarded table
// is written with its own table's alias before it.
type Scope struct {
	system bool
	why    string
	viewer policy.Viewer
}

// System is the scope of meneki's own work, which reaches every row. Why is
// said for the reader of the code and for the log.
func System(why string) Scope { return Scope{system: true, why: why} }

// As returns the scope of a viewer: only the rows that v may see.
func As(v policy.Viewer) Scope { return Scope{viewer: v} }

// Viewer is who asks; ok is false for the system.
func (s Scope) Viewer() (v policy.Viewer, ok bool) { return s.viewer, !s.system }

// Why is the reason that System was called with.
func (s Scope) Why() string { return s.why }

// mention is a guarded table named in a statement.
type mention struct{ table, alias string }

// place is where SCOPE(alias) is in a statement.
type place struct {
	from, to int
	alias    string // as it is written
}

// keptPlaces bounds how many statements are remembered with their places.
const keptPlaces = 4000

// applyScope puts the predicates in the place of SCOPE(alias) and appends their
// arguments.
func (db *DB) applyScope(query string, args []any, s Scope) (string, []any, error) {
	places, err := db.places(query)
	if err != nil || len(places) == 0 {
		return query, args, err
	}
	var b strings.Builder
	last := 0
	for _, at := range places {
		cond := "1=1"
		if v, ok := s.Viewer(); ok {
			var more []any
			cond, more = policy.Predicate(v, at.alias, len(args)+1)
			for _, a := range more {
				e, err := encodeArg(a)
				if err != nil {
					return "", nil, err
				}
				args = append(args, e)
			}
		}
		b.WriteString(query[last:at.from])
		b.WriteString(cond)
		last = at.to
	}
	b.WriteString(query[last:])
	return b.String(), args, nil
}

// places is findPlaces, remembered: statements are few and run often.
func (db *DB) places(query string) ([]place, error) {
	if known, ok := db.scopes.Load(query); ok {
		return known.([]place), nil
	}
	places, err := db.findPlaces(query)
	if err == nil && len(query) < longStatement && db.scopeCount.Add(1) <= keptPlaces {
		db.scopes.Store(query, places)
	}
	return places, err
}

// findPlaces finds where SCOPE stands, and refuses a statement in which it is not
// where it has to be.
func (db *DB) findPlaces(query string) (out []place, err error) {
	toks := lex(query)
	want := db.mentions(toks)
	got := map[string]int{}
	for i := 0; i+3 < len(toks); i++ {
		if !toks[i].is("scope") || !toks[i+1].punct("(") {
			continue
		}
		alias := toks[i+2]
		if (alias.kind != word && alias.kind != quoted) || !toks[i+3].punct(")") {
			return nil, misuse(query, "SCOPE takes one alias")
		}
		if err := placed(query, toks, i); err != nil {
			return nil, err
		}
		got[alias.text]++
		out = append(out, place{toks[i].from, toks[i+3].to, query[alias.from:alias.to]})
		i += 3
	}
	need := map[string]int{}
	for _, m := range want {
		if need[m.alias]++; got[m.alias] < need[m.alias] {
			return nil, misuse(query, fmt.Sprintf("the guarded table %s is read without SCOPE(%s)", m.table, m.alias))
		}
	}
	for alias := range got {
		if need[alias] == 0 {
			return nil, misuse(query,
				fmt.Sprintf("SCOPE(%s) names no guarded table; has it the columns of a handling?", alias))
		}
	}
	return out, nil
}

func misuse(query, what string) error {
	return fault.Wrap(fault.Internal, i18n.Text{}, fmt.Errorf("store: %s in %q", what, head(query)))
}

// mentions finds the guarded tables whose rows a statement reads or changes.
// When in doubt a word is a table.
func (db *DB) mentions(toks []token) []mention {
	guarded := db.guard.Load().tables
	if len(guarded) == 0 || len(toks) == 0 {
		return nil
	}
	first := 0
	if toks[0].is("insert", "replace") {
		// What is inserted into is free, with its columns; what is selected from is not.
		for first < len(toks) && !toks[first].is("select", "with") {
			first++
		}
	}
	var out []mention
	for i := first; i < len(toks); i++ {
		t := toks[i]
		if (t.kind != word && t.kind != quoted) || !guarded[t.text] {
			continue
		}
		if i+1 < len(toks) && toks[i+1].punct(".") {
			continue // finding.id: the table is named elsewhere
		}
		if i > 0 {
			prev := toks[i-1]
			if prev.punct(".") && i > 1 && !schema(toks[i-2]) {
				continue // x.finding: a column
			}
			if prev.is("into", "as") || (prev.punct("(") && i > 1 && toks[i-2].is("scope")) {
				continue
			}
		}
		out = append(out, mention{t.text, aliasAt(toks, i)})
	}
	return out
}

// schema reports whether a word before a table is a schema rather than an alias.
func schema(t token) bool {
	switch t.text {
	case "main", "temp", "public":
		return t.kind == word || t.kind == quoted
	}
	return false
}

// aliasAt is the alias of the table at toks[i]: the word after it, unless that
// is the language's.
func aliasAt(toks []token, i int) string {
	n := i + 1
	if n < len(toks) && toks[n].is("as") {
		n++
	}
	if n < len(toks) && (toks[n].kind == quoted || toks[n].kind == word && !keyword(toks[n].text)) {
		return toks[n].text
	}
	return toks[i].text
}

// keyword lists what can follow a table in FROM, JOIN, UPDATE and DELETE.
func keyword(w string) bool {
	switch w {
	case "where", "set", "join", "left", "right", "full", "inner", "outer", "cross", "natural", "on", "using",
		"group", "order",
		"having", "limit", "offset", "union", "except", "intersect", "returning", "window", "fetch", "for",
		"tablesample",
		"indexed", "not", "and", "or", "from", "is", "in", "like", "between", "asc", "desc", "then", "else", "end",
		"when", "over", "filter":
		return true
	}
	return false
}

// placed refuses a SCOPE that could be true for rows that the predicate is
// false for: one that is negated, or that has an OR beside it.
func placed(query string, toks []token, at int) error {
	depth := toks[at].depth
	if at == 0 || !(toks[at-1].is("where", "and", "on", "when") || toks[at-1].punct("(")) {
		return misuse(query, "SCOPE must stand as a condition of its own after WHERE, ON or AND")
	}
	bad := func(t token) bool { return t.depth == depth && t.is("or") }
	boundary := func(t token) bool {
		return t.depth < depth || t.depth == depth &&
			t.is("where", "group", "order", "having", "limit", "union", "except",
				"intersect", "returning", "select", "from", "set", "window", "on", "join", "when", "then")
	}
	for i := at - 1; i >= 0 && !boundary(toks[i]); i-- {
		if bad(toks[i]) {
			return misuse(query, "SCOPE beside OR: put the alternatives in parentheses")
		}
	}
	for i := at + 4; i < len(toks) && !boundary(toks[i]); i++ {
		if bad(toks[i]) {
			return misuse(query, "SCOPE beside OR: put the alternatives in parentheses")
		}
	}
	// (SCOPE(f)) OR …, NOT (SCOPE(f)): look at what is around each parenthesis
	// that holds conditions only.
	for i, d := at-1, depth; i > 0; i-- {
		if toks[i].punct("(") && toks[i].depth == d-1 {
			if toks[i-1].is("not") {
				return misuse(query, "SCOPE must not be negated")
			}
			d--
		}
		if toks[i].is("select", "filter") {
			break
		}
	}
	return nil
}
