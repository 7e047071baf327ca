package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// detected runs meneki detect in English, and gives what it wrote and its exit code.
func detected(t testing.TB, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), append([]string{"--lang", "en", "detect", "--no-progress"}, args...), &o, &e)
	return o.String(), e.String(), code
}

// put writes files into a new folder.
func put(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// spraying is one machine that fails to sign in under nine accounts of three
// Windows machines and three of a Linux one. u8 and u9 of the latter are, by the
// account list, two of those before; the times are those of several files.
func spraying(t testing.TB) (logs, accounts string) {
	when := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	files := map[string]string{"rules/none.yml": "title: Never\nlogsource:\n    product: nothing\n" +
		"detection:\n    s:\n        a: b\n    condition: s\n"}
	for i := range 9 {
		at := when.Add(time.Duration(i) * 30 * time.Second)
		files[fmt.Sprintf("logs/dc%d.json",
			i%3)] += fmt.Sprintf(
			`{"EventID":4625,"Channel":"Security","Provider_Name":"Microsoft-Windows-Security-Auditing","TimeCreated":%q,"Computer":"dc%d.corp.example","TargetUserSid":"S-1-0-0","TargetDomainName":"CORP","TargetUserName":"u%d","IpAddress":"203.0.113.7","LogonType":3,"EventRecordID":%d}`+"\n",
			at.Format(time.RFC3339), i%3, i, i)
	}
	for i, u := range []string{"new1", "mail8", "mail9"} {
		files["logs/web.log"] += fmt.Sprintf(
			"<38>1 %s web1 sshd 12 - - Failed password for %s from 203.0.113.7 port %d ssh2\n",
			when.Add(time.Duration(5+i)*time.Minute).Format(time.RFC3339), u, 4000+i,
		)
	}
	files["people.csv"] = "sAMAccountName,domain,alias\nu1,CORP,mail8@example.jp\n"
	dir := put(t, files)
	return filepath.Join(dir, "logs"), filepath.Join(dir, "people.csv")
}

// Our own rule finds a password spraying over several machines, with all that it
// rests on, in every format and however the files are read; an account list
// tells that some of the accounts are one.
func TestDetectSpraying(t *testing.T) {
	logs, accounts := spraying(t)
	none := filepath.Join(filepath.Dir(logs), "rules")
	first := ""
	for _, jobs := range []string{"1", "2", "5"} {
		out, errs, code := detected(t, "--rules", none, "--format", "jsonl", "--stats", "--jobs", jobs, logs)
		if code != 0 || strings.Count(out, "\n") != 1 {
			t.Fatalf("exit %d, %d lines\n%s\n%s", code, strings.Count(out, "\n"), out, errs)
		}
		if first == "" {
			first = out
		}
		if out != first {
			t.Errorf("jobs %s: another result", jobs)
		}
	}
	for _, want := range []string{`"title":"Password Spraying"`, `"level":"high"`, `"time":"2026-01-01T10:05:00Z"`,
		`"file":"` + filepath.Join(logs, "web.log") + `","record":1`, `"meneki.device":"ip:203.0.113.7"`,
		`"value_count":"10"`, `"` + filepath.Join(logs, "dc0.json") + `#1"`,
		`"` + filepath.Join(logs, "dc2.json") + `#3"`, `"` + filepath.Join(logs, "web.log") + `#1"`} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s in %s", want, first)
		}
	}
	for _, format := range []string{"terminal", "csv", "html", "stix", "timesketch"} {
		out, _, code := detected(t, "--rules", none, "--format", format, logs)
		if code != 0 || !strings.Contains(out, "Password Spraying") {
			t.Errorf("%s, exit %d:\n%s", format, code, out)
		}
		if !strings.Contains(out, "dc2.json#3") || !strings.Contains(out, "web.log#1") {
			t.Errorf("%s does not name the events that it rests on:\n%s", format, out)
		}
	}
	if out, errs, code := detected(t, "--rules", none, "--no-builtin-rules", "--format", "jsonl",
		logs); code != 0 || out != "" {
		t.Errorf("without our rules: exit %d\n%s\n%s", code, out, errs)
	}
	// u1 and mail8@example.jp are one person: one account less.
	text, err := os.ReadFile(filepath.Join(logs, "web.log"))
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("for new1"), []byte("for mail8@example.jp")),
		[]byte("for mail8 "), []byte("for CORP\\u1 "))
	text = text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1]
	if err := os.WriteFile(filepath.Join(logs, "web.log"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := detected(t, "--rules", none, "--format", "jsonl", logs); !strings.Contains(out,
		"Password Spraying") {
		t.Errorf("without the list they are ten accounts:\n%s", out)
	}
	if out, errs, code := detected(t, "--rules", none, "--format", "jsonl", "--accounts", accounts,
		logs); code != 0 || out != "" {
		t.Errorf("with the list they are nine: exit %d\n%s\n%s", code, out, errs)
	}
}

// A table of places shows travel that cannot be, in the order of the times and
// not of the files; the sign-ins before --from still count for what is known.
func TestDetectTravel(t *testing.T) {
	entra := func(at, ip string) string {
		return fmt.Sprintf(
			`{"category":"SignInLogs","time":%q,"operationName":"Sign-in activity","properties":{"createdDateTime":%q,"userPrincipalName":"sato@example.jp","ipAddress":%q,"status":{"errorCode":0}}}`+"\n", at, at, ip,
		)
	}
	dir := put(t, map[string]string{
		"logs/a.json": entra("2026-01-01T10:30:00Z", "198.51.100.9"), "logs/b.json": entra("2026-01-01T10:00:00Z",
			"192.0.2.1"),
		"places.csv": "network,latitude,longitude\n192.0.2.0/24,35.68,139.76\n198.51.100.0/24,52.52,13.40\n",
		"bad.csv":    "a,b\n1,2\n",
		"none/none.yml": "title: Never\nlogsource:\n    product: nothing\n" +
			"detection:\n    s:\n        a: b\n    condition: s\n",
	})
	args := []string{"--rules", filepath.Join(dir, "none"), "--format", "jsonl", "--zone", "UTC", "--from",
		"2026-01-01 10:15", filepath.Join(dir, "logs")}
	out, errs, code := detected(t, append(args, "--places", filepath.Join(dir, "places.csv"))...)
	if code != 0 || strings.Count(out, "\n") != 1 ||
		!strings.Contains(out, `"title":"Sign-In From Two Places That Are Too Far Apart"`) ||
		!strings.Contains(out, `"meneki.travel_km":"89`) || !strings.Contains(out, `a.json","record":1`) {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	if out, _, code := detected(t, args...); code != 0 || out != "" {
		t.Errorf("without the table: %s", out)
	}
	for _, flag := range []string{"--places", "--accounts"} {
		if _, errs, code := detected(t, append(args, flag, filepath.Join(dir, "nowhere"))...); code != 66 ||
			!strings.Contains(errs, "nowhere") {
			t.Errorf("%s: exit %d\n%s", flag, code, errs)
		}
	}
	if _, errs, code := detected(t, append(args, "--places", filepath.Join(dir, "bad.csv"))...); code == 0 ||
		!strings.Contains(errs, "bad.csv") {
		t.Errorf("a bad table: exit %d\n%s", code, errs)
	}
}

// A pipeline rewrites the rules that were given.
func TestDetectPipeline(t *testing.T) {
	dir := put(t, map[string]string{
		"r/r.yml": "title: Mapped\nlogsource:\n    product: windows\n" +
			"detection:\n    s:\n        Programme: evil\n    condition: s\n",
		"p.yml": "name: map\npriority: 1\ntransformations:\n  - id: a\n    type: field_name_mapping\n " +
			"   mapping:\n      Programme: Image\n",
		"log.json": `{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"evil"}` + "\n",
	})
	if out, errs, code := detected(t, "--rules", filepath.Join(dir, "r"), "--format", "jsonl",
		filepath.Join(dir, "log.json")); code != 0 || out != "" {
		t.Errorf("without it: exit %d\n%s\n%s", code, out, errs)
	}
	if out, errs, code := detected(t, "--rules", filepath.Join(dir, "r"), "--pipeline", filepath.Join(dir, "p.yml"),
		"--format", "jsonl", filepath.Join(dir, "log.json")); code != 0 ||
		!strings.Contains(out, `"matched":{"Image":"evil"}`) {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	if _, errs, code := detected(t, "--rules", filepath.Join(dir, "r"), "--pipeline", "nowhere",
		filepath.Join(dir, "log.json")); code == 0 || !strings.Contains(errs, "nowhere") {
		t.Errorf("a pipeline that is not there: exit %d\n%s", code, errs)
	}
}
