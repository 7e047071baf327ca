package match

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/stix"
)

// What a pattern over several events may keep: so many observations each, of so
// many patterns. An observation is an id and an instant, about 120 bytes.
const (
	WindowKept     = 1024
	WindowLateness = 15 * time.Minute
	maxWindows     = 1000
)

// WindowOptions returns what a live pattern over several events may keep.
func WindowOptions() stix.StreamOptions {
	return stix.StreamOptions{Lateness: WindowLateness, Kept: WindowKept}
}

// Window is the live state of a pattern over several events.
type Window struct {
	mu      sync.Mutex
	stream  *stix.Stream
	refills int       // under mu; refills under way
	since   []sighted // under mu; what came while they are
}

type sighted struct {
	id   string
	at   time.Time
	seen stix.Observation
}

func (w *Window) add(ev *event.Event, seen stix.Observation) (*stix.StreamMatch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refills > 0 {
		w.since = append(w.since, sighted{ev.ID, ev.Time, seen})
	}
	return w.stream.Add(ev.ID, ev.Time, seen)
}

// Refill begins to fill a new stream with the past: what comes from now on is kept
// for it.
func (w *Window) Refill(p *stix.Pattern) (*stix.Stream, error) {
	fresh, err := p.Stream(WindowOptions())
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refills++
	return fresh, nil
}

// Refilled ends it, and puts the new stream in the place of the old one if it holds
// the whole past.
func (w *Window) Refilled(fresh *stix.Stream, whole bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refills--
	since := w.since
	if w.refills == 0 {
		w.since = nil
	}
	if !whole {
		return
	}
	for _, x := range since {
		_, _ = fresh.Add(x.id, x.at, x.seen) // its match was yielded when it came, or the past has it
	}
	w.stream = fresh
}

// LeftOut counts what the windows of the armed patterns and the correlations that
// were shared did not keep or decide: a match of several events may have been missed for it.
func (e *Engine) LeftOut() (n int64) {
	in := e.now.Load().in
	for _, a := range in.correlations {
		n += a.Correlation.left()
	}
	for _, a := range in.windows {
		a.Window.mu.Lock()
		st := a.Window.stream.Stats()
		a.Window.mu.Unlock()
		n += st.Late + st.Dropped + st.Undecided
	}
	return n
}

// reads reads the pattern of a STIX indicator. One that asks for one of some
// values or networks becomes those; every other is matched as it is written, on
// what package observed makes of events. What it asks for and no event ever
// shows, or could not be compared as it is written, refuses it.
func (a Armed) reads(text string) (Armed, error) {
	p, err := stix.ParsePattern(text)
	if err != nil {
		return Armed{}, fault.Wrap(
			fault.Invalid,
			i18n.T("the pattern of this indicator is not valid: {0}", "この指標のパターンは正しくありません：{0}").With(reason.Of(err)),
			err,
		)
	}
	list := p.Comparisons()
	if p.IsDisjunction() && a.plain(list) {
		if len(a.Values)+len(a.Networks) == 0 {
			return Armed{}, fault.New(fault.Unsupported, i18n.T("the pattern asks for nothing", "パターンが何も求めていません"))
		}
		return a, nil
	}
	a.Values, a.Networks = nil, nil
	for _, c := range list {
		if why := unobserved(c); !why.Zero() {
			return Armed{}, fault.New(
				fault.Unsupported,
				i18n.T("{0}:{1}: {2}", "{0}:{1}: {2}").With(c.Object, c.Path, why),
			)
		}
	}
	p = p.Rewrite(func(c stix.Comparison, v string) string {
		v, _ = written(c, v)
		return v
	})
	if p.Level() == 1 {
		err = p.Matchable()
	} else {
		a.Window = &Window{}
		a.Window.stream, err = p.Stream(WindowOptions())
	}
	if err != nil {
		return Armed{}, fault.Wrap(
			fault.Unsupported,
			i18n.T("this pattern cannot be matched in full: {0}", "このパターンは完全には照合できません：{0}").With(unsupportedText(err)),
			err,
		)
	}
	a.Pattern = p
	return a, nil
}

func unsupportedText(err error) i18n.Text {
	if e, ok := errors.AsType[*stix.UnsupportedError](err); ok {
		return reason.Of(e.Reason)
	}
	return reason.Of(err)
}

// plain takes conditions in as values and networks; false if one is neither.
func (a *Armed) plain(list []stix.Comparison) bool {
	for _, c := range list {
		if c.Not || c.Kind != stix.TextLiteral || c.Op != "=" && c.Op != "IN" && c.Op != "ISSUBSET" {
			return false
		}
		for _, v := range c.Values {
			o, ok := observableOf(stix.Equality{Object: c.Object, Path: c.Path, Value: v})
			if !ok {
				return false
			}
			// An address object may hold a network (STIX 2.1, 6.8 and 6.9): whoever asks
			// for one means the addresses in it, which is also what ISSUBSET says.
			if n, err := netip.ParsePrefix(o.Value); err == nil && (o.Type == event.IPv4 || o.Type == event.IPv6) {
				a.Networks = append(a.Networks, n)
				continue
			}
			if c.Op == "ISSUBSET" && o.Type != event.IPv4 && o.Type != event.IPv6 {
				return false
			}
			a.Values = append(a.Values, o)
		}
	}
	return true
}

// unobserved says why a condition would not mean here what it says.
func unobserved(c stix.Comparison) i18n.Text {
	k := observed.KindAt(c.Object, c.Path)
	switch {
	case k == observed.Never:
		return i18n.T("no event tells this", "これを示す事象はありません")
	case c.Op == "EXISTS":
		return i18n.Text{}
	case k == observed.Ref:
		return i18n.T("it is no value", "値ではありません")
	case (k == observed.Number) != (c.Kind == stix.NumberLiteral) ||
		(k == observed.Time) != (c.Kind == stix.TimeLiteral) || c.Kind == stix.BoolLiteral ||
		c.Kind == stix.BytesLiteral:
		return i18n.T("it is never a {0}", "{0} ではありえません").With(c.Kind)
	}
	switch c.Op {
	case "ISSUBSET", "ISSUPERSET":
		if k != observed.Value || c.Object == "url" || c.Object == "email-addr" || c.Object == "email-message" ||
			c.Object == "domain-name" && c.Path == "value" {
			return i18n.T("it is no address", "アドレスではありません")
		}
	case "LIKE", "MATCHES":
		if k == observed.Value || k == observed.Hash || k == observed.Folded {
			if capital(c) {
				return i18n.T("it is compared in lower case, and {0} has capitals", "小文字で比較されますが、{0} に大文字があります").
					With(event.Clip(c.Values[0], 100))
			}
		}
		if k == observed.Key && shortHive(c.Values[0]) {
			return i18n.T(
				"write the registry's root in full, such as HKEY_LOCAL_MACHINE",
				"レジストリのルートは HKEY_LOCAL_MACHINE のように略さずに書いてください",
			)
		}
	case "=", "!=", "IN":
		for _, v := range c.Values {
			if _, ok := written(c, v); !ok {
				return i18n.T("{0} cannot be a value of it", "{0} はその値になりえません").With(event.Clip(v, 100))
			}
		}
	default: // an order
		if k != observed.Number && k != observed.Time && k != observed.Text {
			return i18n.T("it has no order here", "ここでは大小を比べられません")
		}
	}
	return i18n.Text{}
}

// written returns a value as package observed writes it; false if nothing that is
// observed there could be equal to it.
func written(c stix.Comparison, v string) (string, bool) {
	var types []event.ObservableType
	switch observed.KindAt(c.Object, c.Path) {
	case observed.Folded:
		return strings.ToLower(v), true
	case observed.Key:
		return observed.LongHive(v), true
	case observed.Hash:
		for end, t := range map[string]event.ObservableType{"MD5": event.MD5, "'SHA-1'": event.SHA1,
			"'SHA-256'": event.SHA256} {
			if strings.HasSuffix(c.Path, end) {
				types = append(types, t)
			}
		}
	case observed.Value:
		types = valueTypes(c)
	default:
		return v, true
	}
	for _, t := range types {
		if w, ok := event.Canonical(t, v); ok && (strings.IndexByte(w, '/') < 0 || t == event.URL) {
			return w, true
		}
	}
	return v, false
}

// valueTypes returns what a path to a value may lead to.
func valueTypes(c stix.Comparison) []event.ObservableType {
	switch {
	case c.Object == "email-message":
		return []event.ObservableType{event.Email}
	case strings.Contains(c.Path, "resolves_to_refs"):
		return []event.ObservableType{event.IPv4, event.IPv6}
	case strings.Contains(c.Path, "_ref"):
		return []event.ObservableType{event.IPv4, event.IPv6, event.Domain}
	}
	return []event.ObservableType{event.ObservableType(c.Object)}
}

// capital reports whether a text of LIKE or MATCHES asks for a capital letter
// where none is ever observed. Behind the host of a URL there may be some.
func capital(c stix.Comparison) bool {
	text := c.Values[0]
	if c.Op == "MATCHES" && strings.Contains(text, "(?i") {
		return false
	}
	if c.Object == "url" {
		_, rest, ok := strings.Cut(text, "://")
		if !ok {
			return false
		}
		text, _, _ = strings.Cut(rest, "/")
	}
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\' && c.Op == "MATCHES":
			i++
		case b >= 'A' && b <= 'Z':
			return true
		}
	}
	return false
}

func shortHive(text string) bool {
	text = strings.ToUpper(text)
	for _, h := range []string{"HKLM", "HKCU", "HKCR", "HKCC", `HKU\`} {
		if strings.Contains(text, h) {
			return true
		}
	}
	return false
}

// Prefilter returns what a pattern needs in an event, as observables of which each
// event that it sees holds one; none if there is no such list.
func (a Armed) Prefilter() []event.Observable {
	var out []event.Observable
	for _, c := range a.Pattern.Prefilters() {
		k := observed.KindAt(c.Object, c.Path)
		cond := stix.Comparison{Object: c.Object, Path: c.Path}
		var types []event.ObservableType
		switch {
		case !c.Whole || c.Text == "" || c.Object == "x509-certificate":
			return nil
		case k == observed.Value:
			types = valueTypes(cond)
		case k == observed.Hash:
			types = []event.ObservableType{event.MD5, event.SHA1, event.SHA256}
		default:
			return nil
		}
		found := false
		for _, t := range types {
			if v, ok := event.Canonical(t, c.Text); ok && v == c.Text {
				out, found = append(out, event.Observable{Type: t, Value: v}), true
			}
		}
		if !found {
			return nil
		}
	}
	return out
}

// PatternHit is the hit of a pattern; with names the events that it took together.
func PatternHit(a Armed, with []string) Hit {
	h := Hit{
		Rule:      wire.RuleRef{ID: a.ID, Title: a.Name, Level: levelOr(a.Level)},
		Indicator: a.ID,
		Window:    a.Window != nil,
		Fields:    []wire.FieldValue{{Field: "pattern", Value: event.Clip(a.Pattern.Source(), maxValue)}},
	}
	for _, id := range with {
		if len(h.Fields) < maxMatched {
			h.Fields = append(h.Fields, wire.FieldValue{Field: "event", Value: id})
		}
	}
	return h
}

func levelOr(l string) string {
	if l == "" {
		return "high"
	}
	return l
}
