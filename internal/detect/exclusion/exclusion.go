// Package exclusion knows which values must never become indicators: what belongs to
// the community itself, what is reserved, and what half the world uses.
package exclusion

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// CommunityAssets is what belongs to the community itself and must never become an
// indicator: its domains (with everything below them) and its networks.
type CommunityAssets struct {
	Domains  []string       `json:"domains"`
	Networks []netip.Prefix `json:"networks"`
}

// holdsDomain reports whether d is one of the community's own names.
func (o CommunityAssets) holdsDomain(d string) bool {
	for _, own := range o.Domains {
		own = strings.ToLower(strings.Trim(own, "."))
		if own != "" && (d == own || strings.HasSuffix(d, "."+own)) {
			return true
		}
	}
	return false
}

// reserved holds what no address of an attacker on the Internet can be (IANA
// special-purpose registries). The documentation ranges are left out on
// purpose: they are what exercises and samples attack from.
var reserved = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "fc00::/7", "fe80::/10", "ff00::/8")

// shared services that half the world talks to: matching them finds nothing.
var publicResolvers = prefixes("1.1.1.1/32", "1.0.0.1/32", "8.8.8.8/32", "8.8.4.4/32", "9.9.9.9/32",
	"208.67.222.222/32", "208.67.220.220/32",
	"168.63.129.16/32", "2606:4700:4700::1111/128", "2606:4700:4700::1001/128", "2001:4860:4860::8888/128",
	"2001:4860:4860::8844/128", "2620:fe::fe/128")

// networks that deliver for very many sites at once (as their operators publish
// them): GitHub, Fastly, Cloudflare. An address there says nothing of who is
// behind it.
var publicNetworks = prefixes("140.82.112.0/20", "185.199.108.0/22", "192.30.252.0/22", "2606:50c0::/32",
	"2a0a:a440::/29",
	"151.101.0.0/16", "199.232.0.0/16", "146.75.0.0/17", "2a04:4e42::/32",
	"104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "162.158.0.0/15", "108.162.192.0/18", "173.245.48.0/20",
	"188.114.96.0/20", "2606:4700::/32", "2a06:98c0::/29")

var publicDomains = []string{"microsoft.com", "windows.com", "windowsupdate.com", "windows.net", "msftncsi.com",
	"msftconnecttest.com", "office.com", "office365.com", "live.com",
	"google.com", "googleapis.com", "gstatic.com", "apple.com", "icloud.com", "amazonaws.com", "cloudfront.net",
	"akamai.net", "akamaiedge.net",
	"digicert.com", "verisign.com", "globalsign.com", "letsencrypt.org", "mozilla.org", "mozilla.com", "debian.org",
	"ubuntu.com", "github.com", "githubusercontent.com", "gitlab.com", "bitbucket.org",
	"pastebin.com", "dropbox.com", "dropboxusercontent.com", "box.com", "discord.com", "discordapp.com", "telegram.org",
	"slack.com", "sharepoint.com", "onedrive.com", "w3.org", "xmlsoap.org",
	"localhost", "localdomain", "local", "lan", "internal", "home", "corp", "arpa", "test", "invalid"}

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(a netip.Addr, list []netip.Prefix) bool {
	a = a.Unmap()
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// emptyHashes are the digests of zero bytes, which every empty file has.
var emptyHashes = map[string]bool{
	"d41d8cd98f00b204e9800998ecf8427e":                                 true,
	"da39a3ee5e6b4b0d3255bfef95601890afd80709":                         true,
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": true,
}

// Reason says why o can never be an indicator, whoever saw it; empty if it can.
func Reason(o event.Observable, own CommunityAssets) string {
	switch o.Type {
	case event.IPv4, event.IPv6:
		a, err := netip.ParseAddr(o.Value)
		switch {
		case err != nil:
			return "not an address"
		case within(a, reserved) || a.Is4In6() && within(a.Unmap(), reserved):
			return "private or reserved range"
		case within(a, own.Networks):
			return "the community's own network"
		case within(a, publicResolvers) || within(a, publicNetworks):
			return "public service"
		}
	case event.Domain:
		return domainReason(o.Value, own)
	case event.Email:
		_, d, _ := strings.Cut(o.Value, "@")
		if own.holdsDomain(d) {
			return "the community's own domain"
		}
	case event.URL:
		return urlReason(o.Value, own)
	case event.MD5, event.SHA1, event.SHA256:
		if emptyHashes[o.Value] {
			return "hash of an empty file"
		}
		if strings.Trim(o.Value, "0") == "" {
			return "not a hash"
		}
	}
	return ""
}

func domainReason(d string, own CommunityAssets) string {
	if own.holdsDomain(d) {
		return "the community's own domain"
	}
	if !strings.Contains(d, ".") {
		return "local name"
	}
	if (CommunityAssets{Domains: publicDomains}).holdsDomain(d) {
		return "public service"
	}
	return ""
}

func urlReason(u string, own CommunityAssets) string {
	_, rest, ok := strings.Cut(u, "://")
	if !ok {
		return "not a URL"
	}
	host := rest
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
	} else if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if a, err := netip.ParseAddr(host); err == nil {
		t := event.IPv4
		if a.Is6() {
			t = event.IPv6
		}
		return Reason(event.Observable{Type: t, Value: host}, own)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if why := domainReason(host, own); why != "public service" {
		return why
	}
	// A file on a shared service is distinctive, the service's front page is not.
	if _, path, _ := strings.Cut(rest, "/"); path == "" {
		return "public service"
	}
	return ""
}

// Makers of programs that come with Windows beside Microsoft's own (curl.exe,
// tar.exe, the ICU libraries), and of those that are installed everywhere. Tools
// for remote control are everywhere, too, and left out: attackers bring their own.
var (
	makersShipped   = []string{"curl, https://curl.", "the icu project", "libarchive", "openssh"}
	makersInstalled = []string{"google llc", "google inc", "mozilla corporation", "mozilla foundation", "adobe ",
		"adobe, inc", "apple inc", "oracle "}
)

// SystemProgram reports whether the hashes in ev are those of a program that
// came with the system, or that half the world has installed: it lies where only
// the system and its installers write, and names a maker of such programs.
// Attackers use them; their hashes say nothing, and matching them would find
// every machine.
func SystemProgram(ev *event.Event) bool {
	path := ""
	for _, f := range []string{"ImageLoaded", "Image", "TargetFilename", "NewProcessName"} {
		if v, ok := ev.Lookup(f); ok {
			if s, ok := v.(string); ok && s != "" {
				path = strings.ToLower(s)
				break
			}
		}
	}
	in := false
	for _, dir := range []string{`c:\windows\`, `c:\program files\`, `c:\program files (x86)\`, `\systemroot\`, "/bin/",
		"/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/lib/"} {
		if strings.HasPrefix(path, dir) {
			in = true
			break
		}
	}
	if !in || strings.HasPrefix(path, `c:\windows\temp\`) || strings.HasPrefix(path, `c:\windows\tasks\`) {
		return false
	}
	if path[0] == '/' {
		return true
	}
	for _, f := range []string{"Company", "Signature", "Product", "Description"} {
		if v, ok := ev.Lookup(f); ok {
			if s, ok := v.(string); ok && strings.Contains(strings.ToLower(s), "microsoft") {
				return true
			}
		}
	}
	shipped := makersShipped
	if strings.HasPrefix(path, `c:\program files`) {
		shipped = makersInstalled
	}
	for _, f := range []string{"Company", "Signature"} {
		v, _ := ev.Lookup(f)
		if maker, ok := v.(string); ok && slices.ContainsFunc(shipped, func(m string) bool {
			return strings.HasPrefix(strings.ToLower(maker), m)
		}) {
			return true
		}
	}
	// Without a maker named (4688, older sensors), the place alone decides.
	_, named := ev.Lookup("Company")
	return !named
}
