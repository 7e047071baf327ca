package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/cli"
)

// In the Japanese of a text, latin words behind the program's name are a command.
var (
	japanese = regexp.MustCompile(`(?:i18n\.T\(|\{\{t )"(?:[^"\\]|\\.)*",? "((?:[^"\\]|\\.)*)"`)
	inText   = regexp.MustCompile(`meneki ([a-z]+(?: [a-z]+)?)`)
	inMarkup = regexp.MustCompile(`<code>meneki ([a-z]+(?: [a-z]+)?)`)
)

// What pages, hints and errors tell a reader to type exists too.
func TestTextsNameCommandsThatExist(t *testing.T) {
	commands := cli.Commands()
	seen := 0
	err := fs.WalkDir(os.DirFS(".."), "internal", func(path string, e fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || e.IsDir() || ext != ".go" && ext != ".html" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			return err
		}
		var said []string
		for _, m := range inMarkup.FindAllStringSubmatch(string(src), -1) {
			said = append(said, m[1])
		}
		for _, m := range japanese.FindAllStringSubmatch(string(src), -1) {
			for _, c := range inText.FindAllStringSubmatch(m[1], -1) {
				said = append(said, c[1])
			}
		}
		for _, name := range said {
			seen++
			first, _, _ := strings.Cut(name, " ")
			if !slices.Contains(commands, name) && !slices.Contains(commands, first) {
				t.Errorf("%s tells to run meneki %s, which does not exist", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 5 {
		t.Errorf("only %d commands are found in texts: the expressions no longer fit", seen)
	}
}
