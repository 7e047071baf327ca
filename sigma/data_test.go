package sigma_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
)

// dataDir finds the real rules and events, which are not part of the repository.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("MENEKI_DATA_DIR")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no data at %s; set MENEKI_DATA_DIR", dir)
		}
		t.Skipf("no data at %s; set MENEKI_DATA_DIR", dir)
	}
	return dir
}

// TestPublishedRules: every published rule loads, except those that need values
// for placeholders, and these say so and load once the values are there.
func TestPublishedRules(t *testing.T) {
	dir := os.DirFS(dataDir(t, "sigma"))
	set, err := sigma.Load(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Rules) < 3700 {
		t.Errorf("only %d rules", len(set.Rules))
	}
	for _, e := range set.Refused {
		if e.Line == 0 || e.RuleID == "" {
			t.Errorf("refused without a place or a name: %v", e)
		}
		data, err := fs.ReadFile(dir, e.Path)
		if err != nil {
			t.Fatal(err)
		}
		// A rule may need several placeholders; each try names one more.
		values := map[string][]string{}
		for len(values) < 10 {
			_, rest, ok := strings.Cut(e.Reason.Error(), "placeholder %")
			name, _, _ := strings.Cut(rest, "%")
			if !ok {
				t.Fatalf("refused for another reason: %v", e)
			}
			values[name] = []string{"10.0.0.1"}
			_, err := sigma.Parse(e.Path, data, sigma.WithPlaceholders(values))
			if err == nil {
				break
			}
			e = sigma.Refusals(err)[0]
		}
	}
}

// TestGolden: each sample that is published with a rule matches that rule at
// least as often as its description says.
func TestGolden(t *testing.T) {
	dir := dataDir(t, "sigma-golden")
	set, err := sigma.Load(os.DirFS(dataDir(t, "sigma")), ".")
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*sigma.Rule{}
	for _, r := range set.Rules {
		byID[r.ID] = r
	}
	samples := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "info.yml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var info struct {
			Rules []struct{ ID string } `yaml:"rule_metadata"`
			Tests []struct {
				Count int `yaml:"match_count"`
			} `yaml:"regression_tests_info"`
		}
		if err := yaml.Unmarshal(data, &info); err != nil {
			return err
		}
		files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.json*"))
		if len(info.Tests) == 0 || len(files) == 0 {
			return nil
		}
		rule := byID[info.Rules[0].ID]
		if rule == nil {
			t.Errorf("%s: no such rule", path)
			return nil
		}
		got := 0
		for _, file := range files {
			for _, ev := range windowsEvents(t, file) {
				if _, ok := rule.Match(ev); ok {
					got++
				}
				viaSet := false
				for m := range set.Match(ev) {
					viaSet = viaSet || m.Rule == rule
				}
				if _, ok := rule.Match(ev); ok != viaSet || ok != rule.Explain(ev).Matched {
					t.Errorf("%s: rule, set and trace differ", file)
				}
			}
		}
		if want := max(1, info.Tests[0].Count); got < want {
			t.Errorf("%s: %d matches, want %d", path, got, want)
		}
		samples++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if samples < 80 {
		t.Errorf("only %d samples", samples)
	}
}

// windowsEvents reads concatenated JSON renderings of Windows events.
func windowsEvents(t testing.TB, path string) []record {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.UseNumber()
	var all []record
	for {
		var doc struct{ Event map[string]any }
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, flatten(numbers(doc.Event).(map[string]any)))
	}
}

// flatten returns a Windows event the field names of the Sigma taxonomy.
func flatten(event map[string]any) record {
	r := record{product: "windows", fields: map[string]any{}}
	for name, value := range asMap(event["System"]) {
		attributes := asMap(asMap(value)["#attributes"])
		for attribute, v := range attributes {
			r.fields[name+"_"+attribute] = v
		}
		if len(attributes) == 0 {
			r.fields[name] = value
		}
	}
	data := asMap(event["EventData"])
	for _, child := range asMap(event["UserData"]) {
		data = asMap(child)
	}
	for name, value := range data {
		r.fields[strings.ReplaceAll(name, " ", "")] = value
	}
	id, _ := r.fields["EventID"].(int64)
	channel, _ := r.fields["Channel"].(string)
	switch {
	case strings.Contains(channel, "Sysmon"):
		r.service, r.categories = "sysmon", sysmonCategories[id]
	case channel == "Security":
		r.service = "security"
		if id == 4688 {
			r.categories = []string{"process_creation"}
			r.fields["Image"], r.fields["ParentImage"] = r.fields["NewProcessName"], r.fields["ParentProcessName"]
		}
	case strings.Contains(channel, "Windows Defender"):
		r.service = "windefend"
	}
	return r
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

var sysmonCategories = map[int64][]string{
	1: {"process_creation"}, 2: {"file_change"}, 3: {"network_connection"}, 4: {"sysmon_status"},
	5: {"process_termination"}, 6: {"driver_load"}, 7: {"image_load"}, 8: {"create_remote_thread"},
	9: {"raw_access_thread"}, 10: {"process_access"}, 11: {"file_event"},
	12: {"registry_add", "registry_delete", "registry_event"}, 13: {"registry_set", "registry_event"},
	14: {"registry_rename", "registry_event"}, 15: {"create_stream_hash"}, 16: {"sysmon_status"},
	17: {"pipe_created"}, 18: {"pipe_created"}, 19: {"wmi_event"}, 20: {"wmi_event"}, 21: {"wmi_event"},
	22: {"dns_query"}, 23: {"file_delete"}, 24: {"clipboard_change"}, 25: {"process_tampering"},
	26: {"file_delete"}, 27: {"file_block_executable"}, 28: {"file_block_shredding"},
	29: {"file_executable_detected"}, 255: {"sysmon_error"},
}

func BenchmarkLoad(b *testing.B) {
	dir := os.DirFS(dataDir(b, "sigma"))
	for b.Loop() {
		if _, err := sigma.Load(dir, "."); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSetMatch matches process creations, the log source with most rules,
// against all published rules.
func BenchmarkSetMatch(b *testing.B) {
	set, err := sigma.Load(os.DirFS(dataDir(b, "sigma")), ".")
	if err != nil {
		b.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dataDir(b, "sigma-golden"),
		"regression_data/rules/windows/process_creation/*/*.json"))
	var events []record
	for _, f := range files {
		events = append(events, windowsEvents(b, f)...)
	}
	n := 0
	for b.Loop() {
		for range set.Match(events[n%len(events)]) {
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
