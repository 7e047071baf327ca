package pool

import (
	"context"
	"net/http"
	"net/url"
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

// rules returns the rules of which there are figures.
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

// listing describes the list of rules, those marked as false alarms first.
func listing() list.Spec[PooledRule] {
	term := func(desc bool, of func(PooledRule) any) list.Term[PooledRule] {
		return list.Term[PooledRule]{Of: of, Desc: desc}
	}
	falseBy := term(true, func(x PooledRule) any { return x.FalseBy })
	found := term(true, func(x PooledRule) any { return x.Found })
	by := func(name string, first, back i18n.Text, terms ...list.Term[PooledRule]) list.Sort[PooledRule] {
		return list.Sort[PooledRule]{Name: name, Text: first, Back: back, By: terms}
	}
	figure := func(key, sort string, text i18n.Text, of func(PooledRule) int) list.Column[PooledRule] {
		return list.Column[PooledRule]{Key: key, Text: text, Role: web.RoleNum, Sort: sort,
			Cell: func(x PooledRule) any { return orNil(of(x)) }}
	}
	return list.Spec[PooledRule]{
		Key: []list.Term[PooledRule]{term(false, func(x PooledRule) any { return x.ID })},
		Sorts: []list.Sort[PooledRule]{
			by("false", i18n.T("those marked as false alarms first", "誤検知とされたものが先"),
				i18n.T("those marked as false alarms last", "誤検知とされたものが後"), falseBy, found),
			by("found", i18n.T("found by most members first", "検知した組織の多い順"),
				i18n.T("found by fewest members first", "検知した組織の少ない順"), found),
			by("typical", i18n.T("most hits first", "検知数の多い順"), i18n.T("fewest hits first", "検知数の少ない順"),
				term(true, func(x PooledRule) any { return x.Typical })),
			by("rule", i18n.T("by title", "題名順"), i18n.T("by title, last first", "題名の逆順"),
				term(false, func(x PooledRule) any { return x.Title })),
			by("since", i18n.T("newest figures first", "集計の新しい順"), i18n.T("oldest figures first", "集計の古い順"),
				term(true, func(x PooledRule) any { return x.Since })),
		},
		Filters: []list.Filter[PooledRule]{{Name: "q", Kind: list.Words, Text: i18n.T("Title or id", "題名・番号"),
			Match: func(x PooledRule, typed string) bool { return list.Holds(x.Title+"\n"+x.ID, typed) }}},
		Name: "pooled-rules", Path: "/rules", Caption: i18n.T("Rules", "ルール"),
		All: i18n.T("rules with a figure", "集計のあるルール"),
		Columns: []list.Column[PooledRule]{
			{Key: "rule", Text: i18n.T("Rule", "ルール"), Role: web.RoleMain, Sort: "rule", Cell: titleCell},
			figure("found", "found", i18n.T("Found at", "検知した組織"), func(x PooledRule) int { return x.Found }),
			figure("false", "false", i18n.T("Marked false by", "誤検知とした組織"), func(x PooledRule) int {
				return x.FalseBy
			}),
			figure("typical", "typical", i18n.T("Typical hits in 30 days", "標準的な検知数（30日）"),
				func(x PooledRule) int { return x.Typical }),
			{Key: "since", Text: i18n.T("Figures of", "集計日"), Role: web.RoleTime, Sort: "since",
				Cell: func(x PooledRule) any { return x.Since }},
		},
		Row: func(x PooledRule) web.Row {
			return web.Row{Key: x.ID, Path: "/findings?rule=" + url.QueryEscape(x.ID)}
		},
		Empty: &web.Empty{Icon: "rules", Text: i18n.T("No figures yet", "集計はまだありません"),
			How: i18n.T(
				"Members may let their nodes report how often a rule hits and whether analysts mark it as a false "+
					"alarm. "+
					"Once a day a figure appears for each rule that at least three of them speak of.",
				"構成員は、ルールごとの検知数と誤検知の有無を伝えることができます。3組織以上が伝えたルールについて、1日1回、集計を掲載します。")},
		NoMatch: &web.Empty{Icon: "rules", Text: i18n.T("No rule matches this filter", "条件に合うルールはありません"),
			Do: &web.Link{Text: i18n.T("Show all rules", "すべてのルールを表示"), Path: "/rules"}},
	}
}

func titleCell(x PooledRule) any {
	if x.Title == "" {
		return web.Mono(x.ID)
	}
	return web.Lines{x.Title, web.Mono(x.ID)}
}

type poolIn struct {
	api.Paging
	Q    string `query:"q" maxLength:"200" doc:"text in title or id | 題名・番号に含まれる文字列"`
	Sort string `query:"sort" maxLength:"20" doc:"false (the default), found, typical, rule or since; - in front reverses it | false（既定）・found・typical・rule・since。先頭に - を付けると逆順"`
}
type poolOut struct{ Body api.Page[PooledRule] }

// Pages adds /rules to a hub's site.
func Pages(site *web.Site, c PageConfig) {
	site.Templates(files)
	site.Page("/rules", policy.RoleReader, c.page)
}

// API adds list-pooled-rules to a hub's API.
func API(a *api.API, c PageConfig) {
	api.Register(a, api.Op{ID: "list-pooled-rules", Method: http.MethodGet, Path: "/api/v1/rules", Tag: "rules",
		Need:        policy.RoleReader,
		Summary:     i18n.T("What the community says of rules", "ルールに対する共同体の評価"),
		Description: i18n.T("Figures of at least three members; none is named.", "3組織以上の集計のみ。組織名は示しません。")},
		func(ctx context.Context, in *poolIn) (*poolOut, error) {
			rules, err := c.rules(ctx, api.Viewer(ctx))
			if err != nil {
				return nil, err
			}
			p, err := listing().Of(rules, list.Ask{Values: map[string]string{"q": in.Q}, Sort: in.Sort,
				After: in.After, Limit: in.Limit, Strict: true})
			return &poolOut{list.Body(p, func(x PooledRule) PooledRule { return x })}, err
		})
}

func (c PageConfig) page(r *web.Request) (*web.View, error) {
	rules, err := c.rules(r.Context(), r.Viewer)
	if err != nil {
		return nil, err
	}
	spec := listing()
	p, err := spec.Of(rules, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	h := ForMembers()
	v := &web.View{Template: "pool/list", Title: i18n.T("Rules", "ルール"), Nav: "rules", Handling: &h,
		Lede: i18n.T("How rules do in the community. No member is named, and no figure stands on fewer than three.",
			"共同体全体でのルールの効き具合。組織名は示さず、3組織以上の集計だけを載せます。"),
		Tabs: []web.Tab{{Text: i18n.T("Rules", "ルール"), Path: "/rules", On: true},
			{Text: i18n.T("Coverage", "カバレッジ"), Path: "/coverage"}}}
	l := spec.View(r, p)
	if len(rules) == 0 {
		l.Filter = nil
	}
	v.Data, v.CSV = listData{l}, spec.Table(p)
	return v, nil
}

// orNil shows a figure that is not disclosed as a dash.
func orNil(n int) any {
	if n == 0 {
		return nil
	}
	return n
}
