package stix

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Observation is what one observation saw: observables as decoded JSON objects.
// Each has a "type"; one that others refer to has an "id". Values are string,
// bool, nil, int, int64, float64, json.Number, []any and map[string]any.
// References are followed inside the list only.
type Observation []map[string]any

// Match reports whether an observation matches. It does level 1: one
// observation expression without qualifiers. For any other pattern it returns an
// *UnsupportedError. A path that the data does not have makes its comparison
// false, negated or not; a value of another type than the literal is unequal
// to it. All comparisons that AND joins are about the same object. Strings
// compare by code point; LIKE and MATCHES by Unicode form C, MATCHES anywhere
// in the text, with a dot that also stands for a line feed.
func (p *Pattern) Match(seen Observation) (bool, error) {
	if p.refuse != nil {
		return false, p.refuse
	}
	o, ok := p.root.(expression)
	if !ok {
		return false, &UnsupportedError{Level: p.level, Reason: because("stix.pattern.unsupported.one")}
	}
	m := matcher{seen: seen}
	found := false
	for _, sco := range seen {
		ok, err := m.eval(o.test, sco)
		if err != nil {
			return false, err
		}
		found = found || ok
	}
	return found, nil
}

type matcher struct {
	seen Observation
	byID map[string]map[string]any // made at the first reference
}

func (m *matcher) eval(t test, sco map[string]any) (bool, error) {
	switch t := t.(type) {
	case junction:
		left, err := m.eval(t.left, sco)
		if err != nil || left == (t.op == "OR") {
			return left, err
		}
		return m.eval(t.right, sco)
	case comparison:
		if typ, _ := sco["type"].(string); typ != t.path.typ {
			return false, nil
		}
		values := m.find(sco, t.path.steps)
		if t.op == "EXISTS" {
			return (len(values) > 0) != t.not, nil
		}
		for _, v := range values {
			ok, err := t.holds(v)
			if err != nil {
				return false, err
			}
			if ok != t.not {
				return true, nil
			}
		}
	}
	return false, nil
}

// find returns every value at a path; [*] stands for several. What a step cannot
// follow is not there.
func (m *matcher) find(from any, steps []step) []any {
	if len(steps) == 0 {
		return []any{from}
	}
	s, rest := steps[0], steps[1:]
	if !s.index {
		dict, ok := from.(map[string]any)
		if !ok {
			return nil
		}
		v, ok := dict[s.name]
		if !ok {
			return nil
		}
		if len(rest) > 0 && !rest[0].index && strings.HasSuffix(s.name, "_ref") {
			return m.follow(v, rest)
		}
		if len(rest) > 1 && rest[0].index && !rest[1].index && strings.HasSuffix(s.name, "_refs") {
			var out []any
			for _, ref := range pick(v, rest[0]) {
				out = append(out, m.follow(ref, rest[1:])...)
			}
			return out
		}
		return m.find(v, rest)
	}
	var out []any
	for _, v := range pick(from, s) {
		out = append(out, m.find(v, rest)...)
	}
	return out
}

func pick(from any, s step) []any {
	list, ok := from.([]any)
	if !ok {
		return nil
	}
	if s.any {
		return list
	}
	if s.at < 0 || s.at >= int64(len(list)) {
		return nil
	}
	return list[s.at : s.at+1]
}

func (m *matcher) follow(ref any, rest []step) []any {
	id, ok := ref.(string)
	if !ok {
		return nil
	}
	if m.byID == nil {
		m.byID = map[string]map[string]any{}
		for _, sco := range m.seen {
			if id, ok := sco["id"].(string); ok {
				m.byID[id] = sco
			}
		}
	}
	sco, ok := m.byID[id]
	if !ok {
		return nil
	}
	return m.find(sco, rest)
}

// holds compares one value, before NOT.
func (c comparison) holds(v any) (bool, error) {
	name := ""
	for _, s := range c.path.steps {
		if !s.index {
			name = s.name
		}
	}
	switch c.op {
	case "LIKE", "MATCHES":
		s, ok := c.textOf(v, name)
		return ok && c.re != nil && c.re.MatchString(norm.NFC.String(s)), nil
	case "ISSUBSET", "ISSUPERSET":
		s, _ := v.(string)
		mine, ok := network(s)
		given, _ := network(c.values[0].text)
		if !ok || mine.Addr().Is4() != given.Addr().Is4() {
			return false, nil
		}
		if c.op == "ISSUBSET" {
			return given.Bits() <= mine.Bits() && given.Contains(mine.Addr()), nil
		}
		return mine.Bits() <= given.Bits() && mine.Contains(given.Addr()), nil
	case "IN":
		for _, l := range c.values {
			order, ok, err := c.compare(v, name, l)
			if err != nil || ok && order == 0 {
				return err == nil, err
			}
		}
		return false, nil
	}
	order, comparable, err := c.compare(v, name, c.values[0])
	if err != nil {
		return false, err
	}
	if !comparable {
		return c.op == "!=", nil
	}
	switch c.op {
	case "=":
		return order == 0, nil
	case "!=":
		return order != 0, nil
	case "<":
		return order < 0, nil
	case ">":
		return order > 0, nil
	case "<=":
		return order <= 0, nil
	}
	return order >= 0, nil
}

// compare orders a value and a literal; ok is false if their types do not meet.
func (c comparison) compare(v any, name string, l literal) (order int, ok bool, err error) {
	switch l.kind {
	case boolKind:
		b, is := v.(bool)
		if !is || b != (l.text == "true") {
			return 1, is, nil
		}
		return 0, true, nil
	case intKind, floatKind:
		i, f, whole, is := number(v)
		switch {
		case !is:
			return 0, false, nil
		case whole && l.kind == intKind:
			return sign(i > l.i, i < l.i), true, nil
		}
		return sign(f > l.f, f < l.f), true, nil
	}
	s, is := v.(string)
	if !is {
		return 0, false, nil
	}
	switch {
	case l.kind == timeKind:
		t, r := parseTimestamp(s)
		if r != nil {
			return 0, false, &MatchError{c.path.String(), r}
		}
		return t.Compare(l.t), true, nil
	case l.kind == textKind && !coded(name):
		return strings.Compare(s, l.text), true, nil
	}
	// One side is bytes: both are compared as bytes, text by its code points
	// below 256 (section 9.4).
	mine, ok1 := bytesOf(s, name)
	given, ok2 := l.bytes, true
	if l.kind == textKind {
		given, ok2 = latin1(l.text)
	}
	if !ok1 || !ok2 {
		return 0, false, nil
	}
	return strings.Compare(string(mine), string(given)), true, nil
}

func sign(more, less bool) int {
	switch {
	case more:
		return 1
	case less:
		return -1
	}
	return 0
}

func number(v any) (i int64, f float64, whole, ok bool) {
	switch v := v.(type) {
	case int:
		return int64(v), float64(v), true, true
	case int64:
		return v, float64(v), true, true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), v, true, true
		}
		return 0, v, false, !math.IsNaN(v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, float64(i), true, true
		}
		f, err := v.Float64()
		return 0, f, false, err == nil
	}
	return 0, 0, false, false
}

// coded reports whether a property holds bytes in base64 or hexadecimal.
func coded(name string) bool {
	return strings.HasSuffix(name, "_bin") || strings.HasSuffix(name, "_hex")
}

func bytesOf(s, name string) ([]byte, bool) {
	switch {
	case strings.HasSuffix(name, "_bin"):
		b, err := base64.StdEncoding.DecodeString(s)
		return b, err == nil
	case strings.HasSuffix(name, "_hex"):
		b, err := hex.DecodeString(s)
		return b, err == nil
	}
	return latin1(s)
}

func latin1(s string) ([]byte, bool) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 255 {
			return nil, false
		}
		out = append(out, byte(r))
	}
	return out, true
}

// textOf returns what LIKE and MATCHES look at: text as it is, bytes as one
// character each.
func (c comparison) textOf(v any, name string) (string, bool) {
	s, ok := v.(string)
	if !ok || !coded(name) {
		return s, ok
	}
	raw, ok := bytesOf(s, name)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, x := range raw {
		b.WriteRune(rune(x))
	}
	return b.String(), true
}
