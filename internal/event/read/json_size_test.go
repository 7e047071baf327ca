package read

import (
	"runtime"
	"strings"
	"testing"
)

// TestManyObjects: a record of very many small objects takes memory for what they
// hold, not for what a record of its length might.
func TestManyObjects(t *testing.T) {
	const n = 150_000
	text := `{"a":[` + strings.Repeat(`{},`, n) + `{}]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, err := parseJSON(text)
	runtime.ReadMemStats(&after)
	if err != nil || len(v.(map[string]any)["a"].([]any)) != n+1 {
		t.Fatal(err)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 300 {
		t.Errorf("%d bytes an object", each)
	}
}
