package flatjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// rules look at every field in ways that show how it was read: its text, its
// case, whether it is there, null, a list.
func rules(t testing.TB, names ...string) *sigma.Set {
	t.Helper()
	c := &sigma.Collection{}
	add := func(source, detection string) {
		n := len(c.Rules)
		text := fmt.Sprintf("title: rule %d\nid: 00000000-0000-4000-8000-%012d\nlogsource:\n  %s\ndetection:\n%s", n,
			n, source, detection)
		got := sigma.ParseCollection(fmt.Sprintf("%04d.yml", n), []byte(text))
		if len(got.Refused) > 0 {
			t.Fatalf("%v\n%s", got.Refused[0], text)
		}
		c.Add(got)
	}
	for _, name := range names {
		for _, test := range []string{": null", "|exists: true", ": ''", "|cased: 'B'", "|contains|cased: 'b'",
			"|re: '(a*)*9'", "|re: '.'", "|contains: 'a'", ": ['10', 'wardog', 'b', 'INFO', '0']",
			"|re: '^.{12,}$'", "|contains: ['é', '\\', '/', 'tion', 'k']", "|gt: 5", "|startswith|cased: 'S-1'",
			"|fieldref: Image"} {
			add("product: windows", fmt.Sprintf("  sel:\n    \"%s%s\n  condition: sel\n", name,
				strings.Replace(test, ":", "\":", 1)))
		}
		add("product: windows",
			fmt.Sprintf("  sel:\n    EventID: [1, 12, 4688, 4657, 800]\n  leave:\n    \"%s|contains\": ['x', 'a']\n "+
				" condition: sel and not leave\n", name))
	}
	for _, word := range []string{"mimikatz", "é", "k", "keyword with \\\\ and", "a/b", "10", "true", "wardog",
		"High", "D\\\\wardog", "HKLM", "1.5", "1000", "quo\\\"te"} {
		add("product: windows", fmt.Sprintf("  keywords:\n    - \"%s\"\n  condition: keywords\n", word))
	}
	for _, source := range []string{"category: process_creation", "service: security", "category: registry_set",
		"category: registry_delete", "category: registry_add",
		"service: sysmon", "category: antivirus", "category: ps_classic_script", "product: linux"} {
		add(source, "  sel:\n    EventID|exists: true\n  condition: sel\n")
	}
	return c.Set()
}

// names are fields that rules ask for: ordinary ones, those that package read
// renames or makes, other spellings, paths.
var names = []string{
	"Image", "CommandLine", "User", "IntegrityLevel", "TargetObject", "Details", "EventType", "NXLogEventType",
	"Data", "Message", "Provider_Name", "Computer",
	"EventID", "Level", "Signature", "ParentImage", "LogonId", "image", "IMAGE", "hostname", "computer", "Hostname",
	"ThreadID", "Execution_ThreadID",
	"a.b", "Event.System", "tags", "winlog.channel", "\u212aey", "key", "Filename", "Security_UserID",
	"EventRecordID", "Provider_Guid", "Correlation_ActivityID",
}

// otherShapes are keys that make a line one of another shape.
var otherShapes = []string{"EventData", "UserData", "Provider", "event_data", "event_id", "SyslogMessage", "_source",
	"System", "Event", "winlog", "Records"}

// keys are those of lines.
var keys = append([]string{
	"Channel", "SourceName", "EventSourceName", "ProviderName", "ProviderGuid", "HostName", "MachineName",
	"RecordNumber", "RecordId", "ExecutionProcessID", "UserID",
	"ActivityID", "SeverityValue", "SourceModuleType", "EventData", "UserData", "Provider", "event_data", "event_id",
	"SyslogMessage", "_source", "System",
	"Event", "winlog", "Records", "NewProcessName", "ParentProcessName", "SubjectUserName", "SubjectDomainName",
	"SubjectUserSid", "MandatoryLabel",
	"TokenElevationType", "ObjectName", "ObjectValueName", "NewValue", "NewValueType", "OperationType", "ThreatName",
	"Path", "ActionName", "Opcode", "Version",
	"Task", "ProcessName", "ProcessId", "other", "a", "KEY", "commandline", "eventid", "Key\u017f", "",
}, names...)

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// jsonText is a random JSON string, with every kind of escape.
func jsonText(r *rand.Rand) string {
	var b strings.Builder
	b.WriteByte('"')
	for range r.IntN(4) {
		b.WriteString(pick(r, "a", "B", "wardog", "INFO", "AUDIT_SUCCESS", "S-1-5-18", "S-1-16-12288", "%%1906",
			"%%1937", `C:\\Windows\\System32\\cmd.exe`, `\\REGISTRY\\MACHINE\\x`,
			"é", "\u212a", "ſ", `\u00e9`, `\u212A`, `\u017f`, `\ud83d\ude00`, `\ud83d`, `\u0000`, `\/`, "/", `\"`,
			`\n`, `\t`, "\t", "日本語", "10", " 5", "0", "-0", "007", "mimikatz", `m\u0069mikatz`, "x",
			"keyword with ", `\\ and`, "CreateKey", "DeleteKey", "DWORD", "0x1", "4688", "Microsoft", `quo\"te`,
			"\u3042"))
	}
	if r.IntN(60) == 0 {
		b.WriteString(pick(r, "\\u000", `\x`, "\xff", "\x00"))
	}
	b.WriteByte('"')
	return b.String()
}

func jsonValue(r *rand.Rand, depth int) string {
	switch r.IntN(12) {
	case 0:
		return pick(r, "null", "null", "nul")
	case 1, 2:
		return pick(r, "0", "1", "10", "-5", "4688", "1000", "123456789012345678901", "-0", "007", "+1",
			"99999999999999999999")
	case 3:
		return pick(r, "1.5", "1e3", "-0.0", "1E+2", "1.", "1e400", ".5", "1e30", "12345678901234567890.0")
	case 4:
		return pick(r, "true", "false", "True")
	case 5:
		if depth > 2 {
			return "[]"
		}
		var list []string
		for range r.IntN(3) {
			list = append(list, jsonValue(r, depth+1))
		}
		return "[" + strings.Join(list, ",") + "]"
	case 6:
		if depth > 2 || r.IntN(3) > 0 {
			return jsonText(r)
		}
		return "{" + jsonKey(pick(r, "b", "System", "Name", "x")) + ":" + jsonValue(r, depth+1) + "}"
	}
	return jsonText(r)
}

func jsonKey(name string) string {
	b, _ := json.Marshal(name)
	return string(b)
}

// randomLine is a line much like a flat Windows event; most are.
func randomLine(r *rand.Rand) []byte {
	var members []string
	add := func(key, value string) { members = append(members, jsonKey(key)+pick(r, ":", ":", " : ")+value) }
	add("EventID", pick(r, "1", "12", "13", "4688", "4688", "4657", "800", "1116", `"4688"`, `"4657"`, "13", "1",
		"4688", "4657", "12", "12", "12", pick(r, `"x"`, "1.0", `" 1"`, "null")))
	add("Channel", pick(r, `"Security"`, `"security"`, `"Microsoft-Windows-Sysmon\/Operational"`,
		`"Microsoft-Windows-Sysmon/Operational"`, `"Windows PowerShell"`,
		`"Microsoft-Windows-Windows Defender/Operational"`, `"Linux-Sysmon/Operational"`, `"Security"`, `"Security"`,
		pick(r, `""`, "null", "5")))
	if r.IntN(2) == 0 {
		add("SourceName", pick(r, `"Microsoft-Windows-Security-Auditing"`, `"Microsoft-Windows-Sysmon"`,
			`"Linux-Sysmon"`, "null", jsonText(r)))
	}
	for range r.IntN(9) {
		key := keys[r.IntN(len(keys))]
		value := jsonText(r)
		if r.IntN(12) == 0 {
			value = jsonValue(r, 0)
		} else if slices.Contains(otherShapes, key) && r.IntN(12) > 0 {
			continue
		}
		add(key, value)
	}
	if r.IntN(8) == 0 {
		members = append(members, members[r.IntN(len(members))])
	}
	r.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
	line := "{" + strings.Join(members, pick(r, ",", ",", ", ")) + "}"
	if r.IntN(15) == 0 {
		line += pick(r, " ", "\r", "x", "{}", "\x00", `{"EventID":1,"Channel":"Security"}`)
	}
	if r.IntN(30) == 0 {
		line = line[:r.IntN(len(line))]
	}
	return []byte(line)
}

// pair is the way without decoding and the event that it decoded last.
type pair struct {
	set     *sigma.Set
	flat    *flatjson.Matcher
	decoded *event.Event
}

func newPair(set *sigma.Set, e *engine.Engine) *pair {
	p := &pair{set: set}
	p.flat = flatjson.NewMatcher(e, func(line []byte) (*event.Event, error) {
		ev, err := decode(line)
		p.decoded = ev
		return ev, err
	})
	return p
}

// check compares the way without decoding with decoding first.
func (p *pair) check(t *testing.T, line []byte) (matches int) {
	t.Helper()
	var got, want []*sigma.Match
	before := p.flat.Undecoded
	gotErr := p.flat.Match(line, func(_ *event.Event, m *sigma.Match) bool { got = append(got, m); return true })
	ev, err := decode(line)
	if err != nil {
		if gotErr == nil {
			t.Fatalf("the way without decoding reads what package read refuses: %v\n%q", err, line)
		}
		return 0
	}
	if gotErr != nil {
		t.Fatalf("%v\n%q", gotErr, line)
	}
	if ev == nil {
		return 0
	}
	if p.flat.Undecoded == before {
		ev = p.decoded // of few odd lines package read makes one of two events
	}
	for m := range p.set.Match(ev) {
		want = append(want, m)
	}
	if !slices.EqualFunc(want, got, func(a, b *sigma.Match) bool {
		return a.Rule == b.Rule && reflect.DeepEqual(a.Fields, b.Fields) &&
			reflect.DeepEqual(a.Selections, b.Selections)
	}) {
		t.Fatalf("flatjson %v\n%s\nreference%s\nengine%s", p.flat.Undecoded > before, line, show(want), show(got))
	}
	return len(want)
}

func show(list []*sigma.Match) string {
	out := ""
	for _, m := range list {
		out += fmt.Sprintf("\n  %s %v", m.Rule.Title, m.Fields)
	}
	return out
}

// TestRandomLines compares both ways on random lines; MENEKI_QUICK_LINES is how
// many.
func TestRandomLines(t *testing.T) {
	set := rules(t, names...)
	p := newPair(set, engine.Compile(set, engine.Options{}))
	q := p.flat
	n := 4_000
	if testing.Short() || raceDetector {
		n = 500
	}
	if s := os.Getenv("MENEKI_QUICK_LINES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	matches := 0
	for range n {
		matches += p.check(t, randomLine(r))
	}
	t.Logf("%d lines, %d undecoded, %d decoded, %d matches with %d rules", n, q.Undecoded, q.Decoded, matches,
		len(set.Rules))
	if q.Undecoded < q.Decoded || matches < n {
		t.Error("what is compared here?")
	}
}

// TestWrapping: lines that package read takes for wrappers of records, or of a record.
func TestWrapping(t *testing.T) {
	set := rules(t, names...)
	p := newPair(set, engine.Compile(set, engine.Options{}))
	r := rand.New(rand.NewPCG(9, 9))
	for range 400 {
		line := randomLine(r)
		if len(line) < 2 || line[0] != '{' {
			continue
		}
		lead := pick(r, `{"events":[{"a":"b"}],`, `{"value":[{"EventID":1}],`,
			`{"took":1,"hits":{"hits":[{"EventID":1}]},`, `{"value":"x",`, `{"value":[],`, `{"index":{},`,
			`{"AuditData":"{\"EventID\":1}","RecordType":1,`, `{"MESSAGE":"wardog","_HOSTNAME":"y",`,
			`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"x",`,
			`{"action":"a.b","actor":"x","_document_id":"y",`)
		p.check(t, append([]byte(lead), line[1:]...))
	}
	if p.flat.Undecoded == 0 || p.flat.Decoded == 0 {
		t.Errorf("%d undecoded, %d decoded", p.flat.Undecoded, p.flat.Decoded)
	}
}

func FuzzLine(f *testing.F) {
	set := rules(f, names...)
	e := engine.Compile(set, engine.Options{})
	r := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		f.Add(randomLine(r))
	}
	f.Add([]byte(`{"EventID":1,"Channel":"Security","a":[[[[[[]]]]]]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 || len(line) > 1<<16 {
			return // not a line
		}
		newPair(set, e).check(t, line)
	})
}

// TestKeyOrder: the order of members does not matter, as long as no key comes
// twice.
func TestKeyOrder(t *testing.T) {
	set := rules(t, names...)
	q := flatjson.NewMatcher(engine.Compile(set, engine.Options{}), decode)
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 500 {
		seen := map[string]bool{"EventID": true, "Channel": true}
		members := []string{`"EventID":4688`, `"Channel":"Security"`}
		for range r.IntN(8) {
			if key := keys[r.IntN(len(keys))]; !seen[key] {
				seen[key] = true
				members = append(members, jsonKey(key)+":"+jsonText(r))
			}
		}
		match := func() (out []string) {
			line := []byte("{" + strings.Join(members, ",") + "}")
			if err := q.Match(line, func(_ *event.Event,
				m *sigma.Match) bool {
				out = append(out, m.Rule.ID)
				return true
			}); err != nil {
				return []string{err.Error()[:10]}
			}
			return out
		}
		first := match()
		found += len(first)
		r.Shuffle(len(members), func(i, k int) { members[i], members[k] = members[k], members[i] })
		if again := match(); !slices.Equal(first, again) {
			t.Fatalf("%v\n%v\n%v", members, first, again)
		}
	}
	if found == 0 {
		t.Error("nothing matched")
	}
}

// TestGolden: the samples that are published with rules, which are of another
// shape, come to the same in both ways.
func TestGolden(t *testing.T) {
	set := allRules(t)
	p := newPair(set, engine.Compile(set, engine.Options{}))
	dir := dataDir(t, "sigma-golden")
	events, matches := 0, 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".json") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		values := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		for values.More() {
			var raw json.RawMessage
			if values.Decode(&raw) != nil {
				return nil // not JSON: a line of syslog
			}
			var flat bytes.Buffer
			if err := json.Compact(&flat, raw); err != nil {
				return err
			}
			events++
			matches += p.check(t, flat.Bytes())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d matches", events, matches)
	if matches < 91 {
		t.Errorf("%d matches in %d events", matches, events)
	}
}

// TestLimits: lines that are too long, too deep or broken are handed on, and no
// line makes it panic.
func TestLimits(t *testing.T) {
	set := rules(t, "CommandLine", "Image")
	p := newPair(set, engine.Compile(set, engine.Options{}))
	head := `{"EventID":4688,"Channel":"Security","CommandLine":`
	for name, line := range map[string]string{
		"10 MB field":    head + `"` + strings.Repeat("a", 10<<20) + `"}`,
		"depth 300":      head + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}",
		"depth 10000":    head + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000) + "}",
		"lone surrogate": head + `"\ud800 mimikatz"}`,
		"NUL":            head + "\"a\x00b\"}",
		"Shift_JIS":      head + "\"\x93\xfa\x96\x7b\"}",
		"many keys":      "{" + manyKeys(20_000) + `"EventID":4688,"Channel":"Security"}`,
		"long key":       `{"` + strings.Repeat("k", 100_000) + `":1,"EventID":4688,"Channel":"Security"}`,
		"duplicates":     `{"EventID":1,"EventID":4688,"Channel":"x","Channel":"Security","Image":"a","Image":null}`,
	} {
		t.Run(name, func(t *testing.T) { p.check(t, []byte(line)) })
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i)
	}
	return b.String()
}

// TestMade: values that the line does not have as they are, of process starts and
// registry changes, are not read as JSON spells them: a path holds what looks like
// its escapes. The rules wait on a literal of another field, so that nothing but the
// test itself looks at these.
func TestMade(t *testing.T) {
	c := &sigma.Collection{}
	fields := []string{"Image", "ParentImage", "CommandLine", "TargetObject", "Details", "User"}
	tests := []string{"|contains|cased: bcd", "|contains|cased: ode", "|re: 'bcdedit'", "|re: 'users'", "|re: 'sers'",
		"|re: 'n'", "|re: '.{20,}'", "|re: '.{7,}'", "|re: '[^\\n]{12}'"}
	for i, field := range fields {
		for k, test := range tests {
			n := i*len(tests) + k
			got := sigma.ParseCollection(fmt.Sprintf("%04d.yml", n), fmt.Appendf(nil,
				"title: rule %d\nid: 00000000-0000-4000-8000-%012d\nlogsource:\n  product: windows\n"+
					"detection:\n  sel:\n    x: 'a rare literal of y'\n    %s%s\n  condition: sel\n", n, n, field,
				test))
			if len(got.Refused) > 0 {
				t.Fatal(got.Refused[0])
			}
			c.Add(got)
		}
	}
	p := newPair(c.Set(), engine.Compile(c.Set(), engine.Options{}))
	r := rand.New(rand.NewPCG(3, 8))
	path := func() string {
		s := pick(r, `C:`, `D:`, `\\REGISTRY\\MACHINE`)
		for range 1 + r.IntN(4) {
			s += `\\` + pick(r, "bcdedit", "users", "nodes", "n", "u0062cd", "b", "temp", "rn", "日本", "ux", "Windows")
		}
		return s
	}
	matches := 0
	for range 4000 {
		line := pick(r,
			`{"EventID":4688,"Channel":"Security","NewProcessName":"%s","ParentProcessName":"%s","ProcessCommandLine":"%s","SubjectUserName":"%s","SubjectDomainName":"n",`,
			`{"EventID":4657,"Channel":"Security","ProcessName":"%s","ObjectName":"%s","ObjectValueName":"%s","NewValue":"%s","OperationType":"%%%%1904",`,
			`{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"%s","ParentImage":"%s","CommandLine":"%s","User":"%s",`)
		line = fmt.Sprintf(line, path(), path(), path(), path()) + `"x":"a rare literal of y"}`
		matches += p.check(t, []byte(line))
	}
	if p.flat.Decoded > 0 || matches < 4000 {
		t.Errorf("%d lines undecoded, %d decoded, %d matches", p.flat.Undecoded, p.flat.Decoded, matches)
	}
}
