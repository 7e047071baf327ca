package groups

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// GroupBody is a group as programs see it.
type GroupBody struct {
	ID       string     `json:"id"`
	Audience string     `json:"audience" doc:"what names it in an audience | 受信者としての指定"`
	Name     string     `json:"name"`
	Purpose  string     `json:"purpose,omitempty"`
	Lead     string     `json:"lead,omitempty" doc:"member id; empty: the hub | 構成員 ID。空はハブ"`
	Admits   string     `json:"admits" enum:"lead,all"`
	Made     time.Time  `json:"made"`
	Closed   time.Time  `json:"closed,omitzero"`
	Members  []SeatBody `json:"members" nullable:"false"`
}

// SeatBody is a member of a group.
type SeatBody struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// OfferBody is an invitation to the caller's organisation.
type OfferBody struct {
	ID      string    `json:"id"`
	Name    string    `json:"name" doc:"of the group | グループ名"`
	Purpose string    `json:"purpose,omitempty"`
	Expires time.Time `json:"expires"`
}

// body is a group with its members.
func (s *Service) body(tx *store.Tx, g Group) (GroupBody, error) {
	b := GroupBody{ID: g.ID, Audience: policy.ToGroup(g.ID), Name: g.Name, Purpose: g.Purpose, Lead: g.Lead(),
		Admits: g.Admits, Made: g.Made, Closed: g.Closed, Members: []SeatBody{}}
	seats, err := Seats(tx, g.ID)
	for _, m := range seats {
		b.Members = append(b.Members, SeatBody{m.Member, s.directory.Name(tx.Context(), m.Member), m.Since})
	}
	return b, err
}

type idIn struct {
	ID string `path:"id" maxLength:"100"`
}

// api adds the operations of groups.
func (s *Service) api(a *api.API) {
	type groupsOut struct {
		Body struct {
			Groups []GroupBody `json:"groups" nullable:"false"`
			Offers []OfferBody `json:"invitations" nullable:"false"`
		}
	}
	api.Register(a, api.Op{ID: "list-groups", Method: http.MethodGet, Path: "/api/v1/groups", Tag: "groups",
		Need:    policy.RoleReader,
		Summary: i18n.T("List your trust groups, and the invitations to your organisation", "信頼グループと自組織への招待の一覧")},
		func(ctx context.Context, _ *struct{}) (*groupsOut, error) {
			out := &groupsOut{}
			out.Body.Groups, out.Body.Offers = []GroupBody{}, []OfferBody{}
			v := api.Viewer(ctx)
			err := s.db.Read(ctx, store.As(v), func(tx *store.Tx) error {
				list, err := List(tx)
				if err != nil {
					return err
				}
				for _, g := range list {
					b, err := s.body(tx, g)
					if err != nil {
						return err
					}
					out.Body.Groups = append(out.Body.Groups, b)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			return out, s.db.Read(ctx, store.System("groups: invitations by name"), func(tx *store.Tx) error {
				list, err := s.Offers(tx, v)
				for _, o := range list {
					out.Body.Offers = append(out.Body.Offers, OfferBody{o.ID, o.Name, o.Purpose, o.Expires})
				}
				return err
			})
		})
	type oneGroupOut struct{ Body GroupBody }
	get := func(ctx context.Context, id string) (*oneGroupOut, error) {
		out := &oneGroupOut{}
		return out, s.db.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
			g, err := Get(tx, id)
			if err != nil {
				return err
			}
			out.Body, err = s.body(tx, g)
			return err
		})
	}
	api.Register(a, api.Op{ID: "get-group", Method: http.MethodGet, Path: "/api/v1/groups/{id}", Tag: "groups",
		Need: policy.RoleReader, Summary: i18n.T("One trust group", "信頼グループ 1 件")},
		func(ctx context.Context, in *idIn) (*oneGroupOut, error) { return get(ctx, in.ID) })
	s.changes(a)
}

// changes adds the operations that change groups.
func (s *Service) changes(a *api.API) {
	type groupMakeIn struct {
		Body struct {
			Name    string `json:"name" minLength:"1" maxLength:"80"`
			Purpose string `json:"purpose,omitempty" maxLength:"500"`
			Admits  string `json:"admits" enum:"lead,all" doc:"who lets others in | 参加の承認"`
		}
	}
	type groupMadeOut struct {
		Body struct {
			ID string `json:"id"`
		}
	}
	api.Register(a, api.Op{ID: "make-group", Method: http.MethodPost, Path: "/api/v1/groups", Tag: "groups",
		Need: policy.RoleCoordinator, Status: http.StatusCreated, Summary: i18n.T("Make a trust group", "信頼グループを作成")},
		func(ctx context.Context, in *groupMakeIn) (*groupMadeOut, error) {
			id, err := s.Make(ctx, api.Viewer(ctx), NewGroup{in.Body.Name, in.Body.Purpose, in.Body.Admits})
			out := &groupMadeOut{}
			out.Body.ID = id
			return out, err
		})
	type groupInviteIn struct {
		ID   string `path:"id" maxLength:"100"`
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"120" doc:"of the organisation | 組織名"`
		}
	}
	post := func(id, path string, summary i18n.Text) api.Op {
		return api.Op{ID: id, Method: http.MethodPost, Path: path, Tag: "groups", Need: policy.RoleCoordinator,
			Status: http.StatusNoContent, Summary: summary, Errors: []fault.Kind{fault.Conflict, fault.Gone}}
	}
	api.Register(a, post("invite-to-group", "/api/v1/groups/{id}/invitations",
		i18n.T("Invite an organisation into a group by its name; the answer does not tell whether there is one",
			"組織を名称でグループに招待（該当の有無は回答に含まれない）")),
		func(ctx context.Context, in *groupInviteIn) (*struct{}, error) {
			return nil, s.Ask(ctx, api.Viewer(ctx), in.ID, in.Body.Name)
		})
	type groupAnswerIn struct {
		ID   string `path:"id" maxLength:"100"`
		Body struct {
			Accept bool `json:"accept"`
		}
	}
	api.Register(a, post("answer-group-invitation", "/api/v1/group-invitations/{id}",
		i18n.T("Accept or decline an invitation to your organisation", "自組織への招待に回答")),
		func(ctx context.Context, in *groupAnswerIn) (*struct{}, error) {
			_, err := s.Answer(ctx, api.Viewer(ctx), in.ID, in.Body.Accept)
			return nil, err
		})
	api.Register(a, post("leave-group", "/api/v1/groups/{id}/leave", i18n.T("Leave a group", "グループを脱退")),
		func(ctx context.Context, in *idIn) (*struct{}, error) {
			return nil, s.Leave(ctx, api.Viewer(ctx), in.ID)
		})
	api.Register(a, post("close-group", "/api/v1/groups/{id}/close", i18n.T("Close a group for all", "グループを終了")),
		func(ctx context.Context, in *idIn) (*struct{}, error) {
			return nil, s.Close(ctx, api.Viewer(ctx), in.ID)
		})
}
