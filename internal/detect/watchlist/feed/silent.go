package feed

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

var (
	silentAddress = i18n.T("{0} is of a range that means another machine in each network ({1})",
		"{0} は組織ごとに別の機器を指す範囲のアドレスです（{1}）")
	silentEmpty  = i18n.T("{0} is the hash of an empty file", "{0} は空のファイルのハッシュ値です")
	silentSuffix = i18n.T("{0} is a suffix under which anybody registers names",
		"{0} は誰でもその下に名前を登録できる接尾辞です")
	silentName = i18n.T("{0} is the name of a program that every Windows has", "{0} はどの Windows にもあるプログラムの名前です")
)

// silentRanges are addresses that say nothing outside of the network in which they were seen.
// Those for documentation are not among them: nobody has them, and samples use them.
var silentRanges = func() (list []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

// emptyFile are the hashes of no bytes.
var emptyFile = map[string]bool{
	"d41d8cd98f00b204e9800998ecf8427e":                                 true,
	"da39a3ee5e6b4b0d3255bfef95601890afd80709":                         true,
	"d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f":         true,
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": true,
	"38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da" +
		"274edebfe76f65fbd51ad2f14898b95b": true,
	"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e": true,
	"a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a": true,
	"3::": true,
}

// everywhere are names of programs that every Windows has.
var everywhere = map[string]bool{"svchost.exe": true, "explorer.exe": true, "cmd.exe": true, "powershell.exe": true,
	"rundll32.exe": true, "regsvr32.exe": true, "lsass.exe": true, "services.exe": true, "conhost.exe": true,
	"wscript.exe": true, "cscript.exe": true, "mshta.exe": true, "notepad.exe": true, "taskhostw.exe": true,
	"winlogon.exe": true, "csrss.exe": true, "smss.exe": true, "spoolsv.exe": true, "msiexec.exe": true}

// Silent says why a value says nothing of an attack by itself; it says nothing if it may.
func Silent(e watchlist.Entry) i18n.Text {
	v := e.Value
	switch e.Type {
	case event.IPv4, event.IPv6:
		return silentAddr(v)
	case event.Domain:
		if s, icann := publicsuffix.PublicSuffix(v); s == v && icann {
			return silentSuffix.With(v)
		}
	case event.URL:
		if u, err := url.Parse(v); err == nil {
			return silentAddr(u.Hostname())
		}
	case event.Email:
		return silentAddr(strings.Trim(v[strings.LastIndexByte(v, '@')+1:], "[]"))
	case watchlist.FileName:
		if everywhere[v] {
			return silentName.With(v)
		}
	default:
		if emptyFile[v] {
			return silentEmpty.With(event.Clip(v, 40))
		}
	}
	return i18n.Text{}
}

func silentAddr(v string) i18n.Text {
	p, err := netip.ParsePrefix(v)
	if err != nil {
		a, err := netip.ParseAddr(v)
		if err != nil {
			return i18n.Text{}
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	for _, r := range silentRanges {
		if r.Bits() <= p.Bits() && r.Contains(p.Addr()) {
			return silentAddress.With(v, r)
		}
	}
	return i18n.Text{}
}
