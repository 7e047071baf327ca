package pipeline

import (
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// write puts what the steps changed into the document. What they left alone stays
// the node that it was.
func (r *run) write() error {
	if r.fieldsChanged {
		setFields(r.root, r.fieldTexts())
	}
	if r.sourceChanged {
		old := yamldoc.Child(r.root, "logsource")
		if old == nil {
			old = r.root
		}
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: old.Line, Column: old.Column}
		for _, p := range [][2]string{{"category", r.source.category}, {"product", r.source.product},
			{"service", r.source.service}} {
			if p[1] != "" {
				n.Content = append(n.Content, textNode(old, p[0]), textNode(old, p[1]))
			}
		}
		if note := yamldoc.Child(old, "definition"); note != nil {
			n.Content = append(n.Content, textNode(old, "definition"), note)
		}
		setChild(r.root, "logsource", n)
	}
	if !r.detectionChanged {
		return nil
	}
	old := r.detection()
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: old.Line, Column: old.Column}
	bodies := make(map[string]*yaml.Node)
	for _, s := range r.searches {
		body, err := s.body.node()
		if err != nil {
			return err
		}
		bodies[s.name] = body
		if yamldoc.Child(old, s.name) == nil { // added
			n.Content = append(n.Content, textNode(s.at, s.name), body)
		}
	}
	err := yamldoc.Pairs(old, func(key string, at, val *yaml.Node) error {
		switch {
		case bodies[key] != nil:
			val = bodies[key]
		case key == "condition" && len(r.conditions) > 0:
			var err error
			if val, err = r.condition(val); err != nil {
				return err
			}
		}
		n.Content = append(n.Content, at, val)
		return nil
	})
	if err != nil {
		return err
	}
	setChild(r.root, map[bool]string{true: "filter", false: "detection"}[r.kind == filterRule], n)
	return nil
}

// condition puts the added conditions before each of the rule's own.
func (r *run) condition(n *yaml.Node) (*yaml.Node, error) {
	if n.Kind == yaml.SequenceNode {
		out := *n
		out.Content = nil
		for _, m := range n.Content {
			one, err := r.condition(yamldoc.Deref(m))
			if err != nil {
				return nil, err
			}
			out.Content = append(out.Content, one)
		}
		return &out, nil
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || strings.TrimSpace(n.Value) == "" {
		return nil, fail(n, "pipeline.condition.kind")
	}
	// Brackets around what is no condition by itself could make it one: "a) or (b".
	depth := 0
	for _, c := range n.Value {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return nil, fail(n, "pipeline.condition.bracket")
			}
		case '|':
			return nil, fail(n, "pipeline.condition.aggregation")
		}
	}
	text := n.Value
	for i := range r.conditions {
		text = r.conditions[i] + " and (" + text + ")"
	}
	return textNode(n, text), nil
}

// setFields replaces the list of fields.
func setFields(root *yaml.Node, names []string) {
	old := yamldoc.Child(root, "fields")
	if old == nil {
		old = root
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: old.Line, Column: old.Column}
	for _, text := range names {
		n.Content = append(n.Content, textNode(old, text))
	}
	setChild(root, "fields", n)
}

// setChild replaces the value of a key, or adds it.
func setChild(n *yaml.Node, key string, val *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if yamldoc.Deref(n.Content[i]).Value == key {
			n.Content[i+1] = val
			return
		}
	}
	n.Content = append(n.Content, textNode(n, key), val)
}
