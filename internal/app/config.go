// Package app composes meneki: it opens what a hub or a node stands on, gives
// each capability what it needs, wires what they say to one another, runs it
// all and ends it in order. It is the only place where capabilities meet.
package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share"
	"github.com/meneki/meneki/sigma"
)

// HubConfig says how a hub runs. Each field can be set by a flag of the same
// name, or by the environment as MENEKI_NAME.
type HubConfig struct {
	// Data is the folder of everything that the hub keeps. It is made if it is
	// not there, for its owner only.
	Data string
	// Name is what the hub is called on its pages and to its members.
	Name string
	// Listen is the address of the console and the API. On a loopback address
	// it speaks HTTP, on any other HTTPS.
	Listen string
	// Bus is the address that nodes connect to. Empty opens no port: members
	// are in this process only, as in the demo.
	Bus string
	// Public is the URL under which nodes and people reach the hub, if it is
	// not Listen: behind a proxy, or when listening on every address.
	Public string
	// DB is a PostgreSQL URL. Empty keeps the state in SQLite in Data.
	DB string
	// CaseLevel is the lowest rule level that opens a case.
	CaseLevel string
	// Lang is the language of who has not chosen one.
	Lang i18n.Lang
	// Zone is the time zone of who has not chosen one: the machine's, or
	// Japan's where the machine has none of its own.
	Zone *time.Location
	// Open lets everybody on this machine into the console without signing in,
	// as a coordinator. Only the demo does that, and only on loopback.
	Open bool
	// Realm is "live" or an exercise's id.
	Realm string
	Clock clock.Clock
	Log   *slog.Logger
}

// Validate fills in what is not set and refuses what cannot be.
func (c *HubConfig) Validate() error {
	if c.Data == "" {
		return fault.New(fault.Invalid, i18n.T("the hub needs a data folder", "ハブにはデータフォルダーが必要です")).WithHint(i18n.T("give one with --data", "--data で指定してください"))
	}
	def(&c.Name, "meneki hub")
	def(&c.Listen, "127.0.0.1:8470")
	def(&c.CaseLevel, "medium")
	def(&c.Realm, "live")
	common(&c.Lang, &c.Zone, &c.Clock, &c.Log)
	if err := level(c.CaseLevel); err != nil {
		return err
	}
	if c.Open && c.Listen != "" && !loopback(c.Listen) {
		return fault.New(fault.Invalid, i18n.T("a console without sign-in is for this machine only", "サインイン不要の画面は、この端末からのみ利用できます"))
	}
	return address(c.Listen)
}

// NodeConfig says how a node runs.
type NodeConfig struct {
	// Data is the folder of everything that the node keeps: its history, its
	// findings, its passport. Raw events never leave it.
	Data string
	// Listen is the address of the node's own console. Empty opens none.
	Listen string
	// Join and Token are where and with what the node joins; both are needed
	// once only.
	Join, Token string
	// Watch lists files and folders that are followed.
	Watch []string
	// Rules lists files and folders of the member's own Sigma rules.
	Rules []string
	// RuleSet is a set that is loaded already; the demo's nodes share one.
	RuleSet *sigma.Set
	// Builtin adds the rules that come with meneki, for what no single event
	// shows, to those of Rules.
	Builtin bool
	// Pipelines rewrite the rules of Rules: pySigma files, or names of those that
	// are built in.
	Pipelines []string
	// Accounts lists account lists (CSV, LDIF, JSON) that are read at each start;
	// AccountsDomain is the NetBIOS name for user names that state none.
	Accounts       []string
	AccountsDomain string
	// Places is a table of networks and where they are (CSV), or "".
	Places string
	// Syslog is an address for syslog over UDP and TCP; SyslogTLS for TLS.
	Syslog, SyslogTLS string
	// OTLP is an address for OpenTelemetry logs over HTTP (POST /v1/logs).
	OTLP string
	// Share is the policy for what leaves, until it is changed at the node.
	Share share.Rules
	// OwnDomains are never indicators, beside those that the hub names.
	OwnDomains []string
	// HuntCores is how many processors a search of the past uses at most; 0 is all.
	HuntCores int
	// KeepBytes and KeepDays bound the history; 0 keeps everything.
	KeepBytes int64
	KeepDays  int
	// Door lets commands beside the running node reach it, through a socket in
	// its data folder.
	Door bool
	// Lang, Zone, Open, Realm, Clock and Log are as in HubConfig.
	Lang  i18n.Lang
	Zone  *time.Location
	Open  bool
	Realm string
	Clock clock.Clock
	Log   *slog.Logger
}

// Validate fills in what is not set and refuses what cannot be.
func (c *NodeConfig) Validate() error {
	if c.Data == "" {
		return fault.New(fault.Invalid, i18n.T("the node needs a data folder", "ノードにはデータフォルダーが必要です")).WithHint(i18n.T("give one with --data", "--data で指定してください"))
	}
	def(&c.Realm, "live")
	common(&c.Lang, &c.Zone, &c.Clock, &c.Log)
	for _, a := range []string{c.Listen, c.Syslog, c.SyslogTLS, c.OTLP} {
		if a == "" {
			continue
		}
		if err := address(a); err != nil {
			return err
		}
	}
	if c.Open && c.Listen != "" && !loopback(c.Listen) {
		return fault.New(fault.Invalid, i18n.T("a console without sign-in is for this machine only", "サインイン不要の画面は、この端末からのみ利用できます"))
	}
	for i, p := range append(slices.Clone(c.Watch), c.Rules...) {
		if strings.ContainsAny(p, "*?[") {
			continue
		}
		_, err := os.Stat(p)
		// A log may be away for the moment of its rotation while the node starts
		// again. Where it never ran, the path is more likely mistyped.
		if i < len(c.Watch) && errors.Is(err, fs.ErrNotExist) && community.Joined(c.Data) {
			_, err = os.Stat(filepath.Dir(p))
		}
		if err != nil {
			return fault.Wrap(fault.NotFound, i18n.T("{0} is not there", "{0} がありません").With(p), err).WithHint(i18n.T("check the path", "パスを確認してください"))
		}
	}
	return nil
}

func def(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

func common(l *i18n.Lang, z **time.Location, c *clock.Clock, log **slog.Logger) {
	if *l == "" {
		*l = i18n.JA
	}
	if *z == nil && time.Local.String() != "UTC" { // a machine set to UTC tells nothing of its readers
		*z = time.Local
	}
	if *c == nil {
		*c = clock.System
	}
	if *log == nil {
		*log = slog.Default()
	}
}

func level(s string) error {
	switch s {
	case "informational", "low", "medium", "high", "critical":
		return nil
	}
	return fault.New(fault.Invalid, i18n.T("{0} is not a rule level", "{0} は規則のレベルではありません").With(s)).
		WithHint(i18n.T("use informational, low, medium, high or critical", "informational、low、medium、high、critical のいずれかです"))
}

func address(a string) error {
	_, port, err := net.SplitHostPort(a)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return fault.Wrap(fault.Invalid, i18n.T("{0} is not an address", "{0} はアドレスではありません").With(a), err).
			WithHint(i18n.T("write it as host:port, such as 127.0.0.1:8470", "127.0.0.1:8470 のように ホスト:ポート で書いてください"))
	}
	return nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ensureDir makes a data folder that only its owner can read.
func ensureDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Storage, i18n.T("cannot make the folder {0}", "フォルダー {0} を作成できません").With(dir), err).
			WithHint(i18n.T("choose a folder that you may write to", "書き込みできるフォルダーを指定してください"))
	}
	// Asked now and plainly, rather than by the first part that happens to write.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fault.Wrap(fault.Storage, i18n.T("cannot write into the folder {0}", "フォルダー {0} に書き込めません").With(filepath.Clean(dir)), err)
	}
	name := probe.Name()
	_, werr := probe.Write(make([]byte, 4096))
	cerr := probe.Close()
	rerr := os.Remove(name)
	for _, err := range []error{werr, cerr, rerr} {
		if err != nil {
			return fault.Wrap(fault.Storage, i18n.T("cannot write into the folder {0}", "フォルダー {0} に書き込めません").With(filepath.Clean(dir)), err)
		}
	}
	return nil
}

// rank orders rule levels for the capabilities that compare them.
func rank(l string) int { return sigma.Level(l).Rank() }

// deskViewer is who looks at an open console of the hub.
func deskViewer() policy.Viewer {
	return policy.Viewer{User: "demo", Name: "demo", Hub: true, Desk: true, Role: policy.RoleAdmin}
}
