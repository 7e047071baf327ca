package convert_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/stix"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func opener(text string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

func read(t testing.TB, text string, o feed.Options) (*convert.Result, []*stix.Object) {
	t.Helper()
	if o.Source == "" {
		o.Source = "s"
	}
	r, err := convert.Read(context.Background(), "f", opener(text), convert.Options{Options: o})
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Objects(now)
	if err != nil {
		t.Fatal(err)
	}
	return r, list
}

func patterns(list []*stix.Object) (out []string) {
	for _, o := range list {
		if p := o.Text("pattern"); p != "" {
			out = append(out, p)
		} else {
			out = append(out, o.Type()+" "+o.Text("value"))
		}
	}
	return out
}

func write(t testing.TB, form string, o convert.WriteOptions, list []*stix.Object) (string, []convert.Note) {
	t.Helper()
	target, ok := convert.TargetNamed(form)
	if !ok {
		t.Fatalf("there is no %s", form)
	}
	var b bytes.Buffer
	if o.Now.IsZero() {
		o.Now = now
	}
	notes, err := convert.Write(&b, target, list, o)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), notes
}

// Every object that is made is right, and the same row makes the same one.
func TestListsBecomeObjects(t *testing.T) {
	sha, md5 := strings.Repeat("4e", 32), strings.Repeat("2c", 16)
	text := "ioc,ioc_type,malware,confidence_level,tags,first_seen,reference\n" +
		"203.0.113.7:8080,ip:port,Bear,80,\"a,b\",2026-01-02 03:04:05,https://r.example/\n" +
		"203.0.113.0/26,cidr,,,,,\n.tree.example,domain,,,,,\n*.below.example,domain,,,,,\n" +
		"http://a.example/it's,url,,,,,\n" + sha + ",sha256,,,,,\n127.0.0.1,ip,,,,,\n" +
		"203.0.113.7:8080,ip:port,Bear,80,\"a,b\",2026-01-02 03:04:05,https://r.example/\n"
	r, list := read(t, text, feed.Options{TLP: policy.Green})
	want := []string{"[ipv4-addr:value = '203.0.113.7']", "[ipv4-addr:value ISSUBSET '203.0.113.0/26']",
		"[domain-name:value = 'tree.example' OR domain-name:value LIKE '%.tree.example']",
		"[domain-name:value LIKE '%.below.example']", `[url:value = 'http://a.example/it\'s']`,
		"[file:hashes.'SHA-256' = '" + sha + "']", "ipv4-addr 127.0.0.1"}
	if d := cmp.Diff(want, patterns(list)); d != "" {
		t.Error(d)
	}
	if r.Same != 1 || r.Counts[convert.Silent] != 1 || r.Counts[convert.Wider] != 2 {
		t.Errorf("%+v", r)
	}
	for _, o := range list {
		if errs := stix.Validate(o); len(errs) > 0 {
			t.Errorf("%s: %v", o.Bytes(), errs)
		}
		if convert.Marking(o) != policy.Green {
			t.Errorf("%s is %v", o.ID(), convert.Marking(o))
		}
	}
	first := list[0]
	if n, _ := first.Confidence(); n != 80 || first.Text("name") != "Bear" ||
		first.Text("valid_from") != "2026-01-02T03:04:05.000Z" ||
		strings.Join(first.Labels(), " ") != "a b port:8080" {
		t.Errorf("%s", first.Bytes())
	}
	_, again := read(t, text, feed.Options{TLP: policy.Green})
	if d := cmp.Diff(patterns(list), patterns(again)); d != "" || again[0].ID() != first.ID() {
		t.Error(d)
	}
	if _, other := read(t, text, feed.Options{Source: "t"}); other[0].ID() == first.ID() {
		t.Error("two sources have one object")
	}
	if _, unmarked := read(t, "a.example\n", feed.Options{}); convert.Marking(unmarked[0]).Known() {
		t.Errorf("%s", unmarked[0].Bytes())
	}
	_, hashes := read(t, "md5,sha256\n"+md5+","+sha+"\n", feed.Options{})
	if len(hashes) != 1 || hashes[0].Text("pattern") != "[file:hashes.MD5 = '"+md5+"' OR file:hashes.'SHA-256' = "+
		"'"+sha+"']" {
		t.Errorf("%v", patterns(hashes))
	}
}

// What of STIX is of 2.0 becomes 2.1, with its id and times; a bad object costs itself.
func TestSTIX(t *testing.T) {
	old := `{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z",
"modified":"2026-01-02T00:00:00.000Z","labels":["malicious-activity"],"pattern":"[domain-name:value = 'a.example']","valid_from":"2026-01-01T00:00:00Z"}`
	seen := `{"type":"observed-data","id":"observed-data--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00.000Z",
"modified":"2026-01-01T00:00:00.000Z","first_observed":"2026-01-01T00:00:00Z","last_observed":"2026-01-01T00:00:00Z","number_observed":1,
"objects":{"0":{"type":"ipv4-addr","value":"203.0.113.7","resolves_to_refs":["1"]},"1":{"type":"mac-addr","value":"00:00:5e:00:53:01"}}}`
	r, list := read(t,
		`{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000009","spec_version":"2.0","objects":[`+old+","+seen+
			`,{"type":"indicator"},5]}`, feed.Options{})
	var types []string
	for _, o := range list {
		types = append(types, o.Type())
		if errs := stix.Validate(o); len(errs) > 0 {
			t.Errorf("%s: %v", o.Bytes(), errs)
		}
	}
	if strings.Join(types, " ") != "indicator ipv4-addr mac-addr observed-data" || r.Counts[convert.Refused] != 2 {
		t.Errorf("%v %v", types, r.Notes)
	}
	if list[0].Modified().String() != "2026-01-02T00:00:00.000Z" ||
		list[0].Strings("indicator_types")[0] != "malicious-activity" {
		t.Errorf("%s", list[0].Bytes())
	}
	if refs := list[1].Strings("resolves_to_refs"); len(refs) != 1 || refs[0] != list[2].ID() {
		t.Errorf("%s", list[1].Bytes())
	}
}

// hostile are values out of which somebody tries to break.
const hostile = "http://a.example/x;y\nhttp://a.example/a|b:c\nhttps://b.example/z\nbad.example\n*.tree.example\n" +
	".both.example\n" +
	"198.51.100.7\n203.0.113.0/24\n2001:db8::7\nx@a.example\n日本.example\n"

// What is written is read again as the same values, in every form, or is named.
func TestRoundTrips(t *testing.T) {
	_, list := read(t, hostile+strings.Repeat("2c", 16)+"\n"+strings.Repeat("4e", 32)+"\n",
		feed.Options{TLP: policy.Amber})
	all := map[string]bool{"b.example": true} // in TLS, the host stands for the URL
	for _, o := range list {
		entries, _ := feed.Wanted(o)
		for _, e := range entries {
			all[e.Value] = true
		}
	}
	for _, target := range convert.Targets() {
		if strings.HasPrefix(target.Name, "dataset") || target.Name == "snort" {
			continue // not read again
		}
		text, notes := write(t, target.Name, convert.WriteOptions{}, list)
		rep, err := feed.Items(context.Background(), "f", opener(text), feed.Options{Source: "s"},
			func(it feed.Item) error {
				some := false
				for _, e := range it.Entries {
					some = some || all[e.Value]
				}
				if !some {
					t.Errorf("%s: %v was not there", target.Name, it.Entries)
				}
				return nil
			})
		if err != nil || rep.Refused > 0 {
			t.Errorf("%s: %v %v\n%s", target.Name, err, rep.WhyRefused, text)
		}
		if int(rep.Entries)+len(notes) < len(list) && target.Name != "suricata" {
			t.Errorf("%s: %d values and %d notes of %d objects", target.Name, rep.Entries, len(notes), len(list))
		}
		if target.Name != "csv" && target.Name != "zeek" && target.Name != "cdb" && !strings.Contains(text,
			"TLP:AMBER") {
			t.Errorf("%s does not say how it is to be handled:\n%s", target.Name, text[:80])
		}
	}
}

func TestRules(t *testing.T) {
	_, list := read(t, hostile, feed.Options{})
	text, notes := write(t, "suricata", convert.WriteOptions{}, list)
	sids := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		_, rest, _ := strings.Cut(line, "sid:")
		sid, _, _ := strings.Cut(rest, ";")
		if sids[sid] || sid == "" {
			t.Errorf("sid %q twice", sid)
		}
		sids[sid] = true
		for i := 0; i < len(line); i++ {
			if line[i] >= 0x80 {
				t.Errorf("not ASCII: %s", line)
				break
			}
		}
	}
	for _, want := range []string{`content:"/x|3b|y"`,
		`dns.query; content:"bad.example"; nocase; startswith; endswith;`,
		`content:".tree.example"; nocase; endswith;`, `dotprefix; content:".both.example"`,
		`tls.sni; content:"b.example"`,
		"<> 2001:db8::7 any"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if len(notes) < 2 {
		t.Errorf("%v", notes)
	}
	// The number of a value is the same in every export.
	one, _ := write(t, "suricata", convert.WriteOptions{}, list[3:4])
	_, rest, _ := strings.Cut(one, "sid:")
	if sid, _, _ := strings.Cut(rest, ";"); !sids[sid] {
		t.Errorf("%s is new", sid)
	}
}

// No text of anybody breaks out of its place.
func TestHostileTexts(t *testing.T) {
	o, err := stix.Indicator{Common: stix.Common{Created: stix.TimestampOf(now)},
		Name:        "x\"; sid:1;)\nalert ip any any -> any any (\u2028",
		Description: "=cmd|'/c calc'!A1\r\nsecond\tline", Pattern: "[domain-name:value = 'a.example']",
		PatternType: "stix",
		ValidFrom:   stix.TimestampOf(now)}.Object()
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range convert.Targets() {
		text, _ := write(t, target.Name, convert.WriteOptions{Title: "x\nalert"}, []*stix.Object{o})
		lines := strings.Count(text, "\n")
		if most := map[string]int{"rpz": 6}[target.Name]; target.Name != "csv" && lines > max(most, 2) {
			t.Errorf("%s has %d lines:\n%s", target.Name, lines, text)
		}
		if target.Name != "csv" && strings.Contains(text, "\nalert ip") || strings.Contains(text, ",=cmd") ||
			strings.Contains(text, `,"=cmd`) {
			t.Errorf("%s:\n%s", target.Name, text)
		}
	}
	text, _ := write(t, "csv", convert.WriteOptions{}, []*stix.Object{o})
	var got feed.Item
	rep, err := feed.Items(context.Background(), "f", opener(text), feed.Options{Source: "s"},
		func(it feed.Item) error {
			got = it
			return nil
		})
	if err != nil || !strings.HasPrefix(got.Note, "=cmd|'/c calc'!A1\nsecond") {
		t.Errorf("%q %v %v", got.Note, rep, err)
	}
}

// RED is in no file that did not ask for it, revoked and expired are in none.
func TestLeftOut(t *testing.T) {
	_, list := read(t,
		"value,tlp,valid_until\nred.example,red,\nodd.example,purple,\nold.example,green,2026-01-01\n"+
			"ok.example,green,\n",
		feed.Options{})
	gone, err := stix.Revoke(list[3], now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	text, notes := write(t, "text", convert.WriteOptions{}, list)
	if strings.Contains(text, "red") || strings.Contains(text, "odd") || strings.Contains(text, "old") ||
		!strings.Contains(text, "ok.example") || len(notes) != 2 {
		t.Errorf("%s %v", text, notes)
	}
	if text, _ := write(t, "text", convert.WriteOptions{Red: true}, append(list, gone)); !strings.Contains(text,
		"red.example") ||
		!strings.Contains(text, "odd.example") || strings.Contains(text, "ok.example") {
		t.Errorf("%s", text)
	}
}

// Names keep their letters through every form that holds them.
func TestNamesKeepTheirLetters(t *testing.T) {
	_, list := read(t, "type,value\nfilename,エラー　報告.docx\nfilename,ｗｅｉｒｄ'name.exe\n", feed.Options{})
	for _, form := range []string{"csv", "text"} {
		text, notes := write(t, form, convert.WriteOptions{}, list)
		if !strings.Contains(text, "エラー　報告.docx") || !strings.Contains(text, "ｗｅｉｒｄ'name.exe") || len(notes) > 0 {
			t.Errorf("%s: %s %v", form, text, notes)
		}
		if form == "csv" {
			_, again := read(t, text, feed.Options{})
			for _, p := range patterns(again) {
				if !strings.Contains(p, "エラー　報告.docx") && !strings.Contains(p, `ｗｅｉｒｄ\'name.exe`) {
					t.Errorf("%s", p)
				}
			}
		}
	}
}

func TestWrittenNetworks(t *testing.T) {
	_, list := read(t, "203.0.113.8/29\n198.51.0.0/23\n198.51.100.0/24\n2001:db8:1::/48\n", feed.Options{})
	text, notes := write(t, "cdb", convert.WriteOptions{}, list)
	if n := strings.Count(text, "\n"); n != 8+2+1 || len(notes) != 1 {
		t.Errorf("%d lines, %v\n%s", n, notes, text)
	}
	text, _ = write(t, "rpz", convert.WriteOptions{Zone: "z.example"}, list)
	for _, want := range []string{"29.8.113.0.203.rpz-ip CNAME .", "48.zz.1.db8.2001.rpz-ip CNAME ."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func FuzzConvert(f *testing.F) {
	for _, s := range []string{hostile, "ioc,malware\na.example,\"=x\"\n",
		`{"objects":[{"type":"observed-data","objects":{"0":{"type":"file","name":"x"}}}]}`,
		"\"a\":b\n", "C:\\x\\y.exe\n", "x\\'y@a.example\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := convert.Read(context.Background(), "f", opener(text),
			convert.Options{Options: feed.Options{Source: "s", MaxBytes: 1 << 20}})
		if err != nil {
			return
		}
		list, err := r.Objects(now)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			if errs := stix.Validate(o); len(errs) > 0 {
				t.Errorf("%s: %v", o.Bytes(), errs)
			}
		}
		for _, target := range convert.Targets() {
			var b bytes.Buffer
			if _, err := convert.Write(&b, target, list, convert.WriteOptions{Now: now}); err != nil {
				t.Fatal(err)
			}
			if target.Name == "text" || target.Name == "addresses" {
				for line := range strings.Lines(b.String()) {
					if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\n\r\t") {
						t.Errorf("%q", line)
					}
				}
			}
		}
	})
}
