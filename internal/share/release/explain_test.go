package release

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/wire"
)

// What leaves as rule counts is told in words: how many rules and techniques,
// and that a withdrawal takes everything back.
func TestRuleHealthWords(t *testing.T) {
	plain := func(s string) string { return s }
	body := func(c wire.RuleHealth) Message {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return Message{Kind: wire.KindRuleHealth, Body: string(b)}
	}
	says, hides := plainWords(
		body(
			wire.RuleHealth{
				Rules: []wire.RuleTally{
					{Rule: "a", Hits: 5, False: true}, {Rule: "b", Hits: 1}, {Rule: "c", False: true},
				},
				Techniques: []wire.TechniqueTally{{Technique: "T1059", Rules: 20}},
			},
		),
		plain,
	)
	var en, ja strings.Builder
	for _, s := range says {
		en.WriteString(s.In("en"))
		ja.WriteString(s.In("ja"))
	}
	for _, want := range []string{"ids of 2 rules that found", "2 rules that an analyst", "For 1 ATT&CK"} {
		if !strings.Contains(en.String(), want) {
			t.Errorf("it does not say %q: %s", want, en.String())
		}
	}
	if !strings.Contains(ja.String(), "ルール 2 件の番号") || len(hides) != 4 {
		t.Errorf("%s, hides %v", ja.String(), hides)
	}
	if says, hides = plainWords(
		body(wire.RuleHealth{Withdraw: true}), plain,
	); len(says) != 1 || !strings.Contains(says[0].In("en"), "forget all") || hides != nil {
		t.Errorf("a withdrawal says %v, hides %v", says, hides)
	}
	if says, _ = plainWords(
		Message{Kind: wire.KindRuleHealth, Body: "{"}, plain,
	); len(says) != 1 || !strings.Contains(says[0].In("en"), "Everything below") {
		t.Errorf("a damaged one says %v", says)
	}
}
