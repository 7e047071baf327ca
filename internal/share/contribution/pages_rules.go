package contribution

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/credit"
	"github.com/meneki/meneki/internal/share/credit/simulate"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// rulesData is the dot of contribution/rules.
type rulesData struct {
	Facts    []web.Fact
	Tiers    web.List
	Decides  bool
	Form     *web.Form
	Field    web.Field
	Preview  *svg.Lines // what the rules of the form do
	Outcome  svg.Table
	Adopted  bool // rules were adopted; else they are the default
	Previews bool
}

// SetRules adopts rules; it is for the hub's coordinators.
func (s *Service) SetRules(ctx context.Context, v policy.Viewer, r credit.Rules) error {
	if !v.Hub || !identity.AtLeast(v.Role, policy.RoleCoordinator) {
		return fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
	}
	if err := r.Validate(); err != nil {
		return err
	}
	return s.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		tx.AfterCommitOnce(s, s.Notify)
		return setSetting(tx, settingRules, r.YAML())
	})
}

// Current returns the rules in force, and whether they were adopted or are the default.
func (s *Service) Current(ctx context.Context) (r credit.Rules, adopted bool, err error) {
	err = s.DB.Read(ctx, store.System("the community's rules"), func(tx *store.Tx) error {
		text, err := setting(tx, settingRules)
		if err != nil {
			return err
		}
		adopted = text != ""
		r, err = Rules(tx)
		return err
	})
	return r, adopted, err
}

// rules is the page of the rules in force; form is one that was sent and is shown again.
func (c pages) rules(r *web.Request, form *web.Form) (*web.View, error) {
	now, adopted, err := c.Current(r.Context())
	if err != nil {
		return nil, err
	}
	d := rulesData{Facts: ruleFacts(now), Tiers: tierList(now), Adopted: adopted, Form: form,
		Decides: r.Viewer.Hub && identity.AtLeast(r.Viewer.Role, policy.RoleCoordinator),
		Field: web.Field{Name: "rules", Label: i18n.T("Rules as YAML", "規則（YAML）"), Kind: "textarea", Rows: 26,
			Mono:     true,
			Required: true, Value: now.YAML(),
			Help: i18n.T("The same form as for meneki share simulate. What is left out is as in meneki's own rules.",
				"meneki share simulate と同じ形式です。省略した項目は meneki の既定になります。")}}
	h := policy.Handling{TLP: policy.Green}
	v := &web.View{Template: "contribution/rules", Title: i18n.T("Rules for credit", "貢献度の規則"), Nav: "contribution",
		Lede: i18n.T("What earns points, what costs them, and what they buy. Indicators and whatever is urgent go "+
			"to everyone at "+
			"once, whatever the rules say.",
			"加点・減点の条件と、階層ごとの特典。指標と緊急の情報は、規則によらず全員に直ちに届きます。"),
		Handling: &h, Tabs: tabs("/contribution/rules")}
	if draft, err := c.draft(r.Context()); err != nil {
		return nil, err
	} else if d.Decides && form == nil && draft != "" && r.Value("preview") != "" {
		d.Field.Value = draft
		if err := preview(r.Context(), draft, &d); err != nil {
			return nil, err
		}
	}
	v.Data = &d
	return v, nil
}

// previewTime bounds how long a preview is played.
const previewTime = 10 * time.Second

// settingDraft holds rules that were previewed and not adopted.
const settingDraft = "contribution.draft"

func (s *Service) draft(ctx context.Context) (string, error) {
	text, _, err := s.DB.Setting(ctx, settingDraft)
	return text, err
}

// preview plays a year under a draft of rules.
func preview(ctx context.Context, draft string, d *rulesData) error {
	rules, err := credit.Parse([]byte(draft))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	scenario := simulate.Default()
	// Anchors and groups are the community's own, of whom nobody is in the invented one.
	scenario.Rules, scenario.Rules.Anchors, scenario.Rules.Groups = rules, nil, nil
	o, err := simulate.Run(ctx, scenario)
	if err != nil {
		return err
	}
	picture := o.Picture()
	d.Preview, d.Outcome, d.Previews = &picture, o.Table(), true
	return nil
}

// setRules previews what was typed, or adopts it.
func (c pages) setRules(r *web.Request) (string, error) {
	form := web.FormOf(r)
	form.Require(web.Field{Name: "rules", Required: true})
	rules, err := credit.Parse([]byte(form.Get("rules")))
	if err == nil {
		err = form.Err()
	}
	do := strings.TrimSpace(r.PostFormValue("do"))
	if !r.Viewer.Hub {
		return "", fault.New(fault.Denied, i18n.T("the hub's coordinators do this", "この操作はハブの調整担当者が行います"))
	}
	if err == nil && do == "adopt" {
		if err = c.SetRules(r.Context(), r.Viewer, rules); err == nil {
			r.Flash(i18n.T("Adopted. All members see these rules.", "採用しました。この規則は全構成員に公開されます。"))
			return "/contribution/rules", nil
		}
	}
	if err == nil && do != "adopt" {
		if err = c.DB.SetSetting(r.Context(), settingDraft, rules.YAML()); err == nil {
			return "/contribution/rules?preview=1#preview", nil
		}
	}
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
		return "", err
	}
	form.Wrong("rules", fault.TextOf(err))
	v, e := c.rules(r, form)
	if e != nil {
		return "", e
	}
	return "", web.Again(v, err)
}

func ruleFacts(r credit.Rules) []web.Fact {
	share := func(f float64) string { return simulate.Decimal(f*100) + " %" }
	who := any(i18n.T("the {0} members that joined first", "最初に参加した {0} 構成員").With(r.Founders))
	if len(r.Anchors) > 0 {
		who = i18n.T("{0} {0:member|members} that the community named", "共同体が指名した {0} 構成員").With(len(r.Anchors))
	}
	return []web.Fact{
		{Name: i18n.T("Confirmed by", "必要な確認"), Value: i18n.T("at least {0} independent members", "独立した {0} 構成員以上").
			With(r.Quorum)},
		{Name: i18n.T("Seen in the past only", "過去の痕跡のみ"), Value: share(r.Late)},
		{Name: i18n.T("The same member again", "同じ組織による反復"), Value: share(r.Repeat),
			Note: i18n.T("of the time before", "前回に対して")},
		{Name: i18n.T("A false positive costs", "誤検知の減点"), Value: simulate.Decimal(r.Mistake)},
		{Name: i18n.T("Finding one earns", "誤検知の指摘"), Value: simulate.Decimal(r.Correction)},
		{Name: i18n.T("Counts half after", "半減期"), Value: i18n.T("{0} days", "{0} 日").With(r.HalfLifeDays)},
		{Name: i18n.T("Word counts in full", "確認の重みが満点"), Value: who},
		{Name: i18n.T("Others' counts half from", "その他の重みが半分になる点数"), Value: simulate.Decimal(r.Proven)},
	}
}

func tierList(r credit.Rules) web.List {
	l := web.List{ID: "tiers", Caption: i18n.T("What credit buys", "階層ごとの特典"), Dense: true, Columns: []web.ListColumn{
		{Key: "tier", Text: i18n.T("Tier", "階層"), Role: web.RoleMain},
		{Key: "points", Text: i18n.T("From points", "必要な点数"), Role: web.RoleNum},
		{Key: "queries", Text: i18n.T("Standing queries", "常設の条件"), Role: web.RoleNum},
		{Key: "depth", Text: i18n.T("Related objects", "関連情報"), Role: web.RoleNum},
		{Key: "delay", Text: i18n.T("Related objects after", "関連情報の遅れ"), Role: web.RoleNum},
	}}
	for _, t := range r.Tiers {
		delay := i18n.T("{0} h", "{0} 時間").With(t.Delay)
		if t.Delay == 0 {
			delay = i18n.T("at once", "即時")
		}
		l.Rows = append(l.Rows, web.Row{Key: t.Name, Cells: []any{t.Text(), simulate.Decimal(t.Points), t.Queries,
			t.Depth,
			delay}})
	}
	return l
}
