package read

import (
	"path"
	"strings"
	"time"
)

// maxWrap is how many envelopes one record may be in (syslog in JSON in …).
const maxWrap = 4

// shape recognises a decoded JSON record. A record of no known shape keeps its
// fields as they are, and its product stays open.
func (d *Decoder) shape(m map[string]any, name string, hint Hint, depth int) record {
	if depth < maxWrap {
		if inner, ok := m["_source"].(map[string]any); ok && (m["_index"] != nil || len(m) == 1) {
			return d.shape(inner, name, hint, depth+1) // an Elasticsearch export
		}
		if r, ok := d.wrapped(m, name, hint, depth); ok {
			return r
		}
	}
	if r, ok := windowsShape(m); ok {
		return r
	}
	if depth < maxWrap { // after Windows, as package flatjson has it
		if inner, ok := auditData(m); ok {
			return d.shape(inner, name, hint, depth+1)
		}
		if r, ok := d.journalShape(m, name, hint, depth); ok {
			return r
		}
	}
	if r, ok := eveShape(m); ok {
		return r
	}
	if r, ok := cloudTrailShape(m); ok {
		return r
	}
	if r, ok := cloudShape(m); ok {
		return r
	}
	if r, ok := zeekShape(m, name); ok {
		return r
	}
	if r, ok := ocsfShape(m); ok {
		return r
	}
	if r, ok := ecsShape(m); ok {
		return r
	}
	if r, ok := w3cShape(m); ok {
		return r
	}
	return plainShape(m)
}

// wrapped opens JSON that carries a whole foreign record in one field: Log
// Analytics' Syslog table.
func (d *Decoder) wrapped(m map[string]any, name string, hint Hint, depth int) (record, bool) {
	msg, ok := m["SyslogMessage"].(string)
	if !ok {
		return record{}, false
	}
	r := d.text(clean(msg), name, hint, depth+1)
	if r.fields == nil {
		r.fields = map[string]any{}
	}
	for k, v := range m {
		if k == "SyslogMessage" && r.known || k == "EventData" || k == "EventType" {
			continue // the same text again
		}
		put(r.fields, k, v)
	}
	if r.product == "" {
		r.product, r.service = "linux", programService(str(m, "ProcessName"))
	}
	if r.time.IsZero() {
		r.time = firstTime(m, "EventTime", "TimeGenerated")
	}
	if r.host == "" {
		r.host = firstText(m, "Computer", "HostName")
	}
	r.known = true
	return r, true
}

// timeNames are the names under which records of no known shape have their time,
// the surest first: the last ones may also be the time of something in the record.
var timeNames = []string{
	"@timestamp", "timestamp", "time", "ts", "eventTime", "EventTime", "TimeGenerated", "TimeCreated", "UtcTime",
	"datetime", "date",
	"event_time", "created", "createdDateTime", "published", "_time", "Timestamp", "TimeStamp", "Time", "DateTime",
	"dateTime",
	"event_timestamp", "eventTimestamp", "EventTimestamp", "SystemTime", "CreationTime", "timeGenerated", "timeCreated",
	"log_time",
	"local_time", "created_at", "start_time", "startTime", "StartTime",
}

// plainShape is a record of unknown shape.
func plainShape(m map[string]any) record {
	r := record{fields: m}
	r.time = firstTime(m, timeNames...)
	r.host = firstText(m, "Computer", "Hostname", "HostName", "hostname", "host.name", "host")
	r.user = firstText(m, "User", "user.name", "username", "user")
	for _, k := range []string{"host", "user"} {
		if o, ok := m[k].(map[string]any); ok {
			if v := str(o, "name"); v != "" && k == "host" && r.host == "" {
				r.host = v
			} else if v != "" && k == "user" && r.user == "" {
				r.user = v
			}
		}
	}
	return r
}

// put sets a field that is not there yet.
func put(m map[string]any, k string, v any) {
	if v == nil || v == "" {
		return
	}
	if _, ok := m[k]; !ok {
		m[k] = v
	}
}

func str(m map[string]any, k string) string {
	s, _ := m[k].(string)
	return s
}

func sub(m map[string]any, k string) map[string]any {
	o, _ := m[k].(map[string]any)
	return o
}

func firstText(m map[string]any, keys ...string) string {
	for _, k := range keys {
		if s := str(m, k); s != "" && s != "-" {
			return s
		}
	}
	return ""
}

func firstTime(m map[string]any, keys ...string) time.Time {
	for _, k := range keys {
		if v, ok := m[k]; ok {
			if t, _, ok := parseTime(v); ok {
				return t
			}
		}
	}
	return time.Time{}
}

// baseName is the last part of a source's name, inside an archive too.
func baseName(name string) string {
	if i := strings.LastIndexByte(name, '!'); i >= 0 {
		name = name[i+1:]
	}
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}
