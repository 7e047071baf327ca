package misp

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/stix"
)

// meaning is what an attribute's type and value are in STIX.
type meaning struct {
	observables []event.Observable // to ask whether they say anything
	facts       []stix.Typed       // observables of STIX
	refs        func(facts []string) stix.Typed
	pattern     string
	language    string // of the pattern; empty: stix
	weak        i18n.Text
	wider       i18n.Text // the pattern matches more than the attribute says
}

// hashNames are the algorithms by MISP's names, as STIX names them, and their digits.
var hashNames = map[string]struct {
	name   string
	digits int
}{
	"md5": {"MD5", 32}, "sha1": {"SHA-1", 40}, "sha256": {"SHA-256", 64}, "sha512": {"SHA-512", 128},
	"sha3-256": {"SHA3-256", 64}, "sha3-512": {"SHA3-512", 128}, "ssdeep": {"SSDEEP", 0}, "tlsh": {"TLSH", 0},
	"sha224": {"SHA-224", 56}, "sha384": {"SHA-384", 96}, "sha3-224": {"SHA3-224", 56},
	"sha3-384": {"SHA3-384", 96}, "sha512/224": {"SHA-512/224", 56}, "sha512/256": {"SHA-512/256", 64},
}

// languages are types whose value is a rule or pattern in a language that STIX names.
var languages = map[string]string{
	"yara": "yara", "sigma": "sigma", "snort": "snort", "suricata": "suricata", "stix2-pattern": "stix",
}

// understand reads an attribute's value. ok is false if STIX has no word for the type;
// problem says what is wrong with a value that is none of its type.
func understand(typ, value string) (m meaning, ok bool, problem i18n.Text) {
	value = strings.TrimSpace(value)
	if lang, is := languages[typ]; is {
		return rule(lang, value)
	}
	name, hashed := strings.CutPrefix(typ, "filename|")
	if hashed {
		return fileWithHash(name, value)
	}
	if h, is := hashNames[typ]; is {
		return hash(h.name, h.digits, "", value)
	}
	if a, is := strings.CutPrefix(typ, "x509-fingerprint-"); is {
		return certificate(a, value)
	}
	switch typ {
	case "ip-src", "ip-dst":
		return address(value)
	case "ip-src|port", "ip-dst|port":
		return addressAndPort(value, typ == "ip-src|port")
	case "domain", "hostname":
		return domain(value)
	case "domain|ip":
		return domainAndAddress(value)
	case "hostname|port":
		return domainAndPort(value)
	case "url", "uri", "link", "onion-address":
		return link(value)
	case "email", "email-src", "email-dst", "email-reply-to", "target-email", "whois-registrant-email",
		"dns-soa-email", "eppn":
		return mailbox(value)
	case "malware-sample":
		if !strings.Contains(value, "|") {
			return file(value)
		}
		return fileWithHash("md5", value)
	case "filename", "attachment", "email-attachment":
		return file(value)
	}
	return rest(typ, value)
}

// rest reads types that are neither of the network nor files.
func rest(typ, value string) (m meaning, ok bool, problem i18n.Text) {
	switch typ {
	case "email-subject":
		m.facts = []stix.Typed{stix.EmailMessage{Subject: value}}
		m.pattern = compare("email-message:subject", value)
	case "mutex":
		m.facts, m.pattern = []stix.Typed{stix.Mutex{Name: value}}, compare("mutex:name", value)
	case "regkey":
		key := registryKey(value)
		m.facts, m.pattern = []stix.Typed{stix.WindowsRegistryKey{Key: key}}, compare("windows-registry-key:key", key)
	case "regkey|value":
		key, data, _ := cutLast(value)
		key = registryKey(key)
		m.facts = []stix.Typed{stix.WindowsRegistryKey{Key: key, Values: []stix.RegistryValue{{Data: data}}}}
		m.pattern = "[" + equal("windows-registry-key:key", key) + " AND " +
			equal("windows-registry-key:values[*].data", data) + "]"
	case "AS":
		n, err := strconv.Atoi(strings.TrimPrefix(strings.ToUpper(value), "AS"))
		if err != nil || n < 0 {
			return m, true, i18n.T("{0} is no number of an autonomous system", "{0} は AS 番号ではありません").With(clip(value))
		}
		m.facts = []stix.Typed{stix.AutonomousSystem{Number: n}}
		m.pattern = "[autonomous-system:number = " + strconv.Itoa(n) + "]"
	case "mac-address", "mac-eui-64":
		v := strings.ToLower(strings.ReplaceAll(value, "-", ":"))
		if typ == "mac-eui-64" || !macForm.MatchString(v) {
			return m, false, problem
		}
		m.facts, m.pattern = []stix.Typed{stix.MACAddr{Value: v}}, compare("mac-addr:value", v)
	case "user-agent":
		m.pattern = compare("network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'", value)
	case "cpe":
		if strings.HasPrefix(value, "cpe:2.3:") {
			m.facts = []stix.Typed{stix.Software{Name: value, CPE: value}}
		}
	}
	return m, m.pattern != "" || m.facts != nil, problem
}

// registryKey writes the root of a key by its long name, as STIX asks for.
func registryKey(s string) string {
	root, rest, _ := strings.Cut(s, `\`)
	long, ok := map[string]string{"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER",
		"HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG"}[strings.ToUpper(root)]
	if !ok {
		return s
	}
	return long + `\` + rest
}

var macForm = regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`)

// equal is a comparison of a pattern with a text.
func equal(path, value string) string {
	return path + " = '" + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), `'`, `\'`) + "'"
}

func compare(path, value string) string { return "[" + equal(path, value) + "]" }

// cutLast cuts at the last bar: a file's name may have one, what follows may not.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '|')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func rule(language, value string) (m meaning, ok bool, problem i18n.Text) {
	if language == "stix" {
		if _, err := stix.ParsePattern(value); err != nil {
			return m, true, i18n.T("not a STIX pattern: {0}", "STIX パターンとして読めません：{0}").With(err.Error())
		}
	}
	if len(value) > stix.MaxPattern {
		return m, true, i18n.T("a rule of more than {0} bytes", "ルールが {0} バイトを超えています").With(stix.MaxPattern)
	}
	m.pattern, m.language = value, language
	return m, true, problem
}

// refang undoes the usual ways to make an address harmless.
func refang(s string) string {
	s = strings.NewReplacer("[.]", ".", "(.)", ".", "[dot]", ".", "[:]", ":").Replace(s)
	if len(s) > 4 && strings.EqualFold(s[:4], "hxxp") {
		s = "http" + s[4:]
	}
	return s
}

// parseAddress returns an address or a network, exactly as it is meant.
func parseAddress(s string) (o event.Observable, problem i18n.Text) {
	s = refang(s)
	wrong := func() i18n.Text {
		return i18n.T("{0} is neither an address nor a network", "{0} は IP アドレスでもネットワークでもありません").With(clip(s))
	}
	if strings.Contains(s, "%") {
		return o, i18n.T("{0} has a zone, which means something on one machine only",
			"{0} のゾーン指定は特定の機器でしか意味を持ちません").With(clip(s))
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return o, wrong()
		}
		if p != p.Masked() && !p.IsSingleIP() {
			return o, i18n.T("{0} is not the first address of its network {1}",
				"{0} はネットワーク {1} の先頭アドレスではありません").With(clip(s), p.Masked().String())
		}
	}
	for _, t := range []event.ObservableType{event.IPv4, event.IPv6} {
		if v, ok := event.Canonical(t, s); ok {
			return event.Observable{Type: t, Value: v}, problem
		}
	}
	return o, wrong()
}

func addressFact(o event.Observable) stix.Typed {
	if o.Type == event.IPv4 {
		return stix.IPv4Addr{Value: o.Value}
	}
	return stix.IPv6Addr{Value: o.Value}
}

func observed(o event.Observable, fact stix.Typed) meaning {
	return meaning{observables: []event.Observable{o}, facts: []stix.Typed{fact},
		pattern: stix.ValuePattern(string(o.Type), o.Value)}
}

func address(value string) (m meaning, ok bool, problem i18n.Text) {
	o, problem := parseAddress(value)
	if problem.Zero() {
		m = observed(o, addressFact(o))
	}
	return m, true, problem
}

func portOf(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= 65535
}

// widerThanPort says that a port is kept and not asked for.
func widerThanPort(port string) i18n.Text {
	return i18n.T("port {0} is kept, but the address matches on every port",
		"ポート {0} は保存しますが、照合はすべてのポートを対象にします").With(port)
}

func addressAndPort(value string, source bool) (m meaning, ok bool, problem i18n.Text) {
	host, port, _ := cutLast(value)
	n, fine := portOf(port)
	o, problem := parseAddress(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	switch {
	case !problem.Zero():
		return m, true, problem
	case !fine:
		return m, true, i18n.T("{0} is no port", "{0} はポート番号ではありません").With(clip(port))
	}
	m = observed(o, addressFact(o))
	m.wider = widerThanPort(port)
	m.refs = func(facts []string) stix.Typed {
		t := stix.NetworkTraffic{Protocols: []string{strings.TrimSuffix(string(o.Type), "-addr")}}
		if source {
			t.SrcRef, t.SrcPort = facts[0], &n
		} else {
			t.DstRef, t.DstPort = facts[0], &n
		}
		return t
	}
	return m, true, problem
}

func parseDomain(s string) (o event.Observable, problem i18n.Text) {
	s = refang(s)
	v, ok := event.Canonical(event.Domain, s)
	if !ok {
		return o, i18n.T("{0} is no domain name", "{0} はドメイン名ではありません").With(clip(s))
	}
	return event.Observable{Type: event.Domain, Value: v}, problem
}

// suffixOnly reports whether everybody registers names under a name: co.jp.
func suffixOnly(name string) bool {
	suffix, _ := publicsuffix.PublicSuffix(name)
	return suffix == name
}

// isSuffix says that names under a name belong to many.
func isSuffix(name string) i18n.Text {
	return i18n.T("{0} is a public suffix: names under it belong to many", "{0} は公開サフィックスで、配下の名前は多数の組織のものです").
		With(name)
}

func domain(value string) (m meaning, ok bool, problem i18n.Text) {
	if v := strings.ToLower(strings.Trim(value, ".")); v != "" && !strings.ContainsAny(v, ". /:@|") {
		m.weak = i18n.T("{0} is a name without a dot", "{0} はドットのない名前です").With(clip(value))
		return m, false, problem
	}
	o, problem := parseDomain(value)
	if problem.Zero() {
		m = observed(o, stix.DomainName{Value: o.Value})
		if suffixOnly(o.Value) {
			m.weak = isSuffix(o.Value)
		}
	}
	return m, true, problem
}

func domainAndAddress(value string) (m meaning, ok bool, problem i18n.Text) {
	name, addr, _ := cutLast(value)
	d, problem := parseDomain(name)
	if !problem.Zero() {
		return m, true, problem
	}
	a, problem := parseAddress(addr)
	if !problem.Zero() {
		return m, true, problem
	}
	m.observables = []event.Observable{d, a}
	m.facts = []stix.Typed{stix.DomainName{Value: d.Value}, addressFact(a)}
	m.pattern = "[" + equal("domain-name:value", d.Value) + " OR " + equal(string(a.Type)+":value", a.Value) + "]"
	if suffixOnly(d.Value) {
		m.weak = isSuffix(d.Value)
	}
	return m, true, problem
}

func domainAndPort(value string) (m meaning, ok bool, problem i18n.Text) {
	name, port, cut := cutLast(value)
	if i := strings.LastIndexByte(value, ':'); !cut && i > 0 {
		name, port = value[:i], value[i+1:]
	}
	n, fine := portOf(port)
	if !fine {
		return m, true, i18n.T("{0} is no port", "{0} はポート番号ではありません").With(clip(port))
	}
	if m, ok, problem = domain(name); !ok || !problem.Zero() {
		return m, ok, problem
	}
	m.wider = widerThanPort(port)
	m.refs = func(facts []string) stix.Typed {
		return stix.NetworkTraffic{Protocols: []string{"tcp"}, DstRef: facts[0], DstPort: &n}
	}
	return m, true, problem
}

func link(value string) (m meaning, ok bool, problem i18n.Text) {
	v, ok := event.Canonical(event.URL, refang(value))
	if !ok {
		if o, none := parseDomain(value); none.Zero() && strings.HasSuffix(o.Value, ".onion") {
			return observed(o, stix.DomainName{Value: o.Value}), true, problem
		}
		return m, true, i18n.T("{0} is no address with scheme and host", "{0} はスキームとホストを持つ URL ではありません").
			With(clip(value))
	}
	return observed(event.Observable{Type: event.URL, Value: v}, stix.URL{Value: v}), true, problem
}

func mailbox(value string) (m meaning, ok bool, problem i18n.Text) {
	v, ok := event.Canonical(event.Email, refang(value))
	if !ok {
		return m, true, i18n.T("{0} is no mail address", "{0} はメールアドレスではありません").With(clip(value))
	}
	return observed(event.Observable{Type: event.Email, Value: v}, stix.EmailAddr{Value: v}), true, problem
}

// fileWithHash reads a name and a hash of a named algorithm.
func fileWithHash(algorithm, value string) (m meaning, ok bool, problem i18n.Text) {
	name, digest, cut := cutLast(value)
	h, known := hashNames[algorithm]
	switch {
	case !known:
		return m, false, problem
	case !cut:
		return m, true, i18n.T("{0} has no hash after a bar", "{0} には縦線の後のハッシュ値がありません").With(clip(value))
	}
	return hash(h.name, h.digits, name, digest)
}

func hash(name string, digits int, fileName, value string) (m meaning, ok bool, problem i18n.Text) {
	value = strings.TrimSpace(value)
	if digits > 0 {
		value = strings.ToLower(value)
		if len(value) != digits || strings.Trim(value, "0123456789abcdef") != "" {
			return m, true, i18n.T("{0} is no {1} hash", "{0} は {1} のハッシュ値ではありません").With(clip(value), name)
		}
	}
	f := stix.File{Hashes: map[string]string{name: value}}
	if _, base := path(fileName); base != "" {
		f.Name = base
	}
	m.facts = []stix.Typed{f}
	m.pattern = compare("file:hashes.'"+name+"'", value)
	switch t := event.ObservableType(name); t {
	case event.MD5, event.SHA1, event.SHA256:
		m.observables = []event.Observable{{Type: t, Value: value}}
		m.pattern = stix.ValuePattern(name, value)
	}
	if emptyFile[name+" "+value] || strings.Trim(value, "0") == "" && digits > 0 {
		m.weak = i18n.T("the hash of an empty file", "空のファイルのハッシュ値です")
	}
	return m, true, problem
}

// emptyFile are digests of nothing, beside those that package exclusion knows.
var emptyFile = map[string]bool{
	"SSDEEP 3::": true,
	"SHA-512 cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e": true,
	"SHA-224 d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f":          true,
	"SHA3-256 a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a": true,
	"SHA-384 38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da" +
		"274edebfe76f65fbd51ad2f14898b95b": true,
}

// path cuts a path into folder and name, of Windows and of others.
func path(s string) (folder, name string) {
	i := strings.LastIndexAny(s, `\/`)
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// common are names that files of every Windows have.
var common = map[string]bool{
	"svchost.exe": true, "explorer.exe": true, "cmd.exe": true, "powershell.exe": true, "rundll32.exe": true,
	"regsvr32.exe": true, "lsass.exe": true, "services.exe": true, "winlogon.exe": true, "csrss.exe": true,
	"conhost.exe": true, "wscript.exe": true, "cscript.exe": true, "mshta.exe": true, "taskhost.exe": true,
	"taskhostw.exe": true, "spoolsv.exe": true, "iexplore.exe": true, "chrome.exe": true, "msedge.exe": true,
	"kernel32.dll": true, "ntdll.dll": true, "user32.dll": true, "notepad.exe": true, "setup.exe": true,
	"update.exe": true, "install.exe": true, "winword.exe": true, "excel.exe": true, "outlook.exe": true,
}

func file(value string) (m meaning, ok bool, problem i18n.Text) {
	_, name := path(value)
	if name == "" {
		return m, false, problem
	}
	m.facts = []stix.Typed{stix.File{Name: name}}
	m.pattern = compare("file:name", name)
	if common[strings.ToLower(name)] {
		m.weak = i18n.T("{0} is a name that files of every system have", "{0} はどのシステムにもあるファイル名です").With(name)
	}
	return m, true, problem
}

func certificate(algorithm, value string) (m meaning, ok bool, problem i18n.Text) {
	h, known := hashNames[algorithm]
	value = strings.ToLower(strings.ReplaceAll(value, ":", ""))
	if !known || len(value) != h.digits || strings.Trim(value, "0123456789abcdef") != "" {
		return m, true, i18n.T("{0} is no fingerprint of a certificate", "{0} は証明書のフィンガープリントではありません").
			With(clip(value))
	}
	m.facts = []stix.Typed{stix.X509Certificate{Hashes: map[string]string{h.name: value}}}
	m.pattern = compare("x509-certificate:hashes.'"+h.name+"'", value)
	return m, true, problem
}
