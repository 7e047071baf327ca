package feed

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// mispTypes are MISP's attribute types that hold one value.
var mispTypes = map[string]meaning{
	"ip-src": {addr: true}, "ip-dst": {addr: true}, "domain": {typ: event.Domain}, "hostname": {typ: event.Domain},
	"url":   {typ: event.URL},
	"email": {typ: event.Email}, "email-src": {typ: event.Email}, "email-dst": {typ: event.Email},
	"email-reply-to": {typ: event.Email},
	"md5":            {typ: event.MD5}, "sha1": {typ: event.SHA1}, "sha224": {typ: watchlist.SHA224},
	"sha256": {typ: event.SHA256}, "sha384": {typ: watchlist.SHA384},
	"sha512": {typ: watchlist.SHA512}, "sha3-256": {typ: watchlist.SHA3256}, "sha3-512": {typ: watchlist.SHA3512},
	"imphash": {typ: watchlist.ImpHash}, "ssdeep": {typ: watchlist.SSDeep}, "tlsh": {typ: watchlist.TLSH},
	"ja3-fingerprint-md5": {typ: watchlist.JA3},
	"filename":            {typ: watchlist.FileName}, "regkey": {typ: watchlist.RegistryKey},
	"mutex": {typ: watchlist.Mutex}, "user-agent": {typ: watchlist.UserAgent}, "mac-address": {typ: watchlist.MAC},
}

// mispAttribute is what is read of an attribute.
type mispAttribute struct {
	Type    string          `json:"type"`
	Value   string          `json:"value"`
	UUID    string          `json:"uuid"`
	ToIDs   mispBool        `json:"to_ids"`
	Deleted mispBool        `json:"deleted"`
	Tag     json.RawMessage `json:"Tag"`
}

// mispBool is true, 1 or "1": MISP has written all three.
type mispBool bool

// UnmarshalJSON reads it.
func (b *mispBool) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "true", "1", `"1"`, `"true"`:
		*b = true
	case "false", "0", `"0"`, `"false"`, "null":
		*b = false
	default:
		return wrong("%s is neither true nor false", raw)
	}
	return nil
}

// mispEvent is what binds all attributes of an event.
type mispEvent struct {
	tlp policy.TLP
	org string
}

// mispWalk walks through events, as they are exported, answered by the API or
// listed. RelatedEvent and the like hold no attributes of the event.
type mispWalk struct {
	s         *scanner
	event     func() // a new event begins
	tags      func(json.RawMessage) error
	org       func(json.RawMessage) error
	attribute func(line int, raw []byte, long bool) error
}

func (w *mispWalk) value() error {
	c, err := w.s.peek()
	switch {
	case err != nil:
		return err
	case c == '[':
		return w.s.array(w.value)
	case c != '{':
		return w.s.skip()
	}
	begun := false
	return w.s.object(func(name string) error {
		switch name {
		case "response", "Event":
			return w.value()
		case "Attribute", "Object", "Tag", "Orgc":
			if !begun { // not a wrapper: the event itself
				begun = true
				w.event()
			}
			return w.part(name)
		}
		return w.s.skip()
	})
}

func (w *mispWalk) part(name string) error {
	switch name {
	case "Attribute":
		return w.attributes()
	case "Object":
		return w.s.array(func() error {
			return w.s.object(func(name string) error {
				if name == "Attribute" {
					return w.attributes()
				}
				return w.s.skip()
			})
		})
	}
	raw, long, err := w.s.value(maxValue)
	if err == nil && long {
		err = wrong("%s of more than %d bytes", name, maxValue)
	}
	if err != nil {
		return err
	}
	if name == "Tag" {
		return w.tags(raw)
	}
	return w.org(raw)
}

func (w *mispWalk) attributes() error {
	return w.s.array(func() error {
		if _, err := w.s.peek(); err != nil {
			return err
		}
		line := w.s.line
		raw, long, err := w.s.value(maxValue)
		if err != nil {
			return err
		}
		return w.attribute(line, raw, long)
	})
}

// mispTLP returns the strictest TLP label among tags; 0 if there is none.
func (r *reader) mispTLP(raw json.RawMessage) (policy.TLP, error) {
	var tags []struct {
		Name string `json:"name"`
	}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &tags); err != nil {
			return 0, wrong("Tag: %v", err)
		}
	}
	strictest := policy.TLP(0)
	for _, t := range tags {
		if name := strings.ToLower(strings.TrimSpace(t.Name)); strings.HasPrefix(name, "tlp:") {
			strictest = max(strictest, r.label(name).OrRed())
		}
	}
	return strictest, nil
}

// misp reads events twice: first what binds each of them, then the attributes.
func (r *reader) misp(in *bufio.Reader, open func() (io.ReadCloser, error)) error {
	var events []mispEvent
	nothing := func(json.RawMessage) error { return nil }
	walk := &mispWalk{s: newScanner(in), attribute: func(int, []byte, bool) error { return r.ctx.Err() },
		event: func() { events = append(events, mispEvent{}) },
		tags: func(raw json.RawMessage) (err error) {
			if len(events) > maxEvents {
				return wrong("more than %d events", maxEvents)
			}
			t, err := r.mispTLP(raw)
			e := &events[len(events)-1]
			e.tlp = max(e.tlp, t)
			return err
		},
		org: func(raw json.RawMessage) error {
			var org struct {
				Name string `json:"name"`
			}
			if err := json.Unmarshal(raw, &org); err != nil {
				return wrong("Orgc: %v", err)
			}
			events[len(events)-1].org = org.Name
			return nil
		},
	}
	err := walk.value()
	if err == nil {
		err = walk.s.end()
	}
	if err != nil {
		return r.jsonError(walk.s.line, err)
	}
	if len(events) == 0 {
		return r.fail(1, i18n.T("it holds no MISP event", "MISP のイベントがありません"), nil)
	}
	again, done, err := r.unpack(open)
	if err != nil {
		return err
	}
	defer done()
	at := -1
	var own error // an error that is not the scanner's
	walk = &mispWalk{s: newScanner(again), tags: nothing, org: nothing, event: func() { at++ },
		attribute: func(line int, raw []byte, long bool) error {
			if at >= len(events) {
				return wrong("more events than at first: the file changed while it was read")
			}
			if own = r.record(); own != nil {
				return own
			}
			if long {
				r.refuse(line, longValue.With(maxValue))
				return nil
			}
			own = r.mispAttribute(line, raw, events[at])
			return own
		}}
	if err := walk.value(); err != nil {
		if err == own {
			return err
		}
		return r.jsonError(walk.s.line, err)
	}
	return nil
}

func (r *reader) mispAttribute(line int, raw []byte, of mispEvent) error {
	var a mispAttribute
	err := json.Unmarshal(raw, &a)
	if err != nil {
		r.refuse(line, i18n.T("it is not a MISP attribute: {0}", "MISP の属性ではありません: {0}").With(quote(err.Error())))
		return nil
	}
	if !r.text(line, raw) {
		return nil
	}
	if !bool(a.ToIDs) || bool(a.Deleted) {
		r.report.Passed++
		return nil
	}
	tlp, err := r.mispTLP(a.Tag)
	if err != nil {
		r.refuse(line, i18n.T("it is not a MISP attribute: {0}", "MISP の属性ではありません: {0}").With(quote(err.Error())))
		return nil
	}
	e := watchlist.Entry{ID: a.UUID, TLP: max(tlp, of.tlp)}
	if r.o.Source == "" {
		e.Source = of.org
	}
	typ, value := a.Type, a.Value
	m, known := mispTypes[typ]
	port := 0
	if first, second, pair := strings.Cut(typ, "|"); !known && (pair || typ == "malware-sample") {
		at := strings.LastIndexByte(value, '|') // a name may hold one, what comes behind it does not
		if at < 0 && strings.HasSuffix(typ, "|port") {
			at = strings.LastIndexByte(value, ':')
		}
		if at < 0 {
			r.refuse(line, i18n.T("the value of the pair {0} has no |", "組 {0} の値に | がありません").With(quote(typ)))
			return nil
		}
		left, right := value[:at], value[at+1:]
		switch {
		case typ == "malware-sample":
			typ, value = "md5", right
		case first == "filename": // the hash decides alone
			typ, value = second, right
		case second == "port":
			n, ok := portOf(right)
			if !ok {
				r.refuse(line, i18n.T("{0} is no port", "{0} はポート番号ではありません").With(quote(right)))
				return nil
			}
			typ, value, port = first, strings.TrimSuffix(strings.TrimPrefix(left, "["), "]"), n
		case r.o.Composites:
			typ, value = first, left
		default:
			r.uncovered(line, i18n.T("the pair {0} asks for two values at once",
				"組 {0} は 2 つの値を同時に求めています").With(quote(a.Type)))
			return nil
		}
		m, known = mispTypes[typ]
	}
	if !known {
		r.uncovered(line, unknownType.With(quote(a.Type)))
		return nil
	}
	e.Type, e.Value = m.typ, Refang(value)
	switch {
	case m.addr:
		list, ok := addresses(e.Value)
		if !ok || strings.Contains(e.Value, "%") {
			r.refuse(line, noAddress.With(quote(value)))
			return nil
		}
		for i := range list {
			list[i].ID, list[i].TLP, list[i].Source = e.ID, e.TLP, e.Source
		}
		return r.give(line, Item{Text: value, Entries: list, Detail: Detail{Port: port}})
	case m.typ == watchlist.FileName && strings.ContainsAny(value, `/\`):
		e.Type = watchlist.FilePath
	}
	return r.give(line, Item{Text: value, Entries: []watchlist.Entry{e}, Detail: Detail{Port: port}})
}
