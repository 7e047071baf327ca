package read

import "strings"

// m365Shape recognises a record of Microsoft 365's unified audit log (Office 365
// Management Activity API, "common schema"). The log is Sigma's service audit; what
// Exchange and the compliance centre wrote has a service of its own, which audit
// takes in (sigma.WiderService).
func m365Shape(m map[string]any) (record, bool) {
	workload := firstText(m, "Workload", "OfficeWorkload")
	if str(m, "Operation") == "" || m["CreationTime"] == nil && m["TimeGenerated"] == nil || m["RecordType"] == nil &&
		workload == "" ||
		m["CreationTime"] == nil && m["OfficeWorkload"] == nil {
		return record{}, false
	}
	r := record{product: "m365", service: "audit"}
	put(m, "Workload", workload)
	put(m, "ClientIP", m["Client_IPAddress"])
	put(m, "UserId", m["UserId_"])
	r.time = firstTime(m, "CreationTime", "TimeGenerated")
	r.user = firstText(m, "UserId", "UserKey")
	for _, k := range []string{"Parameters", "OperationProperties", "ExtendedProperties", "DeviceProperties",
		"ModifiedProperties"} {
		if s, ok := m[k].(string); ok {
			if list, ok := unpacked(s).([]any); ok {
				m[k] = append(list, s)
			}
		}
	}
	named(m, "", m["ExtendedProperties"], "Name", "Value")
	named(m, "", m["DeviceProperties"], "Name", "Value")
	legible(m, "Parameters")
	legible(m, "OperationProperties")
	event := str(m, "Operation")
	switch workload {
	case "Exchange":
		r.service = "exchange"
	case "SecurityComplianceCenter":
		r.service = "threat_management"
		if name := str(m, "Name"); name != "" && strings.HasPrefix(event, "Alert") {
			event = name // of the alert that was raised
		}
		if event == "Activity from suspicious IP addresses" {
			r.service = "threat_detection"
		}
	}
	// The names of Defender for Cloud Apps, in which some rules are written.
	put(m, "eventSource", workload)
	put(m, "eventName", event)
	switch strings.ToLower(str(m, "ResultStatus")) {
	case "", "success", "succeeded", "true":
		put(m, "status", "success")
	default:
		put(m, "status", "failure")
	}
	return r, true
}

// auditData opens what PowerShell's Search-UnifiedAuditLog and the portal's export
// wrap around a record.
func auditData(m map[string]any) (map[string]any, bool) {
	s, ok := m["AuditData"].(string)
	if !ok || m["RecordType"] == nil && m["Operations"] == nil && m["Operation"] == nil {
		return nil, false
	}
	inner, ok := unpacked(s).(map[string]any)
	return inner, ok
}
