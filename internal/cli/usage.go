package cli

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// misuse is a mistake in the arguments, as kong words it. The texts are filled
// with the groups of the expression.
type misuse struct {
	kong string
	say  i18n.Text
	hint i18n.Text // what to do, before "see … --help"
}

// misuses are the mistakes that can be made with meneki's flags and arguments.
var misuses = []misuse{
	{`^unknown flag (\S+)$`, i18n.T("unknown flag {0}", "{0} というオプションはありません"), i18n.Text{}},
	{`^unexpected argument (.*)$`, i18n.T("unexpected argument {0}", "{0} は余分です"), i18n.Text{}},
	{`^unexpected flag argument "(.*)"$`, i18n.T("unexpected value {0}", "値 {0} は余分です"), i18n.Text{}},
	{`^(\S+): expected \S+ value but got "(-.*)" \((?:long|short) flag\)$`, i18n.T("{0} has no value: {1} follows",
		"{0} に値がありません（次が {1} です）"), i18n.T("if that is the value, write {0}={1}", "それが値なら {0}={1} と書いてください")},
	{`^(\S+): (?:expected \S+ value but got "EOL" \(<EOL>\)|missing value, expecting .*)$`,
		i18n.T("{0} has no value", "{0} に値がありません"), i18n.T("write {0}=VALUE", "{0}=値 と書いてください")},
	{`^(\S+): expected (?:a valid \d+ bit u?int|an int) but got "(.*?)"(?: \(.*\))?$`,
		i18n.T("{0}: {1} is not a whole number, or too large", "{0}：{1} は整数でないか、大きすぎます"), i18n.Text{}},
	{`^(\S+): expected a float but got "(.*?)"(?: \(.*\))?$`, i18n.T("{0}: {1} is not a number", "{0}：{1} は数ではありません"),
		i18n.Text{}},
	{`^(\S+): expected duration but got "(.*?)"(?:: .*)?$`, i18n.T("{0}: {1} is not a length of time",
		"{0}：{1} は時間の長さではありません"), i18n.T("write it as 100us, 2ms or 1s", "100us、2ms、1s のように書いてください")},
	{`^bool value must be true, 1, yes, false, 0 or no but got "(.*)"$`, i18n.T("{0} is neither true nor false",
		"{0} は true でも false でもありません"), i18n.T("use true or false", "true か false を指定してください")},
	{`^(\S+): bool value must be true, 1, yes, false, 0 or no but got "(.*)"$`,
		i18n.T("{0}: {1} is neither true nor false", "{0}：{1} は true でも false でもありません"),
		i18n.T("use true or false", "true か false を指定してください")},
	{`^(\S+) and (\S+) can't be used together$`, i18n.T("{0} and {1} cannot be used together", "{0} と {1} は同時に使えません"),
		i18n.T("give one of them", "どちらか一方を指定してください")},
	{`^(.+): "(.*)" exists but is a directory$`, i18n.T("{0}: {1} is a folder", "{0}：{1} はフォルダーです"),
		i18n.T("name a file", "ファイルを指定してください")},
}

// like is how kong guesses what was meant.
var like = regexp.MustCompile(`^(.*), did you mean (?:one of )?(".*")\?$`)

// fromEnv is how kong says that a value came from a variable.
var fromEnv = regexp.MustCompile(`^(.*) \(from envar ([A-Z_]+)=.*\)$`)

// guess is how kong says that a flag may have been meant as a value.
var guess = regexp.MustCompile(`; perhaps try .*$`)

// usageFault says in both languages what is wrong with the arguments.
func usageFault(err error) error {
	node, k := (*kong.Node)(nil), (*kong.Context)(nil)
	at := "meneki"
	if pe, ok := errors.AsType[*kong.ParseError](err); ok && pe.Context != nil {
		k = pe.Context
		if node = k.Selected(); node == nil {
			node = k.Model.Node
		}
		at = node.FullPath()
	}
	see := i18n.T("see {0} --help", "{0} --help を見てください").With(at)
	text, hint := said(err, node, k)
	switch {
	case hint.Zero():
		hint = see
	case strings.HasSuffix(hint.EN, "?"):
		hint = i18n.T("{0} {1}", "{0}。{1}").With(hint, see)
	default:
		hint = i18n.T("{0}; {1}", "{0}。{1}").With(hint, see)
	}
	return fault.Wrap(fault.Invalid, text, nil).WithHint(hint)
}

// said gives what is wrong, and what to do about it.
func said(err error, node *kong.Node, k *kong.Context) (text, hint i18n.Text) {
	s := clean(err.Error())
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return fileSaid(pe), i18n.T("check the path", "パスを確認してください")
	}
	if m := fromEnv.FindStringSubmatch(s); m != nil {
		s = m[1]
		defer func() { text = i18n.T("{0} (from ${1})", "{0}（${1} の値）").With(text, m[2]) }()
	}
	if m := like.FindStringSubmatch(s); m != nil {
		s = m[1]
		// One letter is as near to any other: that is no guess.
		list := slices.DeleteFunc(strings.Split(strings.ReplaceAll(m[2], `"`, ""), ", "), func(c string) bool {
			return len(c) == 2 && c[0] == '-'
		})
		if len(list) > 0 {
			hint = i18n.T("did you mean {0}?", "{0}の間違いではありませんか").With(oneOf(list))
		}
	}
	if node != nil {
		if rest, ok := strings.CutPrefix(s, "unexpected argument "); ok && len(node.Children) > 0 {
			return i18n.T("unknown command {0}", "{0} というコマンドはありません").With(rest), hint
		}
		if rest, ok := strings.CutPrefix(s, "missing flags: "); ok {
			return missingFlags(rest, k), i18n.Text{}
		}
		if strings.HasPrefix(s, "expected ") || strings.HasPrefix(s, "missing positional arguments ") {
			return missingWords(node)
		}
		if name, rest, ok := strings.Cut(s, " must be one of "); ok {
			list, got, _ := strings.Cut(rest, " but got ")
			list = strings.ReplaceAll(list, `"`, "")
			return i18n.T("{0}: {1} is not possible", "{0}：{1} は指定できません").With(named(name, node),
					strings.Trim(got, `"`)),
				i18n.T("use {0}", "{0}を指定してください").With(oneOf(strings.Split(list, ",")))
		}
	}
	s = guess.ReplaceAllString(s, "")
	for _, m := range misuses {
		if g := regexp.MustCompile(m.kong).FindStringSubmatch(s); g != nil {
			var args []any
			for _, x := range g[1:] {
				args = append(args, named(x, node))
			}
			if !m.hint.Zero() {
				hint = m.hint.With(args...)
			}
			return m.say.With(args...), hint
		}
	}
	return i18n.T("the arguments are not understood: {0}", "引数を解釈できません：{0}").With(s), hint
}

// named gives the name of an argument in both languages; anything else is as it is.
func named(s string, node *kong.Node) i18n.Text {
	if node != nil {
		for _, a := range node.Positional {
			if s == a.ShortSummary() || s == a.Summary() {
				t := both(a)
				return i18n.Text{EN: strings.Trim(t.EN, "[]"), JA: strings.Trim(t.JA, "[]")}
			}
		}
	}
	return i18n.Same(s)
}

// both is how a flag or an argument is given, in both languages.
func both(v *kong.Value) i18n.Text {
	return i18n.Text{EN: written(v, i18n.EN), JA: written(v, i18n.JA)}
}

// oneOf lists what may be chosen. The Japanese ends so that a particle may follow.
func oneOf(list []string) i18n.Text {
	last := len(list) - 1
	switch last {
	case 0:
		return i18n.Text{EN: list[0], JA: list[0] + " "}
	case 1:
		return i18n.T("{0} or {1}", "{0} か {1} ").With(list[0], list[1])
	}
	before := i18n.Text{EN: strings.Join(list[:last], ", "), JA: strings.Join(list[:last], "、")}
	return i18n.T("{0} or {1}", "{0}、{1} のいずれか").With(before, list[last])
}

// missingFlags names flags that a command cannot do without.
func missingFlags(rest string, k *kong.Context) i18n.Text {
	t := i18n.Text{}
	for i, item := range strings.Split(rest, ", ") {
		if i > 0 {
			t = i18n.T("{0}, ", "{0}、").With(t)
		}
		for j, name := range strings.Split(item, " or ") {
			if j > 0 {
				t = i18n.T("{0} or ", "{0} か ").With(t)
			}
			bare, _, _ := strings.Cut(strings.TrimPrefix(name, "--"), "=")
			one := i18n.Same(name)
			if at := slices.IndexFunc(k.Flags(), func(f *kong.Flag) bool { return f.Name == bare }); at >= 0 {
				one = both(k.Flags()[at].Value)
			}
			t = i18n.T("{0}{1}", "{0}{1}").With(t, one)
		}
	}
	return i18n.T("missing flags: {0}", "必要なオプションがありません：{0}").With(t)
}

// missingWords names the commands of which one is needed, or the arguments that are.
func missingWords(node *kong.Node) (text, hint i18n.Text) {
	var list []string
	for _, c := range node.Children {
		if !c.Hidden {
			list = append(list, c.Name)
		}
	}
	if len(list) > 0 {
		return i18n.T("a command is missing", "コマンドがありません"), i18n.T("use {0}", "{0}を指定してください").With(oneOf(list))
	}
	t := i18n.Text{}
	for _, a := range node.Positional {
		if a.Required && !a.Set {
			t = i18n.T("{0} {1}", "{0} {1}").With(t, both(a))
		}
	}
	return i18n.T("missing arguments:{0}", "引数がありません：{0}").With(i18n.Text{EN: t.EN, JA: strings.TrimSpace(t.JA)}),
		i18n.Text{}
}

// fileSaid says why a file that was named cannot be read.
func fileSaid(pe *fs.PathError) i18n.Text {
	path := clean(pe.Path)
	if errors.Is(pe, fs.ErrNotExist) {
		return i18n.T("{0} does not exist", "{0} がありません").With(path)
	}
	return i18n.T("{0} cannot be read: {1}", "{0} を読み取れません：{1}").With(path, pe.Err)
}
