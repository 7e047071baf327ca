package warninglist_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/share/warninglist"
)

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := &warninglist.Folder{Path: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := f.Load(t.Context()); err == nil {
		t.Error("a folder without a list is taken")
	}
	write("plain.json", `{"name":"resolvers","version":1,"type":"cidr","list":["192.0.2.0/24"]}`)
	write("lists/portals/list.json", `{"name":"portals","version":1,"type":"hostname","list":["portal.example"]}`)
	write("lists/portals/schema.json", `{"name":"none","version":1,"type":"hostname","list":["schema.example"]}`)
	write("broken.json", `{"name":"broken"`)
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	find := func(typ event.ObservableType, value string) string {
		for _, h := range f.Find(event.Observable{Type: typ, Value: value}) {
			return h.List
		}
		return ""
	}
	for _, c := range []struct {
		typ         event.ObservableType
		value, want string
	}{
		{event.IPv4, "192.0.2.7", "resolvers"}, {event.IPv4, "198.51.100.7", ""},
		{event.Domain, "www.portal.example", "portals"}, {event.Domain, "schema.example", ""},
	} {
		if got := find(c.typ, c.value); got != c.want {
			t.Errorf("%s is on %q, want %q", c.value, got, c.want)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Load(t.Context()); err == nil || find(event.IPv4, "192.0.2.7") != "resolvers" {
		t.Errorf("a folder that is gone: %v; what was read stays", err)
	}
	var none *warninglist.Folder
	if none.Find(event.Observable{Type: event.IPv4, Value: "192.0.2.7"}) != nil || none.Load(t.Context()) != nil {
		t.Error("no folder holds something")
	}
}
