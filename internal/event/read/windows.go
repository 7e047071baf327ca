package read

import (
	"maps"
	"strings"
	"time"
)

// windowsShape recognises a Windows event in any of the shapes that forwarders
// give it, and brings all of them to the same fields: the System part under
// Provider_Name, Provider_Guid, EventID, Version, Level, Task, Opcode, Keywords,
// TimeCreated, EventRecordID, Correlation_ActivityID, Execution_ProcessID,
// Execution_ThreadID, Channel, Computer and Security_UserID, the children of
// EventData and UserData under their own names without spaces, unnamed ones as
// the list Data. Where a data field has the name of a System field, Channel,
// Computer, EventID and Provider_Name are the System's and the others the data's.
func windowsShape(m map[string]any) (record, bool) {
	switch {
	case sub(sub(m, "Event"), "System") != nil:
		return windowsXML(sub(m, "Event"), nil), true
	case sub(m, "System") != nil &&
		(m["EventData"] != nil || m["UserData"] != nil || sub(m, "System")["EventID"] != nil):
		return windowsXML(m, nil), true
	case sub(m, "winlog") != nil:
		return winlogShape(m, sub(m, "winlog")), true
	case m["event_data"] != nil || m["event_id"] != nil:
		if m["log_name"] != nil || m["computer_name"] != nil {
			return winlogShape(m, m), true // winlogbeat before 7
		}
		if m["channel"] != nil && (sub(m, "provider") != nil || m["system_time"] != nil) {
			return collectorShape(m), true
		}
	case m["EventID"] != nil &&
		(m["Channel"] != nil || m["SourceName"] != nil || m["EventSourceName"] != nil || m["Provider_Name"] != nil ||
			m["ProviderGuid"] != nil || m["ProviderName"] != nil):
		return windowsFlat(m), true
	}
	return record{}, false
}

// system holds the fields that win over data fields of the same name.
var system = map[string]bool{"Channel": true, "Computer": true, "EventID": true, "Provider_Name": true}

// windowsXML reads {"System":{…},"EventData":{…}} as evtx_dump, chainsaw,
// xmltodict and our own XML reader make it.
func windowsXML(e map[string]any, r0 map[string]any) record {
	f := map[string]any{}
	for k, v := range r0 {
		f[k] = v
	}
	var when any
	for k, v := range sub(e, "System") {
		k = strings.TrimSuffix(k, "_attributes")
		o, ok := v.(map[string]any)
		if !ok {
			if v != nil {
				f[k] = v
			}
			continue
		}
		for a, w := range attributes(o) {
			switch {
			case k == "TimeCreated" && a == "SystemTime":
				when = w
				f[k] = w
			case a == "":
				f[k] = w
			case k == "Security" && a == "UserId":
				f["Security_UserID"] = w // Sysmon for Linux
			default:
				f[k+"_"+a] = w
			}
		}
	}
	if f["Provider_EventSourceName"] != nil && f["Provider_Name"] == nil {
		f["Provider_Name"] = f["Provider_EventSourceName"]
	}
	data(f, e["EventData"])
	if u := sub(e, "UserData"); u != nil {
		for k, v := range u {
			if o, ok := v.(map[string]any); ok && k != "#attributes" { // the one element that wraps them
				data(f, o)
			} else if v != nil && !strings.HasPrefix(k, "#") {
				putData(f, k, v)
			}
		}
	}
	if info := sub(e, "RenderingInfo"); info != nil {
		put(f, "Message", info["Message"])
	}
	numbers(f)
	r := record{fields: f, windows: true, known: true}
	if t, _, ok := parseTime(when); ok {
		r.time = t
	} else {
		r.time = firstTime(f, "TimeCreated", "UtcTime")
	}
	return r
}

// attributes returns the attributes of an element, and its text under "".
func attributes(o map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range o {
		switch {
		case k == "#attributes":
			for a, w := range sub(o, k) {
				out[a] = w
			}
		case k == "#text" || k == "$":
			out[""] = v
		default:
			out[strings.TrimPrefix(k, "@")] = v
		}
	}
	return out
}

// data adds the children of EventData.
func data(f map[string]any, v any) {
	switch v := v.(type) {
	case string:
		text(f, v)
	case map[string]any:
		for k, w := range v {
			switch {
			case k == "Data":
				unnamed(f, w)
			case strings.HasPrefix(k, "#") || strings.HasPrefix(k, "@") || k == "xmlns":
			default:
				putData(f, k, w)
			}
		}
	case []any:
		unnamed(f, v)
	}
}

// text is EventData that was kept as XML or as JSON inside a string.
func text(f map[string]any, s string) {
	t := strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(t, "<"):
		if e, err := parseXML(t); err == nil {
			data(f, e)
			return
		}
	case strings.HasPrefix(t, "{"):
		if v, err := parseJSON(t); err == nil {
			data(f, v)
			return
		}
	}
	if t != "" {
		f["Data"] = s
	}
}

// unnamed reads <Data> elements: named ones as fields, the others as the list Data.
func unnamed(f map[string]any, v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var rest []any
	for _, e := range list {
		o, ok := e.(map[string]any)
		if !ok {
			if e != nil {
				rest = append(rest, e)
			}
			continue
		}
		a := attributes(o)
		name, _ := a["Name"].(string)
		switch w := a[""].(type) {
		case []any:
			if name == "" {
				rest = append(rest, w...)
				continue
			}
			putData(f, name, w)
		default:
			if name != "" {
				putData(f, name, w)
			} else if w != nil {
				rest = append(rest, w)
			}
		}
	}
	switch len(rest) {
	case 0:
	case 1:
		f["Data"] = rest[0]
	default:
		f["Data"] = rest
	}
}

// putData sets a data field. Names with spaces (Defender's) are written without
// and, as some rules do, with an underscore.
func putData(f map[string]any, k string, v any) {
	if o, ok := v.(map[string]any); ok {
		if t, ok := o["#text"]; ok {
			v = t
		}
	}
	if system[k] {
		put(f, k, v)
		return
	}
	if v == nil {
		v = "" // an empty element: the field is there
	}
	if strings.IndexByte(k, ' ') >= 0 {
		f[strings.ReplaceAll(k, " ", "_")] = v
		k = strings.ReplaceAll(k, " ", "")
	}
	f[k] = v
}

// numbers writes the System's numbers as numbers.
func numbers(f map[string]any) {
	for _, k := range []string{"EventID", "Version", "Level", "Task", "Opcode", "EventRecordID", "Execution_ProcessID",
		"Execution_ThreadID"} {
		s, ok := f[k].(string)
		if !ok {
			continue
		}
		if v, err := parseJSON(s); err == nil {
			if n, ok := v.(int64); ok {
				f[k] = n
			}
		}
	}
}

// flatNames are the System fields under the names that NXLog, Log Analytics,
// and PowerShell's ConvertTo-Json give them, one name each; those that may also
// be names of data fields are in flatSpare.
var flatNames = map[string]string{
	"SourceName": "Provider_Name", "ProviderGuid": "Provider_Guid",
	"Hostname":           "Computer",
	"RecordNumber":       "EventRecordID",
	"ExecutionProcessID": "Execution_ProcessID", "ThreadID": "Execution_ThreadID",
	"UserID": "Security_UserID", "ActivityID": "Correlation_ActivityID",
}

// flatSpare fill a System field that is still missing; they keep their own name too.
var flatSpare = [...][2]string{
	{"EventSourceName", "Provider_Name"}, {"ProviderName", "Provider_Name"}, {"ProviderId", "Provider_Guid"},
	{"HostName", "Computer"}, {"MachineName", "Computer"}, {"ComputerName", "Computer"}, {"RecordId", "EventRecordID"},
}

// systemPart are all names under which a flat record may have a System field.
var systemPart = func() map[string]bool {
	all := maps.Clone(system)
	for from, to := range flatNames {
		all[from], all[to] = true, true
	}
	for _, p := range flatSpare {
		all[p[0]], all[p[1]] = true, true
	}
	return all
}()

// windowsFlat reads records whose System and data fields are side by side.
func windowsFlat(m map[string]any) record {
	f := make(map[string]any, len(m)+4)
	for k, v := range m {
		switch {
		case k == "EventData" || k == "UserData":
		case k == "Provider":
			if _, ok := v.(string); ok && m["SourceName"] == nil && m["EventSourceName"] == nil &&
				m["Provider_Name"] == nil {
				f["Provider_Name"] = v
			} else {
				f[k] = v
			}
		case v == nil && systemPart[k]: // says nothing; and another key may say it
		case flatNames[k] != "" && m[flatNames[k]] == nil:
			f[flatNames[k]] = v
		default:
			f[k] = v
		}
	}
	for _, p := range flatSpare {
		if v := m[p[0]]; v != nil {
			put(f, p[1], v)
		}
	}
	// NXLog writes its own severity into EventType where Sysmon has none there.
	if t := str(f, "EventType"); strings.HasPrefix(t, "AUDIT_") || t == "INFO" || t == "WARNING" || t == "ERROR" ||
		t == "VERBOSE" || t == "CRITICAL" {
		if m["SourceModuleType"] != nil || m["SeverityValue"] != nil {
			delete(f, "EventType")
			put(f, "NXLogEventType", t)
		}
	}
	data(f, m["EventData"])
	data(f, m["UserData"])
	numbers(f)
	return record{fields: f, windows: true, known: true, time: flatTime(m)}
}

// flatTime takes the event log's own time before any receiver's. NXLog writes
// it without a zone; EventReceivedTime in that same zone and Logstash's
// @timestamp together show what the zone was.
func flatTime(m map[string]any) time.Time {
	for _, k := range []string{"TimeCreated", "TimeGenerated", "EventTime"} {
		v, ok := m[k]
		if o, isMap := v.(map[string]any); isMap {
			v = attributes(o)["SystemTime"]
		}
		t, zoned, good := parseTime(v)
		if !ok || !good {
			continue
		}
		if zoned {
			return t
		}
		received, z1, ok1 := parseTime(m["EventReceivedTime"])
		stamp, z2, ok2 := parseTime(m["@timestamp"])
		if ok1 && ok2 && !z1 && z2 {
			shift := stamp.Sub(received).Round(15 * time.Minute)
			if shift >= -14*time.Hour && shift <= 14*time.Hour {
				return t.Add(shift)
			}
		}
		return t
	}
	if t := firstTime(m, "UtcTime", "@timestamp", "EventReceivedTime"); !t.IsZero() {
		return t
	}
	return firstTime(m, "timestamp", "Timestamp", "SystemTime", "time", "datetime", "timeCreated",
		"ts") // tools of all kinds
}

// winlogShape reads winlogbeat: top is the record, w its winlog part (before
// version 7 the two were one).
func winlogShape(top, w map[string]any) record {
	f := map[string]any{}
	for k, v := range top {
		switch k {
		case "winlog", "event_data", "user_data", "event_id", "log_name", "computer_name", "source_name",
			"record_number",
			"provider_guid", "process_id", "thread_id", "level", "task", "opcode", "keywords", "version":
		case "message":
			f["Message"] = v
		default:
			f[k] = v
		}
	}
	names := map[string]string{
		"event_id": "EventID", "channel": "Channel", "log_name": "Channel", "computer_name": "Computer",
		"provider_name": "Provider_Name", "source_name": "Provider_Name", "provider_guid": "Provider_Guid",
		"record_id": "EventRecordID", "record_number": "EventRecordID", "version": "Version", "task": "Task",
		"opcode": "Opcode", "keywords": "Keywords", "activity_id": "Correlation_ActivityID", "level": "Level",
	}
	for k, to := range names {
		if v := w[k]; v != nil {
			put(f, to, v)
		}
	}
	if p := sub(w, "process"); p != nil {
		put(f, "Execution_ProcessID", p["pid"])
		put(f, "Execution_ThreadID", sub(p, "thread")["id"])
	}
	if u := sub(w, "user"); u != nil {
		put(f, "Security_UserID", u["identifier"])
	}
	data(f, w["event_data"])
	data(f, w["user_data"])
	params(f)
	numbers(f)
	r := record{fields: f, windows: true, known: true}
	r.time = firstTime(top, "@timestamp")
	if r.time.IsZero() {
		r.time = firstTime(f, "UtcTime")
	}
	if f["Computer"] == nil {
		r.host = firstText(sub(top, "host"), "name")
	}
	return r
}

// params returns the list Data of classic providers, whose unnamed values
// winlogbeat calls param1, param2 ….
func params(f map[string]any) {
	if f["Data"] != nil {
		return
	}
	switch str(f, "Channel") {
	case "Windows PowerShell", "Application", "MSExchange Management":
	default:
		return
	}
	var list []any
	for i := 1; i < 100; i++ {
		v, ok := f["param"+itoa(i)]
		if !ok {
			break
		}
		list = append(list, v)
	}
	if list != nil {
		f["Data"] = list
	}
}

// collectorShape reads the body that the OpenTelemetry Collector's
// windowseventlog receiver makes.
func collectorShape(m map[string]any) record {
	f := map[string]any{}
	for k, v := range m {
		switch k {
		case "event_id":
			if o, ok := v.(map[string]any); ok {
				f["EventID"] = o["id"]
			} else {
				f["EventID"] = v
			}
		case "provider":
			o, _ := v.(map[string]any)
			f["Provider_Name"] = o["name"]
			put(f, "Provider_Guid", o["guid"])
		case "execution":
			o, _ := v.(map[string]any)
			put(f, "Execution_ProcessID", o["process_id"])
			put(f, "Execution_ThreadID", o["thread_id"])
		case "security":
			o, _ := v.(map[string]any)
			put(f, "Security_UserID", o["user_id"])
		case "channel":
			f["Channel"] = v
		case "computer":
			f["Computer"] = v
		case "record_id":
			f["EventRecordID"] = v
		case "system_time":
			f["TimeCreated"] = v
		case "message":
			f["Message"] = v
		case "level", "task", "opcode", "keywords", "version":
			f[strings.ToUpper(k[:1])+k[1:]] = v
		case "event_data", "user_data", "details":
		default:
			f[k] = v
		}
	}
	collectorData(f, m["event_data"])
	collectorData(f, m["user_data"])
	numbers(f)
	r := record{fields: f, windows: true, known: true}
	r.time = firstTime(f, "TimeCreated", "UtcTime")
	return r
}

// collectorData reads event_data as a map or, in older collectors, as
// {"data":[{"Name":"value"}, …]}.
func collectorData(f map[string]any, v any) {
	o, ok := v.(map[string]any)
	if !ok {
		data(f, v)
		return
	}
	for k, w := range o {
		list, isList := w.([]any)
		if k != "data" || !isList {
			putData(f, k, w)
			continue
		}
		var rest []any
		for _, e := range list {
			one, ok := e.(map[string]any)
			if !ok {
				rest = append(rest, e)
				continue
			}
			for n, x := range one {
				if n == "" {
					rest = append(rest, x)
				} else {
					putData(f, n, x)
				}
			}
		}
		if rest != nil {
			f["Data"] = rest
		}
	}
}
