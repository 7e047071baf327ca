package observed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/stix"
)

var at = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// parse reads one JSON record as a sensor does.
func parse(t *testing.T, line string) *event.Event {
	t.Helper()
	list, err := read.Line(event.Source{Sensor: "file", Name: "a.json", Record: 1}, []byte(line), read.Hint{Seen: at})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return list[0]
}

// What each kind of record shows, as patterns ask for it.
func TestOf(t *testing.T) {
	const (
		sysmon1 = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Provider_Name":"Microsoft-Windows-Sysmon","Computer":"ws1","UtcTime":"2026-11-22 05:00:00.000","ProcessId":"4242","Image":"C:\\Temp\\Evil.EXE","CommandLine":"evil.exe -c http://C2.example:8080/a","CurrentDirectory":"C:\\","User":"POWER\\tanaka","Hashes":"MD5=0123456789ABCDEF0123456789ABCDEF,SHA1=0123456789ABCDEF0123456789ABCDEF01234567,IMPHASH=0123456789ABCDEF0123456789ABCDEF","ParentImage":"C:\\Office\\WINWORD.EXE","ParentProcessId":"17","ParentCommandLine":"winword a.doc"}`
		sysmon3 = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"Provider_Name":"Microsoft-Windows-Sysmon","UtcTime":"2026-11-22 05:00:00.000","Image":"C:\\a.exe","Protocol":"tcp","SourceIp":"10.0.0.5","SourcePort":"50000","DestinationIp":"192.0.2.1","DestinationPort":"443"}`
		win4688 = `{"Channel":"Security","EventID":4688,"Provider_Name":"Microsoft-Windows-Security-Auditing","NewProcessName":"C:\\b.exe","NewProcessId":"0x1a4","ProcessId":"0x10","ParentProcessName":"C:\\p.exe","SubjectUserName":"sato","SubjectUserSid":"S-1-5-21-1-2-3-1001","CommandLine":"b"}`
		reg     = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":13,"Provider_Name":"Microsoft-Windows-Sysmon","EventType":"SetValue","TargetObject":"HKLM\\SOFTWARE\\Run\\x","Details":"evil.exe","Image":"C:\\a.exe"}`
		image7  = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":7,"Provider_Name":"Microsoft-Windows-Sysmon","Image":"C:\\a.exe","ImageLoaded":"C:\\bad.dll","Hashes":"SHA256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`
		dns22   = `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":22,"Provider_Name":"Microsoft-Windows-Sysmon","QueryName":"C2.Example","QueryResults":"type:  5 cdn.example;::ffff:192.0.2.7;","Image":"C:\\a.exe"}`
		eveHTTP = `{"timestamp":"2026-11-22T05:00:00.000000+0000","event_type":"http","src_ip":"10.0.0.5","src_port":50000,"dest_ip":"192.0.2.1","dest_port":80,"proto":"TCP","app_proto":"http","http":{"hostname":"c2.example","url":"/Gate.php","http_user_agent":"Evil/1.0","http_method":"POST"}}`
		eveTLS  = `{"timestamp":"2026-11-22T05:00:00.000000+0000","event_type":"tls","src_ip":"10.0.0.5","src_port":50000,"dest_ip":"192.0.2.1","dest_port":443,"proto":"TCP","tls":{"subject":"CN=c2","issuerdn":"CN=ca","serial":"01:02","fingerprint":"01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67","sni":"c2.example"}}`
	)
	for _, c := range []struct {
		record, pattern string
		want            bool
	}{
		{sysmon1,
			"[process:pid = 4242 AND process:command_line LIKE 'evil%' AND process:cwd = 'C:\\\\' AND process:name = " +
				"'Evil.EXE']", true},
		{sysmon1,
			"[process:image_ref.hashes.MD5 = '0123456789abcdef0123456789abcdef' AND process:parent_ref.pid = 17 " +
				"AND process:parent_ref.image_ref.name = 'WINWORD.EXE']", true},
		{sysmon1, "[file:name = 'Evil.EXE' AND file:hashes.'SHA-1' = '0123456789abcdef0123456789abcdef01234567' AND " +
			"file:parent_directory_ref.path = 'C:\\\\Temp']", true},
		{sysmon1, "[file:name = 'WINWORD.EXE' AND EXISTS file:hashes]", false},
		{sysmon1, "[process:creator_user_ref.account_login = 'tanaka']", true},
		{sysmon1, "[url:value = 'http://c2.example:8080/a'] ", true},
		{sysmon1, "[network-traffic:dst_port = 8080]", false},
		{sysmon3, "[network-traffic:src_ref.value = '10.0.0.5' AND network-traffic:dst_ref.value = '192.0.2.1' AND " +
			"network-traffic:src_port = 50000 AND network-traffic:dst_port = 443]", true},
		{sysmon3, "[network-traffic:protocols[0] = 'ipv4' AND network-traffic:protocols[1] = 'tcp']", true},
		{sysmon3, "[process:opened_connection_refs[*].dst_port = 443 AND process:name = 'a.exe']", true},
		{sysmon3, "[network-traffic:dst_ref.value ISSUBSET '192.0.2.0/24']", true},
		{win4688,
			"[process:pid = 420 AND process:parent_ref.pid = 16 AND process:name = 'b.exe' AND " +
				"process:creator_user_ref.user_id = 'S-1-5-21-1-2-3-1001']", true},
		{reg,
			"[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\SOFTWARE\\\\Run' AND " +
				"windows-registry-key:values[*].name = 'x' AND windows-registry-key:values[0].data = 'evil.exe']",
			true},
		{image7, "[file:name = 'bad.dll' AND EXISTS file:hashes.'SHA-256']", true},
		{image7, "[file:name = 'a.exe' AND EXISTS file:hashes]", false},
		{dns22, "[domain-name:value = 'c2.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.7']", true},
		{dns22, "[domain-name:value = 'cdn.example' AND EXISTS domain-name:resolves_to_refs]", false},
		{eveHTTP,
			"[network-traffic:extensions.'http-request-ext'.request_method = 'post' AND " +
				"network-traffic:extensions.'http-request-ext'.request_value = '/Gate.php' AND " +
				"network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'Evil/1.0']", true},
		{eveHTTP, "[network-traffic:protocols[*] = 'http' AND network-traffic:dst_port = 80]", true},
		{eveTLS,
			"[x509-certificate:issuer = 'CN=ca' AND x509-certificate:hashes.'SHA-1' = " +
				"'0123456789abcdef0123456789abcdef01234567']", true},
	} {
		p, err := stix.ParsePattern(strings.TrimSpace(c.pattern))
		if err != nil {
			t.Fatalf("%s: %v", c.pattern, err)
		}
		seen := Of(parse(t, c.record))
		got, err := p.Match(seen)
		if err != nil || got != c.want {
			t.Errorf("%s: %t, %v\n%v", c.pattern, got, err, seen)
		}
		for _, q := range p.Comparisons() {
			if KindAt(q.Object, q.Path) == Never {
				t.Errorf("%s:%s is observed, and not known", q.Object, q.Path)
			}
		}
	}
}

// known holds an observation against the table: every path of it is there, with
// a value of its kind, and every reference leads to an object of it.
func known(t testing.TB, seen stix.Observation, met map[string]bool) {
	t.Helper()
	ids := map[string]bool{}
	for _, o := range seen {
		ids[o["id"].(string)] = true
	}
	for _, o := range seen {
		typ := o["type"].(string)
		var walk func(path string, v any)
		walk = func(path string, v any) {
			k := KindAt(typ, path)
			good := false
			switch v := v.(type) {
			case map[string]any:
				good = k == Ref
				for n, w := range v {
					if strings.ContainsAny(n, "-") {
						n = "'" + n + "'"
					}
					walk(path+"."+n, w)
				}
			case []any:
				for _, w := range v {
					walk(path, w)
				}
				return
			case string:
				good = k != Never && k != Number
				if k == Ref {
					good = ids[v]
				}
				if k == Folded || k == Hash || k == Value && typ != "url" {
					good = v == strings.ToLower(v)
				}
				if k == Time {
					_, err := stix.ParseTimestamp(v)
					good = err == nil
				}
			case int64:
				good = k == Number
			}
			if !good {
				t.Errorf("%s:%s is %T %v, and the table says %d", typ, path, v, v, k)
			}
			if met != nil {
				met[typ+":"+path] = true
			}
		}
		for n, v := range o {
			if n != "type" && n != "id" {
				walk(n, v)
			}
		}
	}
}

// Real records of all kinds show only what the table says, and most of it.
func TestRealEvents(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "data", "events-windows")
	if _, err := os.Stat(root); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("the recorded events are not beside the repository")
	}
	met := map[string]bool{}
	n := 0
	files, err := filepath.Glob(filepath.Join(root, "datasets", "atomic", "windows", "*", "host", "*.zip"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	enough := errors.New("enough")
	_, err = read.Paths(context.Background(), files[:min(len(files), 25)], read.Options{}, func(ev *event.Event) error {
		if n++; n == 20_000 || t.Failed() {
			return enough
		}
		known(t, Of(ev), met)
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		t.Fatal(err)
	}
	t.Logf("%d events of %d recordings show %d paths", n, min(len(files), 25), len(met))
	for _, p := range []string{"process:command_line", "process:parent_ref", "file:hashes.MD5",
		"network-traffic:dst_ref", "windows-registry-key:values.data", "user-account:user_id"} {
		if !met[p] {
			t.Errorf("no event shows %s", p)
		}
	}
}

// Nothing is shared with the event but text, and the same event gives the same.
func TestSame(t *testing.T) {
	ev := &event.Event{Time: at, Product: "windows", User: `A\b`, Fields: map[string]any{"Image": "/bin/sh",
		"DestinationIp": "192.0.2.1", "Hashes": "MD5=0123456789abcdef0123456789abcdef"}}
	if diff := cmp.Diff(Of(ev), Of(ev)); diff != "" {
		t.Error(diff)
	}
}

// Whatever an event holds, its observation is as the table says, and bounded.
func FuzzOf(f *testing.F) {
	f.Add("Image", `C:\a\b.exe`, "DestinationIp", "192.0.2.1", "windows", 7, true)
	f.Add("dns", "192.0.2.1;x.example", "QueryName", "x.example", "", 1, false)
	f.Add("http", "a", "email.from", "<a@b.example>", "zeek", 0, true)
	f.Add("TargetObject", `HKLM\a\b`, "EventType", "SetValue", "windows", 2, false)
	f.Add("Protocol", "6", "SourceIp", "::1", "", 3, true)
	f.Add("tls", "x", "mac", "AA-BB-CC-DD-EE-FF", "", 4, true)
	f.Fuzz(func(t *testing.T, a, v, b, w, product string, shape int, nested bool) {
		fields := map[string]any{a: v, b: w, "SourceIp": v, "DestinationIp": w}
		switch shape & 7 {
		case 0:
			fields[a] = []any{v, w, map[string]any{b: v}}
		case 1:
			fields[a] = map[string]any{b: []any{w, v}, "answers": []any{map[string]any{"rdata": v}}}
		case 2:
			fields[b] = float64(shape)
		case 3:
			fields[b] = int64(shape)
		case 4:
			fields[a] = map[string]any{"hostname": v, "http_method": w, "subject": v, "url": b}
		}
		if nested {
			fields["http"] = map[string]any{"http_method": v, "hostname": w, "http_user_agent": b}
			fields["fileinfo"] = map[string]any{"filename": v, "size": float64(shape), "md5": w}
			fields["dns"] = map[string]any{"rrname": v, "grouped": map[string]any{"A": []any{w, v}}}
		}
		ev := &event.Event{Time: at, Product: product, User: w, Fields: fields,
			Categories: []string{"network_connection", "registry_set"}}
		seen := Of(ev)
		known(t, seen, nil)
		if len(seen) > event.MaxObservables+40 {
			t.Errorf("%d objects", len(seen))
		}
	})
}
