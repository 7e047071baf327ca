package pipeline

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

func named(t testing.TB, name string) *Chain {
	t.Helper()
	p, ok := Builtin(name)
	if !ok {
		t.Fatalf("no pipeline %s", name)
	}
	return Combine(p)
}

// Every built-in pipeline is understood.
func TestBuiltinsParse(t *testing.T) {
	names := Builtins()
	if len(names) < 6 {
		t.Errorf("only %q", names)
	}
	for _, name := range names {
		data, err := builtin.ReadFile("builtin/" + name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(name, data); err != nil {
			t.Error(err)
		}
		if p, ok := Builtin(name); !ok || p.Name == "" || p.Priority == 0 {
			t.Errorf("%s: %v %v", name, p, ok)
		}
	}
	if _, ok := Builtin("../builtin/sysmon"); ok {
		t.Error("a path is no name")
	}
}

// TestBuiltins: small events in the form that each pipeline is for, through a set.
func TestBuiltins(t *testing.T) {
	const md5 = "00000000000000000000000000000001"
	for _, v := range []struct {
		pipeline, source, detection string
		eventSource                 string
		yes, no                     []string
	}{
		{"ecs-windows", "windows/process_creation",
			sel("Image|endswith: \\a.exe\nParentCommandLine|contains: -x\nHashes|contains: MD5=" + md5 +
				"\nUser|contains: AUTHORI\nTerminalSessionId: 0\nOriginalFileName: A.EXE"),
			"windows/process_creation/sysmon",
			[]string{`{"process":{"executable":"C:\\a.exe","parent":{"command_line":"b -x"},"hash":{"md5":"` + md5 +
				`"},"pe":{"original_file_name":"a.exe"}},"user":{"name":"SYSTEM","domain":"NT AUTHORITY"},"winlog":{"event_data":{"TerminalSessionId":"0"}}}`},
			[]string{`{"process":{"executable":"C:\\a.exe","parent":{"command_line":"b -x"},"hash":{"md5":"` + md5 +
				`"},"pe":{"original_file_name":"a.exe"}},"user":{"name":"SYSTEM"},"winlog":{"event_data":{"TerminalSessionId":"0"}}}`, `{"Image":"C:\\a.exe"}`}},
		{"ecs-windows", "windows/network_connection",
			sel("Initiated: 'true'\nDestinationPort: [80, 443]\nDestinationIp|cidr: 10.0.0.0/8"),
			"windows/network_connection/sysmon",
			[]string{`{"network":{"direction":"egress"},"destination":{"port":443,"ip":"10.1.2.3"}}`,
				`{"network.direction":"outbound","destination.port":80,"destination.ip":"10.1.2.3"}`},
			[]string{`{"network":{"direction":"ingress"},"destination":{"port":443,"ip":"10.1.2.3"}}`}},
		{"ecs-windows", "windows/network_connection", sel("Initiated: false"), "windows/network_connection/sysmon",
			[]string{`{"network":{"direction":"ingress"}}`},
			[]string{`{"network":{"direction":"egress"}}`, `{"Initiated":false}`}},
		{"ecs-windows", "windows//security", sel("EventID: 4625\nTargetUserName: bob\nIpAddress: 10.0.0.1"),
			"windows//security",
			[]string{
				`{"event":{"code":"4625"},"winlog":{"event_data":{"TargetUserName":"bob"}},"source":{"ip":"10.0.0.1"}}`,
				`{"event":{"code":4625},"winlog":{"event_data":{"TargetUserName":"bob","IpAddress":"10.0.0.1"}}}`,
			},
			[]string{`{"event":{"code":"4625"},"user":{"name":"bob"},"source":{"ip":"10.0.0.1"}}`}},
		{"ecs-windows", "windows/registry_set", sel("TargetObject|endswith: \\Run\\x\nDetails: y"),
			"windows/registry_set/sysmon",
			[]string{`{"registry":{"path":"HKLM\\Run\\x","data":{"strings":["y"]}}}`},
			[]string{`{"registry":{"path":"HKLM\\Run","value":"x","data":{"strings":["y"]}}}`}},
		{"ecs-windows", "windows/image_load", sel("ImageLoaded|endswith: a.dll\nSigned: 'false'"),
			"windows/image_load/sysmon",
			[]string{`{"file":{"path":"C:\\a.dll","code_signature":{"signed":false}}}`},
			[]string{`{"file":{"path":"C:\\a.dll","code_signature":{"signed":true}}}`}},
		{"ecs-linux", "linux/process_creation", sel("Image|endswith: /nc\nCommandLine|contains: ' -e '"),
			"linux/process_creation", []string{`{"process":{"executable":"/bin/nc","command_line":"nc -e sh"}}`},
			[]string{`{"Image":"/bin/nc","CommandLine":"nc -e sh"}`}},
		{"ecs-network", "zeek//dns", sel("query|endswith: .example"), "zeek//dns",
			[]string{`{"dns":{"question":{"name":"a.example"}}}`}, []string{`{"query":"a.example"}`}},
		{"ecs-network", "/proxy", sel("c-uri|contains: /x\ncs-host: a.example\nsc-status: 200"), "any/proxy",
			[]string{
				`{"url":{"original":"http://a.example/x","domain":"a.example"},"http":{"response":{"status_code":200}}}`,
			}, []string{`{"url":{"original":"/y","domain":"a.example"},"http":{"response":{"status_code":200}}}`}},
		{"ocsf", "windows/process_creation",
			sel("Image|endswith: \\a.exe\nOriginalFileName: A.EXE\nHashes|contains: MD5=" + md5 +
				"\nParentImage|endswith: \\b.exe\nUser: bob"), "windows/process_creation",
			[]string{
				`{"class_uid":1007,"activity_id":1,"process":{"file":{"path":"C:\\a.exe","internal_name":"a.exe","hashes":[{"algorithm_id":3,"value":"ff"},{"algorithm_id":1,"value":"` + md5 + `"}]},"parent_process":{"file":{"path":"C:\\b.exe"}},"user":{"name":"bob","domain":"D"}}}`,
			},
			[]string{
				`{"class_uid":1007,"activity_id":2,"process":{"file":{"path":"C:\\a.exe","internal_name":"a.exe","hashes":[{"value":"` + md5 + `"}]},"parent_process":{"file":{"path":"C:\\b.exe"}},"user":{"name":"bob"}}}`,
			}},
		{"ocsf", "windows/file_event", sel("TargetFilename|startswith: C:\\Temp\nImage|endswith: \\a.exe"),
			"windows/file_event",
			[]string{
				`{"class_uid":1001,"activity_id":1,"file":{"path":"C:\\Temp\\x"},"actor":{"process":{"file":{"path":"C:\\a.exe"}}}}`,
			},
			[]string{
				`{"class_uid":1001,"activity_id":4,"file":{"path":"C:\\Temp\\x"},"actor":{"process":{"file":{"path":"C:\\a.exe"}}}}`,
			}},
		{"ocsf", "windows/registry_set", sel("TargetObject|contains: \\Run\\\nDetails: x"), "windows/registry_set",
			[]string{`{"class_uid":201002,"activity_id":2,"reg_value":{"path":"HKLM\\Run\\v","name":"v","data":"x"}}`},
			[]string{`{"class_uid":201001,"activity_id":2,"reg_value":{"path":"HKLM\\Run\\v","data":"x"}}`}},
		{"ocsf", "windows/registry_event", sel("TargetObject|endswith: \\Run"), "windows/registry_event",
			[]string{`{"class_uid":201001,"activity_id":1,"reg_key":{"path":"HKLM\\Run"}}`,
				`{"class_uid":201002,"reg_value":{"path":"HKLM\\Run"}}`},
			[]string{`{"class_uid":1001,"reg_key":{"path":"HKLM\\Run"}}`}},
		{"ocsf", "windows/network_connection",
			sel("Initiated: 'true'\nDestinationPort: 443\nDestinationHostname|endswith: .example"),
			"windows/network_connection",
			[]string{
				`{"class_uid":4001,"activity_id":6,"connection_info":{"direction_id":2},"dst_endpoint":{"port":443,"hostname":"a.example"}}`,
			},
			[]string{
				`{"class_uid":4001,"activity_id":6,"connection_info":{"direction_id":1},"dst_endpoint":{"port":443,"hostname":"a.example"}}`,
			}},
		{"ocsf", "windows/dns_query", sel("QueryName: a.example\nQueryResults|contains: 10.0.0.1"),
			"windows/dns_query",
			[]string{
				`{"class_uid":4003,"query":{"hostname":"A.example"},"answers":[{"rdata":"10.0.0.2"},{"rdata":"10.0.0.1"}]}`,
			}, []string{`{"class_uid":4003,"query":{"hostname":"b.example"},"answers":[{"rdata":"10.0.0.1"}]}`}},
		{"ocsf", "windows//security",
			sel("EventID: 4625\nLogonType: 3\nTargetUserName: bob\nIpAddress|cidr: 10.0.0.0/8"), "windows//security",
			[]string{
				`{"class_uid":3002,"metadata":{"event_code":"4625"},"logon_type_id":3,"user":{"name":"bob"},"src_endpoint":{"ip":"10.2.3.4"}}`,
			},
			[]string{
				`{"class_uid":3002,"metadata":{"event_code":"4624"},"logon_type_id":3,"user":{"name":"bob"},"src_endpoint":{"ip":"10.2.3.4"}}`,
			}},
		{"sysmon", "windows/registry_add", sel("TargetObject|contains: x"), "windows/registry_add/sysmon",
			[]string{`{"EventID":12,"EventType":"CreateKey","TargetObject":"x"}`},
			[]string{`{"EventID":12,"EventType":"DeleteKey","TargetObject":"x"}`,
				`{"EventID":13,"EventType":"CreateKey","TargetObject":"x"}`}},
		{"windows-audit", "windows/process_creation",
			sel("Image|endswith: \\a.exe\nParentImage|endswith: \\b.exe\nIntegrityLevel: High\nParentProcessId: 0x10"),
			"windows//security",
			[]string{
				`{"EventID":4688,"NewProcessName":"C:\\a.exe","ParentProcessName":"C:\\b.exe","MandatoryLabel":"S-1-16-12288","ProcessId":"0x10","NewProcessId":"0x20"}`,
			},
			[]string{
				`{"EventID":4688,"NewProcessName":"C:\\a.exe","ParentProcessName":"C:\\b.exe","MandatoryLabel":"S-1-16-8192","ProcessId":"0x10"}`, `{"EventID":4689,"NewProcessName":"C:\\a.exe","ParentProcessName":"C:\\b.exe","MandatoryLabel":"S-1-16-12288","ProcessId":"0x10"}`,
			}},
		{"windows-audit", "windows/registry_set",
			sel("Image|endswith: \\a.exe\nTargetObject|contains: \\Run\nDetails: x"), "windows//security",
			[]string{
				`{"EventID":4657,"OperationType":"%%1905","ProcessName":"C:\\a.exe","ObjectName":"\\REGISTRY\\MACHINE\\Run","NewValue":"x"}`, `{"EventID":4657,"OperationType":"Existing registry value modified","ProcessName":"C:\\a.exe","TargetObject":"HKLM\\Run\\v","Details":"x"}`,
			},
			[]string{
				`{"EventID":4657,"OperationType":"%%1906","ProcessName":"C:\\a.exe","ObjectName":"\\REGISTRY\\MACHINE\\Run","NewValue":"x"}`,
			}},
	} {
		c := named(t, v.pipeline)
		set := sigma.NewSet([]*sigma.Rule{one(t, c, rule(v.source, v.detection))})
		check := func(text string, want bool) {
			t.Helper()
			n := 0
			for range set.Match(event(t, v.eventSource, text)) {
				n++
			}
			if n == 1 != want {
				t.Errorf("%s: %d matches: %s\n%s", v.pipeline, n, text, v.detection)
			}
		}
		for _, text := range v.yes {
			check(text, true)
		}
		for _, text := range v.no {
			check(text, false)
		}
	}
}

// TestBuiltinsRefuse: what a schema cannot say is refused and not silently never
// found.
func TestBuiltinsRefuse(t *testing.T) {
	for _, v := range []struct{ pipeline, source, detection, want string }{
		{"ecs-windows", "windows/process_creation", sel("User|endswith: \\SYSTEM"), "domain and account apart"},
		{"ecs-windows", "windows/process_creation", sel("User|fieldref: ParentUser"), "not that of its parent"},
		{"ecs-linux", "linux/process_creation", sel("LogonId: 1"), "no mapping for LogonId"},
		{"ecs-network", "/proxy", sel("cs-cookie: x"), "no mapping for cs-cookie"},
		{"ocsf", "windows/process_creation", sel("ParentUser: x"), "no mapping for ParentUser"},
		{"ocsf", "windows/process_creation", sel("User: NT AUTHORITY\\SYSTEM"), "domain and account apart"},
		{"ocsf", "windows/ps_script", sel("ScriptBlockText: x"), "classes for this log source are not mapped"},
		{"ocsf", "windows//security", sel("EventID: 4720"), "classes for this log source are not mapped"},
		{"windows-audit", "windows/registry_event", sel("NewName: x"), "an event 4657 has no such field"},
	} {
		if got := refused(t, named(t, v.pipeline), rule(v.source, v.detection)); !strings.Contains(got, v.want) {
			t.Errorf("%s: got %s, want %s", v.pipeline, got, v.want)
		}
	}
}
