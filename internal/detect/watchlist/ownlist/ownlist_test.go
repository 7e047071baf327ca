package ownlist

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// A list that cannot be opened is not shown as none, and breaks no search.
func TestUnusableList(t *testing.T) {
	now, _ := clock.Fixed(detecttest.Start)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "manifest"), []byte("no manifest"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(Config{Dir: dir, Clock: now, Log: slog.New(slog.DiscardHandler)})
	if st, ok := l.Stats(); ok || st.Damage != nil {
		t.Fatalf("%+v before it was opened", st)
	}
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, ok := l.Stats(); !ok || st.Damage == nil {
		t.Errorf("%+v, %v", st, ok)
	}
	who := policy.Viewer{User: "u1", Member: "power", Role: policy.RoleReader}
	find := PageConfig{List: l, Member: func() string { return "power" }}.finder(i18n.Same("list"), l.Log)
	if hits, err := find.Find(t.Context(), who, "198.51.100.7", 10); err != nil || len(hits) > 0 {
		t.Errorf("%v, %v", hits, err)
	}
}

// What a source says later under an id takes the place of what it said before, though the rest of
// the source stays, and another source's entries under the id stay too.
func TestSupersede(t *testing.T) {
	now, _ := clock.Fixed(detecttest.Start)
	l := New(Config{Dir: filepath.Join(t.TempDir(), "list"), Clock: now, Log: slog.New(slog.DiscardHandler)})
	defer l.Close()
	put := func(source string, list ...watchlist.Entry) {
		t.Helper()
		_, err := l.Import(t.Context(), Import{Source: source, Keep: true, Hunt: HuntNone},
			func(add func(watchlist.Entry) error) error {
				for _, e := range list {
					if err := add(e); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	name := func(id, value string) watchlist.Entry {
		return watchlist.Entry{Type: event.Domain, Value: value, ID: id}
	}
	there := func(value string) int {
		t.Helper()
		hits, err := l.Check(t.Context(), []event.Observable{{Type: event.Domain, Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		return len(hits)
	}
	put("a", name("i1", "old.example"), name("i2", "stays.example"), name("i3", "gone.example"))
	put("b", name("i3", "gone.example"))
	put("a", watchlist.Entry{ID: "i1"}, name("i1", "new.example"), watchlist.Entry{ID: "i3"})
	if there("old.example") != 0 || there("new.example") != 1 || there("stays.example") != 1 ||
		there("gone.example") != 1 {
		t.Errorf("old %d, new %d, stays %d, gone %d", there("old.example"), there("new.example"),
			there("stays.example"),
			there("gone.example"))
	}
	put("a", watchlist.Entry{ID: "i2"}) // news that has nothing to import
	if there("stays.example") != 0 {
		t.Error("what was revoked matches")
	}
}
