package read_test

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma/pipeline"
)

// Records in ECS and OCSF get the log source that their category, class and
// system tell.
func TestSchemas(t *testing.T) {
	for _, c := range []struct{ raw, want, host, user string }{
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8.11.0"},"event":{"category":["process"],"type":["start"]},"host":{"name":"pc1","os":{"type":"windows"}},"user":{"name":"sato"},"process":{"executable":"C:\\x.exe"}}`,
			"windows//process_creation", "pc1", "sato"},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs.version":"8.11.0","event.category":"process","event.type":"end","host.os.type":"macos","host.name":"m1"}`, "macos//process_termination", "m1", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","event":{"category":["file"],"type":["creation"]},"host":{"os":{"family":"debian","platform":"debian"}}}`, "linux//file_event", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["registry"],"type":["change"]},"process":{"executable":"C:\\r.exe"}}`, "windows//registry_event,registry_set", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["network"],"type":["connection","start"]},"process":{"executable":"/usr/bin/curl"}}`, "linux//network_connection", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["network"],"type":["connection","end"]},"process":{"executable":"/usr/bin/curl"}}`, "linux//", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["network"],"type":["protocol"],"dataset":"zeek.dns"},"dns":{"question":{"name":"a.example"}}}`, "zeek/dns/dns", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["network"],"type":["protocol"]},"process":{"name":"x"},"dns":{"question":{"name":"a.example"}},"host":{"os":{"type":"windows"}}}`, "windows//dns_query", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["web"],"type":["access"]},"http":{"response":{"status_code":200}}}`, "//webserver", "", "",
		},
		{
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":["network"],"type":["denied"]},"observer":{"type":"firewall","name":"fw1"}}`, "//firewall", "fw1", "",
		},
		{`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8"},"event":{"category":[7,null],"type":{}}}`,
			"//", "", ""},

		{
			`{"class_uid":1007,"category_uid":1,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"},"device":{"hostname":"pc2","os":{"type_id":100}},"actor":{"user":{"name":"abe"}},"process":{"cmd_line":"x"}}`, "windows//process_creation", "pc2", "abe",
		},
		{
			`{"class_uid":1007,"category_uid":1,"activity_id":3,"time":1767323045000,"metadata":{"version":"1.1.0"},"device":{"os":{"name":"macOS"}}}`, "macos//process_access", "", "",
		},
		{`{"class_uid":201002,"category_uid":1,"activity_id":2,"time":1767323045000,"metadata":{"version":"1.1.0"}}`,
			"windows//registry_event,registry_set", "", ""},
		{`{"class_uid":4003,"category_uid":4,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"}}`,
			"//dns", "", ""},
		{
			`{"class_uid":4001,"category_uid":4,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"},"actor":{"process":{"pid":4}},"device":{"os":{"type_id":200}}}`, "linux//network_connection", "", "",
		},
		{`{"class_uid":4001,"category_uid":4,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"}}`,
			"//firewall", "", ""},
		{
			`{"class_uid":3002,"category_uid":3,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"},"device":{"os":{"type":"Windows"}}}`, "windows/security/", "", "",
		},
		{`{"class_uid":"no number","category_uid":3,"time":1767323045000}`, "//", "", ""},
		{`{"class_uid":99999999,"category_uid":3,"time":1767323045000}`, "//", "", ""},
	} {
		e := one(t, c.raw)
		if got := e.Product + "/" + e.Service + "/" + strings.Join(e.Categories, ","); got != c.want ||
			e.Host != c.host || e.User != c.user {
			t.Errorf("%s\n%s host %q user %q, want %s %q %q", c.raw, got, e.Host, e.User, c.want, c.host, c.user)
		}
		if e.Time.Year() != 2026 {
			t.Errorf("%s: time %v", c.raw, e.Time)
		}
	}
}

// A rule that was written for Sysmon's names finds the same in both schemas,
// through the pipelines that are built in.
func TestSchemasMatch(t *testing.T) {
	const rule = `title: Download
logsource: {product: windows, category: process_creation}
detection:
  s: {Image|endswith: '\certutil.exe', CommandLine|contains: urlcache, ParentImage|endswith: '\cmd.exe'}
  condition: s
`
	for name, c := range map[string]struct{ yes, no string }{
		"ecs-windows": {
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8.11.0"},"event":{"category":["process"],"type":["start"]},"host":{"os":{"type":"windows"}},"process":{"executable":"C:\\Windows\\System32\\certutil.exe","command_line":"certutil -URLCache -f http://x.example/a","parent":{"executable":"C:\\Windows\\System32\\cmd.exe"}}}`,
			`{"@timestamp":"2026-01-02T03:04:05Z","ecs":{"version":"8.11.0"},"event":{"category":["process"],"type":["end"]},"host":{"os":{"type":"windows"}},"process":{"executable":"C:\\Windows\\System32\\certutil.exe","command_line":"certutil -URLCache -f http://x.example/a","parent":{"executable":"C:\\Windows\\System32\\cmd.exe"}}}`},
		"ocsf": {
			`{"class_uid":1007,"category_uid":1,"activity_id":1,"time":1767323045000,"metadata":{"version":"1.1.0"},"device":{"os":{"type_id":100}},"process":{"cmd_line":"certutil -urlcache x","file":{"path":"C:\\Windows\\certutil.exe"},"parent_process":{"file":{"path":"C:\\Windows\\cmd.exe"}}}}`,
			`{"class_uid":1007,"category_uid":1,"activity_id":2,"time":1767323045000,"metadata":{"version":"1.1.0"},"device":{"os":{"type_id":100}},"process":{"cmd_line":"certutil -urlcache x","file":{"path":"C:\\Windows\\certutil.exe"},"parent_process":{"file":{"path":"C:\\Windows\\cmd.exe"}}}}`},
	} {
		p, err := pipeline.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		set := pipeline.Combine(p).Parse("r.yml", []byte(rule)).Set()
		if len(set.Rules) != 1 {
			t.Fatal(name, set.Refused)
		}
		for raw, want := range map[string]int{c.yes: 1, c.no: 0} {
			got := 0
			for range set.Match(one(t, raw)) {
				got++
			}
			if got != want {
				t.Errorf("%s: %d matches of %s", name, got, raw)
			}
		}
	}
}
