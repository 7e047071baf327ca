package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found runs meneki detect over one file and gives "record title" of each match.
func found(t *testing.T, rules, name, log string) (list []string, s stats) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yml": rules, name: log} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := detected(t, "--rules", filepath.Join(dir, "rules.yml"), "--format", "jsonl",
		"--no-builtin-rules", "--stats", filepath.Join(dir, name))
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	for line := range strings.Lines(out) {
		var o object
		strict(t, line, &o)
		list = append(list, fmt.Sprintf("%d %s", *o.Event.Record, *o.Rule.Title))
	}
	slices.Sort(list)
	if err := json.Unmarshal([]byte(lastLine(errs)), &s); err != nil {
		t.Fatal(err)
	}
	return list, s
}

func rule(title, source, detection string) string {
	return "title: " + title + "\nlogsource: {" + source + "}\ndetection:\n    " + detection + "\n---\n"
}

// Rules of every log source are tried on records of which none is known, and a
// rule that only says what must not be there does not match all of them.
func TestDetectUnknownSource(t *testing.T) {
	rules := rule("windows", "product: windows, category: process_creation",
		"{s: {CommandLine|contains: whoami}, condition: s}") +
		rule("own", "category: shop", "{s: {order.total|gt: 100}, condition: s}") +
		rule("words", "category: application, product: django", "{s: [SuspiciousOperation], condition: s}") +
		rule("absent", "product: linux", "{s: {CommandLine: null}, condition: s}") +
		rule("negative", "product: zeek", "{s: {id.orig_h: 10.0.0.1}, condition: not s}") +
		rule("ECS", "product: windows, category: process_creation",
			"{s: {process.command_line: whoami}, condition: s}") +
		rule("other ECS", "product: windows", "{s: {process.command_line: whoami}, condition: s}") +
		rule("EventID", "product: windows, service: security", "{s: {EventID: 4625}, condition: s}")
	rules = strings.TrimSuffix(rules, "---\n")
	list, s := found(t, rules, "app.json", `{"CommandLine":"cmd /c WHOAMI"}
{"order":{"total":250}}
{"msg":"django.core.exceptions.SuspiciousOperation"}
{"id":{"orig_h":"10.0.0.2"}}
{"EventID":4625,"CommandLine":"x"}
{"EventID":4625,"Channel":"Application","CommandLine":"whoami"}
{"ecs":{"version":"8"},"event":{"category":["process"],"type":["start"]},"process":{"command_line":"whoami"}}
`)
	want := []string{"1 windows", "2 absent", "2 own", "3 absent", "3 words", "4 absent", "4 negative",
		"5 EventID", "7 ECS"}
	if d := cmp.Diff(want, list); d != "" {
		t.Error(d)
	}
	if s.Unknown != 5 {
		t.Errorf("%d records of no known source", s.Unknown)
	}
}

// A correlation needs to know when: the usual names of a time are all known.
func TestDetectTimeNames(t *testing.T) {
	rules := rule("base", "category: shop", "{s: {a: 1}, condition: s}") +
		"title: often\ncorrelation: {type: event_count, rules: base, timespan: 1m, condition: {gte: 2}}\n"
	rules = strings.Replace(rules, "title: base", "title: base\nname: base", 1)
	for _, name := range []string{"timestamp", "Timestamp", "time", "event_timestamp", "created_at", "SystemTime"} {
		list, _ := found(t, rules, "app.json", `{"a":1,"`+name+`":"2026-01-02T03:04:05Z"}`+"\n"+`{"a":1,"`+name+
			`":"2026-01-02T03:05:00Z"}`+"\n")
		if d := cmp.Diff([]string{"2 often"}, list); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	// What cannot be correlated is said.
	if list, s := found(t, rules, "app.json", `{"a":1}`+"\n"+`{"a":1}`+"\n"); len(list) != 0 || s.Timeless != 2 {
		t.Errorf("%v, %d without time", list, s.Timeless)
	}
}

// exists looks at whether a field is there, also if it is null and the line is
// read the short way.
func TestDetectNullExists(t *testing.T) {
	rules := rule("there", "product: windows", "{s: {A|exists: true}, condition: s}") +
		strings.TrimSuffix(rule("not", "product: windows", "{s: {A|exists: false}, condition: s}"), "---\n")
	const head = `{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational",`
	list, _ := found(t, rules, "sysmon.json", head+"\"A\":null}\n"+head+"\"A\":\"\"}\n"+head+"\"B\":1}\n")
	if d := cmp.Diff([]string{"1 there", "2 there", "3 not"}, list); d != "" {
		t.Error(d)
	}
}
