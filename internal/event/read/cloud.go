package read

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meneki/meneki/sigma"
)

// cloudShape recognises the audit records of cloud and identity providers and of
// applications, each by members that only it has: what another might have too
// stays unknown, since a wrong log source would keep all other rules away from it.
// Fields keep their names; those that SigmaHQ's rules use besides are added.
func cloudShape(m map[string]any) (record, bool) {
	for _, shape := range cloudShapes {
		if r, ok := shape(m); ok {
			r.fields, r.known = m, true
			return r, true
		}
	}
	return record{}, false
}

var cloudShapes = [...]func(map[string]any) (record, bool){
	azureShape, m365Shape, oktaShape, gcpShape, workspaceShape, kubernetesShape, githubShape,
	oneLoginShape, bitbucketShape, duoShape, canaryShape,
}

// maxAdded bounds how many values of one record are added under a second name.
const maxAdded = 512

// scalars returns the texts, numbers and truth values in v, at most maxAdded.
func scalars(v any) []any { return appendScalars(nil, v, 0) }

func appendScalars(out []any, v any, depth int) []any {
	if len(out) >= maxAdded || depth > 16 {
		return out
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			out = appendScalars(out, v[k], depth+1)
		}
	case []any:
		for _, w := range v {
			out = appendScalars(out, w, depth+1)
		}
	case nil:
	default:
		out = append(out, v)
	}
	return out
}

// legible adds to a list of objects the values in them. Rules written for products
// that keep such a list as one text look for a word anywhere in it; as a list is
// for its members, they find it, and paths into the objects lead where they led.
func legible(m map[string]any, key string) {
	list, ok := m[key].([]any)
	if !ok {
		return
	}
	words := scalars(list)
	if n := len(list); n > 0 && len(words) > 0 {
		m[key] = append(list[:n:n], words...)
	}
}

// named returns each of a list of {name: …, value: …} as a field of its own.
func named(m map[string]any, prefix string, list any, name, value string) {
	items, _ := list.([]any)
	for i, item := range items {
		o, ok := item.(map[string]any)
		if i >= maxAdded || !ok {
			continue
		}
		if k := str(o, name); k != "" {
			put(m, prefix+k, o[value])
		}
	}
}

// reach returns what is at a path, through lists too.
func reach(m map[string]any, path string) any {
	v, _ := sigma.LookupIn(m, path)
	return v
}

// flatten returns what is at paths as fields of that name: of a field's whole name
// rules may write the letters in any case, of a path they may not.
func flatten(m map[string]any, paths ...string) {
	for _, p := range paths {
		if _, there := m[p]; there {
			continue
		}
		if v, ok := sigma.LookupIn(m, p); ok && v != nil {
			m[p] = v
		}
	}
}

// textAt returns the first of the paths that has a text.
func textAt(m map[string]any, paths ...string) string {
	for _, p := range paths {
		switch v := reach(m, p).(type) {
		case string:
			if v != "" && v != "-" {
				return v
			}
		case []any:
			if len(v) > 0 {
				if s, _ := v[0].(string); s != "" {
					return s
				}
			}
		}
	}
	return ""
}

// unpacked reads a value that an export kept as JSON inside a text.
func unpacked(v any) any {
	s, ok := v.(string)
	if t := strings.TrimSpace(s); ok && len(t) > 1 && (t[0] == '{' || t[0] == '[') {
		if w, err := parseJSON(t); err == nil {
			return w
		}
	}
	return v
}

// lowerFirst writes a name of Log Analytics as Microsoft Graph does.
func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || !unicode.IsUpper(r) {
		return s
	}
	return string(unicode.ToLower(r)) + s[n:]
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
