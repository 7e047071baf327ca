// Package reason says in both languages why something was refused. The public
// libraries (sigma, sigma/pipeline, sigma/correlate, stix, evtx) speak English
// only and know nothing of people; each of their reasons has a code out of a
// closed set and arguments ([Coded]), and the tables of this package hold the
// Japanese format of each code. What no table has is shown in English as it is,
// so that a reason is never lost.
package reason

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Coded is a library's reason: English text, a code out of the library's closed
// set, and what fills the verbs of the code's format. An argument may be another
// reason, or an error.
type Coded interface {
	error
	Code() string
	Args() []any
}

// Reason is a reason as it is stored and sent: it is put into words when it is
// read. The zero Reason is none.
type Reason struct {
	Code string `json:"code,omitempty"`
	// Args are strings, numbers, truth values and Reasons.
	Args []any  `json:"args,omitempty"`
	Text string `json:"text"` // the English
	// JA is the Japanese of a text that has no code, such as that of a fault
	// without one, which says it in both languages where it is made.
	JA string `json:"ja,omitempty"`
}

// Bounds of a reason that was sent. One beyond them keeps its text only.
const (
	maxArgs  = 16
	maxDepth = 8
)

// Plain returns a reason that is only a text.
func Plain(text string) Reason { return Reason{Text: text} }

// Said returns the reason that a text in both languages is.
func Said(t i18n.Text) Reason { return Reason{Text: t.EN, JA: t.JA} }

// Refusal returns the reason that a fault is: its code, if it has one.
func Refusal(err error) Reason {
	text := fault.TextOf(err)
	e, ok := fault.As(err)
	if !ok || e.Code == "" {
		return Said(text)
	}
	r := Reason{Code: string(e.Code), Text: text.EN}
	for _, a := range e.Args {
		r.Args = append(r.Args, a)
	}
	return r
}

// Fault returns the reason why another node was refused something: the kind of
// the fault, and its text.
func Fault(kind string, why Reason) Reason {
	return Reason{Code: "fault." + kind, Args: []any{why}, Text: kind + ": " + why.Text}
}

// From returns the reason that an error is, the zero Reason for nil.
func From(err error) Reason { return from(err, 0) }

func from(err error, depth int) Reason {
	if err == nil {
		return Reason{}
	}
	r := Reason{Text: err.Error()}
	if depth == maxDepth {
		return r
	}
	switch e := err.(type) {
	case Coded:
		r.Code, r.Args = e.Code(), arguments(e.Args(), depth)
	case *fs.PathError:
		r.Code, r.Args = "os."+e.Op, arguments([]any{e.Path, e.Err}, depth)
	case *syntax.Error:
		r.Code, r.Args = "regexp", arguments([]any{errors.New(e.Code.String()), e.Expr}, depth)
	case interface{ Unwrap() error }:
		// A text of the wrapper's own in front of the reason.
		inner := e.Unwrap()
		if inner == nil {
			break
		}
		if before, ok := strings.CutSuffix(r.Text, inner.Error()); ok {
			r.Code, r.Args = "reason.within", arguments([]any{before, inner}, depth)
		}
	}
	return r
}

func arguments(list []any, depth int) []any {
	if len(list) > maxArgs {
		return nil
	}
	out := make([]any, len(list))
	for i, a := range list {
		switch a := a.(type) {
		case error:
			out[i] = from(a, depth+1)
		case string, bool, int, int64, uint32, uint64:
			out[i] = a
		default:
			out[i] = fmt.Sprint(a)
		}
	}
	return out
}

// IsZero reports whether r is no reason.
func (r Reason) IsZero() bool { return r.Text == "" && r.JA == "" && r.Code == "" }

// Stored returns the reason as a text for a column of a table, "" for none.
func (r Reason) Stored() string {
	if r.IsZero() {
		return ""
	}
	data, err := json.Marshal(r)
	if err != nil { // a number that is none
		return ""
	}
	return string(data)
}

// Read returns the reason that [Reason.Stored] wrote, and a reason that is only
// a text for anything else.
func Read(stored string) Reason {
	var r Reason
	if stored == "" || json.Unmarshal([]byte(stored), &r) == nil {
		return r
	}
	return Plain(stored)
}

// Clip returns r, or only the beginning of its text if r takes more bytes than
// max as JSON.
func (r Reason) Clip(max int) Reason {
	if data, err := json.Marshal(r); err == nil && len(data) <= max {
		return r
	}
	return Plain(cut(r.Text, max))
}

// cut returns at most max bytes of a text, whole characters.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// UnmarshalJSON reads a reason. One that is beyond the bounds keeps its text
// only.
func (r *Reason) UnmarshalJSON(data []byte) error {
	got, _, err := read(data, 1)
	*r = got
	return err
}

// read reads a reason; whole is false if it is only the text of one that is
// beyond the bounds.
func read(data []byte, depth int) (r Reason, whole bool, err error) {
	var raw struct {
		Code string            `json:"code"`
		Args []json.RawMessage `json:"args"`
		Text string            `json:"text"`
		JA   string            `json:"ja"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Reason{}, false, fmt.Errorf("read a reason: %w", err)
	}
	if len(raw.Args) > maxArgs || depth > maxDepth {
		return Plain(raw.Text), false, nil
	}
	r = Reason{Code: raw.Code, Text: raw.Text, JA: raw.JA}
	for _, a := range raw.Args {
		v, ok := argument(a, depth)
		if !ok {
			return Plain(raw.Text), false, nil
		}
		r.Args = append(r.Args, v)
	}
	return r, true, nil
}

// argument reads one argument; ok is false for a list, null, and a reason beyond
// the bounds.
func argument(data json.RawMessage, depth int) (v any, ok bool) {
	switch data[0] {
	case '{':
		inner, whole, err := read(data, depth+1)
		return inner, whole && err == nil
	case '"':
		var s string
		return s, json.Unmarshal(data, &s) == nil
	case 't', 'f':
		return data[0] == 't', true
	case '[', 'n':
		return nil, false
	}
	return json.Number(data), true
}

// Of returns why err came about in both languages, the empty text for nil.
func Of(err error) i18n.Text {
	if many, ok := err.(interface{ Unwrap() []error }); ok && !isCoded(err) {
		var en, ja []string
		for _, one := range many.Unwrap() {
			t := Of(one)
			en, ja = append(en, t.EN), append(ja, t.JA)
		}
		return i18n.Text{EN: strings.Join(en, "\n"), JA: strings.Join(ja, "\n")}
	}
	return From(err).Say()
}

func isCoded(err error) bool {
	_, ok := err.(Coded)
	return ok
}
