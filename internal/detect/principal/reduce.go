package principal

import (
	"slices"

	"github.com/meneki/meneki/internal/event"
)

// What follows are the fields that Learn looks at, by what selects them.
var (
	learnedWindows = func() []string {
		list := []string{"Computer"}
		seen := map[string]bool{"": true}
		for _, w := range who {
			for _, f := range []string{w.sid, w.domain, w.user} {
				if !seen[f] {
					seen[f] = true
					list = append(list, f)
				}
			}
		}
		return list
	}()
	learnedMachine    = []string{"Computer"}
	learnedConnection = []string{"Computer", "EventID", "Initiated", "SourceIp"}
	learnedCloud      = []string{
		"userId",
		"properties.userId",
		"UserKey",
		"userPrincipalName",
		"properties.userPrincipalName",
		"UserId",
	}
	learnedAWS  = []string{"userIdentity.arn", "userIdentity.principalId"}
	learnedDHCP = []string{"assigned_addr", "assigned_ip", "client_fqdn", "host_name", "domain", "lease_time"}
)

// Reduce returns an event with only those fields that Learn looks at, so that it
// adds to a Resolver what ev does and can be kept for later, and whether its time
// matters to that; nil if ev adds nothing.
func Reduce(ev *event.Event) (t *event.Event, timed bool) {
	var fields []string
	switch {
	case ev.Product == "windows" && ev.Service == "security":
		fields = learnedWindows
	case ev.Product == "windows" && ev.Service == "sysmon" && text(ev, "EventID") == "3":
		fields, timed = learnedConnection, true
	case ev.Product == "windows":
		fields = learnedMachine
	case ev.Product == "azure" || ev.Product == "m365":
		fields = learnedCloud
	case ev.Product == "aws":
		fields = learnedAWS
	case ev.Product == "zeek" && ev.Service == "dhcp":
		fields, timed = learnedDHCP, true
	default:
		m := text(ev, "message")
		if _, _, ok := cutLease(m); !ok && ev.Service != "dhcpd" {
			return nil, false
		}
		fields, timed = []string{"message"}, true
	}
	t = &event.Event{
		Time:    ev.Time,
		Seen:    ev.Seen,
		From:    ev.From,
		Product: ev.Product,
		Service: ev.Service,
		Fields:  make(map[string]any, len(fields)),
	}
	for _, f := range fields {
		if v := text(ev, f); v != "" {
			t.Fields[f] = v
		}
	}
	if len(t.Fields) == 0 {
		return nil, false
	}
	return t, timed
}

// Concerns reports whether Learn or Annotate may take anything but the machine's name
// from a Windows event, by its log and number alone: true in doubt.
func Concerns(service string, id int64) bool {
	switch service {
	case "sysmon":
		return id == 3
	case "powershell",
		"powershell-classic",
		"system",
		"application",
		"taskscheduler",
		"windefend",
		"wmi",
		"bits-client",
		"firewall-as",
		"dns-client":
		return false
	}
	return true
}

// ReducedFields returns the fields that Reduce keeps of an event of the Windows security log.
func ReducedFields() []string { return slices.Clone(learnedWindows) }

// SignIns reports whether events of the Windows security log with a number may be
// attempts to sign in.
func SignIns(id int64) bool { return id == 4624 || id == 4625 || id == 4771 }

// SignIn reports whether Annotate takes an event for an attempt to sign in.
func SignIn(ev *event.Event) bool {
	_, ok := signInOf(ev)
	return ok
}
