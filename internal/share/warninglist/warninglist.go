// Package warninglist reads MISP warninglists (MISP/misp-warninglists, format of 2026) and
// says of a value which of them hold it: public resolvers, documentation, popular sites,
// ranges of content networks. A value on a list is not wrong, but says little by itself, so
// that it never acts without a person; the list and its entry are the reason beside it.
package warninglist

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/meneki/meneki/internal/event"
)

// Hit is an entry of a list that a value meets.
type Hit struct {
	List  string `json:"list"` // its name
	Entry string `json:"entry"`
}

// List is one warninglist, ready to be asked. It does not change and may be shared.
type List struct {
	Name        string
	Description string
	Version     int
	Entries     int
	// Unread are entries that are not of the list's kind. They meet nothing.
	Unread []string

	kind  string
	types map[event.ObservableType]bool // nil: all
	exact map[string]string             // canonical -> as it is written
	names map[string]string             // domain -> as it is written
	nets  *bart.Table[string]
	parts []string
	exprs []expression
}

type expression struct {
	re    *regexp.Regexp
	entry string
}

// Bounds of a list.
const (
	maxBytes   = 64 << 20
	maxEntries = 5_000_000
	maxUnread  = 20
)

type file struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Version     json.Number     `json:"version"`
	Type        string          `json:"type"`
	Applies     []string        `json:"matching_attributes"`
	List        json.RawMessage `json:"list"`
}

// Read reads a list. An entry that is not of the list's kind is left out and named; a kind
// that is not known is an error: a list that is not understood must not seem to hold nothing.
func Read(r io.Reader) (*List, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read a warninglist: %w", err)
	}
	if len(b) > maxBytes {
		return nil, fmt.Errorf("warninglist: more than %d bytes", maxBytes)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("warninglist: %w", err)
	}
	if f.Name == "" {
		return nil, fmt.Errorf("warninglist: it has no name")
	}
	version, err := f.Version.Int64()
	if err != nil && f.Version != "" {
		return nil, fmt.Errorf("warninglist %s: version %q is no number", f.Name, f.Version)
	}
	var entries []string
	if err := json.Unmarshal(f.List, &entries); err != nil {
		return nil, fmt.Errorf("warninglist %s: its list is not one of texts: %w", f.Name, err)
	}
	if len(entries) > maxEntries {
		return nil, fmt.Errorf("warninglist %s: more than %d entries", f.Name, maxEntries)
	}
	l := &List{Name: f.Name, Description: f.Description, Version: int(version), Entries: len(entries), kind: f.Type,
		types: typesOf(f.Applies)}
	add, ok := map[string]func(string) bool{"string": l.text, "hostname": l.host, "cidr": l.network,
		"substring": l.part,
		"regex":     l.regex}[f.Type]
	if !ok {
		return nil, fmt.Errorf("warninglist %s: a list of type %q is not known", f.Name, f.Type)
	}
	for _, e := range entries {
		if !add(strings.TrimSpace(e)) && len(l.Unread) < maxUnread {
			l.Unread = append(l.Unread, e)
		}
	}
	return l, nil
}

// attributes are the types of MISP that values of our types are in.
var attributes = map[event.ObservableType][]string{
	event.IPv4: {"ip-src", "ip-dst"}, event.IPv6: {"ip-src", "ip-dst"}, event.Domain: {"domain", "hostname"},
	event.URL: {"url", "uri", "link"}, event.Email: {"email", "email-src", "email-dst", "target-email"},
	event.MD5: {"md5"}, event.SHA1: {"sha1"}, event.SHA256: {"sha256"},
}

// typesOf returns the types of values that a list is for; nil is all.
func typesOf(applies []string) map[event.ObservableType]bool {
	if len(applies) == 0 {
		return nil
	}
	out := map[event.ObservableType]bool{}
	for _, a := range applies {
		for part := range strings.SplitSeq(a, "|") {
			for t, names := range attributes {
				for _, n := range names {
					out[t] = out[t] || n == part
				}
			}
			if part == "ip" { // domain|ip
				out[event.IPv4], out[event.IPv6] = true, true
			}
		}
	}
	return out
}

// canonical is a value in the form in which lists of any kind are asked.
func canonical(s string) string {
	for t := range attributes {
		if v, ok := event.Canonical(t, s); ok && (t != event.Domain || !strings.Contains(s, "/")) {
			return v
		}
	}
	return strings.ToLower(s)
}

func (l *List) text(e string) bool {
	if e == "" {
		return false
	}
	if l.exact == nil {
		l.exact = map[string]string{}
	}
	l.exact[canonical(e)] = e
	return true
}

func (l *List) host(e string) bool {
	name, ok := event.Canonical(event.Domain, strings.TrimPrefix(strings.TrimPrefix(e, "*"), "."))
	if !ok {
		if name = strings.ToLower(strings.Trim(e, ".")); name == "" || strings.ContainsAny(name, "/: ") {
			return false // a name of one label is one too
		}
	}
	if l.names == nil {
		l.names = map[string]string{}
	}
	l.names[name] = e
	return true
}

func (l *List) network(e string) bool {
	p, err := netip.ParsePrefix(e)
	if err != nil {
		a, err := netip.ParseAddr(e)
		if err != nil {
			return false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if l.nets == nil {
		l.nets = &bart.Table[string]{}
	}
	l.nets.Insert(p.Masked(), e)
	return true
}

func (l *List) part(e string) bool {
	if e == "" {
		return false
	}
	l.parts = append(l.parts, strings.ToLower(e))
	return true
}

// phpExpression is an expression between slashes, with modifiers.
var phpExpression = regexp.MustCompile(`^/(.*)/([a-zA-Z]*)$`)

func (l *List) regex(e string) bool {
	m := phpExpression.FindStringSubmatch(e)
	if m == nil {
		return false
	}
	flags := ""
	for _, f := range m[2] {
		switch f {
		case 'i', 's', 'm':
			flags += string(f)
		case 'g', 'u':
		default:
			return false
		}
	}
	source := strings.ReplaceAll(strings.ReplaceAll(m[1], `\/`, "/"), `\@`, "@")
	if flags != "" {
		source = "(?" + flags + ")" + source
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return false
	}
	l.exprs = append(l.exprs, expression{re, e})
	return true
}

// Find returns the entry of the list that a value in canonical form meets.
func (l *List) Find(o event.Observable) (Hit, bool) {
	if l.types != nil && !l.types[o.Type] {
		return Hit{}, false
	}
	entry, ok := l.find(o)
	return Hit{l.Name, entry}, ok
}

func (l *List) find(o event.Observable) (entry string, ok bool) {
	switch l.kind {
	case "string":
		entry, ok = l.exact[o.Value]
		if host := hostOf(o); !ok && host != "" {
			entry, ok = l.exact[host]
		}
		return entry, ok
	case "hostname":
		for name := hostOf(o); name != ""; {
			if entry, ok = l.names[name]; ok {
				return entry, true
			}
			_, name, _ = strings.Cut(name, ".")
		}
		return "", false
	case "cidr":
		if l.nets == nil {
			return "", false
		}
		if p, err := netip.ParsePrefix(o.Value); err == nil {
			entry, ok = l.nets.LookupPrefix(p)
			return entry, ok
		}
		a, err := netip.ParseAddr(hostOf(o))
		if err != nil {
			return "", false
		}
		return l.nets.Lookup(a)
	case "substring":
		lower := strings.ToLower(o.Value)
		for _, p := range l.parts {
			if strings.Contains(lower, p) {
				return p, true
			}
		}
	case "regex":
		for _, x := range l.exprs {
			if x.re.MatchString(o.Value) {
				return x.entry, true
			}
		}
	}
	return "", false
}

// hostOf is the address or name in a value; a hash has none.
func hostOf(o event.Observable) string {
	switch o.Type {
	case event.IPv4, event.IPv6, event.Domain:
		return o.Value
	case event.URL:
		if u, err := url.Parse(o.Value); err == nil {
			return strings.ToLower(u.Hostname())
		}
	case event.Email:
		return o.Value[strings.LastIndexByte(o.Value, '@')+1:]
	}
	return ""
}

// Set is several lists.
type Set []*List

// Find returns what of the lists a value meets, one entry a list.
func (s Set) Find(o event.Observable) (hits []Hit) {
	for _, l := range s {
		if h, ok := l.Find(o); ok {
			hits = append(hits, h)
		}
	}
	return hits
}
