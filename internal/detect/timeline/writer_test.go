package timeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/stix"
)

func TestJSONL(t *testing.T) {
	_, list := sample(t)
	got := written(t, "jsonl", style(i18n.EN), nil, list)
	key := list[1].Rule.Key() // a rule without an id goes by its hash
	want :=
		`{"rule":{"id":"11111111-1111-4111-8111-111111111111","title":"Shell \"quoted\" <b>","author":"Aoi, 山田","license":"DRL-1.1","level":"high","tags":["attack.execution","attack.t1059.001","cve.2021.44228"]},"event":{"time":"2026-01-02T03:04:05.1234567Z","file":"logs/a.zip!b.json","record":7},"matched":{"Image":"C:\\sh.exe","CommandLine":"=HYPERLINK(\"x\")\n<script>"}}
{"rule":{"id":"` + key +
			`","title":"Anything at all","author":"Ben","license":"","level":"low","tags":["attack.lateral-movement","attack.t1021"]},"event":{"time":"2026-01-03T00:00:00Z","file":"b.evtx","record":2},"matched":{"keywords":["hello","=cmd|' /C calc'!A0"]}}
{"rule":{"id":"33333333-3333-4333-8333-333333333333","title":"No level told","author":"","license":"","level":"","tags":[]},"event":{"time":null,"file":"c` + "\uFFFD" + `.json","record":1},"matched":{"EventID":"1"}}
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	for _, s := range []string{"", "a\x00\x1f\x7f\"\\", "日本\u2028\u2029\u0085", "\xff\xfe", strings.Repeat("あ", 1000)} {
		b := appendJSON(nil, s)
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != strings.ToValidUTF8(s, "\uFFFD") && s != "\xff\xfe" {
			t.Errorf("%q became %q: %v", s, back, err)
		}
		if bytes.ContainsAny(b, "\x00\n\u2028\u2029\u0085") {
			t.Errorf("%q breaks lines", b)
		}
	}
}

func TestCSV(t *testing.T) {
	_, list := sample(t)
	got := written(t, "csv", style(i18n.JA), nil, list)
	if !strings.HasPrefix(got, "\xef\xbb\xbftime,zone,") || strings.Count(got, "\r\n") < 4 {
		t.Errorf("begins with %q", got[:20])
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		sheetColumns,
		{"2026-01-02 12:04:05.123", "+09:00", "2026-01-02T03:04:05.1234567Z", "high", "PC1", `CORP\u`,
			`Shell "quoted" <b>`, "11111111-1111-4111-8111-111111111111", "Aoi, 山田", "DRL-1.1",
			"execution", "T1059.001", "attack.execution, attack.t1059.001, cve.2021.44228", "logs/a.zip!b.json", "7",
			"Image: C:\\sh.exe ¦ CommandLine: =HYPERLINK(\"x\")\n<script>"},
		{"2026-01-03 09:00:00.000", "+09:00", "2026-01-03T00:00:00Z", "low", "ホスト2", "", "Anything at all",
			list[1].Rule.Key(), "Ben", "", "lateral-movement", "T1021", "attack.lateral-movement, attack.t1021",
			"b.evtx", "2", "keywords: hello, =cmd|' /C calc'!A0"},
		{"", "", "", "none", "", "", "No level told", "33333333-3333-4333-8333-333333333333", "", "", "", "", "",
			"c\uFFFD.json", "1", "EventID: 1"},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
}

func TestGuard(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1",
		"\n=1": "'\n=1",
		"  =1": "'  =1", "\u3000＝1": "'\u3000＝1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x", "\ufeff=1": "'\ufeff=1",
		"|x": "'|x", "%x": "'%x",
		"a=1": "a=1", "": "", "   ": "   ", "日本": "日本", "a\x00b": "a\uFFFDb", "\xff": "\uFFFD", "1": "1",
	} {
		if got := guard(in); got != want {
			t.Errorf("guard(%q) = %q, want %q", in, got, want)
		}
	}
	if got := guard(strings.Repeat("あ", 20_000)); len([]rune(got)) > 32_767 {
		t.Errorf("a cell of %d characters", len([]rune(got)))
	}
}

func TestTimesketch(t *testing.T) {
	_, list := sample(t)
	got := written(t, "timesketch", style(i18n.EN), nil, list)
	want :=
		`{"message":"[high] Shell \"quoted\" <b> on PC1 — Image: C:\\sh.exe; CommandLine: =HYPERLINK(\"x\")\n<script>","timestamp":1767323045123456,"datetime":"2026-01-02T03:04:05.123456+00:00","timestamp_desc":"Event Logged","level":"high","host":"PC1","user":"CORP\\u","rule_title":"Shell \"quoted\" <b>","rule_id":"11111111-1111-4111-8111-111111111111","rule_author":"Aoi, 山田","rule_license":"DRL-1.1","tag":["sigma","level-high","T1059.001"],"file":"logs/a.zip!b.json","record":7,"matched":"Image: C:\\sh.exe ¦ CommandLine: =HYPERLINK(\"x\")\n<script>"}`
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if d := cmp.Diff(want, lines[0]); d != "" {
		t.Error(d)
	}
	if len(lines) != 3 ||
		!strings.Contains(lines[2], `"datetime":"2026-11-22T01:02:03.000000+00:00","timestamp_desc":"Read by meneki`) {
		t.Errorf("a record without a time: %s", lines[len(lines)-1])
	}
	sheet := written(t, "timesketch-csv", style(i18n.EN), nil, list)
	rows, err := csv.NewReader(strings.NewReader(sheet)).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][0] != "message" || rows[1][2] != "2026-01-02T03:04:05.123456+00:00" {
		t.Fatalf("%v %q", err, rows)
	}
	var tags []string
	if err := json.Unmarshal([]byte(rows[1][11]), &tags); err != nil || !slices.Contains(tags, "T1059.001") {
		t.Errorf("tags %q: %v", rows[1][11], err)
	}
}

func TestSTIX(t *testing.T) {
	_, list := sample(t)
	list = append(list, list[0], list[0])
	got := written(t, "stix", style(i18n.EN), nil, list)
	if again := written(t, "stix", style(i18n.EN), nil, list); again != got {
		t.Error("the same run gives another bundle")
	}
	objects, errs := stix.ParseBundle(strings.NewReader(got), stix.Limits{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	ids, types := map[string]bool{}, map[string]int{}
	for _, o := range objects {
		ids[o.ID()] = true
		types[o.Type()]++
		if p := stix.Validate(o); len(p) > 0 {
			t.Errorf("%s: %v", o.ID(), p)
		}
		if name, _, ok := stix.StrictestTLP(o.ObjectMarkingRefs()); o.Type() != "marking-definition" &&
			(!ok || name != "TLP:AMBER") {
			t.Errorf("%s is marked %v", o.ID(), o.ObjectMarkingRefs())
		}
	}
	want := map[string]int{"marking-definition": 1, "identity": 3, "indicator": 3, "sighting": 3, "observed-data": 1,
		"ipv4-addr": 1, "file": 1, "process": 1, "user-account": 1}
	if d := cmp.Diff(want, types); d != "" {
		t.Error(d)
	}
	for _, o := range objects {
		refs := append(o.Strings("object_refs"), o.Strings("observed_data_refs")...)
		refs = append(append(refs, o.Strings("where_sighted_refs")...), o.Text("sighting_of_ref"), o.CreatedByRef())
		for _, r := range refs {
			if r != "" && !ids[r] {
				t.Errorf("%s refers to %s, which is not in the bundle", o.ID(), r)
			}
		}
		switch o.Type() {
		case "indicator":
			if o.Text("pattern_type") != "sigma" || !strings.Contains(o.Text("pattern"), "logsource:") ||
				!strings.Contains(o.Text("description"), o.Text("external_references[0].external_id")) {
				t.Errorf("indicator: %s", o.Bytes())
			}
		case "sighting":
			if n, _ := o.Get("count"); strings.Contains(string(o.Bytes()), "11111111-1111-4111") &&
				fmt.Sprint(n) != "3" {
				t.Errorf("counted %v of 3: %s", n, o.Bytes())
			}
		}
	}
}

func TestSTIXBounded(t *testing.T) {
	_, list := sample(t)
	var out strings.Builder
	b := New("stix", &out, style(i18n.EN)).(*bundle)
	b.most = 20
	for i := range 100 {
		m := *list[i%2]
		m.Host = fmt.Sprint("host", i)
		if err := b.Write(&m); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.groups); n != 22 {
		t.Errorf("%d groups", n)
	}
	if err := b.End(nil); err != nil || strings.Count(out.String(), "Further hosts, counted together.") != 2 {
		t.Errorf("%v: the hosts that are counted together are not told", err)
	}
}

func TestNewUnknown(t *testing.T) {
	if New("xml", &strings.Builder{}, style(i18n.EN)) != nil {
		t.Error("an unknown format has a writer")
	}
	for _, f := range Formats() {
		if New(f, &strings.Builder{}, style(i18n.EN)) == nil {
			t.Errorf("%s has no writer", f)
		}
	}
}
