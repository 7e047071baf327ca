package rulehealth

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
	"github.com/meneki/meneki/sigma"
)

// ruleData is the dot of rulehealth/one.
type ruleData struct {
	Panels
	Facts  []web.Fact
	Tags   []web.Badge
	Cost   []web.Fact
	Source string
}

// Panels is what the pages of rules and of correlations have in common.
type Panels struct {
	ID        string
	Hits      svg.Picture
	Community []web.Fact
	Marks     []alarmLine
	Form      *web.Form
	Reason    web.Field
	Held      bool
	HeldWhy   []web.Fact // why, since when
	Loaded    bool
	days      []HitDay
	line      line // its id is "" if the rule is not in the list
	spent     time.Duration
}

// State is whether the rule is in service.
func (p Panels) State() web.Badge { return stateBadge(p.line) }

// alarmLine is a report with what can be done about it.
type alarmLine struct {
	FalseAlarm
	Stands bool
	Undo   string
	Path   string // of its finding
}

func alarmLines(marks []FalseAlarm) (out []alarmLine) {
	for _, m := range marks {
		x := alarmLine{FalseAlarm: m, Stands: m.Active(), Undo: web.Path("/false-marks/{0}/undo", m.ID)}
		if m.Finding != "" {
			x.Path = web.Path("/findings/{0}", m.Finding)
		}
		out = append(out, x)
	}
	return out
}

func reasonField() web.Field {
	return web.Field{Name: "reason", Kind: "textarea", Rows: 3, Max: maxReason, Required: true, Label: i18n.T(
		"Why was it no attack?", "攻撃ではないと判断した理由",
	),
		Help: i18n.T(
			"The reason stays here. If your policy lets rule counts leave, others learn only that some members marked "+
				"the rule.",
			"理由は組織の外に出ません。方針で集計の送信を認めた場合も、何組織が誤検知としたかだけが伝わります。",
		)}
}

func (c PageConfig) rule(r *web.Request) (*web.View, error) {
	return c.view(r, r.PathValue("id"), nil)
}

// view is the page of one rule or correlation.
func (c PageConfig) view(r *web.Request, id string, form *web.Form) (*web.View, error) {
	if c.Correlation != nil {
		if v, err := c.Correlation(r, id, form); v != nil || err != nil {
			return v, err
		}
	}
	return c.ruleView(r, id, form)
}

// Panels reads what the pages of rules and of correlations have in common.
func (c PageConfig) Panels(tx *store.Tx, id string, form *web.Form) (p Panels, err error) {
	all, spent, err := c.lines(tx)
	if err != nil {
		return p, err
	}
	var line line
	for _, l := range all {
		if l.id == id {
			line = l
		}
	}
	alarms, err := FalseAlarms(tx, id, "")
	if err != nil {
		return p, err
	}
	days, err := HitDays(tx, id)
	p = Panels{
		ID:     id,
		Form:   form,
		Reason: reasonField(),
		Held:   line.quarantine.Active(),
		Loaded: line.loaded,
		Hits: hitPicture(
			days, pool.Day(c.Clock()),
		),
		Community: communityFacts(line),
		Marks:     alarmLines(alarms),
		days:      days,
		line:      line,
		spent:     spent,
	}
	if p.Held {
		p.HeldWhy = heldFacts(line.quarantine)
	}
	return p, err
}

// ReleaseStep is what is to be done about a rule in quarantine.
func ReleaseStep(id string) web.Next {
	return web.Next{
		Text: i18n.T("Release the rule", "隔離を解除する"), Path: web.Path("/rules/{0}/release", id), Post: true,
		Note: i18n.T("it then makes findings again", "解除すると、再び検知が作られます"),
	}
}

// ruleView is the page of one rule.
func (c PageConfig) ruleView(r *web.Request, id string, form *web.Form) (*web.View, error) {
	var d ruleData
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		d.Panels, err = c.Panels(tx, id, form)
		if err == nil && d.line.id == "" && len(d.Marks) == 0 {
			err = noRule(id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	line := d.line
	line.id, line.title = id, cmp.Or(line.title, id)
	badge := stateBadge(line)
	v := &web.View{
		Template: "rulehealth/one",
		Title:    i18n.Same(web.Defang(line.title)),
		Nav:      "rules",
		State:    &badge,
		Live:     []string{"rules"},
		Lede:     web.Level(line.level),
		Back:     &web.Link{Text: i18n.T("Rule health", "ルールの健全性"), Path: "/rules/health"},
		Tools: []web.Link{
			{
				Text: i18n.T("Its findings", "このルールの検知"), Path: "/findings?rule=" + url.QueryEscape(id),
				Icon: "findings",
			},
		},
	}
	if rule := c.Health.Engine.Rule(id); rule != nil {
		d.Facts, d.Source = ruleWords(rule), string(rule.Source)
		if c.Health.Engine.Rules().Silent(rule) {
			d.Facts = append(
				d.Facts,
				web.Fact{
					Name: i18n.T("Makes findings", "検知の作成"), Value: false,
					Note: i18n.T("Only correlation rules use its matches.", "一致は相関ルールだけが使います。"),
				},
			)
		}
		for _, t := range rule.Tags {
			d.Tags = append(d.Tags, attack.Badge(t))
		}
	}
	if d.Held {
		v.Next = append(v.Next, ReleaseStep(id))
	}
	d.Cost = costFacts(line.cost, d.spent)
	v.Data, v.CSV = d, hitTable(d.days)
	return v, nil
}

func ruleWords(r *sigma.Rule) []web.Fact {
	return []web.Fact{
		{Name: i18n.T("Id", "番号"), Value: web.Mono(r.Key())},
		{Name: i18n.T("Author", "作者"), Value: r.Author},
		{Name: i18n.T("Licence", "ライセンス"), Value: r.License},
		{Name: i18n.T("Log source", "対象"), Value: r.LogSource.String()},
		{
			Name:  i18n.T("File", "ファイル"),
			Value: web.Mono(fmt.Sprintf("%s:%d", path.Base(strings.ReplaceAll(r.Path, "\\", "/")), r.Line)),
		},
		{Name: i18n.T("Expected false alarms", "想定される誤検知"), Value: strings.Join(r.FalsePositives, "; ")},
	}
}

func heldFacts(h Quarantine) []web.Fact {
	out := []web.Fact{{Name: i18n.T("Since", "開始"), Value: h.At}}
	switch h.Why {
	case WhyFlood:
		out = append(out, web.Fact{Name: i18n.T("Why", "理由"), Value: i18n.T(
			"It hit {0} {0:time|times} within an hour; {1} are allowed.", "1時間に {0} 件検知（上限 {1} 件）。",
		).With(h.Measured, h.Limit),
			Note: i18n.T(
				"It is still evaluated and its hits are counted, but they make no findings. Findings from before stay.",
				"照合と計数は続きますが、検知は作られません。以前の検知は残ります。",
			)})
	case WhyCost:
		out = append(out, web.Fact{Name: i18n.T("Why", "理由"), Value: i18n.T(
			"It took {0} for one event on average; {1} are allowed.", "1事象あたり平均 {0}（上限 {1}）。",
		).With(micros(time.Duration(h.Measured)), micros(time.Duration(h.Limit))),
			Note: i18n.T(
				"It is not evaluated: what it would find is not found by it.",
				"照合を止めています。このルールによる検知は行われません。",
			)})
	default:
		out = append(out, web.Fact{Name: i18n.T("Why", "理由"), Value: i18n.T(
			"{0} put it here.", "{0} さんが隔離しました。",
		).With(cmp.Or(h.By, "—")),
			Note: i18n.T("Its hits are counted, but they make no findings.", "計数は続きますが、検知は作られません。")})
	}
	return out
}

func costFacts(w Cost, all time.Duration) []web.Fact {
	if w.Events == 0 {
		return []web.Fact{
			{
				Name: i18n.T("Mean for one event", "1事象あたりの平均"), Value: nil,
				Note: i18n.T(
					"not measured yet: no event of its log source has passed",
					"未測定：対象の事象がまだ通過していません",
				),
			},
		}
	}
	return []web.Fact{
		{Name: i18n.T("Mean for one event", "1事象あたりの平均"), Value: micros(w.Each())},
		{Name: i18n.T("Share of all rules", "全ルールに占める割合"), Value: share(w.Spent, all)},
		{
			Name: i18n.T("Measured on", "測定に使った事象"), Value: w.Events,
			Note: i18n.T(
				"events that passed; {0} held one of its words and had to be decided",
				"通過した事象。うち {0} 件はルールの語を含み、判定を要した",
			).With(w.Evaluations),
		},
	}
}

func communityFacts(l line) []web.Fact {
	if l.found.Members == 0 && l.falseBy.Members == 0 && l.typical.Members == 0 {
		return nil
	}
	since := func(f wire.PooledFigure) i18n.Text {
		return i18n.T("figure of {0}", "{0} の集計").With(pool.DayStart(f.Day).Format(time.DateOnly))
	}
	var out []web.Fact
	if l.found.Members > 0 {
		out = append(
			out,
			web.Fact{
				Name:  i18n.T("Found something at", "検知のあった組織"),
				Value: i18n.T("{0} {0:member|members}", "{0} 組織").With(l.found.Members), Note: since(l.found),
			},
		)
	}
	if l.falseBy.Members > 0 {
		out = append(
			out,
			web.Fact{
				Name:  i18n.T("Marked as false alarm by", "誤検知とした組織"),
				Value: i18n.T("{0} {0:member|members}", "{0} 組織").With(l.falseBy.Members), Note: since(l.falseBy),
			},
		)
	}
	if l.typical.Members > 0 {
		out = append(
			out,
			web.Fact{
				Name:  i18n.T("Typical hits in 30 days", "標準的な検知数（30日）"),
				Value: i18n.T("{0} or more", "{0} 件以上").With(l.typical.Typical), Note: since(l.typical),
			},
		)
	}
	return out
}

// hitPicture shows the hits of 90 days, or nothing where there were none.
func hitPicture(days []HitDay, today int64) svg.Picture {
	if len(days) == 0 {
		return nil
	}
	c := svg.Columns{Unit: i18n.T("hits a day (UTC)", "1日あたりの検知数（UTC）"), Open: true}
	live, past, muted := make([]float64, hitDays), make([]float64, hitDays), make([]float64, hitDays)
	total := int64(0)
	for i := range int64(hitDays) {
		c.Buckets = append(c.Buckets, i18n.Same(pool.DayStart(today-hitDays+1+i).Format("01-02")))
	}
	for _, d := range days {
		if i := d.Day - today + hitDays - 1; i >= 0 && i < hitDays {
			live[i], past[i], muted[i] = float64(d.Live), float64(d.Retro), float64(d.Muted)
			total += d.Live + d.Retro + d.Muted
		}
	}
	c.Text = i18n.T("{0} {0:hit|hits} in 90 days", "90日間に {0} 件の検知").With(total)
	c.Series = []svg.Series{{Name: i18n.T("live", "即時"), Values: live}}
	if slices.Max(past) > 0 {
		c.Series = append(c.Series, svg.Series{Name: i18n.T("in the past", "過去の痕跡"), Values: past})
	}
	if slices.Max(muted) > 0 {
		c.Series = append(c.Series, svg.Series{Name: i18n.T("in quarantine", "隔離中"), Values: muted})
	}
	return c
}

func hitTable(days []HitDay) *web.Table {
	t := &web.Table{Name: i18n.T("Hits by day", "日別の検知数"), Columns: []web.Column{{
		Key: "day", Text: i18n.T("Day (UTC)", "日（UTC）"),
	}, {
		Key: "live", Text: i18n.T("Live", "即時"), Number: true,
	},
		{
			Key: "retro", Text: i18n.T("In the past", "過去の痕跡"), Number: true,
		}, {Key: "muted", Text: i18n.T("In quarantine", "隔離中"), Number: true}}}
	for _, d := range days {
		t.Rows = append(t.Rows, []any{pool.DayStart(d.Day).Format(time.DateOnly), d.Live, d.Retro, d.Muted})
	}
	return t
}

func (c PageConfig) reportRule(r *web.Request) (string, error) {
	id := r.PathValue("id")
	if _, err := c.Health.ReportFalseAlarm(r.Context(), r.Viewer, id, "", r.Value("reason")); err != nil {
		return "", c.again(err, r, func(f *web.Form) (*web.View, error) { return c.view(r, id, f) })
	}
	r.Flash(
		i18n.T(
			"Marked as a false alarm. You can withdraw it below.",
			"誤検知として記録しました。下の一覧から取り消せます。",
		),
	)
	return web.Path("/rules/{0}", id), nil
}

// again shows the form once more if the reason was at fault.
func (c PageConfig) again(err error, r *web.Request, view func(*web.Form) (*web.View, error)) error {
	if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
		return err
	}
	f := web.FormOf(r)
	f.Wrong("reason", fault.TextOf(err))
	v, verr := view(f)
	if verr != nil {
		return verr
	}
	return web.Again(v, err)
}

func (c PageConfig) quarantine(r *web.Request) (string, error) {
	id := r.PathValue("id")
	err := c.Health.Quarantine(r.Context(), id, r.Viewer.Name)
	if err == nil {
		r.Flash(
			i18n.T(
				"The rule is in quarantine. It makes no findings until somebody releases it.",
				"ルールを隔離しました。解除されるまで検知は作られません。",
			),
		)
	}
	return web.Path("/rules/{0}", id), err
}

func (c PageConfig) release(r *web.Request) (string, error) {
	id := r.PathValue("id")
	err := c.Health.Release(r.Context(), id, r.Viewer.Name)
	if err == nil {
		r.Flash(
			i18n.T(
				"The rule is in service again. It is left alone for a day, whatever it does.",
				"隔離を解除しました。今後1日は自動で隔離されません。",
			),
		)
	}
	return web.Path("/rules/{0}", id), err
}

func (c PageConfig) undo(r *web.Request) (string, error) {
	err := c.Health.WithdrawFalseAlarm(r.Context(), r.Viewer, r.PathValue("id"))
	if err == nil {
		r.Flash(i18n.T("The report is withdrawn.", "誤検知の記録を取り消しました。"))
	}
	return "", err
}

// falseData is the dot of rulehealth/false.
type falseData struct {
	Action string
	Form   *web.Form
	Reason web.Field
	Marks  []alarmLine
	Stands bool
	Rule   web.Link
}

func (c PageConfig) finding(r *web.Request) (*web.View, error) {
	return c.findingView(r, r.PathValue("id"), nil)
}

func (c PageConfig) findingView(r *web.Request, id string, form *web.Form) (*web.View, error) {
	var it finding.Item
	var marks []FalseAlarm
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if it, err = finding.Get(tx, id); err != nil {
			return err
		}
		marks, err = FalseAlarms(tx, "", id)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := falseData{
		Action: web.Path("/findings/{0}/false", id), Form: form, Reason: reasonField(),
		Rule: web.Link{
			Text: web.Defang(cmp.Or(it.Rule.Title, it.Rule.ID)), Path: web.Path("/rules/{0}", it.Rule.ID),
			Icon: "rules",
		},
	}
	if it.Rule.ID == it.Indicator { // a value that the community shared
		d.Rule = web.Link{
			Text: web.Defang(cmp.Or(it.Rule.Title, it.Rule.ID)), Path: web.Path("/indicators/{0}", it.Indicator),
			Icon: "indicators",
		}
	}
	for _, m := range marks {
		d.Marks = append(
			d.Marks, alarmLine{FalseAlarm: m, Stands: m.Active(), Undo: web.Path("/false-marks/{0}/undo", m.ID)},
		)
		d.Stands = d.Stands || m.Active()
	}
	return &web.View{Template: "rulehealth/false", Title: i18n.T(
		"A false alarm?", "誤検知として記録",
	), Nav: "findings", Handling: &it.Handling, Data: d, Lede: web.Defang(
		cmp.Or(it.Rule.Title, it.Rule.ID),
	),
		Back: &web.Link{Text: i18n.T("The finding", "検知"), Path: web.Path("/findings/{0}", id)}}, nil
}

func (c PageConfig) reportFinding(r *web.Request) (string, error) {
	id := r.PathValue("id")
	if _, err := c.Health.ReportFalseAlarm(r.Context(), r.Viewer, "", id, r.Value("reason")); err != nil {
		return "", c.again(err, r, func(f *web.Form) (*web.View, error) { return c.findingView(r, id, f) })
	}
	r.Flash(
		i18n.T(
			"Marked as a false alarm. You can withdraw it below.",
			"誤検知として記録しました。下の一覧から取り消せます。",
		),
	)
	return web.Path("/findings/{0}/false", id), nil
}
