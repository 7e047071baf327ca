package yamldoc_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

var bounds = yamldoc.Bounds{Depth: 5, Values: 50, Aliases: 2}

// What a rule and a pipeline refuse alike is refused with its place and code; of
// keys that are null only a pipeline takes one.
func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		text, code string
		line       int
		nullKeys   bool
	}{
		{"a: [1", "yaml.invalid", 1, false},
		{"a: 1\nb: *x", "yaml.asterisk", 2, false},
		{"a: 1\na: 2", "yaml.key.duplicate", 2, false},
		{"1: a\n'1': b", "yaml.key.duplicate", 2, false},
		{"~: 1", "yaml.key.kind", 1, false},
		{"~: 1", "", 0, true},
		{"~: 1\nnull: 2", "yaml.key.duplicate", 2, true},
		{"null: 1\n'null': 2", "", 0, true},
		{"[a]: 1", "yaml.key.kind", 1, true},
		{"a: &x {}\nb: {<<: *x}", "yaml.key.merge", 2, false},
		{"a: 1\n---\nb: 1", "yaml.documents", 2, false},
		{"a: !!binary aGk=", "yaml.type", 1, false},
		{"a: [[[[[[1]]]]]]", "yaml.depth", 1, false},
		{strings.Repeat("- 1\n", 60), "yaml.values", 50, false},
		{"a: &x 1\nb: [*x, *x, *x]", "yaml.aliases", 2, false},
	} {
		b := bounds
		b.NullKeys = c.nullKeys
		_, err := yamldoc.Read([]byte(c.text), b)
		var refused *yamldoc.Error
		if errors.As(err, &refused); (refused == nil) != (c.code == "") {
			t.Errorf("%q: %v", c.text, err)
		} else if refused != nil && (refused.Reason.Code() != c.code || refused.Line != c.line) {
			t.Errorf("%q: %s in line %d, want %s in line %d", c.text, refused.Reason.Code(), refused.Line,
				c.code, c.line)
		}
	}
	if _, err := yamldoc.Read([]byte("# nothing\n"), bounds); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: %v", err)
	}
}

// Any bytes give a document within bounds or a reason with a place.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"a: &x {b: [1, 2.5, true, ~, 2026-01-01]}\nc: *x", "\ta: 1", "a: *", "%YAML",
		"a: @x", "a: \"\\q\"",
		"a: b: c", "&a [*a]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		root, err := yamldoc.Read(source, bounds)
		var refused *yamldoc.Error
		if errors.As(err, &refused) && (refused.Line < 1 || refused.Column < 1 || refused.Error() == "") {
			t.Errorf("%q: %+v", source, refused)
		}
		if (root == nil) != (err != nil) {
			t.Errorf("%q: %v %v", source, root, err)
		}
	})
}
