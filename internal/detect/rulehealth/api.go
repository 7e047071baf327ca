package rulehealth

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
	"github.com/meneki/meneki/internal/wire"
)

// RuleOut is a rule with what it finds and costs, as programs get it.
type RuleOut struct {
	ID         string  `json:"id"`
	Title      string  `json:"title"`
	Level      string  `json:"level,omitempty"`
	Loaded     bool    `json:"loaded"`
	Quarantine string  `json:"quarantine,omitempty" doc:"flood, cost or person, while it is in quarantine | 隔離中の場合、その理由（flood、cost、person）"`
	Live       int64   `json:"live" doc:"hits in 30 days | 30日間の検知数"`
	Retro      int64   `json:"retro" doc:"hits by hunts in 30 days | 30日間の遡及調査による検知数"`
	Muted      int64   `json:"muted" doc:"hits in quarantine in 30 days | 30日間の隔離中の検知数"`
	False      int64   `json:"false" doc:"false alarms that were reported and not withdrawn | 有効な誤検知の記録"`
	Nanos      int64   `json:"nanoseconds" doc:"mean time for one event; 0: not measured | 1事象あたりの平均時間。0 は未測定"`
	Share      float64 `json:"share" doc:"of the time of all rules, 0 to 1 | 全ルールの所要時間に占める割合"`
	Found      int     `json:"found_members" doc:"members at which it hit; 0: not disclosed | 検知のあった組織数。0 は非開示"`
	FalseBy    int     `json:"false_members" doc:"members that marked it; 0: not disclosed | 誤検知とした組織数。0 は非開示"`
	Typical    int     `json:"typical_hits" doc:"typical hits of a member in 30 days; 0: not disclosed | 30日間の標準的な検知数。0 は非開示"`
}

type rulesIn struct {
	api.Paging
	Show string `query:"show" enum:"held,false,hit,quiet"`
	Q    string `query:"q" maxLength:"200" doc:"text in title or id | 題名・番号に含まれる文字列"`
	Sort string `query:"sort" maxLength:"20" doc:"id (the default), state, hits, false, cost, level, rule or community; - in front reverses it | id（既定）・state・hits・false・cost・level・rule・community。先頭に - を付けると逆順"`
}
type rulesOut struct{ Body api.Page[RuleOut] }
type ruleIn struct {
	ID string `path:"id" maxLength:"200"`
}
type falseIn struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"stays at this node | このノードの外に出ない"`
	}
}

// FalseAlarmOut is a report of a false alarm.
type FalseAlarmOut struct {
	ID       string    `json:"id"`
	Rule     string    `json:"rule"`
	Finding  string    `json:"finding,omitempty"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Undone   time.Time `json:"undone,omitzero"`
	UndoneBy string    `json:"undone_by,omitempty"`
}

func alarmOut(m FalseAlarm) FalseAlarmOut {
	return FalseAlarmOut(m)
}

type alarmBody struct{ Body FalseAlarmOut }
type alarmsBody struct {
	Body struct {
		Items []FalseAlarmOut `json:"items" nullable:"false"`
	}
}

// CountsOut is the member's policy on rule counts, and what would leave now.
type CountsOut struct {
	Way   string          `json:"way" enum:"never,ask,auto"`
	Would wire.RuleHealth `json:"would" doc:"exactly what would be sent now | いま送られる内容そのもの"`
}
type countsBody struct{ Body CountsOut }
type modeIn struct {
	Body struct {
		Way string `json:"way" enum:"never,ask,auto"`
	}
}

// API adds the operations of rule health at a node.
func API(a *api.API, c PageConfig) {
	api.Register(
		a,
		api.Op{ID: "list-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tag: "rules", Need: policy.RoleReader,
			Summary: i18n.T("Rules with what they find and cost", "ルールの一覧（検知数と負荷を含む）")},
		c.apiRules,
	)
	api.Register(
		a,
		api.Op{
			ID:      "list-rule-marks",
			Method:  http.MethodGet,
			Path:    "/api/v1/rules/{id}/false",
			Tag:     "rules",
			Need:    policy.RoleReader,
			Summary: i18n.T("Reports of a rule as false alarm", "ルールの誤検知の記録"),
		},
		func(ctx context.Context, in *ruleIn) (*alarmsBody, error) {
			out := &alarmsBody{}
			err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
				alarms, err := FalseAlarms(tx, in.ID, "")
				out.Body.Items = make([]FalseAlarmOut, 0, len(alarms))
				for _, m := range alarms {
					out.Body.Items = append(out.Body.Items, alarmOut(m))
				}
				return err
			})
			return out, err
		},
	)
	mark := func(id, path string, summary i18n.Text, split func(in *falseIn) (rule, finding string)) {
		api.Register(a, api.Op{
			ID: id, Method: http.MethodPost, Path: path, Tag: "rules", Need: policy.RoleAnalyst, Summary: summary,
			Errors: []fault.Kind{fault.NotFound, fault.Conflict},
		},
			func(ctx context.Context, in *falseIn) (*alarmBody, error) {
				rule, finding := split(in)
				m, err := c.Health.ReportFalseAlarm(ctx, api.Viewer(ctx), rule, finding, in.Body.Reason)
				if err != nil {
					return nil, err
				}
				return &alarmBody{alarmOut(m)}, nil
			})
	}
	mark(
		"mark-rule-false", "/api/v1/rules/{id}/false",
		i18n.T("Mark a rule as a false alarm", "ルールを誤検知として記録"),
		func(in *falseIn) (string, string) { return in.ID, "" },
	)
	mark(
		"mark-finding-false", "/api/v1/findings/{id}/false",
		i18n.T("Mark a finding as a false alarm", "検知を誤検知として記録"),
		func(in *falseIn) (string, string) { return "", in.ID },
	)
	act := func(id, path string, summary i18n.Text, do func(ctx context.Context, v policy.Viewer, id string) error) {
		api.Register(a, api.Op{
			ID: id, Method: http.MethodPost, Path: path, Tag: "rules", Need: policy.RoleAnalyst, Summary: summary,
			Errors: []fault.Kind{fault.NotFound},
		},
			func(ctx context.Context, in *ruleIn) (*struct{}, error) {
				return nil, do(ctx, api.Viewer(ctx), in.ID)
			})
	}
	act(
		"undo-false-mark", "/api/v1/false-marks/{id}/undo",
		i18n.T("Withdraw a report of a false alarm", "誤検知の記録を取り消す"), c.Health.WithdrawFalseAlarm,
	)
	act("quarantine-rule", "/api/v1/rules/{id}/quarantine", i18n.T("Put a rule in quarantine", "ルールを隔離する"),
		func(ctx context.Context, v policy.Viewer, id string) error {
			return c.Health.Quarantine(ctx, id, v.Name)
		})
	act("release-rule", "/api/v1/rules/{id}/release", i18n.T(
		"Release a rule from quarantine", "ルールの隔離を解除する",
	),
		func(ctx context.Context, v policy.Viewer, id string) error { return c.Health.Release(ctx, id, v.Name) })
	c.countsAPI(a)
}

func (c PageConfig) countsAPI(a *api.API) {
	read := func(ctx context.Context) (*countsBody, error) {
		way, err := c.Health.Mode(ctx)
		if err != nil {
			return nil, err
		}
		r, err := c.Health.Report(ctx)
		return &countsBody{CountsOut{string(way), r}}, err
	}
	api.Register(
		a,
		api.Op{
			ID:     "get-rule-counts",
			Method: http.MethodGet,
			Path:   "/api/v1/rule-counts",
			Tag:    "sharing",
			Need:   policy.RoleReader,
			Summary: i18n.T(
				"The policy on rule counts, and what would be sent now", "ルールの集計の方針と、いま送られる内容",
			),
		},
		func(ctx context.Context, _ *struct{}) (*countsBody, error) { return read(ctx) },
	)
	api.Register(
		a,
		api.Op{
			ID:      "set-rule-counts",
			Method:  http.MethodPut,
			Path:    "/api/v1/rule-counts",
			Tag:     "sharing",
			Need:    policy.RoleAdmin,
			Summary: i18n.T("Replace the policy on rule counts", "ルールの集計の方針の変更"),
		},
		func(ctx context.Context, in *modeIn) (*countsBody, error) {
			if err := c.Health.SetMode(ctx, Mode(in.Body.Way)); err != nil {
				return nil, err
			}
			return read(ctx)
		},
	)
	api.Register(
		a,
		api.Op{
			ID:      "send-rule-counts",
			Method:  http.MethodPost,
			Path:    "/api/v1/rule-counts/send",
			Tag:     "sharing",
			Need:    policy.RoleAnalyst,
			Summary: i18n.T("Send the counts to the hub now", "集計をいまハブに送る"),
			Errors:  []fault.Kind{fault.Denied},
		},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, c.Health.Send(ctx) },
	)
}

func (c PageConfig) apiRules(ctx context.Context, in *rulesIn) (*rulesOut, error) {
	var all []line
	var spent time.Duration
	err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
		all, spent, err = c.lines(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := listing(spent).Of(all, list.Ask{Values: map[string]string{"q": in.Q, "show": in.Show},
		Sort: cmp.Or(in.Sort, "id"), After: in.After, Limit: in.Limit, Strict: true})
	if err != nil {
		return nil, err
	}
	return &rulesOut{list.Body(p, func(l line) RuleOut { return l.body(spent) })}, nil
}

// body is the line as programs get it; spent is what all rules cost.
func (l line) body(spent time.Duration) RuleOut {
	o := RuleOut{ID: l.id, Title: l.title, Level: l.level, Loaded: l.loaded,
		Live: l.hits.Live, Retro: l.hits.Retro, Muted: l.hits.Muted, False: l.falseAlarms,
		Nanos: l.cost.Each().Nanoseconds(),
		Found: l.found.Members, FalseBy: l.falseBy.Members, Typical: l.typical.Typical}
	if l.quarantine.Active() {
		o.Quarantine = l.quarantine.Why
	}
	if spent > 0 {
		o.Share = float64(l.cost.Spent) / float64(spent)
	}
	return o
}
