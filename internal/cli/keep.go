package cli

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"unicode"

	"github.com/meneki/meneki/internal/backup"
	"github.com/meneki/meneki/internal/i18n"
)

type backupCmd struct {
	Data string `help:"Data folder of a hub or a node; it may be running." ja:"ハブまたはノードのデータフォルダー。動作中でも可" placeholder:"DIR" jaholder:"フォルダー" required:"" type:"path" env:"MENEKI_DATA"`
	To   string `help:"File to write (.tar.zst); it must not exist." ja:"書き出し先のファイル（.tar.zst）。既存のファイルは不可" placeholder:"FILE" jaholder:"ファイル" required:"" type:"path"`
}

// Run writes a backup.
func (c *backupCmd) Run(s *session) error {
	n, err := backup.Write(s.ctx, c.Data, c.To)
	if err != nil {
		return err
	}
	s.say(i18n.T("{0} {0:file|files} written to {1}", "{0} 個のファイルを {1} に書き出しました").With(n, c.To))
	return nil
}

type restoreCmd struct {
	From string `help:"The backup." ja:"バックアップのファイル" placeholder:"FILE" jaholder:"ファイル" required:"" type:"path"`
	Data string `help:"Folder to make; it must not exist or be empty." ja:"復元先のフォルダー。存在しないか、空であること" placeholder:"DIR" jaholder:"フォルダー" required:"" type:"path"`
}

// Run restores a backup.
func (c *restoreCmd) Run(s *session) error {
	n, err := backup.Restore(s.ctx, c.From, c.Data)
	if err != nil {
		return err
	}
	s.say(i18n.T("{0} {0:file|files} restored into {1}", "{0} 個のファイルを {1} に復元しました").With(n, c.Data))
	return nil
}

type configCmd struct {
	Print configPrint `cmd:"" help:"Print every setting with its value, as environment and defaults give it." ja:"すべての設定を、環境変数と既定値による値とともに表示"`
}

type configPrint struct {
	Role string `arg:"" jaholder:"役割" enum:"hub,node" default:"hub" help:"Whose settings: hub or node." ja:"どちらの設定か：hub、node"`
}

// Run prints the configuration: where each setting comes from is the flag's or
// variable's own name.
func (c *configPrint) Run(s *session) error {
	return printSettings(s, c.Role)
}

// printSettings prints the flags of a role with their defaults and variables.
func printSettings(s *session, role string) error {
	t := reflect.TypeFor[hubFlags]()
	if role == "node" {
		t = reflect.TypeFor[nodeFlags]()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		env := f.Tag.Get("env")
		value := shown(env, envOr(env, f.Tag.Get("default")))
		setting := env + "=" + value // whole, however long
		if c := columns(setting); c < 40 {
			setting = pad(setting, 40)
		}
		fmt.Fprintf(s.out, "%s %s # %s\n", pad("--"+cmp.Or(f.Tag.Get("name"), dashed(f.Name)), 18), setting,
			i18n.Text{EN: f.Tag.Get("help"), JA: f.Tag.Get("ja")}.In(s.lang))
	}
	return nil
}

// shown is a setting's value without what is secret in it.
func shown(env, value string) string {
	const set = "(set)"
	switch {
	case value == "":
	case strings.Contains(env, "TOKEN"):
		return set
	case strings.Contains(value, "://"):
		u, err := url.Parse(value)
		if err != nil || u.Query().Has("password") || u.Query().Has("sslpassword") {
			return set
		}
		return u.Redacted()
	case strings.Contains(value, "password="): // the other way to write PostgreSQL's
		return set
	}
	return value
}

func envOr(name, value string) string {
	if v, ok := os.LookupEnv(name); ok {
		return v
	}
	return value
}

// dashed turns a field's name into its flag: CaseLevel, case-level.
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rune(name[i-1])) ||
			i+1 < len(name) && unicode.IsLower(rune(name[i+1]))) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
