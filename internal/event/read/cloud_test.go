package read_test

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
)

// Audit logs of cloud services and of the journal have their log source, their
// time, and who it was.
func TestCloudShapes(t *testing.T) {
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	for line, want := range map[string]string{
		`{"id":"x","createdDateTime":"2026-11-29T10:00:00Z","userPrincipalName":"sato@example.jp",` +
			`"ipAddress":"192.0.2.9","status":{"errorCode":0}}`: "azure signinlogs sato@example.jp",
		`{"time":"2026-11-29T10:00:00Z","category":"SignInLogs","operationName":"Sign-in activity",` +
			`"callerIpAddress":"192.0.2.9","properties":{"userPrincipalName":"sato@example.jp"}}`: "azure signinlogs " +
			"sato@example.jp",
		`{"time":"2026-11-29T10:00:00Z","category":"Administrative",` +
			`"operationName":"MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE",` +
			`"callerIpAddress":"192.0.2.9"}`: "azure activitylogs ",
		`{"activityDateTime":"2026-11-29T10:00:00Z","activityDisplayName":"Add user",` +
			`"initiatedBy":{"user":{"userPrincipalName":"sato@example.jp",` +
			`"ipAddress":"192.0.2.9"}}}`: "azure auditlogs sato@example.jp",
		`{"CreationTime":"2026-11-29T10:00:00","Operation":"UserLoggedIn","RecordType":15,"UserId":"sato@example.jp",` +
			`"ClientIP":"192.0.2.9","Workload":"AzureActiveDirectory"}`: "m365 audit sato@example.jp",
		`{"CreationTime":"2026-11-29T10:00:00","Operation":"New-InboxRule","RecordType":1,"UserId":"sato@example.jp",` +
			`"Workload":"Exchange"}`: "m365 exchange sato@example.jp",
		`{"actor":{"alternateId":"sato@example.jp"},"client":{"ipAddress":"192.0.2.9"},` +
			`"eventType":"user.session.start","outcome":{"result":"SUCCESS"},` +
			`"published":"2026-11-29T10:00:00.000Z"}`: "okta okta sato@example.jp",
		`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"create","user":{"username":"sato"},` +
			`"sourceIPs":["192.0.2.9"],"requestReceivedTimestamp":"2026-11-29T10:00:00.000000Z"}`: "kubernetes " +
			"audit sato",
		`{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",` +
			`"authenticationInfo":{"principalEmail":"sato@example.jp"},"requestMetadata":{"callerIp":"192.0.2.9"}},` +
			`"timestamp":"2026-11-29T10:00:00Z"}`: "gcp gcp.audit sato@example.jp",
		`{"MESSAGE":"Failed password for root from 192.0.2.9 port 22 ssh2","SYSLOG_IDENTIFIER":"sshd","_PID":"812",` +
			`"_HOSTNAME":"web1","__REALTIME_TIMESTAMP":"1795946400000000","PRIORITY":"6"}`: "linux sshd ",
		`{"MESSAGE":"  sato : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls","SYSLOG_IDENTIFIER":"sudo",` +
			`"_HOSTNAME":"web1","_SOURCE_REALTIME_TIMESTAMP":"1795946400000000"}`: "linux sudo sato",
		`{"MESSAGE":"{\"timestamp\":\"2026-11-29T10:00:00Z\",\"event_type\":\"flow\",\"src_ip\":\"192.0.2.9\",` +
			`\"flow_id\":1}","SYSLOG_IDENTIFIER":"suricata","_HOSTNAME":"ids1",` +
			`"__REALTIME_TIMESTAMP":"1"}`: "suricata connection ",
		`<34>1 2026-11-29T10:00:00.000000999Z web1 sshd 812 - - Failed password for root from 192.0.2.9 port ` +
			`22 ssh2`: "linux sshd ",
		`<34>1 2026-11-29T19:00:00.0000000+09:00 web1 sshd 812 - - Failed password for root from 192.0.2.9 port ` +
			`22 ssh2`: "linux sshd ",
		`<34>Nov 29 10:00:00 2026 web1 sshd[812]: Failed password for root from 192.0.2.9 port 22 ssh2`: "linux sshd ",
	} {
		evs, err := read.Line(event.Source{Sensor: "test"}, []byte(line), read.Hint{Seen: at.AddDate(1, 0, 0)})
		if err != nil || len(evs) != 1 {
			t.Errorf("%s: %d, %v", line, len(evs), err)
			continue
		}
		e := evs[0]
		if got := e.Product + " " + e.Service + " " + e.User; got != want || !e.Time.Equal(at) {
			t.Errorf("%s\n%q at %s, want %q", line, got, e.Time, want)
		}
		if e.Product == "linux" && e.Host != "web1" {
			t.Errorf("%s\nhost %q", line, e.Host)
		}
	}
}
