package feed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
)

// FuzzRead reads any bytes as any format: no panic, every entry is one that a
// list takes as it is, counts add up, and problems name a line of the file in
// both languages.
func FuzzRead(f *testing.F) {
	for i, s := range []string{
		"a.example\n||b.example^\n192.0.2.0/24 # x\nhxxp://a[.]b/\n", "type,value\n\"domain\",\"a\"\"b\"\n",
		`{"type":"url","value":"http://a.b/"}` + "\n{}",
		"0.0.0.0 a.example b.example\n", `{"type":"bundle","objects":[` + indicator(1, "[a:b='c']", "") + `,5]}`,
		`[{"Event":{"Tag":[{"name":"tlp:red"}],"Attribute":[{"type":"domain|ip","value":"a|b","to_ids":1}]}}]`,
		" |\x05\xa8\xd4\rl", "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd\x00", "", "\"\n\"\n,;\t",
	} {
		f.Add(i%8, s)
	}
	formats := append([]feed.Format{"", "none"}, feed.Formats()...)
	f.Fuzz(func(t *testing.T, format int, text string) {
		o := feed.Options{Format: formats[uint(format)%uint(len(formats))], Source: "s", MaxBytes: 1 << 20,
			Composites: format%3 == 0}
		n := int64(0)
		rep, err := feed.Read(context.Background(), "f", opener(text), o, func(e watchlist.Entry) error {
			n++
			if again, err := watchlist.Check(e); err != nil || again != e {
				t.Errorf("%v is given, and checked it is %v, %v", e, again, err)
			}
			return nil
		})
		var failed *feed.Error
		if err != nil && !errors.As(err, &failed) {
			t.Errorf("%v", err)
		}
		if rep.Entries != n || rep.Refused+rep.NotCovered+rep.Passed > rep.Records || err == nil && o.Format == "none" {
			t.Errorf("%d entries, %+v", n, rep)
		}
		lines := strings.Count(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + strings.Count(text, "\r") + 1
		packed := strings.HasPrefix(text, "\x1f\x8b") || strings.HasPrefix(text, "\x28\xb5")
		for _, p := range append(rep.WhyRefused, rep.WhyNotCovered...) {
			if p.Line < 1 || p.Line > lines && !packed || p.Reason.EN == "" || p.Reason.JA == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

// dataDir finds the real data that lies beside the repository, or skips the test.
func dataDir(t *testing.T) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(root); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data is needed in CI: %v", err)
		}
		t.Skipf("real data is not here (set MENEKI_DATA_DIR): %v", err)
	}
	return root
}

// TestRealFeeds reads MISP events and STIX bundles that no one here wrote, and
// counts what comes out.
func TestRealFeeds(t *testing.T) {
	root := dataDir(t)
	for path, want := range map[string]string{
		"misp/events/misp_event.json": "misp: 2 records, 0 entries, 0 refused, 0 not covered, " +
			"2 passed, <nil>",
		"misp/events/very_long_event.json": "misp: 64 records, 35 entries, 0 refused, 0 not " +
			"covered, 29 passed, <nil>",
		"misp/events/existing_event.json": "misp: 122 records, 83 entries, 0 refused, 0 not " +
			"covered, 39 passed, <nil>",
		"misp/events/japanese_test.json": "misp: 1 records, 0 entries, 0 refused, 0 not covered, " +
			"1 passed, <nil>",
		"misp/stix-pairs/test_event1_stix21.json": "stix: 9 records, 1 entries, 0 refused, 0 not covered, " +
			"8 passed, <nil>",
		"misp/stix-pairs/test_event2_stix21.json": "stix: 12 records, 1 entries, 0 refused, 1 not covered, " +
			"10 passed, <nil>",
		"misp/stix-pairs/test_attributes_collection_1.json": "misp: 2 records, 1 entries, 0 refused, 0 not covered, " +
			"1 passed, <nil>",
	} {
		rep, err := feed.File(context.Background(), filepath.Join(root, path), feed.Options{Source: "s"},
			func(watchlist.Entry) error { return nil })
		got := fmt.Sprintf("%s: %d records, %d entries, %d refused, %d not covered, %d passed, %v", rep.Format,
			rep.Records, rep.Entries, rep.Refused, rep.NotCovered, rep.Passed, err)
		if got != want {
			t.Errorf("%s:\n%s\nwant %s\n%v\n%v", path, got, want, problems(rep.WhyRefused), problems(rep.WhyNotCovered))
		}
	}
}
