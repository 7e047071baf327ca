package read

import "strings"

// gcpShape recognises an audit log entry of Google Cloud (LogEntry with an AuditLog
// as protoPayload), also under data as it comes through Pub/Sub. Entries of Google
// Workspace have services of their own.
func gcpShape(m map[string]any) (record, bool) {
	entry, p := m, sub(m, "protoPayload")
	if p == nil {
		entry = sub(m, "data")
		p = sub(entry, "protoPayload")
	}
	if p == nil || str(p, "@type") != "type.googleapis.com/google.cloud.audit.AuditLog" &&
		!strings.Contains(str(entry, "logName"), "cloudaudit.googleapis.com") {
		return record{}, false
	}
	r := record{product: "gcp", service: "gcp.audit"}
	r.time = firstTime(entry, "timestamp", "receiveTimestamp")
	r.user = textAt(p, "authenticationInfo.principalEmail", "authenticationInfo.principalSubject")
	put(m, "protoPayload", p)
	service := str(p, "serviceName")
	put(m, "protoPayload.serviceName", service)
	put(m, "gcp.audit.method_name", p["methodName"])
	put(m, "gcp.audit.service_name", service)
	put(m, "gcp.audit.resource_name", p["resourceName"])
	for _, k := range []string{"serviceName", "methodName", "resourceName", "authorizationInfo.permission",
		"authorizationInfo.granted"} {
		put(m, "data.protoPayload."+k, reach(p, k))
	}
	put(m, "data.protoPayload.resource.type", reach(entry, "resource.type"))
	if log := str(entry, "logName"); log != "" {
		// Rules know its last part, with and without its escape.
		_, name, found := strings.Cut(log, "/logs/")
		if !found {
			name = log
		}
		put(m, "data.protoPayload.logName", []any{log, name})
	}
	switch service {
	case "admin.googleapis.com":
		r.service = "google_workspace.admin"
	case "login.googleapis.com":
		r.service = "google_workspace.login"
	default:
		return r, true
	}
	put(m, "eventService", service)
	events, _ := sub(p, "metadata")["event"].([]any)
	workspaceEvents(m, events, "eventName", "parameter")
	return r, true
}

// workspaceShape recognises an activity of Google Workspace's Reports API
// (admin#reports#activity), which may hold several events.
func workspaceShape(m map[string]any) (record, bool) {
	app := str(sub(m, "id"), "applicationName")
	events, ok := m["events"].([]any)
	if !ok || app == "" || str(m, "kind") != "admin#reports#activity" {
		return record{}, false
	}
	r := record{product: "gcp", service: "google_workspace." + app}
	r.time = firstTime(sub(m, "id"), "time")
	r.user = textAt(m, "actor.email", "actor.profileId")
	put(m, "eventService", app+".googleapis.com")
	put(m, "protoPayload.serviceName", app+".googleapis.com")
	workspaceEvents(m, events, "name", "parameters")
	put(m, "protoPayload.metadata.event.eventName", m["eventName"])
	return r, true
}

// workspaceEvents returns names and parameters of events as fields.
func workspaceEvents(m map[string]any, events []any, name, parameters string) {
	var names []any
	for i, e := range events {
		o, ok := e.(map[string]any)
		if !ok || i >= maxAdded {
			continue
		}
		if v := str(o, name); v != "" {
			names = append(names, v)
		}
		list, _ := o[parameters].([]any)
		for i, p := range list {
			if o, ok := p.(map[string]any); ok && i < maxAdded && str(o, "name") != "" {
				for _, k := range []string{"value", "boolValue", "intValue", "multiValue"} {
					put(m, strings.ToLower(str(o, "name")), o[k])
				}
			}
		}
	}
	if len(names) == 1 {
		put(m, "eventName", names[0])
	} else if names != nil {
		put(m, "eventName", names)
	}
}
