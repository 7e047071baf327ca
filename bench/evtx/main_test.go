package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The measurement itself, on real logs: each row has its figures.
func TestRun(t *testing.T) {
	d := os.Getenv("MENEKI_DATA_DIR")
	if d == "" {
		d = filepath.Join("..", "..", "..", "shared", "data")
	}
	d = filepath.Join(d, "sigma-golden")
	if _, err := os.Stat(d); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", d)
	}
	var out strings.Builder
	if err := run([]string{"-for", "1ms", "-peers=false", filepath.Join(d, "regression_data", "rules", "windows",
		"image_load")}, &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "3 files, 0.2 MB, 3 records") || strings.Count(got, "\n| ") != 7 {
		t.Error(got)
	}
}

func TestNothingToRead(t *testing.T) {
	var out strings.Builder
	if err := run([]string{t.TempDir()}, &out); err == nil || !strings.Contains(err.Error(), "no records to read") {
		t.Error(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.evtx")
	if err := os.WriteFile(bad, []byte("no event log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{bad}, &out); err == nil || !strings.Contains(err.Error(), "bad.evtx") {
		t.Error(err)
	}
}
