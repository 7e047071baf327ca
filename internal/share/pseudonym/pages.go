package pseudonym

import (
	"context"
	"net/http"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// Module is giving under a pseudonym at a hub.
func Module(s *Service) role.Module {
	return role.Module{
		Name:       "pseudonym",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		API:        s.api,
		Start:      s.start,
	}
}

func (s *Service) pages(site *web.Site) {
	site.Templates(Templates())
	site.Page("/pseudonym", policy.RoleReader, func(r *web.Request) (*web.View, error) { return s.view(r, nil, nil) })
	site.Action("/pseudonym", policy.RoleAnalyst, s.giveAction)
	site.Action("/pseudonym/withdraw", policy.RoleAnalyst, s.withdrawAction)
}

// lineData is one object that was given, or refused.
type lineData struct {
	ID, Label string
	Why       i18n.Text
}

// pageData is the dot of pseudonym/page.
type pageData struct {
	Name   string // the pseudonym; empty for the hub's people
	List   web.List
	Result []lineData
	Form   *web.Form
	Fields []web.Field
	Given  []lineData // that the reader may withdraw
}

func (s *Service) view(r *web.Request, form *web.Form, result []Outcome) (*web.View, error) {
	ctx, v := r.Context(), r.Viewer
	var list []Given
	err := s.DB.Read(ctx, store.As(v), func(tx *store.Tx) (err error) {
		list, err = List(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := pageData{Form: form}
	d.List = web.List{ID: "given", Caption: i18n.T("Given without a name", "名を伏せて提供したもの"), Dense: true,
		Count: web.Exactly(int64(len(list))), Columns: []web.ListColumn{
			{Key: "object", Text: i18n.T("Object", "オブジェクト"), Role: web.RoleMain},
			{Key: "giver", Text: i18n.T("Giver", "提供元")},
			{Key: "at", Text: i18n.T("Given", "提供"), Role: web.RoleTime},
		}, Empty: &web.Empty{Icon: "lock", Text: i18n.T("Nothing was given without a name", "まだありません"),
			How: i18n.T("What a member gives here stands under a pseudonym; only its own people and the hub's "+
				"coordinators see the name.",
				"ここで提供した情報は仮名で示されます。組織名がわかるのは、自組織とハブの調整担当者だけです。")}}
	for _, g := range list {
		d.List.Rows = append(d.List.Rows, web.Row{Key: g.Object, Path: web.Path("/objects/{0}", g.Object),
			Cells: []any{web.Lines{web.Defang(g.Label), g.Object}, s.Members.Name(ctx, g.Handling.Owner),
				web.Brief(g.At)}})
		if v.Member != "" && g.Handling.Owner == v.Member && identity.AtLeast(v.Role, policy.RoleAnalyst) {
			d.Given = append(d.Given, lineData{ID: g.Object, Label: web.Defang(g.Label)})
		}
	}
	for _, o := range result {
		line := lineData{ID: o.ID, Label: o.Was}
		if o.Err != nil {
			line.Why = reason.Of(o.Err)
		}
		d.Result = append(d.Result, line)
	}
	if v.Member != "" {
		name, err := s.Identity(v.Member)
		if err != nil {
			return nil, err
		}
		d.Name = name.Text("name")
		if identity.AtLeast(v.Role, policy.RoleAnalyst) {
			d.Fields = fields()
		}
	}
	return &web.View{Template: "pseudonym/page", Title: i18n.T("Give without your name", "名を伏せて提供する"),
		Nav: "consultations", Live: []string{"objects"}, Data: d, CSV: d.List.Table(),
		Lede: i18n.T("Others see a pseudonym. The hub's coordinators know who it is, its other people do not",
			"ほかの組織には仮名だけが示されます。組織名を知るのはハブの調整担当者だけです")}, nil
}

func fields() []web.Field {
	audience := marking.AudienceField(policy.Audience{policy.Community}, nil)
	return []web.Field{
		{Name: "objects", Label: i18n.T("STIX 2.1: a bundle, one object, or a list",
			"STIX 2.1（バンドル、単体、リスト）"),
			Kind: "textarea", Rows: 10, Mono: true, Required: true},
		{Name: "tlp", Label: i18n.T("Marking, at least", "区分（これより広げません）"), Kind: "select", Required: true,
			Options: marking.TLPOptions(policy.Clear, policy.Amber)[:4], Value: policy.Amber.Slug()},
		audience,
	}
}

func (s *Service) giveAction(r *web.Request) (string, error) {
	tlp, _ := policy.ParseTLP(r.Value("tlp"))
	out, err := s.Give(r.Context(), r.Viewer, r.PostFormValue("objects"), tlp, marking.Parties(r.Value("audience")))
	if fault.Is(err, fault.Invalid) {
		form := web.FormOf(r)
		if form.Require(fields()...); form.Err() == nil {
			form.Wrong("audience", fault.TextOf(err))
		}
		v, verr := s.view(r, form, nil)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	if err != nil {
		return "", err
	}
	for _, o := range out {
		if o.Err != nil { // what was pasted stays, with an answer for each
			v, verr := s.view(r, web.FormOf(r), out)
			if verr != nil {
				return "", verr
			}
			return "", web.Again(v, fault.New(fault.Invalid, i18n.T("not all was taken",
				"一部を受け付けられませんでした")))
		}
	}
	r.Flash(i18n.T("{0} {0:object was|objects were} taken under your pseudonym.",
		"{0} 件を仮名で受け付けました。").With(len(out)))
	return "/pseudonym", nil
}

func (s *Service) withdrawAction(r *web.Request) (string, error) {
	if err := s.Withdraw(r.Context(), r.Viewer, r.Value("object")); err != nil {
		return "", err
	}
	r.Flash(i18n.T("Withdrawn. All who have it are told.", "取り下げました。受け取った全員に通知されます。"))
	return "/pseudonym", nil
}

// api adds giving and withdrawing for programs.
func (s *Service) api(a *api.API) {
	type pseudonymIn struct {
		Body struct {
			Objects  string   `json:"objects" maxLength:"4000000" doc:"STIX 2.1: a bundle, an object or a list, as text | STIX 2.1 の文字列"`
			TLP      string   `json:"tlp" enum:"clear,green,amber,amber+strict"`
			Audience []string `json:"audience,omitempty" maxItems:"50" nullable:"false"`
		}
	}
	type pseudonymOutcome struct {
		Was    string `json:"was,omitempty" doc:"the id that was given | 提供時の ID"`
		ID     string `json:"id,omitempty" doc:"the id here; empty if refused | 登録後の ID"`
		Reason string `json:"reason,omitempty"`
	}
	type pseudonymOut struct {
		Body struct {
			Outcomes []pseudonymOutcome `json:"outcomes" nullable:"false"`
		}
	}
	api.Register(a, api.Op{ID: "give-pseudonymously", Method: http.MethodPost, Path: "/api/v1/pseudonym/objects",
		Tag: "objects", Need: policy.RoleAnalyst, MaxBody: 5 << 20,
		Summary: i18n.T("Give objects under your organisation's pseudonym", "仮名でオブジェクトを登録")},
		func(ctx context.Context, in *pseudonymIn) (*pseudonymOut, error) {
			tlp, _ := policy.ParseTLP(in.Body.TLP)
			list, err := s.Give(ctx, api.Viewer(ctx), in.Body.Objects, tlp, in.Body.Audience)
			out := &pseudonymOut{}
			out.Body.Outcomes = []pseudonymOutcome{}
			for _, o := range list {
				line := pseudonymOutcome{Was: o.Was, ID: o.ID}
				if o.Err != nil {
					line.Reason = reason.Of(o.Err).In(api.Lang(ctx))
				}
				out.Body.Outcomes = append(out.Body.Outcomes, line)
			}
			return out, err
		})
}
