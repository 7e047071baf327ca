package feeds

import (
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/web"
)

// states of a source, the worst first.
const (
	stateHeld    = "held"
	stateFailing = "failing"
	stateRunning = "running"
	stateOK      = "ok"
	stateNew     = "new"
	statePaused  = "paused"
)

func (f Feed) state() string {
	switch {
	case f.running != nil:
		return stateRunning
	case !f.Held.Zero():
		return stateHeld
	case f.Paused && f.Tried.IsZero():
		return stateNew
	case f.Paused:
		return statePaused
	case f.Failures > 0:
		return stateFailing
	}
	return stateOK
}

func (f Feed) badge() web.Badge {
	switch f.state() {
	case stateHeld:
		return web.Badge{Text: i18n.T("held: look at it", "要確認"), Mood: web.Hot}
	case stateFailing:
		return web.Badge{Text: i18n.T("failing", "取得失敗"), Mood: web.Warn}
	case stateRunning:
		return web.Badge{Text: i18n.T("being read", "取得中"), Mood: web.Info}
	case stateNew:
		return web.Badge{Text: i18n.T("not started", "未開始"), Mood: web.Info}
	case statePaused:
		return web.Badge{Text: i18n.T("paused", "停止中"), Mood: web.Dim}
	}
	return web.Badge{Text: i18n.T("in order", "正常"), Mood: web.Good, Icon: "check"}
}

// doing says how far a reading is.
func (f Feed) doing() i18n.Text {
	if f.running == nil {
		return i18n.Text{}
	}
	switch stage, n := f.running.get(); stage {
	case fetching:
		return i18n.T("fetching: {0} kB", "取得中：{0} kB").With(web.Number(n >> 10))
	case reading:
		return i18n.T("reading the document", "文書を読み取り中")
	default:
		return i18n.T("keeping: {0} objects", "格納中：{0} 件").With(web.Number(n))
	}
}

func (f Feed) kindText() i18n.Text {
	for _, k := range kinds {
		if k.Kind == f.Kind {
			return k.Text
		}
	}
	return i18n.Same(string(f.Kind))
}

// feedList describes the list of sources, the worst first.
func feedList() list.Spec[Feed] {
	term := func(of func(Feed) any, desc bool) list.Term[Feed] { return list.Term[Feed]{Of: of, Desc: desc} }
	name := term(func(f Feed) any { return f.Name }, false)
	state := list.Rank("", Feed.state, stateHeld, stateFailing, stateRunning, stateNew, stateOK, statePaused)
	return list.Spec[Feed]{
		Key: []list.Term[Feed]{term(func(f Feed) any { return f.ID }, false)},
		Sorts: []list.Sort[Feed]{
			{Name: "state", Text: i18n.T("what needs somebody first", "対応が必要な順"), By: []list.Term[Feed]{state, name}},
			{Name: "name", Text: i18n.T("by name", "名前順"), By: []list.Term[Feed]{name}},
			{Name: "age", Text: i18n.T("longest not read first", "取得の古い順"), Back: i18n.T("last read first", "取得の新しい順"),
				By: []list.Term[Feed]{term(func(f Feed) any { return f.Succeeded }, false)}},
			{Name: "live", Text: i18n.T("most objects first", "件数の多い順"), Back: i18n.T("fewest objects first",
				"件数の少ない順"),
				By: []list.Term[Feed]{term(func(f Feed) any { return f.Live }, true)}},
			{Name: "refused", Text: i18n.T("most refused first", "拒否の多い順"), Back: i18n.T("fewest refused first",
				"拒否の少ない順"),
				By: []list.Term[Feed]{term(func(f Feed) any { return f.Refused }, true)}},
		},
		Name: "feeds", Path: "/feeds", Caption: i18n.T("Sources", "出所"), All: i18n.T("sources", "出所"),
		Columns: []list.Column[Feed]{
			{Key: "name", Text: i18n.T("Source", "出所"), Role: web.RoleMain, Sort: "name", Cell: func(f Feed) any {
				return web.Lines{f.Name, web.Run{f.kindText(), intervalText(f.Every)}}
			}, Data: func(f Feed) any { return f.Name }},
			{Key: "state", Text: i18n.T("State", "状態"), Sort: "state", Cell: func(f Feed) any {
				if d := f.doing(); !d.Zero() {
					return web.Lines{f.badge(), d}
				}
				return f.badge()
			}, Data: func(f Feed) any { return f.state() }},
			{Key: "read", Text: i18n.T("Last read", "最終取得"), Role: web.RoleTime, Sort: "age",
				Cell: func(f Feed) any { return web.Brief(f.Succeeded) },
				Data: func(f Feed) any { return f.Succeeded }},
			{Key: "live", Text: i18n.T("Objects", "件数"), Role: web.RoleNum, Sort: "live",
				Cell: func(f Feed) any { return f.Live },
				Data: func(f Feed) any { return f.Live }},
			{Key: "refused", Text: i18n.T("Refused", "拒否"), Role: web.RoleNum, Sort: "refused",
				Cell: func(f Feed) any { return f.Refused }, Data: func(f Feed) any { return f.Refused }},
			{Key: "label", Text: i18n.T("Marking", "取扱区分"), Cell: func(f Feed) any { return f.Label },
				Data: func(f Feed) any { return f.Label.String() }},
		},
		Filters: []list.Filter[Feed]{
			{Name: "q", Kind: list.Words, Text: i18n.T("Name or address", "名前・アドレス"),
				Match: func(f Feed, typed string) bool { return list.Holds(f.Name+" "+f.Address, typed) }},
		},
		Row: func(f Feed) web.Row {
			return web.Row{Key: f.ID, Path: web.Path("/feeds/{0}", f.ID), Dim: f.Paused, Hot: !f.Held.Zero()}
		},
		Empty: &web.Empty{Icon: "download", Text: i18n.T("Nothing is read yet", "取得している出所はありません"),
			How: i18n.T("Name an address with the form below: what it holds is told by its content, and you see "+
				"what would come before "+
				"anything is taken.", "下の欄でアドレスを指定してください。形式は内容から判別し、取り込む前に何が入るかを確認できます。")},
	}
}

// ago is a point in time as it is shown; zero is never.
func ago(t time.Time) any {
	if t.IsZero() {
		return i18n.T("never", "なし")
	}
	return t
}
