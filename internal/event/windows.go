package event

import (
	"strconv"
	"strings"
)

// RouteWindows finishes a Windows event (or one of Sysmon for Linux) whose
// Fields hold the record's System fields under their Sigma names, Channel,
// EventID, Provider_Name, EventType, Computer, and its data fields. It sets the
// logsource, Host and User, and adds the generic taxonomy's names beside the
// original ones where Windows names them otherwise (4688, 4657, Defender). A
// field that the record has is never overwritten.
func RouteWindows(ev *Event) {
	f := ev.Fields
	channel, provider := textOf(f["Channel"]), textOf(f["Provider_Name"])
	id, hasID := WholeOf(f["EventID"])
	if hasID {
		f["EventID"] = id
	}
	ev.Product = "windows"
	ev.Service = WindowsService(channel, provider)
	if strings.EqualFold(provider, "Linux-Sysmon") || strings.EqualFold(channel, "Linux-Sysmon/Operational") {
		ev.Product = "linux"
	}
	if hasID {
		if ev.Service == "sysmon" {
			eventType := textOf(f["EventType"])
			ev.Categories = SysmonCategories(id, eventType)
		} else {
			ev.Categories = windowsCategories(ev.Service, id, f)
		}
	}
	switch {
	case ev.Service == "security" && id == 4688:
		mapProcess(f)
	case ev.Service == "security" && id == 4657:
		mapRegistry(f)
	case ev.Service == "windefend":
		mapDefender(f)
	case ev.Service == "powershell-classic":
		// Data is what rules search; forwarders that render the message drop it.
		if f["Data"] == nil && f["Message"] != nil {
			f["Data"] = f["Message"]
		}
	}
	if ev.Host == "" {
		ev.Host = textOf(f["Computer"])
	}
	if ev.User == "" {
		ev.User = windowsUser(id, f)
	}
}

// mapProcess returns a Security 4688 the field names of Sysmon's process
// creation. ProcessId is left alone: in 4688 it is the creator's id, which is
// also given as ParentProcessId.
func mapProcess(f map[string]any) {
	alias(f, "Image", "NewProcessName")
	alias(f, "ParentImage", "ParentProcessName")
	alias(f, "CommandLine", "ProcessCommandLine")
	alias(f, "ParentProcessId", "ProcessId")
	alias(f, "LogonId", "SubjectLogonId")
	if f["User"] == nil {
		if u := account(f, "SubjectDomainName", "SubjectUserName", "SubjectUserSid"); u != "" {
			f["User"] = u
		}
	}
	if f["IntegrityLevel"] == nil {
		label := textOf(f["MandatoryLabel"])
		level := integrityLevels[label]
		if level == "" {
			// Without a label only the elevation type hints at it: %%1937 is a
			// full token after elevation, %%1938 a filtered one.
			switch textOf(f["TokenElevationType"]) {
			case "%%1937", "TokenElevationTypeFull (2)":
				level = "High"
			case "%%1938", "TokenElevationTypeLimited (3)":
				level = "Medium"
			}
		}
		if level != "" {
			f["IntegrityLevel"] = level
		}
	}
}

var integrityLevels = map[string]string{
	"S-1-16-0": "Untrusted", "S-1-16-4096": "Low", "S-1-16-8192": "Medium",
	"S-1-16-8448": "Medium Plus", "S-1-16-12288": "High", "S-1-16-16384": "System",
	"Mandatory Label\\Untrusted Mandatory Level": "Untrusted",
	"Mandatory Label\\Low Mandatory Level":       "Low",
	"Mandatory Label\\Medium Mandatory Level":    "Medium",
	"Mandatory Label\\High Mandatory Level":      "High",
	"Mandatory Label\\System Mandatory Level":    "System",
}

// mapRegistry returns a Security 4657 the field names of Sysmon's registry events.
func mapRegistry(f map[string]any) {
	alias(f, "Image", "ProcessName")
	key := textOf(f["ObjectName"])
	if f["TargetObject"] == nil && key != "" {
		for _, p := range registryRoots {
			if len(key) >= len(p[0]) && strings.EqualFold(key[:len(p[0])], p[0]) {
				key = p[1] + key[len(p[0]):]
				break
			}
		}
		if v := textOf(f["ObjectValueName"]); v != "" {
			key += `\` + v
		}
		f["TargetObject"] = key
	}
	if f["Details"] == nil {
		if v, ok := f["NewValue"]; ok {
			f["Details"] = registryDetails(textOf(v), textOf(f["NewValueType"]))
		}
	}
	if f["EventType"] == nil {
		if textOf(f["OperationType"]) == "%%1906" {
			f["EventType"] = "DeleteValue"
		} else {
			f["EventType"] = "SetValue"
		}
	}
}

var registryRoots = [][2]string{
	{`\REGISTRY\MACHINE`, "HKLM"},
	{`\REGISTRY\USER`, "HKU"},
}

// registryDetails writes a value as Sysmon does: "DWORD (0x00000001)".
func registryDetails(value, kind string) string {
	n, err := strconv.ParseUint(value, 0, 64)
	if err != nil {
		return value
	}
	switch kind {
	case "%%1876", "REG_DWORD":
		return "DWORD (0x" + pad(strconv.FormatUint(n&0xffffffff, 16), 8) + ")"
	case "%%1883", "REG_QWORD":
		return "QWORD (0x" + pad(
			strconv.FormatUint(n>>32, 16),
			8,
		) + "-0x" + pad(
			strconv.FormatUint(n&0xffffffff, 16),
			8,
		) + ")"
	}
	return value
}

func pad(s string, n int) string {
	if len(s) >= n {
		return s
	}
	return strings.Repeat("0", n-len(s)) + s
}

// mapDefender returns Defender's detections the antivirus category's names.
func mapDefender(f map[string]any) {
	alias(f, "Signature", "ThreatName")
	alias(f, "Filename", "Path")
	alias(f, "Action", "ActionName")
}

func alias(f map[string]any, to, from string) {
	if v, ok := f[from]; ok && f[to] == nil {
		f[to] = v
	}
}

// windowsUser names the account that an event is about.
func windowsUser(id int64, f map[string]any) string {
	if u := textOf(f["User"]); u != "" && u != "-" {
		return u
	}
	switch id {
	case 4624, 4625, 4648, 4768, 4769, 4771, 4776, 4720, 4722, 4723, 4724, 4725, 4726, 4738, 4740:
		if u := account(f, "TargetDomainName", "TargetUserName", "TargetUserSid"); u != "" {
			return u
		}
	}
	if u := account(f, "SubjectDomainName", "SubjectUserName", "SubjectUserSid"); u != "" {
		return u
	}
	if u := account(f, "TargetDomainName", "TargetUserName", "TargetUserSid"); u != "" {
		return u
	}
	return account(f, "Domain", "AccountName", "UserID")
}

// account writes DOMAIN\name. The machine's own accounts go by the names that
// Sysmon uses, whatever the record calls them.
func account(f map[string]any, domain, name, sid string) string {
	switch textOf(f[sid]) {
	case "S-1-5-18":
		return `NT AUTHORITY\SYSTEM`
	case "S-1-5-19":
		return `NT AUTHORITY\LOCAL SERVICE`
	case "S-1-5-20":
		return `NT AUTHORITY\NETWORK SERVICE`
	}
	n := textOf(f[name])
	if n == "" || n == "-" {
		return ""
	}
	if d := textOf(f[domain]); d != "" && d != "-" {
		return d + `\` + n
	}
	return n
}
