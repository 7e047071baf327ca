package event

import (
	"iter"
	"maps"
	"strconv"
	"strings"
)

// channelServices maps a Windows event channel, in lower case, to its Sigma
// service (taxonomy appendix 2.1.0, "Windows Folder / Service"). Channels that
// published rules use and the appendix leaves out are in it too: the SMB
// connectivity channels, PowerShell Core, the DNS client's channel under its
// real name, and the service bus under the name that its rule uses.
var channelServices = map[string]string{
	"application": "application",
	"microsoft-windows-application-experience/program-telemetry":               "application-experience",
	"microsoft-windows-application-experience/program-compatibility-assistant": "application-experience",
	"microsoft-windows-applocker/msi and script":                               "applocker",
	"microsoft-windows-applocker/exe and dll":                                  "applocker",
	"microsoft-windows-applocker/packaged app-deployment":                      "applocker",
	"microsoft-windows-applocker/packaged app-execution":                       "applocker",
	"microsoft-windows-appmodel-runtime/admin":                                 "appmodel-runtime",
	"microsoft-windows-appxdeploymentserver/operational":                       "appxdeployment-server",
	"microsoft-windows-appxdeployment-server/operational":                      "appxdeployment-server",
	"microsoft-windows-appxpackaging/operational":                              "appxpackaging-om",
	"microsoft-windows-bitlocker/bitlocker management":                         "bitlocker",
	"microsoft-windows-bits-client/operational":                                "bits-client",
	"microsoft-windows-capi2/operational":                                      "capi2",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
	"microsoft-windows-codeintegrity/operational":                              "codeintegrity-operational",
	"microsoft-windows-dhcp-server/operational":                                "dhcp",
	"microsoft-windows-diagnosis-scripted/operational":                         "diagnosis-scripted",
	"microsoft-windows-dns client events/operational":                          "dns-client",
	"microsoft-windows-dns-client/operational":                                 "dns-client",
	"dns server": "dns-server",
	"microsoft-windows-dns-server/analytical":                            "dns-server-analytic",
	"microsoft-windows-dns-server/audit":                                 "dns-server-audit",
	"microsoft-windows-driverframeworks-usermode/operational":            "driver-framework",
	"microsoft-windows-windows firewall with advanced security/firewall": "firewall-as",
	"microsoft-windows-hyper-v-worker":                                   "hyper-v-worker",
	"microsoft-windows-hyper-v-worker-admin":                             "hyper-v-worker",
	"microsoft-iis-configuration/operational":                            "iis-configuration",
	"microsoft-windows-kernel-eventtracing":                              "kernel-event-tracing",
	"microsoft-windows-kernel-eventtracing/admin":                        "kernel-event-tracing",
	"microsoft-windows-kernel-shimengine/operational":                    "kernel-shimengine",
	"microsoft-windows-kernel-shimengine/diagnostic":                     "kernel-shimengine",
	"wineventlog:microsoft-windows-kernel-shimengine/diagnostic":         "kernel-shimengine",
	"microsoft-windows-ldap-client/debug":                                "ldap",
	"microsoft-windows-lsa/operational":                                  "lsa-server",
	"msexchange management":                                              "msexchange-management",
	"microsoft-windows-ntfs/operational":                                 "ntfs",
	"microsoft-windows-ntlm/operational":                                 "ntlm",
	"openssh/operational":                                                "openssh",
	"microsoft-windows-powershell/operational":                           "powershell",
	"powershellcore/operational":                                         "powershell",
	"windows powershell":                                                 "powershell-classic",
	"microsoft-windows-printservice/admin":                               "printservice-admin",
	"microsoft-windows-printservice/operational":                         "printservice-operational",
	"security": "security",
	"microsoft-windows-security-mitigations/kernel mode":                 "security-mitigations",
	"microsoft-windows-security-mitigations/user mode":                   "security-mitigations",
	"microsoft-windows-sense/operational":                                "sense",
	"microsoft-servicebus-client/operational":                            "microsoft-servicebus-client",
	"microsoft-servicebus-client/admin":                                  "microsoft-servicebus-client",
	"microsoft-servicebus-client":                                        "microsoft-servicebus-client",
	"microsoft-windows-shell-core/operational":                           "shell-core",
	"microsoft-windows-smbclient/security":                               "smbclient-security",
	"microsoft-windows-smbclient/connectivity":                           "smbclient-connectivity",
	"microsoft-windows-smbserver/connectivity":                           "smbserver-connectivity",
	"microsoft-windows-sysmon/operational":                               "sysmon",
	"linux-sysmon/operational":                                           "sysmon",
	"system":                                                             "system",
	"microsoft-windows-taskscheduler/operational":                        "taskscheduler",
	"microsoft-windows-terminalservices-localsessionmanager/operational": "terminalservices-localsessionmanager",
	"microsoft-windows-vhdmp/operational":                                "vhdmp",
	"microsoft-windows-vhdmp-operational":                                "vhdmp",
	"microsoft-windows-windows defender/operational":                     "windefend",
	"microsoft-windows-wmi-activity/operational":                         "wmi",
}

// providerServices names the service of records that carry no channel.
var providerServices = map[string]string{
	"microsoft-windows-sysmon":            "sysmon",
	"linux-sysmon":                        "sysmon",
	"microsoft-windows-security-auditing": "security",
	"microsoft-windows-powershell":        "powershell",
	"powershellcore":                      "powershell",
	"powershell":                          "powershell-classic",
	"service control manager":             "system",
	"microsoft-windows-windows defender":  "windefend",
	"microsoft-windows-wmi-activity":      "wmi",
	"microsoft-windows-taskscheduler":     "taskscheduler",
	"microsoft-windows-bits-client":       "bits-client",
}

// WindowsChannels yields the channels, in lower case, that have a Sigma service.
func WindowsChannels() iter.Seq[string] { return maps.Keys(channelServices) }

// WindowsService returns the Sigma service of a Windows event: by its channel, or,
// where the channel is missing, by its provider. It is "" for a channel that
// the taxonomy does not name.
func WindowsService(channel, provider string) string {
	if channel != "" {
		return channelServices[strings.ToLower(channel)]
	}
	return providerServices[strings.ToLower(provider)]
}

// SysmonCategories returns the Sigma categories of a Sysmon event (taxonomy
// appendix 2.1.0, "Windows Folder / Category"). eventType is the EventType of
// the registry events; where a forwarder lost it, event 12 is in both
// registry_add and registry_delete, as rules test EventType themselves.
func SysmonCategories(eventID int64, eventType string) []string {
	switch eventID {
	case 1:
		return []string{"process_creation"}
	case 2:
		return []string{"file_change"}
	case 3:
		return []string{"network_connection"}
	case 4, 16:
		return []string{"sysmon_status"}
	case 5:
		return []string{"process_termination"}
	case 6:
		return []string{"driver_load"}
	case 7:
		return []string{"image_load"}
	case 8:
		return []string{"create_remote_thread"}
	case 9:
		return []string{"raw_access_thread"}
	case 10:
		return []string{"process_access"}
	case 11:
		return []string{"file_event"}
	case 12:
		t := strings.ToLower(eventType)
		switch {
		case strings.HasPrefix(t, "create"):
			return []string{"registry_event", "registry_add"}
		case strings.HasPrefix(t, "delete"):
			return []string{"registry_event", "registry_delete"}
		}
		return []string{"registry_event", "registry_add", "registry_delete"}
	case 13:
		return []string{"registry_event", "registry_set"}
	case 14:
		return []string{"registry_event", "registry_rename"}
	case 15:
		return []string{"create_stream_hash"}
	case 17, 18:
		return []string{"pipe_created"}
	case 19, 20, 21:
		return []string{"wmi_event"}
	case 22:
		return []string{"dns_query"}
	case 23:
		return []string{"file_delete"}
	case 24:
		return []string{"clipboard_capture"}
	case 25:
		return []string{"process_tampering"}
	case 26:
		return []string{"file_delete_detected", "file_delete"}
	case 27:
		return []string{"file_block_executable"}
	case 28:
		return []string{"file_block_shredding"}
	case 29:
		return []string{"file_executable_detected"}
	case 255:
		return []string{"sysmon_error"}
	}
	return nil
}

// windowsCategories returns the categories of a Windows event that is not Sysmon's.
func windowsCategories(service string, eventID int64, fields map[string]any) []string {
	switch service {
	case "security":
		switch eventID {
		case 4688:
			return []string{"process_creation"}
		case 4657:
			// %%1904 value created, %%1905 value changed, %%1906 value deleted
			if fields["OperationType"] == "%%1906" {
				return []string{"registry_event", "registry_delete"}
			}
			return []string{"registry_event", "registry_set"}
		}
	case "powershell":
		switch eventID {
		case 4103:
			return []string{"ps_module"}
		case 4104:
			return []string{"ps_script"}
		}
	case "powershell-classic":
		switch eventID {
		case 400:
			return []string{"ps_classic_start"}
		case 600:
			return []string{"ps_classic_provider_start"}
		case 800:
			return []string{"ps_classic_script"}
		}
	case "windefend":
		switch eventID {
		case 1006, 1007, 1008, 1015, 1116, 1117, 1118, 1119:
			return []string{"antivirus"}
		}
	}
	return nil
}

// WholeOf returns a whole number that a record may hold as text.
func WholeOf(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		if v == float64(int64(v)) {
			return int64(v), true
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return n, true
		}
	}
	return 0, false
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
