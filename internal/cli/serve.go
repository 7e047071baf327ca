package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/meneki/meneki/internal/hub"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/node"
	"github.com/meneki/meneki/internal/share/release"
)

// hubFlags are the hub's settings; hub.Config says what each means.
type hubFlags struct {
	Data      string `help:"Folder of everything the hub keeps." ja:"ハブのすべてを保存するフォルダー" placeholder:"DIR" jaholder:"フォルダー" default:"meneki-hub" type:"path" env:"MENEKI_DATA"`
	Name      string `help:"What the hub is called." ja:"ハブの名称" placeholder:"NAME" jaholder:"名称" default:"meneki hub" env:"MENEKI_NAME"`
	Listen    string `help:"Address of console and API. HTTP on loopback, HTTPS elsewhere." ja:"画面と API のアドレス。ループバックでは HTTP、ほかでは HTTPS" placeholder:"ADDR" jaholder:"アドレス" default:"127.0.0.1:8470" env:"MENEKI_LISTEN"`
	Bus       string `help:"Address that nodes connect to (TLS)." ja:"ノードの接続先アドレス（TLS）" placeholder:"ADDR" jaholder:"アドレス" default:"127.0.0.1:8480" env:"MENEKI_BUS"`
	Public    string `help:"URL under which the hub is reached, if not --listen." ja:"ハブに届く URL（--listen と異なる場合）" placeholder:"URL" jaholder:"URL" env:"MENEKI_PUBLIC"`
	DB        string `help:"PostgreSQL URL. Default: SQLite in --data." ja:"PostgreSQL の URL。既定は --data 内の SQLite" placeholder:"URL" jaholder:"URL" env:"MENEKI_DB"`
	CaseLevel string `help:"Lowest rule level that opens a case: informational, low, medium, high, critical." ja:"事案を開くルールの最低の深刻度：informational、low、medium、high、critical" placeholder:"LEVEL" jaholder:"深刻度" default:"medium" env:"MENEKI_CASE_LEVEL"`

	Warninglists string `help:"Folder of MISP's warninglists: values on them are named where reports are composed, and do not act in events of MISP." ja:"MISP の警告リストのフォルダー。載っている値は作成画面に表示し、MISP のイベントでは照合に使わない" placeholder:"DIR" jaholder:"フォルダー" type:"path" env:"MENEKI_WARNINGLISTS"`
}

func (f hubFlags) config(s *session) hub.Config {
	return hub.Config{Data: f.Data, Name: f.Name, Listen: f.Listen, Bus: f.Bus, Public: f.Public, DB: f.DB,
		CaseLevel: f.CaseLevel, Warninglists: f.Warninglists, Lang: s.lang, Log: s.log}
}

type hubCmd struct{ hubFlags }

// Run runs a hub until it is stopped.
func (c *hubCmd) Run(s *session) error {
	cfg := c.config(s)
	h, err := hub.Open(s.ctx, cfg)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := remember(place{Data: c.Data, DB: c.DB, URL: h.URL()}); err != nil {
		s.log.Debug("could not note where the hub is", "err", err)
	}
	fmt.Fprintf(s.out, "%s  %s\n", pad(c.Name, 24), h.URL())
	link, err := h.FirstRun(s.ctx)
	if err != nil {
		return err
	}
	if link != "" {
		s.say(i18n.T("Nobody can sign in yet. Open this link once, within 24 hours, to become the administrator:",
			"まだ誰もサインインできません。24 時間以内に次のリンクを一度だけ開き、管理者になってください："))
		fmt.Fprintln(s.out, "  "+link)
	}
	s.say(i18n.T("Invite a member with: meneki member invite \"NAME\" --sector SECTOR",
		"構成員の招待：meneki member invite \"名称\" --sector 分野"))
	return h.Run(s.ctx)
}

// nodeFlags are the node's settings; node.Config says what each means.
type nodeFlags struct {
	Data      string   `help:"Folder of everything the node keeps." ja:"ノードのすべてを保存するフォルダー" placeholder:"DIR" jaholder:"フォルダー" default:"meneki-node" type:"path" env:"MENEKI_DATA"`
	Listen    string   `help:"Address of the node's own console; --listen= for none." ja:"ノード自身の画面のアドレス。--listen= で画面なし" placeholder:"ADDR" jaholder:"アドレス" default:"127.0.0.1:8471" env:"MENEKI_LISTEN"`
	Join      string   `help:"URL of the hub (first start only)." ja:"ハブの URL（初回の起動のみ）" placeholder:"URL" jaholder:"URL" env:"MENEKI_JOIN"`
	Token     string   `help:"The invitation (first start only)." ja:"招待のトークン（初回の起動のみ）" placeholder:"TOKEN" jaholder:"トークン" env:"MENEKI_TOKEN"`
	Watch     []string `help:"Files and folders to follow." ja:"追跡するファイルとフォルダー" placeholder:"PATH" jaholder:"パス" type:"path" env:"MENEKI_WATCH"`
	Rules     []string `help:"The member's own Sigma rules: files and folders." ja:"構成員独自の Sigma ルール：ファイルとフォルダー" placeholder:"PATH" jaholder:"パス" type:"path" env:"MENEKI_RULES"`
	Builtin   bool     `help:"Use the rules that come with meneki too." ja:"meneki 付属のルールも使用" default:"true" negatable:"" name:"builtin-rules" env:"MENEKI_BUILTIN_RULES"`
	Pipeline  []string `help:"Processing pipelines for the member's own rules and the hub's: pySigma files, or names of those that are built in." ja:"構成員独自のルールとハブのルールに適用するパイプライン：pySigma のファイルか、内蔵のものの名前" placeholder:"NAME" jaholder:"名前" env:"MENEKI_PIPELINE"`
	Accounts  []string `help:"Account lists (CSV, LDIF, JSON), so that one person is followed under all names; read at each start." ja:"アカウント一覧（CSV、LDIF、JSON）。一人を複数の名前にわたって追跡。起動のたびに読み込み" placeholder:"PATH" jaholder:"パス" type:"path" env:"MENEKI_ACCOUNTS"`
	Domain    string   `help:"NetBIOS domain of user names in account lists that state none." ja:"アカウント一覧で記載のないユーザー名の NetBIOS ドメイン" placeholder:"NAME" jaholder:"名前" name:"accounts-domain" env:"MENEKI_ACCOUNTS_DOMAIN"`
	Places    string   `help:"A table of networks and where they are (CSV: network, latitude, longitude), to see impossible travel." ja:"ネットワークと位置の表（CSV：ネットワーク、緯度、経度）。不可能な移動の検知に使用" placeholder:"PATH" jaholder:"パス" type:"path" env:"MENEKI_PLACES"`
	Syslog    string   `help:"Address for syslog over UDP and TCP." ja:"syslog（UDP と TCP）を受けるアドレス" placeholder:"ADDR" jaholder:"アドレス" env:"MENEKI_SYSLOG"`
	SyslogTLS string   `help:"Address for syslog over TLS." ja:"syslog（TLS）を受けるアドレス" placeholder:"ADDR" jaholder:"アドレス" env:"MENEKI_SYSLOG_TLS"`
	OTLP      string   `help:"Address for OpenTelemetry logs over HTTP." ja:"OpenTelemetry のログ（HTTP）を受けるアドレス" placeholder:"ADDR" jaholder:"アドレス" env:"MENEKI_OTLP"`
	Share     string   `help:"What leaves the node by itself, until changed on its Settings page: cautious, open, manual." ja:"設定画面で変更するまで、自動で外に出る情報の方針：cautious、open、manual" placeholder:"POLICY" jaholder:"方針" default:"cautious" env:"MENEKI_SHARE"`
	OwnDomain []string `help:"Domains that are never indicators." ja:"指標の対象外とするドメイン" placeholder:"DOMAIN" jaholder:"ドメイン" env:"MENEKI_OWN_DOMAIN"`
	HuntCores int      `help:"Most processors for searching the past; 0 for all. Live events go first in any case." ja:"過去の調査に使うプロセッサー数の上限。0 で全部。現在の事象が常に優先" placeholder:"N" jaholder:"数" default:"0" env:"MENEKI_HUNT_CORES"`
	KeepBytes int64    `help:"Most bytes of history to keep; 0 for all." ja:"保存する履歴の最大バイト数。0 で全部" placeholder:"BYTES" jaholder:"バイト数" default:"0" env:"MENEKI_KEEP_BYTES"`
	KeepDays  int      `help:"Most days of history to keep; 0 for all." ja:"保存する履歴の最大日数。0 で全部" placeholder:"DAYS" jaholder:"日数" default:"0" env:"MENEKI_KEEP_DAYS"`
}

func (f nodeFlags) config(s *session, more []string) (node.Config, error) {
	r, err := release.Preset(f.Share)
	return node.Config{Data: f.Data, Listen: f.Listen, Join: f.Join, Token: f.Token, Watch: append(f.Watch, more...),
		Rules: f.Rules, Builtin: f.Builtin, Pipelines: f.Pipeline, Accounts: f.Accounts, AccountsDomain: f.Domain,
		Places: f.Places, Syslog: f.Syslog, SyslogTLS: f.SyslogTLS, OTLP: f.OTLP,
		Share: r, OwnDomains: f.OwnDomain, HuntCores: max(f.HuntCores, 0), KeepBytes: f.KeepBytes, KeepDays: f.KeepDays,
		Control: true, Lang: s.lang, Log: s.log}, err
}

type nodeCmd struct {
	nodeFlags
	More []string `arg:"" optional:"" name:"path" jaholder:"パス" help:"More files and folders to follow." ja:"ほかに追跡するファイルとフォルダー" type:"path"`
}

// Run runs a node until it is stopped.
func (c *nodeCmd) Run(s *session) error {
	cfg, err := c.config(s, c.More)
	if err != nil {
		return err
	}
	n, err := node.Open(s.ctx, cfg, nil)
	if err != nil {
		return err
	}
	defer n.Close()
	rules, _ := n.Counts()
	fmt.Fprintf(s.out, "%s  %s\n", pad(n.Name(), 24), n.URL())
	s.say(i18n.T("{0} {0:rule|rules} loaded, {1} refused", "ルール {0} 件を読み込み、{1} 件を拒否").With(rules, n.RefusedRules()))
	link, err := n.FirstRun(s.ctx)
	if err != nil {
		return err
	}
	if link != "" {
		s.say(i18n.T("Open this link once, within 24 hours, to become the administrator of this node:",
			"24 時間以内に次のリンクを一度だけ開き、このノードの管理者になってください："))
		fmt.Fprintln(s.out, "  "+link)
	}
	return n.Run(s.ctx)
}

// place is where a hub runs on this machine, so that the commands beside it
// find it without being told.
type place struct {
	Data string `json:"data"`
	DB   string `json:"db,omitempty"`
	URL  string `json:"url"`
}

func placeFile() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "meneki", "hub.json"), nil
}
