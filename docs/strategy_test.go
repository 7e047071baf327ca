// Package docs_test holds the documents against the program.
package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/cli"
	"github.com/meneki/meneki/internal/demo"
)

// sections are those of chapters 4 and 5 of the strategy that ask for something.
// A letter behind a number marks a second demand of the same section.
var sections = []string{
	"4.1.1(1)", "4.1.1(2)", "4.1.1(3)", "4.1.2(1)", "4.1.2(2)", "4.1.2(3)", "4.1.3(1)", "4.1.3(2)",
	"4.2.1(1)", "4.2.1(2)", "4.2.2(1)①", "4.2.2(1)②", "4.2.2(1)③", "4.2.2(1)④", "4.2.2(1)⑤", "4.2.2(2)",
	"4.2.3(1)①", "4.2.3(1)②", "4.2.3(2)", "4.2.3(3)", "4.2.3(4)", "4.2.3(5)", "4.2.4(1)", "4.2.4(2)",
	"4.2.5(1)", "4.2.5(2)", "4.2.6(1)", "4.2.6(1)b", "4.2.6(2)", "4.2.6(2)b", "4.2.7",
	"4.3.1(1)", "4.3.1(2)", "4.3.2(1)①", "4.3.2(1)②", "4.3.2(1)③", "4.3.2(2)①", "4.3.2(2)②", "4.3.2(3)①", "4.3.2(3)②",
	"4.3.3(1)", "4.3.3(2)", "4.3.3(3)",
	"4.4.1(1)", "4.4.1(2)", "4.4.1(3)", "4.4.1(4)", "4.4.1(5)", "4.4.2(1)", "4.4.2(2)", "4.4.3", "5", "5b",
}

type row struct {
	section string
	cells   []string
}

// rows reads the tables of a document, headings left out.
func rows(t *testing.T, path string) []row {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| section ") {
			continue
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		out = append(out, row{cells[0], cells})
	}
	return out
}

var quoted = regexp.MustCompile("`([^`]*)`")

func TestStrategyNamesWhatExists(t *testing.T) {
	commands := cli.Commands()
	pages := append(demo.Pages(), "/openapi.json", "/openapi.yaml", "/api/docs")
	if len(commands) == 0 || len(pages) < 4 {
		t.Fatalf("the program names %d commands and %d pages", len(commands), len(pages))
	}
	for _, r := range rows(t, "strategy.md") {
		if len(r.cells) != 6 {
			continue
		}
		see, state := r.cells[4], r.cells[5]
		named := quoted.FindAllStringSubmatch(see, -1)
		switch state {
		case "works", "partly":
			if len(named) == 0 {
				t.Errorf("%s %s, and nothing shows it", r.section, state)
			}
		case "not yet":
			if see != "—" {
				t.Errorf("%s is not yet done and names %s", r.section, see)
			}
		default:
			t.Errorf("%s: state %q is none of works, partly, not yet", r.section, state)
		}
		for _, m := range named {
			if !exists(m[1], commands, pages) {
				t.Errorf("%s names %q, which does not exist; there are\ncommands %q\npages %q", r.section, m[1],
					commands, pages)
			}
		}
	}
}

// exists reports whether what a row names is a command or a page.
func exists(name string, commands, pages []string) bool {
	if strings.HasPrefix(name, "/") {
		path, _, _ := strings.Cut(name, "?")
		return slices.Contains(pages, path)
	}
	rest, ok := strings.CutPrefix(name, "meneki ")
	if !ok {
		return false
	}
	for _, c := range commands {
		c = strings.TrimPrefix(c, "meneki ")
		if rest == c || strings.HasPrefix(rest, c+" -") {
			return true
		}
	}
	return false
}

func TestStrategyIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows(t, "strategy.md") {
		if seen[r.section] {
			t.Errorf("%s has two rows", r.section)
		}
		seen[r.section] = true
		if !slices.Contains(sections, r.section) {
			t.Errorf("%s is no section of the strategy that asks for something", r.section)
		}
		if slices.Contains(r.cells, "") {
			t.Errorf("%s has an empty cell", r.section)
		}
	}
	for _, s := range sections {
		if !seen[s] {
			t.Errorf("%s has no row", s)
		}
	}
}

// shown finds the commands in a document's code, in blocks and in lines.
func shown(text string) []string {
	var out []string
	block := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			block = !block
			continue
		}
		found := inCode
		if block {
			found = inBlock
		}
		for _, m := range found.FindAllStringSubmatch(line, -1) {
			out = append(out, m[1])
		}
	}
	return out
}

var (
	inCode  = regexp.MustCompile("`meneki ([a-z]+(?: [a-z]+)?)")
	inBlock = regexp.MustCompile("(?:^|[ /'])meneki ([a-z]+(?: [a-z]+)?)(?: |$)")
)

// What the other documents tell an operator to type exists as well.
func TestDocumentsNameCommandsThatExist(t *testing.T) {
	commands := cli.Commands()
	for _, path := range []string{"operate.md", "threat-model.md", "../README.md", "../CONTRIBUTING.md",
		"../SECURITY.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, name := range shown(string(text)) {
			first, _, _ := strings.Cut(name, " ")
			ok := slices.ContainsFunc(commands, func(c string) bool {
				c = strings.TrimPrefix(c, "meneki ")
				return c == name || c == first
			})
			if !ok {
				t.Errorf("%s tells to run meneki %s, which does not exist", path, name)
			}
		}
	}
}
