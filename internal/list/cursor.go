package list

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// A cursor names the last row of a page: the order that the page was read in,
// and the values of that order's terms, or the row's key alone. Whoever has it
// can read it.
func encode(sort string, values []any) string {
	parts := []string{sort}
	for _, v := range values {
		parts = append(parts, fmt.Sprint(v))
	}
	b, err := json.Marshal(parts)
	if err != nil {
		return "" // strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decode is the inverse of encode for a cursor of this order. What encode did
// not make for it is fault.Invalid.
func decode[T any](cursor, sort string, terms []Term[T]) ([]any, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, noPlace(err)
	}
	var parts []string
	if err := json.Unmarshal(b, &parts); err != nil {
		return nil, noPlace(err)
	}
	if len(parts) != len(terms)+1 {
		return nil, noPlace(fmt.Errorf("list: a cursor of %d parts for %d terms", len(parts), len(terms)))
	}
	if parts[0] != sort {
		return nil, noPlace(fmt.Errorf("list: a cursor of the order %q in the order %q", parts[0], sort))
	}
	out := make([]any, len(terms))
	var zero T
	for i, t := range terms {
		part := parts[i+1]
		switch kindOf(t.Of(zero)) {
		case kindInt:
			out[i], err = strconv.ParseInt(part, 10, 64)
		case kindFloat:
			out[i], err = strconv.ParseFloat(part, 64)
		case kindBool:
			out[i], err = strconv.ParseBool(part)
		default:
			out[i] = part
		}
		if err != nil {
			return nil, noPlace(err)
		}
	}
	return out, nil
}

func noPlace(err error) error {
	f := fault.New(fault.Invalid, i18n.T("after is no place in this list", "after の値がこの一覧のものではありません")).
		WithHint(i18n.T("give the next of the page before, unchanged, or start again without after",
			"前のページの next の値をそのまま指定するか、after を付けずに最初から取得してください"))
	f.Err = err
	return f
}

// next returns the cursor of a row.
func (s Spec[T]) next(a asked[T], row T) string {
	name := a.sort.Name
	if a.back {
		name = "-" + name
	}
	if a.sort.KeyOnly {
		return encode(name, values(s.Key, row))
	}
	return encode(name, values(s.terms(a.sort, a.back), row))
}

// place returns the values of the order's terms at the cursor. For KeyOnly
// find returns the row with the key, as far as the reader may see it.
func (s Spec[T]) place(a asked[T], find func(key []any) (T, error)) ([]any, error) {
	name := a.sort.Name
	if a.back {
		name = "-" + name
	}
	terms := s.terms(a.sort, a.back)
	if !a.sort.KeyOnly {
		return decode(a.after, name, terms)
	}
	key, err := decode(a.after, name, s.Key)
	if err != nil {
		return nil, err
	}
	row, err := find(key)
	if fault.Is(err, fault.NotFound) {
		return nil, noPlace(err)
	} else if err != nil {
		return nil, err
	}
	return values(terms, row), nil
}
