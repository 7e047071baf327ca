package event_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// unmade are logsources of published rules that no Windows event becomes: they
// come from ETW, which the event log does not hold.
var unmade = map[string]bool{"category file_access": true, "category file_rename": true}

// TestEveryWindowsLogsource reads the logsources of all published Windows rules
// and looks for an event that each of them would be given.
func TestEveryWindowsLogsource(t *testing.T) {
	dir := os.Getenv("MENEKI_DATA_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "sigma")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real data: %v (set MENEKI_DATA_DIR)", err)
		}
		t.Skipf("no real data at %s; set MENEKI_DATA_DIR", dir)
	}
	made := map[string]bool{}
	for c := range event.WindowsChannels() {
		for id := int64(0); id < 10_000; id++ {
			if id > 300 && id < 400 || id > 1200 && id < 4100 || id > 4800 {
				continue
			}
			for _, kind := range []string{"CreateKey", "DeleteKey"} {
				ev := &event.Event{Fields: map[string]any{"Channel": c, "EventID": id, "EventType": kind}}
				event.RouteWindows(ev)
				made["service "+ev.Service] = true
				for _, k := range ev.Categories {
					made["category "+k] = true
				}
			}
		}
	}
	block := regexp.MustCompile(`(?m)^logsource:\r?\n((?:[ \t]+.*\n)+)`)
	pair := regexp.MustCompile(`(?m)^\s+(product|service|category):\s*['"]?([^\s'"]+)`)
	rules := 0
	_ = filepath.WalkDir(filepath.Join(dir, "sigma"), func(p string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(p) != ".yml" {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		m := block.FindSubmatch(b)
		if m == nil {
			return nil
		}
		ls := map[string]string{}
		for _, g := range pair.FindAllSubmatch(m[1], -1) {
			ls[string(g[1])] = string(g[2])
		}
		if ls["product"] != "windows" {
			return nil
		}
		rules++
		for _, k := range []string{"category", "service"} {
			if v := ls[k]; v != "" && !made[k+" "+v] && !unmade[k+" "+v] {
				t.Errorf("no event is in %s %s, which %s wants", k, v, strings.TrimPrefix(p, dir))
			}
		}
		return nil
	})
	if rules < 2000 {
		t.Errorf("%d rules", rules)
	}
}
