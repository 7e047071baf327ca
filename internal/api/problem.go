package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Problem is the body of every answer that is an error (RFC 9457,
// application/problem+json). Its type is urn:meneki:problem: and the label of
// the fault's kind.
type Problem struct {
	Type     string       `json:"type" doc:"urn:meneki:problem: and the kind of the error; programs decide by this | urn:meneki:problem: に誤りの種別を続けたもの。プログラムはこの値で判断する"`
	Title    string       `json:"title" doc:"the kind in words | 種別の説明"`
	Status   int          `json:"status" doc:"the HTTP status | HTTP ステータス"`
	Detail   string       `json:"detail,omitempty" doc:"what is wrong this time | 今回の原因"`
	Hint     string       `json:"hint,omitempty" doc:"what to do now | 次に行うこと"`
	Instance string       `json:"instance,omitempty" doc:"the request, to quote to the operator | 問い合わせの際に伝える要求の番号"`
	Errors   []FieldError `json:"errors,omitempty" nullable:"false" doc:"each value that is wrong, at most 50 | 誤りのある値。最大50件"`

	headers http.Header
}

// FieldError is one wrong value of a request.
type FieldError struct {
	Location string `json:"location,omitempty" doc:"where: body.items[3].tlp, query.limit, path.id | 場所。例 body.items[3].tlp"`
	Detail   string `json:"detail" doc:"what is wrong with it | 何が誤りか"`
}

// maxErrors bounds how many wrong values a problem lists.
const maxErrors = 50

// Error makes a Problem an error for huma.
func (p *Problem) Error() string { return p.Title }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders are the headers that go with the problem, for huma.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType is the media type of a problem, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem turns any error into what its caller may read, and logs the rest.
func (a *API) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	st := stateOf(ctx)
	if st == nil {
		st = &state{lang: i18n.EN}
	}
	k := fault.KindOf(err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		a.cfg.Log.Debug("caller went away", "request", st.id, "operation", st.operation)
	} else if k.Status() >= http.StatusInternalServerError {
		a.cfg.Log.Error("operation failed", "request", st.id, "operation", st.operation, "kind", k.Label(), "error", err)
	} else {
		a.cfg.Log.Debug("operation refused", "request", st.id, "operation", st.operation, "kind", k.Label(), "error", err)
	}
	fp := fault.ProblemOf(err, st.lang, st.id)
	p := &Problem{Type: fp.Type, Title: fp.Title, Status: fp.Status, Detail: fp.Detail, Hint: fp.Hint, Instance: fp.Instance}
	p.mark(st, k)
	return p
}

// mark sets what the kind asks of the headers, and notes the kind.
func (p *Problem) mark(st *state, k fault.Kind) {
	st.kind = k.Label()
	p.headers = http.Header{"Content-Language": {string(st.lang)}}
	switch k {
	case fault.Unauthenticated:
		p.headers.Set("WWW-Authenticate", `Bearer realm="meneki"`)
	case fault.Busy, fault.Unavailable:
		p.headers.Set("Retry-After", "5")
	}
}

// writeProblem answers r outside of huma.
func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	a.send(w, r, a.problem(r.Context(), err))
}

func (a *API) send(w http.ResponseWriter, r *http.Request, p *Problem) {
	for k, v := range p.headers {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if r.Method == http.MethodHead {
		return
	}
	if err := json.NewEncoder(w).Encode(p); err != nil {
		a.cfg.Log.Debug("caller went away before its problem", "request", RequestID(r.Context()), "error", err)
	}
}

// transform turns the errors that huma makes itself into problems.
func (a *API) transform(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	k, text := fault.Invalid, i18n.T("the request does not fit the description of this operation", "要求がこの操作の仕様に合っていません")
	switch m.Status {
	case http.StatusBadRequest:
		text = i18n.T("the request body cannot be read", "要求の本文を読み取れません")
	case http.StatusRequestTimeout:
		k, text = fault.Busy, i18n.T("the request body came too slowly", "要求の本文の受信に時間がかかりすぎました")
	case http.StatusRequestEntityTooLarge:
		k, text = fault.TooLarge, i18n.T("the request body has more than {0} bytes", "要求の本文が {0} バイトを超えています").With(ctx.Operation().MaxBodyBytes-1)
	case http.StatusUnsupportedMediaType:
		k, text = fault.Unsupported, i18n.T("the body must be application/json", "本文は application/json で送ってください")
	case http.StatusUnprocessableEntity:
	default:
		k, text = fault.Internal, i18n.Text{}
	}
	p := a.problem(ctx.Context(), fault.New(k, text))
	p.Status = m.Status
	lang := Lang(ctx.Context())
	for _, d := range m.Errors {
		if d == nil {
			continue
		}
		if len(p.Errors) == maxErrors {
			break
		}
		p.Errors = append(p.Errors, FieldError{Location: cut(d.Location), Detail: cut(say(d.Message, lang))})
	}
	for key, vals := range p.headers {
		for _, val := range vals {
			ctx.SetHeader(key, val)
		}
	}
	return p, nil
}

// cut bounds what is repeated to the caller of its own input.
func cut(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// problemResponse describes the answer that an error of kind k gets.
func (a *API) problemResponse(k fault.Kind) *huma.Response {
	schemas := a.huma.OpenAPI().Components.Schemas
	return &huma.Response{
		Description: k.Title().EN + " (urn:meneki:problem:" + k.Label() + ")",
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "Problem"),
		}},
	}
}
