package feed_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
)

// values are the values of a feed with their types, and what is said of its lines.
func values(t *testing.T, text string, o feed.Options) (got []string, rep feed.Report) {
	t.Helper()
	got, rep, err := read(t, text, o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for i := range got {
		got[i] = strings.NewReplacer("ipv4-addr", "ip4", "ipv6-addr", "ip6", "domain-name", "name", " exact", "").
			Replace(got[i])
	}
	return got, rep
}

var (
	sha256 = strings.Repeat("4e", 32)
	sha1   = strings.Repeat("3d", 20)
	md5    = strings.Repeat("2c", 16)
)

// Every form is told by what is in it, and every value in it is taken with its type.
func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		format feed.Format
		want   string
	}{
		"heading in a comment": {"# \"date\",\"ioc_value\",\"ioc_type\"\n\"2026\", \"x.example\", \"domain\"\n" +
			"\"2026\", \"http://x.example/a,b\", \"url\"\n", feed.CSV, "name x.example/url http://x.example/a,b"},
		"first row names types": {"# \"n\",\"ioc_value\",\"ioc_type\"\n1,203.0.113.7,ip\n", feed.CSV,
			"ip4 203.0.113.7"},
		"no heading": {"2026-11-01,7,a.example,c2\n2026-11-01,8,b.example,c2\n", feed.CSV,
			"name a.example/name b.example"},
		"three hashes of a file": {"seen,sha256_hash,md5_hash,sha1_hash,file_name\n1," + sha256 + "," + md5 + "," +
			sha1 +
			",i.zip\n", feed.CSV, "SHA-256 " + sha256 + "/MD5 " + md5 + "/SHA-1 " + sha1},
		"Japanese headings": {"種別,値,備考\nC2サーバー,hxxps://a[.]example/x,通信先\nＩＰアドレス,203[.]0[.]113[.]9,\nハッシュ値," + md5 +
			",検体\n", feed.CSV, "url https://a.example/x/ip4 203.0.113.9/MD5 " + md5},
		"German headings": {"Typ;Wert;Kommentar\nDomain;a.example;\"x;y\"\n", feed.CSV, "name a.example"},
		"several in a cell": {"domain,note\n\"a.example, b.example\",x\nc[.]example d[.]example,y\n", feed.CSV,
			"name a.example/name b.example/name c.example/name d.example"},
		"start and prefix": {"# list\nStart\tEnd\tNetblock\tName\n203.0.113.0\t203.0.113.255\t24\tX\n", feed.CSV,
			"ip4 network 203.0.113.0/24"},
		"start and end": {"start,end\n203.0.113.4,203.0.113.7\n", feed.CSV, "ip4 network 203.0.113.4/30"},
		"zeek": {"#fields\tindicator\tindicator_type\tmeta.source\n203.0.113.7\tIntel::ADDR\tx\n" +
			"#fields\tindicator\tindicator_type\tmeta.source\na.example/p\tIntel::URL\tx\n" +
			"203.0.113.0/28\tIntel::SUBNET\tx\n",
			feed.CSV, "ip4 203.0.113.7/url http://a.example/p/url https://a.example/p/ip4 network 203.0.113.0/28"},
		"records by " +
			"id": {`{"9":[{"ioc_value":"203.0.113.1:80","ioc_type":"ip:port","tags":["a","b"]}],"10":[{"ioc_value":` +
			`"a.example","ioc_type":"domain"}]}`, feed.JSON, "ip4 203.0.113.1/name a.example"},
		"pulse": {`{"id":"1","name":"p","indicators":[{"indicator":"a.example","type":"hostname"},{"indicator":"` +
			sha256 +
			`","type":"FileHash-SHA256"}]}`, feed.JSON, "name a.example/SHA-256 " + sha256},
		"an object a line": {"{\"cidr\":\"203.0.113.0/26\",\"sblid\":\"x\"}\n{\"type\":\"metadata\",\"records\":1}\n",
			feed.JSON, "ip4 network 203.0.113.0/26"},
		"list of texts": {`["a.example","203.0.113.7"]`, feed.JSON, "name a.example/ip4 203.0.113.7"},
		"zone": {"$TTL 60\n$ORIGIN z.example.\n@ SOA a. b. (1 2 3\n 4 5)\n NS a.\nbad.example CNAME " +
			".\n*.bad.example IN CNAME *.\n" +
			"in.bad.example.z.example. 300 IN CNAME rpz-drop.\nok.example CNAME " +
			"rpz-passthru.\n24.0.113.0.203.rpz-ip CNAME .\n" +
			"48.zz.2.db8.2001.rpz-ip CNAME .\nwalled.example A 203.0.113.9\n", feed.RPZ,
			"name bad.example/name below bad.example/" +
				"name in.bad.example/ip4 network 203.0.113.0/24/ip6 network 2001:db8:2::/48/name walled.example"},
		"rules": {`alert tcp [203.0.113.2,203.0.113.3,!203.0.113.4] any -> $HOME_NET any (msg:"x; y"; sid:1;)` + "\n" +
			`alert dns any any -> any any (msg:"x"; dns.query; dotprefix; content:".bad|2e|example"; endswith; sid:2;)`,
			feed.Rules, "ip4 203.0.113.2/ip4 203.0.113.3/name tree bad.example"},
		"cdb": {"203.0.113.7:bad\n\"2001:db8::1\":bad\n203.0.113.:net\n\"http://a.example/b:c\":x\na.example:\n",
			feed.CDB,
			"ip4 203.0.113.7/ip6 2001:db8::1/ip4 network 203.0.113.0/24/url http://a.example/b:c/name a.example"},
		"bullets": {"・hxxp://a[.]example/\n● b[.]example:8443\n- c.example\n1) 203.0.113[.]7\nSHA256: " + sha256 + "\n",
			feed.Text, "url http://a.example//name b.example/name c.example/ip4 203.0.113.7/SHA-256 " + sha256},
		"block lists": {"||a.example^\naddress=/b.example/0.0.0.0\nlocal-zone: \"c.example\" always_nxdomain\n",
			feed.Text,
			"name tree a.example/name tree b.example/name tree c.example"},
		"defanged": {"meow://a.example/\nh[tt]p://b.example/x\nhttp[:]//c.example/\nd．example\ne[.example\n" +
			"203。0。113。7\n" +
			"x[at]f[dot]example\nｇ．ｅｘａｍｐｌｅ\nhttps:\\\\h.example\\p\n", feed.Text,
			"url http://a.example//url http://b.example/x/" +
				"url http://c.example//name d.example/name e.example/ip4 203.0.113.7/email-addr x@f.example/name " +
				"g.example/" +
				"url https://h.example/p"},
		"what is not seen": {"a.example\u00a0\n\u200bb.example\nc.exam\u00adple\n", feed.Text,
			"name a.example/name b.example/name c.example"},
		"only CR":       {"a.example\r203.0.113.7\r", feed.Text, "name a.example/ip4 203.0.113.7"},
		"two on a line": {"a.example;203.0.113.7\n", feed.Text, "name a.example/ip4 203.0.113.7"},
		"a range":       {"203.0.113.1-203.0.113.2\n", feed.Text, "ip4 203.0.113.1/ip4 203.0.113.2"},
		"a mail filter's": {"https://eu.safelinks.example/?url=http%3A%2F%2Fa.example%2Fx&data=1\n", feed.Text,
			"url http://a.example/x"},
	} {
		t.Run(name, func(t *testing.T) {
			got, rep := values(t, c.text, feed.Options{})
			if s := strings.Join(got, "/"); s != c.want || rep.Format != c.format || rep.Refused > 0 {
				t.Errorf("%s: %s\nwant %s\n%v %v", rep.Format, s, c.want, rep.WhyRefused, rep.WhyNotCovered)
			}
		})
	}
}

// What is not taken is named with its line.
func TestNamedByLine(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.77/26\n": "f:1: \"203.0.113.77/26\" is no network: behind its prefix there are bits. " +
			"Write 203.0.113.64/26",
		"a.example\n" +
			"invoice.zip\n": "f:2: \"invoice.zip\" can be a domain or the name of a file",
		"fe80::1%eth0\n":         "f:1: the zone of",
		"value,tlp\na.example\n": "f:2: the row has 1 cells, and the others have 2",
		"$TTL 1\n@ SOA a. b. 1 2 3 4 5\nx.example. CNAME .\n": "f:3: \"x.example.\" is outside of the zone",
		"$TTL 1\n@ SOA a. b. 1 2 3 4 5\n8.100.51.198.rpz-ip CNAME .\n": "f:3: \"8.100.51.198.rpz-ip\" is not a " +
			"prefix length",
		"a.example\nb\x00.example\n": "f:2: it holds bytes that are no text",
	} {
		_, rep := values(t, text, feed.Options{})
		if got := strings.Join(problems(rep.WhyRefused), ""); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	for text, want := range map[string]string{
		"<!DOCTYPE html><html>":   "it is a web page",
		"a,b\nx,y\n":              "which column",
		"{\"a\":{\"b\":\"c\"}}\n": "it is JSON",
	} {
		o := feed.Options{}
		if text[0] == 'a' {
			o.Format = feed.CSV
		}
		if _, _, err := read(t, text, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A value that says nothing by itself does not act, and is named with the reason; a person may say
// otherwise.
func TestSilent(t *testing.T) {
	text := "127.0.0.1\n0.0.0.0\n10.1.0.0/16\nfe80::1\nd41d8cd98f00b204e9800998ecf8427e\nco.jp\n" +
		"http://192.168.1.1/x\na.example\n"
	got, rep := values(t, text, feed.Options{})
	if cmp.Diff(got, []string{"name a.example"}) != "" || rep.NotCovered != 7 {
		t.Errorf("%v %v", got, rep.WhyNotCovered)
	}
	if got, rep := values(t, text, feed.Options{Silent: true}); len(got) != 8 || rep.NotCovered != 0 {
		t.Errorf("%v", got)
	}
}

// A table without names is read by the column that is stated; the first row stays.
func TestStatedColumns(t *testing.T) {
	text := "x.example,a.example\ny.example,b.example\n"
	if _, _, err := read(t, text, feed.Options{Format: feed.CSV}); err == nil {
		t.Error("the column was guessed")
	}
	if got, _ := values(t, text, feed.Options{Columns: map[string]int{"value": 2}}); cmp.Diff(got,
		[]string{"name a.example", "name b.example"}) != "" {
		t.Errorf("%v", got)
	}
	if got, _ := values(t, "n,ioc\nx.example,a.example\n",
		feed.Options{Columns: map[string]int{"value": 2}}); len(got) != 1 {
		t.Errorf("the heading is a value: %v", got)
	}
}

// A list of domains has names that could be files, too.
func TestListOfDomains(t *testing.T) {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "host%d.example\n", i)
	}
	if got, rep := values(t, b.String()+"evil.zip\n", feed.Options{}); len(got) != 21 || rep.Refused != 0 {
		t.Errorf("%v", got)
	}
}

func TestEncodings(t *testing.T) {
	const text = "種別,値,備考\nドメイン,a.example,通信先です\n"
	for name, enc := range map[string]interface {
		String(string) (string, error)
	}{"Shift_JIS": japanese.ShiftJIS.NewEncoder(), "EUC-JP": japanese.EUCJP.NewEncoder(),
		"ISO-2022-JP": japanese.ISO2022JP.NewEncoder(),
		"UTF-16LE":    unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewEncoder(),
		"UTF-16BE":    unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewEncoder()} {
		s, err := enc.String(text)
		if err != nil {
			t.Fatal(err)
		}
		got, rep := values(t, s, feed.Options{})
		if len(got) != 1 || got[0] != "name a.example" || rep.Encoding != name {
			t.Errorf("%s: %v, %s", name, got, rep.Encoding)
		}
	}
}

func TestZip(t *testing.T) {
	pack := func(files map[string]string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, text := range files {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, text)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	got, _ := values(t, pack(map[string]string{"list.csv": "url\nhttp://a.example/\n"}), feed.Options{})
	if len(got) != 1 || got[0] != "url http://a.example/" {
		t.Errorf("%v", got)
	}
	bomb := pack(map[string]string{"a.txt": strings.Repeat("a.example\n", 100_000)})
	if _, _, err := read(t, bomb, feed.Options{MaxBytes: 1000}); err == nil || !strings.Contains(err.Error(),
		"more than 1000 bytes") {
		t.Errorf("%v", err)
	}
	if _, _, err := read(t, bomb[:len(bomb)/2], feed.Options{}); err == nil {
		t.Error("half an archive is read")
	}
}

// The newest version of an object counts, wherever it stands, and nothing comes after what is revoked.
func TestNewestVersion(t *testing.T) {
	older := indicator(1, "[domain-name:value = 'old.example']", "")
	newer := strings.Replace(indicator(1, "[domain-name:value = 'new.example']", ""), `"modified":"2026-01-01`,
		`"modified":"2026-02-01`, 1)
	gone := strings.Replace(indicator(1, "[domain-name:value = 'new.example']", `,"revoked":true`),
		`"modified":"2026-01-01`,
		`"modified":"2026-03-01`, 1)
	for _, c := range [][]string{{older, newer}, {newer, older}} {
		var ids []string
		o := feed.Options{Given: func(id string) error { ids = append(ids, id); return nil }}
		got, _ := values(t, `{"objects":[`+strings.Join(c, ",")+`]}`, o)
		if len(got) != 1 || !strings.HasPrefix(got[0], "name new.example") || len(ids) == 0 {
			t.Errorf("%v %v", got, ids)
		}
	}
	for _, c := range [][]string{{older, gone, newer}, {gone, newer, older}} {
		if got, _ := values(t, `{"objects":[`+strings.Join(c, ",")+`]}`, feed.Options{}); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}
}

// What a record says is given as a whole.
func TestItems(t *testing.T) {
	var got feed.Item
	_, err := feed.Items(context.Background(), "f",
		opener("ioc,ip_port,port,malware,confidence_level,tags,first_seen,reference\n"+
			"203.0.113.7:8080,,,Bear,80,\"a,b\",2026-01-02 03:04:05,https://r.example/\n"), feed.Options{Source: "s"},
		func(it feed.Item) error { got = it; return nil })
	if err != nil || got.Port != 8080 || got.Name != "Bear" || got.Confidence != 80 || len(got.Labels) != 2 ||
		got.Stated ||
		got.First.Year() != 2026 || got.Reference == "" || len(got.Entries) != 1 || got.Line != 2 {
		t.Errorf("%+v %v", got, err)
	}
}

func FuzzDetect(f *testing.F) {
	for _, s := range []string{"$TTL 1\n@ SOA a b (\n", "alert ip a any -> b any (msg:\"x\\\";\";)", "PK\x03\x04",
		"\xff\xfea\x00",
		"\x1b$B", "#fields\tindicator\n", `{"a":[{"ioc":"b","tags":["c"]}]}`, "\x8a\xc4", "\xb4\xc1,\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := feed.Options{Source: "s", MaxBytes: 1 << 20, Composites: true}
		format, err := feed.Detect(context.Background(), "f", opener(text), o)
		if err != nil {
			return
		}
		rep, _ := feed.Items(context.Background(), "f", opener(text), o, func(it feed.Item) error {
			for _, e := range it.Entries {
				if again, err := watchlist.Check(e); err != nil || again != e {
					t.Errorf("%v is given, and checked it is %v, %v", e, again, err)
				}
			}
			return nil
		})
		if rep.Format != "" && rep.Format != format && !strings.HasPrefix(text, "PK") {
			t.Errorf("told to be %s, and read as %s", format, rep.Format)
		}
	})
}
