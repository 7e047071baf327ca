package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// stats is the line that --stats ends with.
type stats struct {
	Files, Events, Unreadable, Skipped int64
	Matches                            int64
	Loaded                             int `json:"rules_loaded"`
	Used                               int `json:"rules_used"`
	Ours                               int `json:"rules_ours"`
	Refused                            []struct {
		Path   string
		Line   int
		Reason string
	} `json:"rules_refused"`
	Seconds     float64
	Interrupted bool
	Garbled     int64 `json:"not_utf8"`
	Unknown     int64 `json:"unknown_source"`
	Timeless    int64 `json:"without_time"`
}

// object is a line of --format jsonl.
type object struct {
	Rule *struct {
		ID, Title, Author, License, Level *string
		Tags                              *[]string
	}
	Event *struct {
		Time   *string
		File   *string
		Record *int64
	}
	Matched *map[string]any
}

// strict reads JSON that has these keys and no others.
func strict(t testing.TB, line string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v\n%s", err, line)
	}
	if d.More() {
		t.Fatalf("more than one value: %s", line)
	}
}

// keys gives the keys of an object and those of the objects in it.
func keys(t testing.TB, line string) (out []string) {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatal(err)
	}
	for k, v := range m {
		out = append(out, k)
		if k != "matched" && v[0] == '{' {
			for _, inner := range keys(t, string(v)) {
				out = append(out, k+"."+inner)
			}
		}
	}
	slices.Sort(out)
	return out
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

const shellRule = "title: Shell\nid: 5f0c1d54-5f6b-4a6f-9d7e-3a1f5f6c0e01\nauthor: Somebody\nlicense: DRL-1.1\n" +
	"level: high\ntags: [attack.t1059]\nlogsource:\n    product: windows\n" +
	"detection:\n    s:\n        Image|endswith: sh.exe\n    condition: s\n"

func shell(image string) string {
	return fmt.Sprintf(
		`{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-01-02 03:04:05.000","Computer":"PC1","Image":%s}`, image,
	) + "\n"
}

// The objects and the last line have exactly the keys that are documented,
// whatever matched.
func TestDetectJSONLines(t *testing.T) {
	logs, _ := spraying(t)
	dir := filepath.Dir(logs)
	if err := os.WriteFile(filepath.Join(dir, "rules", "shell.yml"), []byte(shellRule), 0o600); err != nil {
		t.Fatal(err)
	}
	// no id, author, licence, level, tags
	bare := "title: Bare\nlogsource:\n    product: windows\ndetection:\n    k: [sh.exe]\n    condition: k\n"
	for name, text := range map[string]string{
		"rules/bare.yml": bare,
		"rules/bad.yml":  strings.Replace(bare, "Bare", "Bad", 1) + "level: 7\n",
		"logs/x.json":    shell(`"C:\\sh.exe"`) + `{"EventID":1,"Channel":"Security","Image":"sh.exe"}` + "\n{bad}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := detected(t, "--rules", filepath.Join(dir, "rules"), "--format", "jsonl", "--stats", logs)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	titles, noTime := map[string]int{}, 0
	for line := range strings.Lines(out) {
		var o object
		strict(t, line, &o)
		want := []string{"event", "event.file", "event.record", "event.time", "matched", "rule", "rule.author",
			"rule.id", "rule.level", "rule.license", "rule.tags", "rule.title"}
		if d := cmp.Diff(want, keys(t, line)); d != "" {
			t.Errorf("%s\n%s", d, line)
		}
		if o.Rule.Tags == nil || o.Rule.ID == nil || *o.Rule.ID == "" || *o.Event.Record < 1 || len(*o.Matched) == 0 {
			t.Errorf("something is null or empty: %s", line)
		}
		for f, v := range *o.Matched {
			if _, ok := v.(string); !ok {
				if _, ok := v.([]any); !ok {
					t.Errorf("%s is neither text nor a list: %s", f, line)
				}
			}
		}
		titles[*o.Rule.Title]++
		if o.Event.Time == nil {
			noTime++
		}
	}
	if d := cmp.Diff(map[string]int{"Shell": 2, "Bare": 2, "Password Spraying": 1}, titles); d != "" || noTime != 2 {
		t.Errorf("%s, %d without time", d, noTime)
	}
	var s stats
	strict(t, lastLine(errs), &s)
	want := []string{"events", "files", "interrupted", "matches", "rules_loaded", "rules_ours", "rules_refused",
		"rules_used", "seconds", "skipped", "unreadable"}
	if d := cmp.Diff(want, keys(t, lastLine(errs))); d != "" {
		t.Error(d)
	}
	if s.Files != 5 || s.Events != 14 || s.Unreadable != 1 || s.Matches != 5 || len(s.Refused) != 1 ||
		s.Refused[0].Line == 0 || s.Refused[0].Reason == "" || !strings.HasSuffix(s.Refused[0].Path, "bad.yml") ||
		s.Seconds <= 0 || s.Loaded != 3 || s.Used != 3 || s.Ours != 5 {
		t.Errorf("%+v", s)
	}
}

// What is broken, odd or hostile is counted and named once, with place and
// reason; everything else is read, and the exit code says that the run ended.
func TestDetectBadInput(t *testing.T) {
	good := shell(`"C:\\sh.exe"`)
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
		return b.String()
	}
	zst := func(s string) string {
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(e.EncodeAll([]byte(s), nil))
	}
	zipped := func(files ...string) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i := 0; i < len(files); i += 2 {
			f, err := w.Create(files[i])
			if err != nil {
				t.Fatal(err)
			}
			f.Write([]byte(files[i+1]))
		}
		w.Close()
		return b.String()
	}
	utf16, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(shell(`"C:\\日本\\sh.exe"`))
	if err != nil {
		t.Fatal(err)
	}
	sjis, err := japanese.ShiftJIS.NewEncoder().String(shell(`"C:\\日本語\\sh.exe"`))
	if err != nil {
		t.Fatal(err)
	}
	packed := gz(strings.Repeat(good, 2000))
	for _, c := range []struct {
		name, file      string
		text            string
		events, matches int64
		bad             []string // place and reason of each that cannot be read
		skipped         string
		garbled         int64  // records that are not UTF-8
		tells           string // what is said beside
	}{
		{name: "10 MB field", text: good + shell(`"`+strings.Repeat("x", 10<<20)+`sh.exe"`) + good, events: 3,
			matches: 3},
		{name: "17 MB record", text: good + shell(`"`+strings.Repeat("x", 17<<20)+`sh.exe"`) + good, events: 2,
			matches: 2, bad: []string{"#2  the record is larger than 16777216 bytes"}},
		{name: "depth 10,000", text: good + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "\n" +
			good, events: 2, matches: 2, bad: []string{"#2  the record nests deeper than 256 levels"}},
		{name: "300,000 values", text: good + `{"a":[` + strings.Repeat("1,", 300_000) + "1]}\n" + good, events: 2,
			matches: 2, bad: []string{"#2  the record holds more than 200000 values"}},
		{name: "NUL", text: good + "\x00\x00\x00" + shell("\"a\x00b\\u0000sh.exe\"") + good, events: 3, matches: 3},
		{name: "lone surrogates", text: shell(`"\ud800 \udfff\ud83d sh.exe"`) + good, events: 2, matches: 2},
		{name: "duplicate keys", text: strings.Replace(good, `"EventID":1`, `"EventID":4,"EventID":1`, 1), events: 1,
			matches: 1},
		{name: "Shift_JIS", text: good + sjis + sjis + good, events: 4, matches: 4, garbled: 2,
			tells: "#2\n  some bytes are not UTF-8"},
		{name: "UTF-16", text: utf16, events: 1, matches: 1},
		{name: "byte order mark", text: "\xef\xbb\xbf" + good, events: 1, matches: 1},
		{name: "broken lines", text: good + "{\"a\":}\nwords\n" + good, events: 2, matches: 2,
			bad: []string{"#2  not valid JSON at byte 5", "#3  not a JSON record"}},
		{name: "cut in a record", text: good + good[:40], events: 1, matches: 1,
			bad: []string{"#2  the record is not complete"}},
		{name: "cut gzip", file: "x.json.gz", text: packed[:len(packed)-20], events: -1,
			bad: []string{"  the file is cut short"}},
		{name: "damaged zstd", file: "x.zst", text: zst(strings.Repeat(good, 50))[:60], events: -1,
			bad: []string{"  the file is "}},
		{
			name:   "cut zip",
			file:   "x.zip",
			text:   zipped("a.json", good, "b.json", strings.Repeat(good, 3))[:len(zipped("a.json", good))-60],
			events: -1,
			bad:    []string{"x.zip#2  the file is cut short"},
		},
		{name: "zip in zip, gz in zip", file: "x.zip", text: zipped("in.zip", zipped("a.json", good), "b.json.gz",
			gz(good), "c.zst", zst(good)), events: 3, matches: 3},
		{name: "not an event log", file: "x.evtx", text: "words\n", skipped: "not a Windows event log"},
		{name: "an event log without chunks", file: "x.evtx", text: "ElfFile\x00" + strings.Repeat("\x00", 5000)},
		{name: "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "" {
				c.file = "x.json"
			}
			dir := put(t, map[string]string{"rules/shell.yml": shellRule, "logs/" + c.file: c.text,
				"logs/z.json": good})
			run := func(jobs string) (string, stats, string) {
				out, errs, code := detected(t, "--rules", filepath.Join(dir, "rules"), "--no-builtin-rules", "--format",
					"jsonl", "--stats", "--jobs", jobs, filepath.Join(dir, "logs"))
				_, told, _ := detected(t, "--rules", filepath.Join(dir, "rules"), "--no-builtin-rules", "--format",
					"jsonl", "--jobs", jobs, filepath.Join(dir, "logs"))
				if code != 0 {
					t.Fatalf("exit %d\n%s", code, errs)
				}
				var s stats
				strict(t, lastLine(errs), &s)
				return out, s, told
			}
			out, s, told := run("1")
			again, s2, _ := run("3")
			s.Seconds, s2.Seconds = 0, 0
			if out != again || cmp.Diff(s, s2) != "" {
				t.Errorf("it depends on the number of workers: %+v, %+v", s, s2)
			}
			if c.events >= 0 && (s.Events != c.events+1 || s.Matches != c.matches+1) || s.Matches < 1 ||
				!strings.Contains(out, "z.json") {
				t.Errorf("%d events and %d matches", s.Events-1, s.Matches-1)
			}
			if s.Unreadable != int64(len(c.bad)) {
				t.Errorf("%d unreadable, want %d\n%s", s.Unreadable, len(c.bad), told)
			}
			for _, b := range c.bad {
				if strings.Count(told, b) != 1 || !strings.Contains(told, c.file) {
					t.Errorf("%q is told %d times\n%s", b, strings.Count(told, b), told)
				}
			}
			if s.Garbled != c.garbled || !strings.Contains(told, c.tells) {
				t.Errorf("%d records are not UTF-8, want %d\n%s", s.Garbled, c.garbled, told)
			}
			if (c.skipped != "") != (s.Skipped == 1) || !strings.Contains(told, c.skipped) {
				t.Errorf("%d passed by\n%s", s.Skipped, told)
			}
		})
	}
}
