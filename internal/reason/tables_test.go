package reason

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
	"github.com/meneki/meneki/sigma/pipeline"
	"github.com/meneki/meneki/stix"
)

// reasons are the libraries' own tables: the English format of each code.
var reasons = []iter.Seq2[string, string]{
	sigma.Reasons(), pipeline.Reasons(), correlate.Reasons(), stix.Reasons(), evtx.Reasons(),
}

var directive = regexp.MustCompile(`%[#+]?([a-z%])`)

// Every code of every library has its Japanese format, which says each argument
// once, and no table has a code that no library gives.
func TestEveryCodeHasARow(t *testing.T) {
	formats := map[string]string{}
	for _, library := range reasons {
		maps.Insert(formats, library)
	}
	have := map[string]string{}
	for name, table := range tables {
		for code, ja := range table {
			if table["reason.within"] == "" && !strings.HasPrefix(code, name+".") {
				t.Errorf("%s is in the table of %s", code, name)
			}
			have[code] = ja
		}
	}
	for code, en := range formats {
		ja, ok := have[code]
		if !ok {
			t.Errorf("no table has %s: %q", code, en)
			continue
		}
		delete(have, code)
		checkRow(t, code, en, ja)
	}
	for code := range have {
		if _, own := ownRows[code]; !own {
			t.Errorf("no library gives %s", code)
		}
	}
}

func checkRow(t *testing.T, code, en, ja string) {
	t.Helper()
	var want []string
	for _, m := range directive.FindAllStringSubmatch(en, -1) {
		switch m[1] {
		case "%":
		case "q", "x":
			want = append(want, strconv.Itoa(len(want))+m[1])
		default:
			want = append(want, strconv.Itoa(len(want)))
		}
	}
	var got []string
	for _, m := range slot.FindAllStringSubmatch(ja, -1) {
		got = append(got, m[1]+m[2])
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q has the arguments %v, %q has %v", code, en, want, ja, got)
	}
	words := directive.ReplaceAllString(en, "")
	if strings.ContainsFunc(words, unicode.IsLetter) && words != "null" &&
		!strings.ContainsFunc(ja, func(r rune) bool { return japanese(r, 0) || r == '：' }) {
		t.Errorf("%s: the Japanese of %q is %q", code, en, ja)
	}
}

// A reason that was stored and read again says the same.
func TestReasonIsKept(t *testing.T) {
	for _, text := range []string{
		"title: t\nlogsource: {product: windows}\ndetection: {s: {a|contians: x}, condition: s}\n",
		"title: t\nlogsource: {product: windows}\ndetection: {s: {a|re: '(x'}, condition: s}\n",
		"title: t\nlogsource: {product: windows}\ndetection:\n\ts: 1\n",
	} {
		_, err := sigma.Parse("r.yml", []byte(text))
		data, bad := json.Marshal(From(err))
		var r Reason
		if bad != nil || json.Unmarshal(data, &r) != nil {
			t.Fatal(bad)
		}
		if got, want := r.Say(), Of(err); got != want || want.EN != err.Error() || want.JA == want.EN {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What another node sends is never more than a text if it is not a reason.
func TestForeignReason(t *testing.T) {
	deep := `{"text":"x"}`
	for range 20 {
		deep = `{"code":"reason.within","args":["a",` + deep + `],"text":"deep"}`
	}
	for in, want := range map[string]string{
		`{"code":"sigma.modifier.unknown","args":[],"text":"no arguments"}`:            "no arguments",
		`{"code":"sigma.nothing","args":[1],"text":"unknown code"}`:                    "unknown code",
		`{"code":"nothing","text":"unknown library"}`:                                  "unknown library",
		`{"code":"yaml.values","args":[300000],"text":"many"}`:                         "値が 300000 個を超える",
		`{"code":"sigma.modifier.unknown","args":[null],"text":"null"}`:                "null",
		`{"code":"sigma.modifier.unknown","args":[["a"]],"text":"a list"}`:             "a list",
		`{"code":"sigma.modifier.unknown","args":["{0}\"","more"],"text":"too many"}`:  `未知の修飾子 "{0}\""`,
		`{"text":"missing closing )"}`:                                                 "閉じる ) がない",
		`{"text":"another thing went wrong"}`:                                          "another thing went wrong",
		`{"code":"yaml.values","args":[` + strings.Repeat("1,", 99) + `1],"text":"x"}`: "x",
		deep: "deep",
	} {
		var r Reason
		if err := json.Unmarshal([]byte(in), &r); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if got := r.Say(); got.JA != want {
			t.Errorf("%s: %q, want %q", in, got.JA, want)
		}
	}
}

// Errors of the standard library are said too, also within others.
func TestOf(t *testing.T) {
	missing := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}
	for _, c := range []struct {
		err  error
		want string
	}{
		{missing, "/x を開く：ファイルがない"},
		{fmt.Errorf("rules: %w", missing), "rules: /x を開く：ファイルがない"},
		{errors.New("another thing went wrong"), "another thing went wrong"},
		{errors.Join(missing, errors.New("what?")), "/x を開く：ファイルがない\nwhat?"},
	} {
		if got := Of(c.err); got.EN != c.err.Error() || got.JA != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if !Of(nil).Zero() || !From(nil).IsZero() {
		t.Error("a reason for nothing")
	}
}

// What a fault said comes back in both languages, with its kind.
func TestFault(t *testing.T) {
	text := i18n.T("the finding is not readable", "検知を読み取れません")
	got := Read(Fault("invalid", Said(text)).Stored()).Say()
	if want := i18n.T("invalid: the finding is not readable", "不正：検知を読み取れません"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Read("not JSON").Say(); got != i18n.Same("not JSON") {
		t.Errorf("%q", got)
	}
	if got := (Reason{}).Stored(); got != "" || !Read("").IsZero() {
		t.Errorf("none is stored as %q", got)
	}
}

func TestClip(t *testing.T) {
	r := Reason{Code: "sigma.modifier.unknown", Args: []any{strings.Repeat("あ", 100)}, Text: strings.Repeat("い", 100)}
	if got := r.Clip(10_000); got.Code == "" {
		t.Errorf("clipped: %v", got)
	}
	if got := r.Clip(199); got.Text != strings.Repeat("い", 66) {
		t.Errorf("%v", got)
	}
	if got := r.Clip(200); got.Code != "" || got.Args != nil || got.Text != strings.Repeat("い", 66) {
		t.Errorf("%v", got)
	}
}
