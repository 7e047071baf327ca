package feed

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

var fangs = strings.NewReplacer("[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".",
	"[DOT]", ".", "(DOT)", ".",
	"[:]", ":", "[://]", "://", "[/]", "/", "[@]", "@", "(@)", "@", "[at]", "@", "(at)", "@", "[AT]", "@", "(AT)", "@")

// Refang undoes what keeps a value from being clicked on: hxxp, [.], [at].
func Refang(s string) string {
	s = fangs.Replace(strings.TrimSpace(s))
	for _, p := range [...]string{"hxxp", "hXXp", "HXXP", "hxtp", "htxp"} {
		if rest, ok := strings.CutPrefix(s, p); ok && (strings.HasPrefix(rest, "://") ||
			strings.HasPrefix(rest, "s://") || strings.HasPrefix(rest, "S://")) {
			return "http" + rest
		}
	}
	if rest, ok := strings.CutPrefix(s, "fxp://"); ok {
		return "ftp://" + rest
	}
	return s
}

// meaning is what a type's name in a feed means.
type meaning struct {
	typ   event.ObservableType // "" with address: IPv4 or IPv6, by the value
	match watchlist.Match
	addr  bool
}

// typeNames are the names that feeds give to types, in lower case, without
// space, hyphen and underscore.
var typeNames = map[string]meaning{
	"ip": {addr: true}, "ipaddr": {addr: true}, "ipaddress": {addr: true}, "ipsrc": {addr: true}, "ipdst": {addr: true},
	"address": {addr: true}, "dstip": {addr: true}, "srcip": {addr: true},
	"cidr": {addr: true}, "network": {addr: true}, "netblock": {addr: true}, "subnet": {addr: true},
	"ipv4": {typ: event.IPv4}, "ipv4addr": {typ: event.IPv4}, "ipv6": {typ: event.IPv6}, "ipv6addr": {typ: event.IPv6},
	"domain": {typ: event.Domain}, "domainname": {typ: event.Domain}, "hostname": {typ: event.Domain},
	"host": {typ: event.Domain}, "fqdn": {typ: event.Domain},
	"domainsuffix": {typ: event.Domain, match: watchlist.Tree},
	"domaintree":   {typ: event.Domain, match: watchlist.Tree},
	"url":          {typ: event.URL}, "uri": {typ: event.URL}, "link": {typ: event.URL},
	"urlprefix": {typ: event.URL, match: watchlist.Prefix},
	"email":     {typ: event.Email}, "emailaddr": {typ: event.Email}, "emailaddress": {typ: event.Email},
	"mail": {typ: event.Email}, "emailsrc": {typ: event.Email}, "emaildst": {typ: event.Email},
	"emailreplyto": {typ: event.Email},
	"md5":          {typ: event.MD5}, "md5hash": {typ: event.MD5}, "sha1": {typ: event.SHA1},
	"sha1hash": {typ: event.SHA1},
	"sha256":   {typ: event.SHA256}, "sha256hash": {typ: event.SHA256}, "sha224": {typ: watchlist.SHA224},
	"sha384": {typ: watchlist.SHA384},
	"sha512": {typ: watchlist.SHA512}, "sha512hash": {typ: watchlist.SHA512}, "sha3256": {typ: watchlist.SHA3256},
	"sha3512": {typ: watchlist.SHA3512},
	"imphash": {typ: watchlist.ImpHash}, "ssdeep": {typ: watchlist.SSDeep}, "tlsh": {typ: watchlist.TLSH},
	"ja3": {typ: watchlist.JA3}, "ja3fingerprintmd5": {typ: watchlist.JA3},
	"filename": {typ: watchlist.FileName}, "file": {typ: watchlist.FileName}, "filepath": {typ: watchlist.FilePath},
	"path":   {typ: watchlist.FilePath},
	"regkey": {typ: watchlist.RegistryKey}, "registry": {typ: watchlist.RegistryKey},
	"registrykey": {typ: watchlist.RegistryKey}, "windowsregistrykey": {typ: watchlist.RegistryKey},
	"mutex": {typ: watchlist.Mutex}, "useragent": {typ: watchlist.UserAgent}, "mac": {typ: watchlist.MAC},
	"macaddr": {typ: watchlist.MAC}, "macaddress": {typ: watchlist.MAC},
}

var filler = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "")

// plain is a name as typeNames has it; what is longer than any name is none.
func plain(name string) string {
	if name = strings.TrimSpace(name); len(name) > 64 {
		return ""
	}
	return filler.Replace(strings.ToLower(name))
}

func typeNamed(name string) (meaning, bool) {
	m, ok := typeNames[plain(name)]
	return m, ok
}

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
	if unlisted[top] {
		return true
	}
	_, icann := publicsuffix.PublicSuffix(top)
	return icann
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
	unknownType  = i18n.T("the type {0} is not known here", "型 {0} には対応していません")
	withPort     = i18n.T("{0} is an address with a port, and ports are not watched for",
		"{0} はポート付きのアドレスです。ポートは監視の対象になりません")
)

// entry makes an entry of a value. typ is its type as the feed names it, or "".
// covered is false if the value is right and nothing to watch for. why says what
// is wrong; if it says nothing the entry is good so far.
func (r *reader) entry(typ, value string) (e watchlist.Entry, covered bool, why i18n.Text) {
	v := Refang(value)
	m := meaning{typ: r.o.Type}
	if typ != "" {
		var ok bool
		if m, ok = typeNamed(typ); !ok {
			return e, false, unknownType.With(quote(typ))
		}
	}
	if m.addr || m.typ == "" && typ == "" {
		if t, ok := addressType(v); ok {
			m.typ = t
		} else if _, err := netip.ParseAddrPort(v); err == nil {
			return e, false, withPort.With(quote(v))
		} else if m.addr {
			return e, true, i18n.T("{0} is no address", "{0} はアドレスではありません").With(quote(v))
		}
	}
	e = watchlist.Entry{Type: m.typ, Match: m.match, Value: v}
	if m.typ == "" {
		var ok bool
		if e, ok = recognise(v); !ok {
			return e, true, unknownValue.With(quote(v))
		}
	} else if m.typ == event.Domain || m.typ == event.URL {
		if shaped, ok := wildcard(v); ok && shaped.Type == m.typ {
			e = shaped
		}
	}
	if e.Match == watchlist.Exact {
		switch e.Type {
		case event.Domain:
			e.Match = r.o.Domains
		case event.URL:
			e.Match = r.o.URLs
		}
	}
	return e, true, i18n.Text{}
}

// wildcard reads the ways in which lists write more than one value: .x and ||x^
// for a domain with all below it, *.x for all below it, and a URL that ends in /*.
func wildcard(v string) (watchlist.Entry, bool) {
	if rest, ok := strings.CutPrefix(v, "||"); ok {
		rest, ok = strings.CutSuffix(rest, "^")
		return watchlist.Entry{Type: event.Domain, Match: watchlist.Tree, Value: rest}, ok
	}
	if rest, ok := strings.CutPrefix(v, "*."); ok {
		return watchlist.Entry{Type: event.Domain, Match: watchlist.Below, Value: rest}, true
	}
	if rest, ok := strings.CutPrefix(v, "."); ok {
		return watchlist.Entry{Type: event.Domain, Match: watchlist.Tree, Value: rest}, true
	}
	if strings.Contains(v, "://") && strings.HasSuffix(v, "/*") {
		return watchlist.Entry{Type: event.URL, Match: watchlist.Prefix, Value: strings.TrimSuffix(v, "*")}, true
	}
	return watchlist.Entry{}, false
}

// recognise returns the type of a value that states none. Addresses were tried before.
func recognise(v string) (watchlist.Entry, bool) {
	if e, ok := wildcard(v); ok {
		return e, e.Type == event.URL || hostName(e.Value)
	}
	is := func(t event.ObservableType) (watchlist.Entry, bool) {
		_, ok := watchlist.Canonical(t, v)
		return watchlist.Entry{Type: t, Value: v}, ok
	}
	switch {
	case strings.Contains(v, "://"):
		return is(event.URL)
	case strings.Contains(v, `\`):
		return is(watchlist.RegistryKey)
	case strings.Contains(v, "@"):
		return is(event.Email)
	}
	for n, t := range map[int]event.ObservableType{32: event.MD5, 40: event.SHA1, 56: watchlist.SHA224,
		64: event.SHA256, 96: watchlist.SHA384, 128: watchlist.SHA512} {
		if len(v) == n {
			if e, ok := is(t); ok {
				return e, true
			}
		}
	}
	e, _ := is(event.Domain)
	return e, hostName(v)
}

// Observable reads one value as a person types it, defanged perhaps. typ says
// what it is; "" detects it by the value.
func Observable(value string, typ event.ObservableType) (event.Observable, bool) {
	r := reader{o: Options{Type: typ}}
	e, _, why := r.entry("", value)
	if !why.Zero() || e.Match != watchlist.Exact {
		return event.Observable{}, false
	}
	v, ok := watchlist.Canonical(e.Type, e.Value)
	return event.Observable{Type: e.Type, Value: v}, ok
}
