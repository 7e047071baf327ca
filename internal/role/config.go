// Package role is what a hub and a node have in common: their console on one
// port, their data folder, ports and maintenance, and the Module by which a
// capability hands either of them everything that it brings.
package role

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// Default sets *s to v if it is empty.
func Default(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// Defaults fills in what a hub and a node share.
func Defaults(l *i18n.Lang, z **time.Location, c *clock.Clock, log **slog.Logger) {
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

// Level refuses what is no level of a rule.
func Level(s string) error {
	switch s {
	case "informational", "low", "medium", "high", "critical":
		return nil
	}
	return fault.New(fault.Invalid, i18n.T("{0} is not a rule level", "{0} はルールのレベルではありません").With(s)).
		WithHint(i18n.T("use informational, low, medium, high or critical",
			"informational、low、medium、high、critical のいずれかです"))
}

// Address refuses what is no host:port.
func Address(a string) error {
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

// Loopback reports whether an address is of this machine alone.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// EnsureDir makes a data folder that only its owner can read.
func EnsureDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Storage, i18n.T("cannot make the folder {0}", "フォルダー {0} を作成できません").With(dir), err).
			WithHint(i18n.T("choose a folder that you may write to", "書き込みできるフォルダーを指定してください"))
	}
	// Asked now and plainly, rather than by the first part that happens to write.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fault.Wrap(fault.Storage, i18n.T("cannot write into the folder {0}",
			"フォルダー {0} に書き込めません").With(filepath.Clean(dir)), err)
	}
	name := probe.Name()
	_, werr := probe.Write(make([]byte, 4096))
	cerr := probe.Close()
	rerr := os.Remove(name)
	for _, err := range []error{werr, cerr, rerr} {
		if err != nil {
			return fault.Wrap(fault.Storage, i18n.T("cannot write into the folder {0}",
				"フォルダー {0} に書き込めません").With(filepath.Clean(dir)), err)
		}
	}
	return nil
}

// Rank orders rule levels for the capabilities that compare them.
func Rank(l string) int { return sigma.Level(l).Rank() }

func StorageFault(path string, err error) error {
	return fault.Wrap(fault.Storage, i18n.T("cannot write {0}", "{0} に書き込めません").With(path), err)
}
