package meneki_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// picture is the document that shows the house.
const picture = "docs/house.md"

// The picture of the house shows the imports that there are. After a change:
// go test . -run TestPicture -update
func TestPicture(t *testing.T) {
	text := read(t, picture)
	const begin, end = "```mermaid\n", "```\n"
	head, rest, ok := strings.Cut(text, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no Mermaid picture", picture)
	}
	want := head + begin + mermaid(t) + end + tail
	if want == text {
		return
	}
	if *update {
		if err := os.WriteFile(picture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s does not show the imports as they are: go test . -run TestPicture -update", picture)
}

// mermaid draws who imports whom: roles, capabilities and libraries one by one,
// the spine as one.
func mermaid(t *testing.T) string {
	members := map[string][]string{}
	arrows := map[string]bool{}
	for _, f := range source(t) {
		kind, name := layer(f.pkg)
		if kind == "" || f.test {
			continue
		}
		if !slices.Contains(members[kind], name) {
			members[kind] = append(members[kind], name)
		}
		for _, path := range f.imports() {
			folder, mine := ours(path)
			if !mine {
				continue
			}
			toKind, toName := layer(folder)
			from, to := box(kind, name), box(toKind, toName)
			if toKind != "" && from != to && kind != "spine" && toKind != "spine" {
				arrows["  "+from+" --> "+to] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for _, row := range [][2]string{{"role", "roles"}, {"capability", "capabilities"},
		{"library", "public libraries"}} {
		names := members[row[0]]
		slices.Sort(names)
		fmt.Fprintf(&b, "  subgraph %s[%s]\n", row[0], row[1])
		for _, n := range names {
			fmt.Fprintf(&b, "    %s\n", box(row[0], n))
		}
		b.WriteString("  end\n")
	}
	names := members["spine"]
	slices.Sort(names)
	fmt.Fprintf(&b, "  spine[\"spine: %s\"]\n", strings.Join(names, " "))
	for _, a := range slices.Sorted(maps.Keys(arrows)) {
		b.WriteString(a + "\n")
	}
	b.WriteString("  role --> spine\n  capability --> spine\n  spine --> library\n")
	return b.String()
}

// box names a package in the picture.
func box(kind, name string) string {
	if kind == "spine" {
		return "spine"
	}
	return name
}
