package casework

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

// CaseBody is a case as programs see it: as much of it as the caller may know.
type CaseBody struct {
	Number   string    `json:"number" doc:"its number | 事案番号"`
	Title    string    `json:"title" doc:"for an organisation in the case, the title of its own first finding | 当事者には自組織の最初の検知の件名"`
	State    string    `json:"state" enum:"open,contained,closed"`
	Severity *int      `json:"severity,omitempty" doc:"0 to 4, most likely; absent before it was assessed | 最も可能性の高い深刻度 0〜4。評価前はなし"`
	Lowest   *int      `json:"lowest,omitempty" doc:"least it can be | 下限"`
	Highest  *int      `json:"highest,omitempty" doc:"most it can be | 上限"`
	Level    string    `json:"level,omitempty" doc:"highest level of a rule in it | 一致したルールの最高の重要度"`
	Sectors  []string  `json:"sectors,omitempty" nullable:"false" doc:"for the hub's people | ハブの担当者のみ"`
	Members  int       `json:"members,omitempty" doc:"for the hub's people | ハブの担当者のみ"`
	Findings int       `json:"findings" doc:"as many as you may see | 閲覧できる検知の数"`
	TLP      string    `json:"tlp"`
	Realm    string    `json:"realm"`
	Opened   time.Time `json:"opened" doc:"for an organisation in the case, when its own part began | 当事者には自組織の最初の検知の時刻"`
	Updated  time.Time `json:"updated"`
}

// CaseDetail is a case with its parts and its timeline.
type CaseDetail struct {
	CaseBody
	Ask     string      `json:"ask,omitempty" doc:"what to find out about next | 次に確認すること"`
	Parts   []PartBody  `json:"parts" nullable:"false"`
	Entries []EntryBody `json:"entries" nullable:"false" doc:"oldest first | 古い順"`
}

// PartBody is a finding in a case.
type PartBody struct {
	Finding string    `json:"finding"`
	Member  string    `json:"member"`
	Title   string    `json:"title"`
	Level   string    `json:"level"`
	Rule    string    `json:"rule"`
	Host    string    `json:"host,omitempty"`
	Count   int       `json:"count"`
	Retro   bool      `json:"retro"`
	TLP     string    `json:"tlp"`
	At      time.Time `json:"at"`
}

// EntryBody is one line of a timeline.
type EntryBody struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"`
	Member string    `json:"member,omitempty"`
	By     string    `json:"by,omitempty"`
	Text   string    `json:"text"`
	TLP    string    `json:"tlp"`
}

func (c Case) body() CaseBody {
	b := CaseBody{Number: c.Number, Title: c.Title, State: string(c.State), Level: c.Level, Sectors: c.Sectors,
		Members: c.Members, Findings: c.Findings, TLP: c.Handling.TLP.String(), Realm: c.Realm, Opened: c.Opened,
		Updated: c.Updated}
	if c.Severity >= 0 {
		b.Severity, b.Lowest, b.Highest = &c.Severity, &c.Lowest, &c.Highest
	}
	return b
}

// unchanged returns what programs read: they get exact values.
func unchanged(s string) string { return s }

func (f file) detail(l i18n.Lang) CaseDetail {
	d := CaseDetail{CaseBody: f.body(), Ask: f.panels.Ask().In(l), Parts: []PartBody{}, Entries: []EntryBody{}}
	for _, p := range f.parts {
		d.Parts = append(d.Parts, PartBody{p.Finding, p.Member, p.Title, p.Level, p.Rule, p.Host, p.Count, p.Retro,
			p.Handling.TLP.String(), p.At})
	}
	for _, e := range f.entries {
		d.Entries = append(d.Entries, EntryBody{e.At, e.Kind, e.Member, e.By, e.Text(unchanged).In(l),
			e.Handling.TLP.String()})
	}
	return d
}

// API adds the cases' operations.
func (c *PageConfig) API(a *api.API) {
	type listIn struct {
		api.Paging
		State  string `query:"state" enum:"active,open,contained,closed" doc:"active is all but closed; absent: all | active は終結以外。省略時はすべて"`
		Q      string `query:"q" maxLength:"200" doc:"text in number, title or rule | 番号・件名・ルールに含まれる文字列"`
		Sort   string `query:"sort" maxLength:"20" doc:"severity (the default for the hub's people), updated, findings or members; for an organisation since or severity; - in front reverses it | severity（ハブの担当者の既定）・updated・findings・members、組織は since・severity。先頭に - を付けると逆順"`
		Sector string `query:"sector" maxLength:"40" doc:"slug of a sector; for the hub's people | 分野の識別子。ハブの担当者のみ"`
	}
	type listOut struct{ Body api.Page[CaseBody] }
	api.Register(a, api.Op{ID: "list-cases", Method: http.MethodGet, Path: "/api/v1/cases", Tag: "cases",
		Need: policy.RoleReader, Summary: i18n.T("List cases", "事案の一覧")},
		func(ctx context.Context, in *listIn) (*listOut, error) {
			ask := list.Ask{Values: map[string]string{"q": in.Q, "state": cmp.Or(in.State, every), "sector": in.Sector},
				Sort: in.Sort, After: in.After, Limit: in.Limit, Strict: true}
			var p list.Page[Case]
			err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
				p, err = List(tx, ask)
				return err
			})
			if err != nil {
				return nil, err
			}
			return &listOut{list.Body(p, Case.body)}, nil
		})
	type One struct { // exported, or the fields of an embedded one are not seen
		Number string `path:"number" maxLength:"60" doc:"the case's number | 事案番号"`
	}
	type detailOut struct{ Body CaseDetail }
	api.Register(a, api.Op{ID: "get-case", Method: http.MethodGet, Path: "/api/v1/cases/{number}", Tag: "cases",
		Need: policy.RoleReader, Summary: i18n.T("One case with its findings and timeline", "事案の詳細（検知・経過）"),
		Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *One) (*detailOut, error) {
			f, err := c.load(ctx, api.Viewer(ctx), in.Number, nil)
			if err != nil {
				return nil, err
			}
			return &detailOut{f.detail(api.Lang(ctx))}, nil
		})
	type noteIn struct {
		One
		Body struct {
			Text string `json:"text" minLength:"1" maxLength:"20000"`
			For  string `json:"for,omitempty" enum:"hub,parties" default:"hub" doc:"who may read it beside the writer's organisation | 記録者の組織以外の閲覧範囲"`
		}
	}
	api.Register(a, api.Op{ID: "add-case-note", Method: http.MethodPost, Path: "/api/v1/cases/{number}/notes",
		Tag: "cases", Need: policy.RoleReader, Status: http.StatusNoContent, Summary: i18n.T("Add a note to a case",
			"事案に記録を追加"), Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *noteIn) (*struct{}, error) {
			return nil, c.note(ctx, api.Viewer(ctx), in.Number, in.Body.Text, in.Body.For == "parties")
		})
	type stateIn struct {
		One
		Body struct {
			State string `json:"state" enum:"open,contained,closed"`
		}
	}
	api.Register(a, api.Op{ID: "set-case-state", Method: http.MethodPost, Path: "/api/v1/cases/{number}/state",
		Tag: "cases", Need: policy.RoleAnalyst, Status: http.StatusNoContent,
		Summary: i18n.T("Change the state of a case", "事案の状態を変更"), Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *stateIn) (*struct{}, error) {
			return nil, c.move(ctx, api.Viewer(ctx), in.Number, State(in.Body.State))
		})
}
