package api

import (
	"encoding/base64"
	"encoding/json"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// The bounds of a page of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Paging is what every list takes; put it into the operation's input. Lists are
// paged by key, never by offset, so that a row that comes in meanwhile neither
// repeats nor hides another.
type Paging struct {
	After string `query:"after" maxLength:"1024" doc:"where the page before ended: its next | 前のページの next の値"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"most items on the page | 1ページの最大件数"`
}

// Page is the body of every list.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"the items, in the list's order | 項目。一覧の順"`
	Next  string `json:"next,omitempty" doc:"give it as after to get the next page; absent on the last | 次のページを得るには after に指定する。最後のページにはない"`
}

// Cut makes a page of rows that were asked for with limit+1, so that it is known
// whether more follow. key returns what the list is ordered by, for the last row
// that is shown; see Mark.
func Cut[T any](rows []T, limit int, key func(T) []string) Page[T] {
	if limit < 1 {
		limit = DefaultLimit
	}
	p := Page[T]{Items: rows}
	if len(rows) > limit {
		p.Items = rows[:limit]
		p.Next = Mark(key(rows[limit-1])...)
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return p
}

// Mark packs the key of a row into the opaque text of a next. Callers can read
// it, so it holds only what they have been shown.
func Mark(key ...string) string {
	b, err := json.Marshal(key)
	if err != nil {
		return "" // strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// Unmark is the inverse of Mark for a key of n parts. An empty mark, the first
// page, is nil. What Mark did not make is fault.Invalid.
func Unmark(mark string, n int) ([]string, error) {
	if mark == "" {
		return nil, nil
	}
	bad := fault.New(fault.Invalid, i18n.T("after is no place in this list", "after の値がこの一覧のものではありません")).
		WithHint(i18n.T("give the next of the page before, unchanged", "前のページの next の値をそのまま指定してください"))
	b, err := base64.RawURLEncoding.Strict().DecodeString(mark)
	if err != nil {
		bad.Err = err
		return nil, bad
	}
	var key []string
	if err := json.Unmarshal(b, &key); err != nil {
		bad.Err = err
		return nil, bad
	}
	if len(key) != n {
		return nil, bad
	}
	return key, nil
}
