package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/policy"
)

func opener(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// read returns what a feed holds, an entry a line, and its report in short.
func read(t testing.TB, text string, o feed.Options) (entries []string, report feed.Report, err error) {
	t.Helper()
	if o.Source == "" {
		o.Source = "s"
	}
	report, err = feed.Read(context.Background(), "f", opener(text), o, func(e watchlist.Entry) error {
		s := fmt.Sprintf("%s %s %s", e.Type, e.Match, e.Value)
		if e.Source != "s" || e.ID != "" {
			s += " " + e.Source + "/" + e.ID
		}
		if e.TLP != policy.Red {
			s += " " + e.TLP.Slug()
		}
		if !e.ValidUntil.IsZero() {
			s += " " + e.ValidUntil.Format(time.RFC3339)
		}
		entries = append(entries, s)
		return nil
	})
	return entries, report, err
}

func problems(list []feed.Problem) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

// expect holds a feed against its entries, and the beginnings of what was refused and not covered.
func expect(t *testing.T, text string, o feed.Options, want []string, refused, uncovered []string) feed.Report {
	t.Helper()
	got, rep, err := read(t, text, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries:\n%s", diff)
	}
	for what, pair := range map[string][2][]string{"refused": {refused, problems(rep.WhyRefused)},
		"not covered": {uncovered, problems(rep.WhyNotCovered)}} {
		ok := len(pair[0]) == len(pair[1])
		for i := 0; ok && i < len(pair[0]); i++ {
			line, say, _ := strings.Cut(pair[0][i], " ")
			ok = strings.HasPrefix(pair[1][i], "f:"+line+": ") && strings.Contains(pair[1][i], say)
		}
		if !ok {
			t.Errorf("%s: %q, want %q", what, pair[1], pair[0])
		}
	}
	if int(rep.Entries) != len(got) || int(rep.Refused) != len(refused) || int(rep.NotCovered) != len(uncovered) {
		t.Errorf("%+v", rep)
	}
	return rep
}

func TestText(t *testing.T) {
	md5 := strings.Repeat("aB", 16)
	rep := expect(t, "\ufeff# a list\r\n"+
		"192.0.2.1\r\n"+
		"hxxps://Bad[.]example/x # why\n"+
		"198.51.100.0/24 ; SBL1\n"+
		"bad(dot)example\n"+
		".tree.example\n||tree2.example^\n*.below.example\n"+
		"http://bad.example/dir/*\n"+
		md5+"\n"+strings.Repeat("c", 64)+"\n"+
		"a[at]bad.example\n2001:db8::1\nHKLM\\Software\\Bad\n"+
		"evil.exe\n"+ // line 15
		"192.0.2.1:443\n||bad.example^$third-party\n@@||good.example^\n"+
		"10.0.0.0/4\n\xff\xfe\n*.com\n"+strings.Repeat("x", 70_000)+"\n日本.jp",
		feed.Options{}, []string{
			"ipv4-addr exact 192.0.2.1", "url exact https://bad.example/x", "ipv4-addr network 198.51.100.0/24",
			"domain-name exact bad.example",
			"domain-name tree tree.example", "domain-name tree tree2.example", "domain-name below below.example",
			"url prefix http://bad.example/dir/",
			"MD5 exact " + strings.ToLower(md5), "SHA-256 exact " + strings.Repeat("c", 64),
			"email-addr exact a@bad.example", "ipv6-addr exact 2001:db8::1",
			`windows-registry-key exact hkey_local_machine\software\bad`, "ipv4-addr exact 192.0.2.1",
			"domain-name exact xn--wgv71a.jp",
		}, []string{"15 state its type", "19 wider than", "20 not UTF-8", "21 state its type", "22 longer than"},
		[]string{"17 filter rule", "18 filter rule"})
	if len(rep.WhyWider) != 1 || !strings.HasPrefix(rep.WhyWider[0].String(), `f:16: "192.0.2.1:443" has a port`) {
		t.Errorf("%v", rep.WhyWider)
	}
	if rep.Format != feed.Text || rep.Records != 22 {
		t.Errorf("%+v", rep)
	}
}

func TestOptionsFillWhatIsNotSaid(t *testing.T) {
	until := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	expect(t, "a.example\nhttp://a.example/x\n",
		feed.Options{TLP: policy.Green, ValidUntil: until, Domains: watchlist.Tree, URLs: watchlist.Prefix,
			Source: "mine"},
		[]string{"domain-name tree a.example mine/ green 2030-01-01T00:00:00Z",
			"url prefix http://a.example/x mine/ green 2030-01-01T00:00:00Z"}, nil, nil)
	expect(t, "evil.exe\nC:\\x\\y\n", feed.Options{Type: watchlist.FileName}, []string{"file-name exact evil.exe"},
		[]string{"2 not a value"}, nil)
	rep := expect(t, "a.example\n", feed.Options{ValidUntil: until, Now: until}, nil, nil, nil)
	if rep.Passed != 1 {
		t.Errorf("%+v", rep)
	}
}

// A hosts file is known as one although it begins with the machine itself.
func TestHostsAreRecognised(t *testing.T) {
	expect(t, "# hosts\n127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n0.0.0.0 bad.example\n",
		feed.Options{},
		[]string{"domain-name exact bad.example"}, nil, nil)
	expect(t, "192.0.2.1 # localhost\nbad.example\n", feed.Options{},
		[]string{"ipv4-addr exact 192.0.2.1", "domain-name exact bad.example"}, nil, nil)
}

func TestHosts(t *testing.T) {
	rep := expect(t, "127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n0.0.0.0 Bad.example "+
		"worse.example # x\nbad.example\n0.0.0.0 bad.example -x.example\n", feed.Options{Format: feed.Hosts},
		[]string{"domain-name exact bad.example", "domain-name exact worse.example"},
		[]string{"5 address and a name", "6 not a value"}, nil)
	if rep.Passed != 3 {
		t.Errorf("%+v", rep)
	}
}

func TestCSV(t *testing.T) {
	rep := expect(t, "# comment\n"+
		"Type, Value ,Valid_Until,TLP,Source,ID,Match\n"+
		"domain,bad.example,2030-01-31,amber,feed1,id-1,\n"+
		"domain,bad.example,2030-01-31T12:00:00+09:00,white,,id-2,suffix\n"+
		"\"url\",\"http://bad.example/a,b?c=\"\"d\"\"\",,,,,\n"+
		"ip,192.0.2.7,,purple,,,\n"+
		"user-agent,\"Bad\nAgent\",,,,,\n"+ // lines 7 and 8
		"colour,red,,,,,\n"+
		"ip:port,192.0.2.1:80,,,,,\n"+
		"md5,abc,,,,,\n"+
		"domain,x.example,tomorrow,,,,\n"+
		"domain,x.example,,,,,sideways\n"+
		"domain,,,,,,\n"+
		"filename,Evil.EXE,,,,,\n", feed.Options{}, []string{
		"domain-name exact bad.example feed1/id-1 amber 2030-02-01T00:00:00Z",
		"domain-name tree bad.example s/id-2 clear 2030-01-31T03:00:00Z",
		"url exact http://bad.example/a,b?c=\"d\"",
		"ipv4-addr exact 192.0.2.7",
		"ipv4-addr exact 192.0.2.1",
		"file-name exact evil.exe",
	}, []string{"7 not a value", "11 not a value", "12 no time", "13 no way to match", "14 no value"},
		[]string{"9 not known"})
	if rep.Format != feed.CSV || rep.Unlabelled != 1 {
		t.Errorf("%+v", rep)
	}
	expect(t, "# last dump\n# \"first_seen\",\"sha256_hash\",\"x\"\n\"2026\", \""+strings.Repeat("ab", 32)+
		"\", \"y\"\n", feed.Options{},
		[]string{"SHA-256 exact " + strings.Repeat("ab", 32)}, nil, nil)
	expect(t, "indicator;tlp\n192.0.2.1;green\n", feed.Options{}, []string{"ipv4-addr exact 192.0.2.1 green"}, nil, nil)
	if _, _, err := read(t, "a,b\n1,2\n", feed.Options{Format: feed.CSV}); err == nil ||
		!strings.Contains(err.Error(), "f:1: it cannot be told which column") {
		t.Errorf("%v", err)
	}
	got, rep, err := read(t, "value\na.example\n\""+strings.Repeat("x\n", 600_000)+"\nb.example\n",
		feed.Options{Format: feed.CSV})
	if err != nil || len(got) == 0 || rep.Refused == 0 ||
		!strings.Contains(rep.WhyRefused[0].String(), "f:3: the row is longer") {
		t.Errorf("%v %v", problems(rep.WhyRefused)[:1], err)
	}
}

func TestJSONL(t *testing.T) {
	expect(t,
		`{"type":"domain-name","value":"bad.example","valid_until":"2030-01-01T00:00:00Z","tlp":"TLP:GREEN","source":"a","id":"indicator--1"}

{"type":"url","value":"http://bad.example/a","match":"prefix"}
{"value":"hxxp://192.0.2[.]1/"}
{"value":"192.0.2.1","revoked":true}
{"value":"192.0.2.1"} {}
{"value":5}
{"value":"192.0.2.1","tlp":null}`, feed.Options{}, []string{
			"domain-name exact bad.example a/indicator--1 green 2030-01-01T00:00:00Z",
			"url prefix http://bad.example/a",
			"url exact http://192.0.2.1/", "ipv4-addr exact 192.0.2.1",
		}, []string{"5 revoked", "6 more behind", "7 cannot unmarshal"}, nil)
}

// indicator is a STIX indicator with some properties changed.
func indicator(n int, pattern, more string) string {
	return fmt.Sprintf(
		`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z",
"valid_from":"2026-01-01T00:00:00Z","pattern_type":"stix","pattern":"%s"%s}`, n, pattern, more)
}

func TestSTIX(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("s/indicator--00000000-0000-4000-8000-%012d", n) }
	text := `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","x":{"objects":[1]},
"objects":[` + strings.Join([]string{
		indicator(1, `[domain-name:value = 'Bad.example' OR ipv4-addr:value = '192.0.2.1']`,
			`,"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],`+
				`"valid_until":"2030-01-01T00:00:00Z"`),
		indicator(2, `[file:hashes.'SHA-512' = '`+strings.Repeat("ab", 64)+`' OR file:name IN ('a.exe', 'B.EXE')]`, ""),
		indicator(3, `[ipv4-addr:value ISSUBSET '198.51.100.0/24']`,
			`,"object_marking_refs":["marking-definition--00000000-0000-4000-8000-000000000009"]`),
		indicator(4, `[domain-name:value = 'a.example'] FOLLOWEDBY [url:value = 'http://a.example/']`, ""),
		indicator(5, `[domain-name:value = 'a.example' OR process:pid = 5]`, ""),
		indicator(6, `[domain-name:value = 'a.example' OR user-account:user_id = 'x']`, ""),
		indicator(7, `[domain-name:value = `, ""),
		indicator(8, `[domain-name:value = 'old.example']`, `,"revoked":true`),
		indicator(9, `[domain-name:value = 'a.example' OR url:value = 'no url']`, ""),
		strings.Replace(indicator(10, `title: x`, ""), `"stix"`, `"sigma"`, 1),
		strings.Replace(indicator(11, `[url:value = 'http://later.example/']`, ""), `"valid_from":"2026`,
			`"valid_from":"2036`, 1),
		`{"type":"identity","spec_version":"2.1","id":"identity--00000000-0000-4000-8000-000000000009",` +
			`"created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"x"}`,
		`{"type":"indicator"}`,
	}, ",\n") + "]}"
	rep := expect(t, text, feed.Options{TLP: policy.Amber, Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}, []string{
		"domain-name exact bad.example " + id(1) + " green 2030-01-01T00:00:00Z", "ipv4-addr exact 192.0.2.1 " + id(1) +
			" green 2030-01-01T00:00:00Z",
		"SHA-512 exact " + strings.Repeat("ab", 64) + " " + id(2) + " amber", "file-name exact a.exe " + id(2) +
			" amber", "file-name exact b.exe " + id(2) + " amber",
		"ipv4-addr network 198.51.100.0/24 " + id(3),
	}, []string{"14 column", "18 not a value", "25 id"},
		[]string{"8 more than one", "10 more than one", "12 more than one", "20 type", "22 not valid before"})
	if rep.Format != feed.STIX || rep.Passed != 2 || rep.Unlabelled != 1 || rep.Records != 13 {
		t.Errorf("%+v", rep)
	}
	for _, bad := range []string{`{"type":"bundle","objects":[{}`, `{"type":"bundle"}`,
		`{"type":"bundle","objects":[}]}`, `{"type":"bundle","objects":[]} x`, `{"type":"bundle","objects":` +
			strings.Repeat("[", 2000)} {
		if _, _, err := read(t, bad, feed.Options{}); err == nil {
			t.Errorf("%s is taken", bad[:20])
		}
	}
	big := `{"type":"bundle","objects":[{"a":"` + strings.Repeat("x", 17<<20) + `"},` + "\n" +
		indicator(1, `[url:value = 'http://a.example/']`, "") + `]}`
	expect(t, big, feed.Options{}, []string{"url exact http://a.example/ " + id(1)}, []string{"1 longer than"}, nil)
}

func TestMISP(t *testing.T) {
	attribute := func(n int, typ, value, more string) string {
		return fmt.Sprintf(`{"type":%q,"value":%q,"uuid":"u%d","to_ids":true%s}`, typ, value, n, more)
	}
	text := `{"response":[{"Event":{"info":"x","Attribute":[` + strings.Join([]string{
		attribute(1, "ip-dst", "192.0.2.1", ""),
		attribute(2, "filename|sha256", "a.exe|"+strings.Repeat("ab", 32), `,"Tag":[{"name":"tlp:red"}]`),
		attribute(3, "domain|ip", "bad.example|192.0.2.9", ""),
		strings.Replace(attribute(4, "domain", "no.example", ""), "true", "false", 1),
		attribute(5, "domain", "deleted.example", `,"deleted":"1"`),
		attribute(6, "vulnerability", "CVE-2026-1", ""),
		attribute(7, "md5", "xyz", ""),
		attribute(8, "filename", `C:\Temp\x.exe`, ""),
		attribute(9, "hostname", "bad[.]example", `,"to_ids2":{"Attribute":[1]}`),
		`{"type":"domain","value":5}`,
	}, ",\n") + `],"RelatedEvent":[{"Event":{"Attribute":[` + attribute(99, "domain", "related.example", "") + `]}}],
"Object":[{"name":"file","Attribute":[` + attribute(20, "sha1", strings.Repeat("cd", 20), "") + `]}],
"Orgc":{"name":"CERT X"},"Tag":[{"name":"tlp:amber"},{"name":"type:OSINT"}]}},
{"Event":{"Tag":[{"name":"tlp:ex:chr"}],"Attribute":[` + attribute(30, "url", "http://bad.example/", "") + `]}}]}`
	// The organisation of the first event names the source only where the options name none.
	rep := expect(t, text, feed.Options{}, []string{
		"ipv4-addr exact 192.0.2.1 s/u1 amber", "SHA-256 exact " + strings.Repeat("ab", 32) + " s/u2",
		`file-path exact c:\temp\x.exe s/u8 amber`,
		"domain-name exact bad.example s/u9 amber", "SHA-1 exact " + strings.Repeat("cd", 20) + " s/u20 amber",
		"url exact http://bad.example/ s/u30",
	}, []string{"7 not a value", "10 not a MISP attribute"}, []string{"3 two values", "6 not known"})
	if rep.Format != feed.MISP || rep.Passed != 2 {
		t.Errorf("%+v", rep)
	}
	got, _, err := read(t, text, feed.Options{Composites: true})
	if err != nil || len(got) != 7 || got[2] != "domain-name exact bad.example s/u3 amber" {
		t.Errorf("%v %v", got, err)
	}
	var orgs []string
	if _, err := feed.Read(context.Background(), "f", opener(text[:strings.Index(text, ",\n{\"Event\":{\"Tag\"")]+"]}"),
		feed.Options{}, func(e watchlist.Entry) error {
			orgs = append(orgs, e.Source)
			return nil
		}); err != nil || len(orgs) != 5 || orgs[0] != "CERT X" {
		t.Errorf("%v %v", orgs, err)
	}
	for _, bad := range []string{`{"Event":{"Attribute":[`, `{"Event":{}}`, `{"Event":{"Attribute":5}}`,
		`{"Event":{"Tag":5,"Attribute":[]}}`} {
		if _, _, err := read(t, bad, feed.Options{}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestPacked(t *testing.T) {
	var gz, zs bytes.Buffer
	w := gzip.NewWriter(&gz)
	fmt.Fprint(w, "a.example\nb.example\n")
	w.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(z, "a.example\nb.example\n")
	z.Close()
	for _, s := range []string{gz.String(), zs.String()} {
		expect(t, s, feed.Options{}, []string{"domain-name exact a.example", "domain-name exact b.example"}, nil, nil)
		var e *feed.Error
		if _, _, err := read(t, s[:len(s)-6], feed.Options{}); !errors.As(err, &e) || e.File != "f" {
			t.Errorf("cut short: %v", err)
		}
		if _, _, err := read(t, s, feed.Options{MaxBytes: 12}); !errors.As(err, &e) ||
			!strings.Contains(err.Error(), "more than 12 bytes") {
			t.Errorf("%v", err)
		}
		if _, _, err := read(t, s, feed.Options{MaxEntries: 1}); !errors.As(err, &e) || e.Line != 2 {
			t.Errorf("%v", err)
		}
	}
	for _, s := range []string{"PK\x03\x04", "{}", "[1]"} {
		if _, _, err := read(t, s, feed.Options{}); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	stop := errors.New("stop")
	if _, err := feed.Read(context.Background(), "f", opener("a.example\n"), feed.Options{Source: "s"},
		func(watchlist.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if _, err := feed.File(context.Background(), filepath.Join(t.TempDir(), "none"), feed.Options{},
		nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := feed.Read(ctx, "f", opener(strings.Repeat("a.example\n", 2000)), feed.Options{Source: "s"},
		func(watchlist.Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestIntoAList loads a feed, and replaces it by a later one of the same source.
func TestIntoAList(t *testing.T) {
	ctx := context.Background()
	l, err := watchlist.Open(t.TempDir(), watchlist.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, text := range []string{"old.example\nsame.example\n", "new.example\nsame.example\n"} {
		load, err := l.Load(watchlist.Scope{Sources: []string{"s"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := feed.Read(ctx, "f", opener(text), feed.Options{Source: "s"}, load.Add); err != nil {
			t.Fatal(err)
		}
		if err := load.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := l.Lookup([]event.Observable{{Type: event.Domain, Value: "old.example"},
		{Type: event.Domain, Value: "new.example"}, {Type: event.Domain, Value: "same.example"}},
		func(h watchlist.Hit) bool {
			got = append(got, h.Entry.Value)
			return true
		}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new.example", "same.example"}, got); diff != "" {
		t.Error(diff)
	}
}
