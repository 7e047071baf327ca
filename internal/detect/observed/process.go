package observed

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
)

// file adds a file by its path or name, with its folder, and returns its id.
func (m *maker) file(path string) string {
	if path == "" {
		return ""
	}
	if id, ok := m.refs["file "+path]; ok {
		return id
	}
	o := map[string]any{}
	i := strings.LastIndexAny(path, `/\`)
	set(o, "name", path[i+1:])
	if i >= 0 {
		dir := path[:i]
		if dir == "" || strings.HasSuffix(dir, ":") {
			dir = path[:i+1] // the root
		}
		o["parent_directory_ref"] = m.put("directory", dir, map[string]any{"path": dir})
	}
	return m.put("file", path, o)
}

// hashed assigns every hash of the event that no file has to one file.
func (m *maker) hashed(id string) {
	for _, o := range m.out {
		if o["id"] != id {
			continue
		}
		list := map[string]any{}
		for i := range m.hashes {
			h := &m.hashes[i]
			if _, taken := list[h.name]; !h.used && !taken {
				list[h.name], h.used = h.value, true
			}
		}
		if len(list) > 0 {
			o["hashes"] = list
		}
	}
}

// files adds the files of the event. Its hashes are about one of them: which, the
// kind of event says.
func (m *maker) files() {
	image := m.text("Image", "NewProcessName", "process.executable", "exe")
	target := m.text("TargetFilename", "file.path")
	loaded := m.text("ImageLoaded", "dll.path")
	sent := m.text("fileinfo.filename")
	if sent == "" && (m.ev.Service == "files" || m.field("fuid") != nil) {
		sent = m.text("filename")
	}
	for _, p := range []string{image, m.text("ParentImage", "ParentProcessName", "process.parent.executable"),
		m.text("SourceImage"), m.text("TargetImage"), target, loaded} {
		m.file(p)
	}
	switch {
	case loaded != "":
		m.hashed(m.file(loaded))
	case target != "":
		m.hashed(m.file(target))
	case sent != "" || m.field("fileinfo") != nil:
		id := m.file(sent)
		if id == "" {
			id = m.put("file", "", map[string]any{})
		}
		m.hashed(id)
		if n, ok := m.number("fileinfo.size", "file.size", "total_bytes"); ok {
			m.at(id)["size"] = n
		}
	case image != "":
		m.hashed(m.file(image))
	}
}

func (m *maker) at(id string) map[string]any {
	for _, o := range m.out {
		if o["id"] == id {
			return o
		}
	}
	return map[string]any{}
}

// accounts adds the accounts and returns the one that the event is about.
func (m *maker) accounts() string {
	one := func(name, sid, full string) string {
		o := map[string]any{}
		login := name
		if i := strings.LastIndexByte(name, '\\'); i >= 0 {
			login = name[i+1:]
		}
		set(o, "account_login", login)
		set(o, "user_id", sid)
		set(o, "display_name", full)
		if len(o) == 0 {
			return ""
		}
		return m.put("user-account", login+"\x00"+sid, o)
	}
	subject := one(m.text("SubjectUserName"), m.text("SubjectUserSid"), "")
	target := one(m.text("TargetUserName"), m.text("TargetUserSid", "TargetSid"), m.text("DisplayName"))
	other := one(m.text("user.name"), m.text("user.id", "UserID"), m.text("user.full_name"))
	if u := m.ev.User; u != "" && u != "-" {
		login := u[strings.LastIndexByte(u, '\\')+1:]
		for _, o := range m.out {
			if o["type"] == "user-account" && o["account_login"] == login {
				return o["id"].(string)
			}
		}
		return one(u, "", "")
	}
	for _, id := range []string{other, subject, target} {
		if id != "" {
			return id
		}
	}
	return ""
}

// processes adds the process that the event is about and those around it.
func (m *maker) processes(account, traffic string) {
	image := m.text("Image", "NewProcessName", "process.executable", "exe")
	pidNames := []string{"ProcessId", "process.pid", "pid"}
	if m.field("NewProcessId") != nil { // a 4688: its ProcessId is the creator's
		pidNames = []string{"NewProcessId"}
	}
	o := m.process(image, pidNames,
		m.text("CommandLine", "ProcessCommandLine", "process.command_line", "proctitle", "cmdline"))
	parent := m.process(m.text("ParentImage", "ParentProcessName", "process.parent.executable"),
		[]string{"ParentProcessId", "process.parent.pid", "ppid"},
		m.text("ParentCommandLine", "process.parent.command_line"))
	source := m.process(m.text("SourceImage"), []string{"SourceProcessId"}, "")
	target := m.process(m.text("TargetImage"), []string{"TargetProcessId"}, "")
	if source != nil {
		m.put("process", "source", source)
	}
	if target != nil {
		m.put("process", "target", target)
	}
	var up string
	if parent != nil {
		up = m.put("process", "parent", parent)
	}
	if o == nil {
		return
	}
	set(o, "cwd", m.text("CurrentDirectory", "process.working_directory", "cwd"))
	set(o, "parent_ref", up)
	set(o, "creator_user_ref", account)
	if traffic != "" && m.is("network_connection") {
		o["opened_connection_refs"] = []any{traffic}
	}
	m.put("process", "", o)
}

// process returns a process; nil if nothing is known of it.
func (m *maker) process(image string, pid []string, line string) map[string]any {
	n, ok := m.number(pid...)
	if image == "" && line == "" {
		return nil // a number alone may be any daemon's
	}
	o := map[string]any{}
	if ok {
		o["pid"] = n
	}
	set(o, "command_line", line)
	if id := m.file(image); id != "" {
		o["image_ref"], o["binary_ref"] = id, id
		set(o, "name", image[strings.LastIndexAny(image, `/\`)+1:])
	}
	return o
}

// transports are the numbers of protocols in Windows.
var transports = map[string]string{"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}

// traffic adds the connection that the event is about.
func (m *maker) traffic() string {
	from := m.place(m.text("SourceIp", "src_ip", "id.orig_h", "source.ip", "SourceAddress", "client.ip", "c-ip",
		"sourceIPAddress", "IpAddress", "source.address", "client.address"))
	to := m.place(m.text("DestinationIp", "dest_ip", "dst_ip", "id.resp_h", "destination.ip", "DestAddress",
		"server.ip", "destination.address", "server.address"))
	web := m.request()
	if to == "" {
		to = m.place(m.text("DestinationHostname", "http.hostname", "tls.sni", "server_name", "cs-host", "r-dns",
			"url.domain"))
	}
	if from == "" && to == "" {
		return ""
	}
	o := map[string]any{"start": m.ev.Time.UTC().Format("2006-01-02T15:04:05.999999999Z")}
	set(o, "src_ref", from)
	set(o, "dst_ref", to)
	for name, fields := range counters {
		if n, ok := m.number(fields...); ok {
			o[name] = n
		}
	}
	var protocols []any
	add := func(s string) {
		for _, p := range strings.Split(strings.ToLower(s), ",") {
			if p = strings.TrimSpace(p); p != "" && p != "-" && !slices.Contains(protocols, any(p)) &&
				len(protocols) < 16 {
				protocols = append(protocols, p)
			}
		}
	}
	for _, id := range []string{from, to} {
		switch {
		case strings.HasPrefix(id, string(event.IPv4)):
			add("ipv4")
		case strings.HasPrefix(id, string(event.IPv6)):
			add("ipv6")
		}
	}
	transport := strings.ToLower(m.text("Protocol", "proto", "network.transport"))
	if t, ok := transports[transport]; ok {
		transport = t
	}
	add(transport)
	if m.field("id.orig_h") != nil || m.ev.Product == "zeek" {
		add(m.text("service"))
	}
	add(m.text("app_proto", "network.protocol"))
	if len(web) > 0 {
		add("http")
		o["extensions"] = map[string]any{"http-request-ext": web}
	}
	if len(protocols) > 0 {
		o["protocols"] = protocols
	}
	return m.put("network-traffic", "", o)
}

// counters are the numbers of a connection.
var counters = map[string][]string{
	"src_port": {"SourcePort", "src_port", "id.orig_p", "source.port", "client.port", "IpPort", "c-port"},
	"dst_port": {"DestinationPort", "dest_port", "dst_port", "id.resp_p", "destination.port", "server.port",
		"DestPort", "cs-port"},
	"src_byte_count": {"flow.bytes_toserver", "orig_bytes", "source.bytes"},
	"dst_byte_count": {"flow.bytes_toclient", "resp_bytes", "destination.bytes"},
	"src_packets":    {"flow.pkts_toserver", "orig_pkts", "source.packets"},
	"dst_packets":    {"flow.pkts_toclient", "resp_pkts", "destination.packets"},
}

// request returns the HTTP request of the event.
func (m *maker) request() map[string]any {
	method := m.text("http.http_method", "http.request.method", "cs-method")
	value := m.text("http.url", "url.path", "cs-uri", "cs-uri-stem", "c-uri")
	host := m.text("http.hostname", "cs-host")
	agent := m.text("http.http_user_agent", "user_agent.original", "c-useragent", "cs-user-agent")
	refer := m.text("http.http_refer", "cs-referer", "cs-referrer", "http.request.referrer")
	if m.ev.Product == "zeek" && m.field("method") != nil {
		method, value, host, agent, refer = m.text("method"), m.text("uri"), m.text("host"), m.text("user_agent"),
			m.text("referrer")
	}
	if method == "" && agent == "" && m.field("http") == nil {
		return nil
	}
	o, head := map[string]any{}, map[string]any{}
	set(o, "request_method", strings.ToLower(method))
	set(o, "request_value", value)
	set(head, "Host", host)
	set(head, "User-Agent", agent)
	set(head, "Referer", refer)
	if len(head) > 0 {
		o["request_header"] = head
	}
	return o
}
