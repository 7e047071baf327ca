package feed

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// refangs undo the ways in which people make a value unclickable, after NFKC.
var refangs = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`(?i)^(?:h(?:xx|\*\*|\[tt\]|xt|tx|__)p|meow)(s?)(?:\[?:\]?|\(:\))`), "http$1:"},
	{regexp.MustCompile(`(?i)^f(?:x|\*)p(s?):`), "ftp$1:"},
	{regexp.MustCompile(`(?i)^([a-z]{2,6})\s?[\[({]://[\])}]`), "$1://"},
	{regexp.MustCompile(`(?i)^([a-z]{2,6})\s?[\[({]:[\])}]//`), "$1://"},
	{regexp.MustCompile(`(?i)\s?[\[({<]\s?(?:\.|dot|ドット)\s?[\])}>]\s?`), "."},
	{regexp.MustCompile(`(?i)\s?[\[({<]\s?(?:@|at|アットマーク)\s?[\])}>]\s?`), "@"},
	{regexp.MustCompile(`[\[({]:[\])}]`), ":"},
	{regexp.MustCompile(`[\[({]/[\])}]`), "/"},
	{regexp.MustCompile(`([0-9A-Za-z])\[\.`), "$1."},
	{regexp.MustCompile(`\.\]([0-9A-Za-z])`), ".$1"},
	{regexp.MustCompile(`([0-9A-Za-z])ドット([0-9A-Za-z])`), "$1.$2"},
	{regexp.MustCompile(`([0-9A-Za-z])。([0-9A-Za-z])`), "$1.$2"},
	{regexp.MustCompile(`([0-9A-Za-z])。([0-9A-Za-z])`), "$1.$2"}, // where a label is one letter
	{regexp.MustCompile(`([0-9A-Za-z])\\\.([0-9A-Za-z])`), "$1.$2"},
}

// unseen are characters that are not seen, which copying out of documents leaves in values.
var unseen = strings.NewReplacer("\u00ad", "", "\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "",
	"\u200e", "", "\u200f", "", "\u202a", "", "\u202c", "")

// backslashed is a URL that was written with the slashes of Windows.
var backslashed = regexp.MustCompile(`(?i)^(?:https?|ftp):\\\\[^/]+$`)

// Refang undoes what keeps a value from being clicked on (hxxp, [.], [at]), full-width letters
// and characters that are not seen.
func Refang(s string) string {
	s = strings.TrimSpace(s)
	if settled(s) {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) {
		s = unseen.Replace(s)
		if i := strings.IndexAny(s, "/?"); i < 0 || strings.ContainsAny(s[:i], "：／。．＠") {
			s = norm.NFKC.String(s)
		} else { // a path keeps its letters
			j := i
			if strings.Contains(s[:min(len(s), i+3)], "://") {
				if k := strings.IndexAny(s[i+2:], "/?"); k >= 0 {
					j = i + 2 + k
				} else {
					j = len(s)
				}
			}
			s = norm.NFKC.String(s[:j]) + s[j:]
		}
		s = strings.TrimSpace(s)
	}
	for _, r := range refangs {
		s = r.find.ReplaceAllString(s, r.put)
	}
	if backslashed.MatchString(s) {
		s = strings.ReplaceAll(s, `\`, "/")
	}
	return s
}

// settled reports whether nothing in s can be defanged, as in nearly every line of a feed.
func settled(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '.' || c == '-' || c == '/' || c == '_' || c == '?' || c == '=' || c == '&' || c == '%' || c == '@':
		case c == ':':
			if i < 6 && i > 2 && !strings.EqualFold(s[:i], "http") && !strings.EqualFold(s[:i], "https") &&
				!strings.ContainsAny(s[:i], ".0123456789") {
				return false
			}
		default:
			return false
		}
	}
	return true
}
