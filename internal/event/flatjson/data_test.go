package flatjson_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// dataDir finds the real rules and events, which are not part of the repository.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no data at %s; set MENEKI_DATA_DIR", dir)
		}
		t.Skipf("no data at %s; set MENEKI_DATA_DIR", dir)
	}
	return dir
}

func allRules(t testing.TB) *sigma.Set {
	t.Helper()
	set, err := sigma.Load(os.DirFS(dataDir(t, "sigma")), ".")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// decode is how package read makes an event of a line.
func decode(line []byte) (*event.Event, error) {
	events, err := read.Line(event.Source{Sensor: "file", Name: "events.json"}, line, read.Hint{Seen: time.Unix(1, 0)})
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return events[0], nil
}

// zipLines calls yield with every line of the zips below dir.
func zipLines(t testing.TB, dir string, yield func(line []byte)) {
	t.Helper()
	var zips []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".zip") {
			zips = append(zips, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(zips)
	for _, path := range zips {
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if !strings.HasSuffix(f.Name, ".json") || strings.Contains(f.Name, "__MACOSX") {
				continue
			}
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(in)
			in.Close()
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 0 {
					yield(line)
				}
			}
		}
		z.Close()
	}
}

// TestWindowsEvents: over the recorded events, with all published rules, lines
// that are taken apart and events that are decoded give exactly what the
// reference evaluator gives.
func TestWindowsEvents(t *testing.T) {
	set := allRules(t)
	dir := dataDir(t, "events-windows")
	step := 1
	if testing.Short() || raceDetector {
		step = 97
	}
	e := engine.Compile(set, engine.Options{})
	q := flatjson.NewMatcher(e, decode)
	w := e.Worker()
	n, matches := 0, 0
	zipLines(t, dir, func(line []byte) {
		if n++; n%step != 0 {
			return
		}
		var got, mapped, want []*sigma.Match
		if err := q.Match(line, func(_ *event.Event,
			m *sigma.Match) bool {
			got = append(got, m)
			return true
		}); err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		ev, err := decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if ev == nil {
			return
		}
		for m := range set.Match(ev) {
			want = append(want, m)
		}
		for m := range w.Match(ev) {
			mapped = append(mapped, m)
		}
		matches += len(want)
		same(t, "flatjson", line, got, want)
		same(t, "decoded", line, mapped, want)
	})
	t.Logf("%d lines, every %d; %d taken apart, %d decoded; %d matches", n, step, q.Undecoded, q.Decoded, matches)
	if n < 50_000 || matches == 0 || q.Undecoded < 50*q.Decoded {
		t.Errorf("%d lines, %d matches, %d quick and %d slow: what is measured here?", n, matches, q.Undecoded,
			q.Decoded)
	}
}

func same(t *testing.T, how string, line []byte, got, want []*sigma.Match) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	byKey := cmp.Comparer(func(a, b *sigma.Rule) bool { return a == b })
	if diff := cmp.Diff(want, got, byKey); diff != "" {
		t.Errorf("%s: engine and reference differ (-reference +engine):\n%s\n%s", how, diff, line)
	}
}
