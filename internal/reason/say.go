package reason

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// rows are Japanese formats by code. In a format {0} is the first argument, {0q}
// the same in quotes, {0x} as a hexadecimal number. An argument that is a reason
// is put into Japanese too.
type rows map[string]string

// tables are the rows of each library, by the first word of their codes.
var tables = map[string]rows{
	"sigma": sigmaRows, "pipeline": pipelineRows, "correlate": correlateRows, "yaml": yamlRows,
	"stix": stixRows, "evtx": evtxRows,
	"reason": ownRows, "fault": ownRows, "os": ownRows, "regexp": ownRows,
}

// Say returns the reason in both languages. The Japanese is the English text
// where no table has better.
func (r Reason) Say() i18n.Text { return i18n.Text{EN: r.Text, JA: r.ja(0)} }

// ja returns the reason in Japanese.
func (r Reason) ja(depth int) string {
	if r.Code == "" {
		if ja, ok := foreignRows[r.Text]; ok {
			return ja
		}
		return cmp.Or(r.JA, r.Text)
	}
	if text, ok := fault.Say(fault.Code(r.Code), plain(r.Args)); ok {
		return text.JA
	}
	library, _, _ := strings.Cut(r.Code, ".")
	format, ok := tables[library][r.Code]
	if !ok || depth == maxDepth {
		return r.Text
	}
	if ja, ok := fill(format, r.Args, depth); ok {
		return ja
	}
	return r.Text
}

// plain returns arguments as text.
func plain(args []any) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = fmt.Sprint(a)
	}
	return out
}

var slot = regexp.MustCompile(`\{([0-9])([qx]?)\}`)

// fill puts arguments into a format; ok is false if there are too few.
func fill(format string, args []any, depth int) (text string, ok bool) {
	var out []byte
	at := 0
	for _, m := range slot.FindAllStringSubmatchIndex(format, -1) {
		out = append(out, format[at:m[0]]...)
		at = m[1]
		n := int(format[m[2]] - '0')
		if n >= len(args) {
			return "", false
		}
		inner, isReason := args[n].(Reason)
		if !isReason {
			out = append(out, written(args[n], format[m[4]:m[5]])...)
			continue
		}
		part := inner.ja(depth + 1)
		if japanese(utf8.DecodeLastRune(out)) && latin(utf8.DecodeRuneInString(part)) {
			out = append(out, ' ')
		}
		out = append(out, part...)
		if latin(utf8.DecodeLastRuneInString(part)) && japanese(utf8.DecodeRuneInString(format[at:])) {
			out = append(out, ' ')
		}
	}
	return string(append(out, format[at:]...)), true
}

// written returns an argument that is no reason.
func written(arg any, kind string) string {
	switch kind {
	case "q":
		return strconv.Quote(fmt.Sprint(arg))
	case "x":
		if n, err := strconv.ParseInt(fmt.Sprint(arg), 10, 64); err == nil {
			return fmt.Sprintf("%#x", n)
		}
	}
	return fmt.Sprint(arg)
}

// Where Japanese meets Latin letters a blank stands between them.
func latin(r rune, _ int) bool { return r > ' ' && r < utf8.RuneSelf }

func japanese(r rune, _ int) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}
