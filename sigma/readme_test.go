package sigma_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/engine"
	"github.com/meneki/meneki/sigma/pipeline"
)

// The functions below hold the code of README.md, each block as it stands there.

func readmeRule(text []byte) error {
	rules, err := sigma.Parse("whoami.yml", text)
	if err != nil {
		return err // whoami.yml:9:16: Image|contian: unknown modifier "contian"
	}
	fields := map[string]any{"Image": `C:\Windows\System32\whoami.exe`, "User": "SYSTEM"}
	event := sigma.Map{Product: "windows", Categories: []string{"process_creation"}, Fields: fields}
	for _, rule := range rules {
		if match, ok := rule.Match(event); ok {
			fmt.Println(match.Rule.Level, match.Rule.Credit())
		}
	}
	return nil
}

func readmeSet(event sigma.Event) error {
	set, err := sigma.Load(os.DirFS("rules"), ".")
	if err != nil {
		return err
	}
	for _, refused := range set.Refused {
		fmt.Println("refused:", refused)
	}
	e := engine.Compile(set, engine.Options{})
	for match := range e.Match(event) {
		fmt.Println(match.Rule.Title)
	}
	return nil
}

func readmeCorrelation(set *sigma.Set, e *engine.Engine, event sigma.Event, when time.Time, id string) error {
	c, err := correlate.New(set, correlate.Config{Lateness: 10 * time.Second})
	if err != nil {
		return err
	}
	for match := range e.Match(event) {
		for _, alert := range c.Add(correlate.Match{Rule: match.Rule, Time: when, Event: id, Fields: event}) {
			fmt.Println(alert.Rule.Title, alert.Group, alert.Value)
		}
	}
	return nil
}

func readmePipeline() error {
	ecs, err := pipeline.Open("ecs-windows") // built in; else a file
	if err != nil {
		return err
	}
	rules, err := pipeline.Combine(ecs).Load(os.DirFS("rules"), ".")
	if err != nil {
		return err
	}
	set := rules.Set()
	_ = set
	return nil
}

func Example() {
	if err := readmeRule([]byte(whoami)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// high Whoami as System — A. Author (Sigma rule 7b434893-c57d-4f41-908d-6a17bf1ae98f; MIT)
}

// The code of README.md is code that is compiled here.
func TestReadme(t *testing.T) {
	flat := func(text string) string {
		var out []string
		for line := range strings.Lines(text) {
			out = append(out, strings.TrimSpace(line))
		}
		return strings.Join(out, "\n")
	}
	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```go\n")[1:]
	if len(blocks) != 4 {
		t.Errorf("%d blocks of code", len(blocks))
	}
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(flat(string(source)), flat(code)) {
			t.Errorf("readme_test.go does not have this code of README.md:\n%s", code)
		}
	}
	for _, run := range []func() error{
		func() error { return readmeSet(sigma.Map{Product: "windows"}) },
		readmePipeline,
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), "read rules in .") {
			t.Errorf("a folder that does not exist: %v", err)
		}
	}
	if err := readmeCorrelation(sigma.NewSet(nil), engine.Compile(sigma.NewSet(nil), engine.Options{}),
		sigma.Map{}, time.Unix(0, 0), "1"); err != nil {
		t.Error(err)
	}
}
