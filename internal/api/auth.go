package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

type viewerKey struct{}

// Viewer is who sent the request that ctx belongs to. The zero Viewer, the
// public, is the answer for a public operation asked without credentials and for
// a context of no request.
func Viewer(ctx context.Context) policy.Viewer {
	v, _ := ctx.Value(viewerKey{}).(policy.Viewer)
	return v
}

// rank orders the roles; 0 is no role or an unknown one.
func rank(r policy.Role) int { return slices.Index(policy.Roles(), r) + 1 }

// Need refuses a viewer below a role. Operations say it with Op.Need; a handler
// calls Need where the role depends on what is asked for.
func Need(v policy.Viewer, role policy.Role) error {
	if role == policy.RoleNone || (rank(role) > 0 && rank(v.Role) >= rank(role)) {
		return nil
	}
	return fault.New(fault.Denied, i18n.T("this needs the role {0} or a higher one", "役割 {0} 以上が必要です").With(role)).
		WithHint(i18n.T("ask an administrator for the role, or use a token that has it",
			"管理者に役割を依頼するか、その役割を持つトークンを使ってください"))
}

// admit lets a request into an operation, or answers it with a problem.
func (a *API) admit(op Op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		v, err := a.viewer(r, op)
		if err != nil {
			a.writeProblem(w, r, err)
			return
		}
		if st := stateOf(ctx.Context()); st != nil {
			st.operation = op.ID
		}
		next(huma.WithValue(ctx, viewerKey{}, v))
	}
}

func (a *API) viewer(r *http.Request, op Op) (policy.Viewer, error) {
	token := r.Header.Get("Authorization") != ""
	if !token {
		// A browser's session is used for us by any page that the person has open.
		if err := a.csrf.Check(r); err != nil {
			return policy.Viewer{}, fault.Wrap(fault.Denied,
				i18n.T("the request came from another site", "別のサイトから送られた要求です"), err)
		}
	}
	v, err := a.cfg.Auth(r)
	if err == nil && v == (policy.Viewer{}) {
		err = fault.New(fault.Unauthenticated, i18n.Text{})
	}
	if err != nil {
		// A session that has run out is no reason to refuse what is public; a wrong
		// token is, or its owner would take a poorer answer for the full one.
		if op.Public && !token && fault.Is(err, fault.Unauthenticated) {
			return policy.Viewer{}, nil
		}
		return policy.Viewer{}, err
	}
	return v, Need(v, op.Need)
}
