package policy

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the predicate is held against a real database
)

// shelf is a table with one row for every combination of mark.
func shelf(t *testing.T, handlings []Handling) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(`CREATE TABLE thing (id INTEGER PRIMARY KEY, tlp INTEGER NOT NULL, owner TEXT NOT NULL,
		audience TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range handlings {
		if _, err := tx.Exec(`INSERT INTO thing VALUES ($1, $2, $3, $4)`, i, int(h.TLP), h.Owner,
			h.Audience.Column()); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return db
}

// all is the exhaustive product of labels, owners and audiences of up to two tokens.
func all() []Handling {
	tokens := []string{"", Community, Coordinators, ToSector("energy"), ToSector("e"), ToGroup("g1"),
		ToGroup("g"), ToMember("m1"), ToMember("m_"),
		ToMember("m"), ToUser("u1"), ToUser("u"), "comm,unity", "h%ub", "member:m1,x"}
	var out []Handling
	for tlp := TLP(-1); tlp <= 7; tlp++ {
		for _, owner := range []string{"", "m1", "m2", "m_"} {
			for i, a := range tokens {
				for _, b := range tokens[i:] {
					out = append(out, Handling{TLP: tlp, Owner: owner, Audience: Audience{a, b}})
				}
			}
		}
	}
	return out
}

func viewers() []Viewer {
	var out []Viewer
	for _, user := range []string{"", "u1", "u2"} {
		for _, member := range []string{"", "m1", "mx", "m,1"} {
			for _, sector := range []string{"", "energy"} {
				for flags := range 8 {
					for _, groups := range []Groups{"", GroupsOf("g1", "g2")} {
						out = append(out, Viewer{User: user, Member: member, Sector: sector, Groups: groups,
							Hub: flags&1 != 0, Coordinator: flags&2 != 0, Machine: flags&4 != 0})
					}
				}
			}
		}
	}
	return out
}

func visible(t *testing.T, db *sql.DB, v Viewer, alias string) map[int]bool {
	t.Helper()
	table := "thing"
	if alias != "" {
		table += " " + alias
	}
	where, args := Predicate(v, alias, 3)
	rows, err := db.Query(`SELECT id FROM `+table+` WHERE $1 = $2 AND `+where, append([]any{"x", "x"}, args...)...)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	defer rows.Close()
	out := map[int]bool{}
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		out[id] = true
	}
	return out
}

// The predicate in the database decides as MaySee does, for every viewer and
// every mark.
func TestPredicateIsMaySee(t *testing.T) {
	handlings := all()
	db := shelf(t, handlings)
	for i, v := range viewers() {
		got := visible(t, db, v, []string{"", "x"}[i%2])
		for id, h := range handlings {
			if want := MaySee(v, h); got[id] != want {
				t.Fatalf("%+v\n%+v (stored %q)\nthe database says %v, MaySee says %v", v, h, h.Audience.Column(),
					got[id], want)
			}
		}
	}
}

// Two worlds that differ in one thing look the same, in rows and in counts, to
// everybody who may see it in neither.
func TestWorldsLookTheSame(t *testing.T) {
	base := []Handling{{TLP: Clear}, {TLP: Green, Owner: "m2"},
		{TLP: Amber, Owner: "m2", Audience: Audience{Community}}, {TLP: Red, Owner: "m1"}}
	secrets := all()
	for n := 0; n < len(secrets); n += 97 {
		other := secrets[(n*31+7)%len(secrets)]
		without := shelf(t, append([]Handling{}, base...))
		with := shelf(t, append(append([]Handling{}, base...), secrets[n]))
		changed := shelf(t, append(append([]Handling{}, base...), other))
		for _, v := range viewers() {
			if MaySee(v, secrets[n]) || MaySee(v, other) {
				continue
			}
			a, b, c := fmt.Sprint(visible(t, without, v, "")), fmt.Sprint(visible(t, with, v, "")),
				fmt.Sprint(visible(t, changed, v, ""))
			if a != b || b != c {
				t.Fatalf("%+v can tell %+v from %+v: %s %s %s", v, secrets[n], other, a, b, c)
			}
		}
		without.Close()
		with.Close()
		changed.Close()
	}
}

// A placeholder is used once and in order, and an alias goes before each column.
func TestPredicateForm(t *testing.T) {
	v := Viewer{User: "u1", Member: "m1", Sector: "energy", Hub: true, Coordinator: true}
	where, args := Predicate(v, "f", 5)
	for i := range args {
		if strings.Count(where, fmt.Sprintf("$%d)", 5+i))+strings.Count(where, fmt.Sprintf("$%d,", 5+i))+
			strings.Count(where, fmt.Sprintf("$%d ", 5+i)) != 1 {
			t.Errorf("$%d is not used once in %s", 5+i, where)
		}
	}
	if strings.Contains(strings.ReplaceAll(where, "f.", ""), "f.") ||
		strings.Count(where, "tlp") != strings.Count(where, "f.tlp") ||
		strings.Count(where, "audience") != strings.Count(where, "f.audience") {
		t.Error(where)
	}
}
