package sigma_test

import "testing"

// TestDisputed holds cases in which other engines were seen to decide otherwise,
// with what the specification says, or docs/design/0003 where it says nothing.
func TestDisputed(t *testing.T) {
	run(t, []vector{
		{"startswith is anchored, also with wildcards", sel(`F|startswith: 'fo*'`), []string{`{"F":"foo"}`, `{"F":"FO"}`}, []string{`{"F":"xfoo"}`}},
		{"startswith of a wildcard in front", sel(`F|startswith: '*foo'`), []string{`{"F":"foobar"}`, `{"F":"xfoox"}`}, []string{`{"F":"fobar"}`}},
		{"startswith with one character", sel(`F|startswith: 'f?o'`), []string{`{"F":"foobar"}`, `{"F":"f\nox"}`}, []string{`{"F":"xfoo"}`}},
		{"endswith of a wildcard in front", sel(`F|endswith: '*foo'`), []string{`{"F":"foo"}`, `{"F":"xfoo"}`}, []string{`{"F":"foobar"}`}},
		{"endswith of a wildcard behind", sel(`F|endswith: 'fo*'`), []string{`{"F":"foobar"}`, `{"F":"xfoox"}`}, []string{`{"F":"f"}`}},
		{"cased startswith is anchored", sel(`F|startswith|cased: '管理?'`), []string{`{"F":"管理者x"}`}, []string{`{"F":"管理"}`, `{"F":"x管理者"}`}},
		{"wildcards cross line breaks", sel(`F: 'a*c'`), []string{`{"F":"a\nb\nc"}`, `{"F":"A\r\nC"}`}, []string{`{"F":"a\nb"}`}},
		{"one character may be a line break", sel(`F: 'a?c'`), []string{`{"F":"a\nc"}`}, []string{`{"F":"a\r\nc"}`}},
		{"wildcards stay wildcards under windash", sel(`F|windash: '-a?*'`), []string{`{"F":"/ab"}`, `{"F":"–abc"}`}, []string{`{"F":"-a"}`, `{"F":"xab"}`}},
		{"windash of a slash", sel(`F|windash|contains: ' /a'`), []string{`{"F":"x -a"}`, `{"F":"x ―a"}`}, []string{`{"F":"x a"}`}},
		{"windash of an en dash", sel(`F|windash: '–a'`), []string{`{"F":"-a"}`, `{"F":"/A"}`, `{"F":"—a"}`}, []string{`{"F":"_a"}`}},

		{"a number is compared as text", sel(`F: 5`), []string{`{"F":5}`, `{"F":"5"}`, `{"F":5.0}`}, []string{`{"F":"05"}`, `{"F":"5.0"}`, `{"F":" 5"}`}},
		{"a number under contains is as written", sel(`F|contains: 1.0`), []string{`{"F":"v1.0b"}`}, []string{`{"F":1}`, `{"F":"192"}`}},
		{"true is no number", sel(`F: true`), []string{`{"F":true}`, `{"F":"TRUE"}`}, []string{`{"F":1}`, `{"F":"1"}`, `{"F":"yes"}`}},
		{"integers beyond 2^53", sel(`F|lt: 9007199254740993`), []string{`{"F":9007199254740992}`}, []string{`{"F":9007199254740993}`}},
		{"infinity is no number", sel(`F|gt: 1`), []string{`{"F":2}`}, []string{`{"F":"inf"}`, `{"F":"Infinity"}`}},

		{"a number is no date", sel(`F|hour: 0`), []string{`{"F":"2026-01-15T00:10:00Z"}`}, []string{`{"F":0}`, `{"F":1768435200}`}},
		{"the zone of a date is not looked at", sel(`F|hour: 23`), []string{`{"F":"2026-01-15T23:59:01+09:00"}`}, []string{`{"F":"2026-01-15T14:59:01Z"}`}},

		{"exists does not look at the value", sel(`F|exists: true`), []string{`{"F":null}`, `{"F":""}`, `{"F":[]}`}, []string{`{}`}},
		{"exists in a nested map", sel(`O.F|exists: false`), []string{`{"O":{}}`, `{}`}, []string{`{"O":{"F":null}}`}},
		{"null in a list", sel(`F: null`), []string{`{"F":[null]}`, `{"F":[]}`, `{"F":["a",null]}`}, []string{`{"F":["a"]}`, `{"F":[""]}`}},
		{"neq of an absent field", sel(`F|neq: 'a'`), []string{`{}`, `{"G":"a"}`}, []string{`{"F":"A"}`}},
		{"fieldref of two nulls", sel(`F|fieldref: G`), []string{`{"F":"","G":""}`}, []string{`{"F":null,"G":null}`}},
		{"fieldref of lists", sel(`F|fieldref: G`), []string{`{"F":["x","a"],"G":"A"}`, `{"F":"a","G":["x","A"]}`}, []string{`{"F":["x"],"G":["a"]}`}},
		{"field names in another case", sel(`USER: 'a'`), []string{`{"user":"a"}`}, []string{`{"user.x":"a"}`}},
		{"IPv4 in IPv6 is IPv4", sel(`F|cidr: 10.0.0.0/8`), []string{`{"F":"::ffff:10.1.2.3"}`}, []string{`{"F":"::10.1.2.3"}`}},
		{"IPv4 in IPv6 as the network", sel(`F|cidr: '::ffff:10.0.0.0/104'`), []string{`{"F":"10.1.2.3"}`}, []string{`{"F":"11.1.2.3"}`}},
		{"classes of regular expressions are ASCII", sel(`F|re: '^\w+$'`), []string{`{"F":"abc_1"}`}, []string{`{"F":"ä"}`, `{"F":"管理"}`}},
		{"word boundaries are ASCII", sel(`F|re: '\bfoo\b'`), []string{`{"F":"fooä"}`, `{"F":"a foo"}`}, []string{`{"F":"foo_"}`}},
		{"base64offset of a value in the middle", sel(`F|base64offset|contains: foo`), []string{`{"F":"eGZvb3l6"}`, `{"F":"eHlmb296"}`, `{"F":"eHl6Zm9v"}`}, []string{`{"F":"eGZ2b3l6"}`}},

		{"keywords in numbers and truth values", "k:\n    - '4625'\n    - 'fals'\ncondition: k", []string{`{"F":14625}`, `{"O":{"L":[false]}}`}, []string{`{"F":4624}`, `{"F":true}`}},
		{"keywords with all may lie in two values", "k:\n    '|all':\n        - foo\n        - bar\ncondition: k", []string{`{"F":"xfoo","G":"barx"}`, `{"F":["foo",{"G":"bar"}]}`}, []string{`{"F":"foo","bar":"x"}`}},
		{"keywords with windash", "k:\n    '|windash':\n        - ' -a'\ncondition: k", []string{`{"F":"x /a"}`}, []string{`{"F":"x a"}`}},

		{"a pattern of only a star leaves out the underscore", "s:\n    F: 1\n_h:\n    G: 1\ncondition: 1 of *", []string{`{"F":1}`}, []string{`{"G":1}`}},
		{"all of a pattern leaves out the underscore", "s:\n    F: 1\n_h:\n    G: 1\ncondition: all of *", []string{`{"F":1}`}, []string{`{"G":1}`}},
		{"operators in capitals", "s:\n    F: 1\nt:\n    G: 1\ncondition: NOT t AND NOT NOT s", []string{`{"F":1}`}, []string{`{"F":1,"G":1}`, `{}`}},
	})
}
