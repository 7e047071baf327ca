package sigma

import (
	"encoding/json"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxNesting bounds how deep LookupIn and LeavesOf descend into one event. It
// is the bound of encoding/json, so nothing that was read as JSON lies deeper.
const maxNesting = 10_000

// LookupIn finds a field in a decoded record and is the Lookup that an Event
// backed by a map should have. In this order:
//
//  1. the key exactly as written, also if it holds dots;
//  2. a dotted path through nested maps, where every part may again be a key
//     that holds dots; a list on the path stands for all its members, and the
//     result is then an []any of the members' values;
//  3. a top-level key that differs from name only in case; if there are
//     several, the first in byte order, so that the answer does not depend on
//     the order of the map.
//
// ok is false if there is no such field. A field that is present with the value
// nil returns nil, true. The result is not a copy.
func LookupIn(fields map[string]any, name string) (value any, ok bool) {
	if v, ok := fields[name]; ok {
		return v, true
	}
	if strings.IndexByte(name, '.') >= 0 {
		if v, ok := lookupPath(fields, name, 0); ok {
			return v, true
		}
	}
	best, found := "", false
	for key := range fields {
		if strings.EqualFold(key, name) && (!found || key < best) {
			best, found = key, true
		}
	}
	if found {
		return fields[best], true
	}
	return nil, false
}

// lookupPath resolves path below v. Every map of the record is visited at most
// once, because its place in the tree fixes which part of the path is consumed.
func lookupPath(v any, path string, depth int) (any, bool) {
	if depth > maxNesting {
		return nil, false
	}
	switch v := v.(type) {
	case map[string]any:
		if value, ok := v[path]; ok {
			return value, true
		}
		for i := 0; i < len(path); i++ {
			if path[i] != '.' {
				continue
			}
			if below, ok := v[path[:i]]; ok {
				if value, ok := lookupPath(below, path[i+1:], depth+1); ok {
					return value, true
				}
			}
		}
	case []any:
		var all []any
		for _, member := range v {
			if value, ok := lookupPath(member, path, depth+1); ok {
				all = append(all, value)
			}
		}
		if all != nil {
			return all, true
		}
	}
	return nil, false
}

// LeavesOf returns each scalar value in fields as text, nested ones and members
// of lists too, but no keys and not null, which has no text. Maps are walked in
// the byte order of their keys, so that the order is always the same.
func LeavesOf(fields map[string]any) iter.Seq[string] {
	return func(yield func(string) bool) { leaves(fields, yield, 0) }
}

func leaves(v any, yield func(string) bool, depth int) bool {
	if depth > maxNesting {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if !leaves(v[key], yield, depth+1) {
				return false
			}
		}
		return true
	case []any:
		for _, member := range v {
			if !leaves(member, yield, depth+1) {
				return false
			}
		}
		return true
	default:
		if text, ok := TextOf(v); ok {
			return yield(text)
		}
		return true
	}
}

// TextOf returns the text of a scalar value of an event as rules see it: numbers
// in plain decimal notation without a trailing ".0", truth values as true and
// false. ok is false for nil, lists and maps, which have no text.
func TextOf(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return floatText(v), true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// floatText writes whole numbers like integers (a JSON reader that knows only
// float64 must not turn EventID 4625 into something else) and uses an exponent
// only where plain notation would be absurdly long.
func floatText(f float64) string {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
