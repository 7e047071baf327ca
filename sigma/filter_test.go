package sigma_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/sigma"
)

// filterDoc writes a filter.
func filterDoc(title, logsource, body string) string {
	return "title: " + title + "\nlogsource: " + logsource + "\nfilter: " + body + "\n---\n"
}

// matchedIDs returns the rules of the set that match the event, in order.
func matchedIDs(set *sigma.Set, ev sigma.Event) string {
	var ids []string
	for m := range set.Match(ev) {
		ids = append(ids, m.Rule.ID)
	}
	return strings.Join(ids, " ")
}

// TestFilter (44): conditions are added with AND as written, to the rules named
// by id or name or to all, and only within the log source.
func TestFilter(t *testing.T) {
	rules := "title: One\nid: r1\nname: one\nlogsource: {product: test, category: c}\n" +
		"detection: {selection: {F: x}, condition: selection}\n---\n" +
		"title: Two\nid: r2\nname: 二\nlogsource: {product: Test}\n" +
		"detection: {selection_a: {F: x}, selection_b: {G: y}, condition: [selection_a, 1 of selection_*]}\n---\n" +
		"title: Three\nid: r3\nlogsource: {category: c}\ndetection: {selection: {F: x}, condition: selection}\n---\n"
	ev := record{"test", "", []string{"c"}, map[string]any{"F": "x", "User": "adm_1", "Host": "h"}}
	plain := record{"test", "", []string{"c"}, map[string]any{"F": "x", "User": "eve", "Host": "h"}}
	tests := []struct{ name, filters, adm, eve string }{
		{"none", "", "r1 r2 r3", "r1 r2 r3"},
		{"not, by id", filterDoc("F", "{product: test}",
			"{rules: [R1], selection: {User|startswith: adm_}, condition: not selection}"), "r2 r3", "r1 r2 r3"},
		{"not, by name", filterDoc("F", "{product: test}",
			"{rules: 二, selection: {User|startswith: adm_}, condition: not selection}"), "r1 r3", "r1 r2 r3"},
		{"as written", filterDoc("F", "{product: test}",
			"{rules: [r1, r2], selection: {User|startswith: adm_}, condition: selection}"), "r1 r2 r3", "r3"},
		{"any", filterDoc("F", "{product: test}",
			"{rules: any, selection: {User|startswith: adm_}, condition: not selection}"), "r3", "r1 r2 r3"},
		{"all", filterDoc("F", "{category: C}",
			"{rules: ALL, selection: {User|startswith: adm_}, condition: not selection}"), "r2", "r1 r2 r3"},
		{"not 1 of", filterDoc("F", "{product: test}",
			"{rules: any, selection_u: {User|startswith: adm_}, selection_h: {Host: z}, condition: not 1 of "+
				"selection_*}"), "r3", "r1 r2 r3"},
		{"not all of them", filterDoc("F", "{product: test}",
			"{rules: any, u: {User|startswith: adm_}, h: {Host: h}, _x: {Host: z}, condition: not all of them}"),
			"r3", "r1 r2 r3"},
		{"or, all of", filterDoc("F", "{product: test}",
			"{rules: any, a1: {User: adm_1}, a2: {Host: h}, z: {Host: z}, condition: not (all of a* or z)}"), "r3",
			"r1 r2 r3"},
		{"two filters", filterDoc("F", "{product: test}", "{rules: any, s: {User: eve}, condition: not s}") +
			filterDoc("G", "{product: test}", "{rules: [r1], s: {User|startswith: adm_}, condition: not s}"), "r2 r3",
			"r3"},
		{"keywords", filterDoc("F", "{product: test}", "{rules: any, s: [adm_], condition: not s}"), "r3", "r1 r2 r3"},
		{"outside", filterDoc("F", "{product: test, category: c}", "{rules: any, s: {User: eve}, condition: not s}"),
			"r1 r2 r3", "r2 r3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := sigma.ParseCollection("f.yml", []byte(tt.filters+rules))
			before := sigma.NewSet(c.Rules)
			set := c.Set()
			if len(set.Refused) != 0 {
				t.Fatal(set.Refused[0])
			}
			if got := matchedIDs(set, ev); got != tt.adm {
				t.Errorf("adm_1: %s, want %s", got, tt.adm)
			}
			if got := matchedIDs(set, plain); got != tt.eve {
				t.Errorf("eve: %s, want %s", got, tt.eve)
			}
			for _, r := range set.Rules {
				for _, e := range []record{ev, plain} {
					if _, ok := r.Match(e); ok != r.Explain(e).Matched {
						t.Errorf("%s: match and trace differ\n%s", r.Title, r.Explain(e))
					}
				}
			}
			// What was parsed is not changed, nor is a second set of it.
			if got := matchedIDs(before, ev); got != "r1 r2 r3" {
				t.Errorf("rules as parsed: %s", got)
			}
			if got := matchedIDs(c.Set(), ev); got != tt.adm {
				t.Errorf("second set: %s", got)
			}
		})
	}
}

// TestFilterShown: what a filtered rule shows of itself.
func TestFilterShown(t *testing.T) {
	file := "title: R\nid: r\nlogsource: {product: test}\n" +
		"detection: {sel: {F: x, EventID: [1, 2]}, condition: sel}\n---\n" +
		filterDoc("管理者を除く", "{product: test}", "{rules: [r], sel: {User: a}, condition: not 1 of sel*}")
	set := sigma.ParseCollection("f.yml", []byte(file)).Set()
	r := set.Rules[0]
	if got := strings.Join(r.Condition(), ";") + " " +
		strings.Join(r.Selections(), ";"); got != "(sel) and (not 1 of sel*) sel;管理者を除く/sel" {
		t.Error(got)
	}
	names, whole := r.FieldNames()
	if diff := cmp.Diff([]string{"EventID", "F", "User"}, names); diff != "" || whole {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{1, 2}, r.EventIDs()); diff != "" {
		t.Error(diff)
	}
	if len(r.Filters) != 1 || r.Filters[0] != set.Filters[0] || len(set.Filters[0].Applied) != 1 ||
		set.Filters[0].Applied[0] != r || r.Key() != "r" {
		t.Error("the rule and its filter do not know each other")
	}
	ev := record{"test", "", nil, map[string]any{"F": "x", "EventID": int64(1), "User": "b"}}
	if m, ok := r.Match(ev); !ok || strings.Join(m.Selections, ";") != "sel" {
		t.Errorf("%+v", m)
	}
	if text := r.Explain(ev).String(); !strings.Contains(text, "selection 管理者を除く/sel") {
		t.Error(text)
	}
}

// TestFilterWarnings: a filter that does not do what it seems to is listed.
func TestFilterWarnings(t *testing.T) {
	rules := base("a", "b") + "title: Bad\nname: bad\nlogsource: {product: test}\n" +
		"detection: {s: {F|foo: 1}, condition: s}\n---\n" +
		"title: C\nname: c\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 2}}\n---\n"
	const body = "s: {U: x}, condition: not s}"
	tests := []struct{ filter, want string }{
		{filterDoc("F", "{product: test}", "{rules: [a], "+body), ""},
		{filterDoc("F", "{product: test}", "{rules: [a, A-b], "+body),
			`3:21 the filter is for a rule that is not loaded: there is no rule with the id or name "A-b"`},
		{filterDoc("F", "{product: test}", "{rules: [bad], "+body),
			`3:18 the filter is for a rule that is not loaded: "bad" was refused`},
		{filterDoc("F", "{product: test}", "{rules: [c], "+body),
			`3:18 the filter is for "c", which is no detection rule`},
		{filterDoc("F", "{product: linux}", "{rules: [a], "+body),
			`3:18 the filter is for "a", but the log source of that rule, test/*/*, is not within the filter's, linux/*/*`},
		{filterDoc("F", "{product: linux}", "{rules: any, "+body), `1:1 the filter changes no rule`},
		{filterDoc("F", "{product: test}", "{rules: any, s: {U: x}, condition: s}"),
			`1:1 the filter's condition "s" has no "not"`},
		{filterDoc("F", "{product: test}", "{rules: any, s: {U|neq: x}, condition: s}"), ""},
		{filterDoc("F", "{product: test}", "{rules: any, s: {U: x}, z: {V: x}, condition: s or (z and not s)}"), ""},
		{filterDoc("F", "{product: test}", "{rules: any, s: {U: x}, z: {V: x}, condition: s or (z and 1 of s*)}"),
			`has no "not"`},
	}
	for _, tt := range tests {
		c := sigma.ParseCollection("f.yml", []byte(tt.filter))
		c.Add(sigma.ParseCollection("rules.yml", []byte(rules)))
		set := c.Set()
		var all []string
		for _, w := range set.Warnings {
			if w.Path != "f.yml" || w.RuleTitle != "F" {
				t.Errorf("warning %+v", w)
			}
			all = append(all, strings.TrimPrefix(w.Error(), "f.yml:"))
		}
		got := strings.ReplaceAll(strings.Join(all, "\n"), ": the filter", " the filter")
		if tt.want == "" != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.filter, got, tt.want)
		}
		if nothing := strings.Contains(got, "changes no rule"); nothing != (len(set.Filters[0].Applied) == 0) {
			t.Errorf("%s: applied to %d rules, warnings %q", tt.filter, len(set.Filters[0].Applied), got)
		}
	}
}

func TestFilterRefused(t *testing.T) {
	const ls = "{product: test}"
	tests := []struct {
		text         string
		line, column int
		reason       string
	}{
		{filterDoc("F", ls, "{s: {U: x}, condition: not s}"), 3, 9, "filter has no rules"},
		{filterDoc("F", ls, "{rules: [], s: {U: x}, condition: not s}"), 3, 17, "rules is empty"},
		{filterDoc("F", ls, "{rules: {a: b}, s: {U: x}, condition: not s}"), 3, 0, "ids or names"},
		{filterDoc("F", ls, "{rules: [a, a], s: {U: x}, condition: not s}"), 3, 21, "twice"},
		{filterDoc("F", ls, "{rules: any, s: {U: x}}"), 3, 0, "no condition"},
		{filterDoc("F", ls, "{rules: any, condition: s}"), 3, 0, "no selection"},
		{filterDoc("F", ls, "{rules: any, s: {U: x}, condition: [not s]}"), 3, 0, "must be text"},
		{filterDoc("F", ls, "{rules: any, s: {U: x}, condition: not z}"), 3, 0, `names "z"`},
		{filterDoc("F", ls, "{rules: any, s: {U|foo: x}, condition: not s}"), 3, 0, "unknown modifier"},
		{filterDoc("F", ls, "x"), 3, 0, "must be a mapping"},
		{"title: F\nfilter: {rules: any, s: {U: x}, condition: not s}\n", 1, 0, "no logsource"},
		{"logsource: {product: x}\nfilter: {rules: any, s: {U: x}, condition: not s}\n", 1, 0, "no title"},
		{"title: F\ntaxonomy: ecs\nlogsource: {product: x}\nfilter: {rules: any, s: {U: x}, condition: not s}\n", 2,
			0, "taxonomy"},
		{filterDoc("F", ls+"\ndetection: {s: {F: 1}, condition: s}", "{rules: any, s: {U: x}, condition: not s}"), 3,
			0, "not both"},
	}
	for _, tt := range tests {
		set := sigma.ParseCollection("f.yml",
			[]byte("# head\n---\n"+strings.TrimSuffix(tt.text, "---\n")+"---\n"+base("a"))).Set()
		if len(set.Filters) != 0 || len(set.Refused) != 1 || len(set.Rules) != 1 {
			t.Errorf("%s: %d filters, refused %v", tt.text, len(set.Filters), set.Refused)
			continue
		}
		e := set.Refused[0]
		if !strings.Contains(e.Reason.Error(), tt.reason) || e.Line != tt.line+2 || tt.column > 0 &&
			e.Column != tt.column {
			t.Errorf("got %v, want %d:%d %q", e, tt.line+2, tt.column, tt.reason)
		}
	}
}
