package feed

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// zone reads a response policy zone as it stands in a master file (RFC 1035; DNS Response
// Policy Zones, draft-vixie-dnsop-dns-rpz).
func (r *reader) zone(in *bufio.Reader) error {
	z := zoneReader{r: r}
	var buf []byte
	open, from := 0, 0 // parentheses, and where the record began
	var whole string
	for n := 1; ; n++ {
		raw, long, err := nextLine(in, buf, maxLine)
		if errors.Is(err, io.EOF) {
			if open > 0 {
				if err := r.record(); err != nil {
					return err
				}
				r.refuse(from, i18n.T("the record has no closing parenthesis", "レコードの閉じ括弧がありません"))
			}
			return nil
		}
		if err != nil {
			return r.broken(n, err)
		}
		buf = raw
		if long || len(whole) > maxLine {
			r.report.Records++
			r.refuse(n, longLine.With(maxLine))
			open, whole = 0, ""
			continue
		}
		line := zoneUncommented(string(raw))
		if open == 0 {
			from, whole = n, line
		} else {
			whole += " " + strings.TrimSpace(line)
		}
		if open += strings.Count(line, "(") - strings.Count(line, ")"); open > 0 || strings.TrimSpace(whole) == "" {
			continue
		}
		open = 0
		if err := r.record(); err != nil {
			return err
		}
		if !r.text(from, []byte(whole)) {
			continue
		}
		if err := z.line(from, whole); err != nil {
			return err
		}
	}
}

// zoneUncommented cuts off a comment that is not in quotes.
func zoneUncommented(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return strings.TrimRight(line[:i], " \t")
			}
		}
	}
	return strings.TrimRight(line, " \t")
}

type zoneReader struct {
	r      *reader
	origin string // without the final dot
	owner  string // of the record before
}

func (z *zoneReader) line(n int, line string) error {
	r := z.r
	words := strings.Fields(line)
	switch strings.ToUpper(words[0]) {
	case "$TTL":
		r.report.Passed++
		return nil
	case "$ORIGIN":
		if len(words) > 1 {
			z.origin = strings.ToLower(strings.TrimSuffix(words[1], "."))
		}
		r.report.Passed++
		return nil
	case "$INCLUDE", "$GENERATE":
		r.uncovered(n, i18n.T("{0} is not followed", "{0} には対応していません").With(words[0]))
		return nil
	}
	if line[0] != ' ' && line[0] != '\t' {
		z.owner, words = words[0], words[1:]
	}
	for len(words) > 0 { // time to live and class, in any order
		if _, err := strconv.Atoi(words[0]); err != nil && !strings.EqualFold(words[0], "IN") {
			break
		}
		words = words[1:]
	}
	if len(words) < 2 {
		r.refuse(n, i18n.T("it is not a record: an owner, a type and data", "レコード（所有者、型、データ）ではありません"))
		return nil
	}
	return z.record(n, z.owner, strings.ToUpper(words[0]), strings.Join(words[1:], " "))
}

func (z *zoneReader) record(n int, owner, typ, data string) error {
	r := z.r
	owner = strings.ToLower(owner)
	name, absolute := strings.CutSuffix(owner, ".")
	switch {
	case owner == "@" || owner == "" || absolute && name == z.origin:
		r.report.Passed++ // the zone itself
		return nil
	case absolute:
		rest, inside := strings.CutSuffix(name, "."+z.origin)
		if !inside || z.origin == "" {
			r.refuse(n, i18n.T("{0} is outside of the zone", "{0} はゾーンの外の名前です").With(quote(owner)))
			return nil
		}
		name = rest
	}
	switch typ {
	case "CNAME":
		target := strings.ToLower(strings.TrimSuffix(data, "."))
		if target == "rpz-passthru" || target == name {
			r.report.Passed++ // it is allowed
			return nil
		}
		if target == "rpz-tcp-only" {
			r.uncovered(n, i18n.T("{0} is slowed down and not blocked", "{0} は遮断ではなく TCP への切り替えです").With(quote(name)))
			return nil
		}
	case "A", "AAAA":
	default:
		r.report.Passed++ // NS, TXT and the like say nothing of what is blocked
		return nil
	}
	for _, trigger := range []string{"rpz-client-ip", "rpz-nsdname", "rpz-nsip"} {
		if strings.HasSuffix(name, "."+trigger) {
			r.uncovered(n, i18n.T("{0} asks for the client or the name server", "{0} はクライアントかネームサーバーの条件です").
				With(quote(name)))
			return nil
		}
	}
	if rest, ok := strings.CutSuffix(name, ".rpz-ip"); ok {
		p, ok := zoneNetwork(rest)
		if !ok {
			r.refuse(n, i18n.T("{0} is not a prefix length and an address, the last part first",
				"{0} は「プレフィックス長と逆順のアドレス」ではありません").With(quote(name)))
			return nil
		}
		t, _ := addressType(p.String())
		return r.give(n, Item{Text: name, Entries: []watchlist.Entry{{Type: t, Value: p.String()}}})
	}
	e := watchlist.Entry{Type: event.Domain, Value: name}
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		e.Match, e.Value = watchlist.Below, rest
	}
	return r.give(n, Item{Text: name, Entries: []watchlist.Entry{e}})
}

// zoneNetwork reads 24.0.113.0.203 and 48.zz.1.db8.2001.
func zoneNetwork(s string) (netip.Prefix, bool) {
	parts := strings.Split(s, ".")
	bits, err := strconv.Atoi(parts[0])
	parts = parts[1:]
	if err != nil || len(parts) < 2 {
		return netip.Prefix{}, false
	}
	slices.Reverse(parts)
	text := strings.Join(parts, ".")
	if len(parts) != 4 || slices.Contains(parts, "zz") || bits > 32 {
		text = strings.Join(parts, ":")
		if i := slices.Index(parts, "zz"); i >= 0 {
			text = strings.Join(parts[:i], ":") + "::" + strings.Join(parts[i+1:], ":")
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	p, err := a.Prefix(bits)
	return p, err == nil && p.Addr() == a
}
