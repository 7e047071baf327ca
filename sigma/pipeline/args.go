package pipeline

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/internal/yamldoc"
)

// args are the keys of one mapping. Each is taken once; what was not taken is
// refused by done. After the first mistake everything returns zero values, so that
// readers need not look at each.
type args struct {
	what sigma.Reason // "condition match_string"
	at   *yaml.Node
	keys map[string]*yaml.Node
	list []*yaml.Node // the keys in their order
	err  error
}

func newArgs(what sigma.Reason, n *yaml.Node) (*args, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fail(n, "pipeline.mapping", what)
	}
	a := &args{what: what, at: n, keys: make(map[string]*yaml.Node)}
	err := yamldoc.Pairs(n, func(key string, at, val *yaml.Node) error {
		a.keys[key] = val
		a.list = append(a.list, at)
		return nil
	})
	return a, err
}

func (a *args) fail(at *yaml.Node, code string, values ...any) {
	if a.err == nil {
		a.err = fail(at, code, values...)
	}
}

// take returns the value of a key, nil if there is none.
func (a *args) take(key string) *yaml.Node {
	n := a.keys[key]
	delete(a.keys, key)
	return n
}

// must is take for a key that has to be there.
func (a *args) must(key string) *yaml.Node {
	n := a.take(key)
	if n == nil {
		a.fail(a.at, "pipeline.needs", a.what, key)
	}
	return n
}

// done refuses keys that are unknown.
func (a *args) done() error {
	for _, key := range a.list {
		if _, left := a.keys[key.Value]; left {
			a.fail(key, "pipeline.key", a.what, key.Value)
		}
	}
	return a.err
}

func (a *args) text(key, otherwise string) string {
	n := a.take(key)
	if n == nil || n.Kind == yaml.ScalarNode && kindOf(n) == nullKind {
		return otherwise
	}
	if n.Kind != yaml.ScalarNode {
		a.fail(n, "pipeline.text", a.what, key)
		return ""
	}
	return n.Value
}

// name is a text that has to be there and is not empty.
func (a *args) name(key string) string {
	n := a.must(key)
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || looseText(n) == "" {
		a.fail(n, "pipeline.text", a.what, key)
	}
	return n.Value
}

func (a *args) flag(key string) bool {
	n := a.take(key)
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || kindOf(n) != boolKind {
		a.fail(n, "pipeline.bool", a.what, key)
	}
	return strings.EqualFold(n.Value, "true")
}

func (a *args) whole(key string, otherwise int) int {
	n := a.take(key)
	if n == nil {
		return otherwise
	}
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		a.fail(n, "pipeline.whole", a.what, key)
	}
	return i
}

// choice is one of several words, the first unless given.
func (a *args) choice(key string, words ...string) string {
	n := a.take(key)
	if n == nil {
		return words[0]
	}
	for _, w := range words {
		if n.Kind == yaml.ScalarNode && n.Value == w {
			return w
		}
	}
	a.fail(n, "pipeline.choice", a.what, key, strings.Join(words, ", "))
	return ""
}

// texts is a text or a list of them; nil if absent.
func (a *args) texts(key string) []string {
	n := a.take(key)
	if n == nil {
		return nil
	}
	return textsOf(a, key, n)
}

func textsOf(a *args, key string, n *yaml.Node) []string {
	members := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		members = n.Content
	}
	out := []string{}
	for _, m := range members {
		m = yamldoc.Deref(m)
		if m.Kind != yaml.ScalarNode || kindOf(m) == nullKind {
			a.fail(m, "pipeline.texts", a.what, key)
			return nil
		}
		out = append(out, m.Value)
	}
	return out
}

// scalar is a single value of any kind, nil node if absent.
func (a *args) scalar(key string) *yaml.Node {
	n := a.must(key)
	if n != nil && n.Kind != yaml.ScalarNode {
		a.fail(n, "pipeline.single", a.what, key)
	}
	return n
}

// regex compiles a pattern of a pipeline. atStart says that it is only tried at
// the start of a text, as Python's match does.
func (a *args) regex(at *yaml.Node, text string, atStart bool) *regexp.Regexp {
	if at == nil {
		return nil
	}
	source := text
	if atStart {
		source = `\A(?:` + text + `)`
	}
	if _, err := syntax.Parse(text, syntax.Perl); err != nil {
		a.fail(at, "pipeline.regexp", a.what, text, err)
		return nil
	}
	re, err := regexp.Compile(source)
	if err != nil {
		a.fail(at, "pipeline.regexp-other", a.what, text, err)
	}
	return re
}
