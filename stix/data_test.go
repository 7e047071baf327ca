package stix

import (
	"os"
	"path/filepath"
	"testing"
)

// dataFile finds a file of the real data that lives beside the repository. It
// skips the test where the data is not there; in CI that is a failure.
func dataFile(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data is needed in CI: %v", err)
		}
		t.Skipf("real data is not here (set MENEKI_DATA_DIR): %v", err)
	}
	return path
}
