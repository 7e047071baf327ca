package principal

import (
	"net/netip"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Kind says what a name is.
type Kind uint8

const (
	None    Kind = iota // names none: empty, "-", "N/A"
	SID                 // of a person's account or a group: S-1-5-21-…
	Service             // of the system itself, the same on every machine: S-1-5-18, NT AUTHORITY\SYSTEM
	Address             // name@domain: a user principal name or a mail address
	Down                // DOMAIN\user, the down-level logon name
	Short               // a user name by itself
	ID                  // an identifier of a directory: a GUID, an ARN
	Host                // a machine's name without its domain
	FQDN                // a machine's name with its domain
	IP                  // an address of a machine
)

var kindNames = [...]string{"", "sid", "service", "addr", "down", "user", "id", "host", "fqdn", "ip"}

// Name is a name in the one form in which it is compared. The zero Name names none.
type Name struct {
	Kind Kind
	Text string
}

// String returns kind and text, such as "addr:sato@example.jp".
func (n Name) String() string {
	if n.Kind == None {
		return ""
	}
	return kindNames[n.Kind] + ":" + n.Text
}

// noAccount are the ways in which logs write that there is no account.
var noAccount = map[string]bool{
	"":        true,
	"-":       true,
	"--":      true,
	"n/a":     true,
	"null":    true,
	"none":    true,
	"(null)":  true,
	"unknown": true,
	"s-1-0-0": true,
}

// services are domains whose accounts belong to a machine and not to a person.
var services = map[string]bool{
	"nt authority":       true,
	"nt-autorität":       true,
	"autorite nt":        true,
	"nt service":         true,
	"nt virtual machine": true,
	"builtin":            true,
	"window manager":     true,
	"font driver host":   true,
	"iis apppool":        true,
	"microsoftaccount":   false,
}

// maxName bounds a name in bytes; a longer one is not used.
const maxName = 512

// canonical folds what differs only in how it is written: width and case.
func canonical(s string) string {
	return strings.ToLower(norm.NFKC.String(strings.TrimSpace(s)))
}

// Account reads the name of an account. A name that ends with $ is a machine's.
func Account(s string) Name {
	if len(s) > maxName {
		return Name{}
	}
	s = canonical(s)
	switch {
	case noAccount[s]:
		return Name{}
	case strings.HasPrefix(s, "s-1-"):
		return sidName(s)
	case strings.HasPrefix(s, "arn:"):
		return Name{ID, s}
	case isGUID(s):
		return Name{ID, strings.Trim(s, "{}")}
	}
	if at := strings.LastIndexByte(s, '\\'); at >= 0 {
		return inDomain(s[:at], s[at+1:])
	}
	if at := strings.LastIndexByte(s, '@'); at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " /<>") {
		if strings.HasSuffix(s[:at], "$") {
			return Machine(s[:at-1])
		}
		return Name{Address, s}
	}
	// smtp:, SMTP:sato@example.jp <sato@example.jp>: what is in the brackets.
	if i, j := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>'); i >= 0 && j > i+1 {
		return Account(s[i+1 : j])
	}
	return inDomain("", s)
}

// InDomain reads the name of an account whose domain is in a field of its own.
func InDomain(domain, user string) Name {
	if len(domain)+len(user) > maxName {
		return Name{}
	}
	domain, user = canonical(domain), canonical(user)
	if strings.ContainsAny(user, `\@`) || strings.HasPrefix(user, "s-1-") {
		return Account(user) // the domain is in the name as well
	}
	return inDomain(domain, user)
}

func inDomain(domain, user string) Name {
	if noAccount[user] {
		return Name{}
	}
	if host, ok := strings.CutSuffix(user, "$"); ok && host != "" {
		return Machine(host)
	}
	if services[domain] {
		return Name{Service, user}
	}
	switch user {
	case "system", "local service", "network service", "anonymous logon", "localsystem":
		return Name{Service, user}
	}
	if noAccount[domain] || domain == "." || domain == "workgroup" {
		return Name{Short, user}
	}
	return Name{Down, domain + `\` + user}
}

// Machine reads the name or the address of a machine.
func Machine(s string) Name {
	if len(s) > maxName {
		return Name{}
	}
	s = strings.TrimSuffix(strings.TrimLeft(canonical(s), `\`), ".")
	if noAccount[s] || s == "localhost" || s == "localhost.localdomain" {
		return Name{}
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		a = a.Unmap().WithZone("")
		if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() {
			return Name{}
		}
		return Name{IP, a.String()}
	}
	if a, err := netip.ParseAddrPort(s); err == nil { // Microsoft 365
		return Machine(a.Addr().String())
	}
	s = strings.TrimSuffix(s, "$")
	if strings.ContainsAny(s, " \\/@") || s == "" {
		return Name{}
	}
	if strings.Contains(s, ".") {
		return Name{FQDN, s}
	}
	return Name{Host, s}
}

// sidName distinguishes accounts of persons from those that each machine has
// (MS-DTYP 2.4.2.4, well-known SIDs).
func sidName(s string) Name {
	if strings.HasPrefix(s, "s-1-5-21-") || strings.HasPrefix(s, "s-1-12-1-") { // a domain's or a machine's; Entra ID's
		return Name{SID, s}
	}
	return Name{Service, s}
}

func isGUID(s string) bool {
	s = strings.Trim(s, "{}")
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
