package release

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/web"
)

// audienceOffers are the audiences that a node knows by name. Who the other members
// are is the hub's to tell.
func (c PageConfig) audienceOffers() []web.Option {
	var groups map[string]string
	if c.Groups != nil {
		groups = c.Groups()
	}
	return marking.Offers(groups)
}

// sharingData is the dot of sharing/form.
type sharingData struct {
	Policy    Policy
	Form      *web.Form
	Presets   []preset
	Findings  []web.Field
	Offers    []web.Field
	Sightings []web.Field
	Now       []i18n.Text // the policy in force, in plain words
}

type preset struct {
	Name  string
	Title i18n.Text
	Text  i18n.Text
	On    bool
}

func (c PageConfig) sharing(r *web.Request) (*web.View, error) {
	return c.sharingView(c.Outgoing.Policy(), nil), nil
}

func (c PageConfig) sharingView(rules Policy, form *web.Form) *web.View {
	d := sharingData{Policy: rules, Form: form, Now: policyWords(c.Outgoing.Policy()), Presets: []preset{
		{
			Name: "cautious", Title: i18n.T("Cautious", "慎重"),
			Text: i18n.T(
				"The hub learns that a rule matched, never on which machine. What others would match waits for a "+
					"person.",
				"ルールが一致したことだけをハブに伝え、機器名は伏せる。ほかへの提供は人が判断。",
			),
		},
		{
			Name: "open", Title: i18n.T("Open", "積極"),
			Text: i18n.T(
				"Everything technical leaves by itself, with details. Fastest immunity for all.",
				"技術情報は詳細を含めて自動送信。全体の免疫が最も速く広がる。",
			),
		},
		{
			Name: "manual", Title: i18n.T("Manual", "手動"),
			Text: i18n.T(
				"A person decides about everything, except that this node is armed and has searched its past.",
				"防御と遡及調査を済ませたという通知を除き、すべて人が判断。",
			),
		},
	}}
	for i, p := range d.Presets {
		if same, err := Preset(p.Name); err == nil {
			d.Presets[i].On = equal(same, c.Outgoing.Policy())
		}
	}
	modes := func(on Mode) []web.Option {
		return []web.Option{
			{Value: string(Auto), Text: i18n.T("leaves by itself", "自動で送る"), On: on == Auto},
			{Value: string(Ask), Text: i18n.T("waits for a person", "人が判断する"), On: on == Ask},
			{Value: string(Never), Text: i18n.T("stays here", "送らない"), On: on == Never},
		}
	}
	levelOptions := func(on string) []web.Option {
		var out []web.Option
		for _, l := range levels {
			out = append(out, web.Option{Value: l, Text: web.LevelText(l), On: l == on})
		}
		return out
	}
	details := ""
	if rules.Details {
		details = "yes"
	}
	if form != nil { // a box that was not ticked is not sent
		details = form.Get("details")
	}
	d.Findings = []web.Field{
		{
			Name: "findings", Kind: "radio",
			Label:   i18n.T("That a rule matched, when and how often", "ルールが一致したこと、その時刻と回数"),
			Options: modes(rules.Findings), Value: string(rules.Findings), Required: true,
		},
		{Name: "details", Kind: "check", Label: i18n.T(
			"with machine, account and matched values", "機器名・アカウント・一致した値も含める",
		), Value: details,
			Help: i18n.T(
				"Without it, machines leave as pseudonyms that only this node can resolve.",
				"含めない場合、機器はこのノードだけが元に戻せる仮名で送られます。",
			)},
		{
			Name: "finding_level", Kind: "select",
			Label:   i18n.T("Only findings of this level or above", "送る検知の下限（重要度）"),
			Options: levelOptions(rules.FindingLevel), Value: rules.FindingLevel,
		},
		{
			Name: "finding_tlp", Kind: "select",
			Label:   i18n.T("Whom the hub may show them to", "ハブが示してよい範囲"),
			Options: marking.TLPOptions(policy.Clear, rules.FindingTLP), Value: rules.FindingTLP.Slug(),
		},
	}
	d.Offers = []web.Field{
		{Name: "candidates", Kind: "radio", Label: i18n.T(
			"Values and behaviours for others to look for", "ほかの構成員が探すための値や振る舞い",
		), Options: modes(rules.Candidates), Value: string(rules.Candidates), Required: true,
			Help: i18n.T(
				"Others never learn that they came from you.",
				"提供元が自組織であることは、ほかの構成員には示されません。",
			)},
		{
			Name: "candidate_level", Kind: "select",
			Label:   i18n.T("Only out of findings of this level or above", "元になる検知の下限（重要度）"),
			Options: levelOptions(rules.CandidateLevel), Value: rules.CandidateLevel,
		},
		{
			Name: "candidate_tlp", Kind: "select", Label: i18n.T("Marking", "取扱区分"),
			Options: marking.TLPOptions(policy.Clear, rules.CandidateTLP), Value: rules.CandidateTLP.Slug(),
		},
		{Name: "audience", Kind: "text", Label: i18n.T(
			"Who may get them", "受信者",
		), Value: strings.Join(rules.Audience, " "), Mono: true, Max: 5000, Auto: "off", Offers: c.audienceOffers(),
			Help: i18n.T(
				"community for all members; or sector:power, group:ID, member:ID, hub, with spaces between. It binds "+
					"with TLP:AMBER and TLP:AMBER+STRICT.",
				"全構成員なら community。限定するなら sector:power、group:番号、member:番号、hub を空白区切りで。TLP:AMBER と TLP:AMBER+STRICT で有効。",
			)},
	}
	d.Sightings = []web.Field{
		{
			Name: "sightings", Kind: "radio",
			Label:   i18n.T("That a shared indicator was seen here", "共有指標が自組織で観測されたこと"),
			Options: modes(rules.Sightings), Value: string(rules.Sightings), Required: true,
		},
	}
	return &web.View{Template: "sharing/form", Title: i18n.T("Sharing policy", "共有方針"), Nav: "settings", Data: d,
		Back: &web.Link{Text: i18n.T("Settings", "設定"), Path: "/settings"}, Lede: i18n.T(
			"What leaves this node by itself, what waits for a person, and what stays",
			"自動で送るもの、人が判断するもの、送らないもの",
		)}
}

// policyWords say a policy in sentences.
func policyWords(r Policy) []i18n.Text {
	mode := func(w Mode) i18n.Text {
		switch w {
		case Auto:
			return i18n.T("leave by themselves", "自動で送る")
		case Ask:
			return i18n.T("wait for a person", "人が判断する")
		}
		return i18n.T("stay here", "送らない")
	}
	out := []i18n.Text{}
	if r.Findings == Auto || r.Findings == Ask {
		out = append(
			out,
			i18n.T(
				"Findings of level {0} and above {1}: {2}.", "重要度「{0}」以上の検知：{1}。示してよい範囲は{2}。",
			).With(web.LevelText(r.FindingLevel), mode(r.Findings), web.TLPText(r.FindingTLP)),
		)
		if r.Details {
			out = append(
				out,
				i18n.T("They name machine, account and matched values.", "機器名・アカウント・一致した値を含む。"),
			)
		} else {
			out = append(out, i18n.T("They name no machine and no account.", "機器名・アカウントは含まない。"))
		}
	} else {
		out = append(out, i18n.T("Findings stay here.", "検知：送らない。"))
	}
	if r.Candidates == Auto || r.Candidates == Ask {
		out = append(
			out,
			i18n.T(
				"Values and behaviours of findings of level {0} and above {1}: {2}.",
				"重要度「{0}」以上の検知から得た値と振る舞い：{1}。受信者は{2}。",
			).With(
				web.LevelText(r.CandidateLevel), mode(r.Candidates),
				marking.Reach(policy.Handling{TLP: r.CandidateTLP, Audience: r.Audience}),
			),
		)
	} else {
		out = append(
			out,
			i18n.T(
				"Values and behaviours stay here; others are not armed by what hits us.",
				"値と振る舞い：送らない。自組織への攻撃から、ほかの構成員は防御を得られない。",
			),
		)
	}
	out = append(out, i18n.T("Sightings {0}.", "観測報告：{0}。").With(mode(r.Sightings)))
	if r.Sightings != Auto {
		return append(
			out,
			i18n.T(
				"That this node is armed and has searched its past always leaves, without what it found.",
				"防御と遡及調査を済ませた通知：常に送る（調査の結果は含めない）。",
			),
		)
	}
	return append(
		out,
		i18n.T(
			"That this node is armed and has searched its past always leaves, with how many events matched.",
			"防御と遡及調査を済ませた通知：一致した事象の件数とともに常に送る。",
		),
	)
}

func (c PageConfig) setSharing(r *web.Request) (string, error) {
	if name := r.PostFormValue("preset"); name != "" {
		rules, err := Preset(name)
		if err == nil {
			err = c.Outgoing.SetPolicy(r.Context(), rules)
		}
		if err != nil {
			return "", err
		}
		c.changed()
		r.Flash(
			i18n.T(
				"The policy is changed, for what is offered from now on.",
				"共有方針を変更しました。これから発生するものに適用されます。",
			),
		)
		return "/settings/sharing", nil
	}
	form := web.FormOf(r)
	rules, err := rulesOf(form)
	if err != nil {
		return "", web.Again(c.sharingView(rules, form), err)
	}
	if err := c.Outgoing.SetPolicy(r.Context(), rules); err != nil {
		return "", err
	}
	c.changed()
	r.Flash(
		i18n.T(
			"The policy is changed, for what is offered from now on.",
			"共有方針を変更しました。これから発生するものに適用されます。",
		),
	)
	return "/settings/sharing", nil
}

// rulesOf reads a policy out of its form; what is wrong is noted at its field.
func rulesOf(f *web.Form) (Policy, error) {
	var r Policy
	choose := i18n.T("choose one of these", "いずれかを選んでください")
	mode := func(name string) Mode {
		w := Mode(f.Get(name))
		if w != Auto && w != Ask && w != Never {
			f.Wrong(name, choose)
			return Never
		}
		return w
	}
	level := func(name string) string {
		l := f.Get(name)
		if !slices.Contains(levels, l) {
			f.Wrong(name, choose)
			return "critical"
		}
		return l
	}
	label := func(name string) policy.TLP {
		t, ok := policy.ParseTLP(f.Get(name))
		if !ok {
			f.Wrong(name, choose)
		}
		return t
	}
	r.Findings, r.Candidates, r.Sightings = mode("findings"), mode("candidates"), mode("sightings")
	r.FindingLevel, r.CandidateLevel = level("finding_level"), level("candidate_level")
	r.FindingTLP, r.CandidateTLP = label("finding_tlp"), label("candidate_tlp")
	r.Details = f.Get("details") == "yes"
	r.Audience = append(r.Audience, marking.Parties(f.Get("audience"))...)
	if err := f.Err(); err != nil {
		return r, err
	}
	if err := r.Validate(); err != nil {
		text, hint := fault.TextOf(err), fault.HintOf(err) // the only field that is typed
		if !hint.Zero() {
			text = i18n.T("{0}; {1}", "{0}。{1}").With(text, hint)
		}
		f.Wrong("audience", text)
		return r, f.Err()
	}
	return r, nil
}
