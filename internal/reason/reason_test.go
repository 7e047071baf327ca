package reason

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/pipeline"
	"github.com/meneki/meneki/stix"
)

// What the libraries really say of what people get wrong.
func TestText(t *testing.T) {
	rule := func(body string) error {
		_, err := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: windows}\n"+body))
		return err
	}
	pattern := func(s string) error {
		p, err := stix.ParsePattern(s)
		if err != nil {
			return err
		}
		return p.Matchable()
	}
	steps := func(s string) error {
		_, err := pipeline.Parse("p.yml", []byte(s))
		return err
	}
	object := func(s string) error {
		_, err := stix.Parse([]byte(s))
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{rule("detection: {s: {a|contians: x}, condition: s}\n"), `r.yml:3:17：a|contians：未知の修飾子 "contians"`},
		{rule("detection: {s: {a|re: '(x'}, condition: s}\n"),
			`r.yml:3:23：a|re：正規表現 "(x" は使用不可：閉じる ) がない："(x"（RE2 構文。先読み・後読みと後方参照は不可）`},
		{rule("detection: {s: {a: x}, condition: s and}\n"), `r.yml:3:40：condition が途中で終わる。次に来るべきものは選択条件の名前`},
		{rule("detection: {s: {a: x}, condition: s | count() > 1}\n"),
			`r.yml:3:37：| の後の集計 "count" は Sigma 2 にない。相関規則で書くこと`},
		{rule("detection: {s: {a|gt: '5'}, condition: s}\n"), `r.yml:3:23：a|gt：修飾子 "gt" に必要なのは数値。ここは文字列 "5"。引用符を外すこと`},
		{rule("detection: {s: {text: []}, condition: s}\n"), `r.yml:3:17：text：値のリストが空`},
		{rule("detection: [a]\n"), `r.yml:3:12：detection はマッピングで書く。ここはリスト`},
		{rule("detection:\n\ts: 1\n"), `r.yml:4:1：正しい YAML でない：値の先頭に使えない文字がある。字下げはタブでなく空白にすること`},
		{rule("Detection: {s: {a: x}, condition: s}\n"),
			`r.yml:1:1：detection がなく、Sigma の検知規則ではない。"Detection" ではなく "detection" と書くこと`},
		{pattern("[file:name = 'a'] AND [file:name = 'b']"), `STIX パターン：未対応：AND が複数の観測をつないでいる`},
		{pattern("[file:name = ]"), `STIX パターン：1 行 14 桁：値（文字列は一重引用符で囲む）のあるべき位置に "]" がある`},
		{steps("transformations: [{id: x, type: foo}]"), `p.yml:1:19：変換 "foo" は未知`},
		{steps("transformations: [{type: file_placeholders}]"),
			`p.yml:1:19：変換 file_placeholders には対応していない：パイプラインがファイルを読むことは不可。値を vars に書くこと`},
		{steps("transformations: [{type: map_string}]"), `p.yml:1:19：変換 map_string に "mapping" が必要`},
		{object(`{"type":"indicator"}`), `STIX：object：id：欠けている`},
		{&evtx.Error{Offset: 4096, Chunk: 0, Record: 7, Err: evtx.ErrTooLarge},
			`EVTX：チャンク 0、記録 7、位置 0x1000：テンプレートを展開した記録が大きすぎる`},
		{errors.New("unsupported: this pattern cannot be matched in full: AND joins several observations"),
			`未対応：このパターンは完全には照合できません：AND が複数の観測をつないでいる`},
		{errors.New(`invalid: the Sigma rule in this indicator cannot be used: no title`),
			`不正：この指標の Sigma 規則は使用できません：title がない`},
		{errors.New("another thing went wrong"), "another thing went wrong"},
		{errors.Join(errors.New("empty field name"), errors.New("what?")), "フィールド名が空\nwhat?"},
	} {
		if c.err == nil {
			t.Errorf("nothing is wrong where %q was expected", c.want)
			continue
		}
		got := Of(c.err)
		if got.EN != c.err.Error() || got.JA != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.err, got.JA, c.want)
		}
	}
	if !Of(nil).Zero() {
		t.Error("a reason for nothing")
	}
}

// One reason within another is said too, also where the inner one ends like the outer.
func TestTextNested(t *testing.T) {
	const in = `the correlation needs a rule that is not loaded: "x: is empty" was refused (a b.yml:3:4: f|all: ` +
		`modifier "exists" takes true or false without quotes, not text "q)")`
	const want = `相関に必要な規則が読み込まれていない："x: is empty" は読込不可（a b.yml:3:4：f|all：修飾子 "exists" の値は引用符なしの true か ` +
		`false。ここは文字列 "q)"）`
	if got := Text(in).JA; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// filled makes an entry with values of every kind, in both languages.
func filled(e entry, quoted string, n int) (en, ja string) {
	var holes []string
	for _, p := range compile(e).parts {
		v := map[kind]string{literal: p.text, free: "v7", quote: strconv.Quote(quoted), number: strconv.Itoa(n)}[p.kind]
		if en += v; p.kind != literal {
			holes = append(holes, v)
		}
	}
	return en, hole.ReplaceAllStringFunc(e.ja, func(h string) string {
		n, _ := strconv.Atoi(h[1:2])
		return holes[n]
	})
}

// alike leaves blanks out: they come and go with what stands beside them.
func alike(a, b string) bool {
	return strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", "")
}

// Every entry is found again, whatever stands in its holes, and what stands there
// is kept to the letter.
func TestEveryEntryIsFound(t *testing.T) {
	for _, e := range formats() {
		en, ja := filled(e, "v: no title", 12)
		if got := Text(en).JA; !alike(got, ja) && !compile(e).bare {
			t.Errorf("%s\n got %s\nwant %s", en, got, ja)
		}
	}
}

// A quoted value confuses nothing, whatever it holds: other reasons, holes,
// quotes, letters of any kind.
func FuzzQuotedValue(f *testing.F) {
	list := formats()
	f.Add(uint16(3), `x" is already that of "y`, uint16(1))
	f.Add(uint16(80), "{0~} : \x00\xff\n", uint16(2))
	f.Add(uint16(200), strings.Repeat(`\"`, 300), uint16(3))
	f.Fuzz(func(t *testing.T, at uint16, value string, n uint16) {
		if len(value) > 1000 {
			return
		}
		e := list[int(at)%len(list)]
		en, ja := filled(e, value, int(n))
		if got := Text(en).JA; !alike(got, ja) && !compile(e).bare {
			t.Errorf("%s\n got %s\nwant %s", en, got, ja)
		}
	})
}

// Nothing makes Text fail, change the English, break letters, or give much more
// than it was given.
func FuzzText(f *testing.F) {
	f.Add(`r.yml:3:16: a|contians: unknown modifier "contians"`)
	f.Add(strings.Repeat(": ", 4000))
	f.Add(strings.Repeat(`"\`, 4000))
	f.Add(strings.Repeat(`"x" was refused (`, 400))
	f.Add(strings.Repeat("a must be text, not ", 400))
	f.Add(strings.Repeat("the first is , and this is ", 200) + "\n\n" + strings.Repeat("(", 100))
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if got.EN != s {
			t.Errorf("the English of %q is %q", s, got.EN)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got.JA) {
			t.Errorf("%q: %q", s, got.JA)
		}
		if len(got.JA) > 16*len(s)+1024 {
			t.Errorf("%d bytes became %d", len(s), len(got.JA))
		}
	})
}

// What stands in a reason spends a bounded number of tries.
func TestTextIsBounded(t *testing.T) {
	for _, s := range []string{
		strings.Repeat(": ", 4000), strings.Repeat(", not ", 1300), strings.Repeat(" is ", 2000),
		strings.Repeat(`"\`, 4000),
		strings.Repeat("has %q must be in the condition where belongs: ", 170),
		strings.Repeat(" must refer to one another in a circle: ", 200),
	} {
		tell := teller{book: theBook(), steps: maxSteps}
		tell.say(s, 0)
		if tell.steps < -1000 {
			t.Errorf("%.20q: %d steps beyond the bound", s, -tell.steps)
		}
	}
	long := strings.Repeat("empty field name", maxReason)
	if got := Text(long); got.JA != long {
		t.Error("a reason beyond the bound was looked at")
	}
}

func BenchmarkText(b *testing.B) {
	for name, s := range map[string]string{
		"modifier": `rules/windows/a.yml:3:16: a|contians: unknown modifier "contians"`,
		"hostile":  strings.Repeat("a must be text, not : ", 370),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Text(s)
			}
		})
	}
}
