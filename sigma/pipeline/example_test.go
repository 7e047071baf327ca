package pipeline_test

import (
	"fmt"

	"github.com/meneki/meneki/sigma/pipeline"
)

func Example() {
	own, err := pipeline.Parse("own.yml", []byte(`
name: our sensor
priority: 10
transformations:
    - type: field_name_mapping
      mapping:
          CommandLine: [cmd, cmdline]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ecs, err := pipeline.Open("ecs-windows") // built in; else a file
	if err != nil {
		fmt.Println(err)
		return
	}
	rules := pipeline.Combine(ecs, own).Parse("rule.yml", []byte(`
title: Netcat
logsource: {product: windows, category: process_creation}
detection:
    sel:
        Image|endswith: \nc.exe
        CommandLine|contains: ' -e '
    condition: sel
`))
	for _, r := range rules.Rules {
		names, _ := r.FieldNames()
		fmt.Println(r.Title, names)
	}
	// Output: Netcat [process.executable winlog.event_data.cmd winlog.event_data.cmdline]
}
