// Package observed turns an event into a STIX observation: the cyber-observable
// objects (STIX 2.1, section 6) that the event speaks of, for stix.Pattern and
// stix.Stream. One event is one observation, at the event's time.
//
// Where the values come from, by their Sigma field names; of several the first
// that is there counts:
//
//	object                 property                                   from
//	ipv4-addr, ipv6-addr   value                                      every address that event.Observables finds
//	domain-name            value                                      the same
//	                       resolves_to_refs                           of what was asked (QueryName, dns.rrname, query):
//
// the addresses in QueryResults, dns.answers, answers
//
//	url, email-addr        value                                      event.Observables
//	mac-addr               value                                      mac, source.mac, client.mac, ether.src_mac,
//
// destination.mac …
//
//	file                   name, parent_directory_ref                 Image, ParentImage, TargetFilename, ImageLoaded,
//
// SourceImage, TargetImage, exe, process.executable, file.path, fileinfo.filename …
//
//	hashes                                     Hashes, Hash, *.md5, *.sha1, *.sha256 …, of the
//
// file that they are about; of none that is stated: a file with this hash only
//
//	                       size                                       fileinfo.size, file.size
//	directory              path                                       the folders of those files
//	process                pid, command_line, cwd, name, image_ref,   ProcessId, CommandLine, CurrentDirectory, Image …;
//
// a 4688's NewProcessId;
//
//	binary_ref, parent_ref, creator_user_ref,  Parent…; ev.User; name and binary_ref are those of
//
// STIX 2.0
//
//	                       opened_connection_refs                     the connection of a network_connection
//	user-account           account_login, user_id, display_name       ev.User, SubjectUserName, TargetUserName,
//
// user.name; …Sid, user.id
//
//	network-traffic        src_ref, dst_ref, src_port, dst_port,      SourceIp, src_ip, id.orig_h, source.ip … and their
//
// like; an address, else a name
//
//	protocols                                  ipv4 or ipv6, then Protocol, proto,
//
// network.transport, then app_proto, service, network.protocol; lower case
//
//	src_byte_count … dst_packets, start        flow.*, orig_bytes …; the event's time
//	extensions.'http-request-ext'              request_method, request_value,
//
// request_header.{Host, User-Agent, Referer}
//
//	windows-registry-key   key, values.name, values.data              TargetObject, Details; the hive by its long name
//	mutex                  name                                       MutexName
//	x509-certificate       subject, issuer, serial_number, hashes     tls.subject …, certificate.subject …
//	email-message          subject, from_ref, to_refs                 email.subject, subject; email.from,
//
// smtp.mail_from, from …
//
// Addresses, domains, URLs, mail addresses and hashes are canonical
// (event.Canonical); everything else is as it was written. Kind says whether a
// pattern's path is one of these: what is none of them is never observed.
//
// An observation holds at most event.MaxObservables values beside some twenty
// objects of the event's own fields.
package observed

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/stix"
)

// Of returns the observation. Nothing in it is shared with ev but strings.
func Of(ev *event.Event) stix.Observation {
	m := maker{ev: ev, refs: map[string]string{}}
	for _, o := range event.Observables(ev) {
		m.value(o)
	}
	m.resolved()
	m.macs()
	account := m.accounts()
	traffic := m.traffic()
	m.processes(account, traffic)
	m.files()
	m.registry()
	m.certificate()
	m.mail()
	if v := m.text("MutexName", "mutex"); v != "" {
		m.put("mutex", v, map[string]any{"name": v})
	}
	for _, h := range m.hashes { // those of no file that is stated
		if !h.used {
			m.put("file", "hash "+h.value, map[string]any{"hashes": map[string]any{h.name: h.value}})
		}
	}
	return m.out
}

// maker gathers the objects of one observation.
type maker struct {
	ev     *event.Event
	out    stix.Observation
	refs   map[string]string // "type key": id
	hashes []hash
}

type hash struct {
	name, value string
	used        bool
}

// put adds an object, once under one key, and returns its id.
func (m *maker) put(typ, key string, properties map[string]any) string {
	at := typ + " " + key
	if id, ok := m.refs[at]; ok {
		return id
	}
	id := typ + "--" + strconv.Itoa(len(m.out))
	properties["type"], properties["id"] = typ, id
	m.refs[at] = id
	m.out = append(m.out, properties)
	return id
}

func (m *maker) value(o event.Observable) {
	switch o.Type {
	case event.IPv4, event.IPv6, event.Domain, event.URL, event.Email:
		m.put(string(o.Type), o.Value, map[string]any{"value": o.Value})
	case event.MD5, event.SHA1, event.SHA256:
		m.hashes = append(m.hashes, hash{name: string(o.Type), value: o.Value})
	}
}

// field returns the first of the fields that is there: by its exact name, or by
// the way through nested maps that its dots say.
func (m *maker) field(names ...string) any {
	for _, n := range names {
		if v, ok := m.ev.Fields[n]; ok && v != nil {
			return v
		}
		if strings.IndexByte(n, '.') < 0 {
			continue
		}
		if v := within(m.ev.Fields, n); v != nil {
			return v
		}
	}
	return nil
}

func within(from map[string]any, path string) any {
	for {
		head, rest, more := strings.Cut(path, ".")
		v := from[head]
		if !more {
			return v
		}
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		if w, ok := next[rest]; ok {
			return w
		}
		from, path = next, rest
	}
}

// text returns a field as text; "" for none and for the dash that stands for none.
func (m *maker) text(names ...string) string {
	for _, n := range names {
		switch v := m.field(n).(type) {
		case string:
			if v != "" && v != "-" {
				return v
			}
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		case int64:
			return strconv.FormatInt(v, 10)
		}
	}
	return ""
}

// number returns a field as a whole number, which may be written as text, in
// hexadecimal too.
func (m *maker) number(names ...string) (int64, bool) {
	for _, n := range names {
		switch v := m.field(n).(type) {
		case int64:
			return v, true
		case float64:
			if v == float64(int64(v)) {
				return int64(v), true
			}
		case string:
			base := 10
			if rest, ok := strings.CutPrefix(strings.ToLower(v), "0x"); ok {
				v, base = rest, 16
			}
			if i, err := strconv.ParseInt(v, base, 64); err == nil {
				return i, true
			}
		}
	}
	return 0, false
}

// set puts what is there.
func set(into map[string]any, name, v string) {
	if v != "" {
		into[name] = v
	}
}

func (m *maker) is(category string) bool { return slices.Contains(m.ev.Categories, category) }

// place returns the object of an address, or else of a name, if event.Observables
// found it: so a search of the past by observables misses no event that would be
// observed.
func (m *maker) place(s string) string {
	s = strings.TrimSpace(s)
	for _, t := range []event.ObservableType{event.IPv4, event.IPv6, event.Domain} {
		if v, ok := event.Canonical(t, s); ok && !strings.Contains(v, "/") {
			return m.refs[string(t)+" "+v]
		}
	}
	return ""
}

// resolved ties the name that was asked for to the addresses that were answered.
func (m *maker) resolved() {
	name := m.text("QueryName", "dns.rrname", "dns.question.name")
	if name == "" && (m.ev.Service == "dns" || m.field("qtype_name") != nil) {
		name = m.text("query")
	}
	asked, ok := event.Canonical(event.Domain, name)
	if !ok {
		return
	}
	var refs []any
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		switch v := v.(type) {
		case string:
			for _, p := range strings.FieldsFunc(v, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
				if a, err := netip.ParseAddr(p); err == nil && len(refs) < event.MaxObservables {
					if id := m.place(a.Unmap().String()); id != "" && !slices.Contains(refs, any(id)) {
						refs = append(refs, id)
					}
				}
			}
		case []any:
			for _, w := range v {
				walk(w, depth+1)
			}
		case map[string]any:
			if depth < 4 {
				walk(v["rdata"], depth+1)
				walk(v["A"], depth+1)
				walk(v["AAAA"], depth+1)
				walk(v["data"], depth+1)
			}
		}
	}
	for _, n := range []string{"QueryResults", "dns.answers", "dns.answer", "dns.grouped", "answers"} {
		walk(m.field(n), 0)
	}
	if len(refs) == 0 {
		return
	}
	for _, o := range m.out {
		if o["type"] == "domain-name" && o["value"] == asked {
			o["resolves_to_refs"] = refs
		}
	}
}

func (m *maker) macs() {
	for _, n := range []string{"mac", "source.mac", "client.mac", "host.mac", "ether.src_mac", "destination.mac",
		"ether.dest_mac"} {
		v := strings.ToLower(strings.ReplaceAll(m.text(n), "-", ":"))
		if len(v) == 17 && strings.Trim(v, "0123456789abcdef:") == "" {
			m.put("mac-addr", v, map[string]any{"value": v})
		}
	}
}

func (m *maker) registry() {
	key := m.text("TargetObject", "registry.path")
	if key == "" {
		return
	}
	key = LongHive(key)
	o := map[string]any{}
	if m.is("registry_set") || strings.HasSuffix(m.text("EventType"), "Value") {
		if i := strings.LastIndexByte(key, '\\'); i > 0 {
			v := map[string]any{"name": key[i+1:]}
			set(v, "data", m.text("Details", "NewValue", "registry.data.strings"))
			key, o["values"] = key[:i], []any{v}
		}
	}
	o["key"] = key
	m.put("windows-registry-key", key, o)
}

// hives are the short names of the registry's roots, and the long ones.
var hives = [...][2]string{{`HKLM\`, `HKEY_LOCAL_MACHINE\`}, {`HKU\`, `HKEY_USERS\`}, {`HKCU\`, `HKEY_CURRENT_USER\`},
	{`HKCR\`, `HKEY_CLASSES_ROOT\`}, {`HKCC\`, `HKEY_CURRENT_CONFIG\`},
	{`\REGISTRY\MACHINE\`, `HKEY_LOCAL_MACHINE\`}, {`\REGISTRY\USER\`, `HKEY_USERS\`}}

// LongHive writes the root of a registry key by its long name, as STIX asks for.
func LongHive(key string) string {
	for _, h := range hives {
		if len(key) >= len(h[0]) && strings.EqualFold(key[:len(h[0])], h[0]) {
			return h[1] + key[len(h[0]):]
		}
	}
	return key
}

func (m *maker) certificate() {
	o := map[string]any{}
	set(o, "subject", m.text("tls.subject", "certificate.subject", "tls.server.subject",
		"tls.server.x509.subject.distinguished_name"))
	set(o, "issuer", m.text("tls.issuerdn", "certificate.issuer", "tls.server.issuer",
		"tls.server.x509.issuer.distinguished_name"))
	set(o, "serial_number", m.text("tls.serial", "certificate.serial", "tls.server.x509.serial_number"))
	if v, ok := event.Canonical(event.SHA1,
		strings.ReplaceAll(m.text("tls.fingerprint", "tls.server.hash.sha1"), ":", "")); ok {
		o["hashes"] = map[string]any{"SHA-1": v}
	}
	if len(o) > 0 {
		m.put("x509-certificate", "", o)
	}
}

func (m *maker) mail() {
	o := map[string]any{}
	set(o, "subject", m.text("email.subject", "subject"))
	from := m.mailboxes("email.from.address", "email.from", "smtp.mail_from", "mailfrom")
	to := m.mailboxes("email.to.address", "email.to", "smtp.rcpt_to", "rcptto")
	if len(from) == 0 && len(to) == 0 {
		return // a subject alone may be anything's
	}
	if len(from) > 0 {
		o["from_ref"] = from[0]
	}
	if len(to) > 0 {
		o["to_refs"] = to
	}
	m.put("email-message", "", o)
}

func (m *maker) mailboxes(names ...string) (refs []any) {
	take := func(s string) {
		for _, p := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("<>\",; ", r) }) {
			if v, ok := event.Canonical(event.Email, p); ok {
				if id := m.refs[string(event.Email)+" "+v]; id != "" {
					refs = append(refs, id)
				}
			}
		}
	}
	switch v := m.field(names...).(type) {
	case string:
		take(v)
	case []any:
		for _, w := range v {
			if s, ok := w.(string); ok {
				take(s)
			}
		}
	}
	return refs
}
