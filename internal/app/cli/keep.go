package cli

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode"

	"github.com/meneki/meneki/internal/app"
	"github.com/meneki/meneki/internal/i18n"
)

type backupCmd struct {
	Data string `help:"Data folder of a hub or a node; it may be running." required:"" type:"path" env:"MENEKI_DATA"`
	To   string `help:"File to write (.tar.zst)." required:"" type:"path"`
}

// Run writes a backup.
func (c *backupCmd) Run(s *session) error {
	n, err := app.Backup(s.ctx, c.Data, c.To)
	if err != nil {
		return err
	}
	s.say(i18n.T("{0} {0:file|files} written to {1}", "{0} 個のファイルを {1} に書き出しました").With(n, c.To))
	return nil
}

type restoreCmd struct {
	From string `help:"The backup." required:"" type:"path"`
	Data string `help:"Folder to make; it must not exist or be empty." required:"" type:"path"`
}

// Run restores a backup.
func (c *restoreCmd) Run(s *session) error {
	n, err := app.Restore(s.ctx, c.From, c.Data)
	if err != nil {
		return err
	}
	s.say(i18n.T("{0} {0:file|files} restored into {1}", "{0} 個のファイルを {1} に復元しました").With(n, c.Data))
	return nil
}

type configCmd struct {
	Print configPrint `cmd:"" help:"Print every setting with its value, as flags and environment give it."`
}

type configPrint struct {
	Role string `arg:"" enum:"hub,node" default:"hub" help:"hub or node."`
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
		value := envOr(env, f.Tag.Get("default"))
		if strings.Contains(env, "TOKEN") && value != "" {
			value = "(set)"
		}
		fmt.Fprintf(s.out, "%s %s # %s\n", pad("--"+cmp.Or(f.Tag.Get("name"), dashed(f.Name)), 18), pad(env+"="+value, 40), f.Tag.Get("help"))
	}
	return nil
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
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rune(name[i-1])) || i+1 < len(name) && unicode.IsLower(rune(name[i+1]))) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
