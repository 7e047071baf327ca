package taxii_test

import (
	"os"
	"strings"
	"testing"
)

// The code that README.md begins with is that of the example, which is compiled and run.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(readme), "```go\n")
	code, _, found := strings.Cut(code, "```\n")
	indented := "\t" + strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n\t") + "\n"
	if !found || !strings.Contains(string(example), indented) {
		t.Errorf("example_test.go does not hold this code of README.md:\n%s", indented)
	}
}
