package event

import (
	"regexp"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxPaste is the greatest number of observables read out of pasted text.
const maxPaste = 10_000

// refang undoes the usual ways to make a value unclickable.
var refangs = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`(?i)\bhxxp(s?)\b`), "http$1"},
	{regexp.MustCompile(`(?i)\bh\*\*p(s?)`), "http$1"},
	{regexp.MustCompile(`(?i)\bfxp\b`), "ftp"},
	{regexp.MustCompile(`(?i)\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?`), "."},
	{regexp.MustCompile(`(?i)\s?[\[({]\s?(?:@|at)\s?[\])}]\s?`), "@"},
	{regexp.MustCompile(`[\[({]:[\])}]`), ":"},
	{regexp.MustCompile(`[\[({]://[\])}]`), "://"},
	{regexp.MustCompile(`:\[//\]|:\[/\]\[/\]`), "://"},
	{regexp.MustCompile(`\\\.`), "."},
}

// token is what may be one value: no spaces, quotes or list marks.
var token = regexp.MustCompile("[^\\s\"'`<>|,;、。，；「」（）]+")

// ParseObservables reads values out of pasted text: lists, tables, reports.
// Values may be defanged: hxxp://, [.], (dot), [at], [:]. Order is that of the
// text; duplicates are left out; at most 10,000 are given. A bare name counts as a
// domain only under a public suffix, so that names of files do not. Networks in
// CIDR notation are read as addresses.
func ParseObservables(s string) []Observable {
	if len(s) > MaxRecord {
		s = s[:MaxRecord]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	for _, r := range refangs {
		s = r.find.ReplaceAllString(s, r.put)
	}
	var out []Observable
	seen := map[Observable]bool{}
	add := func(t ObservableType, v string) {
		o := Observable{t, v}
		if !seen[o] {
			seen[o] = true
			out = append(out, o)
		}
	}
	for _, at := range token.FindAllStringIndex(s, -1) {
		if len(out) >= maxPaste {
			break
		}
		t := strings.TrimLeft(s[at[0]:at[1]], "(*“…")
		if len(t) > maxObservable {
			continue
		}
		if i := strings.Index(t, "://"); i > 0 {
			b := i
			for b > 0 && isAlpha(t[b-1]) {
				b--
			}
			if u, ok := canonicalURL(trimURL(t[b:])); ok && b < i {
				add(URL, u)
			}
			continue
		}
		if v, kind, ok := canonicalAddr(t); ok {
			add(kind, v) // before the colons at its end are taken for the sentence's
			continue
		}
		if t = strings.TrimRight(t, ")*”….:!?"); t != "" {
			parsePlain(t, add)
		}
	}
	return out
}

func parsePlain(t string, add func(ObservableType, string)) {
	// SHA256=…, md5:…, "ip=192.0.2.1"
	if i := strings.IndexAny(t, "=:"); i > 0 && i < len(t)-1 && !isAddrLike(t) {
		if strings.EqualFold(t[:i], "imphash") {
			return
		}
		if _, port := cutPort(t); !port {
			t = t[i+1:]
		}
	}
	if kind := hashType(len(t)); kind != "" {
		if v, ok := canonicalHash(t, len(t)); ok {
			add(kind, v)
			return
		}
	}
	if v, kind, ok := canonicalAddr(t); ok {
		add(kind, v)
		return
	}
	if h, ok := cutPort(t); ok {
		t = h
		if v, kind, ok := canonicalAddr(t); ok {
			add(kind, v)
			return
		}
	}
	if strings.IndexByte(t, '@') > 0 {
		if v, ok := canonicalEmail(strings.TrimPrefix(t, "mailto:")); ok {
			add(Email, v)
		}
		return
	}
	// In example.com/path there is no scheme; only the name is certain.
	name, _, _ := strings.Cut(t, "/")
	if d, ok := canonicalDomain(name); ok && public(d) {
		add(Domain, d)
	}
}

// public reports whether d is under a suffix of the root zone, or is an
// onion name, and is not the suffix itself.
func public(d string) bool {
	suffix, icann := publicsuffix.PublicSuffix(d)
	if suffix == "onion" {
		return true
	}
	return (icann || strings.IndexByte(suffix, '.') >= 0) && d != suffix
}

// isAddrLike reports whether t can only be an IPv6 address or a network.
func isAddrLike(t string) bool {
	_, _, ok := canonicalAddr(t)
	return ok
}

// Defang writes o so that no program makes a link of it, in the form that
// ParseObservables reads back: hxxps://example[.]com/, 192[.]0[.]2[.]1.
func Defang(o Observable) string {
	switch o.Type {
	case URL:
		i := strings.Index(o.Value, "://")
		if i < 0 {
			return o.Value
		}
		scheme, rest := o.Value[:i], o.Value[i+3:]
		tail := ""
		if j := strings.IndexAny(rest, "/?"); j >= 0 {
			rest, tail = rest[:j], rest[j:]
		}
		switch scheme {
		case "http", "https":
			scheme = "hxxp" + scheme[4:]
		case "ftp":
			scheme = "fxp"
		}
		if !strings.Contains(rest, ".") {
			rest = strings.ReplaceAll(rest, "::", "[:]:") // an IPv6 host
		}
		return scheme + "://" + strings.ReplaceAll(rest, ".", "[.]") + tail
	case IPv4, Domain:
		return strings.ReplaceAll(o.Value, ".", "[.]")
	case IPv6:
		return strings.ReplaceAll(o.Value, ":", "[:]")
	case Email:
		return strings.ReplaceAll(strings.Replace(o.Value, "@", "[@]", 1), ".", "[.]")
	}
	return o.Value
}
