package feed

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// plainOptions are options of rules that do not narrow what a rule matches by more than where
// packets go.
var plainOptions = map[string]bool{"msg": true, "sid": true, "rev": true, "gid": true, "reference": true,
	"classtype": true, "priority": true, "metadata": true, "threshold": true, "flow": true, "target": true,
	"flowbits": true, "noalert": true, "detection_filter": true, "service": true, "rem": true}

// nameBuffers are the buffers in which a rule asks for a name.
var nameBuffers = map[string]bool{"dns.query": true, "dns_query": true, "tls.sni": true, "tls_sni": true,
	"http.host": true, "http_host": true}

var (
	moreThanAddresses = i18n.T("the rule asks for more than addresses or a name ({0})",
		"ルールの条件がアドレスや名前だけではありません（{0}）")
	noRule = i18n.T("it is no rule of Suricata or Snort", "Suricata や Snort のルールではありません")
)

// rule reads a rule: the addresses that it is about if it asks for nothing else, or the one name
// that it looks for.
func (r *reader) rule(n int, line string) error {
	head, body, ok := strings.Cut(line, "(")
	words := ruleWords(head)
	if !ok || len(words) < 3 || !strings.HasSuffix(strings.TrimSpace(body), ")") {
		r.refuse(n, noRule)
		return nil
	}
	if words[0] == "pass" {
		r.report.Passed++
		return nil
	}
	body = strings.TrimSuffix(strings.TrimSpace(body), ")")
	name, detail, why := ruleOptions(body)
	if !why.Zero() {
		r.uncovered(n, why)
		return nil
	}
	if name.Value != "" {
		return r.give(n, Item{Text: name.Value, Entries: []watchlist.Entry{name}, Detail: detail})
	}
	var list []string
	for _, w := range words[2:] {
		list = append(list, ruleAddresses(w)...)
	}
	if len(list) == 0 {
		r.uncovered(n, i18n.T("the rule names no address", "ルールにアドレスがありません"))
		return nil
	}
	for i, v := range list {
		if i > 0 {
			if err := r.record(); err != nil {
				return err
			}
		}
		it, _, why := r.entry("ip", v)
		if !why.Zero() {
			r.refuse(n, why)
			continue
		}
		it.Detail = detail
		if err := r.give(n, it); err != nil {
			return err
		}
	}
	return nil
}

// ruleWords parts the head of a rule; what is in brackets is one word.
func ruleWords(head string) (list []string) {
	depth, word := 0, ""
	for _, c := range head {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case (c == ' ' || c == '\t') && depth == 0:
			if word != "" {
				list = append(list, word)
			}
			word = ""
			continue
		}
		word += string(c)
	}
	if word != "" {
		list = append(list, word)
	}
	return list
}

// ruleAddresses are the addresses in a word of a rule's head that are not negated.
func ruleAddresses(word string) (list []string) {
	if strings.HasPrefix(word, "!") {
		return nil
	}
	for part := range strings.SplitSeq(strings.Trim(word, "[]"), ",") {
		part = strings.Trim(strings.TrimSpace(part), "[]")
		if _, err := netip.ParseAddr(part); err == nil {
			list = append(list, part)
		} else if _, err := netip.ParsePrefix(part); err == nil {
			list = append(list, part)
		}
	}
	return list
}

// content is the text of an option, whose bytes may stand in hexadecimal between bars.
var hexBytes = regexp.MustCompile(`\|([0-9A-Fa-f ]*)\|`)

// ruleOptions reads the options of a rule.
func ruleOptions(body string) (name watchlist.Entry, d Detail, why i18n.Text) {
	buffer, starts, ends, dots := "", false, false, false
	for _, o := range splitOptions(body) {
		key, value, _ := strings.Cut(o, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		text := unescapeRule(strings.Trim(value, `"`))
		switch {
		case key == "msg":
			d.Note = event.Clip(text, maxDetail)
		case key == "reference":
			if kind, rest, ok := strings.Cut(text, ","); ok && kind == "url" {
				d.Reference = event.Clip("https://"+rest, maxDetail)
			}
		case plainOptions[key]:
		case nameBuffers[key]:
			buffer = key
		case key == "content" && buffer != "" && name.Value == "" && !strings.HasPrefix(value, "!"):
			name = watchlist.Entry{Type: event.Domain, Value: text}
		case key == "nocase" || key == "startswith" || key == "fast_pattern":
			starts = starts || key == "startswith"
		case key == "endswith":
			ends = true
		case key == "dotprefix":
			dots = true
		case key == "bsize":
			starts, ends = true, true
		default:
			return name, d, moreThanAddresses.With(quote(key))
		}
	}
	switch {
	case name.Value == "":
	case dots && ends && strings.HasPrefix(name.Value, "."):
		name.Match, name.Value = watchlist.Tree, name.Value[1:]
	case ends && !starts && strings.HasPrefix(name.Value, "."):
		name.Match, name.Value = watchlist.Below, name.Value[1:]
	case !starts || !ends || dots:
		return name, d, i18n.T("the rule looks for a part of a name ({0})", "ルールは名前の一部を探しています（{0}）").
			With(quote(name.Value))
	}
	return name, d, i18n.Text{}
}

// splitOptions parts the options at the semicolons that are not escaped and not in quotes.
func splitOptions(body string) (list []string) {
	quoted, from := false, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				if o := strings.TrimSpace(body[from:i]); o != "" {
					list = append(list, o)
				}
				from = i + 1
			}
		}
	}
	if o := strings.TrimSpace(body[from:]); o != "" {
		list = append(list, o)
	}
	return list
}

func unescapeRule(s string) string {
	s = hexBytes.ReplaceAllStringFunc(s, func(h string) string {
		var b []byte
		digits := strings.ReplaceAll(strings.Trim(h, "|"), " ", "")
		for i := 0; i+1 < len(digits); i += 2 {
			var c byte
			for _, d := range []byte(digits[i : i+2]) {
				c = c<<4 | hexDigit(d)
			}
			b = append(b, c)
		}
		return string(b)
	})
	return strings.NewReplacer(`\"`, `"`, `\;`, ";", `\:`, ":", `\\`, `\`).Replace(s)
}

func hexDigit(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
