package sigma_test

import (
	"fmt"
	"testing/fstest"

	"github.com/meneki/meneki/sigma"
)

// process returns the event of one program start.
func process(fields map[string]any) sigma.Map {
	return sigma.Map{
		Product: "windows", Categories: []string{"process_creation"}, Fields: fields,
	}
}

const whoami = `
title: Whoami as System
id: 7b434893-c57d-4f41-908d-6a17bf1ae98f
author: A. Author
license: MIT
logsource:
    category: process_creation
    product: windows
detection:
    selection:
        Image|endswith: '\whoami.exe'
    filter_admin:
        User|contains: 'admin'
    condition: selection and not 1 of filter_*
level: high
`

func ExampleParse() {
	rules, err := sigma.Parse("whoami.yml", []byte(whoami))
	if err != nil {
		fmt.Println(err)
		return
	}
	ev := process(map[string]any{"Image": `C:\Windows\System32\whoami.exe`, "User": "SYSTEM"})
	if m, ok := rules[0].Match(ev); ok {
		fmt.Println(m.Rule.Credit())
		for _, f := range m.Fields {
			fmt.Printf("%s %s %q: %s\n", f.Field, f.Modifier, f.Pattern, f.Value)
		}
	}
	_, err = sigma.Parse("typo.yml",
		[]byte("title: Typo\nlogsource: {product: x}\ndetection:\n    s:\n        F|contain: x\n    condition: s\n"))
	fmt.Println(err)
	// Output:
	// Whoami as System — A. Author (Sigma rule 7b434893-c57d-4f41-908d-6a17bf1ae98f; MIT)
	// Image endswith "\\whoami.exe": C:\Windows\System32\whoami.exe
	// typo.yml:5:9: F|contain: unknown modifier "contain"
}

func ExampleLoad() {
	files := fstest.MapFS{ // usually os.DirFS("rules")
		"rules/whoami.yml": {Data: []byte(whoami)},
		"rules/broken.yml": {Data: []byte("title: Broken\ndetection: {condition: x}\n")},
	}
	set, err := sigma.Load(files, "rules")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, refused := range set.Refused {
		fmt.Println("refused:", refused)
	}
	for m := range set.Match(process(map[string]any{"Image": `D:\WHOAMI.EXE`})) {
		fmt.Println(m.Rule.Level, m.Rule.Title)
	}
	// Output:
	// refused: rules/broken.yml:1:1: no logsource: the rule does not say to which events it applies
	// high Whoami as System
}

func ExampleRule_Explain() {
	rules, _ := sigma.Parse("whoami.yml", []byte(whoami))
	fmt.Print(rules[0].Explain(process(map[string]any{"Image": `C:\whoami.exe`, "User": "HOST\\Administrator"})))
	// Output:
	// Whoami as System — A. Author (Sigma rule 7b434893-c57d-4f41-908d-6a17bf1ae98f; MIT): no match
	// yes log source windows/process_creation/*; event: product "windows", service "", categories ["process_creation"]
	// no  condition: selection and not 1 of filter_*
	// no    and
	// yes     selection selection
	// yes       all of these:
	// yes         Image|endswith is "C:\\whoami.exe"
	// yes           "\\whoami.exe" found in "C:\\whoami.exe"
	// no      not
	// yes       1 of filter_*
	// yes         selection filter_admin
	// yes           all of these:
	// yes             User|contains is "HOST\\Administrator"
	// yes               "admin" found in "HOST\\Administrator"
}
