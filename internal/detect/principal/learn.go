package principal

import (
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
)

// who is how Windows events name one account in several fields
// (Windows Security auditing: subject, target, and the account of the record).
var who = []struct{ sid, domain, user, upn string }{
	{"SubjectUserSid", "SubjectDomainName", "SubjectUserName", ""},
	{"TargetUserSid", "TargetDomainName", "TargetUserName", ""},
	{"TargetSid", "TargetDomainName", "TargetUserName", ""},
	{"MemberSid", "", "", ""},
	{"TargetSid", "TargetDomainName", "NewTargetUserName", ""}, // 4781: the name of an account was changed
	{"UserSid", "", "User", ""},
}

// Learn links the names that an event says are of one entity, where the meaning of the
// record is known: Windows Security (SID, domain and user), sign-ins to Entra ID
// (userId and userPrincipalName), CloudTrail (ARN, principal and user), DHCP in
// the forms of Zeek and of ISC dhcpd, and connections that an endpoint itself
// reports with its own address (Sysmon 3). It may be called by several
// goroutines.
func (b *Resolver) Learn(ev *event.Event) {
	switch {
	case ev.Product == "windows":
		b.windows(ev)
	case ev.Product == "azure" || ev.Product == "m365":
		b.Link(
			false,
			idName(text(ev, "userId", "properties.userId", "UserKey")),
			addressName(text(ev, "userPrincipalName", "properties.userPrincipalName", "UserId")),
		)
	case ev.Product == "aws":
		b.Link(false, Account(text(ev, "userIdentity.arn")), idName(text(ev, "userIdentity.principalId")))
	case ev.Product == "zeek" && ev.Service == "dhcp":
		b.zeekDHCP(ev)
	case ev.Service == "dhcpd" || strings.Contains(text(ev, "message"), "DHCPACK on "):
		b.dhcpd(text(ev, "message"), ev.Time)
	}
}

func (b *Resolver) windows(ev *event.Event) {
	machine := Machine(text(ev, "Computer"))
	if ev.Service == "security" {
		for _, w := range who {
			sid := Account(text(ev, w.sid))
			if sid.Kind != SID || w.user == "" {
				continue
			}
			domain := text(ev, w.domain)
			if w.user == "NewTargetUserName" && text(ev, w.user) == "" {
				continue
			}
			if n := InDomain(domain, text(ev, w.user)); n.Kind == Down || n.Kind == Address {
				b.Link(false, sid, n)
			}
		}
	}
	if machine.Kind == FQDN {
		b.Link(false, machine, Machine(strings.SplitN(machine.Text, ".", 2)[0]))
	}
	// An endpoint that opened a connection states its own address with it.
	if ev.Service == "sysmon" && text(ev, "EventID") == "3" && strings.EqualFold(text(ev, "Initiated"), "true") {
		if ip := Machine(text(ev, "SourceIp")); ip.Kind == IP {
			b.Claim(ip, machine, ev.Time)
		}
	}
}

// zeekDHCP reads Zeek's dhcp.log.
func (b *Resolver) zeekDHCP(ev *event.Event) {
	ip := Machine(text(ev, "assigned_addr", "assigned_ip"))
	name := text(ev, "client_fqdn", "host_name")
	if domain := text(ev, "domain"); domain != "" && name != "" && !strings.Contains(name, ".") {
		name += "." + domain
	}
	seconds, _ := strconv.ParseFloat(text(ev, "lease_time"), 64)
	b.AddLease(ip, Machine(name), ev.Time, time.Duration(min(max(seconds, 0), 1e8))*time.Second)
}

// dhcpd reads a line of ISC dhcpd: DHCPACK on 10.0.3.17 to 00:11:22:33:44:55 (ws01) via eth0.
func (b *Resolver) dhcpd(line string, at time.Time) {
	if ip, name, ok := cutLease(line); ok {
		b.AddLease(Machine(ip), Machine(name), at, 0)
	}
}

func cutLease(line string) (ip, name string, ok bool) {
	_, rest, ok := strings.Cut(line, "DHCPACK on ")
	if !ok {
		return "", "", false
	}
	ip, rest, _ = strings.Cut(rest, " ")
	_, rest, open := strings.Cut(rest, "(")
	name, _, shut := strings.Cut(rest, ")")
	return ip, name, open && shut
}

func idName(s string) Name {
	if s = canonical(s); noAccount[s] || len(s) > maxName || strings.ContainsAny(s, " @\\") {
		return Name{}
	}
	return Name{ID, strings.Trim(s, "{}")}
}

func addressName(s string) Name {
	if n := Account(s); n.Kind == Address {
		return n
	}
	return Name{}
}

// text returns the first of the fields that has a text, by its exact name or by
// its path through nested objects. This runs for every event: it is not the
// search without regard to case that rules get.
func text(ev *event.Event, fields ...string) string {
	for _, f := range fields {
		if f == "" {
			continue
		}
		v, ok := ev.Fields[f]
		if !ok {
			v = nested(ev.Fields, f)
		}
		switch v := v.(type) {
		case string:
			if v != "" {
				return v
			}
		case int64:
			return strconv.FormatInt(v, 10)
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		case bool:
			return strconv.FormatBool(v)
		}
	}
	return ""
}

func nested(m map[string]any, path string) any {
	for {
		head, rest, more := strings.Cut(path, ".")
		v := m[head]
		if !more {
			return v
		}
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		m, path = next, rest
	}
}
