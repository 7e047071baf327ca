package convert

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
)

// cell is a text as a cell of CSV (RFC 4180). One that a spreadsheet would run begins with an
// apostrophe, which is taken off when it is read again.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		s = "'" + s
	}
	if strings.ContainsAny(s, ",\"\r\n") || strings.TrimSpace(s) != s {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func csvHead(*writer) string {
	return "type,value,match,valid_from,valid_until,tlp,confidence,name,description,labels,id\r\n"
}

func csvRow(_ *writer, r row) (string, i18n.Text) {
	tlp := ""
	if r.tlp.Known() {
		tlp = r.tlp.String()
	}
	confidence := ""
	if n, ok := r.o.Confidence(); ok {
		confidence = strconv.Itoa(n)
	}
	cells := []string{string(r.Type), r.Value, r.Match.String(), r.o.Text("valid_from"), r.o.Text("valid_until"), tlp,
		confidence, r.o.Text("name"), r.o.Text("description"), strings.Join(r.o.Labels(), ","), r.o.ID()}
	for i, c := range cells {
		cells[i] = cell(c)
	}
	return strings.Join(cells, ",") + "\r", i18n.Text{}
}

func textRow(_ *writer, r row) (string, i18n.Text) {
	switch r.Match {
	case watchlist.Tree:
		return "." + r.Value, i18n.Text{}
	case watchlist.Below:
		return "*." + r.Value, i18n.Text{}
	case watchlist.Prefix:
		return strings.TrimSuffix(r.Value, "/") + "/*", i18n.Text{}
	}
	if strings.ContainsAny(r.Value, "\u0085\u2028\u2029") {
		return "", noRow(r, "text")
	}
	return r.Value, i18n.Text{}
}

func addressRow(_ *writer, r row) (string, i18n.Text) {
	if r.Type != event.IPv4 && r.Type != event.IPv6 {
		return "", noRow(r, "addresses")
	}
	return r.Value, i18n.Text{}
}

func hostsRow(w *writer, r row) (string, i18n.Text) {
	if r.Type != event.Domain || r.Match == watchlist.Below {
		return "", noRow(r, "hosts")
	}
	w.onlyItself(r, "hosts")
	return "0.0.0.0 " + r.Value, i18n.Text{}
}

func zeekHead(*writer) string {
	return "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n"
}

// zeekTypes are the types of Zeek's intelligence framework.
var zeekTypes = map[event.ObservableType]string{event.IPv4: "ADDR", event.IPv6: "ADDR", event.Domain: "DOMAIN",
	event.URL: "URL", event.Email: "EMAIL", event.MD5: "FILE_HASH", event.SHA1: "FILE_HASH", event.SHA256: "FILE_HASH",
	watchlist.FileName: "FILE_NAME", watchlist.UserAgent: "SOFTWARE"}

func zeekRow(w *writer, r row) (string, i18n.Text) {
	typ, ok := zeekTypes[r.Type]
	v := oneLine(r.Value)
	switch {
	case !ok || r.Match == watchlist.Below || r.Match == watchlist.Prefix || v != r.Value:
		return "", noRow(r, "Zeek")
	case r.Match == watchlist.Network:
		typ = "SUBNET"
	case r.Type == event.URL:
		scheme, rest, _ := strings.Cut(v, "://")
		if scheme != "http" && scheme != "https" {
			return "", noRow(r, "Zeek")
		}
		v = rest // Zeek writes URLs without scheme
	}
	w.onlyItself(r, "Zeek")
	desc := oneLine(r.o.Text("name"))
	if d := oneLine(r.o.Text("description")); d != "" && d != desc {
		desc = strings.TrimSpace(desc + " " + d)
	}
	if desc == "" {
		desc = "-"
	}
	source := "meneki"
	if r.tlp.Known() {
		source += "_" + r.tlp.Slug()
	}
	return v + "\tIntel::" + typ + "\t" + source + "\t" + event.Clip(desc, 300) + "\t-", i18n.Text{}
}

func cdbRow(w *writer, r row) (string, i18n.Text) {
	word := "meneki"
	if strings.Contains(r.Value, `"`) || oneLine(r.Value) != r.Value || r.Match == watchlist.Below ||
		r.Match == watchlist.Prefix {
		return "", noRow(r, "CDB")
	}
	w.onlyItself(r, "CDB")
	keys := []string{r.Value}
	if r.Match == watchlist.Network {
		if keys = cdbNetwork(r.Value); keys == nil {
			return "", noRow(r, "CDB")
		}
	}
	var lines []string
	for _, k := range keys {
		if strings.ContainsAny(k, ": ") {
			k = `"` + k + `"`
		}
		lines = append(lines, k+":"+word)
	}
	return strings.Join(lines, "\n"), i18n.Text{}
}

// maxCDB bounds the addresses that a network is written as.
const maxCDB = 64

// cdbNetwork writes an IPv4 network as the beginnings of its addresses, or one by one; nil if they
// are too many.
func cdbNetwork(v string) (keys []string) {
	p, err := netip.ParsePrefix(v)
	if err != nil || !p.Addr().Is4() {
		return nil
	}
	parts := strings.Split(p.Addr().String(), ".")
	whole := p.Bits() / 8
	if p.Bits()%8 == 0 && whole > 0 {
		return []string{strings.Join(parts[:whole], ".") + "."}
	}
	if p.Bits() > 24 {
		if 1<<(32-p.Bits()) > maxCDB {
			return nil
		}
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			keys = append(keys, a.String())
		}
		return keys
	}
	first, _ := strconv.Atoi(parts[whole])
	for i := range 1 << (8 - p.Bits()%8) {
		keys = append(keys, strings.Join(append(slices.Clone(parts[:whole]), strconv.Itoa(first+i)), ".")+".")
	}
	if len(keys) > maxCDB {
		return nil
	}
	return keys
}

func rpzHead(w *writer) string {
	serial := w.o.Serial
	if serial == 0 {
		at := w.newest
		if at.IsZero() {
			at = time.Unix(1, 0)
		}
		serial = uint32(at.Unix()) //nolint:gosec // serial numbers go round (RFC 1982)
	}
	zone := strings.TrimSuffix(w.o.Zone, ".")
	return fmt.Sprintf("$TTL 300\n$ORIGIN %s.\n@ IN SOA localhost. root.localhost. %d 300 60 86400 300\n  IN NS "+
		"localhost.\n",
		zone, serial)
}

func rpzRow(w *writer, r row) (string, i18n.Text) {
	switch r.Type {
	case event.Domain:
		names := map[watchlist.Match][]string{watchlist.Exact: {r.Value}, watchlist.Tree: {r.Value, "*." + r.Value},
			watchlist.Below: {"*." + r.Value}}[r.Match]
		var lines []string
		for _, n := range names {
			if len(n)+1+len(strings.TrimSuffix(w.o.Zone, "."))+1 > 254 {
				return "", i18n.T("{0} is too long with the zone's name behind it",
					"{0} はゾーン名を付けると長すぎます").With(event.Clip(n, 100))
			}
			lines = append(lines, n+" CNAME .")
		}
		return strings.Join(lines, "\n"), i18n.Text{}
	case event.IPv4, event.IPv6:
		return rpzAddress(r.Value) + " CNAME .", i18n.Text{}
	}
	return "", noRow(r, "RPZ")
}

// rpzAddress writes an address or a network as the name of a trigger.
func rpzAddress(v string) string {
	p, err := netip.ParsePrefix(v)
	if err != nil {
		a, err := netip.ParseAddr(v)
		if err != nil {
			return ""
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	var parts []string
	if p.Addr().Is4() {
		parts = strings.Split(p.Addr().String(), ".")
	} else {
		text := p.Addr().String()
		head, tail, zeros := strings.Cut(text, "::")
		if head != "" {
			parts = strings.Split(head, ":")
		}
		if zeros {
			parts = append(parts, "zz")
			if tail != "" {
				parts = append(parts, strings.Split(tail, ":")...)
			}
		}
	}
	slices.Reverse(parts)
	return strconv.Itoa(p.Bits()) + "." + strings.Join(parts, ".") + ".rpz-ip"
}

// dataset is a file of one type of values for Suricata's keyword dataset.
func dataset(name string, about i18n.Text, types ...event.ObservableType) Target {
	return Target{Name: name, Ending: "lst", Media: "text/plain; charset=utf-8", About: about,
		row: func(w *writer, r row) (string, i18n.Text) {
			if !slices.Contains(types, r.Type) || r.Match == watchlist.Below || r.Match == watchlist.Prefix ||
				r.Match == watchlist.Network {
				return "", noRow(r, name)
			}
			w.onlyItself(r, name)
			switch r.Type {
			case event.Domain, event.URL:
				return base64.StdEncoding.EncodeToString([]byte(r.Value)), i18n.Text{}
			case event.IPv4:
				return "::ffff:" + r.Value, i18n.Text{}
			}
			return r.Value, i18n.Text{}
		}}
}
