package flatjson_test

import (
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/flatjson"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// TestKeywords: keywords are found in values however JSON writes them, in values
// that the line does not have itself, and not in keys.
func TestKeywords(t *testing.T) {
	const head = `{"EventID":4688,"Channel":"Security",`
	for _, row := range []struct {
		keyword string // in YAML, double quoted
		members string
		found   bool
	}{
		{`mimikatz`, `"x":"run MimiKatz.exe"`, true},
		{`mimikatz`, `"x":["a",{"y":"mimikatz"}]`, true},
		{`mimikatz`, `"mimikatz":"x"`, false},
		{`mimikatz`, `"x":"mimi\u004batz"`, true},
		{`mimikatz`, "\"x\":\"mimi\u212aatz\"", true},
		{`mimikatz`, `"x":"mimi\u212aatz"`, true},
		{`pass`, "\"x\":\"PA\u017fſ\"", true},
		{`a\\\\b long`, `"x":"A\\b Long"`, true},
		{`dir/file`, `"x":"dir\/file"`, true},
		{`dir/file`, `"x":"dir/file"`, true},
		{`say \"hello\"`, `"x":"say \"hello\""`, true},
		{`line\ntwo`, `"x":"line\ntwo"`, true},
		{`nline`, `"x":"a\nline"`, false},
		{`é`, `"x":"É"`, true},
		{`日本`, `"x":"\u65e5\u672c"`, true},
		{"\ufffd", `"x":"a\u0000"`, true},
		{"\ufffd", `"x":"a\ud800b"`, true},
		{`CORP\\\\wardog`, `"SubjectDomainName":"CORP","SubjectUserName":"wardog"`, true},
		{`High`, `"MandatoryLabel":"S-1-16-12288"`, true},
		{`1000`, `"x":1e3`, true},
		{`1e3`, `"x":1e3`, false},
		{`4688`, `"x":1`, true},
		{`true`, `"x":true`, true},
		{`null`, `"x":null`, false},
		{`ab*yz`, `"x":"abc xyz"`, true},
		{`x`, `"y":"x"`, true},
	} {
		set := sigma.ParseCollection("a.yml",
			[]byte("title: x\nlogsource:\n  product: windows\ndetection:\n  keywords:\n    - \""+row.keyword+
				"\"\n  condition: keywords\n")).Set()
		if len(set.Rules) != 1 {
			t.Fatal(row.keyword, set.Refused)
		}
		q := flatjson.NewMatcher(engine.Compile(set, engine.Options{}), decode)
		found := false
		line := head + row.members + "}"
		if err := q.Match([]byte(line), func(*event.Event,
			*sigma.Match) bool {
			found = true
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if found != row.found || q.Undecoded != 1 {
			t.Errorf("%s in %s: %v, undecoded %d", row.keyword, line, found, q.Undecoded)
		}
		if !strings.HasPrefix(row.members, `"x":"`) {
			continue
		}
		// The same for one field.
		set = sigma.ParseCollection("a.yml",
			[]byte("title: x\nlogsource:\n  product: windows\ndetection:\n  sel:\n    x|contains: \""+row.keyword+
				"\"\n  condition: sel\n")).Set()
		q, found = flatjson.NewMatcher(engine.Compile(set, engine.Options{}), decode), false
		if err := q.Match([]byte(line), func(*event.Event,
			*sigma.Match) bool {
			found = true
			return true
		}); err != nil || found != row.found {
			t.Errorf("x|contains %s in %s: %v, %v", row.keyword, line, found, err)
		}
	}
}
