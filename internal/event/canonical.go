package event

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// maxObservable is the greatest length of an observable's value in bytes.
const maxObservable = 4096

// hostNames reads names as DNS holds them: underscores are allowed, and names
// are mapped to lower-case A-labels without transitional processing (UTS 46).
var hostNames = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
	idna.ValidateLabels(true),
	idna.BidiRule(),
)

// Canonical returns s in the one form that values of type t are compared in, and
// whether s is such a value at all:
//
//   - addresses as netip writes them, IPv4-mapped IPv6 as IPv4, without a zone.
//     A network in CIDR notation is an address value too, cut to its mask; a
//     network of one address is that address;
//   - domains as lower-case A-labels without the final dot, two labels at least;
//   - URLs with scheme and host in lower case, without default port, user
//     information and fragment;
//   - mail addresses in lower case, their domain as above;
//   - hashes as lower-case hexadecimal of the right length; a hash of nothing
//     but zeros is none.
func Canonical(t ObservableType, s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > maxObservable {
		return "", false
	}
	switch t {
	case IPv4, IPv6:
		if v, is, ok := canonicalAddr(s); ok && is == t {
			return v, true
		}
	case Domain:
		return canonicalDomain(s)
	case URL:
		return canonicalURL(s)
	case Email:
		return canonicalEmail(s)
	case MD5:
		return canonicalHash(s, 32)
	case SHA1:
		return canonicalHash(s, 40)
	case SHA256:
		return canonicalHash(s, 64)
	}
	return "", false
}

func canonicalAddr(s string) (string, ObservableType, bool) {
	if strings.IndexByte(s, '/') >= 0 {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return "", "", false
		}
		if p.Addr().Is4In6() {
			if p.Bits() < 96 {
				return "", "", false
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsSingleIP() {
			return p.Addr().String(), addrType(p.Addr()), true
		}
		return p.Masked().String(), addrType(p.Addr()), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return "", "", false
	}
	a = a.Unmap().WithZone("")
	return a.String(), addrType(a), true
}

func addrType(a netip.Addr) ObservableType {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

func canonicalDomain(s string) (string, bool) {
	s = strings.TrimSuffix(s, ".")
	if len(s) == 0 || len(s) > 1000 {
		return "", false
	}
	name := s
	if !plainName(s) {
		var err error
		if name, err = hostNames.ToASCII(s); err != nil {
			return "", false
		}
		// What does not come back as itself would never match.
		if again, err := hostNames.ToASCII(name); err != nil || again != name {
			return "", false
		}
	}
	if len(name) > 253 {
		return "", false
	}
	labels := strings.Split(name, ".")
	if len(labels) < 2 {
		return "", false
	}
	for _, l := range labels {
		if len(l) == 0 || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return "", false
		}
		for i := 0; i < len(l); i++ {
			c := l[i]
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return "", false
			}
		}
	}
	// A name whose last label is a number is an address, or nothing (WHATWG URL).
	if last := labels[len(labels)-1]; digits(last) || last[0] == '_' {
		return "", false
	}
	return name, true
}

// plainName reports whether s is already lower-case ASCII without A-labels, so
// that UTS 46 has nothing to do.
func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x80 || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return !strings.Contains(s, "xn--")
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func canonicalURL(s string) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] <= 0x20 || s[i] == 0x7f {
			return "", false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "" {
		return "", false
	}
	u.Scheme = strings.ToLower(u.Scheme)
	host, _, ok := canonicalHost(u.Hostname())
	if !ok {
		return "", false
	}
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" && p != defaultPorts[u.Scheme] {
		host += ":" + p
	}
	u.Host = host
	u.User = nil
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	v := u.String()
	if len(v) > maxObservable {
		return "", false
	}
	return v, true
}

var defaultPorts = map[string]string{
	"http":  "80",
	"https": "443",
	"ftp":   "21",
	"ws":    "80",
	"wss":   "443",
	"ldap":  "389",
	"ldaps": "636",
}

// canonicalHost reads a host as a URL has it: an address or a domain.
func canonicalHost(s string) (string, ObservableType, bool) {
	if strings.IndexByte(s, '/') < 0 {
		if v, t, ok := canonicalAddr(s); ok {
			return v, t, true
		}
	}
	v, ok := canonicalDomain(s)
	return v, Domain, ok
}

func canonicalEmail(s string) (string, bool) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at > 64 {
		return "", false
	}
	local := strings.ToLower(s[:at])
	for _, r := range local {
		if r <= ' ' || r == 0x7f || r == 0xfffd || strings.ContainsRune(`<>()[],;:\"@`, r) {
			return "", false
		}
	}
	d, ok := canonicalDomain(s[at+1:])
	if !ok {
		return "", false
	}
	return local + "@" + d, true
}

func canonicalHash(s string, n int) (string, bool) {
	if len(s) != n {
		return "", false
	}
	zero := true
	for i := 0; i < n; i++ {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return "", false
		}
		zero = zero && c == '0'
	}
	if zero {
		return "", false
	}
	return strings.ToLower(s), true
}

// hashType returns the type of a hash by its length.
func hashType(n int) ObservableType {
	switch n {
	case 32:
		return MD5
	case 40:
		return SHA1
	case 64:
		return SHA256
	}
	return ""
}
