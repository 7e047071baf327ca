package relevance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// pages is the pages and the API of what matters to a reader's organisation.
type pages struct {
	*Service
	site *web.Site // has the tabs of other capabilities; set by addTo
}

// Path returns the page of an item.
func (it Item) Path() string {
	if it.Type == "indicator" {
		return web.Path("/indicators/{0}", it.ID)
	}
	return web.Path("/objects/{0}", it.ID)
}

// name is what an item is called on a page.
func (it Item) name() any {
	if it.Value != "" && it.Title == it.Value {
		return web.Title(it.Value)
	}
	return it.Title
}

// typeText is what an item is.
func (it Item) typeText() i18n.Text {
	if it.Type == "indicator" && it.Kind != "" {
		return web.KindText(it.Kind)
	}
	return web.KindText(it.Type)
}

// periods are those that a reader may choose.
var periods = []struct {
	value string
	days  int
	text  i18n.Text
}{
	{"7", 7, i18n.T("of the last 7 days", "過去 7 日間")}, {"1", 1, i18n.T("of the last day", "過去 1 日間")},
	{"30", 30, i18n.T("of the last 30 days", "過去 30 日間")}, {"365", 365, i18n.T("of the last year", "過去 1 年間")},
}

func daysOf(v string) int {
	for _, p := range periods {
		if p.value == v {
			return p.days
		}
	}
	return periods[0].days
}

func listing(tied bool) list.Spec[Rated] {
	term := func(desc bool, of func(Rated) any) list.Term[Rated] { return list.Term[Rated]{Of: of, Desc: desc} }
	points := term(true, func(r Rated) any { return r.Points })
	added := term(true, func(r Rated) any { return r.Added })
	var days, least []list.Option
	for _, p := range periods {
		days = append(days, list.Option{Value: p.value, Text: p.text})
	}
	least = []list.Option{{Value: "1", Text: i18n.T("only what a reason speaks for", "理由のあるもののみ")},
		{Value: "0", Text: i18n.T("everything", "すべて")}}
	s := list.Spec[Rated]{
		Key: []list.Term[Rated]{term(false, func(r Rated) any { return r.ID })},
		Sorts: []list.Sort[Rated]{
			{Name: "score", Text: i18n.T("what matters most first", "関連の強い順"),
				Back: i18n.T("what matters least first", "関連の弱い順"), By: []list.Term[Rated]{points, added}},
			{Name: "added", Text: i18n.T("newest first", "新しい順"), Back: i18n.T("oldest first", "古い順"),
				By: []list.Term[Rated]{added}},
		},
		Filters: []list.Filter[Rated]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Title or value", "題名・値"),
				Match: func(r Rated, typed string) bool { return list.Holds(r.Title+"\n"+r.Value, typed) }},
			{Name: "days", Text: i18n.T("Period", "期間"), Options: days, Missing: "7",
				Match: func(Rated, string) bool { return true }},
			{Name: "least", Text: i18n.T("Which", "対象"), Options: least, Missing: "1",
				Match: func(Rated, string) bool { return true }},
		},
		Name: "foryou", Path: "/foryou", Caption: i18n.T("For you", "自組織向け"),
		All: i18n.T("what matters to your organisation", "自組織に関わるもの"),
		Columns: []list.Column[Rated]{
			{Key: "score", Text: i18n.T("Score", "スコア"), Role: web.RoleNum, Sort: "score",
				Cell: func(r Rated) any { return r.Points }},
			list.Data("id", i18n.T("STIX id", "STIX 番号"), func(r Rated) any { return r.ID }),
			{Key: "what", Text: i18n.T("What", "対象"), Role: web.RoleMain, Cell: func(r Rated) any {
				return web.Lines{r.name(), r.typeText()}
			}, Data: func(r Rated) any { return r.Title }},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark,
				Cell: func(r Rated) any { return r.Handling }},
			{Key: "why", Text: i18n.T("Why", "理由"), Role: web.RoleNote, Cell: why, Data: func(r Rated) any {
				return reasonsText(r.Reasons)
			}},
			{Key: "added", Text: i18n.T("Since", "受信"), Role: web.RoleTime, Sort: "added",
				Cell: func(r Rated) any { return web.Brief(r.Added) }, Data: func(r Rated) any { return r.Added }},
		},
		Row: func(r Rated) web.Row { return web.Row{Key: r.ID, Path: r.Path(), Hot: r.Urgent() && r.Points > 0} },
		Empty: &web.Empty{Icon: "inbox", Text: i18n.T("Nothing that matters to your organisation came in this time",
			"この期間に自組織に関わる情報はありません"),
			How: i18n.T("What matters is what your profile and your standing queries name.",
				"プロフィールと常設の条件に合うものがここに現れます。"),
			Do: &web.Link{Text: i18n.T("Edit the profile", "プロフィールを編集"), Path: "/foryou/profile"}},
		NoMatch: &web.Empty{Icon: "inbox", Text: i18n.T("Nothing matches this filter", "条件に合うものはありません"),
			How: i18n.T("Take a longer time, or look at everything.", "期間を延ばすか、対象を「すべて」にしてください。"),
			Do:  &web.Link{Text: i18n.T("Edit the profile", "プロフィールを編集"), Path: "/foryou/profile"}},
	}
	if !tied { // a node has pages of indicators only
		row := s.Row
		s.Row = func(r Rated) web.Row {
			out := row(r)
			if r.Type != "indicator" {
				out.Path = ""
			}
			return out
		}
		return s
	}
	s.Columns = append(s.Columns, list.Column[Rated]{Key: "related", Text: i18n.T("Related", "関連情報"),
		Role: web.RoleNote, ScreenOnly: true, Cell: related})
	return s
}

func why(r Rated) any {
	var out web.Run
	for _, x := range r.Reasons {
		out = append(out, x.Text)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func reasonsText(list []Reason) i18n.Text {
	var en, ja []string
	for _, x := range list {
		en, ja = append(en, x.Text.EN), append(ja, x.Text.JA)
	}
	return i18n.Text{EN: strings.Join(en, "; "), JA: strings.Join(ja, "、")}
}

func related(r Rated) any {
	var out web.Run
	for _, it := range r.Related {
		out = append(out, web.Link{Text: web.Defang(clip(it.Title)), Path: it.Path()})
	}
	if r.Later > 0 {
		out = append(out, i18n.T("{0} more later", "ほか {0} 件は後日").With(r.Later))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (c *pages) first(r *web.Request) (*web.View, error) {
	spec := listing(!c.Home)
	ask := spec.Ask(r)
	after := c.DB.Now().Add(-time.Duration(daysOf(ask.Values["days"])) * 24 * time.Hour)
	least := 1
	if ask.Values["least"] == "0" {
		least = 0
	}
	got, err := c.ForYou(r.Context(), r.Viewer, after, least)
	if err != nil {
		return nil, err
	}
	p, err := spec.Of(got.Rated, ask)
	if err != nil {
		return nil, err
	}
	if !c.Home && !r.Download() {
		if err := c.relate(r.Context(), r.Viewer, p.Rows); err != nil {
			return nil, err
		}
	}
	matter := 0
	for _, x := range got.Rated {
		if x.Points > 0 {
			matter++
		}
	}
	lede := i18n.T("{0} looked at, {1} matter to your organisation", "{0} 件のうち {1} 件が自組織に関連").With(got.Looked,
		matter)
	if got.More {
		lede = i18n.T("the newest {0} looked at, {1} matter to your organisation", "最新の {0} 件のうち {1} 件が自組織に関連").
			With(got.Looked, matter)
	}
	v := &web.View{Template: "relevance/list", Title: i18n.T("For you", "自組織向け"), Nav: "foryou", Lede: lede,
		Tabs: c.tabs(r, "/foryou"), Live: []string{"foryou", "indicators", "objects"}, Data: spec.View(r, p),
		CSV: spec.Table(p)}
	return v, nil
}

func (c *pages) tabs(r *web.Request, on string) []web.Tab {
	return append([]web.Tab{{Text: i18n.T("For you", "自組織向け"), Path: "/foryou", On: on == "/foryou"},
		{Text: i18n.T("Profile", "プロフィール"), Path: "/foryou/profile",
			On: on == "/foryou/profile"}}, c.site.Tabs(r.Viewer, "foryou", on)...)
}

// profileData is the dot of relevance/profile.
type profileData struct {
	Form    *web.Form
	Fields  []web.Field
	QForm   *web.Form
	QFields []web.Field
	Queries []Query
	Limit   int
	May     bool
	Home    bool
}

// lines splits what was typed, one a line or between commas.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r == '\n' || r == '\r' || r == ',' || r == '、' ||
			r == '，'
	})
}

func (c *pages) profile(r *web.Request, form, query *web.Form) (*web.View, error) {
	var p Profile
	d := profileData{Form: form, QForm: query, May: mayWrite(r.Viewer) == nil, Home: c.Home}
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		p, d.Queries, err = c.Profile(tx, r.Viewer)
		return err
	})
	if err != nil {
		return nil, err
	}
	tier, err := c.tier(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	d.Limit = tier.Queries
	sectors := []web.Option{{Text: i18n.T("none", "指定なし")}}
	for _, s := range identity.Sectors() {
		sectors = append(sectors, web.Option{Value: s.Slug, Text: s.Name, On: s.Slug == p.Sector})
	}
	words := func(name string, label i18n.Text, list []string, hint string) web.Field {
		return web.Field{Name: name, Label: label, Kind: "textarea", Rows: 3, Value: strings.Join(list, "\n"),
			Hint: hint}
	}
	d.Fields = []web.Field{
		{Name: "sector", Label: i18n.T("Sector", "分野"), Kind: "select", Options: sectors, Value: p.Sector},
		words("products", i18n.T("Products, one a line", "製品（1 行に 1 つ）"), p.Products, "FortiGate"),
		words("topics", i18n.T("Topics", "話題"), p.Topics, "ransomware"),
		words("countries", i18n.T("Countries", "国・地域"), p.Countries, "Japan"),
		words("techniques", i18n.T("Techniques of ATT&CK", "ATT&CK の技術"), p.Techniques, "T1566"),
		words("languages", i18n.T("Languages", "言語"), p.Languages, "ja"),
	}
	field := func(name string, label i18n.Text, hint string) web.Field {
		return web.Field{Name: name, Label: label, Max: maxWord, Hint: hint}
	}
	d.QFields = []web.Field{
		field("name", i18n.T("Name of the query", "条件の名前"), ""),
		field("text", i18n.T("Words in it", "含まれる語"), ""),
		field("value", i18n.T("Value", "値"), "198.51.100.7"),
		field("technique", i18n.T("Technique", "技術"), "T1059"),
		field("label", i18n.T("Label", "ラベル"), ""),
		field("type", i18n.T("STIX type", "STIX の型"), "malware"),
	}
	h := mine(r.Viewer.Member)
	lede := i18n.T("Only your organisation's people see this, not the hub's.", "閲覧できるのは自組織の利用者だけです。ハブの担当者にも見えません。")
	if r.Viewer.Hub {
		lede = i18n.T("Of the hub's people.", "ハブの担当者としての設定です。")
	}
	if c.Home {
		lede = i18n.T("This stays at your node: the hub does not know it.", "この内容はノードにだけ保存され、ハブには送られません。")
	}
	return &web.View{Template: "relevance/profile", Title: i18n.T("What matters to your organisation", "自組織の関心事"),
		Nav: "foryou", Lede: lede, Handling: &h, Tabs: c.tabs(r, "/foryou/profile"), Data: d}, nil
}

func (c *pages) setProfile(r *web.Request) (string, error) {
	form := web.FormOf(r)
	p := Profile{Sector: form.Get("sector"), Products: lines(form.Get("products")), Topics: lines(form.Get("topics")),
		Countries: lines(form.Get("countries")), Techniques: lines(form.Get("techniques")),
		Languages: lines(form.Get("languages"))}
	if err := c.SetProfile(r.Context(), r.Viewer, p); err != nil {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			return "", err
		}
		form.Wrong("products", fault.TextOf(err))
		v, e := c.profile(r, form, nil)
		if e != nil {
			return "", e
		}
		return "", web.Again(v, err)
	}
	r.Flash(i18n.T("Saved. The list is made by it at once.", "保存しました。一覧に直ちに反映されます。"))
	return "/foryou", nil
}

func (c *pages) addQuery(r *web.Request) (string, error) {
	form := web.FormOf(r)
	q := Query{Name: form.Get("name"), Type: form.Get("type"), Label: form.Get("label"), Text: form.Get("text"),
		Technique: form.Get("technique"), Value: form.Get("value")}
	if _, err := c.AddQuery(r.Context(), r.Viewer, q); err != nil {
		if fault.Is(err, fault.Denied) || fault.Is(err, fault.Internal) {
			return "", err
		}
		form.Wrong("text", fault.TextOf(err))
		v, e := c.profile(r, nil, form)
		if e != nil {
			return "", e
		}
		return "", web.Again(v, err)
	}
	r.Flash(i18n.T("Added.", "追加しました。"))
	return "/foryou/profile", nil
}

// panelData is the dot of relevance/panel.
type panelData struct {
	Score   Score
	Got     i18n.Text
	Profile bool // there is nothing in the profile that could speak for it
}

// panel is, on the page of an object, why the reader has it and why it stands where it stands.
func (c *pages) panel(ctx context.Context, about web.Subject) (web.Part, error) {
	var d panelData
	found := false
	v := about.Viewer
	err := c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		it, err := c.Source.One(tx, about.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		p, queries, err := c.Profile(tx, v)
		if err != nil {
			return err
		}
		found, d.Score, d.Got = true, p.Rate(it, queries), c.got(v, it.Handling)
		return nil
	})
	if err != nil || !found {
		return web.Part{}, err
	}
	return web.Part{Data: d}, nil
}

// got says why a viewer has something, of what concerns the viewer alone.
func (c *pages) got(v policy.Viewer, h policy.Handling) i18n.Text {
	switch {
	case v.Member != "" && h.Owner == v.Member:
		return i18n.T("Your organisation gave it.", "自組織が提供したものです。")
	case c.Home:
		return i18n.T("The hub sent it to your node: its marking lets your organisation have it.",
			"取扱区分により自組織が受信者に含まれるため、ハブから届きました。")
	case h.TLP == policy.Clear:
		return i18n.T("TLP:CLEAR: everybody may have it.", "TLP:CLEAR：公開できる情報です。")
	case h.TLP == policy.Green:
		return i18n.T("TLP:GREEN: every member of the community may have it.", "TLP:GREEN：共同体の全構成員が受信者です。")
	case v.Hub && !includesHub(h):
		return i18n.T("You are of the hub's people.", "ハブの担当者として閲覧しています。")
	}
	for _, t := range v.Tokens() {
		for _, a := range h.Audience {
			if a != t {
				continue
			}
			switch kind, name, _ := strings.Cut(t, ":"); kind {
			case policy.Community:
				return i18n.T("{0}, for the whole community.", "{0}：共同体全体が受信者です。").With(h.TLP)
			case "sector":
				return i18n.T("{0}, for your sector.", "{0}：自組織の分野が受信者です。").With(h.TLP)
			case "member":
				return i18n.T("{0}, for your organisation.", "{0}：自組織が受信者です。").With(h.TLP)
			case "user":
				return i18n.T("{0}, for you personally.", "{0}：あなた個人が受信者です。").With(h.TLP)
			case policy.Coordinators:
				return i18n.T("{0}, for the hub's coordinators.", "{0}：ハブの調整担当が受信者です。").With(h.TLP)
			default:
				_ = name
				return i18n.T("{0}, for a group that your organisation is in.", "{0}：自組織が属するグループが受信者です。").With(h.TLP)
			}
		}
	}
	return i18n.T("Its marking lets you have it.", "取扱区分により受信者に含まれています。")
}

func includesHub(h policy.Handling) bool {
	for _, t := range h.Audience {
		if t == policy.Coordinators {
			return true
		}
	}
	return false
}

// addTo adds /foryou and what belongs to it.
func (c *pages) addTo(site *web.Site) {
	c.site = site
	site.Templates(files)
	site.Page("/foryou", policy.RoleReader, c.first)
	site.Page("/foryou/profile", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		return c.profile(r, nil, nil)
	})
	site.Action("/foryou/profile", policy.RoleAnalyst, c.setProfile)
	site.Action("/foryou/queries", policy.RoleAnalyst, c.addQuery)
	site.Action("/foryou/queries/{id}/remove", policy.RoleAnalyst, func(r *web.Request) (string, error) {
		if err := c.RemoveQuery(r.Context(), r.Viewer, r.PathValue("id")); err != nil {
			return "", err
		}
		r.Flash(i18n.T("Removed.", "削除しました。"))
		return "/foryou/profile", nil
	})
}

// ForYouOut is an object with its score.
type ForYouOut struct {
	ID      string    `json:"id" doc:"STIX id | STIX 番号"`
	Type    string    `json:"type"`
	Title   string    `json:"title"`
	Score   int       `json:"score" doc:"0 to 100 | 0～100"`
	Reasons []string  `json:"reasons" nullable:"false"`
	TLP     string    `json:"tlp"`
	Added   time.Time `json:"added"`
}

type (
	forYouIn struct {
		api.Paging
		Days  int    `query:"days" minimum:"1" maximum:"365" default:"7" doc:"how far back | さかのぼる日数"`
		Least int    `query:"least" minimum:"0" maximum:"100" default:"1" doc:"least score | 最小のスコア"`
		Q     string `query:"q" maxLength:"200" doc:"text in title or value | 題名・値に含まれる文字列"`
		Sort  string `query:"sort" maxLength:"20" doc:"score (the default) or added; - in front reverses it | score（既定）・added。先頭に - を付けると逆順"`
	}
	forYouOut struct{ Body api.Page[ForYouOut] }
)

func (c *pages) api(a *api.API) {
	api.Register(a, api.Op{ID: "list-for-you", Method: http.MethodGet, Path: "/api/v1/foryou", Tag: "objects",
		Need: policy.RoleReader, Summary: i18n.T("What matters to the caller's organisation", "自組織に関わる情報の一覧")},
		func(ctx context.Context, in *forYouIn) (*forYouOut, error) {
			after := c.DB.Now().Add(-time.Duration(in.Days) * 24 * time.Hour)
			got, err := c.ForYou(ctx, api.Viewer(ctx), after, in.Least)
			if err != nil {
				return nil, err
			}
			p, err := listing(false).Of(got.Rated, list.Ask{Values: map[string]string{"q": in.Q}, Sort: in.Sort,
				After: in.After, Limit: in.Limit, Strict: true})
			return &forYouOut{list.Body(p, func(r Rated) ForYouOut {
				o := ForYouOut{ID: r.ID, Type: r.Type, Title: r.Title, Score: r.Points, TLP: fmt.Sprint(r.Handling.TLP),
					Added: r.Added, Reasons: []string{}}
				for _, x := range r.Reasons {
					o.Reasons = append(o.Reasons, x.Text.EN)
				}
				return o
			})}, err
		})
}

// Module is what matters to the reader's organisation, at a hub or at a node.
func Module(s *Service) role.Module {
	c := &pages{Service: s}
	slot := map[string]string{"main": "relevance/panel"}
	return role.Module{
		Name:       "relevance",
		Migrations: []store.Migration{Migration()},
		Pages:      c.addTo,
		API:        c.api,
		Nav: []web.NavItem{{Key: "foryou", Path: "/foryou", Text: i18n.T("For you", "自組織向け"), Icon: "inbox",
			Letter: "y"}},
		Panels: []web.Panel{{Page: "indicator", Slots: slot, Load: c.panel}, {Page: "object", Slots: slot,
			Load: c.panel}},
	}
}
