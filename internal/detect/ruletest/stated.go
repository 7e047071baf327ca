package ruletest

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// statedTests are the tests that a YAML file states by itself. They are read
// strictly: a test with a slip of the pen in it would test something else.
type statedTests []statedTest

type statedTest struct {
	Rule, Name, Events string
	Matches            *int
}

// UnmarshalYAML reads the list.
func (l *statedTests) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: tests must be a list", n.Line)
	}
	for _, member := range n.Content {
		var t statedTest
		if err := member.Decode(&t); err != nil {
			return err
		}
		*l = append(*l, t)
	}
	return nil
}

// UnmarshalYAML reads one test.
func (t *statedTest) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: a test is a mapping with events and, where they are needed, rule, name and matches",
			n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		var to any
		want := "text"
		switch key.Value {
		case "rule":
			to = &t.Rule
		case "name":
			to = &t.Name
		case "events":
			to = &t.Events
		case "matches":
			to, want = &t.Matches, "a whole number"
		default:
			return fmt.Errorf("line %d: %q is no key of a test: rule, name, events, matches", key.Line, key.Value)
		}
		if err := val.Decode(to); err != nil {
			return fmt.Errorf("line %d: %s must be %s", val.Line, key.Value, want)
		}
	}
	return nil
}
