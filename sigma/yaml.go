package sigma

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

// Bounds of one YAML document. The largest published rules have some thousand
// values, no alias, and are five levels deep.
const (
	maxYAMLDepth   = 32
	maxYAMLNodes   = 300_000
	maxYAMLAliases = 100
)

// document is one YAML document of a file. Its nodes count lines from 1 in
// source; line is where source begins in the file.
type document struct {
	source []byte
	line   int
}

// split cuts a file into its documents. YAML allows --- and ... at the start of
// a line nowhere but between documents, not even inside quoted or block text,
// so each document can be read by itself and a broken one spoils no other.
func split(data []byte) []document {
	var docs []document
	begin, beginLine := 0, 1
	flush := func(end int) {
		if part := data[begin:end]; !onlyComments(part) {
			docs = append(docs, document{source: part, line: beginLine})
		}
	}
	for pos, line := 0, 1; pos < len(data); line++ {
		next := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			next = pos + i + 1
		}
		text := data[pos:next]
		if marker, rest := cutMarker(text); marker != "" {
			flush(pos)
			begin, beginLine = pos, line
			if marker == "..." || onlyComments(rest) {
				begin, beginLine = next, line+1
			}
		}
		pos = next
	}
	flush(len(data))
	return docs
}

// cutMarker recognises a line that starts or ends a document.
func cutMarker(line []byte) (marker string, rest []byte) {
	for _, m := range []string{"---", "..."} {
		if after, ok := bytes.CutPrefix(line, []byte(m)); ok {
			if len(after) == 0 || strings.IndexByte(" \t\r\n", after[0]) >= 0 {
				return m, after
			}
		}
	}
	return "", nil
}

// onlyComments reports whether text holds nothing but blank lines, comments and
// YAML directives.
func onlyComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

// readYAML parses one document and checks that it stays within bounds and holds
// nothing whose meaning differs between YAML readers.
func readYAML(source []byte) (root *yaml.Node, err error) {
	defer func() {
		// The YAML package has panicked on odd input before; a rule file is
		// foreign input and must never take the process down.
		if r := recover(); r != nil {
			root, err = nil, fail(&yaml.Node{}, "yaml.invalid", fmt.Errorf("%v", r))
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(source))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, yamlError(err, source)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, yamlError(err, source)
		}
		return nil, fail(&more, "yaml.documents")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fail(&doc, "yaml.none")
	}
	c := checker{}
	if err := c.check(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// yamlError takes the line out of the text of a YAML error, and says what to do
// about the mistakes that are made most in rules.
func yamlError(err error, source []byte) *ParseError {
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
		return &ParseError{Line: line, Column: 1, Reason: reasons.New("yaml.asterisk", name)}
	}
	return &ParseError{Line: line, Column: 1,
		Reason: reasons.New("yaml.invalid", yamlHint(reason, lineOf(source, line)))}
}

// yamlHint returns the YAML reader's reason with what to do about it in this line.
func yamlHint(reason string, line []byte) error {
	err := refusal.Reader(reason)
	switch {
	case strings.Contains(reason, "cannot start any token") && bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("\t")):
		return reasons.New("yaml.hint.tabs", err)
	case strings.Contains(reason, "cannot start any token"):
		return reasons.New("yaml.hint.quotes", err)
	case strings.Contains(reason, "unknown escape character"):
		return reasons.New("yaml.hint.backslashes", err)
	case strings.Contains(reason, "mapping values are not allowed"):
		return reasons.New("yaml.hint.colon", err)
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
type checker struct{ nodes, aliases int }

func (c *checker) check(n *yaml.Node, depth int) error {
	if depth > maxYAMLDepth {
		return fail(n, "yaml.depth", maxYAMLDepth)
	}
	if c.nodes++; c.nodes > maxYAMLNodes {
		return fail(n, "yaml.values", maxYAMLNodes)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if c.aliases++; c.aliases > maxYAMLAliases {
			return fail(n, "yaml.aliases", maxYAMLAliases)
		}
		return c.check(n.Alias, depth+1)
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := deref(n.Content[i])
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
				return fail(n.Content[i], "yaml.key.kind")
			}
			if key.ShortTag() == "!!merge" {
				return fail(key, "yaml.key.merge")
			}
			if seen[key.Value] {
				return fail(key, "yaml.key.duplicate", key.Value)
			}
			seen[key.Value] = true
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

// deref follows an alias. Chains end, because an alias names an anchor and an
// anchor is never an alias.
func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pairs calls do with each key and value of a mapping.
func pairs(n *yaml.Node, do func(key string, at, value *yaml.Node) error) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := do(deref(n.Content[i]).Value, n.Content[i], deref(n.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// child returns the value of a key, nil if there is none.
func child(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if deref(n.Content[i]).Value == name {
			return deref(n.Content[i+1])
		}
	}
	return nil
}

// fail returns the refusal for a place in the document.
func fail(at *yaml.Node, code string, args ...any) *ParseError {
	return failWith(at, reasons.New(code, args...))
}

func failWith(at *yaml.Node, why Reason) *ParseError {
	return &ParseError{Line: max(at.Line, 1), Column: max(at.Column, 1), Reason: why}
}

// kindName returns the name of a node's kind, for a person.
func kindName(n *yaml.Node) Reason {
	switch n.Kind {
	case yaml.MappingNode:
		return reasons.New("yaml.kind.mapping")
	case yaml.SequenceNode:
		return reasons.New("yaml.kind.list")
	}
	switch n.ShortTag() {
	case "!!null":
		return reasons.New("yaml.kind.null")
	case "!!bool":
		return reasons.New("yaml.kind.bool")
	case "!!int", "!!float":
		return reasons.New("yaml.kind.number")
	}
	return reasons.New("yaml.kind.text")
}
