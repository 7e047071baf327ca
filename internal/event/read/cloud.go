package read

import "strings"

// cloudShape recognises the audit logs of cloud services that Sigma rules are
// written for, by what their vendors' schemas always have. Fields keep their
// names: rules, and who is who, know them.
func cloudShape(m map[string]any) (record, bool) {
	r := record{fields: m, known: true}
	switch {
	case str(m, "Operation") != "" && m["CreationTime"] != nil && (m["RecordType"] != nil || m["Workload"] != nil): // Office 365 Management Activity API
		r.product, r.service = "m365", "audit"
		r.time = firstTime(m, "CreationTime")
		r.user = firstText(m, "UserId")
	case str(m, "userPrincipalName") != "" && m["createdDateTime"] != nil && (m["appDisplayName"] != nil || m["ipAddress"] != nil) && m["status"] != nil: // Microsoft Graph, signIn
		r.product, r.service = "azure", "signinlogs"
		r.time = firstTime(m, "createdDateTime")
		r.user = firstText(m, "userPrincipalName")
	case m["activityDateTime"] != nil && m["initiatedBy"] != nil: // Microsoft Graph, directoryAudit
		r.product, r.service = "azure", "auditlogs"
		r.time = firstTime(m, "activityDateTime")
		r.user = firstText(sub(sub(m, "initiatedBy"), "user"), "userPrincipalName")
	case m["operationName"] != nil && azureLogs[strings.ToLower(str(m, "category"))] != "" && m["time"] != nil: // Azure Monitor
		r.product, r.service = "azure", azureLogs[strings.ToLower(str(m, "category"))]
		r.time = firstTime(m, "time")
		r.user = firstText(sub(m, "properties"), "userPrincipalName")
	case str(m, "eventType") != "" && m["published"] != nil && m["actor"] != nil && m["outcome"] != nil: // Okta System Log
		r.product, r.service = "okta", "okta"
		r.time = firstTime(m, "published")
		r.user = firstText(sub(m, "actor"), "alternateId")
	case strings.HasSuffix(str(sub(m, "protoPayload"), "@type"), "google.cloud.audit.AuditLog"):
		r.product, r.service = "gcp", "gcp.audit"
		r.time = firstTime(m, "timestamp", "receiveTimestamp")
		r.user = firstText(sub(sub(m, "protoPayload"), "authenticationInfo"), "principalEmail")
	case str(m, "kind") == "Event" && strings.HasPrefix(str(m, "apiVersion"), "audit.k8s.io/"):
		r.product, r.service = "kubernetes", "audit"
		r.time = firstTime(m, "requestReceivedTimestamp", "stageTimestamp")
		r.user = firstText(sub(m, "user"), "username")
	default:
		return record{}, false
	}
	return r, true
}

// azureLogs maps the category of an Azure Monitor record, in small letters, to
// Sigma's service.
var azureLogs = map[string]string{
	"signinlogs": "signinlogs", "noninteractiveusersigninlogs": "signinlogs", "serviceprincipalsigninlogs": "signinlogs", "managedidentitysigninlogs": "signinlogs",
	"auditlogs": "auditlogs", "riskyusers": "riskdetection", "userriskevents": "riskdetection",
	"administrative": "activitylogs", "security": "activitylogs", "policy": "activitylogs", "alert": "activitylogs", "servicehealth": "activitylogs",
}

// journalShape recognises a record of the systemd journal (journalctl -o json,
// and what collectors make of it): a message of syslog under other names.
func (d *Decoder) journalShape(m map[string]any, name string, hint Hint, depth int) (record, bool) {
	text, ok := m["MESSAGE"].(string)
	if !ok || m["_HOSTNAME"] == nil && m["__REALTIME_TIMESTAMP"] == nil && m["_BOOT_ID"] == nil {
		return record{}, false
	}
	h := header{priority: -1, text: clean(text)}
	h.host, h.app, h.pid = str(m, "_HOSTNAME"), firstText(m, "SYSLOG_IDENTIFIER", "_COMM"), firstText(m, "_PID", "SYSLOG_PID")
	h.time = firstTime(m, "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")
	r := d.syslog(h, name, hint, depth)
	for k, v := range m {
		if k != "MESSAGE" {
			put(r.fields, k, v)
		}
	}
	return r, true
}
