package rulehealth

import (
	"bytes"
	"encoding/json"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// countsData is the dot of rulehealth/counts.
type countsData struct {
	Field  web.Field
	Form   *web.Form
	Facts  []web.Fact
	Leaves bool // a person may send now
	JSON   string
}

func modeText(w Mode) i18n.Text {
	switch w {
	case ModeAuto:
		return i18n.T("leave by themselves, every hour", "毎時、自動で送る")
	case ModeAsk:
		return i18n.T("leave when a person sends them", "人が確認して送る")
	}
	return i18n.T("stay here", "送らない")
}

// counts shows what the member sends about its rules, before it is sent.
func (c PageConfig) counts(r *web.Request) (*web.View, error) { return c.countsView(r, nil) }

func (c PageConfig) countsView(r *web.Request, form *web.Form) (*web.View, error) {
	way, err := c.Health.Mode(r.Context())
	if err != nil {
		return nil, err
	}
	rep, err := c.Health.Report(r.Context())
	if err != nil {
		return nil, err
	}
	d := countsData{
		Form: form, Leaves: way != ModeNever && c.Health.Realm == event.Live, JSON: pretty(rep),
		Facts: countFacts(rep, way),
	}
	d.Field = web.Field{
		Name: "way", Kind: "radio", Label: i18n.T("Rule counts", "ルールの集計"), Required: true, Value: string(way),
	}
	for _, w := range []Mode{ModeNever, ModeAsk, ModeAuto} {
		d.Field.Options = append(d.Field.Options, web.Option{Value: string(w), Text: modeText(w), On: w == way})
	}
	mood := web.Badge{Text: modeText(way), Mood: web.Dim}
	if way != ModeNever {
		mood.Mood = web.Info
	}
	return &web.View{
		Template: "rulehealth/counts",
		Title:    i18n.T("Rule counts", "ルールの集計"),
		Nav:      "settings",
		Data:     d,
		State:    &mood,
		Handling: &policy.Handling{
			TLP: policy.Red, Owner: c.Health.Member(),
		},
		Back: &web.Link{Text: i18n.T("Settings", "設定"), Path: "/settings"},
		Lede: i18n.T(
			"Whether the community learns, without your name, how rules do here",
			"ルールの効き具合を、組織名を伏せて共同体に役立てるかどうか",
		),
	}, nil
}

func countFacts(r wire.RuleHealth, way Mode) []web.Fact {
	hit, falses := 0, 0
	for _, x := range r.Rules {
		hit += flag(x.Hits > 0)
		falses += flag(x.False)
	}
	return []web.Fact{
		{Name: i18n.T("Now", "現在の方針"), Value: modeText(way)},
		{
			Name: i18n.T("Rules that hit in 30 days", "30日間に検知のあったルール"), Value: hit,
			Note: i18n.T(
				"each with its hits rounded down to 1, 2, 5, 10, 20, 50 …",
				"検知数は 1、2、5、10、20、50… に切り下げて伝えます",
			),
		},
		{
			Name: i18n.T("Rules marked as false alarms", "誤検知としたルール"), Value: falses,
			Note: i18n.T(
				"that they are marked; no reason, no name, no finding",
				"誤検知とした事実のみ。理由・氏名・検知は含みません",
			),
		},
		{
			Name: i18n.T("Techniques with rules", "ルールのある手法"), Value: len(r.Techniques),
			Note: i18n.T(
				"each with the number of rules, rounded down likewise", "ルールの数も同様に切り下げて伝えます",
			),
		},
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// pretty is the message as it is sent, with line breaks.
func pretty(r wire.RuleHealth) string {
	b, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return string(b)
	}
	return out.String()
}

func (c PageConfig) setCounts(r *web.Request) (string, error) {
	if err := c.Health.SetMode(r.Context(), Mode(r.Value("way"))); err != nil {
		if !fault.Is(err, fault.Invalid) {
			return "", err
		}
		f := web.FormOf(r)
		f.Wrong("way", i18n.T("choose one of these", "いずれかを選んでください"))
		v, verr := c.countsView(r, f)
		if verr != nil {
			return "", verr
		}
		return "", web.Again(v, err)
	}
	r.Flash(
		i18n.T(
			"The policy is changed. What the hub had is forgotten there if counts stay here from now on.",
			"方針を変更しました。「送らない」とした場合、ハブに送った集計の削除も依頼します。",
		),
	)
	return "/settings/rule-counts", nil
}

func (c PageConfig) send(r *web.Request) (string, error) {
	err := c.Health.Send(r.Context())
	if err == nil {
		r.Flash(
			i18n.T("The counts are on their way to the hub, exactly as shown.", "表示どおりの集計をハブへ送ります。"),
		)
	}
	return "/settings/rule-counts", err
}
