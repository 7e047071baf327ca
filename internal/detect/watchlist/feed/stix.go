package feed

import (
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/stix"
)

// stixPaths are the object paths that a pattern may ask about.
var stixPaths = map[string]event.ObservableType{
	"ipv4-addr:value": event.IPv4, "ipv6-addr:value": event.IPv6, "domain-name:value": event.Domain,
	"url:value": event.URL, "email-addr:value": event.Email,
	"mac-addr:value": watchlist.MAC, "mutex:name": watchlist.Mutex, "windows-registry-key:key": watchlist.RegistryKey,
	"file:name":       watchlist.FileName,
	"file:hashes.MD5": event.MD5, "file:hashes.'SHA-1'": event.SHA1, "file:hashes.'SHA-256'": event.SHA256,
	"file:hashes.'SHA-224'": watchlist.SHA224, "file:hashes.'SHA-384'": watchlist.SHA384,
	"file:hashes.'SHA-512'":  watchlist.SHA512,
	"file:hashes.'SHA3-256'": watchlist.SHA3256, "file:hashes.'SHA3-512'": watchlist.SHA3512,
	"file:hashes.SSDEEP": watchlist.SSDeep, "file:hashes.TLSH": watchlist.TLSH,
	"network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'": watchlist.UserAgent,
}

// jsonError returns what is wrong with a JSON text.
func (r *reader) jsonError(line int, err error) error {
	var bad *syntaxError
	if errors.As(err, &bad) {
		return r.fail(line, i18n.T("it is not valid JSON: {0}", "正しい JSON ではありません: {0}").With(bad.what), nil)
	}
	return r.broken(line, err)
}

var longValue = i18n.T("the JSON value is longer than {0} bytes", "JSON の値が {0} バイトを超えています")

var noObjects = i18n.T("it is not a STIX document: it has neither objects nor an id",
	"STIX の文書ではありません。objects も id もありません")

// stix reads a bundle, an envelope, a list of objects or one object. What counts of an object is
// its newest version, wherever it stands (section 3.6): the first reading finds it.
func (r *reader) stix(open func() (io.ReadCloser, error)) error {
	newest := map[string]version{}
	err := Objects(r.ctx, r.name, open, r.o, func(_ int, raw []byte) error {
		o, err := stix.Parse(raw)
		if err != nil || o.Type() != "indicator" {
			return nil
		}
		v := version{at: o.Modified().Time(), revoked: o.Revoked()}
		if have, ok := newest[o.ID()]; !ok || v.after(have) {
			newest[o.ID()] = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	return Objects(r.ctx, r.name, open, r.o, func(line int, raw []byte) error {
		if err := r.record(); err != nil {
			return err
		}
		if raw == nil {
			r.refuse(line, longValue.With(maxValue))
			return nil
		}
		return r.stixObject(line, raw, newest)
	})
}

// version is what is known of the newest version of an object.
type version struct {
	at      time.Time
	revoked bool
}

// after reports whether v counts and other does not: nothing comes after what is revoked.
func (v version) after(other version) bool {
	if v.revoked != other.revoked {
		return v.revoked
	}
	return v.at.After(other.at)
}

func (r *reader) stixObject(line int, raw []byte, newest map[string]version) error {
	o, err := stix.Parse(raw)
	if err != nil {
		r.refuse(line, i18n.T("it is not a STIX 2.1 object: {0}", "STIX 2.1 のオブジェクトではありません: {0}").With(refusal(err)))
		return nil
	}
	if o.Type() != "indicator" {
		r.report.Passed++
		return nil
	}
	if r.o.Given != nil {
		if err := r.o.Given(o.ID()); err != nil {
			return err
		}
	}
	if v := newest[o.ID()]; v.revoked || v.at.After(o.Modified().Time()) {
		r.report.Passed++
		return nil
	}
	if from, ok := o.Time("valid_from"); ok && !r.o.Now.IsZero() && from.Time().After(r.o.Now) {
		r.uncovered(line, i18n.T("{0} is not valid before {1}", "{0} は {1} まで有効になりません").With(o.ID(), from))
		return nil
	}
	list, why := Wanted(o)
	if !why.Zero() {
		if _, wrong := stix.ParsePattern(o.Text("pattern")); wrong != nil && o.Text("pattern_type") == "stix" {
			r.refuse(line, why)
		} else {
			r.uncovered(line, why)
		}
		return nil
	}
	e := watchlist.Entry{ID: o.ID(), TLP: r.marking(o)}
	if _, there := o.Get("valid_until"); there {
		until, ok := o.Time("valid_until")
		if !ok {
			r.refuse(line, badTime.With(quote(o.Text("valid_until"))))
			return nil
		}
		e.ValidUntil = until.Time()
	}
	for i := range list {
		list[i].ID, list[i].TLP, list[i].ValidUntil = e.ID, e.TLP, e.ValidUntil
	}
	return r.give(line, Item{Entries: list, Detail: Detail{Name: o.Text("name")}})
}

// Wanted returns what an indicator asks for, if it is one of some values, a network, or domains
// or URLs by their ends; why says why not. The entries are not canonical, and have neither
// source nor marking.
func Wanted(o *stix.Object) (list []watchlist.Entry, why i18n.Text) {
	if t := o.Text("pattern_type"); t != "stix" {
		return nil, i18n.T("{0}: the pattern is of type {1}", "{0}: パターンの種類が {1} です").With(o.ID(), quote(t))
	}
	p, err := stix.ParsePattern(o.Text("pattern"))
	if err != nil {
		return nil, i18n.T("{0}: {1}", "{0}: {1}").With(o.ID(), refusal(err))
	}
	list, ok := patternEntries(p, watchlist.Entry{})
	if !ok {
		return nil, i18n.T("{0}: the pattern asks for more than one of some values: {1}",
			"{0}: パターンが「いくつかの値のどれか」以外を求めています: {1}").With(o.ID(), quote(p.Source()))
	}
	return list, i18n.Text{}
}

// refusal says why an object or a pattern is refused, which may name much of it.
func refusal(err error) i18n.Text {
	t := reason.Of(err)
	return i18n.Text{EN: event.Clip(t.EN, 240), JA: event.Clip(t.JA, 240)}
}

// marking returns an object's label. A marking that is no TLP label may bind more
// than any label: it counts as RED.
func (r *reader) marking(o *stix.Object) policy.TLP {
	_, granular := o.Get("granular_markings")
	name, others, ok := stix.StrictestTLP(o.ObjectMarkingRefs())
	if others > 0 || granular {
		r.report.Unlabelled++
		return policy.Red
	}
	if !ok {
		return 0
	}
	t, _ := policy.ParseTLP(name)
	return t
}

// patternEntries returns what a pattern asks for, if it asks for one of some values
// or for the addresses of one network. A domain, a URL or a name is equal as
// Canonical has it, not letter by letter.
func patternEntries(p *stix.Pattern, e watchlist.Entry) ([]watchlist.Entry, bool) {
	list, ok := p.Equalities()
	if !ok {
		return subset(p, e)
	}
	var out []watchlist.Entry
	for _, c := range list {
		t, known := stixPaths[c.Object+":"+c.Path]
		if !known {
			return nil, false
		}
		e.Type, e.Value = t, c.Value
		if t == watchlist.FileName && strings.ContainsAny(c.Value, `/\`) {
			return nil, false
		}
		out = append(out, e)
	}
	return out, len(out) > 0
}

// shaped are the patterns that ask for values by their ends, as String writes them.
var shaped = []struct {
	find  *regexp.Regexp
	typ   event.ObservableType
	match watchlist.Match
}{
	{regexp.MustCompile(`^\[domain-name:value = '([^'\\%]+)' OR domain-name:value LIKE '%\.([^'\\%]+)'\]$`),
		event.Domain,
		watchlist.Tree},
	{regexp.MustCompile(`^\[domain-name:value LIKE '%\.([^'\\%]+)'\]$`), event.Domain, watchlist.Below},
	{regexp.MustCompile(`^\[url:value LIKE '([^'\\%]+)%'\]$`), event.URL, watchlist.Prefix},
}

// pathPattern asks for a file in a folder.
var pathPattern = regexp.MustCompile(`^\[file:name = '((?:[^'\\]|\\.)+)' AND file:parent_directory_ref\.path = '((?:[^'\\]|\\.)+)'\]$`)

// unescaped is a text out of a pattern.
func unescaped(s string) string { return strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(s) }

// subset reads [ipv4-addr:value ISSUBSET '192.0.2.0/24'] and the patterns of shaped.
func subset(p *stix.Pattern, e watchlist.Entry) ([]watchlist.Entry, bool) {
	for _, s := range shaped {
		m := s.find.FindStringSubmatch(p.String())
		if m == nil || len(m) == 3 && m[1] != m[2] {
			continue
		}
		e.Type, e.Match, e.Value = s.typ, s.match, m[1]
		return []watchlist.Entry{e}, true
	}
	if m := pathPattern.FindStringSubmatch(p.String()); m != nil {
		folder, sep := unescaped(m[2]), `\`
		if strings.HasPrefix(folder, "/") {
			sep = "/"
		}
		e.Type, e.Value = watchlist.FilePath, strings.TrimSuffix(folder, sep)+sep+unescaped(m[1])
		return []watchlist.Entry{e}, true
	}
	for prefix, t := range map[string]event.ObservableType{"[ipv4-addr:value ISSUBSET '": event.IPv4,
		"[ipv6-addr:value ISSUBSET '": event.IPv6} {
		v, ok := strings.CutPrefix(p.String(), prefix)
		if !ok {
			continue
		}
		if v, ok = strings.CutSuffix(v, "']"); !ok {
			return nil, false
		}
		if _, err := netip.ParsePrefix(v); err != nil {
			if _, err := netip.ParseAddr(v); err != nil {
				return nil, false // there is more in the brackets
			}
		}
		e.Type, e.Value = t, v
		return []watchlist.Entry{e}, true
	}
	return nil, false
}
