package reason

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/pipeline"
	"github.com/meneki/meneki/stix"
)

// What the libraries really say of what people get wrong.
func TestLibraries(t *testing.T) {
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
			`r.yml:3:37：| の後の集計 "count" は Sigma 2 にない。相関ルールで書くこと`},
		{rule("detection: {s: {a|gt: '5'}, condition: s}\n"), `r.yml:3:23：a|gt：修飾子 "gt" に必要なのは数値。ここは文字列 "5"。引用符を外すこと`},
		{rule("detection: {s: {text: []}, condition: s}\n"), `r.yml:3:17：text：値のリストが空`},
		{rule("detection: [a]\n"), `r.yml:3:12：detection はマッピングで書く。ここはリスト`},
		{rule("detection:\n\ts: 1\n"), `r.yml:4:1：正しい YAML でない：値の先頭に使えない文字がある。字下げはタブでなく空白にすること`},
		{rule("Detection: {s: {a: x}, condition: s}\n"),
			`r.yml:1:1：detection がなく、Sigma の検知ルールではない。"Detection" ではなく "detection" と書くこと`},
		{pattern("[file:name = 'a'] AND [file:name = 'b']"), `STIX パターン：未対応：AND が複数の観測をつないでいる`},
		{pattern("[file:name = ]"), `STIX パターン：1 行 14 桁：値（文字列は一重引用符で囲む）のあるべき位置に "]" がある`},
		{steps("transformations: [{id: x, type: foo}]"), `p.yml:1:19：変換 "foo" は未知`},
		{steps("transformations: [{type: file_placeholders}]"),
			`p.yml:1:19：変換 file_placeholders には対応していない：パイプラインがファイルを読むことは不可。値を vars に書くこと`},
		{steps("transformations: [{type: map_string}]"), `p.yml:1:19：変換 map_string に "mapping" が必要`},
		{object(`{"type":"indicator"}`), `STIX：object：id：欠けている`},
		{&evtx.Error{Offset: 4096, Chunk: 0, Record: 7, Err: evtx.ErrTooLarge},
			`EVTX：チャンク 0、記録 7、位置 0x1000：テンプレートを展開した記録が大きすぎる`},
		{errors.New("another thing went wrong"), "another thing went wrong"},
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

// What another node sends makes Say fail in no way, and is never more than its
// arguments and the format.
func FuzzReason(f *testing.F) {
	f.Add(`{"code":"sigma.modifier.unknown","args":["contians"],"text":"unknown modifier \"contians\""}`)
	f.Add(`{"code":"sigma.at.place","args":["a.yml",1,2,{"code":"yaml.kind.list","text":"a list"}],"text":"x"}`)
	f.Add(`{"code":"evtx.at","args":[1e999,-0,"\ud800",true],"text":""}`)
	f.Add(`{"text":"x","ja":"あ"}`)
	f.Fuzz(func(t *testing.T, data string) {
		var r Reason
		if json.Unmarshal([]byte(data), &r) != nil {
			return
		}
		got := r.Say()
		if got.EN != r.Text || !utf8.ValidString(got.JA) {
			t.Errorf("%q: %q", data, got)
		}
		if len(got.JA) > 16*len(data)+1024 {
			t.Errorf("%d bytes became %d", len(data), len(got.JA))
		}
		if again := Read(r.Stored()); again.Say() != got {
			t.Errorf("%q, stored %q", got, again.Say())
		}
	})
}

// A fault with a code is stored as the code and put into words when it is read; one
// without keeps both texts.
func TestRefusal(t *testing.T) {
	r := Refusal(fault.Coded(fault.HubFindingField, nil, "count"))
	if r.JA != "" || r.Code == "" {
		t.Errorf("prose is stored: %+v", r)
	}
	back := Fault("invalid", Read(r.Stored())).Say()
	if want := "検知の count が正しくありません"; !strings.Contains(back.JA, want) ||
		!strings.Contains(back.EN, "the finding has no valid count") {
		t.Errorf("%+v", back)
	}
	text := i18n.T("some other reason", "別の理由")
	if got := Refusal(fault.New(fault.Invalid, text)).Say(); got != text {
		t.Errorf("%+v", got)
	}
	if got := (Reason{Code: string(fault.HubFindingField), Text: "text"}).Say(); got != i18n.Same("text") {
		t.Errorf("with too few arguments: %+v", got)
	}
}
