package ownlist

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// Viewed is a watchlist as its pages and its API look at it.
type Viewed interface {
	// Stats describes the list without reading it; ok is false if there is none.
	Stats() (st watchlist.Stats, ok bool)
	// Check returns the entries, not expired, that one of the values meets.
	Check(ctx context.Context, values []event.Observable) ([]watchlist.Hit, error)
}

// PageConfig is what /watchlist stands on.
type PageConfig struct {
	List   Viewed
	Member func() string

	site *web.Site
}

// Pages adds /watchlist to a node's site.
func Pages(site *web.Site, c PageConfig) {
	c.site = site
	site.Templates(files)
	site.Page("/watchlist", policy.RoleReader, c.page)
}

// pageData is the dot of watchlist/page.
type pageData struct {
	Query string
	Asked any // what is wrong with the query; nil if nothing is
	Hits  *web.List
	List  web.List
	Facts []web.Fact
	Bad   []string // what is wrong with it, or was put right
}

// maySee reports whether v may see an entry: it was given to the member.
func (c PageConfig) maySee(v policy.Viewer, h watchlist.Hit) bool {
	return policy.MaySee(v, policy.Handling{TLP: h.Entry.TLP.OrRed(), Owner: c.Member()})
}

// stats describes the list as v may know of it: how much there is of whom tells of
// entries that are for persons only.
func (c PageConfig) stats(v policy.Viewer) (watchlist.Stats, bool) {
	st, there := c.List.Stats()
	if v.Machine {
		st = watchlist.Stats{Damage: st.Damage, Notices: st.Notices}
	}
	return st, there
}

// hits gives the entries that a value meets and v may see.
func (c PageConfig) hits(ctx context.Context, v policy.Viewer, o event.Observable) (list []watchlist.Hit, err error) {
	all, err := c.List.Check(ctx, []event.Observable{o})
	for _, h := range all {
		if c.maySee(v, h) {
			list = append(list, h)
		}
	}
	return list, err
}

func (c PageConfig) page(r *web.Request) (*web.View, error) {
	st, there := c.stats(r.Viewer)
	q := strings.TrimSpace(r.Value("q"))
	v := &web.View{Template: "watchlist/page", Title: i18n.T("Own watchlist", "自組織の監視リスト"), Nav: "indicators",
		Lede: i18n.T(
			"What feeds of our own say to look for, matched with every event here",
			"自組織で契約・入手したフィードの値。ここを通るすべての事象と照合",
		), State: stateBadge(st, there, r.Viewer),
		Tabs: c.site.Tabs(r.Viewer, "indicators", "/watchlist")}
	d := pageData{Query: q, List: sourceList(st), Facts: facts(st)}
	if r.Viewer.Machine {
		d.List.Empty = &web.Empty{Icon: "lock", Text: i18n.T("Shown to persons only", "人だけに表示します")}
	}
	if q != "" {
		o, ok := feed.Observable(q, "")
		if !ok {
			d.Asked = i18n.T(
				"This is no address, domain, URL, mail address, hash, path or file name.",
				"アドレス、ドメイン、URL、メールアドレス、ハッシュ値、パス、ファイル名のいずれでもありません。",
			)
		} else {
			list, err := c.hits(r.Context(), r.Viewer, o)
			if err != nil {
				return nil, err
			}
			d.Hits = hitList(o, list)
		}
	}
	if st.Damage != nil {
		d.Bad = append(d.Bad, st.Damage.Error())
	}
	d.Bad = append(d.Bad, st.Notices...)
	v.Data, v.CSV = d, d.List.Table()
	return v, nil
}

func stateBadge(st watchlist.Stats, there bool, v policy.Viewer) *web.Badge {
	switch {
	case st.Damage != nil:
		return &web.Badge{Text: i18n.T("damaged in part", "一部破損"), Mood: web.Warn, Icon: "warn"}
	case !there || st.Entries == 0 && !v.Machine:
		return &web.Badge{Text: i18n.T("empty", "項目なし"), Mood: web.Dim}
	}
	return &web.Badge{Text: i18n.T("in service", "稼働中"), Mood: web.Good, Icon: "check"}
}

func facts(st watchlist.Stats) []web.Fact {
	return []web.Fact{
		{Name: i18n.T("Entries", "項目数"), Value: st.Entries},
		{
			Name:  i18n.T("Changed since it was last written", "書き込み後の変更"),
			Value: int64(st.Changed),
			Note:  i18n.T("additions and removals in memory, safe on disk", "追加と削除。ディスクにも保存済み"),
		},
		{Name: i18n.T("Memory", "メモリー"), Value: web.Bytes(st.Memory)},
		{Name: i18n.T("On disk", "ディスク"), Value: web.Bytes(st.File)},
	}
}

func sourceList(st watchlist.Stats) web.List {
	l := web.List{
		ID:      "sources",
		Caption: i18n.T("Sources", "出所"),
		Count:   web.Exactly(int64(len(st.Sources))),
		Dense:   true,
		Columns: []web.ListColumn{
			{Key: "source", Text: i18n.T("Source", "出所"), Role: web.RoleMain},
			{Key: "entries", Text: i18n.T("Entries", "項目数"), Role: web.RoleNum},
			{Key: "findings", Text: i18n.T("Findings", "検知")},
		},
		Note: i18n.T(
			"Marking and expiry of each source: meneki indicators list.",
			"出所ごとの取扱い区分と期限は meneki indicators list で確認できます。",
		),
		Empty: &web.Empty{Icon: "indicators", Text: i18n.T("No list of our own", "監視リストはまだありません"),
			How: i18n.T(
				"Take in a feed with: meneki indicators import --source NAME FILE. "+
					"It takes STIX, MISP, CSV, JSON lines, hosts files and plain text, while the node runs.",
				"meneki indicators import --source 名前 ファイル で取り込めます。"+
					"STIX、MISP、CSV、JSON Lines、hosts ファイル、テキストに対応し、ノードの動作中でもかまいません。",
			)},
	}
	for _, name := range slices.Sorted(maps.Keys(st.Sources)) {
		l.Rows = append(
			l.Rows,
			web.Row{
				Key: name,
				Cells: []any{
					name,
					st.Sources[name],
					web.Link{Text: i18n.T("show", "表示"), Path: "/findings?q=" + url.QueryEscape("("+name+")")},
				},
			},
		)
	}
	return l
}

// hitList lists what meets a value.
func hitList(o event.Observable, hits []watchlist.Hit) *web.List {
	l := &web.List{
		ID:      "hits",
		Caption: i18n.T("Entries that it meets", "一致する項目"),
		Count:   web.Exactly(int64(len(hits))),
		Dense:   true,
		Columns: []web.ListColumn{
			{Key: "entry", Text: i18n.T("Entry", "項目"), Role: web.RoleMain},
			{Key: "source", Text: i18n.T("Source", "出所")},
			{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
			{Key: "until", Text: i18n.T("Valid until", "有効期限"), Role: web.RoleTime},
		},
		Empty: &web.Empty{
			Icon: "check",
			Text: i18n.T("{0} is not on the watchlist", "{0} は監視リストにありません").With(web.Defang(o.Value)),
			How: i18n.T(
				"Neither itself nor a network, domain or beginning around it.",
				"値そのものも、それを含むネットワーク・ドメイン・前方一致の項目もありません。",
			),
		},
	}
	slices.SortStableFunc(hits, func(a, b watchlist.Hit) int {
		return cmp.Or(strings.Compare(a.Entry.Value, b.Entry.Value), strings.Compare(a.Entry.Source, b.Entry.Source))
	})
	for _, h := range hits {
		e := h.Entry
		var until any
		if !e.ValidUntil.IsZero() {
			until = web.Day(e.ValidUntil)
		}
		entry := web.Lines{web.Value(e.Value), web.Run{matchText(e.Match)}}
		source := web.Lines{e.Source}
		if e.ID != "" {
			source = append(source, web.Mono(e.ID))
		}
		l.Rows = append(
			l.Rows,
			web.Row{
				Key:   e.Source + "\x00" + e.ID + "\x00" + e.Value,
				Cells: []any{entry, source, policy.Handling{TLP: e.TLP.OrRed()}, until},
			},
		)
	}
	return l
}

func matchText(m watchlist.Match) i18n.Text {
	switch m {
	case watchlist.Tree:
		return i18n.T("this domain and all below it", "このドメインとその下すべて")
	case watchlist.Below:
		return i18n.T("all domains below it", "このドメインの下すべて")
	case watchlist.Prefix:
		return i18n.T("what begins so", "前方一致")
	case watchlist.Network:
		return i18n.T("addresses in this network", "このネットワーク内のアドレス")
	}
	return i18n.T("exactly this", "完全一致")
}
