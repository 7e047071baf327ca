package convert

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// Signature ids are made of the value, so that one value has the same in every export: firstSID and
// sids numbers behind it. Two values of one number in one export take the next free one.
const (
	firstSID = 1_100_000_000
	sids     = 1_000_000_000
)

func (w *writer) sid(key string) uint32 {
	sum := sha256.Sum256([]byte(key))
	n := binary.BigEndian.Uint32(sum[:4]) % sids
	for w.sids[n] != "" && w.sids[n] != key {
		n = (n + 1) % sids
	}
	w.sids[n] = key
	return firstSID + n
}

// maxContent is the longest content of a rule.
const maxContent = 255

// content writes bytes for a rule: what means something there, and what is not ASCII, in hexadecimal.
func content(s string) string {
	var b strings.Builder
	open := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		plain := c > ' ' && c < 0x7f && !strings.ContainsRune("\";\\|:", rune(c))
		if plain && open {
			b.WriteByte('|')
			open = false
		}
		switch {
		case plain:
			b.WriteByte(c)
		case open:
			fmt.Fprintf(&b, " %02x", c)
		default:
			fmt.Fprintf(&b, "|%02x", c)
			open = true
		}
	}
	if open {
		b.WriteByte('|')
	}
	return b.String()
}

// message is the text of a rule. It is for people, so a blank is one, and what means something in a
// rule becomes hexadecimal.
func message(r row) string {
	text := oneLine(r.o.Text("name"))
	if text == "" {
		text = r.Value
	}
	text = "meneki " + event.Clip(text, 120)
	if r.tlp.Known() {
		text += " " + r.tlp.Slug()
	}
	var words []string
	for _, w := range strings.Fields(text) {
		words = append(words, content(w))
	}
	return strings.Join(words, " ")
}

// tail are the options that end a rule.
func (w *writer) tail(r row, kind string) string {
	rev := max(r.o.Modified().Time().Unix(), 1)
	return fmt.Sprintf("metadata:stix %s; classtype:misc-attack; sid:%d; rev:%d;)", r.o.ID(),
		w.sid(kind+"\x00"+string(r.Type)+"\x00"+r.Match.String()+"\x00"+r.Value), rev)
}

// target is where a rule looks: a host, a port, a path with its query.
type target struct {
	scheme, host, port, path string
}

func targetOf(v string) (target, bool) {
	u, err := url.Parse(v)
	if err != nil {
		return target{}, false
	}
	rest := v[strings.Index(v, "://")+3:]
	path := "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		path = rest[i:]
	}
	port := u.Port()
	if port == "" {
		port = "any"
	}
	return target{u.Scheme, u.Hostname(), port, path}, true
}

func suricataRow(w *writer, r row) (string, i18n.Text) {
	msg := `(msg:"` + message(r) + `"; `
	switch r.Type {
	case event.IPv4, event.IPv6:
		return "alert ip $HOME_NET any <> " + r.Value + " any " + msg + w.tail(r, "suricata"), i18n.Text{}
	case event.Domain:
		name := content(r.Value)
		look := `content:"` + name + `"; nocase; startswith; endswith; `
		switch r.Match {
		case watchlist.Tree:
			look = `dotprefix; content:".` + name + `"; nocase; endswith; `
		case watchlist.Below:
			look = `content:".` + name + `"; nocase; endswith; `
		}
		return "alert dns $HOME_NET any -> any any " + msg + "dns.query; " + look + w.tail(r, "suricata"), i18n.Text{}
	case event.URL:
		t, ok := targetOf(r.Value)
		if !ok || len(t.path) > maxContent || len(t.host) > maxContent {
			return "", noRow(r, "Suricata")
		}
		switch t.scheme {
		case "http":
			end := fmt.Sprintf(`bsize:%d; `, len(t.path))
			if r.Match == watchlist.Prefix {
				end = "startswith; "
			}
			return "alert http $HOME_NET any -> any " + t.port + " " + msg +
				`flow:established,to_server; http.host; content:"` +
				content(t.host) + fmt.Sprintf(`"; bsize:%d; http.uri.raw; content:"`, len(t.host)) + content(t.path) +
				`"; ` +
				end + w.tail(r, "suricata"), i18n.Text{}
		case "https":
			if _, err := netip.ParseAddr(t.host); err == nil {
				return "", i18n.T("{0} is encrypted, and an address has no name in TLS to look for",
					"{0} は暗号化され、アドレスには TLS で照合できる名前がありません").With(event.Clip(r.Value, 100))
			}
			w.also(Wider, i18n.T("{0} is encrypted: the rule asks for the whole host",
				"{0} は暗号化されるため、ルールはホスト全体を対象にします").
				With(event.Clip(r.Value, 100)))
			return "alert tls $HOME_NET any -> any " + t.port + " " + msg +
				`flow:established,to_server; tls.sni; content:"` +
				content(t.host) + fmt.Sprintf(`"; nocase; bsize:%d; `, len(t.host)) + w.tail(r, "suricata"), i18n.Text{}
		}
	case event.MD5, event.SHA256:
		return "", i18n.T("{0}: a rule names a file of hashes and not one hash: write --to dataset-md5 or "+
			"dataset-sha256",
			"{0}：ルールにはハッシュ値のファイルを指定します。--to dataset-md5 か dataset-sha256 で書き出してください").With(r.Value)
	}
	return "", noRow(r, "Suricata")
}

func snortRow(w *writer, r row) (string, i18n.Text) {
	msg := `(msg:"` + message(r) + `"; `
	switch r.Type {
	case event.IPv4, event.IPv6:
		return "alert ip $HOME_NET any <> " + r.Value + " any " + msg + w.tail(r, "snort"), i18n.Text{}
	case event.Domain:
		// The name as it stands in a question: each part behind its length.
		var wire strings.Builder
		for label := range strings.SplitSeq(r.Value, ".") {
			fmt.Fprintf(&wire, "|%02x|%s", len(label), content(label))
		}
		if r.Match != watchlist.Tree {
			w.also(Wider, i18n.T("{0}: the rule of Snort asks for the names below it too",
				"{0}：Snort のルールはその下の名前も対象にします").
				With(r.Value))
		}
		return "alert udp $HOME_NET any -> any 53 " + msg + `content:"` + wire.String() + `|00|",nocase; ` +
			w.tail(r, "snort"), i18n.Text{}
	case event.URL:
		t, ok := targetOf(r.Value)
		if !ok || len(t.path) > maxContent || t.scheme != "http" {
			return "", noRow(r, "Snort")
		}
		length := fmt.Sprintf("bufferlen:=%d; ", len(t.path))
		if r.Match == watchlist.Prefix {
			length = ""
		}
		return "alert http " + msg + `flow:to_server,established; http_header:field host; content:"` + content(t.host) +
			`",nocase; http_raw_uri; ` + length + `content:"` + content(t.path) + `",depth ` +
			fmt.Sprint(len(t.path)) + "; " + w.tail(r, "snort"), i18n.Text{}
	}
	return "", noRow(r, "Snort")
}
