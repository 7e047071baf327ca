package ownlist

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/detecttest"
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
