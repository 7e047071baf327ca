package feed

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// unlisted are top labels in use that no registry of the public suffix list has.
var unlisted = map[string]bool{"onion": true, "i2p": true, "bit": true, "example": true, "test": true, "invalid": true,
	"local": true, "lan": true, "internal": true, "corp": true, "home": true}

// hostName reports whether s is a domain whose top label there is: else it is
// more likely the name of a file.
func hostName(s string) bool {
	d, ok := event.Canonical(event.Domain, s)
	if !ok {
		return false
	}
	top := d[strings.LastIndexByte(d, '.')+1:]
	if unlisted[top] || strings.HasPrefix(top, "xn--") {
		return true
	}
	_, icann := publicsuffix.PublicSuffix(top)
	return icann
}

// fileEndings are top labels that are at least as often the ending of a file's name.
var fileEndings = map[string]bool{"zip": true, "mov": true, "sh": true, "py": true, "rs": true, "pl": true, "md": true,
	"ps": true, "so": true, "pub": true, "cab": true, "app": true}

// programs are first labels that make NAME.com more likely a program of old.
var programs = map[string]bool{"setup": true, "install": true, "update": true, "command": true, "readme": true}

// fileOrName reports whether nothing tells a domain from the name of a file.
func fileOrName(s string) bool {
	first, top, ok := strings.Cut(strings.ToLower(strings.TrimSuffix(s, ".")), ".")
	return ok && (fileEndings[top] || top == "com" && programs[first])
}

// addressType returns the type of an address or a network.
func addressType(s string) (event.ObservableType, bool) {
	for _, t := range []event.ObservableType{event.IPv4, event.IPv6} {
		if _, ok := event.Canonical(t, s); ok {
			return t, true
		}
	}
	return "", false
}

var (
	unknownValue = i18n.T("it cannot be told what {0} is: state its type", "{0} が何であるかを判別できません。型を指定してください")
	maybeFile    = i18n.T("{0} can be a domain or the name of a file: state its type",
		"{0} はドメインともファイル名とも読めます。型を指定してください")
	unknownType = i18n.T("the type {0} is not known here", "型 {0} には対応していません")
	wider       = i18n.T("{0} has a port, and it is matched on every port", "{0} はポート付きですが、どのポートでも一致します")
	noAddress   = i18n.T("{0} is no address", "{0} はアドレスではありません")
	hostBits    = i18n.T("{0} is no network: behind its prefix there are bits. Write {1}, or the address alone",
		"{0} はネットワークではありません。ホスト部が 0 ではありません。{1} とするか、アドレスだけを書いてください")
	zoned = i18n.T("the zone of {0} means nothing on another machine", "{0} のゾーンは他の機器では意味を持ちません")
)

// entry makes an item of a value. typ is its type as the feed names it, or "".
// covered is false if the value is right and nothing to watch for. why says what
// is wrong; if it says nothing the item is good so far.
func (r *reader) entry(typ, value string) (it Item, covered bool, why i18n.Text) {
	it = Item{Text: value}
	v := Refang(value)
	m := meaning{typ: r.o.Type}
	if typ != "" {
		var ok bool
		if m, ok = r.typeOf(typ); !ok {
			if strings.HasPrefix(plain(typ), "intel::") {
				return it, true, unknownType.With(quote(typ))
			}
			// A type of the feed's own, such as "C2 server", says what for and not what.
			if it, _, why = r.entry("", value); why.Zero() {
				it.Labels = append(it.Labels, event.Clip(typ, 100))
				return it, true, i18n.Text{}
			}
			return it, false, unknownType.With(quote(typ))
		}
	}
	switch m.typ {
	case watchlist.FileName, watchlist.FilePath, watchlist.RegistryKey, watchlist.Mutex, watchlist.UserAgent:
		v = strings.TrimSpace(value) // names keep their letters: full-width ones are others here
	}
	if strings.Contains(v, "%") && (m.addr || typ == "") && strings.Count(v, ":") > 1 {
		if a, err := netip.ParseAddr(v); err == nil && a.Zone() != "" {
			return it, true, zoned.With(quote(v))
		}
	}
	if m.hash {
		t, ok := hashTypes[len(v)]
		if !ok {
			return it, true, i18n.T("{0} is no hash", "{0} はハッシュ値ではありません").With(quote(v))
		}
		m.typ = t
	}
	if m.addr || m.typ == "" && typ == "" {
		if list, ok := addresses(v); ok {
			it.Entries = list
			return it, true, i18n.Text{}
		}
		if host, port, ok := withPort(v); ok {
			if t, ok := addressType(host); ok {
				it.Entries, it.Port = []watchlist.Entry{{Type: t, Value: host}}, port
				return it, true, i18n.Text{}
			}
		}
		if m.addr {
			return it, true, noAddress.With(quote(v))
		}
	}
	if m.typ == "" || m.typ == event.Domain {
		if host, port, ok := withPort(v); ok && hostName(host) {
			it.Port, v = port, host
		}
	}
	switch {
	case m.typ == "":
		it.Entries, why = r.recognise(v)
	case m.typ == event.URL && !strings.Contains(v, "://") && !strings.HasSuffix(v, "/*"):
		if it.Entries = schemeless(v); it.Entries == nil {
			it.Entries = []watchlist.Entry{{Type: m.typ, Value: v}}
		}
	default:
		it.Entries = []watchlist.Entry{{Type: m.typ, Match: m.match, Value: v}}
		if m.typ == event.Domain || m.typ == event.URL {
			if shaped, ok := wildcard(v); ok && shaped.Type == m.typ {
				it.Entries[0] = shaped
			} else if m.typ == event.URL {
				it.Entries[0].Value = unwrap(v)
			}
		}
	}
	for i, e := range it.Entries {
		if e.Match == watchlist.Exact {
			switch e.Type {
			case event.Domain:
				it.Entries[i].Match = r.o.Domains
			case event.URL:
				it.Entries[i].Match = r.o.URLs
			}
		}
	}
	return it, true, why
}

// maxTypes bounds the names of types that are remembered.
const maxTypes = 1000

// typeOf is typeNamed, which remembers what the rows of a table say again and again.
func (r *reader) typeOf(name string) (meaning, bool) {
	if m, ok := r.types[name]; ok {
		return m, true
	}
	m, ok := typeNamed(name)
	if ok && len(r.types) < maxTypes {
		if r.types == nil {
			r.types = map[string]meaning{}
		}
		r.types[name] = m
	}
	return m, ok
}

// spanned is a range of addresses.
var spanned = regexp.MustCompile(`^([0-9.]{7,15})\s?[-–~〜]\s?([0-9.]{7,15})$`)

// maxSpan bounds the networks that a range is made of.
const maxSpan = 64

// addresses reads an address, a network, a range, or the beginning of addresses (203.0.113.).
func addresses(v string) ([]watchlist.Entry, bool) {
	if t, ok := addressType(v); ok {
		return []watchlist.Entry{{Type: t, Value: v}}, true
	}
	if v == "" || v[0] < '0' || v[0] > '9' {
		return nil, false
	}
	if m := spanned.FindStringSubmatch(v); m != nil {
		a, err1 := netip.ParseAddr(m[1])
		b, err2 := netip.ParseAddr(m[2])
		if err1 != nil || err2 != nil || b.Less(a) {
			return nil, false
		}
		list, ok := between(a, b)
		return list, ok
	}
	if rest, ok := strings.CutSuffix(v, "."); ok && strings.Trim(rest, "0123456789.") == "" {
		n := strings.Count(rest, ".") + 1
		if n < 1 || n > 3 {
			return nil, false
		}
		p, err := netip.ParsePrefix(rest + strings.Repeat(".0", 4-n) + "/" + strconv.Itoa(8*n))
		if err != nil {
			return nil, false
		}
		return []watchlist.Entry{{Type: event.IPv4, Value: p.String()}}, true
	}
	return nil, false
}

// between are the networks that a range of addresses is made of.
func between(a, b netip.Addr) (list []watchlist.Entry, ok bool) {
	for a.IsValid() && a.Compare(b) <= 0 {
		n := a.BitLen()
		for n > 0 {
			p := netip.PrefixFrom(a, n-1)
			if p.Masked().Addr() != a || last(p).Compare(b) > 0 {
				break
			}
			n--
		}
		p := netip.PrefixFrom(a, n)
		t := event.IPv6
		if a.Is4() {
			t = event.IPv4
		}
		if list = append(list, watchlist.Entry{Type: t, Value: p.String()}); len(list) > maxSpan {
			return nil, false
		}
		a = last(p).Next()
	}
	return list, len(list) > 0
}

// last is the last address of a network.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// withPort reads HOST:PORT, [HOST]:PORT and HOST|PORT.
func withPort(v string) (host string, port int, ok bool) {
	if i := strings.LastIndexByte(v, '|'); i > 0 && strings.Count(v, "|") == 1 {
		host = strings.TrimSuffix(strings.TrimPrefix(v[:i], "["), "]")
		port, ok = portOf(v[i+1:])
		return host, port, ok
	}
	if strings.Contains(v, "/") {
		return "", 0, false
	}
	host, text, err := net.SplitHostPort(v)
	if err != nil || host == "" {
		return "", 0, false
	}
	port, ok = portOf(text)
	return host, port, ok
}

func portOf(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && n < 1<<16 && s[0] != '0' && s[0] != '+'
}

// schemeless reads a URL without its scheme: it is asked for by http and by https.
func schemeless(v string) []watchlist.Entry {
	rest := strings.TrimPrefix(v, "//")
	host, path, ok := strings.Cut(rest, "/")
	if !ok || strings.ContainsAny(host, "@ \\") {
		return nil
	}
	name, _, hasPort := withPort(host)
	if !hasPort {
		name = host
	}
	if _, ok := addressType(name); !ok && !hostName(name) || path != "" && strings.Trim(path, "0123456789") == "" {
		return nil
	}
	var list []watchlist.Entry
	for _, scheme := range []string{"http", "https"} {
		list = append(list, watchlist.Entry{Type: event.URL, Value: scheme + "://" + rest})
	}
	return list
}

// wrappers are services that stand in front of the links in mails, and the parameter with the link.
var wrappers = []struct{ host, parameter string }{{"safelinks.", "url"}, {"urldefense.", "u"}}

// unwrap returns the link that a mail filter has put its own in front of.
func unwrap(v string) string {
	u, err := url.Parse(v)
	if err != nil {
		return v
	}
	host := u.Hostname()
	for _, w := range wrappers {
		if !strings.HasPrefix(host, w.host) && !strings.Contains(host, "."+w.host) {
			continue
		}
		inner := u.Query().Get(w.parameter)
		if w.host == "urldefense." && inner != "" && !strings.Contains(inner, "://") {
			inner = strings.NewReplacer("_", "/", "-3A", ":", "-3F", "?", "-3D", "=", "-26", "&", "-2D",
				"-").Replace(inner)
		}
		if _, ok := event.Canonical(event.URL, inner); ok {
			return inner
		}
	}
	return v
}

var unboundZone = regexp.MustCompile(`^local-zone:\s*"([^"]+)"\s+(?:always_)?(?:nxdomain|refuse|deny|null|redirect|static)`)

// wildcard reads the ways in which lists write more than one value: .x and ||x^
// for a domain with all below it (as dnsmasq and unbound have them too), *.x for
// all below it, and a URL that ends in /*.
func wildcard(v string) (watchlist.Entry, bool) {
	tree := func(s string) (watchlist.Entry, bool) {
		return watchlist.Entry{Type: event.Domain, Match: watchlist.Tree, Value: s}, true
	}
	if rest, ok := strings.CutPrefix(v, "||"); ok {
		if rest, ok = strings.CutSuffix(rest, "^"); ok {
			return tree(rest)
		}
		return watchlist.Entry{}, false
	}
	if rest, ok := strings.CutPrefix(v, "*."); ok {
		return watchlist.Entry{Type: event.Domain, Match: watchlist.Below, Value: rest}, true
	}
	if rest, ok := strings.CutPrefix(v, "."); ok {
		return tree(rest)
	}
	for _, p := range []string{"address=/", "server=/", "local=/"} {
		if rest, ok := strings.CutPrefix(v, p); ok {
			name, _, ok := strings.Cut(rest, "/")
			if !ok {
				return watchlist.Entry{}, false
			}
			return tree(name)
		}
	}
	if !strings.HasPrefix(v, "local-zone") {
		if strings.HasSuffix(v, "/*") && strings.Contains(v, "://") {
			return watchlist.Entry{Type: event.URL, Match: watchlist.Prefix, Value: strings.TrimSuffix(v, "*")}, true
		}
		return watchlist.Entry{}, false
	}
	if m := unboundZone.FindStringSubmatch(v); m != nil {
		return tree(strings.TrimSuffix(m[1], "."))
	}
	return watchlist.Entry{}, false
}

// recognise returns what a value is that states no type. Addresses were tried before.
func (r *reader) recognise(v string) (list []watchlist.Entry, why i18n.Text) {
	unknown := func() i18n.Text { return unknownValue.With(quote(v)) } // most values are known
	if e, ok := wildcard(v); ok {
		if e.Type != event.URL && !hostName(e.Value) {
			return nil, unknown()
		}
		return []watchlist.Entry{e}, i18n.Text{}
	}
	is := func(t event.ObservableType, v string) ([]watchlist.Entry, i18n.Text) {
		if _, ok := watchlist.Canonical(t, v); !ok {
			return nil, unknown()
		}
		return []watchlist.Entry{{Type: t, Value: v}}, i18n.Text{}
	}
	switch {
	case strings.Contains(v, "://") && !strings.ContainsAny(v[:strings.Index(v, "://")], "/?. "):
		return is(event.URL, unwrap(v))
	case strings.Contains(v, `\`):
		if len(v) > 2 && v[1] == ':' || strings.HasPrefix(v, `\\`) {
			return is(watchlist.FilePath, v)
		}
		return is(watchlist.RegistryKey, v)
	case strings.Contains(v, "@") && !strings.Contains(v, "/"):
		return is(event.Email, v)
	}
	if t, ok := hashTypes[len(v)]; ok {
		if list, why := is(t, v); why.Zero() {
			return list, why
		}
	}
	if name, ok := strings.CutSuffix(v, "/"); ok && hostName(name) {
		v = name
	}
	if list := schemeless(v); list != nil {
		return list, i18n.Text{}
	}
	switch {
	case !hostName(v):
		return nil, unknown()
	case fileOrName(v) && !r.domains:
		return nil, maybeFile.With(quote(v))
	}
	return []watchlist.Entry{{Type: event.Domain, Value: v}}, i18n.Text{}
}

// Observable reads one value as a person types it, defanged perhaps. typ says
// what it is; "" detects it by the value.
func Observable(value string, typ event.ObservableType) (event.Observable, bool) {
	r := reader{o: Options{Type: typ}, domains: true}
	it, _, why := r.entry("", value)
	if !why.Zero() || len(it.Entries) != 1 || it.Entries[0].Match != watchlist.Exact {
		return event.Observable{}, false
	}
	e := it.Entries[0]
	v, ok := watchlist.Canonical(e.Type, e.Value)
	return event.Observable{Type: e.Type, Value: v}, ok
}
