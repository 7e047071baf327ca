// Package cli is meneki's command line: it reads flags into the configuration
// of package app, runs what was asked for, and prints what came of it. Results
// go to standard output, progress and log to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
)

// commands is the whole command line.
type commands struct {
	Lang string `help:"Language of messages and help: ja or en. Default: as LC_ALL, LC_MESSAGES or LANG says, else en." ja:"メッセージとヘルプの言語：ja、en。既定は LC_ALL、LC_MESSAGES、LANG に従い、なければ en" placeholder:"LANG" jaholder:"言語" env:"MENEKI_LANG"`
	Log  string `help:"Least level of what is logged to standard error: debug, info, warn, error." ja:"標準エラーに記録するログの最低の重大度：debug、info、warn、error" placeholder:"LEVEL" jaholder:"重大度" default:"warn" enum:"debug,info,warn,error" env:"MENEKI_LOG"`

	Demo       demoCmd       `cmd:"" help:"Start a hub and three members, attack one with recorded events, and watch the cycle." ja:"ハブと 3 構成員を起動し、記録された事象で 1 組織への攻撃を再現して、循環を観察"`
	Hub        hubCmd        `cmd:"" help:"Run a hub." ja:"ハブを起動"`
	Node       nodeCmd       `cmd:"" help:"Run a member's node." ja:"構成員のノードを起動"`
	Member     memberCmd     `cmd:"" help:"Invite, list and revoke members (at the hub)." ja:"構成員の招待、一覧、資格の終了（ハブで実行）"`
	User       userCmd       `cmd:"" help:"Invite and list the people who sign in (at the hub)." ja:"サインインする利用者の招待と一覧（ハブで実行）"`
	Token      tokenCmd      `cmd:"" help:"Make and revoke API tokens (at the hub)." ja:"API トークンの発行と失効（ハブで実行）"`
	Queue      queueCmd      `cmd:"" help:"Messages that the hub could not handle: list, retry, drop (at the hub)." ja:"ハブが処理できなかったメッセージの一覧、再処理、破棄（ハブで実行）"`
	Detect     detectCmd     `cmd:"" help:"Find attacks in recorded logs: a timeline of what Sigma rules match in EVTX, JSON, EVE, Zeek and syslog files." ja:"記録されたログから攻撃を検出：EVTX、JSON、EVE、Zeek、syslog のファイルで Sigma ルールに一致したものの時系列"`
	Rules      rulesCmd      `cmd:"" help:"Check, explain, test and time Sigma rules." ja:"Sigma ルールの検査、説明、テスト、負荷の計測"`
	Indicators indicatorsCmd `cmd:"" help:"The watchlist of a node: import, list, remove and check indicators." ja:"ノードの監視リスト：指標の取り込み、一覧、削除、照合"`
	Share      shareCmd      `cmd:"" help:"Threat information in the forms in which people have it: convert, check, send, get, and try rules for sharing." ja:"各形式の脅威情報の変換、検査、送信、取得と、共有の規則の試行"`
	Hunt       huntCmd       `cmd:"" help:"Search the past of a running node for values and Sigma rules, and print when and where they were seen." ja:"動作中のノードの過去を値と Sigma ルールで調査し、いつどこで見られたかを表示"`
	Backup     backupCmd     `cmd:"" help:"Write a consistent copy of a data folder to one file, while it runs." ja:"データフォルダーの整合した複製を、動作中のまま 1 個のファイルに書き出し"`
	Restore    restoreCmd    `cmd:"" help:"Make a data folder out of a backup." ja:"バックアップからデータフォルダーを復元"`
	Config     configCmd     `cmd:"" help:"Print the configuration that a hub or node would run with." ja:"ハブまたはノードの起動に使われる設定を表示"`
	Version    versionCmd    `cmd:"" help:"Print the version." ja:"バージョンを表示"`
}

// session is what every command runs in.
type session struct {
	ctx      context.Context
	out, err io.Writer
	lang     i18n.Lang
	log      *slog.Logger
}

// Main runs meneki with arguments and gives its exit code.
func Main(ctx context.Context, args []string, out, errw io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &session{ctx: ctx, out: out, err: errw, lang: language(askedLang(args))}
	var c commands
	code := 0
	p, err := kong.New(&c, kong.Name("meneki"), kong.Help(s.help), kong.Writers(out, errw),
		kong.Exit(func(n int) { panic(exit(n)) }))
	if err != nil {
		return s.fail(err)
	}
	func() {
		defer func() {
			if r := recover(); r != nil {
				n, ok := r.(exit)
				if !ok {
					panic(r)
				}
				code, err = int(n), nil
			}
		}()
		var k *kong.Context
		if k, err = p.Parse(gathered(p.Model.Node, args)); err != nil {
			err = usageFault(err)
			return
		}
		if _, ok := i18n.Parse(c.Lang); !ok && c.Lang != "" {
			err = fault.New(fault.Invalid, i18n.T("meneki does not speak {0}", "{0} には対応していません").With(c.Lang)).WithHint(
				i18n.T("use ja or en", "ja か en を指定してください"),
			)
			return
		}
		s.lang = language(c.Lang)
		s.log = newLog(errw, levels[c.Log])
		k.BindTo(ctx, (*context.Context)(nil))
		err = k.Run(s)
	}()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && fault.Is(err, fault.Internal) {
		return 0 // it was told to end, and ended
	}
	if err != nil {
		return s.fail(err)
	}
	return code
}

type exit int

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"error": slog.LevelError}

// language chooses the language of messages: as asked, or as the environment
// says; English where it says nothing.
func language(asked string) i18n.Lang {
	for _, v := range []string{asked, os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")} {
		v, _, _ = strings.Cut(v, ".")
		v, _, _ = strings.Cut(v, "_")
		if l, ok := i18n.Parse(v); ok {
			return l
		}
	}
	return i18n.EN
}

// fail tells an error as a person can use it, and gives its exit code.
func (s *session) fail(err error) int {
	fmt.Fprintf(s.err, "error: %s\n", fault.TextOf(err).In(s.lang))
	if h := fault.HintOf(err); !h.Zero() {
		fmt.Fprintf(s.err, "hint: %s\n", h.In(s.lang))
	}
	if s.log != nil {
		s.log.Debug("the whole error", slog.Any("err", err))
	}
	if fault.Is(err, fault.Internal) || fault.Is(err, fault.Storage) {
		fmt.Fprintf(s.err, "cause: %v\n", err)
	}
	return fault.KindOf(err).Exit()
}

// say prints a line in the session's language.
func (s *session) say(t i18n.Text) { fmt.Fprintln(s.out, t.In(s.lang)) }

// Commands lists every command without the program's name ("member invite"), for the tests that hold the
// documents to what exists.
func Commands() []string {
	p, err := kong.New(&commands{}, kong.Name("meneki"))
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range p.Model.Leaves(true) {
		out = append(out, strings.TrimPrefix(strings.Join(strings.Fields(n.Path()), " "), "meneki "))
	}
	return out
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(s *session) error {
	fmt.Fprintln(s.out, "meneki "+role.Version)
	return nil
}
