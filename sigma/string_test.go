package sigma_test

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// The names begin with the number of the statement in the semantics note.

func TestStrings(t *testing.T) {
	run(t, []vector{
		{"1 case does not matter", sel(`F: 'PowerShell.EXE'`),
			[]string{`{"F":"powershell.exe"}`, `{"F":"POWERSHELL.exe"}`},
			[]string{`{"F":"powershell.exe "}`, `{"F":"xpowershell.exe"}`, `{"G":"powershell.exe"}`}},
		{"1 case of umlauts", sel(`F: 'ÄRGER'`), []string{`{"F":"ärger"}`}, []string{`{"F":"arger"}`}},
		{"1 case of fullwidth letters", sel(`F: 'ＡＢｃ'`), []string{`{"F":"ａｂＣ"}`}, []string{`{"F":"abc"}`}},
		{"1 Kelvin sign and long s", sel(`F: 'ks'`), []string{`{"F":"\u212a\u017f"}`, `{"F":"KS"}`},
			[]string{`{"F":"kß"}`}},
		{"1 sharp s is one letter", sel(`F: 'straße'`), []string{`{"F":"STRA\u1e9eE"}`}, []string{`{"F":"STRASSE"}`}},
		{"1 dotted capital I is only itself", sel(`F: 'i'`), []string{`{"F":"I"}`},
			[]string{`{"F":"\u0130"}`, `{"F":"\u0131"}`}},
		{"1 Greek sigmas", sel(`F: 'σ'`), []string{`{"F":"Σ"}`, `{"F":"ς"}`}, nil},
		{"2 cased", sel(`F|cased: 'Cmd*'`), []string{`{"F":"Cmd.exe"}`}, []string{`{"F":"cmd.exe"}`}},
		{"2 cased behind contains", sel(`F|contains|cased: 'Ab'`), []string{`{"F":"xAby"}`}, []string{`{"F":"xaby"}`}},
		{"2 cased before endswith", sel(`F|cased|endswith: 'Ab'`), []string{`{"F":"xAb"}`},
			[]string{`{"F":"xab"}`, `{"F":"Abx"}`}},
		{"3 lone backslash", sel(`F: 'a\b'`), []string{`{"F":"a\\b"}`}, []string{`{"F":"ab"}`, `{"F":"a\\\\b"}`}},
		{"3 double backslash is one", sel(`F: 'a\\b'`), []string{`{"F":"a\\b"}`}, []string{`{"F":"a\\\\b"}`}},
		{"3 three backslashes are two", sel(`F: 'a\\\b'`), []string{`{"F":"a\\\\b"}`},
			[]string{`{"F":"a\\b"}`, `{"F":"a\\\\\\b"}`}},
		{"3 four backslashes are two", sel(`F: 'a\\\\b'`), []string{`{"F":"a\\\\b"}`}, []string{`{"F":"a\\\\\\\\b"}`}},
		{"3 escaped star", sel(`F: 'a\*b'`), []string{`{"F":"a*b"}`}, []string{`{"F":"axb"}`, `{"F":"a\\*b"}`}},
		{"3 escaped question mark", sel(`F: 'a\?b'`), []string{`{"F":"a?b"}`}, []string{`{"F":"axb"}`}},
		{"3 backslash and wildcard", sel(`F: 'a\\*b'`), []string{`{"F":"a\\b"}`, `{"F":"a\\xyzb"}`},
			[]string{`{"F":"a*b"}`, `{"F":"ab"}`}},
		{"3 backslash and star", sel(`F: 'a\\\*b'`), []string{`{"F":"a\\*b"}`},
			[]string{`{"F":"a\\xb"}`, `{"F":"a*b"}`}},
		{"3 trailing backslash", sel(`F: 'C:\'`), []string{`{"F":"C:\\"}`}, []string{`{"F":"C:"}`, `{"F":"C:\\x"}`}},
		{"3 trailing backslash and modifier", sel(`F|startswith: 'C:\'`), []string{`{"F":"C:\\x"}`, `{"F":"C:\\"}`},
			[]string{`{"F":"C:*"}`, `{"F":"C:"}`}},
		{"3 backslash before contains", sel(`F|contains: '\'`), []string{`{"F":"a\\b"}`}, []string{`{"F":"a*"}`}},
		{"4 contains on stars", sel(`F|contains: '*b*'`), []string{`{"F":"abc"}`, `{"F":"b"}`}, []string{`{"F":"ac"}`}},
		{"4 contains with a star inside", sel(`F|contains: 'a*c'`), []string{`{"F":"xabbcx"}`, `{"F":"ac"}`},
			[]string{`{"F":"ca"}`}},
		{"4 startswith on a star", sel(`F|startswith: 'a*'`), []string{`{"F":"ab"}`}, []string{`{"F":"ba"}`}},
		{"5 one character", sel(`F: 'a?c'`), []string{`{"F":"abc"}`, `{"F":"aあc"}`, `{"F":"a😀c"}`, `{"F":"a\nc"}`},
			[]string{`{"F":"ac"}`, `{"F":"abbc"}`, `{"F":"aああc"}`}},
		{"5 Japanese", sel(`F: '管?者'`), []string{`{"F":"管理者"}`}, []string{`{"F":"管者"}`, `{"F":"管理理者"}`}},
		{"5 star and question marks", sel(`F: '*a??b*'`), []string{`{"F":"xaaxyb"}`, `{"F":"aaaab"}`},
			[]string{`{"F":"axb"}`}},
		{"6 star over newlines", sel(`F: 'a*b'`), []string{`{"F":"a\nx\r\nb"}`}, []string{`{"F":"a\nx\r\nbc"}`}},
		{"6 backtracking", sel(`F: '*ab*ab'`), []string{`{"F":"abab"}`, `{"F":"xabyababab"}`},
			[]string{`{"F":"ab"}`, `{"F":"ababx"}`}},
		{"7 empty", sel(`F: ''`), []string{`{"F":""}`}, []string{`{"F":null}`, `{}`, `{"F":" "}`}},
		{"7 null", sel(`F: null`), []string{`{"F":null}`, `{}`},
			[]string{`{"F":""}`, `{"F":"null"}`, `{"F":0}`, `{"F":false}`}},
		{"7 null without value", sel(`F:`), []string{`{"F":null}`, `{}`}, []string{`{"F":"x"}`}},
		{"7 the word null", sel(`F: 'null'`), []string{`{"F":"null"}`}, []string{`{"F":null}`, `{}`}},
		{"7 lone star", sel(`F: '*'`), []string{`{"F":"x"}`, `{"F":""}`, `{"F":5}`}, []string{`{"F":null}`, `{}`}},
		{"7 empty text in a list", sel(`F: ['', 'a']`), []string{`{"F":""}`, `{"F":"A"}`}, []string{`{}`}},
		{"9 number", sel(`EventID: 4625`), []string{`{"EventID":4625}`, `{"EventID":"4625"}`, `{"EventID":4625.0}`},
			[]string{`{"EventID":"04625"}`, `{"EventID":46250}`, `{"EventID":"4625 "}`}},
		{"9 number as text", sel(`EventID: '4625'`), []string{`{"EventID":4625}`, `{"EventID":"4625"}`},
			[]string{`{"EventID":462}`}},
		{"9 leading zero in quotes", sel(`F: '01'`), []string{`{"F":"01"}`}, []string{`{"F":1}`, `{"F":"1"}`}},
		{"9 leading zero", sel(`F: 01`), []string{`{"F":"01"}`}, []string{`{"F":1}`, `{"F":"1"}`}},
		{"9 hexadecimal number", sel(`F: 0x1F`), []string{`{"F":31}`, `{"F":"31"}`, `{"F":"0x1f"}`},
			[]string{`{"F":"1F"}`}},
		{"9 fraction", sel(`F: 1.50`), []string{`{"F":1.5}`, `{"F":"1.5"}`, `{"F":"1.50"}`},
			[]string{`{"F":1}`, `{"F":"15"}`}},
		{"9 great number", sel(`F: 9223372036854775807`),
			[]string{`{"F":9223372036854775807}`, `{"F":"9223372036854775807"}`},
			[]string{`{"F":9223372036854775806}`}},
		{"9 negative number", sel(`F: -1`), []string{`{"F":-1}`, `{"F":"-1"}`}, []string{`{"F":1}`}},
		{"9 underscore is text", sel(`F: 1_000`), []string{`{"F":"1_000"}`}, []string{`{"F":1000}`}},
		{"9 true", sel(`F: true`), []string{`{"F":true}`, `{"F":"true"}`, `{"F":"True"}`},
			[]string{`{"F":false}`, `{"F":1}`, `{"F":"yes"}`}},
		{"9 true as text", sel(`F: 'true'`), []string{`{"F":true}`, `{"F":"TRUE"}`}, []string{`{"F":false}`}},
		{"9 yes is text", sel(`F: yes`), []string{`{"F":"Yes"}`}, []string{`{"F":true}`}},
		{"9 part of a number", sel(`F|startswith: '46'`), []string{`{"F":4625}`}, []string{`{"F":5462}`}},
		{"9 unquoted number with contains", sel(`F|contains: 62`), []string{`{"F":4625}`, `{"F":"a62b"}`},
			[]string{`{"F":6}`}},
		{"9 a date is text", sel(`F: 2024-01-02`), []string{`{"F":"2024-01-02"}`},
			[]string{`{"F":"2024-01-02T00:00:00Z"}`}},
		{"11 slashes are text", sel(`F|contains: '/../../'`), []string{`{"F":"GET /a/../../etc"}`},
			[]string{`{"F":"/ab/cd/"}`}},
		{"12 blanks count", sel(`F|contains: '  x'`), []string{`{"F":"a  x"}`},
			[]string{`{"F":"a x"}`, `{"F":"a\tx"}`}},
		{"13 percent without expand", sel(`F|contains: '%TEMP%'`), []string{`{"F":"cd %temp%"}`},
			[]string{`{"F":"cd temp"}`}},
		{"objects equal nothing", sel(`F|contains: 'a'`), nil, []string{`{"F":{"a":"a"}}`}},
		{"brackets are text", sel(`F: 'a[b]{c}.+'`), []string{`{"F":"A[B]{C}.+"}`}, []string{`{"F":"ab"}`}},
	})
}

func TestPlaces(t *testing.T) {
	run(t, []vector{
		{"contains", sel(`F|contains: 'b'`), []string{`{"F":"abc"}`, `{"F":"B"}`}, []string{`{"F":"ac"}`, `{"F":""}`}},
		{"startswith", sel(`F|startswith: 'ab'`), []string{`{"F":"ABc"}`, `{"F":"ab"}`}, []string{`{"F":"cab"}`}},
		{"endswith", sel(`F|endswith: '\cmd.exe'`), []string{`{"F":"C:\\x\\CMD.EXE"}`},
			[]string{`{"F":"cmd.exe"}`, `{"F":"\\cmd.exe1"}`}},
		{"list is or", sel(`F|contains: ['a', 'b']`), []string{`{"F":"xa"}`, `{"F":"xb"}`}, []string{`{"F":"x"}`}},
		{"all", sel(`F|contains|all: ['a', 'b']`), []string{`{"F":"b-a"}`}, []string{`{"F":"a"}`, `{"F":"b"}`, `{}`}},
		{"all before contains", sel(`F|all|contains: ['a', 'b']`), []string{`{"F":"b-a"}`}, []string{`{"F":"a"}`}},
		{"all over members of a list", sel(`F|all: ['a', 'b']`), []string{`{"F":["b","a","c"]}`},
			[]string{`{"F":["a"]}`}},
		{"contains nothing", sel(`F|contains: ''`), []string{`{"F":"x"}`, `{"F":""}`}, []string{`{}`, `{"F":null}`}},
	})
}

func TestLongText(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	ev := record{product: "test", fields: map[string]any{"F": long + "b"}}
	for line, want := range map[string]bool{
		`F|contains: 'aaab'`:           true,
		`F: '*a?b'`:                    true,
		`F: '*a*a*a*a*a*a*a*a*c'`:      false,
		`F|re: '(a*)*b$'`:              true,
		`F|re: '.{1000,}'`:             true,
		`F|startswith: 'aaaaaaaaaaab'`: false,
	} {
		if _, got := one(t, source(sel(line))).Match(ev); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	ev := record{product: "test", fields: map[string]any{"F": "a\xffB\xfe", "G": "\xff"}}
	for line, want := range map[string]bool{
		`F: 'a?b?'`:       true,
		`F: 'a??'`:        false,
		`F|contains: 'b'`: true,
		`G: '?'`:          true,
		`F|re: 'a.B'`:     true,
	} {
		if _, got := one(t, source(sel(line))).Match(ev); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
	if sigma.LogSource(sigma.LogSource{Product: "x"}).Covers("y", "", nil) {
		t.Error("covers another product")
	}
}
