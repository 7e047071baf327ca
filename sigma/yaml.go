package sigma

import (
	"bytes"
	"errors"
	"strings"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
	"go.yaml.in/yaml/v3"
)

// yamlBounds are those of one document. The largest published rules have some
// thousand values, no alias, and are five levels deep.
var yamlBounds = yamldoc.Bounds{Depth: 32, Values: 300_000, Aliases: 100}

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
func readYAML(source []byte) (*yaml.Node, error) {
	root, err := yamldoc.Read(source, yamlBounds)
	var refused *yamldoc.Error
	switch {
	case errors.As(err, &refused):
		return nil, &ParseError{Line: refused.Line, Column: refused.Column, Reason: refused.Reason}
	case err != nil: // no document
		return nil, fail(&yaml.Node{}, "yaml.none")
	}
	return root, nil
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
