package read

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/event/jsonscan"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const (
	maxDepth  = 256     // how deep a record may nest
	maxValues = 200_000 // how many values one record may hold

	memberBytes   = 48 // of a member, about; a map that is too small has to be rebuilt
	expectMembers = 48 // at most
)

// parseJSON reads one JSON value (RFC 8259) as string, int64, float64, bool,
// nil, []any or map[string]any. Of a key that comes twice the last value holds.
// A whole number that int64 cannot hold stays text, so that no digit is lost;
// invalid UTF-8, unpaired surrogates and NUL become U+FFFD. Control characters
// inside strings are accepted, because loggers forget to escape tabs.
//
// Strings without escapes are parts of s, not copies: keeping one keeps s.
func parseJSON(s string) (any, error) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	r := jsonscan.Reader{Dialect: jsonscan.Foreign, MaxDepth: maxDepth, MaxValues: maxValues, Members: members}
	v, err := r.Read(s)
	var syntax *jsonscan.SyntaxError
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &syntax) && syntax.Short:
		return nil, fault.New(fault.Invalid, i18n.T("the JSON value ends too early", "JSON の値が途中で終わっています"))
	case syntax != nil:
		return nil, fault.New(fault.Invalid, i18n.T("not valid JSON at byte {0} of the record",
			"記録の {0} バイト目が JSON として正しくありません").With(syntax.At))
	case errors.Is(err, jsonscan.ErrTooMany):
		return nil, fault.New(fault.TooLarge,
			i18n.T("the record holds more than {0} values", "記録の値が {0} 個を超えています").With(maxValues))
	}
	return nil, fault.New(fault.TooLarge,
		i18n.T("the record nests deeper than {0} levels", "記録の入れ子が {0} 段を超えています").With(maxDepth))
}

// members is how many members the map of an object is made for.
func members(depth, left int) int {
	if depth > 0 { // there may be very many inside the record
		return 0
	}
	return min(left/memberBytes, expectMembers)
}
