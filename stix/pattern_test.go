package stix

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func specExamples(t testing.TB) []string {
	f, err := os.Open(dataFile(t, "stix", "spec_examples.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if l := strings.TrimSpace(s.Text()); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func fixpoint(t testing.TB, src string) *Pattern {
	t.Helper()
	p, err := ParsePattern(src)
	if err != nil {
		t.Fatalf("%s\n%v", src, err)
	}
	q, err := ParsePattern(p.String())
	if err != nil {
		t.Fatalf("%s\nprinted as %s\n%v", src, p, err)
	}
	if q.String() != p.String() || q.Level() != p.Level() || (q.Matchable() == nil) != (p.Matchable() == nil) {
		t.Fatalf("%s\nprinted as %s\nthen as    %s", src, p, q)
	}
	return p
}

func TestSpecExamplesParse(t *testing.T) {
	for _, s := range specExamples(t) {
		fixpoint(t, s)
	}
}

func TestPatternsThatParse(t *testing.T) {
	for src, want := range map[string]string{
		`[file:size=1280]`:      `[file:size = 1280]`,
		`[ file:size <> -3 ]`:   `[file:size != -3]`,
		`[file:size == +5]`:     `[file:size = +5]`,
		`[a:b = .5 OR a:b>-.5]`: `[a:b = .5 OR a:b > -.5]`,
		`[file:extended_properties.'ntfs-ext'.sid = '234']`:             ``,
		`[network-traffic:src_ref.value NOT ISSUBSET '192.168.0.1/24']`: ``,
		`[file:size IN(1024,2048, 4096.5)]`: `[file:size IN ` +
			`(1024, 2048, 4096.5)]`,
		`[a:b IN ()]`: ``,
		`[x_whatever:detected == ` +
			`t'2018-03-22T12:11:14.1Z']`: `[x_whatever:detected = t'2018-03-22T12:11:14.1Z']`,
		`[artifact:payload_bin = b'dGhpcyBpcyBhIHRlc3Q=' AND artifact:x_hex = h'']`: ``,
		`( [(network-traffic:dst_port IN(443,6443,8443) AND network-traffic:src_packets ` +
			`!= 0) ])`: `[network-traffic:dst_port IN (443, 6443, 8443) AND network-traffic:src_packets != 0]`,
		`[a:b=1 AND (a:b=2 OR a:b=3)]`: `[a:b = 1 AND ` +
			`(a:b = 2 OR a:b = 3)]`,
		`[(a:b=1 AND a:b=2) OR a:b=3]`: `[a:b = 1 AND ` +
			`a:b = 2 OR a:b = 3]`,
		`[a:b=1 OR (a:b=2 OR a:b=3)]`: `[a:b = 1 OR ` +
			`(a:b = 2 OR a:b = 3)]`,
		`[EXISTS a:b.c OR NOT EXISTS a:'d-e'[*].f[-1]]`: `[EXISTS a:b.c ` +
			`OR NOT EXISTS a:'d-e'[*].f[-1]]`,
		`[a:'plain' = 'it\'s \\ here']`: `[a:plain = ` +
			`'it\'s \\ here']`,
		`[a:'AND' = true]`: ``,
		"[a:b = 'x'] /* note */ OR // more\n [a:b\u3000= 'y']": `[a:b = 'x'] OR ` +
			`[a:b = 'y']`,
		`[foo:bar=1] REPEATS 9 TIMES WITHIN 0.5 SECONDS`: `[foo:bar = 1] ` +
			`REPEATS 9 TIMES WITHIN 0.5 SECONDS`,
		`([a:b=1] REPEATS 2 TIMES) REPEATS 2 TIMES`: `([a:b = 1] ` +
			`REPEATS 2 TIMES) REPEATS 2 TIMES`,
		`([a:b=1]) WITHIN 5 SECONDS WITHIN 6 SECONDS`: `([a:b = 1] ` +
			`WITHIN 5 SECONDS) WITHIN 6 SECONDS`,
		`[a:b=1] FOLLOWEDBY [a:b=2] OR [a:b=3] AND [a:b=4]`: `[a:b = 1] ` +
			`FOLLOWEDBY [a:b = 2] OR [a:b = 3] AND [a:b = 4]`,
		`([a:b=1] FOLLOWEDBY [a:b=2]) OR [a:b=3]`: `([a:b = 1] ` +
			`FOLLOWEDBY [a:b = 2]) OR [a:b = 3]`,
		`[a:b=1] AND ([a:b=2] AND [a:b=3])`: `[a:b = 1] AND ([a:b = 2] AND [a:b = 3])`,
		`[a:b = 1] START t'2016-06-01T01:30:00.123Z' STOP t'2016-06-01T02:20:00.123Z' OR [a:b = 2]`: ``,
	} {
		if want == "" {
			want = src
		}
		if got := fixpoint(t, src).String(); got != want {
			t.Errorf("%s\ngives %s\nwant  %s", src, got, want)
		}
	}
}

func TestPatternsThatDoNot(t *testing.T) {
	for _, c := range []struct {
		src    string
		column int
		say    string
	}{
		{``, 1, "the end"},
		{`file:size = 1280`, 1, "[ or ("},
		{`[file:size = ]`, 14, "a value"},
		{`[file:hashes.MD5 = cead3f77f6cda6ec00f57d76c9a6879f]`, 20, "single quotes"},
		{`[file.size = 1280]`, 6, "colon"},
		{`[file:name MATCHES /.*\.dll/]`, 20, "no place"},
		{`[win-registry-key:key = 'x'] WITHIN ]`, 37, "SECONDS"},
		{`[win-registry-key:key = 'x'] WITHIN 5 HOURS]`, 39, "SECONDS"},
		{`[win-registry-key:key = 'x'] WITHIN -5 SECONDS]`, 37, "SECONDS"},
		{`[a:b = 'x'] WITHIN 0 SECONDS`, 20, "more than 0"},
		{`[a:b = 'x'] REPEATS 0 TIMES`, 21, "more than 0"},
		{`[a:b = 'x'] REPEATS 1.5 TIMES`, 21, "TIMES"},
		{`[network-traffic:dst_ref.value ISSUBSET ]`, 41, "string"},
		{`[network-traffic:dst_ref.value ISSUBSET '10.0.0.0/99']`, 41, "CIDR"},
		{`[file:hashes.MD5 =? 'cead3f77f6cda6ec00f57d76c9a6879f']`, 19, "no place"},
		{`[x_whatever:detected == t'2457-73-22T32:81:84.1Z']`, 25, "not an existing time"},
		{`[artifact:payload_bin = b'====']`, 25, "base64"},
		{`[artifact:payload_hex = h'abc']`, 25, "hexadecimal"},
		{`[foo:bar=1] within 2 seconds`, 13, "qualifier"},
		{`[file:hashes.'SHA-256' = 'f00']`, 24, "SHA-256"},
		{`[win-registry-key:key = 'x'] WITHIN 5 SECONDS WITHIN 6 SECONDS`, 47, "twice"},
		{`([a:b = 'x'] REPEATS 2 TIMES REPEATS 3 TIMES)`, 30, "twice"},
		{`[a:b = 'x'] START '2016-06-01T01:30:00.123Z' STOP '2016-06-01T02:20:00.123Z'`, 19, "timestamp"},
		{`[a:b = 'x'] START t'2016-06-01T03:30:00.123Z' STOP t'2016-06-01T02:20:00.123Z'`, 13, "later"},
		{`[null_test:name = null]`, 19, "value"},
		{`[a:b IN (1, true)]`, 13, "one type"},
		{`[a:b = 'x\n']`, 10, "backslash"},
		{`[a:b = 'x]`, 8, "closing quote"},
		{`[a:b-c = 'x']`, 4, "hyphen"},
		{`[a:b > true]`, 8, "value"},
		{`[a:b = 007]`, 8, "begin with 0"},
		{`[a:b = 99999999999999999999]`, 8, "64 bits"},
		{`[NOT a:b = 1]`, 6, "EXISTS"},
		{`[a:b = 1] extra`, 11, "qualifier"},
		{`[a:b = 1] /* never ends`, 24, "comment"},
		{"[a:b\n = 'x' AND\n ü:c]", 2, "no place"},
		{strings.Repeat("(", 200) + "[a:b=1]" + strings.Repeat(")", 200), 101, "nested"},
		{"[" + strings.Repeat("(", 200) + "a:b=1" + strings.Repeat(")", 200) + "]", 102, "nested"},
		{"[a:b = '\xff']", 1, "UTF-8"},
		{strings.Repeat(" ", MaxPattern) + "[a:b = 1]", 1, "bytes"},
	} {
		_, err := ParsePattern(c.src)
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%.80s: %v", c.src, err)
			continue
		}
		if e.Column != c.column || !strings.Contains(e.Reason.Error(), c.say) {
			t.Errorf("%.80s: column %d, %s; want column %d, …%s…", c.src, e.Column, e.Reason, c.column, c.say)
		}
	}
}

// The observations of the tables below.
const seen = `[
 {"type":"test","id":"test--1","int":5,"float":12.658,"float_int":12.0,"bool":true,"string":"hello","ip":"11.22.33.44","cidr":"11.22.33.44/20",
  "list":["a","b",{"k":"v"}],"time":"2018-03-22T12:11:14.10Z","null":null,"lines":"a\nb","decomposed":"e\u0301","empty":[]},
 {"type":"bin","name":"alice","name_u":"\u0103lice","name_hex":"616c696365","name_bin":"YWxpY2U=","bin_hex":"01020304"},
 {"type":"person","id":"person--a","name":"alice","knows_ref":"person--b"},
 {"type":"person","id":"person--b","name":"bob","knows_refs":["person--a","person--c"]},
 {"type":"person","id":"person--c","name":"carol","knows_ref":"person--gone"},
 {"type":"network-traffic","dst_ref":"ipv4-addr--1"}, {"type":"ipv4-addr","id":"ipv4-addr--1","value":"203.0.113.33"},
 {"type":"file","name":"foo.dll","hashes":{"SHA-256":"ab","MD5":"cd"}}, {"type":"file","name":"bar.exe","size":7},
 {"type":"v6","value":"2001:db8:dead:beef::1"}
]`

func observed(t testing.TB) Observation {
	dec := json.NewDecoder(strings.NewReader(seen))
	dec.UseNumber()
	var o Observation
	if err := dec.Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestMatch(t *testing.T) {
	yes := strings.Split(`test:int = 5
test:int NOT != 5
test:int NOT < 3
test:int > 4.9
test:int < 5.1
test:int NOT < 5
test:int != false
test:int NOT = true
test:int != 'world'
test:int != h'010203'
test:int != t'1965-07-19T22:41:38Z'
test:int IN (-4, 5, 6.6)
test:int NOT IN ('a', 'b', 'c')
test:int NOT MATCHES 'l+'
test:int NOT LIKE 'he%'
test:float = 12.658
test:float > 12.65799
test:float_int IN (11.1, 12, 13)
test:bool = true
test:bool != 1
test:bool NOT = false
test:bool IN (false, true, false)
test:string > 'alice'
test:string <= 'hello'
test:string LIKE 'he__o'
test:string MATCHES '.lo$'
test:string IN ('goodbye', 'hello')
test:string NOT IN (1, 2, 3)
test:string NOT IN ()
test:ip ISSUBSET '11.22.41.123/20'
test:ip ISSUBSET '11.22.33.44'
test:ip NOT ISSUBSET '11.22.123.41/20'
test:cidr ISSUPERSET '11.22.41.123'
test:cidr ISSUPERSET '11.22.41.123/29'
test:cidr NOT ISSUPERSET '11.22.33.44/13'
test:int NOT ISSUBSET '11.22.33.44'
test:ip NOT ISSUBSET '::/0'
v6:value ISSUBSET '2001:0db8:dead:beef:0000:0000:0000:0000/64'
test:null != 'alice'
test:lines MATCHES 'a.b'
test:lines LIKE 'a%b'
test:decomposed LIKE 'é'
test:decomposed MATCHES '^é$'
test:time = t'2018-03-22T12:11:14.1Z'
test:time > t'2018-03-22T12:11:14Z'
test:list[0] = 'a'
test:list[*] = 'b'
test:list[*].k = 'v'
test:list[*] NOT = 'a'
EXISTS test:list[2].k
NOT EXISTS test:nope
bin:name = h'616c696365'
bin:name = b'YWxpY2U='
bin:name_bin = h'616c696365'
bin:name_bin = 'alice'
bin:name_hex = b'YWxpY2U='
bin:name > h'616172647661726b'
bin:name_bin > 'aardvark'
bin:name_hex MATCHES '\\x61li[c\\x01]e'
bin:name_bin NOT MATCHES '\\x62o[b\\x01]'
bin:name_bin LIKE '%alice%'
bin:name_bin NOT LIKE '%ălice%'
bin:bin_hex MATCHES '.*\\x03'
person:knows_ref.name = 'bob'
person:knows_refs[*].name = 'carol'
person:knows_refs[1].name = 'carol'
person:knows_ref.knows_refs[0].name = 'alice'
person:knows_ref = 'person--b'
person:knows_refs[*] = 'person--c'
network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.33'
network-traffic:dst_ref.value ISSUBSET '203.0.113.0/24'
file:hashes.'SHA-256' NOT MATCHES 'x'
file:name = 'foo.dll' AND EXISTS file:hashes.MD5
file:name = 'bar.exe' AND NOT EXISTS file:hashes
file:name = 'nope' OR test:int = 5`, "\n")
	no := strings.Split(`test:int NOT = 5
test:int = true
test:int > h'010203'
test:int > t'1965-07-19T22:41:38Z'
test:int LIKE 'he%'
test:int NOT IN (-4, 5, 6.6)
test:int IN ('a')
test:float NOT != 'world'
test:float != 12.658
test:float_int NOT IN (11, 12, 13)
test:bool = 1
test:bool NOT IN (false, true)
test:string = 'HELLO'
test:string LIKE 'ell'
test:string IN ()
test:string < 'alice'
test:ip NOT ISSUBSET '11.22.41.123/20'
test:cidr ISSUPERSET '11.22.33.44/13'
test:string ISSUBSET '0.0.0.0/0'
test:null = 'alice'
test:null LIKE '%'
test:nope != 'x'
test:nope NOT = 'x'
test:int.deeper != 1
test:list[9] != 'x'
test:list[-1] = 'b'
test:empty[*] != 'x'
NOT EXISTS test:int
EXISTS test:nope
nosuchtype:int != 5
bin:name_bin = 'ălice'
bin:name_bin > 'ălice'
bin:name_bin < 'ălice'
bin:name_u = h'616c696365'
bin:name_u < h'616c696365'
bin:name_hex NOT MATCHES '\\x61li[c\\x01]e'
person:knows_ref.name = 'gone'
person:knows_refs[0].name = 'carol'
person:knows_refs.name = 'alice'
file:name = 'foo.dll' AND file:size = 7
file:name = 'foo.dll' AND test:int = 5
test:decomposed = 'é'`, "\n")
	o := observed(t)
	for want, list := range map[bool][]string{true: yes, false: no} {
		for _, s := range list {
			p := fixpoint(t, "["+s+"]")
			got, err := p.Match(o)
			if err != nil || got != want {
				t.Errorf("[%s] gives %v, want %v (%v)", s, got, want, err)
			}
		}
	}
	var me *MatchError
	if _, err := fixpoint(t, `[test:string != t'1965-07-19T22:41:38Z']`).Match(o); !errors.As(err, &me) {
		t.Errorf("text that is no timestamp: %v", err)
	}
}

func TestHigherLevelsAreRefused(t *testing.T) {
	for src, level := range map[string]int{
		`[a:b=1] AND [a:b=2]`:        2,
		`[a:b=1] OR [a:b=2]`:         2,
		`[a:b=1] FOLLOWEDBY [a:b=2]`: 3,
		`[a:b=1] REPEATS 2 TIMES`:    3,
		`[a:b=1] WITHIN 1 SECONDS`:   3,
		`[a:b=1] START t'2016-06-01T01:30:00Z' STOP t'2016-06-01T02:30:00Z'`: 3,
		`[a:b MATCHES '(?<=x)y']`:                                              1, // look-behind cannot be run
		"[a:b MATCHES '" + strings.Repeat(`\\pL`, 1700) + "']":                 1, // too large
		"[a:b LIKE '" + strings.Repeat("x", 6000) + "']":                       1,
		"[" + strings.Repeat(`a:b MATCHES '\\pL{900}' OR `, 50) + "a:b = 'x']": 1,
		`[a:b MATCHES '(x)\\1']`:                                               1,
	} {
		p := fixpoint(t, src)
		_, err := p.Match(Observation{{"type": "a", "b": 1}})
		var u *UnsupportedError
		if !errors.As(err, &u) || u.Level != level || p.Level() != level || p.Matchable() == nil {
			t.Errorf("%s: level %d, %v", src, p.Level(), err)
		}
		if _, ok := p.Equalities(); ok {
			t.Errorf("%s was taken apart", src)
		}
	}
	if p := fixpoint(t, `([a:b=1])`); p.Level() != 1 || p.Matchable() != nil {
		t.Error("parentheses round one observation change nothing")
	}
}

func TestEqualities(t *testing.T) {
	for src, want := range map[string][]Equality{
		`[ipv4-addr:value = '198.51.100.3']`: {{"ipv4-addr", "value", "198.51.100.3"}},
		`[url:value = 'a' OR (url:value = 'b' OR file:name IN ('c','d\\e'))]`: {{"url", "value", "a"},
			{"url", "value", "b"}, {"file", "name", "c"}, {"file", "name", `d\e`}},
		`[file:hashes.'SHA-256' = '` + strings.Repeat("a", 64) +
			`']`: {{"file", "hashes.'SHA-256'", strings.Repeat("a", 64)}},
		`[a:b = 'x' AND a:c = 'y']`:     nil,
		`[a:b NOT = 'x']`:               nil,
		`[a:b != 'x']`:                  nil,
		`[a:b LIKE 'x']`:                nil,
		`[a:b = 5]`:                     nil,
		`[a:b[*] = 'x']`:                nil,
		`[a:b_ref.value = 'x']`:         nil,
		`[a:b_hex = '61']`:              nil,
		`[a:b = 'x' OR NOT EXISTS a:b]`: nil,
	} {
		got, ok := fixpoint(t, src).Equalities()
		if ok != (want != nil) || ok && !cmp.Equal(got, want) {
			t.Errorf("%s gives %v %v", src, got, ok)
		}
	}
}

// Whatever the value, ValuePattern's pattern says that value and no other.
func TestPatternForEscapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := rapid.SampledFrom(valueKinds[:5]).Draw(t, "kind")
		value := rapid.String().Draw(t, "value")
		p, err := ParsePattern(ValuePattern(o.kind, value))
		if err != nil {
			t.Fatal(err)
		}
		list, ok := p.Equalities()
		if !ok || len(list) != 1 {
			t.Fatal(list)
		}
		if kind, ok := list[0].Kind(); !ok || kind != o.kind || list[0].Value != value {
			t.Fatal(kind, list[0].Value)
		}
		if hit, err := p.Match(Observation{{"type": o.object, "value": value}}); !hit || err != nil {
			t.Fatal("does not match its own value", err)
		}
	})
	for alg, n := range map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64} {
		p := fixpoint(t, ValuePattern(alg, strings.Repeat("0", n)))
		list, _ := p.Equalities()
		if kind, ok := list[0].Kind(); !ok || kind != alg {
			t.Error(alg, list)
		}
	}
	if ValuePattern("mutex", "x") != "" {
		t.Error("an unknown kind has a pattern")
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"[a:b = 'x']",
		"[a:b[*].'c-d' NOT IN (1, -2.5)] FOLLOWEDBY ([a:b=t'2018-03-22T12:11:14.1Z'] WITHIN 5 SECONDS) REPEATS 2 TIMES",
		"[NOT EXISTS a:b AND (a:b MATCHES '(' OR a:b LIKE '%')]", "[a:b=h'ff' OR a:b=b'AQ==']",
		"([a:b=1]) WITHIN 5 SECONDS WITHIN 6 SECONDS"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := ParsePattern(src)
		if err != nil {
			return
		}
		q, err := ParsePattern(p.String())
		if err != nil && len(p.String()) <= MaxPattern {
			t.Fatalf("%q printed as %q: %v", src, p, err)
		}
		if err == nil && q.String() != p.String() {
			t.Fatalf("%q printed as %q, then as %q", src, p, q)
		}
		o := Observation{{"type": "a", "b": "x"}, {"type": "file", "name": "x"}}
		hit, err := p.Match(o)
		list, ok := p.Equalities()
		if err != nil || !ok {
			return
		}
		found := false
		for _, c := range list {
			found = found || c == Equality{"a", "b", "x"} || c == Equality{"file", "name", "x"}
		}
		if found != hit {
			t.Fatalf("%q: index says %v, Match says %v", src, found, hit)
		}
	})
}
