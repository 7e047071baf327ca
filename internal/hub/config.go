package hub

import (
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/role"
)

// Config says how a hub runs. Each field can be set by a flag of the same
// name, or by the environment as MENEKI_NAME.
type Config struct {
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
	// Warninglists is a folder of MISP's warninglists: values that many use, and that
	// people are warned of before they share them. Empty: none.
	Warninglists string
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
func (c *Config) Validate() error {
	if c.Data == "" {
		return fault.New(fault.Invalid, i18n.T("the hub needs a data folder", "ハブにはデータフォルダーが必要です")).WithHint(
			i18n.T("give one with --data", "--data で指定してください"),
		)
	}
	role.Default(&c.Name, "meneki hub")
	role.Default(&c.Listen, "127.0.0.1:8470")
	role.Default(&c.CaseLevel, "medium")
	role.Default(&c.Realm, "live")
	role.Defaults(&c.Lang, &c.Zone, &c.Clock, &c.Log)
	if err := role.Level(c.CaseLevel); err != nil {
		return err
	}
	if c.Open && c.Listen != "" && !role.Loopback(c.Listen) {
		return fault.New(fault.Invalid, i18n.T("a console without sign-in is for this machine only",
			"サインイン不要の画面は、この端末からのみ利用できます"))
	}
	return role.Address(c.Listen)
}

// openViewer is who looks at an open console of the hub.
func openViewer() policy.Viewer {
	return policy.Viewer{User: "demo", Name: "demo", Hub: true, Coordinator: true, Role: policy.RoleAdmin}
}
