package pool

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
	"github.com/meneki/meneki/internal/wire"
)

// PageConfig is what the hub's page of rules stands on.
type PageConfig struct {
	DB    *store.DB
	Clock clock.Clock
}

// titleDays is how far back findings name the rules, in days.
const titleDays = 90

// listData is the dot of pool/list.
type listData struct{ List web.List }

// PooledRule is what the community says of one rule.
type PooledRule struct {
	ID      string `json:"id"`
	Title   string `json:"title,omitempty" doc:"if a finding that the caller may see names it | 閲覧できる検知に題名がある場合"`
	Found   int    `json:"found_members" doc:"members at which it hit; 0: not disclosed | 検知のあった組織数。0 は非開示"`
	FalseBy int    `json:"false_members" doc:"members that marked it as a false alarm; 0: not disclosed | 誤検知とした組織数。0 は非開示"`
	Typical int    `json:"typical_hits" doc:"typical hits of a member in 30 days; 0: not disclosed | 30日間の標準的な検知数。0 は非開示"`
	Since   string `json:"since" doc:"day of the oldest of the figures | 最も古い集計の日"`
}

// rules lists the rules of which there are figures, most members first.
func (c PageConfig) rules(ctx context.Context, v policy.Viewer) (out []PooledRule, err error) {
	err = c.DB.Read(ctx, store.As(v), func(tx *store.Tx) error {
		pool, err := Figures(tx)
		if err != nil {
			return err
		}
		known, err := finding.Rules(tx, c.Clock().Add(-titleDays*24*time.Hour))
		if err != nil {
			return err
		}
		titles := map[string]string{}
		for _, r := range known {
			titles[strings.ToLower(r.ID)] = r.Title
		}
		byID := map[string]*PooledRule{}
		for _, f := range []string{FigureFound, FigureFalse, FigureHits} {
			for id, x := range pool[f] {
				if byID[id] == nil {
					byID[id] = &PooledRule{ID: id, Title: titles[id]}
				}
				r, day := byID[id], DayStart(x.Day).Format(time.DateOnly)
				if r.Since == "" || day < r.Since {
					r.Since = day
				}
				r.set(x)
			}
		}
		out = out[:0]
		for _, r := range byID {
			out = append(out, *r)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b PooledRule) int {
		return cmp.Or(cmp.Compare(b.FalseBy, a.FalseBy), cmp.Compare(b.Found, a.Found), strings.Compare(a.ID, b.ID))
	})
	return out, err
}

func (r *PooledRule) set(x wire.PooledFigure) {
	switch x.Figure {
	case FigureFound:
		r.Found = x.Members
	case FigureFalse:
		r.FalseBy = x.Members
	case FigureHits:
		r.Typical = x.Typical
	}
}

type poolOut struct {
	Body struct {
		Items []PooledRule `json:"items" nullable:"false"`
	}
}

// Pages adds /rules to a hub's site.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/rules", policy.RoleReader, c.page)
}

// API adds list-pooled-rules to a hub's API.
func API(a *api.API, c PageConfig) {
	api.Register(a, api.Op{ID: "list-pooled-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tag: "rules", Need: policy.RoleReader,
		Summary:     i18n.T("What the community says of rules", "ルールに対する共同体の評価"),
		Description: i18n.T("Figures of at least three members; none is named.", "3組織以上の集計のみ。組織名は示しません。")},
		func(ctx context.Context, _ *struct{}) (*poolOut, error) {
			list, err := c.rules(ctx, api.Viewer(ctx))
			out := &poolOut{}
			if out.Body.Items = list; list == nil {
				out.Body.Items = []PooledRule{}
			}
			return out, err
		})
}

func (c PageConfig) page(r *web.Request) (*web.View, error) {
	rules, err := c.rules(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	h := ForMembers()
	v := &web.View{Template: "pool/list", Title: i18n.T("Rules", "ルール"), Nav: "rules", Handling: &h,
		Lede: i18n.T("How rules do in the community. No member is named, and no figure stands on fewer than three.", "共同体全体でのルールの効き具合。組織名は示さず、3組織以上の集計だけを載せます。"),
		Tabs: []web.Tab{{Text: i18n.T("Rules", "ルール"), Path: "/rules", On: true}, {Text: i18n.T("Coverage", "カバレッジ"), Path: "/coverage"}}}
	l := web.List{ID: "pooled-rules", Caption: i18n.T("Rules", "ルール"), Count: web.Exactly(int64(len(rules))), Bare: true, Columns: []web.ListColumn{
		{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain},
		{Key: "found", Text: i18n.T("Found at", "検知した組織"), Role: web.RoleNum},
		{Key: "false", Text: i18n.T("Marked false by", "誤検知とした組織"), Role: web.RoleNum},
		{Key: "typical", Text: i18n.T("Typical hits in 30 days", "標準的な検知数（30日）"), Role: web.RoleNum},
		{Key: "since", Text: i18n.T("Figures of", "集計日"), Role: web.RoleTime},
	}, Empty: &web.Empty{Icon: "rules", Text: i18n.T("No figures yet", "集計はまだありません"),
		How: i18n.T("Members may let their nodes report how often a rule hits and whether analysts mark it as a false alarm. Once a day a figure appears for each rule that at least three of them speak of.",
			"構成員は、ルールごとの検知数と誤検知の有無を伝えることができます。3組織以上が伝えたルールについて、1日1回、集計を掲載します。")}}
	q := strings.ToLower(strings.TrimSpace(r.Value("q")))
	if len(rules) > 0 {
		l.Filter = &web.Filter{Path: "/rules", Query: r.Value("q"), Ask: i18n.T("Title or id", "題名・番号"), Say: i18n.T("all rules with a figure, those marked as false alarms first", "集計のあるすべてのルール、誤検知とされたものが先")}
	}
	if q != "" && len(rules) > 0 {
		l.Filter.Clear, l.Filter.Say = "/rules", i18n.T("rules with “{0}”, those marked as false alarms first", "「{0}」を含むルール、誤検知とされたものが先").With(r.Value("q"))
		rules = slices.DeleteFunc(rules, func(x PooledRule) bool { return !strings.Contains(strings.ToLower(x.Title+"\n"+x.ID), q) })
		l.Count, l.Empty = web.Exactly(int64(len(rules))), &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"), Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules"}}
	}
	for _, x := range rules {
		var title any = web.Mono(x.ID)
		if x.Title != "" {
			title = web.Lines{x.Title, web.Mono(x.ID)}
		}
		l.Rows = append(l.Rows, web.Row{Key: x.ID, Path: "/findings?rule=" + url.QueryEscape(x.ID), Cells: []any{title, orNil(x.Found), orNil(x.FalseBy), orNil(x.Typical), x.Since}})
	}
	v.CSV = l.Table()
	l.Page(r, list.PageRows)
	v.Data = listData{l}
	return v, nil
}

// orNil shows a figure that is not disclosed as a dash.
func orNil(n int) any {
	if n == 0 {
		return nil
	}
	return n
}
