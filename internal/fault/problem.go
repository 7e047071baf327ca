package fault

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
)

// Problem is an error as every HTTP answer states it to a program (RFC 9457,
// application/problem+json). Its type is urn:meneki:problem: and the label of
// the fault's kind. Nothing of the inner error is in it.
type Problem struct {
	Type     string       `json:"type" doc:"urn:meneki:problem: and the kind of the error; programs decide by this | urn:meneki:problem: に誤りの種別を続けたもの。プログラムはこの値で判断する"`
	Title    string       `json:"title" doc:"the kind in words | 種別の説明"`
	Status   int          `json:"status" doc:"the HTTP status | HTTP ステータス"`
	Detail   string       `json:"detail,omitempty" doc:"what is wrong this time | 今回の原因"`
	Hint     string       `json:"hint,omitempty" doc:"what to do now | 次に行うこと"`
	Instance string       `json:"instance,omitempty" doc:"the request, to quote to the operator | 問い合わせの際に伝える要求の番号"`
	Errors   []FieldError `json:"errors,omitempty" nullable:"false" doc:"each value that is wrong, at most 50 | 誤りのある値。最大50件"`

	kind Kind
	lang i18n.Lang
}

// problemType is what the type of every problem begins with.
const problemType = "urn:meneki:problem:"

// FieldError is one wrong value of a request.
type FieldError struct {
	Location string `json:"location,omitempty" doc:"where: body.items[3].tlp, query.limit, path.id | 場所。例 body.items[3].tlp"`
	Detail   string `json:"detail" doc:"what is wrong with it | 何が誤りか"`
}

// ProblemOf returns err as it may be sent to anybody, in language l.
func ProblemOf(err error, l i18n.Lang, requestID string) *Problem {
	k := KindOf(err)
	p := &Problem{
		Type: problemType + k.Label(), Title: k.Title().In(l), Status: k.Status(), Hint: HintOf(err).In(l),
		kind: k, lang: l,
	}
	if e, ok := As(err); ok && !e.Text.Zero() {
		p.Detail = e.Text.In(l)
	}
	if requestID != "" {
		p.Instance = "urn:meneki:request:" + requestID
	}
	return p
}

// Err returns the fault that a problem states which another program sent; ok is
// false if its type is none of ours.
func (p *Problem) Err() (e *Error, ok bool) {
	k, ok := ParseKind(strings.TrimPrefix(p.Type, problemType))
	if !ok {
		return nil, false
	}
	e = New(k, i18n.Same(p.Detail))
	if p.Detail == "" {
		e.Text = k.Title()
	}
	if p.Hint != "" {
		e = e.WithHint(i18n.Same(p.Hint))
	}
	return e, true
}

// Error is the title.
func (p *Problem) Error() string { return p.Title }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is the media type.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Content-Language": {string(p.lang)}}
	SetHeaders(h, p.kind)
	if p.kind == Unauthenticated {
		h.Set("WWW-Authenticate", `Bearer realm="meneki"`)
	}
	return h
}

// SetHeaders sets what every answer to an error of the kind has, a page's too.
func SetHeaders(h http.Header, k Kind) {
	if k == Busy || k == Unavailable {
		h.Set("Retry-After", "5")
	}
}

// Write answers r with the problem. An error says that the caller has gone.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) error {
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if r.Method == http.MethodHead {
		return nil
	}
	return json.NewEncoder(w).Encode(p)
}
