package demo

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/meneki/meneki/internal/situation"
)

// An attack that shows no other name than that of another member of the
// community is shared as the behaviour that it is.
func TestDemoSharesBehaviourNotOwnNames(t *testing.T) {
	t.Parallel()
	r := once(t, demoOf(t, "QueryName: www.city.midori.example", "high"))
	if !r.OK || len(r.Indicators) != 1 || r.Indicators[0].Kind != "sigma" {
		t.Errorf("missing %q, indicators %+v", r.Missing, r.Indicators)
	}
}

// What a rule of the lowest level finds stays at the member. The report does not
// say that nothing was found.
func TestDemoSaysWhatStayed(t *testing.T) {
	t.Parallel()
	r := once(t, demoOf(t, "QueryName: www.city.midori.example", "informational"))
	if r.OK || r.Missing != situation.Opened || r.Kept != 1 || len(r.Findings) != 0 {
		t.Errorf("missing %q, kept %d, findings %+v", r.Missing, r.Kept, r.Findings)
	}
}

// demoOf is a demo of one DNS query for www.city.midori.example and one rule.
func demoOf(t *testing.T, selection, level string) Config {
	t.Helper()
	dir := t.TempDir()
	rule := "title: A name\nid: 5d3b1b7e-6a4f-4b0e-9a55-0c51b8e6f001\n" +
		"logsource:\n    product: windows\n    category: " +
		"dns_query\ndetection:\n    s:\n        " + selection + "\n    condition: s\nlevel: " + level + "\n"
	ev :=
		`{"EventID":22,"Channel":"Microsoft-Windows-Sysmon/Operational","Hostname":"PC1","@timestamp":"2026-11-28T03:00:00.000Z","Image":"C:\\Users\\bob\\x.exe","QueryName":"www.city.midori.example"}` + "\n"
	cfg := Config{Rules: []string{filepath.Join(dir, "rule.yml")}, Events: []string{filepath.Join(dir, "events.jsonl")}}
	if err := cmp.Or(os.WriteFile(cfg.Rules[0], []byte(rule), 0o600), os.WriteFile(cfg.Events[0], []byte(ev),
		0o600)); err != nil {
		t.Fatal(err)
	}
	return cfg
}
