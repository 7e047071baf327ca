package detect

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/detect/watchlist/feed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// WatchDesk is a node's own watchlist, as people look at it.
type WatchDesk interface {
	// Stats describes the list without reading it; ok is false if there is none.
	Stats() (st watchlist.Stats, ok bool)
	// Check gives the entries, not expired, that one of the values meets.
	Check(ctx context.Context, values []event.Observable) ([]watchlist.Hit, error)
}

// WatchPageConfig is what /watchlist stands on.
type WatchPageConfig struct {
	Desk   WatchDesk
	Member func() string
	Tabs   []web.Tab // views of indicators; that of /watchlist is marked here
}

// WatchPages adds /watchlist to a node's site.
func WatchPages(site *web.Site, c WatchPageConfig) {
	site.Templates(files)
	site.Page("/watchlist", policy.RoleReader, c.page)
}

// watchData is the dot of watchlist/page.
type watchData struct {
	Query string
	Asked any // what is wrong with the query; nil if nothing is
	Hits  *web.List
	List  web.List
	Facts []web.Fact
	Bad   []string // what is wrong with it, or was put right
}

// maySee reports whether v may see an entry: it was given to the member.
func (c WatchPageConfig) maySee(v policy.Viewer, h watchlist.Hit) bool {
	return policy.MaySee(v, policy.Handling{TLP: h.Entry.TLP.Binding(), Owner: c.Member()})
}

// stats describes the list as v may know of it: how much there is of whom tells of
// entries that are for persons only.
func (c WatchPageConfig) stats(v policy.Viewer) (watchlist.Stats, bool) {
	st, there := c.Desk.Stats()
	if v.Machine {
		st = watchlist.Stats{Damage: st.Damage, Notices: st.Notices}
	}
	return st, there
}

// hits gives the entries that a value meets and v may see.
func (c WatchPageConfig) hits(ctx context.Context, v policy.Viewer, o event.Observable) (list []watchlist.Hit, err error) {
	all, err := c.Desk.Check(ctx, []event.Observable{o})
	for _, h := range all {
		if c.maySee(v, h) {
			list = append(list, h)
		}
	}
	return list, err
}

func (c WatchPageConfig) page(r *web.Request) (*web.View, error) {
	st, there := c.stats(r.Viewer)
	q := strings.TrimSpace(r.Value("q"))
	v := &web.View{Template: "watchlist/page", Title: i18n.T("Own watchlist", "自組織の監視リスト"), Nav: "indicators",
		Lede: i18n.T("What feeds of our own say to look for, matched with every event here", "自組織で契約・入手したフィードの値。ここを通るすべての事象と照合"), State: watchState(st, there, r.Viewer)}
	for _, t := range c.Tabs {
		t.On = t.Path == "/watchlist"
		v.Tabs = append(v.Tabs, t)
	}
	d := watchData{Query: q, List: sourceList(st), Facts: watchFacts(st)}
	if r.Viewer.Machine {
		d.List.Empty = &web.Empty{Icon: "lock", Text: i18n.T("Shown to persons only", "人だけに表示します")}
	}
	if q != "" {
		o, ok := feed.Observable(q, "")
		if !ok {
			d.Asked = i18n.T("This is no address, domain, URL, mail address, hash, path or file name.", "アドレス、ドメイン、URL、メールアドレス、ハッシュ値、パス、ファイル名のいずれでもありません。")
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

func watchState(st watchlist.Stats, there bool, v policy.Viewer) *web.Badge {
	switch {
	case st.Damage != nil:
		return &web.Badge{Text: i18n.T("damaged in part", "一部破損"), Mood: web.Warn, Icon: "warn"}
	case !there || st.Entries == 0 && !v.Machine:
		return &web.Badge{Text: i18n.T("empty", "項目なし"), Mood: web.Dim}
	}
	return &web.Badge{Text: i18n.T("in service", "稼働中"), Mood: web.Good, Icon: "check"}
}

func watchFacts(st watchlist.Stats) []web.Fact {
	return []web.Fact{
		{Name: i18n.T("Entries", "項目数"), Value: st.Entries},
		{Name: i18n.T("Changed since it was last written", "書き込み後の変更"), Value: int64(st.Changed), Note: i18n.T("additions and removals in memory, safe on disk", "追加と削除。ディスクにも保存済み")},
		{Name: i18n.T("Memory", "メモリー"), Value: web.Bytes(st.Memory)},
		{Name: i18n.T("On disk", "ディスク"), Value: web.Bytes(st.File)},
	}
}

func sourceList(st watchlist.Stats) web.List {
	l := web.List{ID: "sources", Caption: i18n.T("Sources", "出所"), Count: web.Exactly(int64(len(st.Sources))), Dense: true, Columns: []web.ListColumn{
		{Key: "source", Text: i18n.T("Source", "出所"), Role: web.RoleMain},
		{Key: "entries", Text: i18n.T("Entries", "項目数"), Role: web.RoleNum},
		{Key: "findings", Text: i18n.T("Findings", "検知")},
	}, Note: i18n.T("Marking and expiry of each source: meneki indicators list.", "出所ごとの取扱い区分と期限は meneki indicators list で確認できます。"),
		Empty: &web.Empty{Icon: "indicators", Text: i18n.T("No list of our own", "監視リストはまだありません"),
			How: i18n.T("Take in a feed with: meneki indicators import --source NAME FILE. It takes STIX, MISP, CSV, JSON lines, hosts files and plain text, while the node runs.", "meneki indicators import --source 名前 ファイル で取り込めます。STIX、MISP、CSV、JSON Lines、hosts ファイル、テキストに対応し、ノードの動作中でもかまいません。")}}
	for _, name := range slices.Sorted(maps.Keys(st.Sources)) {
		l.Rows = append(l.Rows, web.Row{Key: name, Cells: []any{name, st.Sources[name], web.Link{Text: i18n.T("show", "表示"), Path: "/findings?q=" + url.QueryEscape("("+name+")")}}})
	}
	return l
}

// hitList lists what meets a value.
func hitList(o event.Observable, hits []watchlist.Hit) *web.List {
	l := &web.List{ID: "hits", Caption: i18n.T("Entries that it meets", "一致する項目"), Count: web.Exactly(int64(len(hits))), Dense: true, Columns: []web.ListColumn{
		{Key: "entry", Text: i18n.T("Entry", "項目"), Role: web.RoleMain},
		{Key: "source", Text: i18n.T("Source", "出所")},
		{Key: "tlp", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
		{Key: "until", Text: i18n.T("Valid until", "有効期限"), Role: web.RoleTime},
	}, Empty: &web.Empty{Icon: "check", Text: i18n.T("{0} is not on the watchlist", "{0} は監視リストにありません").With(web.Defang(o.Value)), How: i18n.T("Neither itself nor a network, domain or beginning around it.", "値そのものも、それを含むネットワーク・ドメイン・前方一致の項目もありません。")}}
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
		l.Rows = append(l.Rows, web.Row{Key: e.Source + "\x00" + e.ID + "\x00" + e.Value, Cells: []any{entry, source, policy.Handling{TLP: e.TLP.Binding()}, until}})
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

// WatchOut is a node's watchlist as programs get it.
type WatchOut struct {
	Entries int64            `json:"entries" doc:"about: some may be expired | 概数。期限切れを含む"`
	Memory  int64            `json:"memory_bytes"`
	File    int64            `json:"file_bytes"`
	Sources map[string]int64 `json:"sources" nullable:"false" doc:"entries by source | 出所ごとの項目数"`
	Damage  string           `json:"damage,omitempty" doc:"what could not be read | 読めなかった箇所"`
}

// WatchHitOut is an entry that a value meets.
type WatchHitOut struct {
	Type   event.ObservableType `json:"type"`
	Value  string               `json:"value"`
	Match  string               `json:"match" enum:"exact,tree,below,prefix,network"`
	Source string               `json:"source"`
	ID     string               `json:"id,omitempty" doc:"under which the source knows it | 出所における番号"`
	TLP    string               `json:"tlp"`
	Until  time.Time            `json:"valid_until,omitzero"`
}

type watchOut struct{ Body WatchOut }

type watchIn struct {
	Value string `query:"value" required:"true" minLength:"1" maxLength:"4096" doc:"address, domain, URL, mail address, hash, path or file name; defanged ones too | アドレス、ドメイン、URL、メールアドレス、ハッシュ値、パス、ファイル名"`
}

type watchHitsOut struct {
	Body struct {
		Type    event.ObservableType `json:"type"`
		Value   string               `json:"value" doc:"as it is compared | 照合に使う形"`
		Entries []WatchHitOut        `json:"entries" nullable:"false"`
	}
}

// WatchAPI adds /api/v1/watchlist.
func WatchAPI(a *api.API, c WatchPageConfig) {
	api.Register(a, api.Op{ID: "watchlist", Method: http.MethodGet, Path: "/api/v1/watchlist", Tag: "indicators", Need: policy.RoleReader,
		Summary:     i18n.T("Describe the node's own watchlist", "自組織の監視リストの概要"),
		Description: i18n.T("Numbers and sources are for persons: a token gets none, since they tell of entries that are for persons only.", "件数と出所は人だけに示します。人だけに示す項目の存在が分かるため、トークンには返しません。")},
		func(ctx context.Context, _ *struct{}) (*watchOut, error) {
			st, _ := c.stats(api.Viewer(ctx))
			out := &watchOut{Body: WatchOut{Entries: st.Entries, Memory: st.Memory, File: st.File, Sources: st.Sources}}
			if out.Body.Sources == nil {
				out.Body.Sources = map[string]int64{}
			}
			if st.Damage != nil {
				out.Body.Damage = st.Damage.Error()
			}
			return out, nil
		})
	api.Register(a, api.Op{ID: "check-watchlist", Method: http.MethodGet, Path: "/api/v1/watchlist/check", Tag: "indicators", Need: policy.RoleReader,
		Summary: i18n.T("Say which entries of the watchlist a value meets", "値が監視リストのどの項目に一致するか確認")},
		func(ctx context.Context, in *watchIn) (*watchHitsOut, error) {
			o, ok := feed.Observable(in.Value, "")
			if !ok {
				return nil, fault.New(fault.Invalid, i18n.T("{0} is no observable", "{0} は観測値ではありません").With(event.Clip(in.Value, 100)))
			}
			hits, err := c.hits(ctx, api.Viewer(ctx), o)
			if err != nil {
				return nil, err
			}
			out := &watchHitsOut{}
			out.Body.Type, out.Body.Value, out.Body.Entries = o.Type, o.Value, []WatchHitOut{}
			for _, h := range hits {
				e := h.Entry
				out.Body.Entries = append(out.Body.Entries, WatchHitOut{e.Type, e.Value, e.Match.String(), e.Source, e.ID, e.TLP.String(), e.ValidUntil})
			}
			return out, nil
		})
}
