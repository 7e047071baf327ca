package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A refused rule is explained in the language of the one who asks, and to programs
// in English.
func TestRefusalsInTheReadersLanguage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.yml")
	if err := os.WriteFile(path,
		[]byte("title: t\nlogsource: {product: windows}\ndetection: {s: {a|contians: x}, condition: s}\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--lang", "ja", "rules", "check", path}, `a|contians：未知の修飾子 "contians"`},
		{[]string{"--lang", "en", "rules", "check", path}, `a|contians: unknown modifier "contians"`},
		{[]string{"--lang", "ja", "rules", "check", "--json", path}, `a|contians: unknown modifier \"contians\"`},
	} {
		var out, errs bytes.Buffer
		Main(context.Background(), c.args, &out, &errs)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: %q is not in\n%s%s", c.args, c.want, out.String(), errs.String())
		}
	}
}
