package web

import (
	"net/netip"
	"regexp"
	"strings"
)

// Defang writes a value so that nobody opens it by accident and no program
// makes a link of it: hxxp://evil[.]example/x, user[@]evil[.]example,
// 192[.]0[.]2[.]1. Hashes and other values without dots stay as they are.
func Defang(v string) string {
	scheme, rest, isURL := strings.Cut(v, "://")
	tail := ""
	if isURL && len(scheme) <= 10 {
		switch strings.ToLower(scheme) {
		case "http", "https":
			scheme = "hxxp" + scheme[4:]
		case "ftp", "ftps", "sftp":
			scheme = strings.Replace(strings.ToLower(scheme), "ftp", "fxp", 1)
		}
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			rest, tail = rest[:i], rest[i:]
		}
		scheme += "://"
	} else {
		scheme, rest = "", v
		if strings.ContainsAny(v, " /\\") {
			return v // a path, a sentence, a rule
		}
	}
	rest = strings.ReplaceAll(rest, ".", "[.]")
	rest = strings.ReplaceAll(rest, "@", "[@]")
	if strings.Count(rest, ":") > 1 && scheme == "" {
		rest = strings.ReplaceAll(rest, ":", "[:]") // IPv6
	}
	return scheme + rest + tail
}

// Clip is Defang for a line that must not be long: of a long value the beginning and
// the end stay, because paths and hashes differ by both.
func Clip(v string) string {
	const head, tail = 34, 14
	r := []rune(Defang(v))
	if len(r) <= head+tail+2 {
		return string(r)
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}

// inText finds in a text what a program could make a link of: a URL up to its
// path, a mail address, an IPv4 address.
var inText = regexp.MustCompile(`(?i)\b(?:https?|s?ftps?)://[^\s/?#"'` + "`" +
	`<>()\[\]{}|,;\\]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\d.]+`)

// DefangText defangs the values in a text, such as a command line: URLs, mail
// addresses, IPv4 addresses, a text that is an address as a whole, and hosts,
// which are names that are known to be some. Other words with dots, such as
// a.exe or System.Net, stay as they are.
func DefangText(s string, hosts ...string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return Defang(s)
	}
	s = inText.ReplaceAllStringFunc(s, func(m string) string {
		if strings.ContainsAny(m, "@:") {
			return Defang(m)
		}
		core := strings.TrimRight(m, ".")
		if _, err := netip.ParseAddr(core); err != nil {
			return m // a version, a number
		}
		return Defang(core) + m[len(core):]
	})
	for _, h := range hosts {
		if safe := Defang(h); safe != h && !strings.ContainsAny(h, "/:@") {
			s = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(h)).ReplaceAllStringFunc(s, Defang)
		}
	}
	return s
}
