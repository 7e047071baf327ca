package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/refusal"
)

// Bounds of a pipeline file.
const (
	maxDepth   = 32
	maxNodes   = 100_000
	maxAliases = 1000
)

// readYAML reads the one document of a pipeline and checks that it stays within
// bounds. It differs from the reader of rules in that keys may be null, which in
// a mapping of fields stands for keywords.
func readYAML(data []byte) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // foreign input must not take the process down
			root, err = nil, fail(&yaml.Node{}, "yaml.invalid", fmt.Errorf("%v", r))
		}
	}()
	switch {
	case len(data) > MaxSize:
		return nil, &sigma.ParseError{Line: 1, Column: 1, Reason: reasons.New("yaml.file.large", MaxSize)}
	case !utf8.Valid(data):
		return nil, &sigma.ParseError{Line: 1, Column: 1, Reason: reasons.New("yaml.file.utf8")}
	}
	dec := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &sigma.ParseError{Line: 1, Column: 1, Reason: reasons.New("pipeline.file.empty")}
	case err != nil:
		return nil, yamlError(err)
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, fail(&more, "pipeline.file.documents")
	case !errors.Is(err, io.EOF):
		return nil, yamlError(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fail(&doc, "yaml.none")
	}
	c := checker{}
	if err := c.check(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return deref(doc.Content[0]), nil
}

// yamlError takes the line out of the text of a YAML error.
func yamlError(err error) *sigma.ParseError {
	reason, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if rest, ok := strings.CutPrefix(reason, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil && n > 0 {
				line, reason = n, text
			}
		}
	}
	return &sigma.ParseError{Line: line, Column: 1, Reason: reasons.New("yaml.invalid", refusal.Reader(reason))}
}

// checker walks the document once, following aliases.
type checker struct{ nodes, aliases int }

func (c *checker) check(n *yaml.Node, depth int) error {
	if c.nodes++; c.nodes > maxNodes {
		return fail(n, "yaml.values", maxNodes)
	}
	if depth > maxDepth {
		return fail(n, "yaml.depth", maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if c.aliases++; c.aliases > maxAliases {
			return fail(n, "yaml.aliases", maxAliases)
		}
		return c.check(n.Alias, depth+1)
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := deref(n.Content[i])
			if key.Kind != yaml.ScalarNode {
				return fail(n.Content[i], "yaml.key.kind")
			}
			name := key.ShortTag() + key.Value
			switch {
			case key.ShortTag() == "!!merge":
				return fail(key, "yaml.key.merge")
			case key.ShortTag() == "!!null":
				name = "!!null"
			case key.ShortTag() != "!!str":
				name = "!!str" + key.Value // a name that looks like a number is a name
			}
			if seen[name] {
				return fail(key, "yaml.key.duplicate", key.Value)
			}
			seen[name] = true
			if err := c.check(n.Content[i+1], depth+1); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, m := range n.Content {
			if err := c.check(m, depth+1); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		default:
			return fail(n, "yaml.type", n.ShortTag())
		}
		if !utf8.ValidString(n.Value) {
			return fail(n, "yaml.utf8")
		}
	}
	return nil
}

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pairs calls do with each key and value of a mapping.
func pairs(n *yaml.Node, do func(key string, at, value *yaml.Node) error) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := do(deref(n.Content[i]).Value, deref(n.Content[i]), deref(n.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// child returns the value of a key, nil if there is none.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if deref(n.Content[i]).Value == name {
			return deref(n.Content[i+1])
		}
	}
	return nil
}

// isEmpty reports whether a value is null or holds nothing.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" || n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

// fail makes the refusal for a place.
func fail(at *yaml.Node, code string, args ...any) *sigma.ParseError {
	return failWith(at, reasons.New(code, args...))
}

func failWith(at *yaml.Node, why sigma.Reason) *sigma.ParseError {
	return &sigma.ParseError{Line: max(at.Line, 1), Column: max(at.Column, 1), Reason: why}
}

// reasonOf returns an error as a reason.
func reasonOf(err error) sigma.Reason {
	if r, ok := err.(sigma.Reason); ok {
		return r
	}
	return reasons.New("pipeline.error", err)
}

// hasCode reports whether a reason or one of its arguments has a code.
func hasCode(r sigma.Reason, code string) bool {
	return r.Code() == code || slices.ContainsFunc(r.Args(), func(a any) bool {
		inner, ok := a.(sigma.Reason)
		return ok && hasCode(inner, code)
	})
}

// kind is the type of a scalar as rules see it.
type kind uint8

const (
	textKind kind = iota
	numberKind
	boolKind
	nullKind
)

func kindOf(n *yaml.Node) kind {
	switch n.ShortTag() {
	case "!!null":
		return nullKind
	case "!!bool":
		if low := strings.ToLower(n.Value); low == "true" || low == "false" {
			return boolKind
		}
	case "!!int", "!!float":
		if _, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return numberKind
		}
		if _, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
			return numberKind
		}
	}
	return textKind
}

func (k kind) name() sigma.Reason {
	return reasons.New([...]string{"yaml.kind.text", "yaml.kind.number", "yaml.kind.bool", "yaml.kind.null"}[k])
}

// looseText returns the text of a scalar, "" for anything else.
func looseText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}

// textNode makes a text for a rule, at the place of what it was made from.
func textNode(at *yaml.Node, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: at.Line, Column: at.Column}
}
