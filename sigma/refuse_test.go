package sigma_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/meneki/meneki/sigma"
)

// TestRefused holds one document for each reason to refuse, with the place in
// the file and a part of the reason. Line 6 is the first line of the detection.
func TestRefused(t *testing.T) {
	tests := []struct {
		name, detection string
		line, column    int
		reason          string
	}{
		{"8 null in a list", sel(`F: ['', null]`), 7, 17, "null cannot be part of a list"},
		{"8 null alone in a list", sel(`F: [null]`), 7, 0, "null cannot be part of a list"},
		{"10 all of one value", sel(`F|contains|all: 'a'`), 7, 9, "at least two values"},
		{"10 all of a list of one", sel(`F|contains|all: ['a']`), 7, 9, "at least two values"},
		{"13 placeholder without values", sel(`F|expand: '%nobody%'`), 7, 19,
			"placeholder %nobody% (modifier expand) has no values"},
		{"13 expand without placeholder", sel(`F|expand: 'x'`), 7, 9, "no %placeholder%"},
		{"14 contains before base64", sel(`F|contains|base64: 'x'`), 7, 9, `"base64" cannot follow "contains"`},
		{"15 base64offset of wildcards", sel(`F|base64offset|contains: 'a*b'`), 7, 34, "cannot encode the wildcards"},
		{"15 base64 of wildcards", sel(`F|base64: 'a?b'`), 7, 0, "cannot encode the wildcards"},
		{"15 base64offset of one byte", sel(`F|base64offset|contains: 'a'`), 7, 0, "too short for base64offset"},
		{"15 base64offset of nothing", sel(`F|base64offset|contains: ''`), 7, 0, "too short for base64offset"},
		{"15 base64 of base64offset", sel(`F|base64offset|base64: 'abc'`), 7, 0, `cannot follow "base64offset"`},
		{"18 charset at the end", sel(`F|wide: 'x'`), 7, 0, "base64 or base64offset must follow"},
		{"18 charset and contains", sel(`F|utf16|contains: 'x'`), 7, 0, "base64 or base64offset must follow"},
		{"18 two charsets", sel(`F|wide|utf16be|base64: 'x'`), 7, 0, "without base64 between"},
		{"20 windash with too many dashes to encode", sel(`F|windash|base64: '-----'`), 7, 0, "too many spellings"},
		{"20 windash on regular expressions", sel(`F|re|windash: '-'`), 7, 0, `"windash" cannot follow "re"`},
		{"21 look-ahead", sel(`F|re: 'a(?=b)'`), 7, 15, "RE2"},
		{"21 back-reference", sel(`F|re: '(a)\1'`), 7, 0, "RE2"},
		{"21 broken expression", sel(`F|re: '(a'`), 7, 0, "missing closing )"},
		{"22 i without re", sel(`F|i: 'a'`), 7, 0, `must follow "re"`},
		{"22 i before re", sel(`F|i|re: 'a'`), 7, 0, `must follow "re"`},
		{"22 cased and i", sel(`F|re|i|cased: 'a'`), 7, 0, "contradict"},
		{"22 contains before re", sel(`F|contains|re: 'a'`), 7, 0, `"re" cannot follow "contains"`},
		{"24 no network", sel(`F|cidr: '10.0.0.*'`), 7, 0, "needs a network"},
		{"24 network too long", sel(`F|cidr: '10.0.0.0/33'`), 7, 0, "needs a network"},
		{"24 cidr of a number", sel(`F|cidr: 10`), 7, 0, `"cidr" needs text`},
		{"24 cidr contains", sel(`F|cidr|contains: '10.0.0.0/8'`), 7, 0, "cannot follow"},
		{"25 fieldref of a number", sel(`F|fieldref: 5`), 7, 0, "needs a field name"},
		{"25 fieldref with wildcards", sel(`F|fieldref: 'A*'`), 7, 0, "wildcards"},
		{"25 startswith before fieldref", sel(`F|startswith|fieldref: A`), 7, 0, "cannot follow"},
		{"26 exists with text", sel(`F|exists: 'true'`), 7, 9, "true or false without quotes"},
		{"26 exists with a list", sel(`F|exists: [true]`), 7, 0, "not a list"},
		{"26 exists with another modifier", sel(`F|exists|neq: true`), 7, 0, "cannot follow"},
		{"27 gt of text", sel(`F|gt: 'x'`), 7, 0, `"gt" needs a number`},
		{"27 gt of a quoted number", sel(`F|gt: '5'`), 7, 0, "remove the quotes"},
		{"27 gt and lt", sel(`F|gt|lt: 5`), 7, 0, "cannot follow"},
		{"27 gt contains", sel(`F|gt|contains: 5`), 7, 0, "cannot follow"},
		{"29 hour 24", sel(`F|hour: 24`), 7, 0, "from 0 to 23"},
		{"29 week 54", sel(`F|week: 54`), 7, 0, "from 1 to 53"},
		{"29 half an hour", sel(`F|hour: 1.5`), 7, 0, "whole numbers"},
		{"29 hour of text", sel(`F|hour: 'x'`), 7, 0, "needs a number"},
		{"29 gt before hour", sel(`F|gt|hour: 1`), 7, 0, "cannot follow"},
		{"30 unknown modifier", sel(`F|foo: 'x'`), 7, 9, `F|foo: unknown modifier "foo"`},
		{"30 upper case modifier", sel(`F|Contains: 'x'`), 7, 0, `lower case: "contains"`},
		{"30 empty modifier", sel(`F|: 'x'`), 7, 0, "empty modifier"},
		{"30 modifier twice", sel(`F|contains|contains: 'x'`), 7, 0, "given twice"},
		{"30 contradicting places", sel(`F|startswith|endswith: 'x'`), 7, 0, "cannot follow"},
		{"null with contains", sel(`F|contains: null`), 7, 0, "cannot be applied to null"},
		{"true with contains", sel(`F|contains: true`), 7, 0, "needs text"},
		{"31 empty selection", "s: {}\ncondition: s", 6, 0, "empty mapping"},
		{"31 empty list", "s: []\ncondition: s", 6, 0, "empty list"},
		{"31 empty list of values", sel(`F: []`), 7, 0, "empty list of values"},
		{"31 map as a value", sel(`F: {a: b}`), 7, 12, "not a mapping"},
		{"31 list in a list of values", sel(`F: [[a]]`), 7, 0, "single value"},
		{"31 selection is null", "s:\ncondition: s", 6, 0, "empty selection"},
		{"31 empty field name", sel(`'': 'x'`), 7, 0, "empty field name"},
		{"31 broken selection that is not used", "s:\n    F: 1\nu:\n    F|foo: 1\ncondition: s", 9, 9,
			"unknown modifier"},
		{"33 keyword with startswith", "k:\n    '|startswith': 'x'\ncondition: k", 7, 0, "needs a field name"},
		{"33 keyword with exists", "k:\n    '|exists': true\ncondition: k", 7, 0, "needs a field name"},
		{"33 keyword with neq", "k:\n    '|neq': 'x'\ncondition: k", 7, 0, "needs a field name"},
		{"33 empty keyword", "k: ['']\ncondition: k", 6, 0, "empty keyword"},
		{"33 null keyword", "k: [null]\ncondition: k", 6, 0, "null"},
		{"33 one keyword with all", "k:\n    '|all': ['x']\ncondition: k", 7, 0, "at least two values"},
		{"39 pattern of nothing", "s:\n    F: 1\ncondition: s or 1 of x*", 8, 26, `"1 of x*" matches no selection`},
		{"39 them of hidden ones", "_s:\n    F: 1\ncondition: 1 of them", 8, 0, "matches no selection"},
		{"39 two of", "s:\n    F: 1\ncondition: 2 of s*", 8, 16, `only "1 of" and "all of"`},
		{"39 star without of", "s:\n    F: 1\ncondition: s*", 8, 0, `write "1 of s*"`},
		{"30 unknown selection", "s:\n    F: 1\ncondition: s and zz", 8, 22, `names "zz"`},
		{"38 operator at the end", "s:\n    F: 1\ncondition: s and", 8, 21, "condition ends"},
		{"38 operator at the front", "s:\n    F: 1\ncondition: and s", 8, 16, `"and" in the condition`},
		{"38 no operator", "s:\n    F: 1\ncondition: s s", 8, 18, "and, or, or the end"},
		{"38 open bracket", "s:\n    F: 1\ncondition: (s", 8, 18, "closing bracket"},
		{"38 closing bracket", "s:\n    F: 1\ncondition: s)", 8, 17, `")"`},
		{"38 empty brackets", "s:\n    F: 1\ncondition: ()", 8, 17, `")"`},
		{"38 comma", "s:\n    F: 1\ncondition: 1 of s, s", 8, 0, `","`},
		{"41 empty condition", "s:\n    F: 1\ncondition: ''", 8, 0, "empty condition"},
		{"41 empty list of conditions", "s:\n    F: 1\ncondition: []", 8, 0, "empty list of conditions"},
		{"41 condition is a mapping", "s:\n    F: 1\ncondition: {a: b}", 8, 0, "must be text"},
		{"41 no condition", "s:\n    F: 1", 6, 0, "no condition"},
		{"41 only a condition", "condition: s", 6, 0, "no selection"},
		{"42 second line of a condition", "s:\n    F: 1\ncondition: |\n    s or\n    zz", 10, 0, `names "zz"`},
		{"43 count", "s:\n    F: 1\ncondition: s | count() by F > 5", 8, 18, `aggregation "count"`},
		{"43 near", "s:\n    F: 1\ncondition: s | near s", 8, 18, `aggregation "near"`},
		{"43 timeframe", "s:\n    F: 1\ntimeframe: 5m\ncondition: s", 8, 5, "timeframe"},
		{"duplicate field", "s:\n    F: 1\n    F: 2\ncondition: s", 8, 9, `duplicate key "F"`},
		{"duplicate selection", "s:\n    F: 1\ns:\n    F: 2\ncondition: s", 8, 5, `duplicate key "s"`},
		{"merge key", "s: &s\n    F: 1\nt:\n    <<: *s\ncondition: s", 9, 0, "merge keys"},
		{"binary", sel(`F: !!binary aGk=`), 7, 0, "!!binary"},
		{"own type", sel(`F: !thing x`), 7, 0, "!thing"},
		{"broken YAML", "s: [\ncondition: s", 0, 0, "not valid YAML"},
		{"indented with a tab", "s:\n\tF: 1\ncondition: s", 7, 0, "not tabs"},
		{"value begins with %", sel(`F: %TEMP%`), 7, 0, "in quotes"},
		{"star without quotes", sel(`F: ['*x', *exe]`), 7, 0, "must stand in quotes: '*exe'"},
		{"star without quotes after the same in quotes", "s:\n    F: '*exe'\n    G: *exe\ncondition: s", 8, 0,
			"'*exe'"},
		{"backslashes in double quotes", sel(`F: "C:\Windows"`), 7, 0, "single quotes"},
		{"colon without quotes", sel(`F: a: b`), 7, 0, "hold a colon"},
		{"empty selection", "s:\ncondition: s", 6, 0, "empty selection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, source(tt.detection), tt.line, tt.column, tt.reason)
		})
	}
}

func check(t *testing.T, text string, line, column int, reason string) {
	t.Helper()
	rules, err := sigma.Parse("dir/rule.yml", []byte(text))
	if len(rules) != 0 {
		t.Fatalf("accepted:\n%s", text)
	}
	var pe *sigma.ParseError
	if !errors.As(err, &pe) {
		t.Fatalf("error %T is no *ParseError", err)
	}
	if !strings.Contains(pe.Reason.Error(), reason) || line > 0 && pe.Line != line || column > 0 &&
		pe.Column != column {
		t.Errorf("got %v\nwant line %d column %d %q\n%s", pe, line, column, reason, text)
	}
	if pe.Path != "dir/rule.yml" || pe.Line < 1 || pe.Column < 1 ||
		!strings.HasPrefix(pe.Error(), fmt.Sprintf("dir/rule.yml:%d:%d: ", pe.Line, pe.Column)) {
		t.Errorf("no place: %v", pe)
	}
}

func TestRefusedDocuments(t *testing.T) {
	body := "logsource:\n    product: test\ndetection:\n    s:\n        F: 1\n    condition: s\n"
	tests := []struct{ name, text, reason string }{
		{"nothing", "", "holds no rule"},
		{"comments", "# only\n---\n# this\n", "holds no rule"},
		{"text", "hello", "mapping of keys"},
		{"list", "- a\n- b", "mapping of keys"},
		{"no detection", "title: T\nlogsource:\n    product: x\n", "no detection"},
		{"no title", body, "no title"},
		{"title in capitals", "Title: T\n" + body, `write "title", not "Title"`},
		{"detection in capitals", "title: T\n" + strings.Replace(body, "detection", "Detection", 1),
			`write "detection", not "Detection"`},
		{"logsource in capitals", "title: T\n" + strings.Replace(body, "logsource", "LogSource", 1),
			`write "logsource", not "LogSource"`},
		{"title is a list", "title: [a]\n" + body, "title must be text"},
		{"no logsource", "title: T\ndetection:\n    s:\n        F: 1\n    condition: s\n", "no logsource"},
		{"empty logsource", "title: T\n" + strings.Replace(body, "product: test", "definition: x", 1),
			"at least one of"},
		{"logsource is text", "title: T\n" + strings.Replace(body, "logsource:\n    product: test",
			"logsource: windows", 1), "logsource must be a mapping"},
		{"logsource product is a list", "title: T\n" + strings.Replace(body, "product: test", "product: [a, b]", 1),
			"product must be text"},
		{"detection is a list", "title: T\nlogsource:\n    product: x\ndetection:\n    - a\n",
			"detection must be a mapping"},
		{"level", "title: T\nlevel: hihg\n" + body, `level "hihg"`},
		{"taxonomy", "title: T\ntaxonomy: ecs\n" + body, `taxonomy "ecs"`},
		{"tags are a mapping", "title: T\ntags: {a: b}\n" + body, "tags must be text"},
		{"related is text", "title: T\nrelated: x\n" + body, "related must be a list"},
		{"related without type", "title: T\nrelated:\n    - id: x\n" + body, "id and a type"},
		{"duplicate key", "title: T\ntitle: U\n" + body, "duplicate key"},
		{"correlation", "title: T\ncorrelation:\n    type: event_count\n",
			"correlation rule; this evaluator handles detection rules only"},
		{"filter", "title: T\nlogsource:\n    product: x\nfilter:\n    rules: any\n",
			"a filter; this evaluator handles detection rules only"},
		{"collection of Sigma 1", "title: T\naction: global\n" + body, "Sigma 1"},
		{"not UTF-8", "title: T\n# \xff\n", "not UTF-8"},
		{"UTF-16", "\xff\xfet\x00i\x00", "not UTF-8"},
		{"too large", "title: T\n#" + strings.Repeat("x", sigma.MaxSize), "larger than 1048576 bytes"},
		{"too deep", "title: T\nx: " + strings.Repeat("[", 50) + strings.Repeat("]", 50) + "\n", "nested deeper"},
		{"very deep", "title: T\nx: " + strings.Repeat("[", 200_000), "not valid YAML"},
		{"alias bomb", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" +
			"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n", "more than 100 YAML aliases"},
		{"alias of itself", "a: &a [*a]\n", ""},
		{"key is a list", "[a]: b\n", "a key must be plain text"},
		{"key is null", "null: b\n", "a key must be plain text"},
		{"deep condition", "title: T\n" + strings.Replace(body, "condition: s",
			"condition: "+strings.Repeat("(", 500)+"s"+strings.Repeat(")", 500), 1), "nested deeper than 100"},
		{"many nots", "title: T\n" + strings.Replace(body, "condition: s",
			"condition: "+strings.Repeat("not ", 500)+"s", 1), "nested deeper than 100"},
		{"long condition", "title: T\n" + strings.Replace(body, "condition: s",
			"condition: s"+strings.Repeat(" or s", 20_000), 1), "longer than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.text, 0, 0, tt.reason) })
	}
}

func TestDocuments(t *testing.T) {
	doc := func(id, extra string) string {
		return "title: T" + id + "\nid: i" + id + "\nlogsource:\n    product: test\ndetection:\n    s:\n        F" +
			extra + ": 1\n    condition: s\n"
	}
	file := "# head\n" + doc("1", "") + "---\n" + doc("2", "|foo") + "--- # third\n" + doc("3", "") +
		"...\n---\ntitle: C\nid: c\ncorrelation:\n    type: event_count\n---\n" + "a: [\n---\n" + doc("4", "")
	rules, err := sigma.Parse("many.yml", []byte(file))
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
		again, err := sigma.Parse("again.yml", r.Source)
		if err != nil || len(again) != 1 || again[0].ID != r.ID {
			t.Errorf("source of %s does not parse again: %v", r.ID, err)
		}
		if !strings.HasPrefix(strings.Split(file, "\n")[r.Line-1], "title: "+r.Title) {
			t.Errorf("%s: line %d", r.ID, r.Line)
		}
	}
	if got := strings.Join(ids, " "); got != "i1 i3 i4" {
		t.Errorf("rules %s", got)
	}
	refused := sigma.Refusals(err)
	if len(refused) != 3 || refused[0].RuleID != "i2" || refused[0].RuleTitle != "T2" || refused[0].Line != 17 ||
		!strings.Contains(refused[1].Reason.Error(), "correlation") || refused[1].RuleID != "c" {
		t.Errorf("refused %v", refused)
	}
	if sigma.Refusals(nil) != nil || sigma.Refusals(errors.New("x")) != nil {
		t.Error("refusals of other errors")
	}
	crlf := bytes.ReplaceAll([]byte("\xef\xbb\xbf"+doc("1", "")+"---\n"+doc("2", "")), []byte("\n"), []byte("\r\n"))
	if rules, err := sigma.Parse("crlf.yml", crlf); err != nil || len(rules) != 2 {
		t.Errorf("CRLF and BOM: %d rules, %v", len(rules), err)
	}
}
