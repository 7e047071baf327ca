package extract_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/share/extract"
)

func private(o event.Observable) string {
	if a, err := netip.ParseAddr(o.Value); err == nil && a.IsPrivate() {
		return "private"
	}
	return ""
}

// show writes what is taken.
func show(list []extract.Found) (out []string) {
	for _, f := range list {
		if !f.Take {
			continue
		}
		s := f.Type + " " + f.Value
		if f.Port > 0 {
			s += fmt.Sprintf(" :%d", f.Port)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func TestText(t *testing.T) {
	sha := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string][]string{
		"":                        nil,
		"http://192.0.2.1:8080/a": {"url http://192.0.2.1:8080/a"},
		"接続先は203.0.113.5:8443です":  {"ipv4-addr 203.0.113.5 :8443"},
		"ｅｖｉｌ．ｅｘａｍｐｌｅに接続":                                           {"domain-name evil.example"},
		"evil[.]example, evil(dot)example":                          {"domain-name evil.example"},
		"a[at]evil[dot]example":                                     {"email-addr a@evil.example"},
		"hxxp[:]//evil[.]example/x":                                 {"url http://evil.example/x"},
		"fe80::1 and 2001:db8::5":                                   {"ipv6-addr 2001:db8::5", "ipv6-addr fe80::1"},
		"SHA256: " + sha[:30] + "\n" + sha[30:] + " end":            {"SHA-256 " + sha},
		"setup.zip, run.sh and lib.so, from evil[.]zip":             {"domain-name evil.zip"},
		"see https://vendor.example/post for details":               nil,
		"参考：https://vendor.example/post":                            nil,
		"192.0.2.1以外への通信":                                           nil,
		"192.0.2.1, then later 192.0.2.2 but not 192.0.2.3":         {"ipv4-addr 192.0.2.1", "ipv4-addr 192.0.2.2"},
		"10.1.2.3 talked to 192.0.2.9":                              {"ipv4-addr 192.0.2.9"},
		"v1.2.3.4, version 5.6.7.8, 1.2.3.4.5, 300.1.1.1, 01.2.3.4": nil,
		"198.51.100.77/26":                                          nil,
		"192.0.2.4-192.0.2.9": {"ipv4-addr 192.0.2.4/30",
			"ipv4-addr 192.0.2.8/31"},
		"os.path.join(a), System.Net and foo.bar()": nil,
		"日本語.jp と https://例え.jp/パス/ファイル.exeを": {"domain-name xn--wgv71a119e.jp",
			"url https://xn--r8jz45g.jp/%E3%83%91%E3%82%B9/%E3%83%95%E3%82%A1%E3%82%A4%E3%83%AB.exe"},
		"ID 00000000000000000000000000000000":   nil,
		"MD5:9E107D9D372BB6826BD81D3542A419D6。": {"MD5 9e107d9d372bb6826bd81d3542a419d6"},
		"https://evil.example/a_(b), (https://evil.example/c).": {"url https://evil.example/a_(b)",
			"url https://evil.example/c"},
		"HKLM\\SOFTWARE\\Run\\x and C:\\Windows\\Temp\\a.exe.": {"file-path C:\\Windows\\Temp\\a.exe",
			"windows-registry-key HKEY_LOCAL_MACHINE\\SOFTWARE\\Run\\x"},
		"攻撃者はevil.exampleに接続し、https://evil.example/dl/b.exe。を取得": {"domain-name evil.example", "url https://evil.example/dl/b.exe"},
		"mail ドット evil ドット example\n203。0。113。9\na＠evil．example": {"domain-name mail.evil.example", "email-addr a@evil.example",
			"ipv4-addr 203.0.113.9"},
		"from hxxp://evil[.]example/a/\nb.msi": {"url http://evil.example/a/b.msi"},
		"[our page](https://our.example/) ![p](https://evil.example/p.png) <http://evil.example/m|evil.example>": {
			"url http://evil.example/m", "url https://evil.example/p.png"},
		"令和8年11月30日付け第1.2.3.4号、図5.6.7.8、受付2026-11-30-001":   nil,
		`Mutex: Global\{AB}. Path ~/Library/com.evil.plist`: {"file-path ~/Library/com.evil.plist", `mutex Global\{AB}`},
		`\\192.0.2.7\c$\x.dll`: {`file-path \\192.0.2.7\c$\x.dll`, "ipv4-addr 192.0.2.7"},
		"(00:00:5E:00:53:01) 2f1b5a9e-0000-4000-8000-000000000001 JA3 9e107d9d372bb6826bd81d3542a419d6": {
			"JA3 9e107d9d372bb6826bd81d3542a419d6"},
		"203.0.113.0/24, 2001:db8:bad::/48 (AS64500), *.evil.example, 24/7": {"autonomous-system AS64500",
			"domain-name *.evil.example", "ipv4-addr 203.0.113.0/24", "ipv6-addr 2001:db8:bad::/48"},
		`192.0.2.9 - - "GET /x.cgi?u=http://203.0.113.9/s.sh HTTP/1.1" "Chrome/120.0.0.0"`: {"ipv4-addr 192.0.2.9",
			"url http://203.0.113.9/s.sh"},
		"MD5 9e107d9d 372bb682 6bd81d35 42a419d6, order 20261130123456789012345678901234, #9e107d": {
			"MD5 9e107d9d372bb6826bd81d3542a419d6"},
		"ssdeep: 3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C": {"SSDEEP 3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"},
		"evil.example evil.example\nevil.example":          {"domain-name evil.example"},
		"not 192.0.2.1 but:\n192.0.2.1":                    {"ipv4-addr 192.0.2.1"},
	} {
		if got := show(extract.Text(text, private)); !slices.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

// What is not taken is still offered, with the reason.
func TestWhy(t *testing.T) {
	for text, want := range map[string]extract.Why{
		"10.1.2.3":                       extract.Excluded,
		"all but not 192.0.2.3":          extract.Negated,
		"参考：https://vendor.example/post": extract.Reference,
		"被害端末（192.0.2.8）":                extract.Victim,
		"setup.zip":                      extract.Filename,
		"198.51.100.77/26":               extract.HostBits,
		`"GET /cgi-bin/x.cgi HTTP/1.1"`:  extract.Path,
	} {
		if got := extract.Text(text, private); len(got) != 1 || got[0].Take || got[0].Why != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Where a value stands is where it stands in the text as it was given.
func TestPlaces(t *testing.T) {
	text := "通信先：hxxps://evil[.]example/a、２０３．０．１１３．５、c2 ドット evil ドット example"
	var got []string
	for _, f := range extract.Text(text, nil) {
		got = append(got, text[f.From:f.To])
	}
	if want := []string{"hxxps://evil[.]example/a", "２０３．０．１１３．５", "c2 ドット evil ドット example"}; !slices.Equal(got,
		want) {
		t.Errorf("%q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("hxxps://evil[.]example/a、２０３．０．１１３．５（443/tcp）")
	f.Add("SHA256: 2c26b46b68ffc68ff99b453c1d304134\n13422d706483bfa0f98a5e886266e7ae")
	f.Add("\\\\198.51.100.7\\share$\\x.dll \xff 。。 [.]")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for _, f := range extract.Text(text, private) {
			if f.From < last || f.To < f.From || f.To > len(text) || f.Value == "" || f.Take != (f.Why == "") {
				t.Errorf("%+v of %q", f, text)
			}
			last = f.From
		}
	})
}
