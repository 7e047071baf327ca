package mispapi

import (
	"sort"
	"strings"
)

// match is what a filter of texts wants: one of any, all of all, and none of not.
type match struct{ any, all, not []string }

// matching reads a filter as MISP's clients write it: a text, a list, texts with ! before
// what is not wanted, or an object of OR, AND and NOT. Bars and && separate texts where
// split says so.
func matching(v any, split bool) *match {
	m := &match{}
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		for k, x := range v {
			for _, s := range texts(x) {
				switch strings.ToUpper(k) {
				case "NOT":
					m.not = append(m.not, s)
				case "AND":
					m.all = append(m.all, s)
				default:
					m.any = append(m.any, s)
				}
			}
		}
	default:
		for _, s := range texts(v) {
			list := []string{s}
			if split {
				list = strings.FieldsFunc(strings.ReplaceAll(s, "&&", "|"), func(r rune) bool { return r == '|' })
			}
			for _, s := range list {
				if rest, ok := strings.CutPrefix(s, "!"); ok && rest != "" {
					m.not = append(m.not, rest)
				} else {
					m.any = append(m.any, s)
				}
			}
		}
	}
	if len(m.any)+len(m.all)+len(m.not) == 0 {
		return nil
	}
	return m
}

func texts(v any) (out []string) {
	if list, ok := v.([]any); ok {
		for _, x := range list {
			if s := scalar(x); s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	if s := scalar(v); s != "" {
		out = append(out, s)
	}
	return out
}

// like reports whether a text is what is wanted: the same but for the case of letters, or,
// where % is in what is wanted, with anything in its place.
func like(wanted, s string) bool {
	if strings.EqualFold(wanted, s) {
		return true
	}
	if !strings.Contains(wanted, "%") || wanted == "%" {
		return false
	}
	parts := strings.Split(strings.ToLower(wanted), "%")
	s = strings.ToLower(s)
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for i, p := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(s, p)
		}
		at := strings.Index(s, p)
		if at < 0 {
			return false
		}
		s = s[at+len(p):]
	}
	return true
}

// meets reports whether some texts are what is wanted. Nil wants nothing of them.
func (m *match) meets(have ...string) bool {
	if m == nil {
		return true
	}
	has := func(w string) bool {
		for _, s := range have {
			if like(w, s) {
				return true
			}
		}
		return false
	}
	for _, w := range m.not {
		if has(w) {
			return false
		}
	}
	for _, w := range m.all {
		if !has(w) {
			return false
		}
	}
	if len(m.any) == 0 {
		return true
	}
	for _, w := range m.any {
		if has(w) {
			return true
		}
	}
	return false
}

// check refuses parameters that are not known: a filter that is not understood must not
// give everything.
func (c *call) check(known map[string]bool) error {
	var odd []string
	for k, v := range c.body() {
		if v != nil && !known[strings.ToLower(strings.ReplaceAll(k, "_", ""))] {
			odd = append(odd, k)
		}
	}
	for k := range c.named {
		if !known[strings.ReplaceAll(k, "_", "")] {
			odd = append(odd, k)
		}
	}
	if len(odd) == 0 {
		return nil
	}
	sort.Strings(odd)
	return invalid("Filters that are not known here: " + strings.Join(odd, ", "))
}

func set(names string) map[string]bool {
	out := map[string]bool{}
	for _, n := range strings.Fields(names) {
		out[n] = true
	}
	return out
}
