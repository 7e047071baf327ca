package finding

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// pageData is the dot of findings/one.
type pageData struct {
	Finding  msg.Finding
	Shared   bool // an indicator of the community matched, not a rule of one's own
	Rule     []web.Fact
	Times    []web.Fact
	Facts    []web.Fact
	Matched  []matchedLine
	Values   []valueLine
	Tags     []web.Badge
	Node     bool
	Verdicts web.List
	Traces   web.List
}

// matchedLine is a field that made the rule match. Shown is its value defanged,
// Head the beginning of one that is long.
type matchedLine struct{ Field, Value, Shown, Head string }

// shortValue is how much of a matched value is shown at once, in bytes.
const shortValue = 400

// valueLine is an observable with the word for its type.
type valueLine struct {
	Kind  i18n.Text
	Value string
}

func (c PageConfig) page(r *web.Request) (*web.View, error) {
	var it Item
	var verdicts []Verdict
	var traces []Trace
	err := c.DB.Read(r.Context(), store.As(r.Viewer), func(tx *store.Tx) (err error) {
		if it, err = Get(tx, r.PathValue("id")); err != nil {
			return err
		}
		if c.Hub {
			return nil
		}
		if verdicts, err = Verdicts(tx, it.ID); err != nil {
			return err
		}
		traces, err = Traces(tx, it.ID, shownTraces)
		return err
	})
	if err != nil {
		return nil, err
	}
	about := web.Subject{ID: it.ID, Page: web.Path("/findings/{0}", it.ID), Viewer: r.Viewer, Request: r}
	panels, err := c.Site.Load(r.Context(), "finding", about)
	if err != nil {
		return nil, err
	}
	badge := whenBadge(it.Retro)
	v := &web.View{Template: "findings/one", Title: i18n.Same(web.Defang(cmp.Or(it.Rule.Title, it.Rule.ID))),
		Nav: "findings", Handling: &it.Handling, State: &badge,
		Lede: web.Run{web.Level(it.Rule.Level), events(it.Count)}, Live: []string{"findings"},
		Back: &web.Link{Text: i18n.T("Findings", "検知"), Path: "/findings"}}
	if it.Realm != event.Live {
		v.Realm = it.Realm
	}
	v.Next = panels.Next()
	if it.Indicator != "" {
		v.Next = append(v.Next, web.Next{Text: i18n.T("See the indicator that matched", "一致した指標を見る"),
			Path: web.Path("/indicators/{0}", it.Indicator)})
	}
	if !c.Hub {
		v.Next = append(v.Next, web.Next{Text: i18n.T("See what of this leaves", "送り出す内容を確認"),
			Path: "/outgoing?state=all&q=" + url.QueryEscape(it.ID)},
			web.Next{Text: i18n.T("Mark as a false alarm", "誤検知として記録"), Path: web.Path("/findings/{0}/false", it.ID)})
	}
	d := pageData{Finding: it.Finding, Shared: it.Indicator != "" && it.Rule.ID == it.Indicator, Node: !c.Hub,
		Verdicts: verdictList(verdicts), Traces: traceList(traces, it.Count)}
	d.Rule, d.Times, d.Facts = ruleFacts(it, !c.Hub && !d.Shared), timeFacts(it, r.Zone), c.facts(r.Context(), it)
	hosts := hostsIn(it.Finding)
	for _, m := range it.Matched {
		line := matchedLine{Field: m.Field, Value: m.Value, Shown: web.DefangText(m.Value, hosts...)}
		if len(line.Shown) > shortValue {
			line.Head = event.Clip(line.Shown, shortValue/2)
		}
		d.Matched = append(d.Matched, line)
	}
	for _, o := range it.Observables {
		d.Values = append(d.Values, valueLine{web.KindText(string(o.Type)), o.Value})
	}
	for _, t := range it.Rule.Tags {
		d.Tags = append(d.Tags, attack.Badge(t))
	}
	spec := c.shown(Listing(time.Time{}), map[string]string{it.Member: c.member(r.Context(), it.Member)})
	v.Data, v.CSV = d, spec.Table(list.Page[Item]{Rows: []Item{it}})
	return v, nil
}

// hostsIn returns the names of hosts that a finding holds, so that they are
// defanged wherever they stand, in a command line too.
func hostsIn(f msg.Finding) (out []string) {
	fields := map[string]any{}
	for _, m := range f.Matched {
		fields[m.Field] = m.Value
	}
	for _, o := range append(event.Observables(&event.Event{Fields: fields}), f.Observables...) {
		if o.Type == event.Domain && !slices.Contains(out, o.Value) {
			out = append(out, o.Value)
		}
	}
	return out
}

// verdictList lists the verdicts on the values: whether others may have each, and why.
func verdictList(verdicts []Verdict) web.List {
	l := web.List{ID: "verdicts", Caption: i18n.T("What of this others could match", "ほかの構成員に提供できるもの"),
		Count: web.Exactly(int64(len(verdicts))), Dense: true, Columns: []web.ListColumn{
			{Key: "value", Text: i18n.T("Value", "値"), Role: web.RoleMain},
			{Key: "kind", Text: i18n.T("Kind", "種類")},
			{Key: "verdict", Text: i18n.T("Verdict", "判断")},
			{Key: "why", Text: i18n.T("Why", "理由"), Role: web.RoleNote},
		}, Empty: &web.Empty{Icon: "share", Text: i18n.T("No value was judged", "判断の対象なし"),
			How: i18n.T("The finding is of the past, of a shared indicator, or below the level at which your policy "+
				"offers anything.", "過去の痕跡か共有指標による検知、または共有方針の重要度を下回る検知です。")}}
	for _, o := range verdicts {
		kind, value, _ := strings.Cut(o.Value, ":")
		var shown any = web.Value(value)
		if kind == "sigma" {
			shown = web.Mono(value)
		}
		verdict := web.Badge{Text: i18n.T("not offered", "提供せず"), Mood: web.Dim}
		if o.Offered {
			verdict = web.Badge{Text: i18n.T("offered", "提供"), Mood: web.Good}
		}
		l.Rows = append(l.Rows, web.Row{Key: o.Value, Cells: []any{shown, web.KindText(kind), verdict, reasonText(o)}})
	}
	return l
}

// traceList lists where the events behind a finding are; count is how many there are in all.
func traceList(traces []Trace, count int) web.List {
	l := web.List{ID: "traces", Caption: i18n.T("Where to look", "確認すべき記録"), Count: web.Exactly(int64(count)),
		Dense: true, Columns: []web.ListColumn{
			{Key: "name", Text: i18n.T("Source", "記録元"), Role: web.RoleMain},
			{Key: "record", Text: i18n.T("Record", "記録番号"), Role: web.RoleNum},
			{Key: "at", Text: i18n.T("Event time", "事象の時刻"), Role: web.RoleTime},
			{Key: "event", Text: i18n.T("Event id", "事象番号"), Role: web.RoleWide},
		}, Empty: &web.Empty{Icon: "sensor", Text: i18n.T("The events are no longer listed", "事象の一覧は残っていません")}}
	if count > len(traces) && len(traces) > 0 {
		l.Note = i18n.T("The first {0} are shown.", "最初の {0} 件を表示。").With(len(traces))
	}
	for _, tr := range traces {
		l.Rows = append(l.Rows,
			web.Row{Key: tr.Event, Cells: []any{web.Mono(tr.Name), tr.Record, tr.At, web.Mono(tr.Event)}})
	}
	return l
}

func events(n int) i18n.Text {
	if n == 1 {
		return i18n.T("1 event", "事象 1 件")
	}
	return i18n.T("{0} events", "事象 {0} 件").With(n)
}

// ruleFacts name the rule; own says that it has a page here.
func ruleFacts(it Item, own bool) []web.Fact {
	name, id := i18n.T("Rule", "ルール"),
		any(web.Link{Text: it.Rule.ID, Path: "/findings?rule=" + url.QueryEscape(it.Rule.ID)})
	if own {
		id = web.Link{Text: it.Rule.ID, Path: web.Path("/rules/{0}", it.Rule.ID)}
	}
	level := web.Fact{Name: i18n.T("Level", "重要度"), Value: web.Level(it.Rule.Level)}
	// a value has neither author nor licence; its page is in the next steps
	if it.Rule.ID == it.Indicator && it.Indicator != "" {
		all := web.Link{Text: i18n.T("all findings of this indicator", "この指標によるすべての検知"),
			Path: "/findings?indicator=" + url.QueryEscape(it.Indicator)}
		return []web.Fact{{Name: i18n.T("Indicator", "指標"), Value: web.Lines{web.Value(it.Rule.Title), all}}, level}
	}
	return []web.Fact{
		{Name: name, Value: web.Lines{web.Defang(it.Rule.Title), id}},
		{Name: i18n.T("Author", "作成者"), Value: it.Rule.Author},
		{Name: i18n.T("Licence", "使用許諾"), Value: it.Rule.License},
		level,
	}
}

// timeFacts tell the instants and, where a machine was at work, how long it took.
func timeFacts(it Item, zone *time.Location) []web.Fact {
	exact := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return web.Lines{t, t.In(zone).Format("15:04:05.000")}
	}
	out := []web.Fact{{Name: i18n.T("First event", "最初の事象"), Value: exact(it.First),
		Note: i18n.T("by the record's own clock", "記録元の時計による")}}
	if it.Last.After(it.First) {
		out = append(out, web.Fact{Name: i18n.T("Last event", "最後の事象"), Value: exact(it.Last)})
	}
	if !it.Retro {
		out = append(out, web.Fact{Name: i18n.T("Read by the sensor", "センサーの読み取り"), Value: exact(it.Sensed),
			Note: i18n.T("by the hub's clock", "ハブの時計による")})
	}
	found := web.Fact{Name: i18n.T("Detected", "検知"), Value: exact(it.Detected)}
	if d := it.Detected.Sub(it.Sensed); !it.Retro && d >= 0 && !it.Sensed.IsZero() {
		found.Note = i18n.T("{0} after it was read", "読み取りから {0}").With(svg.Millis(d))
	} else if it.Retro {
		found.Note = i18n.T("by a search of the past", "過去の記録の調査による")
	}
	return append(out, found)
}

func (c PageConfig) facts(ctx context.Context, it Item) []web.Fact {
	var out []web.Fact
	if c.Hub {
		out = append(out, web.Fact{Name: i18n.T("Member", "構成員"), Value: web.Link{Text: c.member(ctx, it.Member),
			Path: web.Path("/members/{0}", it.Member)}})
	}
	host := web.Fact{Name: i18n.T("Host", "ホスト")}
	if it.Host != "" {
		host.Value = web.Mono(it.Host)
	}
	if c.Hub && strings.HasPrefix(it.Host, "host-") {
		host.Note = i18n.T("a pseudonym: the member keeps the name to itself", "仮名。実名は構成員の外に出ていません")
	}
	out = append(out, host)
	user := web.Fact{Name: i18n.T("Account", "アカウント")}
	if it.User != "" {
		user.Value = web.Mono(it.User)
	} else if c.Hub {
		user.Note = i18n.T("not told, or none", "伏せられているか、記録なし")
	}
	out = append(out, user, web.Fact{Name: i18n.T("Events", "事象数"), Value: it.Count})
	if it.Indicator != "" {
		out = append(out, web.Fact{Name: i18n.T("Indicator", "指標"), Value: web.Link{Text: web.Mono(it.Indicator),
			Path: web.Path("/indicators/{0}", it.Indicator)}})
	}
	if it.Listed != nil {
		out = append(out, listFact(*it.Listed))
	}
	return append(out, web.Fact{Name: i18n.T("Who may see this", "閲覧できる範囲"),
		Value: web.Lines{it.Handling, web.TLPText(it.Handling.TLP)}},
		web.Fact{Name: i18n.T("Finding id", "検知番号"), Value: web.Mono(it.ID)})
}

// listFact names the entry of the watchlist by which a finding was made.
func listFact(l msg.ListEntry) web.Fact {
	lines := web.Lines{web.Value(l.Value), i18n.T("source: {0}", "出所：{0}").With(l.Source)}
	if l.ID != "" {
		lines = append(lines, web.Mono(l.ID))
	}
	lines = append(lines, policy.Handling{TLP: l.TLP})
	f := web.Fact{Name: i18n.T("Watchlist entry", "監視リストの項目"), Value: lines,
		Note: i18n.T("the finding may leave as far as your sharing policy lets it", "共有方針の範囲で組織の外に出ることがあります")}
	if l.Stays() {
		f.Note = i18n.T("this marking keeps the finding at this node", "この取扱い区分のため、検知はこのノードの外に出ません")
	}
	return f
}
