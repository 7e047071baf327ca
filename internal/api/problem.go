package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// maxErrors bounds how many wrong values a problem lists.
const maxErrors = 50

// problem turns any error into what its caller may read, and logs the rest.
func (a *API) problem(ctx context.Context, err error) *fault.Problem {
	if p, ok := errors.AsType[*fault.Problem](err); ok {
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
		a.cfg.Log.Error("operation failed", "request", st.id, "operation", st.operation, "kind", k.Label(), "error",
			err)
	} else {
		a.cfg.Log.Debug("operation refused", "request", st.id, "operation", st.operation, "kind", k.Label(), "error",
			err)
	}
	st.kind = k.Label()
	return fault.ProblemOf(err, st.lang, st.id)
}

// writeProblem answers r outside of huma.
func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	a.write(w, r, a.problem(r.Context(), err))
}

func (a *API) write(w http.ResponseWriter, r *http.Request, p *fault.Problem) {
	if err := p.Write(w, r); err != nil {
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
		k, text = fault.TooLarge, i18n.T("the request body has more than {0} bytes",
			"要求の本文が {0} バイトを超えています").With(ctx.Operation().MaxBodyBytes-1)
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
		p.Errors = append(p.Errors, fault.FieldError{Location: cut(d.Location), Detail: cut(say(d.Message, lang))})
	}
	for key, vals := range p.GetHeaders() {
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
			Schema: schemas.Schema(reflect.TypeFor[fault.Problem](), true, "Problem"),
		}},
	}
}
