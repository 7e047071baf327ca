package contribution

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
)

// CreditAccountOut is what a member has earned.
type CreditAccountOut struct {
	Member    string          `json:"member"`
	Points    float64         `json:"points"`
	Kept      float64         `json:"points_undisclosed,omitempty" doc:"of points: by three or more members that do not say what they saw | うち、観測を開示しない3組織以上によるもの"`
	Tier      string          `json:"tier"`
	Given     int             `json:"given"`
	Confirmed int             `json:"confirmed"`
	Mistakes  int             `json:"false_positives"`
	Gave      []CreditGaveOut `json:"gave" nullable:"false" doc:"what earned or cost most first; at most 500 | 点数の大きい順、最大500件"`
}

// CreditGaveOut is what became of one thing that was given.
type CreditGaveOut struct {
	Object string    `json:"object" doc:"STIX id | STIX 番号"`
	At     time.Time `json:"given"`
	Got    int       `json:"got" doc:"members that have answered for it | 受信を確認した組織数"`
	Armed  int       `json:"armed" doc:"members that match it now | 防御済みの組織数"`
	Seen   int       `json:"seen" doc:"members that saw it, as far as the caller may know | 観測した組織数（閲覧できる範囲）"`
	Points float64   `json:"points"`
	Kind   string    `json:"kind" enum:"confirmed,unconfirmed,later,harmless,mistaken,correction"`
	Reason string    `json:"reason"`
	TLP    string    `json:"tlp"`
}

const maxGave = 500

func (a Account) out() CreditAccountOut {
	o := CreditAccountOut{Member: a.Member, Points: a.Points.Float(), Kept: a.Kept.Float(), Tier: a.Tier.Name,
		Given:     a.Given,
		Confirmed: a.Confirmed, Mistakes: a.Mistakes, Gave: []CreditGaveOut{}}
	for _, g := range a.Gave {
		o.Gave = append(o.Gave, CreditGaveOut{Object: g.Object, At: g.At, Got: g.Got, Armed: g.Armed, Seen: g.Seen,
			Points: g.Line.Points.Float(), Kind: string(g.Line.Kind), Reason: g.Line.Reason().EN,
			TLP: g.Handling.TLP.String()})
	}
	return o
}

// CreditStandingOut is one member in the list of all.
type CreditStandingOut struct {
	Member    string  `json:"member"`
	Points    float64 `json:"points"`
	Tier      string  `json:"tier"`
	Given     int     `json:"given"`
	Confirmed int     `json:"confirmed"`
	Mistakes  int     `json:"false_positives"`
}

type everybodyIn struct {
	api.Paging
	Q    string `query:"q" maxLength:"200" doc:"text in the name | 名前に含まれる文字列"`
	Sort string `query:"sort" maxLength:"20" doc:"points (the default), member, given, confirmed or mistakes; - in front reverses it | points（既定）・member・given・confirmed・mistakes。先頭に - を付けると逆順"`
}

type (
	creditAccountIn struct {
		Member string `path:"member" maxLength:"100" doc:"id, or me for one's own | 番号。自組織は me"`
	}
	creditAccountOut struct{ Body CreditAccountOut }
	everybodyOut     struct{ Body api.Page[CreditStandingOut] }
	creditRulesOut   struct{ Body credit.Rules }
	creditRulesIn    struct{ Body credit.Rules }
	reportFalseIn    struct {
		Body struct {
			Object string `json:"object" maxLength:"200" doc:"STIX id | STIX 番号"`
			Reason string `json:"reason" maxLength:"4000"`
		}
	}
	reportFalseOut struct {
		Body struct {
			ID string `json:"id"`
		}
	}
	decideFalseIn struct {
		ID   string `path:"id" maxLength:"100"`
		Body struct {
			State string `json:"state" enum:"upheld,declined,open,undone" doc:"undone: by who reported it | undone は報告した組織"`
		}
	}
)

// api adds the operations on contributions.
func (c pages) api(a *api.API) {
	api.Register(a, api.Op{ID: "get-contribution", Method: http.MethodGet,
		Path: "/api/v1/contribution/members/{member}",
		Tag:  "contribution", Need: policy.RoleReader, Errors: []fault.Kind{fault.NotFound},
		Summary: i18n.T("What a member gave, and what it earned by that", "構成員が提供した情報とその点数"),
		Description: i18n.T("Members get their own; the hub's people get any.",
			"構成員は自組織のみ、ハブの担当者は全構成員を取得できます。")},
		func(ctx context.Context, in *creditAccountIn) (*creditAccountOut, error) {
			v := api.Viewer(ctx)
			if in.Member == "me" {
				in.Member = v.Member
			}
			if in.Member == "" || !v.Hub && in.Member != v.Member || !c.belongs(ctx, in.Member) {
				return nil, noMember()
			}
			account, err := c.Account(ctx, v, in.Member)
			if err != nil {
				return nil, err
			}
			account.Gave = account.Gave[:min(len(account.Gave), maxGave)]
			if err := c.reach(ctx, v, account.Gave); err != nil {
				return nil, err
			}
			return &creditAccountOut{account.out()}, nil
		})
	api.Register(a, api.Op{ID: "list-contributions", Method: http.MethodGet, Path: "/api/v1/contribution/members",
		Tag: "contribution", Need: policy.RoleReader,
		Summary: i18n.T("All members with what they earned", "全構成員の点数"),
		Description: i18n.T("For the hub's people; for others it is empty.",
			"ハブの担当者向け。それ以外には空の一覧を返します。")},
		func(ctx context.Context, in *everybodyIn) (*everybodyOut, error) {
			all, err := c.Everybody(ctx, api.Viewer(ctx))
			if err != nil {
				return nil, err
			}
			p, err := everybodyList(func(id string) string { return c.Members.Name(ctx, id) }).Of(all,
				list.Ask{Values: map[string]string{"q": in.Q}, Sort: in.Sort, After: in.After, Limit: in.Limit,
					Strict: true})
			return &everybodyOut{list.Body(p, func(s Standing) CreditStandingOut {
				return CreditStandingOut{s.Member, s.Points.Float(), s.Tier.Name, s.Given, s.Confirmed, s.Mistakes}
			})}, err
		})
	api.Register(a, api.Op{ID: "get-contribution-rules", Method: http.MethodGet, Path: "/api/v1/contribution/rules",
		Tag: "contribution", Need: policy.RoleReader,
		Summary: i18n.T("The rules for credit in force", "適用中の貢献度の規則")},
		func(ctx context.Context, _ *struct{}) (*creditRulesOut, error) {
			r, _, err := c.Current(ctx)
			return &creditRulesOut{r}, err
		})
	api.Register(a, api.Op{ID: "set-contribution-rules", Method: http.MethodPut, Path: "/api/v1/contribution/rules",
		Tag: "contribution", Need: policy.RoleCoordinator,
		Summary: i18n.T("Adopt rules for credit", "貢献度の規則を採用")},
		func(ctx context.Context, in *creditRulesIn) (*struct{}, error) {
			return nil, c.SetRules(ctx, api.Viewer(ctx), in.Body)
		})
	api.Register(a, api.Op{ID: "report-false-positive", Method: http.MethodPost, Path: "/api/v1/contribution/marks",
		Tag: "contribution", Need: policy.RoleAnalyst, Errors: []fault.Kind{fault.NotFound, fault.Conflict},
		Summary: i18n.T("Report that an object is a false positive", "オブジェクトを誤検知として報告")},
		func(ctx context.Context, in *reportFalseIn) (*reportFalseOut, error) {
			m, err := c.Report(ctx, api.Viewer(ctx), in.Body.Object, in.Body.Reason)
			out := &reportFalseOut{}
			out.Body.ID = m.ID
			return out, err
		})
	api.Register(a, api.Op{ID: "decide-false-positive", Method: http.MethodPost,
		Path: "/api/v1/contribution/marks/{id}",
		Tag:  "contribution", Need: policy.RoleAnalyst, Errors: []fault.Kind{fault.NotFound, fault.Conflict},
		Summary: i18n.T("Uphold, decline, reopen or take back a report", "報告の確認、却下、再開、取り消し")},
		func(ctx context.Context, in *decideFalseIn) (*struct{}, error) {
			return nil, c.Decide(ctx, api.Viewer(ctx), in.ID, MarkState(in.Body.State))
		})
}

func (c pages) belongs(ctx context.Context, member string) bool {
	list, err := c.Members.Active(ctx)
	for _, m := range list {
		if err == nil && m.ID == member {
			return true
		}
	}
	return false
}
