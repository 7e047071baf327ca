package sigma_test

import "testing"

func TestStructure(t *testing.T) {
	run(t, []vector{
		{"31 map is and", "s:\n    A: 1\n    B: 2\ncondition: s", []string{`{"A":1,"B":2}`},
			[]string{`{"A":1}`, `{"A":1,"B":3}`}},
		{"31 list of maps is or of ands", "s:\n    - A: 1\n      B: 2\n    - C: 3\ncondition: s",
			[]string{`{"A":1,"B":2}`, `{"C":3}`}, []string{`{"A":1}`, `{"B":2,"C":4}`}},
		{"31 list within a list", "s:\n    - - A: 1\n      - B: 2\n    - C: 3\ncondition: s",
			[]string{`{"A":1}`, `{"B":2}`, `{"C":3}`}, []string{`{"D":1}`}},
		{"31 words and maps", "s:\n    - 'needle'\n    - A: 1\ncondition: s",
			[]string{`{"Z":"a NEEDLE b"}`, `{"A":1}`}, []string{`{"A":2}`}},
		{"31 a single word", "s: 'needle'\ncondition: s", []string{`{"Z":"a needle b"}`}, []string{`{"needle":1}`}},
		{"32 keywords are or", "k:\n    - 'aaa'\n    - 'bbb'\ncondition: k",
			[]string{`{"X":"xaaax"}`, `{"X":{"Y":["z",{"W":"BBB"}]}}`}, []string{`{"X":"ab"}`, `{"aaa":"x"}`}},
		{"32 keywords in numbers", "k: [862]\ncondition: k", []string{`{"X":98621}`, `{"X":"862"}`},
			[]string{`{"X":86}`}},
		{"32 keywords in truth values but not null", "k: ['true', 'null']\ncondition: k", []string{`{"X":true}`},
			[]string{`{"X":null}`, `{"X":false}`}},
		{"32 keywords do not see escapes", "k: ['\\n', 'a\\\\\"']\ncondition: k", []string{`{"X":"\\n"}`},
			[]string{`{"X":"a\nb"}`}},
		{"32 keywords within one value", "k: ['a b']\ncondition: k", []string{`{"X":"a b"}`},
			[]string{`{"X":"a","Y":"b"}`}},
		{"32 keywords with wildcards", "k: ['a*z', 'p?q']\ncondition: k",
			[]string{`{"X":"__a__z__"}`, `{"X":"1pxq1"}`}, []string{`{"X":"za"}`, `{"X":"pq"}`}},
		{"33 all keywords", "k:\n    '|all': ['aaa', 'bbb']\ncondition: k",
			[]string{`{"X":"aaa","Y":"bbb"}`, `{"X":"bbbaaa"}`}, []string{`{"X":"aaa"}`}},
		{"33 all keywords beside a field", "k:\n    '|all': ['aaa', 'bbb']\n    F: 1\ncondition: k",
			[]string{`{"X":"aaabbb","F":1}`}, []string{`{"X":"aaabbb"}`}},
		{"33 keywords with re", "k:\n    '|re': 'a\\d+'\ncondition: k", []string{`{"X":"-a77-"}`},
			[]string{`{"X":"A77"}`}},
		{"33 keywords cased", "k:\n    '|cased': 'aB'\ncondition: k", []string{`{"X":"xaBx"}`}, []string{`{"X":"ab"}`}},
		{"33 keywords encoded", "k:\n    '|wide|base64offset|contains': ['管理者']\ncondition: k",
			[]string{`{"X":"xxoXsGdAWAxx"}`}, []string{`{"X":"管理者"}`}},
		{"33 keywords windash", "k:\n    '|windash': [' -x']\ncondition: k", []string{`{"X":"a /x"}`},
			[]string{`{"X":"a x"}`}},
		{"34 not of an absent field", "s:\n    A: 1\nf:\n    B: 'x'\ncondition: s and not f",
			[]string{`{"A":1}`, `{"A":1,"B":null}`}, []string{`{"A":1,"B":"x"}`}},
		{"35 nested", sel(`A.B.C: 1`), []string{`{"A":{"B":{"C":1}}}`, `{"A.B.C":1}`, `{"A":{"B.C":1}}`,
			`{"A.B":{"C":1}}`}, []string{`{"A":{"B":{"D":1}}}`, `{"C":1}`}},
		{"35 dotted key wins over nested", sel(`A.B: 1`), []string{`{"A.B":1,"A":{"B":2}}`},
			[]string{`{"A.B":2,"A":{"B":1}}`}},
		{"35 any member of a list", sel(`A: 'x'`), []string{`{"A":["y","X"]}`, `{"A":[["x"]]}`},
			[]string{`{"A":["y"]}`, `{"A":[]}`, `{"A":[{"x":"x"}]}`}},
		{"35 list on the path", sel(`A.B: 'x'`), []string{`{"A":[{"B":"y"},{"B":"x"}]}`, `{"A":[{"B":["x"]}]}`},
			[]string{`{"A":[{"B":"y"},{"C":"x"}]}`}},
		{"35 not over a list", "s:\n    A: 'x'\ncondition: not s", []string{`{"A":["y","z"]}`},
			[]string{`{"A":["x","y"]}`}},
		{"35 null member and empty list", sel(`A: null`), []string{`{"A":["x",null]}`, `{"A":[]}`},
			[]string{`{"A":["x"]}`, `{"A":{}}`}},
		{"35 case of a field name", sel(`CommandLine: 'x'`),
			[]string{`{"commandline":"x"}`, `{"CommandLine":"x","COMMANDLINE":"y"}`},
			[]string{`{"CommandLine":"y","commandline":"x"}`}},
		{"two modifiers on one field", "s:\n    F|startswith: 'a'\n    F|endswith: 'z'\ncondition: s",
			[]string{`{"F":"abz"}`}, []string{`{"F":"ab"}`, `{"F":"bz"}`}},
	})
}

func TestCondition(t *testing.T) {
	three := "a:\n    A: 1\nb:\n    B: 1\nc:\n    C: 1\n_h:\n    H: 1\n"
	abc := []string{`{}`, `{"A":1}`, `{"B":1}`, `{"C":1}`, `{"A":1,"B":1}`, `{"A":1,"C":1}`, `{"B":1,"C":1}`,
		`{"A":1,"B":1,"C":1}`}
	pick := func(which ...int) (out []string) {
		for _, i := range which {
			out = append(out, abc[i])
		}
		return out
	}
	tests := []struct {
		name, condition string
		yes             []int
	}{
		{"38 and before or", "a or b and c", []int{1, 4, 5, 6, 7}},
		{"38 and before or, the other way", "a and b or c", []int{3, 4, 5, 6, 7}},
		{"38 not before and", "not a and b", []int{2, 6}},
		{"38 not before or", "not a or b", []int{0, 2, 3, 4, 6, 7}},
		{"38 brackets", "a and (b or c)", []int{4, 5, 7}},
		{"38 not of brackets", "not (a or b)", []int{0, 3}},
		{"38 many brackets", "((a)) and ((not(b)))", []int{1, 5}},
		{"38 not not", "not not a", []int{1, 4, 5, 7}},
		{"38 of before not", "not 1 of a* and b", []int{2, 6}},
		{"39 one of them", "1 of them", []int{1, 2, 3, 4, 5, 6, 7}},
		{"39 any of them", "any of them", []int{1, 2, 3, 4, 5, 6, 7}},
		{"39 all of them", "all of them", []int{7}},
		{"39 named without a star", "1 of a", []int{1, 4, 5, 7}},
		{"39 hidden by name", "a and not _h", []int{1, 4, 5, 7}},
		{"39 hidden by pattern", "a and not 1 of _*", []int{1, 4, 5, 7}},
		{"39 star leaves the hidden out", "all of *", []int{7}},
		{"40 not one of", "c and not 1 of a*", []int{3, 6}},
		{"41 list", "[a and b, c]", []int{3, 4, 5, 6, 7}},
		{"42 any case", "a Or NOT b aNd c", []int{1, 3, 4, 5, 7}},
		{"42 of in any case", "1 OF Them", []int{1, 2, 3, 4, 5, 6, 7}},
		{"42 line breaks", "|\n    a or\n        b\n    and c\n", []int{1, 4, 5, 6, 7}},
		{"42 folded", ">-\n    a\n    or b\n", []int{1, 2, 4, 5, 6, 7}},
		{"42 blanks", "  (  a  )or(b)  ", []int{1, 2, 4, 5, 6, 7}},
	}
	for _, tt := range tests {
		var no []int
		for i := range abc {
			found := false
			for _, y := range tt.yes {
				found = found || y == i
			}
			if !found {
				no = append(no, i)
			}
		}
		run(t, []vector{{tt.name, three + "condition: " + tt.condition, pick(tt.yes...), pick(no...)}})
	}
	sels := "selection_a_x:\n    A: 1\nselection_b_x:\n    B: 1\nother:\n    C: 1\n"
	run(t, []vector{
		{"39 star at the end", sels + "condition: all of selection*", pick(4, 7), pick(0, 1, 2, 3, 5, 6)},
		{"39 star at the front", sels + "condition: 1 of *_x", pick(1, 2, 4, 5, 6, 7), pick(0, 3)},
		{"39 star in the middle", sels + "condition: 1 of sel*_a_*", pick(1, 4, 5, 7), pick(0, 2, 3, 6)},
	})
}
