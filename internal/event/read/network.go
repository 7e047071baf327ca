package read

import (
	"net/url"
	"path"
	"regexp"
	"strings"
)

// eveShape recognises Suricata's EVE (docs.suricata.io, "EVE JSON Format"). The
// service is the event type, but "connection" for flows; fields keep their EVE
// names, and those of the Sigma taxonomy are beside them.
func eveShape(m map[string]any) (record, bool) {
	kind := str(m, "event_type")
	if kind == "" || m["timestamp"] == nil || m["flow_id"] == nil && m["src_ip"] == nil && m["stats"] == nil &&
		m["in_iface"] == nil {
		return record{}, false
	}
	r := record{fields: m, product: "suricata", service: kind, known: true}
	r.time = firstTime(m, "timestamp")
	r.host = firstText(m, "host", "sensor_name")
	put(m, "dst_ip", m["dest_ip"])
	put(m, "dst_port", m["dest_port"])
	switch kind {
	case "dns":
		r.categories = []string{"dns", "network"}
		eveDNS(m, sub(m, "dns"))
	case "http":
		r.categories = []string{"proxy", "webserver"}
		h := sub(m, "http")
		web{
			method: str(h, "http_method"), host: str(h, "hostname"), target: str(h, "url"),
			agent:    str(h, "http_user_agent"),
			referrer: str(h, "http_refer"), status: h["status"], client: m["src_ip"], version: str(h, "protocol"),
			scheme: "http",
		}.fill(m)
	case "flow", "netflow":
		r.service = "connection"
		r.categories = []string{"firewall", "network"}
		if f := sub(m, "flow"); f != nil {
			put(m, "action", f["action"])
		}
	case "drop":
		r.categories = []string{"firewall"}
		put(m, "action", "blocked")
	case "alert":
		put(m, "action", sub(m, "alert")["action"])
	}
	return r, true
}

func eveDNS(m, d map[string]any) {
	put(m, "query", d["rrname"])
	put(m, "record_type", d["rrtype"])
	for _, k := range []string{"queries", "query"} { // versions 3 and 2 of the format
		if list, ok := d[k].([]any); ok && len(list) > 0 {
			if q, ok := list[0].(map[string]any); ok {
				put(m, "query", q["rrname"])
				put(m, "record_type", q["rrtype"])
			}
		}
	}
	var answers []any
	if list, ok := d["answers"].([]any); ok {
		for _, a := range list {
			if o, ok := a.(map[string]any); ok && o["rdata"] != nil {
				answers = append(answers, o["rdata"])
			}
		}
	}
	if answers != nil {
		put(m, "answer", answers)
	}
}

// zeekName reads the service out of a log's file name: conn.log, dns.2026-01-01.json.gz,
// ssl.10:00:00-11:00:00.log.
var zeekName = regexp.MustCompile(`^([a-z][a-z0-9_]{1,30})[._-](?:.*\.)?(?:log|json|jsonl|ndjson)(?:\.gz|\.zst)?$`)

// zeekLogs are the logs that a file name may mean.
var zeekLogs = map[string]bool{
	"conn": true, "dns": true, "http": true, "ssl": true, "x509": true, "files": true, "smtp": true, "ssh": true,
	"ftp": true, "rdp": true, "kerberos": true, "ntlm": true, "dce_rpc": true, "smb_files": true, "smb_mapping": true,
	"dhcp": true, "notice": true, "weird": true, "software": true, "pe": true, "tunnel": true, "sip": true,
	"snmp":  true,
	"intel": true, "irc": true, "rfb": true, "radius": true, "socks": true, "syslog": true, "mysql": true,
	"modbus": true,
	"dnp3":   true, "quic": true, "ldap": true, "ldap_search": true, "known_hosts": true, "known_services": true,
	"known_certs": true, "ntp": true, "ocsp": true, "traceroute": true, "signatures": true,
}

// zeekShape recognises Zeek's JSON logs. The service is the log: by _path, else
// by the name of the file, else by the fields that only that log has.
func zeekShape(m map[string]any, name string) (record, bool) {
	service := str(m, "_path")
	_, flat := m["id.orig_h"]
	_, under := m["id_orig_h"]
	conn := flat || under || sub(m, "id")["orig_h"] != nil
	if m["ts"] == nil || !conn && service == "" && m["fuid"] == nil && m["certificate.serial"] == nil &&
		m["uids"] == nil && m["conn_uids"] == nil {
		return record{}, false
	}
	if service == "" {
		if g := zeekName.FindStringSubmatch(baseName(name)); g != nil && zeekLogs[g[1]] {
			service = g[1]
		}
	}
	if service == "" {
		service = zeekGuess(m)
	}
	r := record{fields: m, product: "zeek", service: service, known: true}
	r.time = firstTime(m, "ts", "_write_ts")
	r.host = firstText(m, "_system_name", "_node")
	ends := [...][3]string{
		{"orig_h", "id.orig_h", "src_ip"}, {"orig_p", "id.orig_p", "src_port"},
		{"resp_h", "id.resp_h", "dst_ip"}, {"resp_p", "id.resp_p", "dst_port"},
	}
	for _, e := range ends {
		v := m[e[1]]
		if v == nil {
			v = m["id_"+e[0]]
		}
		if v == nil {
			v = sub(m, "id")[e[0]]
		}
		if v != nil {
			put(m, e[1], v)
			put(m, e[2], v)
		}
	}
	switch service {
	case "dns":
		r.categories = []string{"dns", "network"}
		put(m, "record_type", m["qtype_name"])
		put(m, "answer", m["answers"])
	case "http":
		r.categories = []string{"proxy", "webserver"}
		web{
			method: str(m, "method"), host: str(m, "host"), target: str(m, "uri"), agent: str(m, "user_agent"),
			referrer: str(m, "referrer"), status: m["status_code"], client: m["id.orig_h"], version: str(m, "version"),
			scheme: "http",
		}.fill(m)
		r.user = str(m, "username")
	case "conn":
		r.categories = []string{"firewall", "network"}
	}
	return r, true
}

// zeekGuess recognises a log by a field that only it has.
func zeekGuess(m map[string]any) string {
	for _, g := range [...][2]string{
		{"conn_state", "conn"}, {"qtype_name", "dns"}, {"rcode_name", "dns"}, {"query", "dns"}, {"trans_depth", "http"},
		{"uri", "http"}, {"endpoint", "dce_rpc"}, {"request_type", "kerberos"}, {"server_name", "ssl"},
		{"cipher", "ssl"},
		{"certificate.serial", "x509"}, {"security_protocol", "rdp"}, {"cookie", "rdp"}, {"mailfrom", "smtp"},
		{"auth_success", "ssh"}, {"note", "notice"}, {"share_type", "smb_mapping"}, {"fuid", "files"},
		{"ntlm_username", "ntlm"},
		{"seen.indicator", "intel"},
	} {
		if m[g[0]] != nil {
			return g[1]
		}
	}
	if m["action"] != nil && m["path"] != nil {
		return "smb_files"
	}
	return ""
}

// web is one HTTP request as a sensor or a server logged it.
type web struct {
	method, host, target, agent, referrer, version, cookie, scheme string
	status, client                                                 any
}

// fill adds the fields of Sigma's proxy and webserver categories. A sensor on
// the wire cannot distinguish a proxy's log from a server's, so both get theirs.
func (w web) fill(m map[string]any) {
	full := w.target
	stem, query, _ := strings.Cut(w.target, "?")
	if u, err := url.Parse(w.target); err == nil && u.Host != "" {
		// an absolute target, as proxies are asked
		stem = u.EscapedPath()
		if w.host == "" {
			w.host = u.Host
		}
	} else if w.host != "" && w.scheme != "" && strings.HasPrefix(w.target, "/") {
		full = w.scheme + "://" + w.host + w.target
	}
	put(m, "c-uri", full)
	put(m, "cs-uri", full)
	put(m, "cs-uri-stem", stem)
	put(m, "cs-uri-query", w.target) // rules for web servers look for stem and query in it
	put(m, "c-uri-stem", stem)
	put(m, "c-uri-query", query)
	if e := strings.TrimPrefix(path.Ext(stem), "."); len(e) <= 10 {
		put(m, "c-uri-extension", e)
	}
	put(m, "c-useragent", w.agent)
	put(m, "cs-user-agent", w.agent)
	put(m, "cs-method", w.method)
	put(m, "cs-host", w.host)
	put(m, "r-dns", w.host)
	put(m, "cs-referer", w.referrer)
	put(m, "cs-referrer", w.referrer)
	put(m, "cs-version", w.version)
	put(m, "cs-cookie", w.cookie)
	put(m, "sc-status", w.status)
	put(m, "c-ip", w.client)
	put(m, "src_ip", w.client)
}

// cloudTrailShape recognises a record of AWS CloudTrail.
func cloudTrailShape(m map[string]any) (record, bool) {
	source := str(m, "eventSource")
	if source == "" || str(m, "eventName") == "" || m["awsRegion"] == nil && m["eventVersion"] == nil &&
		m["userIdentity"] == nil {
		return record{}, false
	}
	r := record{fields: m, product: "aws", service: "cloudtrail", known: true}
	r.time = firstTime(m, "eventTime", "@timestamp")
	who := sub(m, "userIdentity")
	r.user = firstText(who, "userName", "arn", "principalId", "invokedBy")
	return r, true
}
