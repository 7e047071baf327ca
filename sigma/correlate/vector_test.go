package correlate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// u is an event of a user.
func u(name string) fields { return fields{"user": name} }

// TestVectors: small cases with their whole outcome. Numbers in brackets are the
// statements of the test list, names those of engines that had the bug.
func TestVectors(t *testing.T) {
	abc := detections("a", "b", "c")
	tests := []struct {
		name  string
		docs  string
		shots []shot
		want  []string
	}{
		{
			"45 the span's edge is inside", corr("x", "type: event_count", "rules: a", "timespan: 10s",
				"condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a"}, {at: 10, rules: "a"}, {at: 20.5, rules: "a"}, {at: 30.5, rules: "a"}},
			[]string{"x{}@10=2[a:e0 a:e1]", "x{}@30.5=2[a:e2 a:e3]"},
		},
		{
			"45 one nanosecond more is outside",
			corr("x", "type: event_count", "rules: a", "timespan: 10s", "condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a"}, {at: 10.000000001, rules: "a"}},
			[]string{},
		},
		{
			"45 windows are not aligned", corr("x", "type: event_count", "rules: a", "timespan: 1m",
				"condition: {gte: 3}"),
			[]shot{{at: 58, rules: "a"}, {at: 60, rules: "a"}, {at: 61, rules: "a"}},
			[]string{"x{}@61=3[a:e0 a:e1 a:e2]"},
		},
		{
			"45 events of one moment count together",
			corr("x", "type: event_count", "rules: a", "timespan: 1m", "condition: {gte: 2}"),
			[]shot{{at: 1, rules: "a"}, {at: 1, rules: "a"}, {at: 1, rules: "a"}},
			[]string{"x{}@1=3[a:e0 a:e1 a:e2]"},
		},
		{
			"45 an event that matches two rules counts once",
			corr("x", "type: event_count", "rules: [a, b]", "timespan: 1m", "condition: {gte: 2}"),
			[]shot{{at: 1, rules: "a b"}, {at: 2, rules: "b"}},
			[]string{"x{}@2=2[a:e0 b:e1]"},
		},
		{
			"Velociraptor: an event that leaves is counted out under its own rule",
			corr("x", "type: temporal", "rules: [a, b]", "timespan: 5s", "group-by: user"),
			[]shot{{at: 0, rules: "a", fields: u("x")}, {at: 6, rules: "b", fields: u("x")},
				{at: 7, rules: "a", fields: u("x")}},
			[]string{"x{x}@7=2[b:e1 a:e2]"},
		},
		{
			"hayabusa: value_count never sees more than the timespan",
			corr("x", "type: value_count", "rules: a", "timespan: 5s", "condition: {field: user, gte: 3}"),
			[]shot{{at: 0, rules: "a", fields: u("1")}, {at: 4, rules: "a", fields: u("2")},
				{at: 8, rules: "a", fields: u("3")}, {at: 9, rules: "a", fields: u("4")}},
			[]string{"x{}@9=3[a:e1 a:e2 a:e3]"},
		},
		{
			"hayabusa: a value seen again is young again",
			corr("x", "type: value_count", "rules: a", "timespan: 5s", "condition: {field: user, gte: 2}"),
			[]shot{{at: 0, rules: "a", fields: u("1")}, {at: 4, rules: "a", fields: u("1")},
				{at: 8, rules: "a", fields: u("2")}},
			[]string{"x{}@8=2[a:e1 a:e2]"},
		},
		{
			"hayabusa: temporal minds group-by",
			corr("x", "type: temporal", "rules: [a, b]", "timespan: 5s", "group-by: user"),
			[]shot{{at: 0, rules: "a", fields: u("x")}, {at: 1, rules: "b", fields: u("y")},
				{at: 2, rules: "b", fields: u("x")}},
			[]string{"x{x}@2=2[a:e0 b:e2]"},
		},
		{
			"hayabusa: temporal_ordered minds every step",
			corr("x", "type: temporal_ordered", "rules: [a, b, c]", "timespan: 9s", "group-by: user"),
			[]shot{{at: 0, rules: "a", fields: u("x")}, {at: 1, rules: "c", fields: u("x")},
				{at: 2, rules: "b", fields: u("x")}, {at: 3, rules: "c", fields: u("x")}},
			[]string{"x{x}@3=3[a:e0 b:e2 c:e3]"},
		},
		{
			"46 a list of fields is a tuple",
			corr("x", "type: value_count", "rules: a", "timespan: 9s", "condition: {field: [p, q], gte: 3}"),
			[]shot{
				{at: 0, rules: "a", fields: fields{"p": "1", "q": "23"}},
				{at: 1, rules: "a", fields: fields{"p": "12", "q": "3"}},
				{at: 2, rules: "a", fields: fields{"p": "1"}},
				{at: 3, rules: "a", fields: fields{"p": "1", "q": int64(23)}},
				{at: 4, rules: "a", fields: fields{"p": "x", "q": "y"}},
			},
			[]string{"x{}@4=3[a:e1 a:e3 a:e4]"},
		},
		{
			"47 one event may satisfy two rules of temporal",
			corr("x", "type: temporal", "rules: [a, b]", "timespan: 5s"),
			[]shot{{at: 0, rules: "a b"}},
			[]string{"x{}@0=2[a:e0 b:e0]"},
		},
		{
			"48 one event is not two steps", corr("x", "type: temporal_ordered", "rules: [a, b]", "timespan: 5s"),
			[]shot{{at: 0, rules: "a b"}, {at: 2, rules: "a b"}},
			[]string{"x{}@2=2[a:e0 b:e1]"},
		},
		{
			"48 two events of one moment may be in order",
			corr("x", "type: temporal_ordered", "rules: [a, b]", "timespan: 5s"),
			[]shot{{at: 0, rules: "b"}, {at: 0, rules: "a"}},
			[]string{"x{}@0=2[a:e1 b:e0]"},
		},
		{
			"48 one event of a moment gives way to another",
			corr("x", "type: temporal_ordered", "rules: [a, b, c]", "timespan: 5s"),
			[]shot{{at: 0, rules: "a b c", event: "1"}, {at: 0, rules: "a", event: "2"},
				{at: 0, rules: "a b", event: "3"}},
			[]string{"x{}@0=3[a:2 b:3 c:1]"},
		},
		{
			"49 without its field an event is in no group",
			corr("x", "type: event_count", "rules: a", "timespan: 9s", "group-by: [user, host]",
				"condition: {gte: 2}"),
			[]shot{
				{at: 0, rules: "a", fields: u("x")}, {at: 1, rules: "a", fields: u("x")},
				{at: 2, rules: "a", fields: fields{"user": "x", "host": nil}},
				{at: 3, rules: "a", fields: fields{"user": "x", "host": ""}},
				{at: 4, rules: "a", fields: fields{"user": "x", "host": []any{}}},
			},
			[]string{},
		},
		{
			"49 a list is a member of each group",
			corr("x", "type: event_count", "rules: a", "timespan: 9s", "group-by: user", "condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a", fields: fields{"user": []any{"x", "y", "X"}}},
				{at: 1, rules: "a", fields: u("y")}, {at: 2, rules: "a", fields: u("x")}},
			[]string{"x{y}@1=2[a:e0 a:e1]", "x{x}@2=2[a:e0 a:e2]"},
		},
		{
			"groups without case, in any script",
			corr("x", "type: event_count", "rules: a", "timespan: 9s", "group-by: user", "condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a", fields: u("ＡＢＣ管理者")}, {at: 1, rules: "a", fields: u("ａｂｃ管理者")}},
			[]string{"x{ＡＢＣ管理者}@1=2[a:e0 a:e1]"},
		},
		{
			"50 aliases", corr("x", "type: temporal", "rules: [a, b]", "timespan: 9s", "group-by: [inside, outside]",
				"aliases:",
				"  inside: {a: dst, b: src}", "  outside: {a: src, b: dst}"),
			[]shot{
				{at: 0, rules: "a", fields: fields{"dst": "10.0.0.1", "src": "8.8.8.8"}},
				{at: 1, rules: "b", fields: fields{"dst": "10.0.0.1", "src": "8.8.8.8"}},
				{at: 2, rules: "b", fields: fields{"src": "10.0.0.1", "dst": "8.8.8.8"}},
			},
			[]string{"x{10.0.0.1,8.8.8.8}@2=2[a:e0 b:e2]"},
		},
		{
			"51 the outer correlation has its own group-by",
			corr("x", "type: temporal_ordered", "rules: [many, b]", "timespan: 9s", "group-by: user") +
				corr("many", "type: event_count", "rules: [a]", "timespan: 9s", "group-by: host",
					"condition: {gte: 2}"),
			[]shot{
				{at: 0, rules: "a", fields: fields{"host": "h", "user": "x"}},
				{at: 1, rules: "a", fields: fields{"host": "h", "user": "y"}},
				{at: 2, rules: "b", fields: u("z")}, {at: 3, rules: "b", fields: u("x")},
			},
			[]string{"x{x}@3=2[a:e0 a:e1 b:e3]"},
		},
		{
			"51 generate", corr("x", "type: event_count", "rules: [many]", "timespan: 30s", "condition: {gte: 2}",
				"generate: true") +
				corr("many", "type: event_count", "rules: [a]", "timespan: 2s", "group-by: user",
					"condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a", fields: u("x")}, {at: 1, rules: "a", fields: u("x")},
				{at: 8, rules: "a", fields: u("x")}, {at: 9, rules: "a", fields: u("x")}},
			[]string{"many{x}@1=2[a:e0 a:e1]", "many{x}@9=2[a:e2 a:e3]", "x{}@9=2[a:e0 a:e1 a:e2 a:e3]"},
		},
		{
			"52 ranges", corr("x", "type: event_count", "rules: a", "timespan: 9s", "condition: {gt: 1, lte: 2}"),
			[]shot{{at: 0, rules: "a"}, {at: 1, rules: "a"}, {at: 2, rules: "a"}, {at: 10.5, rules: "a"}},
			[]string{"x{}@1=2[a:e0 a:e1]", "x{}@10.5=2[a:e2 a:e3]"},
		},
		{
			"52 neq", corr("x", "type: event_count", "rules: a", "timespan: 9s", "condition: {neq: 1}"),
			[]shot{{at: 0, rules: "a"}, {at: 1, rules: "a"}},
			[]string{"x{}@1=2[a:e0 a:e1]"},
		},
		{
			"53 duplicates count once", corr("x", "type: event_count", "rules: a", "timespan: 9s",
				"condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a", event: "1"}, {at: 0, rules: "a", event: "1"}, {at: 1, rules: "a", event: "2"}},
			[]string{"x{}@1=2[a:1 a:2]"},
		},
		{
			"54 once until it falls below", corr("x", "type: event_count", "rules: a", "timespan: 2s",
				"condition: {gte: 2}"),
			[]shot{{at: 0, rules: "a"}, {at: 1, rules: "a"}, {at: 2, rules: "a"}, {at: 3, rules: "a"},
				{at: 6, rules: "a"}, {at: 7, rules: "a"}},
			[]string{"x{}@1=2[a:e0 a:e1]", "x{}@7=2[a:e4 a:e5]"},
		},
		{
			"54 again after silence", corr("x", "type: event_count", "rules: a", "timespan: 2s", "condition: {gte: 1}"),
			[]shot{{at: 0, rules: "a"}, {at: 2, rules: "a"}, {at: 4.5, rules: "a"}},
			[]string{"x{}@0=1[a:e0]", "x{}@4.5=1[a:e2]"},
		},
		{
			"sum, average, percentile, median",
			corr("s", "type: value_sum", "rules: a", "timespan: 9s", "condition: {field: n, gt: 10}") +
				corr("v", "type: value_avg", "rules: a", "timespan: 9s", "condition: {field: n, lt: 4, gt: 3.5}") +
				corr("p", "type: value_percentile", "rules: a", "timespan: 9s",
					"condition: {field: n, percentile: 75, gte: 5}") +
				corr("m", "type: value_median", "rules: a", "timespan: 9s", "condition: {field: n, eq: 3.5}"),
			[]shot{
				{at: 0, rules: "a", fields: fields{"n": int64(1)}}, {at: 1, rules: "a", fields: fields{"n": "6"}},
				{at: 2, rules: "a", fields: fields{"n": "many"}},
				{at: 3, rules: "a", fields: fields{"n": 3.75}}, {at: 4, rules: "a", fields: fields{"n": true}},
				{at: 5, rules: "a", fields: fields{"n": "-2e0"}},
			},
			[]string{
				"m{}@1=3.5[a:e0 a:e1]", "s{}@3=10.75[a:e0 a:e1 a:e3]", "v{}@3=3.5833333333333335[a:e0 a:e1 a:e3]",
			},
		},
		{
			"absence is certain one timespan later",
			corr("x", "type: temporal", "condition: a and not b", "timespan: 5s"),
			[]shot{{at: 0, rules: "a"}, {at: 5, rules: "b"}, {at: 20, rules: "a"}, {at: 25.5, rules: "b"},
				{at: 40, rules: "b"}, {at: 44, rules: "a"}, {at: 60, rules: "a"}},
			[]string{"x{}@25=1[a:e2]", "x{}@65=1[a:e6]"},
		},
		{
			"absence in order looks one way",
			corr("x", "type: temporal_ordered", "rules: [a, b]", "condition: a and not b", "timespan: 5s") +
				corr("y", "type: temporal_ordered", "rules: [b, a]", "condition: a and not b", "timespan: 5s"),
			[]shot{{at: 10, rules: "b"}, {at: 12, rules: "a"}, {at: 30, rules: "a"}, {at: 33, rules: "b"}},
			[]string{"x{}@17=1[a:e1]", "y{}@30=1[a:e2]"},
		},
		{
			"absence before the first step lasts one timespan",
			corr("x", "type: temporal_ordered", "rules: [b, a, c]", "condition: not b and a and c", "timespan: 5s"),
			[]shot{{at: 0, rules: "b"}, {at: 5, rules: "a"}, {at: 6, rules: "c"}, {at: 20, rules: "b"},
				{at: 25.5, rules: "a"}, {at: 26, rules: "c"}, {at: 40, rules: "a b"}, {at: 41, rules: "c"}},
			[]string{"x{}@26=2[a:e4 c:e5]", "x{}@41=2[a:e6 c:e7]"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := mustSet(t, abc+tt.docs)
			list := matches(t, set, tt.shots)
			if diff := cmp.Diff(tt.want, tellAll(play(mustEngine(t, set, Config{Lateness: time.Hour}),
				list))); diff != "" {
				t.Errorf("alerts (- want, + got):\n%s", diff)
			}
			o := ofOracle(set, newOracle(list, nil))
			if diff := cmp.Diff(o, ofEngine(play(mustEngine(t, set, Config{}), sortedCopy(list)))); diff != "" {
				t.Errorf("- oracle, + engine:\n%s", diff)
			}
		})
	}
}

// TestTwoFeeders (rustinel): two sources whose clocks of arrival differ are put in
// the order of event time; nothing is correlated only because it came together.
func TestTwoFeeders(t *testing.T) {
	set := mustSet(t, detections("a", "b")+corr("x", "type: temporal_ordered", "rules: [a, b]", "timespan: 60s",
		"group-by: user"))
	slow := []shot{{at: 100, rules: "a", fields: u("x"), event: "s1"},
		{at: 500, rules: "a", fields: u("y"), event: "s2"}}
	fast := []shot{{at: 90, rules: "b", fields: u("x"), event: "f1"},
		{at: 530, rules: "b", fields: u("y"), event: "f2"}}
	for name, order := range map[string][]shot{
		"interleaved": {slow[0], fast[0], slow[1], fast[1]},
		"one first":   {slow[0], slow[1], fast[0], fast[1]},
		"other first": {fast[0], fast[1], slow[0], slow[1]},
	} {
		got := tellAll(play(mustEngine(t, set, Config{Lateness: 10 * time.Minute}), matches(t, set, order)))
		if diff := cmp.Diff([]string{"x{y}@530=2[a:s2 b:f2]"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestResolver: one person over many systems is one group.
func TestResolver(t *testing.T) {
	set := mustSet(t, detections("a", "b", "c")+
		corr("x", "type: temporal", "rules: [a, b, c]", "timespan: 60s", "group-by: who",
			"aliases:", "  who: {a: TargetUserSid, b: user.email, c: src_ip}")+
		corr("y", "type: value_count", "rules: [a, b]", "timespan: 60s", "group-by: who",
			"condition: {field: raw, gte: 2}",
			"aliases:", "  who: {a: TargetUserSid, b: user.email}", "  raw: {a: TargetUserSid, b: user.email}"))
	asked := map[string]bool{}
	resolve := func(field, value string, at time.Time) string {
		asked[field] = true
		switch {
		case value == "S-1-5-21-1001", value == "hanako@example.org", value == "10.0.0.7" && at.Before(second(5)):
			return "花子"
		case value == "S-1-5-18":
			return ""
		}
		return value
	}
	list := matches(t, set, []shot{
		{at: 0, rules: "a", fields: fields{"TargetUserSid": "S-1-5-21-1001"}},
		{at: 1, rules: "b", fields: fields{"user.email": "hanako@example.org"}},
		{at: 2, rules: "c", fields: fields{"src_ip": "10.0.0.7"}},
		{at: 6, rules: "c", fields: fields{"src_ip": "10.0.0.7"}},
		{at: 7, rules: "a", fields: fields{"TargetUserSid": "S-1-5-18"}},
	})
	e := mustEngine(t, set, Config{Resolve: resolve})
	// What a correlation counts is not resolved, only by whom it is grouped.
	if diff := cmp.Diff([]string{"y{花子}@1=2[a:e0 b:e1]", "x{花子}@2=3[a:e0 b:e1 c:e2]"},
		tellAll(play(e, list))); diff != "" {
		t.Error(diff)
	}
	if s := e.Stats(); s.Ungrouped != 2 {
		t.Errorf("a value that names no one: %+v", s)
	}
	if len(asked) != 3 || !asked["TargetUserSid"] || !asked["user.email"] || !asked["src_ip"] {
		t.Errorf("asked for %v", asked)
	}
}

// TestSpecificationExample runs the specification's own example of a chain.
func TestSpecificationExample(t *testing.T) {
	set := mustSet(t, "title: Multiple Failed Logins Followed by Successful Login\nlevel: high\nname: top\n"+
		"correlation:\n    type: temporal_ordered\n    rules: [multiple_failed_login, successful_login]\n "+
		"   group-by: [User]\n    timespan: 10m\n---\n"+
		strings.Replace(corr("multiple_failed_login", "type: event_count", "rules: [failed_login]",
			"group-by: [User]", "timespan: 10m", "condition: {gte: 10}"), "---\n", "", 1)+
		"---\n"+detections("failed_login", "successful_login"))
	var shots []shot
	for i := range 10 {
		shots = append(shots, shot{at: float64(i * 20), rules: "failed_login", fields: fields{"User": "eve"}})
	}
	shots = append(shots, shot{at: 50, rules: "successful_login", fields: fields{"User": "eve"}},
		shot{at: 700, rules: "successful_login", fields: fields{"User": "bob"}},
		shot{at: 780, rules: "successful_login", fields: fields{"User": "Eve"}})
	e := mustEngine(t, set, Config{Lateness: time.Hour})
	got := play(e, matches(t, set, shots))
	if len(got) != 1 || got[0].Rule.Name != "top" || len(got[0].Events) != 11 || since(got[0].At) != 780 ||
		since(got[0].First) != 0 || got[0].Last != got[0].At {
		t.Errorf("%v", tellAll(got))
	}
	if !set.Silent(set.Rules[0]) || !set.Silent(set.Rules[1]) || !e.RefersTo(set.Rules[0]) {
		t.Error("base rules")
	}
}
