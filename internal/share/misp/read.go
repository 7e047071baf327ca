package misp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Limits bound what Read takes. A zero field means its default.
type Limits struct {
	Bytes      int64 // of the whole text; default 64 MiB
	Depth      int   // of nested values; default 40
	Attributes int   // of all events together; default 200,000
	Events     int   // default 10,000
	Text       int   // bytes of one value; default 1 MiB
}

func (l Limits) defaults() Limits {
	or := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	or(&l.Depth, 40)
	or(&l.Attributes, 200_000)
	or(&l.Events, 10_000)
	or(&l.Text, 1<<20)
	return l
}

// Note says what was not taken as it is written, and where that is.
type Note struct {
	Where string // such as Attribute[3] or a uuid
	Text  i18n.Text
}

func (n Note) String() string { return n.Where + ": " + n.Text.In(i18n.EN) }

// Read reads what MISP writes: one event with or without the word Event around it, a list
// of events, an answer of its API, or attributes and objects without an event, which come
// as an event of their own. What is wrong with one part is a note, and the rest is taken.
// An error is a fault.Invalid: the text is no JSON, too large, or nothing of MISP.
func Read(r io.Reader, limits Limits) ([]*Event, []Note, error) {
	l := limits.defaults()
	raw, err := io.ReadAll(io.LimitReader(r, l.Bytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read an event: %w", err)
	}
	if int64(len(raw)) > l.Bytes {
		return nil, nil, fault.New(fault.TooLarge, i18n.T("more than {0} bytes", "{0} バイトを超えています").With(l.Bytes))
	}
	v, err := decode(raw, l.Depth)
	if err != nil {
		return nil, nil, err
	}
	x := &reader{limits: l}
	x.top(v, "", 0)
	if len(x.events) == 0 && len(x.loose.Attributes)+len(x.loose.Objects) == 0 {
		if x.understood {
			return nil, x.notes, nil
		}
		return nil, x.notes, fault.New(fault.Invalid, i18n.T("this is no event of MISP", "MISP イベントではありません")).
			WithHint(i18n.T("give an event, or an answer of events/restSearch",
				"イベント、または events/restSearch の応答を指定してください"))
	}
	if len(x.loose.Attributes)+len(x.loose.Objects) > 0 {
		x.events = append(x.events, &x.loose)
	}
	return x.events, x.notes, nil
}

// decode reads one JSON value of bounded depth.
func decode(raw []byte, depth int) (any, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if at, ok := deeper(raw, depth); ok {
		return nil, fault.New(fault.Invalid, i18n.T("values are nested more than {0} deep at byte {1}",
			"{1} バイト目で入れ子が {0} 段を超えています").With(depth, at))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("not JSON at byte {0}", "{0} バイト目で JSON として読めません").
			With(d.InputOffset()), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault.New(fault.Invalid, i18n.T("something follows the JSON at byte {0}",
			"{0} バイト目以降に余分な内容があります").With(d.InputOffset()))
	}
	return v, nil
}

// deeper returns where values are nested more than max deep.
func deeper(raw []byte, max int) (at int, ok bool) {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > max {
				return i, true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0, false
}

// reader takes the parts of a text.
type reader struct {
	limits     Limits
	events     []*Event
	loose      Event
	notes      []Note
	attributes int
	understood bool // it is an answer of MISP, though there may be nothing in it
}

func (x *reader) note(where string, t i18n.Text) {
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, Note{where, t})
	}
}

// maxNotes bounds the notes about one text.
const maxNotes = 1000

// top reads what may stand around events.
func (x *reader) top(v any, where string, depth int) {
	switch v := v.(type) {
	case []any:
		x.understood = x.understood || len(v) == 0
		for i, e := range v {
			x.top(e, fmt.Sprintf("%s[%d]", where, i), depth+1)
		}
	case map[string]any:
		if depth > 4 {
			return
		}
		if r, ok := v["response"]; ok {
			x.understood = true
			x.top(r, "response", depth+1)
			return
		}
		e, wrapped := v["Event"]
		m, isObject := e.(map[string]any)
		_, hasInfo := v["info"]
		switch {
		case wrapped && isObject && text(v, "type") == "":
			x.event(m, where+"Event")
		case wrapped:
			x.note(where, i18n.T("Event is no object", "Event がオブジェクトではありません"))
		case hasInfo:
			x.event(v, where)
		case v["Object"] != nil && text(v, "type") == "":
			if o, ok := v["Object"].(map[string]any); ok {
				x.loose.Fields = map[string]any{}
				x.loose.Objects = append(x.loose.Objects, x.object(o, where+"Object"))
				return
			}
			x.looseList(v)
		case v["Attribute"] != nil:
			x.looseList(v)
		}
	default:
		x.note(where, i18n.T("neither an event nor a list of events", "イベントでもイベントの一覧でもありません"))
	}
}

func (x *reader) looseList(v map[string]any) {
	x.loose.Fields = map[string]any{}
	if a, ok := v["Attribute"].(map[string]any); ok { // a single one
		v["Attribute"] = []any{a}
	}
	x.loose.Attributes = append(x.loose.Attributes, x.attributeList(v, "Attribute")...)
	for i, o := range list(v, "Object") {
		x.loose.Objects = append(x.loose.Objects, x.object(o, fmt.Sprintf("Object[%d]", i)))
	}
}

func (x *reader) event(m map[string]any, where string) {
	if len(x.events) >= x.limits.Events {
		x.note(where, i18n.T("more than {0} events: left out", "{0} 件を超えるイベントは読み込みません").With(x.limits.Events))
		return
	}
	e := &Event{Fields: without(m, "Attribute", "Object", "EventReport", "ShadowAttribute", "RelatedEvent")}
	if s := text(m, "uuid"); s != "" && e.UUID() == "" {
		x.note(where, i18n.T("{0} is no UUID: left out", "{0} は UUID ではないため読み込みません").With(clip(s)))
		return
	}
	e.Attributes = x.attributeList(m, where+".Attribute")
	for i, o := range list(m, "Object") {
		e.Objects = append(e.Objects, x.object(o, fmt.Sprintf("%s.Object[%d]", where, i)))
	}
	for _, r := range list(m, "EventReport") {
		e.Reports = append(e.Reports, &Report{Fields: r})
	}
	shadow, _ := m["ShadowAttribute"].([]any)
	if e.Proposals = len(shadow); e.Proposals > 0 {
		x.note(where, i18n.T("{0} proposals are not read", "提案 {0} 件は読み込みません").With(e.Proposals))
	}
	x.events = append(x.events, e)
}

func (x *reader) attributeList(m map[string]any, where string) (out []*Attribute) {
	switch all := m["Attribute"].(type) {
	case nil:
	case []any:
		for i, v := range all {
			if a := x.attribute(v, where+"["+strconv.Itoa(i)+"]"); a != nil {
				out = append(out, a)
			}
		}
	default:
		x.note(where, i18n.T("not a list of attributes", "属性の一覧ではありません"))
	}
	return out
}

// attribute reads one; nil if it is none.
func (x *reader) attribute(v any, where string) *Attribute {
	m, ok := v.(map[string]any)
	if !ok {
		x.note(where, i18n.T("an attribute is an object, with type and value",
			"属性は type と value を持つオブジェクトでなければなりません"))
		return nil
	}
	if x.attributes++; x.attributes > x.limits.Attributes {
		if x.attributes == x.limits.Attributes+1 {
			x.note(where, i18n.T("more than {0} attributes: this and those after it are left out",
				"属性が {0} 件を超えたため、これ以降は読み込みません").With(x.limits.Attributes))
		}
		return nil
	}
	a := &Attribute{Fields: without(m, "Sighting", "ShadowAttribute", "RelatedAttribute", "Event"),
		Sightings: list(m, "Sighting")}
	shadow, _ := m["ShadowAttribute"].([]any)
	if a.Proposals = len(shadow); a.Proposals > 0 {
		x.note(where, i18n.T("{0} proposals are not read", "提案 {0} 件は読み込みません").With(a.Proposals))
	}
	switch {
	case a.Type() == "":
		x.note(where, i18n.T("an attribute without type: left out", "type がない属性は読み込みません"))
		return nil
	case a.Value() == "":
		x.note(where, i18n.T("an attribute without value: left out", "value がない属性は読み込みません"))
		return nil
	case len(a.Value()) > x.limits.Text:
		x.note(where, i18n.T("a value of more than {0} bytes: left out", "{0} バイトを超える値は読み込みません").
			With(x.limits.Text))
		return nil
	}
	if s := text(m, "uuid"); s != "" && a.UUID() == "" {
		x.note(where, i18n.T("{0} is no UUID: the attribute gets another", "{0} は UUID ではないため、別の UUID を割り当てます").
			With(clip(s)))
		delete(a.Fields, "uuid")
	}
	if data := text(m, "data"); len(data) > x.limits.Text {
		x.note(where, i18n.T("the file is larger than {0} bytes and is not taken; its name and hashes are",
			"ファイルが {0} バイトを超えるため取り込みません。名前とハッシュ値は取り込みます").With(x.limits.Text))
		delete(a.Fields, "data")
	}
	return a
}

func (x *reader) object(m map[string]any, where string) *Object {
	o := &Object{Fields: without(m, "Attribute", "Event")}
	if text(m, "uuid") != "" && o.UUID() == "" {
		x.note(where, i18n.T("{0} is no UUID: the object gets another", "{0} は UUID ではないため、別の UUID を割り当てます").
			With(clip(text(m, "uuid"))))
		delete(o.Fields, "uuid")
	}
	o.Attributes = x.attributeList(m, where+".Attribute")
	return o
}

// clip shortens what is shown of a text.
func clip(s string) string {
	const most = 80
	for i := range s {
		if i > most {
			return s[:i] + "…"
		}
	}
	return s
}
