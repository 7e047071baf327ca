package extract

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"github.com/meneki/meneki/internal/event"
)

var (
	markdownLink = regexp.MustCompile(`(!?)\[[^\]\n]{0,300}\]\(([^()\s]{1,1000})\)`)
	urlStart     = regexp.MustCompile(`(?i)(?:https?|ftps?|ldaps?|wss?|tftp|sftp|smb|rmi)://`)
)

// marked looks at links of Markdown: one with words is there to read on, a picture and an
// address are not.
func (x *extractor) marked() {
	for _, loc := range markdownLink.FindAllStringSubmatchIndex(x.m.text, -1) {
		link := x.m.text[loc[4]:loc[5]]
		if loc[3] > loc[2] || !urlStart.MatchString(link) {
			continue // a picture, a mail address
		}
		if v, ok := event.Canonical(event.URL, link); ok {
			x.found(string(event.URL), v, loc[4], loc[5], 0, Reference)
		}
		x.take(loc[0], loc[1])
	}
}

// urls finds URLs. Their hosts are not found again.
func (x *extractor) urls() {
	s := x.m.text
	for pos := 0; pos < len(s); {
		loc := urlStart.FindStringIndex(s[pos:])
		if loc == nil {
			return
		}
		from, body := pos+loc[0], pos+loc[1]
		to := body + urlLength(s[body:])
		pos = max(to, body)
		if !x.free(from, to) {
			continue
		}
		v, ok := event.Canonical(event.URL, s[from:to])
		if !ok {
			continue
		}
		x.found(string(event.URL), v, from, to, 0, x.reference(from, to))
		if from > 0 && s[from-1] == '<' && to < len(s) && s[to] == '|' { // <link|what it is called>
			if end := strings.IndexByte(s[to:min(len(s), to+300)], '>'); end > 0 {
				x.take(to, to+end)
			}
		}
	}
}

// reference reports whether the words beside a link say that it is there to read on.
func (x *extractor) reference(from, to int) Why {
	before := strings.ToLower(strings.TrimRight(x.sentenceBefore(from), " :(<「（"))
	after := strings.TrimLeft(x.sentenceAfter(to), " )>」）")
	for _, w := range []string{"を参照", "参照", "をご覧", "をご確認", "を確認ください", "に掲載"} {
		if strings.HasPrefix(after, w) {
			return Reference
		}
	}
	for _, w := range []string{"see", "see also", "reference", "references", "source", "read more at", "details", "参考",
		"出典", "参考情報", "関連情報", "詳細は"} {
		if rest, ok := strings.CutSuffix(before, w); ok {
			if last, _ := utf8.DecodeLastRuneInString(rest); rest == "" || !unicode.IsLetter(last) || last >= 0x80 {
				return Reference
			}
		}
	}
	return ""
}

// urlLength is how long the rest of a URL is. It ends at what separates words, and where a
// sentence in Japanese goes on: a part of the path that began in ASCII ends where that ends.
func urlLength(s string) int {
	ascii, last := true, rune('/')
	end := len(s)
loop:
	for i, r := range s {
		switch {
		case r <= ' ' || strings.ContainsRune("\"'<>`|{}^\\、。,「」『』（）【】", r) && r != ',' || r == 0x7f ||
			r == utf8.RuneError:
			end = i
			break loop
		case r >= 0x80 && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r):
			end = i
			break loop
		case r >= 0x80 && last < 0x80 && (unicode.Is(unicode.Hiragana, r) ||
			ascii && last != '/' && last != '=' && last != '.' && last != '-' && last != '_'):
			end = i
			break loop
		case r >= 0x80:
			ascii = false
		case r == '/' || r == '?' || r == '&':
			ascii = true
		}
		last = r
	}
	s = s[:end]
	for {
		t := strings.TrimRight(s, ".,;:!?*~]")
		if strings.HasSuffix(t, ")") && strings.Count(t, ")") > strings.Count(t, "(") {
			t = t[:len(t)-1]
		}
		if t == s {
			return len(s)
		}
		s = t
	}
}

var email = regexp.MustCompile(`[A-Za-z0-9.!#$%&*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}`)

// emails finds mail addresses.
func (x *extractor) emails() {
	for _, loc := range email.FindAllStringIndex(x.m.text, -1) {
		text := strings.TrimRight(x.m.text[loc[0]:loc[1]], ".-")
		from := loc[0]
		if rest := strings.TrimLeft(text, "*~_.!/=|{}"); len(rest) < len(text) {
			from, text = from+len(text)-len(rest), rest
		}
		if v, ok := event.Canonical(event.Email, text); ok && x.free(from, from+len(text)) &&
			domainLike(v[strings.IndexByte(v, '@')+1:]) {
			x.found(string(event.Email), v, from, from+len(text), 0, "")
		}
	}
}

var (
	hexRun  = regexp.MustCompile(`[0-9A-Fa-f]{32,128}`)
	ssdeep  = regexp.MustCompile(`\b(\d{1,8}:[A-Za-z0-9+/]{3,80}:[A-Za-z0-9+/]{3,80})(?:\b|$)`)
	guid    = regexp.MustCompile(`\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b`)
	octets  = regexp.MustCompile(`\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,31}\b`)
	decimal = regexp.MustCompile(`^[0-9]+$`)
)

// hashes finds hashes, by what is written before them or by their length.
func (x *extractor) hashes() {
	s := x.m.text
	for _, r := range []*regexp.Regexp{guid, octets} { // what has as many digits and is none
		for _, loc := range r.FindAllStringIndex(s, -1) {
			x.take(loc[0], loc[1])
		}
	}
	for _, loc := range hexRun.FindAllStringIndex(s, -1) {
		from, to := loc[0], loc[1]
		if from > 0 && wordByte(s[from-1]) || to < len(s) && wordByte(s[to]) || !x.free(from, to) {
			continue
		}
		typ, value := hashOf(to-from), strings.ToLower(s[from:to])
		label := strings.ToLower(strings.TrimRight(s[max(0, from-24):from], " :=：\t|`'\"("))
		switch {
		case strings.HasSuffix(label, "ja3") || strings.HasSuffix(label, "ja3s"):
			x.found(JA3, value, from, to, 0, "")
			continue
		case strings.HasSuffix(label, "imphash") || strings.HasSuffix(label, "authentihash") ||
			strings.HasSuffix(label, "serial"):
			x.take(from, to)
			continue
		case typ == "" || strings.Trim(value, "0") == "":
			continue
		case decimal.MatchString(value) && !labelled(s[:from], typ):
			continue // a number
		}
		x.found(typ, value, from, to, 0, "")
	}
	for _, loc := range ssdeep.FindAllStringSubmatchIndex(s, -1) {
		label := strings.ToLower(strings.TrimRight(s[max(0, loc[0]-12):loc[0]], " :="))
		if strings.HasSuffix(label, "ssdeep") && x.free(loc[2], loc[3]) {
			x.found(SSDEEP, s[loc[2]:loc[3]], loc[2], loc[3], 0, "")
		}
	}
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

var (
	four  = regexp.MustCompile(`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`)
	six   = regexp.MustCompile(`[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*`)
	bits  = regexp.MustCompile(`^/\d{1,3}`)
	until = regexp.MustCompile(`^\s?[-–—~〜から]{1,6}\s?(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})`)
	port  = regexp.MustCompile(`^(?::|\s?\(|\s?port\s|\s?ポート\s?)(\d{1,5})(?:/(?:tcp|udp))?`)
	asn   = regexp.MustCompile(`\bASN?\s?(\d{1,10})\b`)
)

// addresses finds addresses, networks and ranges, and numbers of autonomous systems.
func (x *extractor) addresses() {
	s := x.m.text
	for pos := 0; ; {
		loc := four.FindStringIndex(s[pos:])
		if loc == nil {
			break
		}
		from, to := pos+loc[0], pos+loc[1]
		pos = to
		if !x.free(from, to) ||
			from > 0 && (wordByte(s[from-1]) || s[from-1] == '.' ||
				s[from-1] == '-' && from > 1 && wordByte(s[from-2])) ||
			to < len(s) && (wordByte(s[to]) || s[to] == '.' && to+1 < len(s) && wordByte(s[to+1])) ||
			x.versionAt(from, to) {
			continue
		}
		a, err := netip.ParseAddr(s[from:to])
		if err != nil {
			continue
		}
		pos = x.address(a, from, to)
	}
	for _, loc := range six.FindAllStringIndex(s, -1) {
		from, to := loc[0], loc[1]
		if from > 0 && wordByte(s[from-1]) || to < len(s) && wordByte(s[to]) || !x.free(from, to) {
			continue
		}
		text := strings.TrimRight(s[from:to], ".")
		if strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "::") {
			text = text[:len(text)-1]
		}
		if a, err := netip.ParseAddr(text); err == nil && a.Is6() && strings.Count(text, ":") >= 2 && len(text) > 3 {
			x.address(a, from, from+len(text))
		}
	}
	for _, loc := range asn.FindAllStringSubmatchIndex(s, -1) {
		if x.free(loc[0], loc[1]) {
			x.found(AS, "AS"+s[loc[2]:loc[3]], loc[0], loc[1], 0, "")
		}
	}
}

// address takes an address with what follows it: a prefix, the end of a range, a port.
func (x *extractor) address(a netip.Addr, from, to int) (end int) {
	s := x.m.text
	typ := event.IPv4
	if a.Is6() && !a.Is4In6() {
		typ = event.IPv6
	}
	if m := bits.FindString(s[to:]); m != "" {
		if p, err := netip.ParsePrefix(a.String() + m); err == nil && !(to+len(m) < len(s) && wordByte(s[to+len(m)])) {
			why := Why("")
			if p.Masked() != p {
				why = HostBits
			}
			if v, ok := event.Canonical(typ, p.String()); ok {
				x.found(string(typ), v, from, to+len(m), 0, why)
			}
			return to + len(m)
		}
	}
	if m := until.FindStringSubmatchIndex(s[to:]); m != nil && a.Is4() {
		if b, err := netip.ParseAddr(s[to+m[2] : to+m[3]]); err == nil && a.Less(b) {
			for _, p := range between(a, b) {
				v, _ := event.Canonical(typ, p.String())
				x.found(string(typ), v, from, to+m[1], 0, "")
			}
			return to + m[1]
		}
	}
	n := 0
	if m := port.FindStringSubmatch(s[to:]); m != nil {
		if n, _ = strconv.Atoi(m[1]); n > 65535 || strings.HasPrefix(strings.TrimSpace(m[0]), "(") &&
			!strings.Contains(m[0], "/") {
			n = 0
		}
	}
	if v, ok := event.Canonical(typ, a.String()); ok {
		x.found(string(typ), v, from, to, n, "")
	}
	return to
}

// maxPrefixes bounds the networks that a range is made of.
const maxPrefixes = 32

// between are the networks that a range is made of; none if they are too many.
func between(a, b netip.Addr) (list []netip.Prefix) {
	for a.IsValid() && a.Compare(b) <= 0 {
		n := 32
		for n > 0 {
			p := netip.PrefixFrom(a, n-1)
			if p.Masked().Addr() != a || lastOf(p).Compare(b) > 0 {
				break
			}
			n--
		}
		if list = append(list, netip.PrefixFrom(a, n)); len(list) > maxPrefixes {
			return nil
		}
		a = lastOf(list[len(list)-1]).Next()
	}
	return list
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// versionAt reports whether four numbers with dots are the number of something: a version,
// a figure, a document.
func (x *extractor) versionAt(from, to int) bool {
	before, after := strings.ToLower(x.m.text[max(0, from-24):from]), x.m.text[to:]
	if strings.HasSuffix(before, "/") { // Chrome/120.0.0.0
		name := strings.TrimSuffix(before, "/")
		if name != "" && wordByte(name[len(name)-1]) {
			return true
		}
	}
	before = strings.TrimRight(before, " .")
	for _, w := range []string{"図", "表", "第", "ver", "version", "v", "バージョン", "版", "release", "build", "firmware",
		"rev", "section", "figure", "table"} {
		if rest, ok := strings.CutSuffix(before, w); ok {
			if last, _ := utf8.DecodeLastRuneInString(rest); w[0] >= 0x80 || rest == "" || !unicode.IsLetter(last) ||
				last >= 0x80 {
				return true
			}
		}
	}
	for _, w := range []string{"号", "章", "節", "項", "条"} {
		if strings.HasPrefix(after, w) {
			return true
		}
	}
	return false
}

// name is what may be a domain: labels of letters, digits and hyphens, in any script.
var name = regexp.MustCompile(`(?:\*\.)?[\p{L}\p{N}_](?:[\p{L}\p{N}_-]{0,62})(?:\.[\p{L}\p{N}_-]{1,63})+`)

// extensions are endings of names of files that are top-level domains too.
var extensions = map[string]bool{"zip": true, "mov": true, "sh": true, "py": true, "rs": true, "pl": true, "md": true,
	"ps": true, "so": true, "app": true, "com": false, "ai": true, "java": true, "bat": true, "cab": true, "doc": true,
	"xyz": false, "ms": true, "pub": true, "cc": true, "cs": true, "js": true, "ts": true, "vb": true,
	"mp": true, "tf": true,
	"sc": true, "la": true, "ml": true, "mm": true, "st": true, "do": true, "kt": true, "pm": true, "scr": true,
	"win": true}

// names finds domains.
func (x *extractor) names() {
	s := x.m.text
	for _, loc := range name.FindAllStringIndex(s, -1) {
		x.name(asciiPart(s, loc[0], loc[1]))
	}
}

// asciiPart leaves out words in Japanese beside a name in ASCII, which no space parts.
func asciiPart(s string, from, to int) (int, int) {
	text := s[from:to]
	first, rest, _ := strings.Cut(text, ".")
	if i := strings.LastIndexFunc(first, func(r rune) bool { return r >= 0x80 }); i >= 0 &&
		strings.IndexFunc(rest, isASCII) >= 0 {
		_, n := utf8.DecodeRuneInString(first[i:])
		if i+n < len(first) {
			from += i + n
		}
	}
	last := strings.LastIndexByte(s[from:to], '.') + from + 1
	for i, r := range s[last:to] {
		if r >= 0x80 && i > 0 {
			return from, last + i
		}
	}
	return from, to
}

func isASCII(r rune) bool { return r < 0x80 }

func (x *extractor) name(from, to int) {
	s := x.m.text
	text := strings.TrimRight(s[from:to], "-_.")
	to = from + len(text)
	wild := strings.HasPrefix(text, "*.")
	v, ok := event.Canonical(event.Domain, strings.TrimPrefix(text, "*."))
	if !ok || !x.free(from, to) || !domainLike(v) {
		return
	}
	if from > 0 && (s[from-1] == '@' || s[from-1] == '\\' || s[from-1] == '/' && from > 1 && wordByte(s[from-2])) ||
		to < len(s) && (s[to] == '(' || s[to] == '@') && !wild {
		return // a part of something else, a call
	}
	why := Why("")
	labels := strings.Split(v, ".")
	written := x.m.at[to] - x.m.at[from]
	last := text[strings.LastIndexByte(text, '.')+1:]
	camel := last[0] >= 'A' && last[0] <= 'Z' && strings.ToUpper(last) != last // System.Net
	if (extensions[labels[len(labels)-1]] && len(labels) == 2 || camel) && written == to-from {
		why = Filename
	}
	if wild {
		v = "*." + v
	}
	n := 0
	if m := port.FindStringSubmatch(s[to:]); m != nil && strings.HasPrefix(m[0], ":") {
		n, _ = strconv.Atoi(m[1])
	}
	x.found(string(event.Domain), v, from, to, n, why)
}

// reservedNames are top-level domains for examples and tests, which reports use too.
var reservedNames = map[string]bool{"example": true, "test": true, "onion": true}

// domainLike reports whether a name is under a public suffix, so that names of files and
// of programs' parts are not domains.
func domainLike(d string) bool {
	suffix, icann := publicsuffix.PublicSuffix(d)
	if d == suffix {
		return false
	}
	return reservedNames[suffix] || icann || strings.IndexByte(suffix, '.') >= 0
}
