package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/i18n"
)

// refusedWith runs meneki in a language and gives what it said on standard error.
func refusedWith(t *testing.T, l i18n.Lang, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(context.Background(), append([]string{"--lang", string(l)}, args...), &out, &errs); code != 2 ||
		out.Len() > 0 {
		t.Errorf("%v: exit code %d, %q on standard output", args, code, out.String())
	}
	return errs.String()
}

// Every mistake in the arguments is said in both languages, with what to do.
func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	nowhere := filepath.Join(dir, "nowhere")
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, en, ja string }{
		{"",
			"a command is missing\nhint: use demo, hub, node, member, user, token, queue, detect, rules, indicators, share, " +
				"hunt, backup, restore, config or version; see meneki --help",
			"コマンドがありません\n" +
				"hint: demo、hub、node、member、user、token、queue、detect、rules、indicators、share、hunt、backup、restore、config、version のいずれかを指定してください。meneki --help を見てください"},
		{"rules", "a command is missing\nhint: use check, explain, test or cost; see meneki rules --help",
			"コマンドがありません\nhint: check、explain、test、cost のいずれかを指定してください。meneki rules --help を見てください"},
		{"nod", "unknown command nod\nhint: did you mean node? see meneki --help",
			"nod というコマンドはありません\nhint: node の間違いではありませんか。meneki --help を見てください"},
		{"frobnicate", "unknown command frobnicate\nhint: see meneki --help",
			"frobnicate というコマンドはありません\nhint: meneki --help を見てください"},
		{"help detect", "unknown command help\nhint: see meneki --help",
			"help というコマンドはありません\nhint: meneki --help を見てください"},
		{"version foo", "unexpected argument foo\nhint: see meneki version --help",
			"foo は余分です\nhint: meneki version --help を見てください"},
		{"detect --rule x y", "unknown flag --rule\nhint: did you mean --rules? see meneki detect --help",
			"--rule というオプションはありません\nhint: --rules の間違いではありませんか。meneki detect --help を見てください"},
		{"demo --o", "unknown flag --o\nhint: did you mean --log, --offline or --once? see meneki demo --help",
			"--o というオプションはありません\nhint: --log、--offline、--once のいずれかの間違いではありませんか。meneki demo --help を見てください"},
		{"hub -z", "unknown flag -z\nhint: see meneki hub --help",
			"-z というオプションはありません\nhint: meneki hub --help を見てください"},
		{"detect", "missing flags: --rules=PATH\nhint: see meneki detect --help",
			"必要なオプションがありません：--rules=パス\nhint: meneki detect --help を見てください"},
		{"backup", "missing flags: --data=DIR, --to=FILE\n", "必要なオプションがありません：--data=フォルダー、--to=ファイル\n"},
		{"token create x", "missing flags: --user=LOGIN or --member=ID\n",
			"必要なオプションがありません：--user=サインイン名 か --member=ID\n"},
		{"token create x --user a --member b", "--user and --member cannot be used together\nhint: give one of them; ",
			"--user と --member は同時に使えません\nhint: どちらか一方を指定してください。"},
		{"member invite --sector x", "missing arguments: <name>\n", "引数がありません：<名称>\n"},
		{"detect --rules x", "missing arguments: <path> ...\n", "引数がありません：<パス> ...\n"},
		{"config print foo", "<role>: foo is not possible\nhint: use hub or node; ",
			"<役割>：foo は指定できません\nhint: hub か node を指定してください。"},
		{"--log loud version", "--log: loud is not possible\nhint: use debug, info, warn or error; ",
			"--log：loud は指定できません\nhint: debug、info、warn、error のいずれかを指定してください。"},
		{"demo --once=maybe", "--once: maybe is neither true nor false\nhint: use true or false; ",
			"--once：maybe は true でも false でもありません\nhint: true か false を指定してください。"},
		{"detect --no-builtin-rules=maybe", "maybe is neither true nor false\n", "maybe は true でも false でもありません\n"},
		{"hunt --limit=1x a", "--limit: 1x is not a whole number, or too large\n", "--limit：1x は整数でないか、大きすぎます\n"},
		{"hunt --limit 99999999999999999999 a", "--limit: 99999999999999999999 is not a whole number, or too large\n",
			"--limit：99999999999999999999 は整数でないか、大きすぎます\n"},
		{"rules cost --ceiling x --rules . .",
			"--ceiling: x is not a length of time\nhint: write it as 100us, 2ms or 1s; ",
			"--ceiling：x は時間の長さではありません\nhint: 100us、2ms、1s のように書いてください。"},
		{"rules cost --ceiling", "--ceiling has no value\n", "--ceiling に値がありません\n"},
		{"hub --name", "--name has no value\nhint: write --name=VALUE; ", "--name に値がありません\nhint: --name=値 と書いてください。"},
		{"hunt --limit", "--limit has no value\n", "--limit に値がありません\n"},
		{"demo --rules", "--rules has no value\n", "--rules に値がありません\n"},
		{"hub --name --db x", "--name has no value: --db follows\nhint: if that is the value, write --name=--db; ",
			"--name に値がありません（次が --db です）\nhint: それが値なら --name=--db と書いてください。"},
		{"hub --name -h", "--name has no value: -h follows\n", "--name に値がありません（次が -h です）\n"},
		{"rules explain " + nowhere + " x", nowhere + " does not exist\nhint: check the path; ",
			nowhere + " がありません\nhint: パスを確認してください。"},
		{"rules explain " + dir + " x", "<rule>: " + dir + " is a folder\nhint: name a file; ",
			"<ルール>：" + dir + " はフォルダーです\nhint: ファイルを指定してください。"},
		{"indicators import --source x " + dir, "<file> ...: " + dir + " is a folder\n",
			"<ファイル> ...：" + dir + " はフォルダーです\n"},
		{"indicators import --source x " + file + " " + nowhere, nowhere + " does not exist\n", nowhere + " がありません\n"},
		{"demo --past none", "--past is given without --events\n", "--past に --events が付いていません\n"},
	} {
		args := strings.Fields(c.args)
		if got := refusedWith(t, i18n.EN, args...); !strings.HasPrefix(got, "error: "+c.en) {
			t.Errorf("%q: %s, want %s", c.args, got, c.en)
		}
		if got := refusedWith(t, i18n.JA, args...); !strings.HasPrefix(got, "error: "+c.ja) {
			t.Errorf("%q: %s, want %s", c.args, got, c.ja)
		}
	}
}

// A variable that holds nonsense is named.
func TestUsageErrorFromAVariable(t *testing.T) {
	t.Setenv("MENEKI_KEEP_DAYS", "x")
	if got, want := refusedWith(t, i18n.EN, "node"), "error: --keep-days: x is not a whole number, or too large (from "+
		"$MENEKI_KEEP_DAYS)\n"; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := refusedWith(t, i18n.JA, "node"),
		"error: --keep-days：x は整数でないか、大きすぎます（$MENEKI_KEEP_DAYS の値）\n"; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

// The language is known although the arguments are not: wherever it is asked for.
func TestLanguageOfUsageErrors(t *testing.T) {
	for _, env := range []string{"LC_ALL", "LC_MESSAGES", "LANG", "MENEKI_LANG"} {
		t.Setenv(env, "")
	}
	says := func(want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		Main(context.Background(), args, &out, &errs)
		if all := out.String() + errs.String(); !strings.Contains(all, want) {
			t.Errorf("%v: %s", args, all)
		}
	}
	says("unknown flag", "hub", "--frob")
	says("オプションはありません", "hub", "--frob", "--lang", "ja")
	says("オプションはありません", "hub", "--lang=ja", "--frob")
	says("使い方：meneki hub", "hub", "--help", "--lang", "ja")
	says("Usage: meneki hub", "hub", "--help")
	t.Setenv("LANG", "ja_JP.UTF-8")
	says("使い方：meneki hub", "hub", "--help")
	says("Usage: meneki hub", "--lang", "en", "hub", "--help")
	t.Setenv("MENEKI_LANG", "en")
	says("Usage: meneki hub", "hub", "--help")
}

// Arguments need not stand in one run.
func TestGathered(t *testing.T) {
	root := model(t).Model.Node
	for in, want := range map[string]string{
		"demo --events a b --past none c":             "demo --events a --past none b c",
		"detect a --rules r b -o out c --no-progress": "detect --rules r -o out --no-progress a b c",
		"--lang ja detect a -oout --rules=r b":        "--lang ja detect -oout --rules=r a b",
		"detect a --no-builtin-rules - --rules r":     "detect --no-builtin-rules --rules r a -",
		"hunt a --json -- -b --json":                  "hunt --json -- a -b --json",
		"rules check rules --json check":              "rules check --json rules check",
		"hunt a --frob b":                             "hunt a --frob b",
		"hunt a --limit --json":                       "hunt a --limit --json",
		"help detect":                                 "help detect",
		"rules":                                       "rules",
		"detect --rules":                              "detect --rules",
		"":                                            "",
	} {
		if got := strings.Join(gathered(root, strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Whatever the arguments, none is lost or made up.
func FuzzGathered(f *testing.F) {
	f.Add("demo --events a b --past none c")
	f.Add("detect -o x -- --rules - -")
	f.Add("--lang -x= hub --")
	root := model(f).Model.Node
	f.Fuzz(func(t *testing.T, in string) {
		args := strings.Fields(in)
		got := gathered(root, slices.Clone(args))
		without := func(list []string) []string {
			list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "--" })
			slices.Sort(list)
			return list
		}
		if !slices.Equal(without(args), without(got)) {
			t.Errorf("%q became %q", args, got)
		}
		askedLang(args)
	})
}
