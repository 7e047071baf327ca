package sigma

import (
	"regexp"
	"strings"
)

// maxVariants bounds how many patterns one value of a rule may stand for.
const maxVariants = 10_000

// placeholder is a name between percent signs. A backslash makes the percent
// sign plain, unless it is itself behind a backslash.
var placeholder = regexp.MustCompile(`\\\\|\\%|%[A-Za-z0-9_.-]+%`)

// piece is a part of a value with placeholders: text as written, or the values
// of one placeholder.
type piece struct {
	text   string
	values []string // nil for text
}

// cutPlaceholders takes a value apart. \% is a plain percent sign.
func cutPlaceholders(raw string, known map[string][]string) ([]piece, error) {
	var pieces []piece
	var text strings.Builder
	rest := raw
	for {
		at := placeholder.FindStringIndex(rest)
		if at == nil {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:at[0]])
		found := rest[at[0]:at[1]]
		rest = rest[at[1]:]
		switch found {
		case `\\`: // read again when the text becomes a pattern
			text.WriteString(found)
			continue
		case `\%`:
			text.WriteByte('%')
			continue
		}
		values := known[strings.Trim(found, "%")]
		if len(values) == 0 {
			return nil, reasons.New("sigma.placeholder.missing", found)
		}
		pieces = append(pieces, piece{text: text.String()}, piece{values: values})
		text.Reset()
	}
	return append(pieces, piece{text: text.String()}), nil
}

// expandWith joins the pieces in all ways: asText turns text of the rule into a
// T, asValue a placeholder's value.
func expandWith[T any](pieces []piece, asText, asValue func(string) T, join func(a, b T) T) ([]T, error) {
	var zero T
	out := []T{zero}
	for _, p := range pieces {
		if p.values == nil {
			for i := range out {
				out[i] = join(out[i], asText(p.text))
			}
			continue
		}
		if len(out)*len(p.values) > maxVariants {
			return nil, reasons.New("sigma.placeholder.many", maxVariants)
		}
		next := make([]T, 0, len(out)*len(p.values))
		for _, head := range out {
			for _, v := range p.values {
				next = append(next, join(head, asValue(v)))
			}
		}
		out = next
	}
	return out, nil
}

// expandPatterns returns the patterns that a value with placeholders stands for.
// Wildcards in a placeholder's value are wildcards.
func expandPatterns(pieces []piece) ([]pattern, error) {
	return expandWith(pieces, parsePattern, parsePattern, func(a, b pattern) pattern {
		return append(a[:len(a):len(a)], b...)
	})
}

// expandRegexes does the same for a regular expression: the value's text is
// quoted, its wildcards are translated.
func expandRegexes(pieces []piece) ([]string, error) {
	return expandWith(pieces,
		func(s string) string { return s },
		func(s string) string { return parsePattern(s).regex() },
		func(a, b string) string { return a + b })
}

// hasPlaceholder reports whether a value names a placeholder.
func hasPlaceholder(raw string) bool {
	for _, found := range placeholder.FindAllString(raw, -1) {
		if found[0] == '%' {
			return true
		}
	}
	return false
}
