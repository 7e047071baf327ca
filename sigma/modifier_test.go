package sigma_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf16"

	"github.com/meneki/meneki/sigma"
)

func TestModifiers(t *testing.T) {
	run(t, []vector{
		{"20 windash", sel(`F|windash|contains: ' -enc '`),
			[]string{`{"F":"x -enc y"}`, `{"F":"x /ENC y"}`, `{"F":"x –enc y"}`, `{"F":"x —enc y"}`,
				`{"F":"x ―enc y"}`}, []string{`{"F":"x +enc y"}`, `{"F":"x enc y"}`}},
		{"20 contains before windash", sel(`F|contains|windash: '-a -b'`),
			[]string{`{"F":"x /a –b"}`, `{"F":"-a /b"}`}, []string{`{"F":"a b"}`}},
		{"20 windash written with an en dash", sel(`F|windash: '–a'`), []string{`{"F":"-a"}`, `{"F":"/a"}`},
			[]string{`{"F":"a"}`}},
		{"20 windash within words", sel(`F|windash: 'a-b'`), []string{`{"F":"a/b"}`}, []string{`{"F":"ab"}`}},
		{"20 windash with very many dashes", sel(`F|windash|contains: '--------------------------------'`),
			[]string{`{"F":"x-/–—―-/–—―-/–—―-/–—―-/–—―-/–—―-/–x"}`}, []string{`{"F":"-"}`}},
		{"20 windash with wildcards", sel(`F|windash: '*-a?'`), []string{`{"F":"x/ab"}`}, []string{`{"F":"x/a"}`}},
		{"21 regular expressions know case", sel(`F|re: 'a.c'`), []string{`{"F":"xabcx"}`},
			[]string{`{"F":"ABC"}`, `{"F":"a\nc"}`}},
		{"21 anchors", sel(`F|re: '^ab+c$'`), []string{`{"F":"abbc"}`}, []string{`{"F":"xabc"}`, `{"F":"abc\n"}`}},
		{"21 list", sel(`F|re: ['^a', 'b$']`), []string{`{"F":"ax"}`, `{"F":"xb"}`}, []string{`{"F":"ba"}`}},
		{"21 all", sel(`F|re|all: ['^a', 'b$']`), []string{`{"F":"axb"}`}, []string{`{"F":"ax"}`}},
		{"21 backslashes belong to the expression", sel(`F|re: '\\a\*\d'`), []string{`{"F":"\\a*5"}`},
			[]string{`{"F":"a5"}`}},
		{"21 on a number", sel(`F|re: '^46\d\d$'`), []string{`{"F":4625}`}, []string{`{"F":46}`}},
		{"22 i", sel(`F|re|i: 'a.c'`), []string{`{"F":"ABC"}`}, nil},
		{"22 s", sel(`F|re|s: 'a.c'`), []string{`{"F":"a\nc"}`}, []string{`{"F":"A\nc"}`}},
		{"22 m", sel(`F|re|m: '^b$'`), []string{`{"F":"a\nb\nc"}`}, []string{`{"F":"abc"}`}},
		{"22 i m s", sel(`F|re|i|m|s: '^b.c$'`), []string{`{"F":"a\nB\nC\nd"}`}, nil},
		{"22 contains", sel(`F|re|contains: 'a.c'`), []string{`{"F":"xabcx"}`}, []string{`{"F":"ac"}`}},
		{"22 startswith", sel(`F|re|startswith: 'a|b'`), []string{`{"F":"bx"}`, `{"F":"ax"}`}, []string{`{"F":"xb"}`}},
		{"22 endswith", sel(`F|re|endswith: 'a|b'`), []string{`{"F":"xa"}`, `{"F":"xb"}`}, []string{`{"F":"ax"}`}},
		{"22 flags inside", sel(`F|re: '(?i)abc'`), []string{`{"F":"ABC"}`}, nil},
		{"24 cidr v4", sel(`F|cidr: 10.0.0.0/8`), []string{`{"F":"10.1.2.3"}`, `{"F":"::ffff:10.1.2.3"}`},
			[]string{`{"F":"11.0.0.1"}`, `{"F":"10.1.2.3:80"}`, `{"F":""}`, `{"F":"x"}`, `{"F":10}`, `{}`,
				`{"F":null}`, `{"F":"10.1.2.3/32"}`, `{"F":"010.1.2.3"}`}},
		{"24 cidr v6", sel(`F|cidr: 'fe80::/10'`),
			[]string{`{"F":"fe80::1"}`, `{"F":"FE80:0:0:0:0:0:0:1"}`, `{"F":"fe80::1%eth0"}`},
			[]string{`{"F":"2001:db8::1"}`, `{"F":"[fe80::1]:80"}`, `{"F":"10.0.0.1"}`}},
		{"24 cidr v4 in v6", sel(`F|cidr: '::ffff:10.0.0.0/104'`),
			[]string{`{"F":"10.9.9.9"}`, `{"F":"::ffff:a01:203"}`}, []string{`{"F":"11.0.0.1"}`}},
		{"24 cidr list", sel(`F|cidr: ['127.0.0.0/8', '::1/128']`),
			[]string{`{"F":"127.1.1.1"}`, `{"F":"0:0:0:0:0:0:0:1"}`}, []string{`{"F":"::2"}`}},
		{"24 cidr of a single address", sel(`F|cidr: '10.0.0.1'`), []string{`{"F":"10.0.0.1"}`},
			[]string{`{"F":"10.0.0.2"}`}},
		{"24 cidr with bits behind the prefix", sel(`F|cidr: '10.0.0.77/24'`), []string{`{"F":"10.0.0.1"}`},
			[]string{`{"F":"10.0.1.1"}`}},
		{"24 not cidr", sel(`F|cidr|neq: 10.0.0.0/8`), []string{`{"F":"11.1.1.1"}`, `{"F":"bad"}`, `{}`},
			[]string{`{"F":"10.1.1.1"}`}},
		{"25 fieldref", sel(`F|fieldref: G`), []string{`{"F":"a","G":"A"}`, `{"F":5,"G":"5"}`, `{"F":"a*","G":"a*"}`},
			[]string{`{"F":"a","G":"b"}`, `{"F":"a"}`, `{"G":"a"}`, `{}`, `{"F":null,"G":null}`,
				`{"F":"ab","G":"a*"}`}},
		{"25 fieldref startswith", sel(`F|fieldref|startswith: G`), []string{`{"F":"abc","G":"AB"}`},
			[]string{`{"F":"ab","G":"abc"}`}},
		{"25 fieldref endswith", sel(`F|fieldref|endswith: G`), []string{`{"F":"abc","G":"bc"}`},
			[]string{`{"F":"abc","G":"ab"}`}},
		{"25 fieldref contains", sel(`F|fieldref|contains: G`), []string{`{"F":"abc","G":"b"}`},
			[]string{`{"F":"abc","G":"d"}`}},
		{"25 fieldref cased", sel(`F|fieldref|cased: G`), []string{`{"F":"a","G":"a"}`}, []string{`{"F":"a","G":"A"}`}},
		{"25 fieldref neq", sel(`F|fieldref|neq: G`), []string{`{"F":"a","G":"b"}`, `{"F":"a"}`, `{"G":"a"}`},
			[]string{`{"F":"a","G":"A"}`}},
		{"25 fieldref of lists", sel(`F|fieldref: G`), []string{`{"F":["x","a"],"G":["b","A"]}`},
			[]string{`{"F":["x"],"G":["y"]}`}},
		{"25 fieldref list", sel(`F|fieldref: [G, H]`), []string{`{"F":"a","H":"a"}`, `{"F":"a","G":"a"}`},
			[]string{`{"F":"a"}`}},
		{"26 exists", sel(`F|exists: true`), []string{`{"F":"x"}`, `{"F":null}`, `{"F":""}`, `{"F":[]}`, `{"F":{}}`},
			[]string{`{"G":1}`}},
		{"26 exists not", sel(`F|exists: false`), []string{`{"G":1}`}, []string{`{"F":null}`, `{"F":""}`}},
		{"27 gt", sel(`F|gt: 10`), []string{`{"F":11}`, `{"F":"11"}`, `{"F":10.5}`, `{"F":"1e3"}`,
			`{"F":9223372036854775807}`}, []string{`{"F":10}`, `{"F":9}`, `{"F":"0x10"}`, `{"F":"1,000"}`,
			`{"F":"x"}`, `{"F":""}`, `{"F":null}`, `{}`, `{"F":true}`, `{"F":"inf"}`, `{"F":"nan"}`, `{"F":-11}`,
			`{"F":" 11"}`, `{"F":{}}`}},
		{"27 gte", sel(`F|gte: 10`), []string{`{"F":10}`, `{"F":"10.0"}`}, []string{`{"F":9.999}`}},
		{"27 lt negative", sel(`F|lt: -1`), []string{`{"F":-2}`, `{"F":"-1.5"}`}, []string{`{"F":-1}`, `{"F":0}`}},
		{"27 lte fraction", sel(`F|lte: 0.5`), []string{`{"F":0.5}`, `{"F":0}`}, []string{`{"F":1}`}},
		{"27 great numbers exactly", sel(`F|gt: 9223372036854775806`), []string{`{"F":9223372036854775807}`},
			[]string{`{"F":9223372036854775806}`}},
		{"27 more than int64", sel(`F|gt: 9223372036854775807`), []string{`{"F":"18446744073709551615"}`},
			[]string{`{"F":9223372036854775807}`}},
		{"27 range", "sel:\n    F|gte: 1\n    F|lt: 5\ncondition: sel", []string{`{"F":1}`, `{"F":4}`},
			[]string{`{"F":5}`, `{"F":0}`}},
		{"28 neq", sel(`F|neq: 'a'`), []string{`{"F":"b"}`, `{}`, `{"F":null}`}, []string{`{"F":"A"}`}},
		{"28 neq list", sel(`F|neq: ['a', 'b']`), []string{`{"F":"c"}`}, []string{`{"F":"a"}`, `{"F":"b"}`}},
		{"28 neq all", sel(`F|contains|neq|all: ['a', 'b']`), []string{`{"F":"c"}`, `{}`},
			[]string{`{"F":"ab"}`, `{"F":"a"}`}},
		{"28 neq number", sel(`F|neq: 5`), []string{`{"F":6}`, `{}`}, []string{`{"F":5}`, `{"F":"5"}`}},
		{"28 neq null", sel(`F|neq: null`), []string{`{"F":""}`}, []string{`{"F":null}`, `{}`}},
		{"28 neq with contains", sel(`F|contains|neq: 'a'`), []string{`{"F":"b"}`}, []string{`{"F":"xax"}`}},
		{"28 neq of lists", sel(`F|neq: 'a'`), []string{`{"F":["b","c"]}`}, []string{`{"F":["a","b"]}`}},
		{"28 neq gt", sel(`F|gt|neq: 5`), []string{`{"F":5}`, `{}`, `{"F":"x"}`}, []string{`{"F":6}`}},
		{"29 hour", sel(`F|hour: 3`), []string{`{"F":"2024-05-06T03:10:00Z"}`, `{"F":"2024-05-06T03:10:00+09:00"}`,
			`{"F":"2024-05-06 03:10:00.123"}`, `{"F":"2024/05/06 03:10"}`},
			[]string{`{"F":"2024-05-06T12:03:00Z"}`, `{"F":"2024-05-06"}`, `{"F":3}`, `{"F":"x"}`,
				`{"F":"2024-13-06T03:10:00Z"}`, `{}`}},
		{"29 minute", sel(`F|minute: 0`), []string{`{"F":"2024-05-06T03:00:59Z"}`},
			[]string{`{"F":"2024-05-06"}`, `{"F":"2024-05-06T03:01:00Z"}`}},
		{"29 day", sel(`F|day: 29`), []string{`{"F":"2024-02-29"}`},
			[]string{`{"F":"2023-02-29"}`, `{"F":"2024-02-28"}`}},
		{"29 week 53", sel(`F|week: 53`), []string{`{"F":"2020-12-31"}`, `{"F":"2021-01-01T00:00:00Z"}`},
			[]string{`{"F":"2021-01-04"}`, `{"F":"2021-12-31"}`}},
		{"29 month and year", "sel:\n    F|month: 12\n    F|year: 2020\ncondition: sel",
			[]string{`{"F":"2020-12-31"}`}, []string{`{"F":"2021-12-31"}`, `{"F":"2020-11-30"}`}},
		{"29 compared", sel(`F|hour|gte: 18`),
			[]string{`{"F":"2024-05-06T18:00:00Z"}`, `{"F":"2024-05-06T23:00:00Z"}`},
			[]string{`{"F":"2024-05-06T17:59:00Z"}`}},
		{"29 list", sel(`F|day: [1, 2]`), []string{`{"F":"2024-02-02"}`}, []string{`{"F":"2024-02-03"}`}},
	})
}

func TestExpand(t *testing.T) {
	values := sigma.WithPlaceholders(map[string][]string{
		"admins": {"root", "adm*"}, "dom": {"CORP"}, "net": {"10.0.0.0/8", "192.168.0.0/16"}, "dot": {"a.b*"},
	})
	run(t, []vector{
		{"13 expand", sel(`F|expand: '%admins%'`), []string{`{"F":"ROOT"}`, `{"F":"admin"}`},
			[]string{`{"F":"%admins%"}`, `{"F":"x"}`}},
		{"13 expand within text", sel(`F|expand: '%dom%\%admins%'`), []string{`{"F":"corp%admins%"}`},
			[]string{`{"F":"corp\\root"}`}},
		{"13 escaped backslash", sel(`F|expand: '%dom%\\%admins%'`),
			[]string{`{"F":"corp\\root"}`, `{"F":"corp\\administrator"}`}, []string{`{"F":"corp%admins%"}`}},
		{"13 escaped percent", sel(`F|expand: '\%plain%dom%'`), []string{`{"F":"%plainCORP"}`},
			[]string{`{"F":"CORP"}`}},
		{"13 expand and contains", sel(`F|contains|expand: '%dom%'`), []string{`{"F":"xcorpx"}`},
			[]string{`{"F":"x"}`}},
		{"13 contains behind expand", sel(`F|expand|contains: '%dom%'`), []string{`{"F":"xcorpx"}`},
			[]string{`{"F":"x"}`}},
		{"13 expand beside plain values", sel(`F|expand: ['x', '%dom%']`), []string{`{"F":"x"}`, `{"F":"corp"}`},
			[]string{`{"F":"y"}`}},
		{"13 expand all", sel(`F|contains|expand|all: ['x', '%admins%']`),
			[]string{`{"F":"x root"}`, `{"F":"x adm"}`}, []string{`{"F":"root"}`, `{"F":"x"}`}},
		{"13 expand cidr", sel(`F|expand|cidr: '%net%'`), []string{`{"F":"10.1.1.1"}`, `{"F":"192.168.1.1"}`},
			[]string{`{"F":"8.8.8.8"}`}},
		{"13 expand re", sel(`F|expand|re: '^%dot%$'`), []string{`{"F":"a.bcd"}`}, []string{`{"F":"axb"}`}},
		{"13 re expand", sel(`F|re|expand: '^%dot%$'`), []string{`{"F":"a.b"}`}, []string{`{"F":"axb"}`}},
		{"13 expand base64", sel(`F|expand|base64: '%dom%'`), []string{`{"F":"Q09SUA=="}`}, []string{`{"F":"CORP"}`}},
		{"13 keyword", "k:\n    '|expand': ['%dom%', 'zzz']\ncondition: k", []string{`{"F":"xcorpx"}`},
			[]string{`{"F":"x"}`}},
	}, values)
}

func TestEncodings(t *testing.T) {
	run(t, []vector{
		{"14 base64", sel(`F|base64: 'foobar'`), []string{`{"F":"Zm9vYmFy"}`},
			[]string{`{"F":"xZm9vYmFy"}`, `{"F":"foobar"}`}},
		{"14 base64 contains", sel(`F|base64|contains: 'foobar'`), []string{`{"F":"xZm9vYmFyx"}`}, nil},
		{"14 base64 keeps its padding", sel(`F|base64: 'a'`), []string{`{"F":"YQ=="}`}, []string{`{"F":"YQ"}`}},
		{"14 base64 takes plain stars", sel(`F|base64: 'a\*'`), []string{`{"F":"YSo="}`}, nil},
		{"14 twice", sel(`F|base64|base64: 'a'`), []string{`{"F":"WVE9PQ=="}`}, nil},
		{"17 wide", sel(`F|wide|base64: 'cmd'`), []string{`{"F":"YwBtAGQA"}`}, nil},
		{"17 utf16le", sel(`F|utf16le|base64: 'cmd'`), []string{`{"F":"YwBtAGQA"}`}, nil},
		{"17 utf16be", sel(`F|utf16be|base64: 'cmd'`), []string{`{"F":"AGMAbQBk"}`}, nil},
		{"17 utf16", sel(`F|utf16|base64: 'cmd'`), []string{`{"F":"//5jAG0AZAA="}`}, nil},
		{"17 Japanese", sel(`F|wide|base64: '管理者'`), []string{`{"F":"oXsGdAWA"}`}, nil},
		{"17 surrogate pair", sel(`F|utf16be|base64: '😀'`), []string{`{"F":"2D3eAA=="}`}, nil},
		{"19 case of base64", sel(`F|base64: 'foobar'`), []string{`{"F":"ZM9VYMFY"}`}, nil},
		{"19 base64 cased", sel(`F|base64|cased: 'foobar'`), []string{`{"F":"Zm9vYmFy"}`},
			[]string{`{"F":"ZM9VYMFY"}`}},
		{"14 windash and base64", sel(`F|windash|base64: '-a'`),
			[]string{`{"F":"LWE="}`, `{"F":"L2E="}`, `{"F":"4oCTYQ=="}`}, []string{`{"F":"LmE="}`}},
		{"15 base64offset alone is the whole value", sel(`F|base64offset: 'foobar'`), []string{`{"F":"Zm9vYmFy"}`},
			[]string{`{"F":"xZm9vYmFy"}`}},
	})
}

// TestBase64Offset puts a value at every position of longer data: it must be
// found each time, and not in data that lacks it.
func TestBase64Offset(t *testing.T) {
	for _, value := range []string{"foobar", "http://", "IEX", "管理者", "ab", "😀x", "Ä"} {
		for _, mods := range []string{"base64offset|contains|cased", "wide|base64offset|contains|cased",
			"utf16be|base64offset|cased|contains"} {
			q, _ := json.Marshal(value)
			r := one(t, source(sel(fmt.Sprintf("F|%s: %s", mods, q))))
			plain := []byte(value)
			if mods[0] != 'b' {
				plain = nil
				for _, u := range utf16.Encode([]rune(value)) {
					if mods[0] == 'w' {
						plain = append(plain, byte(u), byte(u>>8))
					} else {
						plain = append(plain, byte(u>>8), byte(u))
					}
				}
			}
			for before := range 7 {
				for after := range 5 {
					for _, fill := range []byte{0x00, 0xff, 0x5a} {
						data := make([]byte, 0, 64)
						for range before {
							data = append(data, fill)
						}
						data = append(data, plain...)
						for range after {
							data = append(data, fill)
						}
						ev := record{product: "test",
							fields: map[string]any{"F": base64.StdEncoding.EncodeToString(data)}}
						if _, ok := r.Match(ev); !ok {
							t.Fatalf("%s %q: not found with %d bytes %#x before and %d behind", mods, value, before,
								fill, after)
						}
					}
				}
			}
			if _, ok := r.Match(decode(t, `{"F":"VGhpcyBpcyBub3RoaW5nIHNwZWNpYWw="}`)); ok && value != "ab" {
				t.Errorf("%s %q found in other data", mods, value)
			}
		}
	}
}
