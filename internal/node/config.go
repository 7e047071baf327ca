package node

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/community"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/sigma"
)

// Config says how a node runs.
type Config struct {
	// Data is the folder of everything that the node keeps: its history, its
	// findings, its enrolment. Raw events never leave it.
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
	Share release.Policy
	// OwnDomains are never indicators, beside those that the hub names.
	OwnDomains []string
	// HuntCores is how many processors a search of the past uses at most; 0 is all.
	HuntCores int
	// KeepBytes and KeepDays bound the history; 0 keeps everything.
	KeepBytes int64
	KeepDays  int
	// Control lets commands beside the running node reach it, through a socket in
	// its data folder.
	Control bool
	// Lang, Zone, Open, Realm, Clock and Log are as in the configuration of a hub.
	Lang  i18n.Lang
	Zone  *time.Location
	Open  bool
	Realm string
	Clock clock.Clock
	Log   *slog.Logger
}

// Validate fills in what is not set and refuses what cannot be.
func (c *Config) Validate() error {
	if c.Data == "" {
		return fault.New(
			fault.Invalid, i18n.T("the node needs a data folder", "ノードにはデータフォルダーが必要です"),
		).WithHint(i18n.T("give one with --data", "--data で指定してください"))
	}
	role.Default(&c.Realm, "live")
	role.Defaults(&c.Lang, &c.Zone, &c.Clock, &c.Log)
	for _, a := range []string{c.Listen, c.Syslog, c.SyslogTLS, c.OTLP} {
		if a == "" {
			continue
		}
		if err := role.Address(a); err != nil {
			return err
		}
	}
	if c.Open && c.Listen != "" && !role.Loopback(c.Listen) {
		return fault.New(
			fault.Invalid,
			i18n.T(
				"a console without sign-in is for this machine only",
				"サインイン不要の画面は、この端末からのみ利用できます",
			),
		)
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
			return fault.Wrap(
				fault.NotFound, i18n.T("{0} is not there", "{0} がありません").With(p), err,
			).WithHint(i18n.T("check the path", "パスを確認してください"))
		}
	}
	return nil
}
