package stix

import "strings"

// Comparison is one equality that a pattern asks for.
type Comparison struct {
	Object string // object type: "ipv4-addr"
	Path   string // as a pattern writes it: "value", "hashes.'SHA-256'"
	Value  string // as meant, without quotes and escapes
}

// ObservableComparisons takes a pattern apart that says no more than "one of
// these values was seen": a single observation of string equalities joined by
// OR, or IN. Looking each of them up is then exactly the same as Match. ok is
// false for any other pattern, which must go through Match.
func ObservableComparisons(p *Pattern) (list []Comparison, ok bool) {
	o, simple := p.root.(observation)
	if !simple || p.refuse != nil {
		return nil, false
	}
	return flatten(nil, o.test)
}

func flatten(list []Comparison, t test) ([]Comparison, bool) {
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
		list = append(list, Comparison{c.path.typ, c.path.tail(), v.text})
	}
	for i := len(right) - 1; i >= 0; i-- {
		var ok bool
		if list, ok = flatten(list, right[i]); !ok {
			return nil, false
		}
	}
	return list, true
}

// observables lists the kinds of value that PatternFor knows, as STIX names
// their type or their hash algorithm, and where an object holds them.
var observables = [...]struct{ kind, object, path string }{
	{"ipv4-addr", "ipv4-addr", "value"},
	{"ipv6-addr", "ipv6-addr", "value"},
	{"domain-name", "domain-name", "value"},
	{"url", "url", "value"},
	{"email-addr", "email-addr", "value"},
	{"MD5", "file", "hashes.MD5"},
	{"SHA-1", "file", "hashes.'SHA-1'"},
	{"SHA-256", "file", "hashes.'SHA-256'"},
}

// PatternFor writes the pattern that matches one value: PatternFor("SHA-256",
// …) gives [file:hashes.'SHA-256' = '…']. Kinds are ipv4-addr, ipv6-addr,
// domain-name, url, email-addr, MD5, SHA-1 and SHA-256; any other gives "".
func PatternFor(kind, value string) string {
	for _, o := range observables {
		if o.kind == kind {
			return "[" + o.object + ":" + o.path + " = " + quote(value) + "]"
		}
	}
	return ""
}

// Observable is the kind of value that c asks for, in the words of PatternFor;
// ok is false if it is none of those.
func (c Comparison) Observable() (kind, value string, ok bool) {
	for _, o := range observables {
		if o.object == c.Object && o.path == c.Path {
			return o.kind, c.Value, true
		}
	}
	return "", "", false
}
