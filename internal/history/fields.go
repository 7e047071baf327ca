package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event/jsonscan"
)

// maxNesting bounds how deep fields may be; it is the bound of encoding/json,
// so nothing that was read as JSON is deeper.
const maxNesting = 10_000

var errNesting = errors.New("fields nest too deep")

// appendFields writes fields as one JSON object with its keys in order, or null
// for no map. Reading it with parseFields returns the same values of the same
// types: a float always has a point or an exponent, an int64 never; an infinity
// is ±1e999. Bytes that are not UTF-8 become the low surrogates U+DC80…U+DCFF,
// as in Python's surrogateescape (PEP 383), so that the JSON stays valid and
// the bytes come back. NaN, which no JSON record can hold, becomes null.
func appendFields(dst []byte, fields map[string]any) ([]byte, error) {
	if fields == nil {
		return append(dst, "null"...), nil
	}
	return appendObject(dst, fields, 0)
}

func appendObject(dst []byte, m map[string]any, depth int) ([]byte, error) {
	var room [48]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	var err error
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(dst, k, jsonscan.Stored), ':')
		if dst, err = appendValue(dst, m[k], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, errNesting
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return jsonscan.AppendString(dst, v, jsonscan.Stored), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case map[string]any:
		return appendObject(dst, v, depth)
	case []any:
		dst = append(dst, '[')
		var err error
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendValue(dst, e, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	// No reader of ours makes other types; what JSON can say of them is kept.
	b, err := json.Marshal(v)
	if err != nil {
		return dst, fmt.Errorf("field of type %T: %w", v, err)
	}
	return append(dst, b...), nil
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "null"...)
	case math.IsInf(f, 1):
		return append(dst, "1e999"...)
	case math.IsInf(f, -1):
		return append(dst, "-1e999"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// interner returns equal short strings one memory. It is for one goroutine.
type interner map[string]string

const maxInterned = 4096

func (in interner) get(s string) string {
	if len(s) > 128 {
		return strings.Clone(s)
	}
	if known, ok := in[s]; ok {
		return known
	}
	s = strings.Clone(s)
	if len(in) < maxInterned {
		in[s] = s
	}
	return s
}

// parseFields reads what appendFields wrote. The values share the memory of
// text, equal keys that of in.
func parseFields(text string, in interner) (map[string]any, error) {
	r := jsonscan.Reader{Dialect: jsonscan.Stored, MaxDepth: maxNesting + 1, Members: members, Key: in.get}
	v, err := r.Read(text)
	if err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	}
	return nil, errors.New("fields are no JSON object")
}

// members is how many members the map of an object is made for.
func members(depth, _ int) int {
	if depth == 0 {
		return 32 // what a Windows record has
	}
	return 4
}
