// Package yamldoc reads one YAML document of a rule or a pipeline and checks that it
// stays within bounds and holds nothing whose meaning differs between YAML readers.
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma/internal/refusal"
)

// Bounds are what a document may be.
type Bounds struct {
	Depth, Values, Aliases int
	// NullKeys lets keys be null, which in a pipeline's mapping of fields stands for
	// keywords.
	NullKeys bool
}

// Error is why a document was refused. Line and Column count from 1 in the source.
// Reason is one of refusal.YAML.
type Error struct {
	Line, Column int
	Reason       *refusal.Reason
}

// Error returns the reason.
func (e *Error) Error() string { return e.Reason.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

func fail(at *yaml.Node, code string, args ...any) *Error {
	return &Error{Line: max(at.Line, 1), Column: max(at.Column, 1), Reason: refusal.YAML.New(code, args...)}
}

// Read returns the value of the one document in source. The error is *Error, or
// io.EOF where there is no document.
func Read(source []byte, b Bounds) (root *yaml.Node, err error) {
	defer func() {
		// The YAML package has panicked on odd input before; a rule file is
		// foreign input and must never take the process down.
		if r := recover(); r != nil {
			root, err = nil, fail(&yaml.Node{}, "yaml.invalid", fmt.Errorf("%v", r))
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(source))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, invalid(err, source)
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, fail(&more, "yaml.documents")
	case !errors.Is(err, io.EOF):
		return nil, invalid(err, source)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fail(&doc, "yaml.none")
	}
	c := checker{bounds: b}
	if err := c.check(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return Deref(doc.Content[0]), nil
}

// invalid takes the line out of the text of a YAML error, and says what to do
// about the mistakes that are made most in rules.
func invalid(err error, source []byte) *Error {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(reason, "line "); ok {
		if number, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil && n > 0 {
				line, reason = n, text
			}
		}
	}
	if name, ok := strings.CutPrefix(reason, "unknown anchor '"); ok {
		// The YAML package gives no line for it.
		name, _, _ = strings.Cut(name, "'")
		line = 1 + bytes.Count(source[:max(unquoted(source, "*"+name), 0)], []byte("\n"))
		return fail(&yaml.Node{Line: line}, "yaml.asterisk", name)
	}
	return fail(&yaml.Node{Line: line}, "yaml.invalid", hint(reason, lineOf(source, line)))
}

// hint returns the YAML reader's reason with what to do about it in this line.
func hint(reason string, line []byte) error {
	err := refusal.Reader(reason)
	switch {
	case strings.Contains(reason, "cannot start any token") && bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")):
		return refusal.YAML.New("yaml.hint.tabs", err)
	case strings.Contains(reason, "cannot start any token"):
		return refusal.YAML.New("yaml.hint.quotes", err)
	case strings.Contains(reason, "unknown escape character"):
		return refusal.YAML.New("yaml.hint.backslashes", err)
	case strings.Contains(reason, "mapping values are not allowed"):
		return refusal.YAML.New("yaml.hint.colon", err)
	}
	return err
}

// unquoted finds a word that no quote stands before, -1 if there is none.
func unquoted(text []byte, word string) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 {
			return -1
		}
		if i += from; i > 0 && strings.IndexByte(" \t,[", text[i-1]) >= 0 {
			return i
		}
		from = i + 1
	}
}

// lineOf returns a line of a text, from 1; nothing if there are not so many.
func lineOf(text []byte, number int) []byte {
	n := 0
	for line := range bytes.Lines(text) {
		if n++; n == number {
			return line
		}
	}
	return nil
}

// checker walks a document once, following aliases, before anything is read.
type checker struct {
	bounds          Bounds
	values, aliases int
}

func (c *checker) check(n *yaml.Node, depth int) error {
	if depth > c.bounds.Depth {
		return fail(n, "yaml.depth", c.bounds.Depth)
	}
	if c.values++; c.values > c.bounds.Values {
		return fail(n, "yaml.values", c.bounds.Values)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if c.aliases++; c.aliases > c.bounds.Aliases {
			return fail(n, "yaml.aliases", c.bounds.Aliases)
		}
		return c.check(n.Alias, depth+1)
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := Deref(n.Content[i])
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" && !c.bounds.NullKeys {
				return fail(n.Content[i], "yaml.key.kind")
			}
			name := key.Value // a name that looks like a number is a name
			switch key.ShortTag() {
			case "!!merge":
				return fail(key, "yaml.key.merge")
			case "!!null":
				name = "\x00" // null, ~ and nothing are one key, which no text is
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
		for _, member := range n.Content {
			if err := c.check(member, depth+1); err != nil {
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

// Deref follows an alias. Chains end, because an alias names an anchor and an
// anchor is never an alias.
func Deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Pairs calls do with each key and value of a mapping.
func Pairs(n *yaml.Node, do func(key string, at, value *yaml.Node) error) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := Deref(n.Content[i])
		if err := do(key.Value, key, Deref(n.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// Child returns the value of a key of a mapping; nil if there is none.
func Child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if Deref(n.Content[i]).Value == name {
			return Deref(n.Content[i+1])
		}
	}
	return nil
}
