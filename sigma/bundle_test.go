package sigma

import (
	"strings"
	"testing"
	"testing/fstest"
)

const (
	bundleBase = "title: Base %\nname: base\nid: 1000000%-0000-4000-8000-000000000000\nauthor: B. Ase\n" +
		"logsource:\n  product: x\ndetection:\n  s:\n    a: %\n  condition: s\n"
	bundleOuter = "title: Outer\nid: 20000000-0000-4000-8000-000000000000\nauthor: O. Uter\n" +
		"correlation:\n  type: temporal\n  rules: [inner, 10000002-0000-4000-8000-000000000000]\n  timespan: 1h"
	bundleInner = "# kept\ntitle: Inner\nname: inner\nid: 30000000-0000-4000-8000-000000000000\n" +
		"correlation:\n  type: event_count\n  rules: [REF]\n  group-by: [u]\n  timespan: 5m\n  condition:\n    gte: 3\n"
)

func bundleSet(t *testing.T, files map[string]string) *Set {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["r/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	set, err := Load(fsys, "r")
	if err != nil || len(set.Refused) > 0 {
		t.Fatal(err, set.Refused)
	}
	return set
}

// A correlation and all that it is built on, out of several files, is one file that
// means the same; each document is as it was written, and others stay behind.
func TestBundle(t *testing.T) {
	one, two := strings.ReplaceAll(bundleBase, "%", "1"),
		strings.ReplaceAll(strings.ReplaceAll(bundleBase, "name: base\n", ""), "%", "2")
	set := bundleSet(t, map[string]string{
		"a.yml": one + "---\n" + strings.ReplaceAll(bundleInner, "REF", "base") + "---\n" +
			strings.ReplaceAll(strings.ReplaceAll(bundleBase, "name: base", "name: other"), "%", "9"),
		"b.yml": two, "c.yml": bundleOuter,
	})
	roots := set.Roots()
	if len(roots) != 1 || roots[0].Title != "Outer" {
		t.Fatalf("roots: %v", roots)
	}
	text, err := roots[0].Bundle()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{one, two, strings.ReplaceAll(bundleInner, "REF", "base"), bundleOuter} {
		if !strings.Contains(string(text), doc) {
			t.Errorf("not as it was written: %q in\n%s", doc, text)
		}
	}
	if strings.Contains(string(text), "Base 9") {
		t.Errorf("a stranger is in\n%s", text)
	}
	again := ParseCollection("x", text).Set()
	if len(again.Refused) > 0 || len(again.Rules) != 2 || len(again.Correlations) != 2 ||
		again.Roots()[0].Key() != roots[0].Key() {
		t.Errorf("%d rules, %d correlations, refused %v", len(again.Rules), len(again.Correlations), again.Refused)
	}
}

// Names that would stand for other rules in one file are not bundled.
func TestBundleAmbiguous(t *testing.T) {
	one, two := strings.ReplaceAll(bundleBase, "%", "1"), strings.ReplaceAll(bundleBase, "%", "2") // both called base
	set := bundleSet(t, map[string]string{"a.yml": one + "---\n" + strings.ReplaceAll(bundleInner, "REF", "base"),
		"b.yml": two, "c.yml": bundleOuter})
	if text, err := set.Roots()[0].Bundle(); err == nil {
		t.Errorf("bundled as\n%s", text)
	}
}

func TestCanonical(t *testing.T) {
	if a, b := Canonical("\ufeffa: 1\r\nb: 2  \r\n\r\n"), Canonical("\na: 1\nb: 2"); a != b {
		t.Errorf("%q is not %q", a, b)
	}
	if Canonical("a: 1\n") == Canonical("a: 2\n") || Canonical("a:\n  b: 1") == Canonical("a:\nb: 1") {
		t.Error("two meanings are one")
	}
}
