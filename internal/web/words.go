package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/meneki/meneki/internal/i18n"
)

// fill puts args into the holes {0} {1} of s in one pass, so that a hole inside
// of an argument, which may come from an attacker, stays as it is.
func fill(s string, l i18n.Lang, args []any) string {
	if len(args) == 0 {
		return s
	}
	s = i18n.Plural(s, args)
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		n, err := strconv.Atoi(s[i+1 : i+j])
		if err != nil || n < 0 || n >= len(args) {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteString(word(args[n], l))
		s = s[i+j+1:]
	}
	return b.String() + s
}

// word is a value inside of a sentence.
func word(v any, l i18n.Lang) string {
	switch v := v.(type) {
	case i18n.Text:
		return v.In(l)
	case string:
		return v
	case int:
		return number(int64(v))
	case int64:
		return number(v)
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

// Number is a count for a sentence: 12,345.
func Number(n int64) string { return number(n) }

// number groups thousands: 12,345. Japanese groups the same way.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func float(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return number(int64(f))
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

// size writes bytes in binary units with at most one decimal.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, i := float64(n), 0
	for math.Abs(f) >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 || f >= 100 {
		return strconv.FormatFloat(math.Round(f), 'f', -1, 64) + " " + units[i]
	}
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) + " " + units[i]
}

// ago is how far t is from now, in one unit.
func ago(t, now time.Time) i18n.Text {
	d := now.Sub(t)
	past := d >= 0
	if !past {
		d = -d
	}
	var n int64
	var unit i18n.Text
	switch {
	case d < 5*time.Second:
		return i18n.T("now", "たった今")
	case d < time.Minute:
		n, unit = int64(d/time.Second), i18n.T("s", "秒")
	case d < time.Hour:
		n, unit = int64(d/time.Minute), i18n.T("min", "分")
	case d < 48*time.Hour:
		n, unit = int64(d/time.Hour), i18n.T("h", "時間")
	case d < 60*24*time.Hour:
		n, unit = int64(d/(24*time.Hour)), i18n.T("days", "日")
	case d < 730*24*time.Hour:
		n, unit = int64(d/(30*24*time.Hour)), i18n.T("months", "か月")
	default:
		n, unit = int64(d/(365*24*time.Hour)), i18n.T("years", "年")
	}
	if past {
		return i18n.T("{0} {1} ago", "{0} {1}前").With(number(n), unit)
	}
	return i18n.T("in {0} {1}", "{0} {1}後").With(number(n), unit)
}

// left is the time that is left until a deadline, as 0:42, 5:30 or in days.
func left(d time.Duration) i18n.Text {
	over := d < 0
	if over {
		d = -d
	}
	d = d.Round(time.Minute)
	h, m := int64(d/time.Hour), int64(d%time.Hour/time.Minute)
	switch {
	case over && h >= 48:
		return i18n.T("{0} days over", "{0} 日超過").With(h / 24)
	case over:
		return i18n.T("{0} over", "{0} 超過").With(fmt.Sprintf("%d:%02d", h, m))
	case h >= 48:
		return i18n.T("{0} days left", "残り {0} 日").With(h / 24)
	}
	return i18n.T("{0} left", "残り {0}").With(fmt.Sprintf("%d:%02d", h, m))
}

// zoneWord names the zone of t: JST, or UTC+03:00 where it has no letters.
func zoneWord(t time.Time) string {
	name, offset := t.Zone()
	if name != "" && !strings.ContainsAny(name, "+-0123456789") {
		return name
	}
	sign := "+"
	if offset < 0 {
		sign, offset = "−", -offset
	}
	return fmt.Sprintf("UTC%s%02d:%02d", sign, offset/3600, offset%3600/60)
}

// visible replaces what would deceive the eye: control and bidirectional
// characters are shown as their code.
func visible(s string) string {
	if !strings.ContainsFunc(s, deceives) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if deceives(r) {
			fmt.Fprintf(&b, "⟨%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func deceives(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == 0x200B ||
		r == 0xFEFF || r >= 0xE0000 && r <= 0xE007F
}

// KindText is the word for what an indicator or an observable is, by its type in
// STIX; "sigma" is a behaviour. A type without a word here is shown unchanged.
func KindText(kind string) i18n.Text {
	switch kind {
	case "ipv4-addr":
		return i18n.T("IPv4 address", "IPv4 アドレス")
	case "ipv6-addr":
		return i18n.T("IPv6 address", "IPv6 アドレス")
	case "domain-name":
		return i18n.T("domain", "ドメイン")
	case "url":
		return i18n.Same("URL")
	case "email-addr":
		return i18n.T("mail address", "メールアドレス")
	case "sigma":
		return i18n.T("behaviour (Sigma rule)", "振る舞い（Sigma ルール）")
	}
	return i18n.Same(kind)
}
