package read

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
)

// header is what a syslog message says before its text.
type header struct {
	host, app, pid, id string
	priority           int // -1 if there is none
	time               time.Time
	data               map[string]map[string]string
	text               string
}

// text recognises a line that is not JSON: audit, Windows XML, syslog of RFC
// 5424 and RFC 3164 with or without priority, an access log, or a plain line,
// which becomes the field message.
func (d *Decoder) text(s, name string, hint Hint, depth int) record {
	if r, ok := eventXML(s); ok {
		return r
	}
	if h, ok := syslogHeader(s, hint); ok {
		return d.syslog(h, name, hint, depth)
	}
	if r, ok := d.auditShape(s); ok {
		return r
	}
	if r, ok := accessShape(s); ok {
		return r
	}
	r := record{fields: map[string]any{"message": s}}
	if p, service := appliance(s); p != "" {
		r.product, r.service, r.known = p, service, true
	}
	return r
}

// syslog makes the record of a message: of what its text holds if that is a
// record in its own right, else of header and text.
func (d *Decoder) syslog(h header, name string, hint Hint, depth int) record {
	body := strings.TrimSpace(h.text)
	body = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(body, "@cee:"), "\ufeff"))
	if depth < maxWrap {
		var r record
		switch {
		case strings.HasPrefix(body, "{"):
			if v, err := parseJSON(body); err == nil {
				if m, ok := v.(map[string]any); ok {
					r = d.shape(m, name, hint, depth+1)
					r.known = true
				}
			}
		case isEventXML(body):
			if e, err := parseXML(body); err == nil && sub(e, "System") != nil {
				r = windowsXML(e, nil)
			}
		case strings.Contains(body, "audit("):
			r, _ = d.auditShape(body)
		}
		if r.known {
			if r.host == "" && !r.windows {
				r.host = h.host
			}
			if r.time.IsZero() {
				r.time = h.time
			}
			return r
		}
	}
	f := map[string]any{"message": body}
	put(f, "hostname", h.host)
	put(f, "appname", h.app)
	put(f, "procid", h.pid)
	put(f, "msgid", h.id)
	if h.priority >= 0 {
		f["facility"], f["severity"] = int64(h.priority/8), int64(h.priority%8)
	}
	for id, params := range h.data {
		for k, v := range params {
			put(f, id+"."+k, v)
			put(f, k, v)
		}
	}
	r := record{fields: f, known: true, host: h.host, time: h.time}
	if r.product, r.service = appliance(h.app + ": " + body); r.product != "" {
		return r
	}
	r.product, r.service = "linux", programService(h.app)
	if r.service == "sudo" {
		sudo(f, body)
		r.user = str(f, "username")
	}
	return r
}

// programService is the Sigma service of a program's messages (taxonomy
// appendix, "Linux Folder / Service").
func programService(app string) string {
	app = strings.ToLower(app)
	if i := strings.LastIndexByte(app, '/'); i >= 0 {
		app = app[i+1:]
	}
	switch app {
	case "sshd", "sshd-session", "sshd-auth":
		return "sshd"
	case "sudo":
		return "sudo"
	case "cron", "crond", "anacron", "atd", "crontab":
		return "cron"
	case "vsftpd":
		return "vsftpd"
	case "clamd", "clamav", "freshclam", "clamav-milter", "clamonacc":
		return "clamav"
	case "guacd", "guacamole", "guacamole-client":
		return "guacamole"
	case "su", "login", "systemd-logind", "passwd", "chpasswd", "useradd", "userdel", "usermod", "groupadd", "groupdel",
		"groupmod", "gpasswd", "pkexec", "polkitd", "polkit-agent-helper-1", "chage", "gdm-password", "lightdm":
		return "auth"
	}
	return "syslog"
}

// sudo reads "alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls".
func sudo(f map[string]any, s string) {
	who, rest, ok := strings.Cut(s, " : ")
	if !ok {
		return
	}
	put(f, "username", strings.TrimSpace(who))
	for {
		k, v, ok := strings.Cut(rest, "=")
		k = strings.TrimSpace(k)
		if !ok || strings.ContainsAny(k, " \t") {
			return
		}
		if k == "COMMAND" {
			put(f, k, v)
			return
		}
		v, rest, _ = strings.Cut(v, " ; ")
		put(f, k, strings.TrimSpace(v))
	}
}

// mnemonic is Cisco's %FACILITY-SEVERITY-MNEMONIC:.
var mnemonic = regexp.MustCompile(`%([A-Z][A-Z0-9_]*)(?:-[A-Z0-9_]+)?-[0-7]-[A-Z0-9_]+:`)

// appliance recognises the messages of network devices. Commands that were
// logged, and accounting, are Sigma's service aaa.
func appliance(s string) (product, service string) {
	if len(s) > 400 {
		s = s[:400]
	}
	if strings.IndexByte(s, '%') < 0 {
		return "", ""
	}
	g := mnemonic.FindStringSubmatch(s)
	if g == nil {
		return "", ""
	}
	switch g[1] {
	case "BGP", "BGP_SESSION", "TCP":
		return "cisco", "bgp"
	case "LDP", "TDP":
		return "cisco", "ldp"
	case "AAA", "AAAA", "PARSER", "SEC_LOGIN", "TAC", "TACACS", "RADIUS":
		return "cisco", "aaa"
	}
	return "cisco", "syslog"
}

// syslogHeader reads the header of a message, by RFC 5424 or RFC 3164.
func syslogHeader(s string, hint Hint) (header, bool) {
	h := header{priority: -1}
	rest := s
	if strings.HasPrefix(s, "<") {
		end := strings.IndexByte(s[:min(len(s), 6)], '>')
		if end < 2 || !allDigits(s[1:end]) {
			return h, false
		}
		h.priority, _ = strconv.Atoi(s[1:end])
		if h.priority > 191 {
			return h, false
		}
		rest = s[end+1:]
		if strings.HasPrefix(rest, "1 ") {
			if modern(s, &h) {
				return h, true
			}
		}
	}
	return bsd(rest, h, hint)
}

// fine is the time of a message of RFC 5424 with more digits than the six that it
// allows (Go, .NET), which would cost the message its whole header.
var fine = regexp.MustCompile(`^(<\d{1,3}>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d+`)

// modern reads RFC 5424.
func modern(s string, h *header) bool {
	if g := fine.FindStringSubmatch(s[:min(len(s), 64)]); g != nil {
		s = g[1] + s[len(g[0]):]
	}
	m, _ := rfc5424.NewParser(rfc5424.WithBestEffort()).Parse([]byte(s))
	g, ok := m.(*rfc5424.SyslogMessage)
	if !ok || g == nil || g.Version != 1 || g.Timestamp == nil && g.Hostname == nil && g.Appname == nil {
		return false
	}
	for p, v := range map[*string]*string{&h.host: g.Hostname, &h.app: g.Appname, &h.pid: g.ProcID, &h.id: g.MsgID} {
		if v != nil {
			*p = *v
		}
	}
	if g.Timestamp != nil {
		h.time = g.Timestamp.UTC()
	}
	if g.StructuredData != nil {
		h.data = *g.StructuredData
	}
	if g.Message != nil {
		h.text = *g.Message
	}
	// A message that broke off in its header keeps all of its text.
	if h.text == "" && g.StructuredData == nil && !strings.HasSuffix(strings.TrimSpace(s), "-") {
		h.text = s
	}
	return true
}

// tag is "app[pid]:" or "app:".
var tag = regexp.MustCompile(`^([A-Za-z0-9_./@()-]{1,64})(?:\[([^\]\s]{1,32})\])?:(?:\s|$)`)

// bsd reads RFC 3164 as it is found: with or without priority, host and tag,
// with RFC 3339 times (rsyslog), years, fractions and Cisco's sequence numbers.
// A line without a priority must begin with a time to be taken as syslog.
func bsd(s string, h header, hint Hint) (header, bool) {
	rest := s
	if i := strings.Index(rest[:min(len(rest), 80)], ": "); i > 0 && h.priority < 0 {
		// "192.0.2.1 6705: Feb 17 …": a collector's address and a sequence number
		if a, n, ok := strings.Cut(rest[:i], " "); ok && allDigits(n) && !strings.ContainsAny(a, "[]") {
			if t, after, ok := bsdTime(rest[i+2:], hint); ok {
				h.host, h.time = a, t
				h.text = strings.TrimPrefix(strings.TrimLeft(after, " "), ": ")
				return h, true
			}
		}
	}
	if i := strings.Index(rest[:min(len(rest), 24)], ": "); i > 0 && h.priority >= 0 && allDigits(rest[:i]) {
		rest = rest[i+2:] // sequence number
	}
	t, after, timed := bsdTime(rest, hint)
	if timed {
		h.time = t
		rest = after
	} else if h.priority < 0 {
		return h, false
	}
	rest = strings.TrimPrefix(strings.TrimLeft(rest, " "), ": ")
	if !timed {
		// The RFC has a relay take all of it as the content, but for a tag.
		h.tagged(rest)
		return h, true
	}
	if g := tag.FindString(rest); g == "" && !strings.HasPrefix(rest, "%") {
		if host, r, ok := strings.Cut(rest, " "); ok && host != "" && len(host) <= 255 &&
			!strings.HasSuffix(host, ":") {
			h.host, rest = host, strings.TrimLeft(r, " ")
		} else if h.priority < 0 && !ok {
			return h, false // a time and one word is not syslog
		}
	}
	h.tagged(rest)
	return h, true
}

func (h *header) tagged(s string) {
	if g := tag.FindStringSubmatch(s); g != nil {
		h.app, h.pid = g[1], g[2]
		s = strings.TrimLeft(s[len(g[0]):], " ")
	}
	h.text = s
}

// bsdTime reads the time at the start of s, and returns what follows it.
func bsdTime(s string, hint Hint) (time.Time, string, bool) {
	s = strings.TrimLeft(s, "*. ")
	if len(s) >= 20 && s[0] >= '0' && s[0] <= '9' && (s[10] == 'T') {
		end := strings.IndexByte(s, ' ')
		if end < 0 {
			return time.Time{}, s, false
		}
		t, _, ok := parseISO(s[:end])
		return t, s[end+1:], ok
	}
	if len(s) < 15 || s[0] < 'A' || s[0] > 'Z' {
		return time.Time{}, s, false
	}
	zone := hint.Zone
	if zone == nil {
		zone = time.UTC
	}
	// "Jan _2 15:04:05", then maybe a fraction; or with the year after the day.
	if t, err := time.ParseInLocation("Jan _2 15:04:05", s[:15], zone); err == nil {
		rest := s[15:]
		if strings.HasPrefix(rest, ".") {
			i := 1
			for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
				i++
			}
			if f, err := strconv.ParseFloat("0"+rest[:i], 64); err == nil {
				t = t.Add(time.Duration(f * float64(time.Second)).Round(time.Microsecond))
			}
			rest = rest[i:]
		}
		for _, z := range []string{" UTC:", " UTC", " GMT"} {
			rest = strings.TrimPrefix(rest, z)
		}
		if y := rest[:min(len(rest), 6)]; len(y) == 6 && y[:3] == " 20" && allDigits(y[1:5]) &&
			(y[5] == ' ' || y[5] == ':') { // the year after the time
			year, _ := strconv.Atoi(y[1:5])
			return t.AddDate(year-t.Year(), 0, 0).UTC(), strings.TrimPrefix(rest[5:], ":"), true
		}
		if rest != "" && rest[0] != ' ' && rest[0] != ':' {
			return time.Time{}, s, false
		}
		return yearOf(t, hint.Seen.In(zone)).UTC(), strings.TrimPrefix(rest, ":"), true
	}
	if len(s) >= 20 {
		if t, err := time.ParseInLocation("Jan _2 2006 15:04:05", s[:20], zone); err == nil {
			return t.UTC(), strings.TrimPrefix(s[20:], ":"), true
		}
	}
	return time.Time{}, s, false
}

// access is the common log format of web servers, and the combined one.
var access = regexp.MustCompile(`^(\S+) (\S+) (\S+) \[([^\]]{20,32})\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?: ` +
	`"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?`)

// accessShape recognises a line of an access log (Apache, nginx, IIS in NCSA format).
func accessShape(s string) (record, bool) {
	if i := strings.IndexByte(s, '['); i < 0 || i > 400 || len(s) > 64<<10 {
		return record{}, false
	}
	g := access.FindStringSubmatch(s)
	if g == nil {
		return record{}, false
	}
	t, _, ok := parseTime(g[4])
	if !ok {
		return record{}, false
	}
	r := record{fields: map[string]any{"message": s}, categories: []string{"webserver"}, time: t, known: true}
	method, rest, _ := strings.Cut(g[5], " ")
	target, version, _ := strings.Cut(rest, " ")
	w := web{method: method, target: target, version: version, client: dash(g[1]), agent: dash(g[9]),
		referrer: dash(g[8])}
	if n, err := strconv.ParseInt(g[6], 10, 64); err == nil {
		w.status = n
	}
	w.fill(r.fields)
	if n, err := strconv.ParseInt(g[7], 10, 64); err == nil {
		r.fields["sc-bytes"] = n
	}
	put(r.fields, "cs-username", dash(g[3]))
	r.user = dash(g[3])
	return r, true
}

func dash(s string) string {
	if s == "-" {
		return ""
	}
	return s
}
