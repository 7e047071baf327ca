package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

var marked = migration("marked", "0001_marked.sql", `
	CREATE TABLE secret (id TEXT PRIMARY KEY, tlp INTEGER NOT NULL, owner TEXT NOT NULL, audience TEXT NOT NULL);
	CREATE TABLE open (id TEXT PRIMARY KEY, secret TEXT NOT NULL);`)

type secret struct {
	ID       string          `db:"id"`
	Handling policy.Handling `db:",handling"`
}

// The predicate in SQL must decide exactly as policy.MaySee does: everyone who
// can ask, on everything that can be marked.
func TestPredicateIsMaySee(t *testing.T) {
	var rows []secret
	audiences := []policy.Audience{nil, {policy.Community}, {policy.Coordinators}, {policy.ToMember("m1")},
		{policy.ToMember("m10")}, {policy.ToSector("power")},
		{policy.ToUser("u1")}, {policy.ToMember("m2"), policy.ToUser("u2")}, {"member:m_"}, {"sector:%"},
		{"sector:pow"}}
	for _, tlp := range []policy.TLP{-1, 0, 1, 2, 3, 4, 5} {
		for _, owner := range []string{"", "m1", "m2"} {
			for i, a := range audiences {
				rows = append(rows, secret{fmt.Sprintf("%d/%s/%d", tlp, owner, i),
					policy.Handling{TLP: tlp, Owner: owner, Audience: a}})
			}
		}
	}
	var viewers []policy.Viewer
	for _, user := range []string{"", "u1", "u2"} {
		for _, m := range []struct{ member, sector string }{{"", ""}, {"m1", "power"}, {"m2", "gas"}, {"m1", ""},
			{"", "power"}, {"m_", "pow"}} {
			for bits := range 8 {
				viewers = append(viewers, policy.Viewer{User: user, Member: m.member, Sector: m.sector,
					Hub: bits&1 > 0, Coordinator: bits&2 > 0, Machine: bits&4 > 0})
			}
		}
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := db.Write(t.Context(), sys,
			func(tx *store.Tx) error { return store.Insert(tx, "secret", rows) }); err != nil {
			t.Fatal(err)
		}
		for _, v := range viewers {
			var want []string
			for _, r := range rows {
				// The store's row is what is asked of: its audience went through Column.
				h := r.Handling
				h.Audience = policy.ParseAudience(h.Audience.Column())
				if policy.MaySee(v, h) {
					want = append(want, r.ID)
				}
			}
			var got []string
			err := db.Read(t.Context(), store.As(v), func(tx *store.Tx) (err error) {
				got, err = store.Query[string](tx, `SELECT s.id FROM secret s WHERE SCOPE(s) AND s.id <> $1`, "x")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("%+v:\nwant %v\ngot  %v", v, want, got)
			}
		}
	}, storetest.With(marked))
}

func TestScopeCannotBeForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		public := store.Scope{}
		for _, q := range []string{
			`SELECT id FROM secret`,
			`SELECT id FROM SECRET AS s WHERE 1=1`,
			`SELECT id FROM "secret"`,
			`SELECT id FROM main.secret`,
			`SELECT id FROM open o, secret WHERE o.id = secret.id`,
			`SELECT id FROM open WHERE id IN (SELECT id FROM secret)`,
			`SELECT o.id FROM open o JOIN secret s ON s.id = o.id WHERE SCOPE(o)`,
			`SELECT s.id FROM secret s JOIN secret t ON s.owner = t.owner WHERE SCOPE(s)`,
			`SELECT id FROM secret WHERE SCOPE(secret) UNION SELECT id FROM secret`,
			`WITH s AS (SELECT id FROM secret) SELECT id FROM s`,
			`UPDATE secret SET owner = ''`,
			`DELETE FROM secret`,
			`INSERT INTO open SELECT id, id FROM secret`,
			`SELECT id FROM secret -- WHERE SCOPE(secret)`,
			`SELECT id FROM secret WHERE id = 'SCOPE(secret)'`,
			`SELECT id FROM secret WHERE NOT SCOPE(secret)`,
			`SELECT id FROM secret WHERE NOT (SCOPE(secret))`,
			`SELECT id FROM secret WHERE NOT (1=0 AND (SCOPE(secret)))`,
			`SELECT id FROM secret WHERE SCOPE(secret) AND tlp = 1 OR tlp = 4`,
			`SELECT id FROM secret WHERE tlp = 4 OR 1=1 AND SCOPE(secret)`,
			`SELECT id FROM secret WHERE SCOPE(secret) OR 1=1`,
			`SELECT id FROM secret WHERE SCOPE(1=1)`,
			`SELECT SCOPE(secret) FROM secret`,
			`SELECT id FROM open WHERE SCOPE(open)`,
		} {
			err := db.Write(t.Context(), public, func(tx *store.Tx) error { _, err := tx.Exec(q); return err })
			if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "SCOPE") {
				t.Errorf("%s: %v", q, err)
			}
		}
		for _, q := range []string{
			`SELECT id FROM secret WHERE SCOPE(secret)`,
			`SELECT s.id FROM secret AS s WHERE (SCOPE(s)) AND (tlp = 1 OR tlp = 2) ORDER BY s.id LIMIT 1`,
			`SELECT o.secret FROM open o LEFT JOIN secret s ON s.id = o.id AND SCOPE(s) WHERE o.id = '' OR o.id = 'x'`,
			`SELECT s.id FROM secret s JOIN secret t ON s.owner = t.owner WHERE SCOPE(s) AND SCOPE(t)`,
			`SELECT count(*) FILTER (WHERE s.tlp = 0 AND SCOPE(s)) AS secret FROM secret s WHERE SCOPE(s)`,
			`UPDATE secret SET owner = '' WHERE SCOPE(secret) AND id = ''`,
			`DELETE FROM secret WHERE SCOPE(secret)`,
			`INSERT INTO open (id, secret) SELECT s.id, s.id FROM secret s WHERE SCOPE(s)`,
			`INSERT INTO secret (id, tlp, owner, audience) VALUES ('a', 0, '', '')
				ON CONFLICT (id) DO UPDATE SET tlp = excluded.tlp WHERE secret.tlp < 9`,
			`SELECT open.id, 'secret' FROM open /* secret */ -- secret`,
		} {
			for _, s := range []store.Scope{public, sys,
				store.As(policy.Viewer{User: "u", Member: "m", Coordinator: true})} {
				if err := db.Write(t.Context(), s,
					func(tx *store.Tx) error { _, err := tx.Exec(q); return err }); err != nil {
					t.Errorf("%s: %v", q, err)
				}
			}
		}
	}, storetest.With(marked))
}

func FuzzScope(f *testing.F) {
	db := store.ScopeOnly("secret")
	for _, s := range []string{`SELECT 1 FROM secret WHERE SCOPE(secret)`, `'`, `"`, `/*`, `--`, `)(`, `$1`, `SCOPE(`,
		"\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) {
		out, _, err := db.Apply(q, store.As(policy.Viewer{Member: "m"}))
		if err == nil && out == q && strings.HasPrefix(q, "SELECT id FROM secret ") {
			t.Errorf("unscoped: %q", q)
		}
	})
}

func TestSchemaSaysWhatIsGuarded(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		set := migration("m", "0001_m.sql", `
			CREATE TABLE Alpha (tlp INTEGER NOT NULL, owner TEXT NOT NULL);
			ALTER TABLE Alpha ADD COLUMN audience TEXT NOT NULL DEFAULT '';
			CREATE TABLE IF NOT EXISTS beta (tlp INTEGER NOT NULL, OWNER TEXT NOT NULL, audience TEXT NOT NULL);
			CREATE TABLE gamma (x TEXT NOT NULL);`)
		open := func(sets ...store.Migration) (*store.DB, error) {
			db, err := store.Open(t.Context(), store.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return db, db.Migrate(t.Context(), sets...)
		}
		db, err := open(set)
		if got := db.Guarded(); err != nil || !slices.Equal(got, []string{"alpha", "beta"}) {
			t.Fatalf("guarded: %v, %v", got, err)
		}
		read := func(table string) error {
			return db.Read(t.Context(), store.Scope{}, func(tx *store.Tx) error {
				_, err := store.Query[int](tx, `SELECT tlp FROM `+table)
				return err
			})
		}
		if err := read("beta"); !fault.Is(err, fault.Internal) {
			t.Errorf("beta: %v", err)
		}
		set.Unguarded = map[string]string{"Beta": "a test reads it"}
		if db, err = open(set); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(read("beta"), db.Migrate(t.Context(), things), read("beta")); err != nil {
			t.Errorf("beta, an exception: %v", err)
		}
		if err := read("alpha"); !fault.Is(err, fault.Internal) {
			t.Errorf("alpha: %v", err)
		}
		if got := db.Unguarded(); len(got) != 1 || got["beta"] != "a test reads it" {
			t.Errorf("exceptions: %v", got)
		}
		for _, bad := range []map[string]string{{"beta": " "}, {"gamma": "it carries no handling"},
			{"thing": "not its own"}, {"nothing": "not there"}} {
			set.Unguarded = bad
			if _, err := open(set, things); err == nil || !strings.Contains(err.Error(), "Unguarded") {
				t.Errorf("%v: %v", bad, err)
			}
		}
		set.Unguarded = nil
		for i, columns := range []string{"tlp INTEGER", "owner TEXT", "audience TEXT, tlp INTEGER"} {
			half := migration("half", "0001_half.sql", "CREATE TABLE half"+fmt.Sprint(i)+" (x TEXT, "+columns+");")
			half.Name += fmt.Sprint(i)
			if _, err := open(set, half); err == nil || !strings.Contains(err.Error(), "the table half"+fmt.Sprint(i)) {
				t.Errorf("%s: %v", columns, err)
			}
		}
	})
}
