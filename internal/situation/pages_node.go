package situation

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/web"
)

// NodeConfig says where a node's first page takes its parts from.
type NodeConfig struct {
	Clock clock.Clock
	// Status tells how the node is, as far as the viewer may see it.
	Status func(ctx context.Context, v policy.Viewer) (NodeStatus, error)
	// Rules lists the member's own rules; nil leaves their page out.
	Rules func(ctx context.Context) (RuleReport, error)
}

// NodeStatus is how a node is.
type NodeStatus struct {
	Member, Hub string // their names
	HubURL      string
	Connected   bool
	Problem     error         // why it is cut off, as a fault; nil if that is not known
	Since       time.Time     // connected, or cut off, since then; zero: not known
	Skew        time.Duration // the hub's clock minus ours

	Waiting int64 // messages that wait for a person
	Ready   int64 // messages that leave by themselves as soon as they can

	Findings      []FindingLine // the newest
	FindingsTotal int64

	Rules, Refused int   // own rules that are loaded, and that were refused
	Armed          int   // indicators that are armed
	Hunting        int64 // searches of the past that are not done yet

	Events int64     // in the node's history
	Bytes  int64     // on disk
	Oldest time.Time // event time; zero without events

	Sensors []SensorLine
	Unread  []UnreadLine // the newest first
}

// FindingLine is a finding in a list.
type FindingLine struct {
	ID, Title, Level string
	Host             string
	Count            int
	Retro            bool
	At               time.Time
	Handling         policy.Handling
}

// SensorLine is where events come from.
type SensorLine struct {
	Name    string // a path, an address
	Kind    string // "file", "syslog", "otlp"
	Events  int64  // since the node was started
	Bad     int64  // records that it could not read
	Dropped int64  // messages that came faster than they could be kept
	Last    time.Time
	Problem i18n.Text // empty: it works
}

// UnreadLine is a record or a file that a sensor could not read.
type UnreadLine struct {
	At     time.Time
	Where  string
	Record int64 // 0: the file as a whole
	Reason i18n.Text
}

// NodePages adds a node's first page, "/", and "/rules".
func NodePages(site *web.Site, c NodeConfig) {
	site.Templates(Templates())
	site.Page("/", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		s, err := c.Status(r.Context(), r.Viewer)
		if err != nil {
			return nil, err
		}
		return s.view(c.Clock()), nil
	})
	if c.Rules == nil {
		return
	}
	site.Page("/rules", policy.RoleReader, func(r *web.Request) (*web.View, error) {
		rep, err := c.Rules(r.Context())
		if err != nil {
			return nil, err
		}
		return rep.view(r)
	})
}

// nodeData is the dot of situation/node.
type nodeData struct {
	NodeStatus
	Cut      bool
	Findings web.List
	Sensors  web.List
	Unread   *web.List
	Facts    []web.Fact
}

func (s NodeStatus) view(now time.Time) *web.View {
	v := &web.View{Template: "situation/node", Title: i18n.T("Situation", "状況"), Nav: "situation", Wide: true,
		Lede: web.Run{s.Member, now},
		Live: []string{"situation", "findings", "indicators", "outgoing"}}
	v.State = &web.Badge{Text: i18n.T("connected to the hub", "ハブに接続中"), Mood: web.Good, Icon: "check"}
	if !s.Connected {
		v.State = &web.Badge{Text: i18n.T("cut off from the hub", "ハブと切断中"), Mood: web.Warn, Icon: "warn"}
	}
	if s.Waiting > 0 {
		v.Next = append(v.Next,
			web.Next{Text: i18n.T("Decide on what waits to leave ({0})", "送信待ち {0} 件を確認する").With(s.Waiting),
				Path: "/outgoing",
				Note: i18n.T("nothing of it has left this organisation", "まだ組織の外に出ていません")})
	}
	if s.Refused > 0 {
		v.Next = append(v.Next,
			web.Next{Text: i18n.T("Look at the refused rules ({0})", "読み込めなかったルール {0} 件を見る").With(s.Refused),
				Path: "/rules?show=refused"})
	}
	d := nodeData{NodeStatus: s, Cut: !s.Connected, Findings: s.findings(), Sensors: s.sensors(), Unread: s.unread(),
		Facts: s.facts()}
	v.Data, v.CSV = d, d.Findings.Table()
	return v
}

func (s NodeStatus) facts() []web.Fact {
	hub := web.Lines{s.Hub, web.Mono(s.HubURL)}
	out := []web.Fact{{Name: i18n.T("Hub", "ハブ"), Value: hub}}
	since := web.Fact{Name: i18n.T("Connected since", "接続開始"), Value: s.Since}
	if !s.Connected {
		since = web.Fact{Name: i18n.T("Cut off since", "切断開始"), Value: s.Since,
			Note: i18n.T("Detection goes on here. When the line is back, this node catches up by itself.",
				"検知は続いています。回線が戻れば、このノードが自動で追いつきます。")}
		if s.Problem != nil {
			out = append(out, web.Fact{Name: i18n.T("Why it is cut off", "切断の理由"), Value: fault.TextOf(s.Problem),
				Note: fault.HintOf(s.Problem)})
		}
	}
	out = append(out, since,
		web.Fact{Name: i18n.T("Waiting for a person", "確認待ち"), Value: web.Link{Text: s.Waiting, Path: "/outgoing"},
			Note: i18n.T("your policy keeps these here until somebody decides", "方針により、確認されるまで外に出ません")},
		web.Fact{Name: i18n.T("About to leave", "送信予定"), Value: s.Ready},
		web.Fact{Name: i18n.T("Events kept here", "保存中の事象"), Value: web.Run{s.Events, web.Bytes(s.Bytes)},
			Note: i18n.T("raw events never leave this node", "生の事象はこのノードの外に出ません")},
		web.Fact{Name: i18n.T("Oldest event", "最古の事象"), Value: web.Day(s.Oldest)},
	)
	if s.Skew.Abs() > time.Second {
		out = append(out, web.Fact{Name: i18n.T("Clock against the hub's", "ハブとの時刻差"), Value: s.Skew,
			Note: i18n.T("set this machine's clock right (NTP)", "この端末の時刻を合わせてください（NTP）")})
	}
	return out
}

func (s NodeStatus) findings() web.List {
	l := web.List{ID: "n-findings", Caption: i18n.T("Latest findings", "最近の検知"), Count: web.Exactly(s.FindingsTotal),
		All: &web.Link{Text: i18n.T("All findings", "すべての検知"), Path: "/findings"},
		Columns: []web.ListColumn{
			{Key: "level", Text: i18n.T("Level", "重要度"), Role: web.RoleSev},
			{Key: "finding", Text: i18n.T("Finding", "検知"), Role: web.RoleMain},
			{Key: "marking", Text: i18n.T("Marking", "取扱い"), Role: web.RoleMark},
			{Key: "count", Text: i18n.T("Events", "事象"), Role: web.RoleNum},
			{Key: "at", Text: i18n.T("When", "時刻"), Role: web.RoleTime},
		},
		Empty: &web.Empty{Icon: "findings", Text: i18n.T("Nothing found yet", "まだ検知はありません"),
			How: i18n.T("Every event that the sensors read is matched against {0} rules and {1} indicators.",
				"センサーが読んだ事象はすべて、ルール {0} 件と指標 {1} 件に照合されます。").With(s.Rules, s.Armed)}}
	for _, f := range s.Findings {
		sub := web.Run{}
		if f.Host != "" {
			sub = append(sub, web.Mono(f.Host))
		}
		if f.Retro {
			sub = append(sub, i18n.T("found in the past", "過去の記録から発見"))
		}
		main := web.Lines{web.Defang(f.Title)}
		if len(sub) > 0 {
			main = append(main, sub)
		}
		l.Rows = append(l.Rows, web.Row{Key: f.ID, Path: web.Path("/findings/{0}", f.ID),
			Cells: []any{web.Level(f.Level), main, policy.Handling{TLP: f.Handling.TLP}, f.Count, web.Brief(f.At)}})
	}
	return l
}

func (s NodeStatus) sensors() web.List {
	l := web.List{ID: "n-sensors", Caption: i18n.T("Sensors", "センサー"), Count: web.Exactly(int64(len(s.Sensors))),
		Dense: true,
		Columns: []web.ListColumn{
			{Key: "name", Text: i18n.T("Sensor", "センサー"), Role: web.RoleMain},
			{Key: "state", Text: i18n.T("State", "状態"), Role: web.RoleNote},
			{Key: "events", Text: i18n.T("Events", "事象"), Role: web.RoleNum},
			{Key: "bad", Text: i18n.T("Unreadable", "読めない記録"), Role: web.RoleNum},
			{Key: "last", Text: i18n.T("Last", "最終"), Role: web.RoleTime},
		},
		Empty: &web.Empty{Icon: "sensor", Text: i18n.T("No sensors", "センサーがありません"),
			How: i18n.T("Start the node with --watch PATH, --syslog ADDRESS or --otlp ADDRESS.",
				"--watch パス、--syslog アドレス、--otlp アドレスのいずれかを付けてノードを起動してください。")}}
	for _, n := range s.Sensors {
		state := any(web.Badge{Text: i18n.T("reading", "受信中"), Mood: web.Good})
		if !n.Problem.Zero() {
			state = web.Lines{web.Badge{Text: i18n.T("problem", "問題あり"), Mood: web.Warn, Icon: "warn"}, n.Problem}
		} else if n.Last.IsZero() {
			state = web.Badge{Text: i18n.T("nothing yet", "受信なし"), Mood: web.Dim}
		}
		if n.Dropped > 0 {
			state = web.Lines{state, i18n.T("{0} messages lost: they came faster than they could be kept",
				"取りこぼし {0} 件：保存が受信に追いつきませんでした").With(n.Dropped)}
		}
		l.Rows = append(l.Rows, web.Row{
			Key:   n.Kind + " " + n.Name,
			Cells: []any{web.Lines{web.Mono(n.Name), i18n.Same(n.Kind)}, state, n.Events, n.Bad, web.Brief(n.Last)},
			Hot:   n.Dropped > 0,
		})
	}
	return l
}

// unread lists what could not be read; nothing where all could.
func (s NodeStatus) unread() *web.List {
	if len(s.Unread) == 0 {
		return nil
	}
	l := web.List{ID: "n-unread", Caption: i18n.T("What could not be read", "読めなかったもの"), Dense: true,
		Columns: []web.ListColumn{
			{Key: "where", Text: i18n.T("File, record", "ファイル・記録"), Role: web.RoleMain},
			{Key: "why", Text: i18n.T("Why", "理由"), Role: web.RoleNote},
			{Key: "at", Text: i18n.T("When", "日時"), Role: web.RoleTime},
		}}
	for _, u := range s.Unread {
		where := web.Lines{web.Mono(u.Where)}
		if u.Record > 0 {
			where = append(where, i18n.T("record {0}", "{0} 件目").With(u.Record))
		}
		l.Rows = append(l.Rows, web.Row{Cells: []any{where, u.Reason, web.Brief(u.At)}})
	}
	return &l
}
