package sigma

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalarKind is the type of a value in a rule.
type scalarKind uint8

const (
	scalarText scalarKind = iota
	scalarNumber
	scalarBool
	scalarNull
)

// scalar is one value as written in a rule.
type scalar struct {
	kind scalarKind
	raw  string // as written
	num  number // of scalarNumber
	yes  bool   // of scalarBool
	node *yaml.Node
}

var (
	plainInt   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	plainFloat = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)
)

// readScalar reads a value by the core schema of YAML 1.2. Where YAML 1.1 and
// 1.2 disagree about an unquoted number (leading zeros, underscores, 0b) it is
// text, as written.
func readScalar(n *yaml.Node) scalar {
	s := scalar{raw: n.Value, node: n}
	switch n.ShortTag() {
	case "!!null":
		s.kind, s.raw = scalarNull, "null"
	case "!!bool":
		if low := strings.ToLower(n.Value); low == "true" || low == "false" {
			s.kind, s.yes = scalarBool, low == "true"
		}
	case "!!int", "!!float":
		if num, ok := yamlNumber(n.Value); ok {
			s.kind, s.num = scalarNumber, num
		}
	}
	return s
}

func yamlNumber(text string) (number, bool) {
	for prefix, base := range map[string]int{"0x": 16, "0o": 8} {
		if digits, ok := strings.CutPrefix(text, prefix); ok {
			i, err := strconv.ParseInt(digits, base, 64)
			return number{isInt: true, i: i}, err == nil
		}
	}
	if !plainInt.MatchString(text) && !plainFloat.MatchString(text) {
		return number{}, false
	}
	return parseNumber(text)
}
