package settings

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
)

// Me is who a request comes from.
type Me struct {
	User    string `json:"user,omitempty" doc:"absent for a token | トークンの場合はなし"`
	Name    string `json:"name"`
	Role    string `json:"role"`
	Member  string `json:"member,omitempty"`
	Sector  string `json:"sector,omitempty"`
	Hub     bool   `json:"hub" doc:"works at the hub | ハブの担当者"`
	Machine bool   `json:"machine" doc:"came by an API token | API トークンによるアクセス"`
	Version string `json:"version" doc:"meneki's version | meneki の版"`
}

// TokenBody is an API token without its secret.
type TokenBody struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	User     string    `json:"user,omitempty"`
	Member   string    `json:"member,omitempty"`
	Role     string    `json:"role"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"`
}

func tokenBody(t identity.Token) TokenBody {
	return TokenBody{t.ID, t.Name, t.User, t.Member, string(t.Role), t.Created, t.Expires, t.LastUsed, t.Revoked}
}

// tokens describes the list of API tokens, the newest first.
func tokens() list.Spec[identity.Token] {
	// Ids are made in the order of time.
	return list.Spec[identity.Token]{
		Key:   []list.Term[identity.Token]{{Of: func(t identity.Token) any { return t.ID }, Desc: true}},
		Sorts: []list.Sort[identity.Token]{{Name: "created", KeyOnly: true}},
	}
}

// API adds the operations about oneself.
func API(a *api.API, c PageConfig) {
	type meOut struct{ Body Me }
	api.Register(a, api.Op{ID: "get-me", Method: http.MethodGet, Path: "/api/v1/me", Tag: "settings",
		Summary: i18n.T("Who you are here", "自分が誰として扱われているか")},
		func(ctx context.Context, _ *struct{}) (*meOut, error) {
			v := api.Viewer(ctx)
			return &meOut{Me{v.User, v.Name, string(v.Role), v.Member, v.Sector, v.Hub, v.Machine, c.Version}}, nil
		})
	type tokensOut struct{ Body api.Page[TokenBody] }
	type listIn struct{ api.Paging }
	api.Register(a, api.Op{ID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tag: "settings",
		Need: policy.RoleReader, Summary: i18n.T("List the API tokens that you may end", "失効させることのできる API トークンの一覧")},
		func(ctx context.Context, in *listIn) (*tokensOut, error) {
			all, err := c.People.Tokens(ctx, api.Viewer(ctx))
			if err != nil {
				return nil, err
			}
			p, err := tokens().Of(all, list.Ask{After: in.After, Limit: in.Limit})
			return &tokensOut{list.Body(p, tokenBody)}, err
		})
	type addIn struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"120"`
			Role string `json:"role" enum:"reader,analyst,coordinator,admin"`
			Days int    `json:"days,omitempty" minimum:"1" maximum:"730" default:"90"`
		}
	}
	type addOut struct {
		Body struct {
			TokenBody
			Token string `json:"token" doc:"the secret; it is not shown again | 秘密の値。再表示されない"`
		}
	}
	api.Register(a, api.Op{ID: "add-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tag: "settings",
		Need: policy.RoleReader, Status: http.StatusCreated,
		Summary: i18n.T("Make an API token for yourself; a person with a session can",
			"自分用の API トークンを発行（セッションのある利用者のみ）")},
		func(ctx context.Context, in *addIn) (*addOut, error) {
			v := api.Viewer(ctx)
			if v.Machine || v.User == "" {
				return nil, fault.New(fault.Denied, i18n.T("a token cannot make tokens", "トークンでトークンは発行できません"))
			}
			t, value, err := c.People.AddToken(ctx, v, identity.NewToken{Name: in.Body.Name, User: v.User,
				Role: policy.Role(in.Body.Role), Life: time.Duration(in.Body.Days) * 24 * time.Hour})
			if err != nil {
				return nil, err
			}
			out := &addOut{}
			out.Body.TokenBody, out.Body.Token = tokenBody(t), value
			return out, nil
		})
	type oneIn struct {
		ID string `path:"id" maxLength:"60"`
	}
	api.Register(a, api.Op{ID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tag: "settings",
		Need: policy.RoleReader, Status: http.StatusNoContent, Summary: i18n.T("End an API token", "API トークンを失効"),
		Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *oneIn) (*struct{}, error) {
			return nil, c.People.RevokeToken(ctx, api.Viewer(ctx), in.ID)
		})
}
