package feeds

import (
	"context"
	"embed"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/convert"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

//go:embed templates
var templates embed.FS

func nav() []web.NavItem {
	return []web.NavItem{{Key: "feeds", Path: "/feeds", Text: i18n.T("Feeds", "フィード"), Icon: "download", Letter: "f"}}
}

// pages adds /feeds, a page for each source, and the lists for tools.
func (s *Service) pages(site *web.Site) {
	site.Templates(templates)
	site.Page("/feeds", policy.RoleReader, func(r *web.Request) (*web.View, error) { return s.listView(r, nil) })
	site.Action("/feeds", policy.RoleCoordinator, s.addAction)
	site.Action("/feeds/reach", policy.RoleAdmin, s.reachAction)
	site.Page("/feeds/{id}", policy.RoleReader, func(r *web.Request) (*web.View, error) { return s.oneView(r, nil) })
	site.Action("/feeds/{id}/edit", policy.RoleCoordinator, s.editAction)
	site.Action("/feeds/{id}/look", policy.RoleCoordinator, s.lookAction)
	for name, do := range map[string]func(ctx context.Context, v policy.Viewer, id string) error{
		"run": s.runNow, "take": s.takeAllTheSame,
		"pause": func(ctx context.Context, v policy.Viewer, id string) error { return s.pause(ctx, v, id, true) },
		"start": func(ctx context.Context, v policy.Viewer, id string) error { return s.pause(ctx, v, id, false) },
	} {
		site.Action("/feeds/{id}/"+name, policy.RoleCoordinator, func(r *web.Request) (string, error) {
			id := r.PathValue("id")
			return web.Path("/feeds/{0}", id), do(r.Context(), r.Viewer, id)
		})
	}
	site.Action("/feeds/{id}/remove", policy.RoleCoordinator, s.removeAction)
	site.Action("/feeds/peers", policy.RoleCoordinator, s.peerAction)
	for _, what := range []string{"pause", "start", "remove"} {
		site.Action("/feeds/peers/{id}/"+what, policy.RoleCoordinator, func(r *web.Request) (string, error) {
			return "/feeds", s.changePeer(r.Context(), r.Viewer, r.PathValue("id"), what)
		})
	}
	site.Handle("GET "+outPath+"{file}", s.serveOut(site))
}

// mustBeHub refuses those who are not the hub's: its sources are its own business.
func mustBeHub(v policy.Viewer) error {
	if v.Hub {
		return nil
	}
	return fault.New(fault.NotFound, i18n.T("there is no such feed", "そのフィードはありません"))
}

// listData is the dot of feeds/list.
type listData struct {
	Hub   bool
	List  web.List
	Form  *web.Form
	Add   []web.Field // empty: this viewer adds none
	Reach []web.Field
	Peers []shownPeer
	Peer  []web.Field // empty: this viewer adds none
	Out   []outLine
}

// outLine is a list for tools.
type outLine struct {
	Path  string
	About i18n.Text
}

func (s *Service) listView(r *web.Request, form *web.Form) (*web.View, error) {
	v := &web.View{Template: "feeds/list", Title: i18n.T("Feeds", "フィード"), Nav: "feeds", Live: []string{"feeds"}}
	data := listData{Hub: r.Viewer.Hub, Form: form}
	for _, t := range convert.Targets() {
		data.Out = append(data.Out, outLine{outPath + "indicators." + t.Name, t.About})
	}
	v.Data = data
	if !r.Viewer.Hub {
		v.Lede = i18n.T("Lists for your own tools: firewall, name server, sensors", "自組織の機器（ファイアウォール、ネームサーバー、センサー）用の一覧")
		return v, nil
	}
	all, err := s.all(r.Context())
	if err != nil {
		return nil, err
	}
	peers, err := s.peers(r.Context())
	if err != nil {
		return nil, err
	}
	data.Peers = shownPeers(peers)
	spec := feedList()
	p, err := spec.Of(all, spec.Ask(r))
	if err != nil {
		return nil, err
	}
	failing, waiting, live := 0, 0, int64(0)
	for _, f := range all {
		live += f.Live
		if f.Failures > 0 && !f.Paused {
			failing++
		}
		if !f.Held.Zero() {
			waiting++
		}
	}
	v.Lede = i18n.T("{0} sources with {1} objects; {2} failing, {3} to look at",
		"出所 {0} 件、オブジェクト {1} 件。失敗 {2}、要確認 {3}").
		With(len(all), web.Number(live), failing, waiting)
	data.List = spec.View(r, p)
	if keeps(r.Viewer) {
		data.Peer = peerFields()
		data.Add = fields(Feed{Every: int64((6 * time.Hour).Seconds()), Kind: List}, true)
	}
	if identity.AtLeast(r.Viewer.Role, policy.RoleAdmin) {
		if data.Reach, err = s.reachFields(r.Context()); err != nil {
			return nil, err
		}
	}
	v.Data, v.CSV = data, spec.Table(p)
	return v, nil
}

// reachFields are the settings of how far addresses are followed.
func (s *Service) reachFields(ctx context.Context) ([]web.Field, error) {
	networks, _, err := s.DB.Setting(ctx, settingNetworks)
	if err != nil {
		return nil, err
	}
	plain, _, err := s.DB.Setting(ctx, settingPlain)
	return []web.Field{
		{Name: "networks", Label: i18n.T("Networks of your own that may be read", "読み取りを許可する内部ネットワーク"),
			Kind: "textarea", Rows: 3,
			Mono: true, Value: networks, Hint: "10.1.2.0/24",
			Help: i18n.T("One a line. Addresses that are not public are refused without it, so that no feed reads "+
				"what only the hub can reach.",
				"1 行に 1 つ。指定がなければ、公開されていないアドレスは拒否します。ハブだけが届く機器を読み取られないためです。")},
		{Name: "plain", Label: i18n.T("Allow http", "http を許可"), Kind: "check", Value: plain, Options: nil,
			Help: i18n.T("Anybody on the way can change what comes over plain http.", "http では経路上の誰でも内容を変えられます。")},
	}, err
}

func (s *Service) reachAction(r *web.Request) (string, error) {
	if !r.Viewer.Hub {
		return "", mustKeep(r.Viewer)
	}
	form := web.FormOf(r)
	var list []string
	for line := range strings.FieldsSeq(r.Value("networks")) {
		p, err := netip.ParsePrefix(line)
		if err != nil || p.Masked() != p || len(list) == 100 {
			form.Wrong("networks", i18n.T("{0} is no network such as 10.1.2.0/24",
				"{0} は 10.1.2.0/24 のようなネットワークではありません").With(line))
			v, err := s.listView(r, form)
			if err != nil {
				return "", err
			}
			return "", web.Again(v, form.Err())
		}
		list = append(list, p.String())
	}
	plain := ""
	if r.Value("plain") != "" {
		plain = "yes"
	}
	ctx := r.Context()
	if err := s.DB.SetSetting(ctx, settingNetworks, strings.Join(list, "\n")); err != nil {
		return "", err
	}
	if err := s.DB.SetSetting(ctx, settingPlain, plain); err != nil {
		return "", err
	}
	err := s.DB.Write(ctx, system(), func(tx *store.Tx) error {
		return identity.Audit(tx, r.Viewer, "feed.reach", "", map[string]any{"networks": list, "plain": plain != ""})
	})
	r.Flash(i18n.T("Saved.", "保存しました。"))
	return "/feeds", err
}

// labels are the markings that a source may be given.
func labels(now policy.TLP) []web.Option {
	out := []web.Option{{Text: i18n.T("choose", "選択してください"), On: !now.Known()}}
	for _, t := range []policy.TLP{policy.Clear, policy.Green, policy.Amber, policy.AmberStrict, policy.Red} {
		out = append(out, web.Option{Value: t.Slug(), Text: i18n.T("{0}: {1}", "{0}：{1}").With(t.String(),
			web.TLPText(t)), On: t == now})
	}
	return out
}

// intervals are how often a source may be read.
var intervals = []struct {
	every time.Duration
	text  i18n.Text
}{
	{5 * time.Minute, i18n.T("every 5 minutes", "5 分ごと")}, {15 * time.Minute, i18n.T("every 15 minutes", "15 分ごと")},
	{time.Hour, i18n.T("every hour", "1 時間ごと")}, {6 * time.Hour, i18n.T("every 6 hours", "6 時間ごと")},
	{24 * time.Hour, i18n.T("every day", "1 日ごと")}, {7 * 24 * time.Hour, i18n.T("every week", "1 週間ごと")},
}

// intervalText says how often.
func intervalText(seconds int64) i18n.Text {
	for _, x := range intervals {
		if int64(x.every.Seconds()) == seconds {
			return x.text
		}
	}
	return i18n.T("every {0} minutes", "{0} 分ごと").With(seconds / 60)
}

// fields are those of the form for a source.
func fields(f Feed, fresh bool) []web.Field {
	kind := web.Field{Name: "kind", Label: i18n.T("What it is", "種類"), Kind: "select"}
	for _, k := range kinds {
		kind.Options = append(kind.Options, web.Option{Value: string(k.Kind), Text: k.Text, On: k.Kind == f.Kind})
	}
	every := web.Field{Name: "every", Label: i18n.T("How often", "取得の間隔"), Kind: "select"}
	for _, x := range intervals {
		n := int64(x.every.Seconds())
		every.Options = append(every.Options, web.Option{Value: fmt.Sprint(n), Text: x.text, On: n == f.Every})
	}
	complete := ""
	if f.Complete {
		complete = "yes"
	}
	list := []web.Field{
		{Name: "address", Label: i18n.T("Address", "アドレス"), Required: true, Max: maxAddress, Mono: true, Auto: "off",
			Value: f.Address,
			Hint:  "https://feed.example/list.csv"},
		kind,
		{Name: "collection", Label: i18n.T("Collection", "コレクション"), Mono: true, Max: 200, Auto: "off",
			Value: f.Collection,
			Help:  i18n.T("Of TAXII only: its id, if the address does not name it.", "TAXII のみ：アドレスに含まれない場合の ID。")},
		{Name: "label", Label: i18n.T("Who may see what it gives", "取扱区分"), Kind: "select", Required: true,
			Options: labels(f.Label),
			Help:    i18n.T("What is marked more strictly in the source stays so.", "出所でより厳しい区分が付いているものは、その区分のままです。")},
		every,
		{Name: "complete", Label: i18n.T("It is a complete list: what is gone from it has ended",
			"完全な一覧である（消えた項目は終了とみなす）"), Kind: "check",
			Value: complete},
		{Name: "login", Label: i18n.T("Name to sign in with", "認証の名前"), Max: 200, Auto: "off", Value: f.Login,
			Help: i18n.T("Empty for a token.", "トークンの場合は空欄。")},
		{Name: "secret", Label: i18n.T("Password or token", "パスワードまたはトークン"), Kind: "password", Max: 2000, Auto: "off",
			Help: i18n.T("A token, or NAME: VALUE for a header of its own. Empty keeps what is there.",
				"トークン。独自のヘッダーは「名前: 値」。空欄なら変更しません。")},
		{Name: "columns", Label: i18n.T("Columns", "列"), Mono: true, Max: 200, Auto: "off", Value: f.Columns,
			Hint: "value=2;type=1",
			Help: i18n.T("Of tables that do not say. What a list is, is told by its content.",
				"見出しのない表のみ。形式は内容から判別します。")},
	}
	if fresh {
		name := web.Field{Name: "name", Label: i18n.T("Name", "名前"), Required: true, Max: maxName, Auto: "off"}
		list = append([]web.Field{name}, list...)
	}
	return list
}

// sent reads the form.
func sent(r *web.Request, form *web.Form, f Feed) Feed {
	f.Address, f.Kind, f.Collection = form.Get("address"), Kind(form.Get("kind")), form.Get("collection")
	f.Login, f.Secret, f.Columns = form.Get("login"), r.PostFormValue("secret"), form.Get("columns")
	f.Complete = form.Get("complete") != ""
	f.Label, _ = policy.ParseTLP(form.Get("label"))
	if form.Get("label") == "" {
		f.Label = 0
	}
	_, _ = fmt.Sscan(form.Get("every"), &f.Every)
	f.check(form.Wrong)
	return f
}

func (s *Service) addAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	form := web.FormOf(r)
	f := sent(r, form, Feed{Name: strings.TrimSpace(form.Get("name"))})
	if form.Err() == nil {
		var err error
		if f, err = s.add(r.Context(), r.Viewer, f); err == nil {
			r.Flash(i18n.T("Added, and not read yet: look what would come, and start it.",
				"追加しました。まだ取得していません。内容を確認してから開始してください。"))
			return web.Path("/feeds/{0}", f.ID), nil
		} else if !fault.Is(err, fault.Conflict) {
			return "", err
		} else {
			form.Wrong("name", fault.TextOf(err))
		}
	}
	v, err := s.listView(r, form)
	if err != nil {
		return "", err
	}
	return "", web.Again(v, form.Err())
}

func (s *Service) editAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	id := r.PathValue("id")
	old, err := s.get(r.Context(), id)
	if err != nil {
		return "", err
	}
	form := web.FormOf(r)
	f := sent(r, form, old)
	if form.Err() != nil {
		v, err := s.oneView(r, form)
		if err != nil {
			return "", err
		}
		return "", web.Again(v, form.Err())
	}
	r.Flash(i18n.T("Saved.", "保存しました。"))
	return web.Path("/feeds/{0}", id), s.edit(r.Context(), r.Viewer, f)
}

func (s *Service) removeAction(r *web.Request) (string, error) {
	if err := mustKeep(r.Viewer); err != nil {
		return "", err
	}
	id := r.PathValue("id")
	f, err := s.get(r.Context(), id)
	if err != nil {
		return "", err
	}
	form := web.FormOf(r)
	if strings.TrimSpace(form.Get("confirm")) != f.Name {
		form.Wrong("confirm", i18n.T("type its name: {0}", "名前を入力してください：{0}").With(f.Name))
		v, err := s.oneView(r, form)
		if err != nil {
			return "", err
		}
		return "", web.Again(v, form.Err())
	}
	if err := s.remove(r.Context(), r.Viewer, id); err != nil {
		return "", err
	}
	r.Flash(i18n.T("{0} is removed, and what it gave has ended.", "{0} を削除し、取り込んだ項目を終了しました。").With(f.Name))
	return "/feeds", nil
}
