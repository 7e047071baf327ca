package event

import (
	"cmp"
	"slices"
	"strings"
)

// MaxObservables is the greatest number of observables taken out of one event.
const MaxObservables = 256

// maxTextScan bounds how much of one free-text field is searched, in bytes.
const maxTextScan = 1 << 20

// Observables returns the values in ev that are worth matching: out of the fields
// that are known to hold them, and URLs and addresses out of command lines,
// scripts and messages. They are canonical, without duplicates, in a fixed order,
// and at most MaxObservables; those of known fields come before those of free
// text. Nothing is left out for being private or common: that is the reader's
// to judge. IMPHASH, file names and the record's own host are no observables.
func Observables(ev *Event) []Observable {
	c := collector{product: ev.Product, seen: map[Observable]struct{}{}}
	for k, v := range ev.Fields {
		c.walk(k, v, 0)
	}
	c.settle()
	for _, t := range c.texts {
		c.scan(t)
	}
	c.settle()
	if len(c.out) > MaxObservables {
		c.out = c.out[:MaxObservables]
	}
	return c.out
}

type collector struct {
	product string
	seen    map[Observable]struct{}
	out     []Observable
	settled int      // out[:settled] is in its final order
	texts   []string // free text, searched after the known fields
}

// settle orders what was found since the last call, because maps have no order.
func (c *collector) settle() {
	slices.SortFunc(c.out[c.settled:], func(a, b Observable) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	c.settled = len(c.out)
}

func (c *collector) add(t ObservableType, value string) {
	// The bound on what is collected is wider than the one on what is given,
	// so that the order decides what stays, not chance.
	if len(c.out) >= 16*MaxObservables {
		return
	}
	o := Observable{Type: t, Value: value}
	if _, ok := c.seen[o]; ok {
		return
	}
	c.seen[o] = struct{}{}
	c.out = append(c.out, o)
}

func (c *collector) walk(path string, v any, depth int) {
	switch v := v.(type) {
	case string:
		if v != "" && v != "-" {
			c.value(path, v)
		}
	case map[string]any:
		if depth < 8 {
			for k, w := range v {
				c.walk(path+"."+k, w, depth+1)
			}
		}
	case []any:
		if depth < 8 {
			for _, w := range v {
				c.walk(path, w, depth+1)
			}
		}
	}
}

// holds says what a field is known to hold.
type holds uint8

const (
	nothing holds = iota
	address       // an address, maybe with a port; several by comma, semicolon or space
	host          // an address or a name, maybe with a port
	link          // a URL
	mail          // one or more mail addresses
	hash          // one hash, its type known by its length
	hashes        // Sysmon's list ALG=hex,ALG=hex
	results       // Sysmon's QueryResults: "type:  5 name;::ffff:192.0.2.1;"
	text          // free text
)

// known maps field names to what they hold, for every product.
var known = map[string]holds{
	"SourceIp": address, "DestinationIp": address, "IpAddress": address, "ClientAddress": address,
	"SourceAddress": address, "DestAddress": address, "RemoteAddress": address, "RemoteIp": address,
	"ClientIP": address, "src_ip": address, "dst_ip": address, "dest_ip": address, "c-ip": address,
	"source.ip": address, "destination.ip": address, "client.ip": address, "server.ip": address,
	"id.orig_h": address, "id.resp_h": address, "id_orig_h": address, "id_resp_h": address,
	"tx_hosts": address, "rx_hosts": address, "sourceIPAddress": address, "addr": address,
	"ipAddress": address, "properties.ipAddress": address, "callerIpAddress": address, "ActorIpAddress": address,
	"ClientIPAddress":  address,
	"client.ipAddress": address, "sourceIPs": address, "protoPayload.requestMetadata.callerIp": address,
	"client.address": host, "server.address": host, "source.address": host, "destination.address": host,
	"network.peer.address": address, "net.peer.ip": address, "net.sock.peer.addr": address, "http.client_ip": address,

	"DestinationHostname": host, "QueryName": host, "query": host, "dns.question.name": host,
	"server_name": host, "tls.sni": host, "quic.sni": host, "url.domain": host, "r-dns": host, "cs-host": host,
	"dns.rrname": host, "dns.queries.rrname": host, "dns.query.rrname": host, "dns.answers.rdata": host,
	"dns.answers.rrname": host, "dns.answers.data": host, "dns.answer.rrname": host, "dns.grouped.A": address,
	"dns.grouped.AAAA": address, "dns.grouped.CNAME": host, "http.hostname": host, "answers": host, "answer": host,
	"QueryResults": results,

	"url": link, "Url": link, "URL": link, "url.full": link, "url.original": link, "http.url": link, "c-uri": link,
	"RemoteName": link, "cs-referer": link, "cs-referrer": link, "referrer": link, "http.http_refer": link,

	"smtp.mail_from": mail, "smtp.rcpt_to": mail, "email.from": mail, "email.to": mail, "email.cc": mail,
	"email.from.address": mail, "email.to.address": mail, "email.sender.address": mail, "email.reply_to.address": mail,
	"mailfrom": mail, "rcptto": mail, "user.email": mail,

	"Hashes": hashes, "Hash": hashes, "hashes": hashes,
	"MD5": hash, "SHA1": hash, "SHA256": hash, "md5": hash, "sha1": hash, "sha256": hash,
	"fileinfo.md5": hash, "fileinfo.sha1": hash, "fileinfo.sha256": hash,
	"files.md5": hash, "files.sha1": hash, "files.sha256": hash,
	"file.hash.md5": hash, "file.hash.sha1": hash, "file.hash.sha256": hash,
	"process.hash.md5": hash, "process.hash.sha1": hash, "process.hash.sha256": hash,

	"CommandLine": text, "ParentCommandLine": text, "ScriptBlockText": text, "Payload": text, "ContextInfo": text,
	"Data": text, "ImagePath": text, "ServiceFileName": text, "TaskContent": text, "Details": text,
	"Destination": text, "Contents": text, "ProcessCommandLine": text, "cmdline": text, "proctitle": text,
	"process.command_line": text, "process.command_args": text, "body": text, "http.request.body.content": text,
	"http.http_user_agent": text, "c-useragent": text, "user_agent": text, "user_agent.original": text,
	"cs-uri-query": text, "cs-user-agent": text, "COMMAND": text,
}

// knownIn adds what a name holds in the records of one product only.
var knownIn = map[string]map[string]holds{
	"zeek": {
		"host": host, "uri": text, "from": mail, "to": mail, "cc": mail, "reply_to": mail, "x_originating_ip": address,
		"client": nothing, "path": nothing, "helo": host, "assigned_addr": nothing,
		"san.dns": host, "seen.indicator": host,
	},
	"windows": {
		"Address":         address,
		"Message":         nothing,
		"url":             link,
		"Destination":     text,
		"HostApplication": text,
		"cs-host":         nothing,
		"r-dns":           nothing,
	},
	"linux": {"message": text, "hostname": host},
	"azure": {
		"CallerIpAddress": address, "IPAddress": address,
		"initiatedBy.user.ipAddress": address, "userPrincipalName": mail, "caller": mail,
		"targetResources.userPrincipalName": mail,
	},
	"m365": {
		"SenderIp": address, "UserId": mail, "P1Sender": mail, "P2Sender": mail,
		"Recipients": mail, "Parameters": mail, "Urls": link,
	},
	"okta":       {"request.ipChain.ip": address, "actor.alternateId": mail, "target.alternateId": mail},
	"gcp":        {"protoPayload.authenticationInfo.principalEmail": mail, "actor.email": mail},
	"github":     {"actor_ip": address},
	"onelogin":   {"ipaddr": address, "user_name": mail, "actor_user_name": mail},
	"bitbucket":  {"source": address},
	"cisco":      {"access_device.ip": address, "auth_device.ip": address, "email": mail},
	"opencanary": {"src_host": address, "src_host_reverse": host},
	"":           {"message": text, "host": nothing},
}

func (c *collector) value(path, v string) {
	k, ok := knownIn[c.product][path]
	if !ok {
		k, ok = known[path]
	}
	if !ok {
		switch {
		case c.product == "linux" && len(path) >= 2 && path[0] == 'a' && digits(path[1:]):
			k = text // an argument of an EXECVE record
		case c.product != "windows" && path == "message":
			k = text
		default:
			return
		}
	}
	c.take(k, v)
}

func (c *collector) take(k holds, v string) {
	switch k {
	case address:
		for _, p := range strings.FieldsFunc(v, separator) {
			c.addr(p)
		}
	case host:
		for _, p := range strings.FieldsFunc(v, separator) {
			c.host(p)
		}
	case link:
		if strings.Contains(v, "://") {
			c.url(v)
		}
	case mail:
		for _, p := range strings.FieldsFunc(v,
			func(r rune) bool { return separator(r) || r == '<' || r == '>' || r == '"' }) {
			if m, ok := canonicalEmail(p); ok {
				c.add(Email, m)
			}
		}
	case hash:
		c.hash(v)
	case hashes:
		for _, p := range strings.Split(v, ",") {
			alg, hex, ok := strings.Cut(strings.TrimSpace(p), "=")
			switch {
			case !ok:
				c.hash(alg)
			case !strings.EqualFold(alg, "IMPHASH"):
				c.hash(hex)
			}
		}
	case results:
		for _, p := range strings.Split(v, ";") {
			p = strings.TrimSpace(p)
			if rest, ok := strings.CutPrefix(p, "type:"); ok {
				p = strings.TrimLeft(rest, " 0123456789")
			}
			c.host(p)
		}
	case text:
		c.texts = append(c.texts, v)
	}
}

func separator(r rune) bool {
	return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
}

func (c *collector) addr(s string) bool {
	if strings.IndexByte(s, '/') >= 0 {
		return false
	}
	v, t, ok := canonicalAddr(s)
	if !ok {
		s, ok = cutPort(s)
		if ok {
			v, t, ok = canonicalAddr(s)
		}
	}
	if ok && v != "0.0.0.0" && v != "::" {
		c.add(t, v)
	}
	return ok
}

func (c *collector) host(s string) {
	if c.addr(s) {
		return
	}
	if h, ok := cutPort(s); ok {
		s = h
	}
	d, ok := canonicalDomain(s)
	if ok && !strings.HasSuffix(d, ".in-addr.arpa") && !strings.HasSuffix(d, ".ip6.arpa") {
		c.add(Domain, d)
	}
}

// url adds a URL and its host.
func (c *collector) url(s string) bool {
	v, ok := canonicalURL(s)
	if !ok {
		return false
	}
	c.add(URL, v)
	h := v[strings.Index(v, "://")+3:]
	if i := strings.IndexAny(h, "/?"); i >= 0 {
		h = h[:i]
	}
	c.host(h)
	return true
}

func (c *collector) hash(s string) {
	s = strings.TrimSpace(s)
	if t := hashType(len(s)); t != "" {
		if v, ok := canonicalHash(s, len(s)); ok {
			c.add(t, v)
		}
	}
}

// cutPort takes ":port" off an address or a name; "[v6]:port" too.
func cutPort(s string) (string, bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || i == len(s)-1 || !digits(s[i+1:]) {
		return s, false
	}
	h := s[:i]
	if h[0] == '[' && h[len(h)-1] == ']' {
		return h[1 : len(h)-1], true
	}
	return h, strings.IndexByte(h, ':') < 0
}
