package stix

import "strings"

// Equality is one equality that a pattern asks for.
type Equality struct {
	Object string // object type: "ipv4-addr"
	Path   string // as a pattern writes it: "value", "hashes.'SHA-256'"
	Value  string // as meant, without quotes and escapes
}

// Equalities returns the values that a pattern asks for if it asks for nothing but one
// of them: it is a single observation of string equalities joined by OR, or IN. To
// look each of them up is then exactly the same as Match. ok is false for any other
// pattern, which must go through Match.
func (p *Pattern) Equalities() (list []Equality, ok bool) {
	o, simple := p.root.(expression)
	if !simple || p.refuse != nil {
		return nil, false
	}
	return flatten(nil, o.test)
}

func flatten(list []Equality, t test) ([]Equality, bool) {
	// Chains of OR lean to the left; they are walked, not recursed into, on that side.
	var right []test
	for {
		j, is := t.(junction)
		if !is {
			break
		}
		if j.op != "OR" {
			return nil, false
		}
		right, t = append(right, j.right), j.left
	}
	c := t.(comparison)
	if c.not || c.op != "=" && c.op != "IN" {
		return nil, false
	}
	for i, s := range c.path.steps {
		last := i == len(c.path.steps)-1
		if s.index || !last && strings.HasSuffix(s.name, "_ref") || last && coded(s.name) {
			return nil, false
		}
	}
	for _, v := range c.values {
		if v.kind != textKind {
			return nil, false
		}
		list = append(list, Equality{c.path.typ, c.path.tail(), v.text})
	}
	for i := len(right) - 1; i >= 0; i-- {
		var ok bool
		if list, ok = flatten(list, right[i]); !ok {
			return nil, false
		}
	}
	return list, true
}

// valueKinds lists the kinds of value that ValuePattern knows, as STIX names
// their type or their hash algorithm, and where an object holds them.
var valueKinds = [...]struct{ kind, object, path string }{
	{"ipv4-addr", "ipv4-addr", "value"},
	{"ipv6-addr", "ipv6-addr", "value"},
	{"domain-name", "domain-name", "value"},
	{"url", "url", "value"},
	{"email-addr", "email-addr", "value"},
	{"MD5", "file", "hashes.MD5"},
	{"SHA-1", "file", "hashes.'SHA-1'"},
	{"SHA-256", "file", "hashes.'SHA-256'"},
}

// ValuePattern returns the pattern that matches one value: that of the kind "SHA-256"
// is [file:hashes.'SHA-256' = '…']. Kinds are ipv4-addr, ipv6-addr, domain-name, url,
// email-addr, MD5, SHA-1 and SHA-256; for any other it returns "".
func ValuePattern(kind, value string) string {
	for _, o := range valueKinds {
		if o.kind == kind {
			return "[" + o.object + ":" + o.path + " = " + quote(value) + "]"
		}
	}
	return ""
}

// Kind returns the kind of value that e asks for, as ValuePattern names it; ok is
// false if it is none of those.
func (e Equality) Kind() (kind string, ok bool) {
	for _, v := range valueKinds {
		if v.object == e.Object && v.path == e.Path {
			return v.kind, true
		}
	}
	return "", false
}
