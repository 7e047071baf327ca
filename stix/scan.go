package stix

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep the values of an object may be nested.
const MaxDepth = 100

// member is one property of a JSON object as it was written.
type member struct {
	name  string
	value []byte // a part of the bytes that were parsed
}

// check reports why raw is not one JSON value in UTF-8, nested at most MaxDepth
// deep, in which no object has two members of the same name. Readers disagree
// on which of two such members counts, so that one could hide the other.
func check(raw []byte) Reason {
	if !utf8.Valid(raw) {
		return because("stix.json.utf")
	}
	if !json.Valid(raw) {
		var v json.RawMessage
		err := json.Unmarshal(raw, &v)
		return because("stix.json.invalid", err)
	}
	return checkNames(raw, 0)
}

func checkNames(raw []byte, depth int) Reason {
	if depth > MaxDepth {
		return because("stix.json.depth", MaxDepth)
	}
	raw = trim(raw)
	switch {
	case len(raw) > 0 && raw[0] == '{':
		ms := members(raw)
		seen := make(map[string]bool, len(ms))
		for _, m := range ms {
			if seen[m.name] {
				return because("stix.json.twice", clip(m.name))
			}
			seen[m.name] = true
			if r := checkNames(m.value, depth+1); r != nil {
				return r
			}
		}
	case len(raw) > 0 && raw[0] == '[':
		for _, e := range elements(raw) {
			if r := checkNames(e, depth+1); r != nil {
				return r
			}
		}
	}
	return nil
}

// members lists the properties of a JSON object in order. raw is valid JSON.
func members(raw []byte) []member {
	raw = trim(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var out []member
	i := skipSpace(raw, 1)
	for i < len(raw) && raw[i] != '}' {
		end := skipValue(raw, i)
		name := unquote(raw[i:end])
		i = skipSpace(raw, end)
		i = skipSpace(raw, i+1) // the colon
		end = skipValue(raw, i)
		out = append(out, member{name, raw[i:end]})
		if i = skipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return out
}

// elements lists the values of a JSON array in order. raw is valid JSON.
func elements(raw []byte) [][]byte {
	raw = trim(raw)
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	var out [][]byte
	i := skipSpace(raw, 1)
	for i < len(raw) && raw[i] != ']' {
		end := skipValue(raw, i)
		out = append(out, raw[i:end])
		if i = skipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return out
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

func trim(b []byte) []byte {
	b = b[skipSpace(b, 0):]
	for len(b) > 0 {
		switch b[len(b)-1] {
		case ' ', '\t', '\n', '\r':
			b = b[:len(b)-1]
			continue
		}
		break
	}
	return b
}

// skipValue returns the end of the value that begins at i.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				i = skipString(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return i
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ':', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func unquote(b []byte) string {
	if plain(b) {
		return string(b[1 : len(b)-1])
	}
	var s string
	if json.Unmarshal(b, &s) != nil { // cannot happen: b was checked
		return strconv.Quote(string(b))
	}
	return s
}

// plain reports whether a JSON string is ASCII without an escape.
func plain(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return len(b) >= 2
}
