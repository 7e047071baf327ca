package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

var sys = store.System("test")

func migration(name string, files ...string) store.Migration {
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m["sql/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return store.Migration{Name: name, FS: m}
}

var things = migration("things", "0001_things.sql", `
	CREATE TABLE thing (id TEXT PRIMARY KEY, n BIGINT NOT NULL, at BIGINT NOT NULL,
		ok BOOLEAN NOT NULL, f DOUBLE PRECISION NOT NULL,
		big BIGINT NOT NULL, body BLOB NOT NULL, tags TEXT NOT NULL, addr TEXT NOT NULL,
		maybe TEXT, label INTEGER NOT NULL,
		tlp INTEGER NOT NULL, owner TEXT NOT NULL, audience TEXT NOT NULL);
	CREATE TABLE counter (id TEXT PRIMARY KEY, n BIGINT NOT NULL);`)

type named string

type base struct {
	ID string    `db:"id"`
	At time.Time `db:"at"`
}

type thing struct {
	base0
	N        int             `db:"n"`
	OK       bool            `db:"ok"`
	F        float64         `db:"f"`
	Big      uint64          `db:"big"`
	Body     []byte          `db:"body"`
	Tags     []string        `db:"tags,json"`
	Addr     netip.Addr      `db:"addr"`
	Maybe    *named          `db:"maybe"`
	Label    policy.TLP      `db:"label"`
	Handling policy.Handling `db:",handling"`
	Ignored  chan int
}

type base0 = base

func sample(i int) thing {
	n := named("x")
	t := thing{base0: base{fmt.Sprintf("t%05d", i), time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)}, N: -i,
		OK: i%2 == 0, F: 1.5, Big: math.MaxUint64 - uint64(i),
		Body: []byte{0, 255, byte(i)}, Tags: []string{"脅威", `"`}, Addr: netip.MustParseAddr("2001:db8::1"),
		Label: policy.AmberStrict,
		Handling: policy.Handling{TLP: policy.Amber, Owner: "m1",
			Audience: policy.Audience{"member:m2", "sector:power"}}}
	if i%3 == 0 {
		t.Maybe = &n
	}
	return t
}

func TestRoundTrip(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, n := range []int{1, 3, 1000} { // one statement, a loop, COPY
			want := make([]thing, n)
			for i := range want {
				want[i] = sample(i)
			}
			want[0].At = time.Time{}
			err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
				if _, err := tx.Exec(`DELETE FROM thing WHERE SCOPE(thing)`); err != nil {
					return err
				}
				return store.Insert(tx, "thing", want)
			})
			if err != nil {
				t.Fatal(err)
			}
			err = db.Read(t.Context(), sys, func(tx *store.Tx) error {
				got, err := store.Query[thing](tx, `SELECT * FROM thing WHERE SCOPE(thing) ORDER BY id`)
				if err != nil {
					return err
				}
				if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}),
					cmpopts.IgnoreFields(thing{}, "Ignored"), cmp.AllowUnexported(thing{})); d != "" {
					t.Errorf("want -, got +:\n%s", d)
				}
				sum, err := store.One[int](tx, `SELECT sum(n) FROM thing WHERE SCOPE(thing)`)
				if err != nil || sum != -n*(n-1)/2 {
					t.Errorf("sum = %d, %v", sum, err)
				}
				at, err := store.One[time.Time](tx, `SELECT max(at) FROM thing WHERE SCOPE(thing)`)
				if err != nil || n > 1 && !at.Equal(want[1].At) {
					t.Errorf("max(at) = %v, %v", at, err)
				}
				in, args := store.List(2, []string{"t00000", "t00002", "nobody"})
				ids, err := store.Query[string](tx,
					`SELECT id FROM thing WHERE SCOPE(thing) AND ok = $1 AND id IN `+in+` ORDER BY id`,
					append([]any{true}, args...)...)
				if err != nil || n > 2 && !cmp.Equal(ids, []string{"t00000", "t00002"}) {
					t.Errorf("List: %v, %v", ids, err)
				}
				_, err = store.One[thing](tx, `SELECT * FROM thing WHERE SCOPE(thing) AND addr = $1 AND big = $2`,
					netip.MustParseAddr("::1"), uint64(math.MaxUint64))
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("One of none: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}, storetest.With(things))
}

// A hostile string is stored the same way on both engines, and found again.
func TestHostileText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		raw, want := "a\x00b\xff\xfe脅", "a\uFFFDb\uFFFD脅"
		err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
			if err := tx.Emit("t", raw, raw); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO counter (id, n) VALUES ($1, 1)`, raw); err != nil {
				return err
			}
			got, err := store.One[string](tx, `SELECT id FROM counter WHERE id = $1`, named(raw))
			if got != want {
				t.Errorf("stored %q, want %q", got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}, storetest.With(things))
}

func TestMappingRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		type noField struct {
			ID string `db:"id"`
		}
		type badField struct {
			ID []string `db:"id"`
		}
		try := func(name string, f func(tx *store.Tx) error) {
			t.Helper()
			if err := db.Write(t.Context(), sys, f); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		try("column without field", func(tx *store.Tx) error {
			_, err := store.Query[noField](tx, `SELECT id, n FROM counter`)
			return err
		})
		try("slice without json", func(tx *store.Tx) error { return store.Insert(tx, "counter", []badField{{}}) })
		try("two columns, one scalar", func(tx *store.Tx) error {
			_,
				err := store.Query[int](tx, `SELECT 1, 2`)
			return err
		})
		try("slice argument", func(tx *store.Tx) error {
			_, err := tx.Exec(`DELETE FROM counter WHERE id = $1`, []string{"a"})
			return err
		})
		if err := db.Read(t.Context(), sys, func(tx *store.Tx) error {
			_,
				err := tx.Exec(`DELETE FROM counter`)
			return err
		}); !fault.Is(err, fault.Internal) {
			t.Errorf("write in a Read: %v", err)
		}
	}, storetest.With(things))
}

func TestFailedTxIsLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		add := `INSERT INTO counter (id, n) VALUES ($1, 1)`
		hooks := 0
		err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
			tx.AfterCommit(func() { hooks++ })
			if _, err := tx.Exec(add, "a"); err != nil {
				return err
			}
			_, err := tx.Exec(add, "a")
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("unique violation: %v", err)
			}
			if _, err := tx.Exec(add, "b"); err == nil {
				t.Error("a failed transaction went on")
			}
			return nil // swallowed
		})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("commit of a failed transaction: %v", err)
		}
		if hooks != 0 {
			t.Error("hooks ran")
		}
		func() {
			defer func() { recover() }()
			db.Write(t.Context(), sys, func(tx *store.Tx) error { tx.Exec(add, "c"); panic("p") })
		}()
		n := count(t, db)
		if n != 0 {
			t.Errorf("%d rows were kept", n)
		}
	}, storetest.With(things))
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
		n, err = store.One[int](tx, `SELECT count(*) FROM counter`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Read-modify-write from two processes' worth of pools must not lose an update.
func TestWritesAreSerialisable(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		dbs := []*store.DB{storetest.Open(t, url, storetest.With(things)),
			storetest.Open(t, url, storetest.With(things))}
		var wg sync.WaitGroup
		var mu sync.Mutex
		hooks := 0
		const workers, each = 4, 25
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					id := fmt.Sprint("c", i%2)
					err := dbs[w%2].Write(t.Context(), sys, func(tx *store.Tx) error {
						n, err := store.One[int](tx, `SELECT n FROM counter WHERE id = $1`, id)
						if fault.Is(err, fault.NotFound) {
							_, err = tx.Exec(`INSERT INTO counter (id, n) VALUES ($1, 0)`, id)
						}
						if err != nil {
							return err
						}
						tx.AfterCommit(func() { mu.Lock(); hooks++; mu.Unlock() })
						_, err = tx.Exec(`UPDATE counter SET n = $1 WHERE id = $2`, n+1, id)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		err := dbs[0].Read(t.Context(), sys, func(tx *store.Tx) error {
			n, err := store.One[int](tx, `SELECT sum(n) FROM counter`)
			if n != workers*each || hooks != n {
				t.Errorf("counted %d of %d, hooks %d", n, workers*each, hooks)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestContextErrorsPass(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Write(ctx, sys, func(tx *store.Tx) error {
			cancel()
			_, err := tx.Exec(`INSERT INTO counter (id, n) VALUES ('a', 1)`)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if n := count(t, db); n != 0 {
			t.Errorf("%d rows", n)
		}
	}, storetest.With(things))
}

func TestNowIsFixed(t *testing.T) {
	start := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)
	now, hand := clock.Fixed(start)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
			a := tx.Now()
			hand.Add(time.Second)
			if b := tx.Now(); !a.Equal(b) || a.Nanosecond()%1000 != 0 {
				t.Errorf("now went from %v to %v", a, b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}, storetest.Clock(now))
}

func TestSetting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if _, ok, err := db.Setting(t.Context(), "k"); ok || err != nil {
			t.Errorf("unset: %v %v", ok, err)
		}
		for _, v := range []string{"a", "日本"} {
			if err := db.SetSetting(t.Context(), "k", v); err != nil {
				t.Fatal(err)
			}
			if got, ok, err := db.Setting(t.Context(), "k"); got != v || !ok || err != nil {
				t.Errorf("got %q %v %v", got, ok, err)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "text.txt")
	os.WriteFile(file, []byte(strings.Repeat("this is no database. ", 100)), 0o600)
	for _, c := range []struct {
		url  string
		kind fault.Kind
	}{
		{"", fault.Invalid},
		{":memory:", fault.Invalid},
		{"mysql://x/y", fault.Invalid},
		{"postgres://u:secret@[::1", fault.Invalid},
		{file, fault.Storage},
		{"sqlite:" + dir, fault.Storage},
		{filepath.Join(file, "below"), fault.Storage},
		{"postgres://u:secret@127.0.0.1:1/x", fault.Unavailable},
	} {
		db, err := store.Open(t.Context(), store.Options{URL: c.url})
		if err == nil {
			db.Close()
		}
		if !fault.Is(err, c.kind) {
			t.Errorf("%q: %v, kind %v", c.url, err, fault.KindOf(err))
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %v", err)
		}
	}
	odd := filepath.Join(dir, "a?b#c%41 脅威.db")
	db, err := store.Open(t.Context(), store.Options{URL: odd})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if st, err := os.Stat(odd); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestBackup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := db.SetSetting(t.Context(), "k", "v"); err != nil {
			t.Fatal(err)
		}
		err := db.Backup(t.Context(), path)
		if db.Engine() == store.Postgres {
			if !fault.Is(err, fault.Unsupported) || !strings.Contains(fault.HintOf(err).EN, "pg_dump") {
				t.Error(err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Backup(t.Context(), path); !fault.Is(err, fault.Conflict) {
			t.Errorf("backup over a file: %v", err)
		}
		if err := db.Backup(t.Context(), "/nowhere/at/all/x.db"); !fault.Is(err, fault.Storage) {
			t.Errorf("backup to nowhere: %v", err)
		}
		other := storetest.Open(t, path)
		if v, _, err := other.Setting(t.Context(), "k"); v != "v" || err != nil {
			t.Errorf("restored %q, %v", v, err)
		}
	})
}
