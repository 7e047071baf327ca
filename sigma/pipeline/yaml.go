package pipeline

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// bounds are those of a pipeline file.
var bounds = yamldoc.Bounds{Depth: 32, Values: 100_000, Aliases: 1000, NullKeys: true}

// readYAML reads the one document of a pipeline and checks that it stays within
// bounds. Keys may be null, which in a mapping of fields stands for keywords.
func readYAML(data []byte) (*yaml.Node, error) {
	switch {
	case len(data) > MaxSize:
		return nil, fail(&yaml.Node{}, "yaml.file.large", MaxSize)
	case !utf8.Valid(data):
		return nil, fail(&yaml.Node{}, "yaml.file.utf8")
	}
	root, err := yamldoc.Read(bytes.TrimPrefix(data, []byte("\ufeff")), bounds)
	var refused *yamldoc.Error
	switch {
	case errors.As(err, &refused) && refused.Reason.Code() == "yaml.documents":
		return nil, &sigma.ParseError{Line: refused.Line, Column: refused.Column,
			Reason: reasons.New("pipeline.file.documents")}
	case refused != nil:
		return nil, &sigma.ParseError{Line: refused.Line, Column: refused.Column, Reason: refused.Reason}
	case err != nil:
		return nil, fail(&yaml.Node{}, "pipeline.file.empty")
	}
	return root, nil
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
