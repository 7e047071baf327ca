package casework

import (
	"slices"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/msg"
)

// Cases are found in Japanese and English, in either width, and by a party only
// by what is its own.
func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.t = t
		number := b.take(b.finding("a", func(f *msg.Finding) {
			f.Rule.Title, f.Observables = "ﾊﾟﾜｰｼｪﾙによる不審な通信", []event.Observable{evil}
		}))
		if second := b.take(b.finding("b", func(f *msg.Finding) {
			f.Rule.Title, f.Observables = "Ｅｎｃｏｄｅｄ command line", []event.Observable{evil}
		})); second != number {
			t.Fatal("the two findings are not in one case")
		}
		digits := strings.TrimPrefix(number, "MNK-")
		for typed, who := range map[string]string{
			"パワーシェル": "desk a", "ﾊﾟﾜｰｼｪﾙ": "desk a", "通信　不審": "desk a", "encoded": "desk b", "ＥＮＣＯＤＥＤ line": "desk b",
			"不審 encoded": "desk", number: "desk a b", strings.ToLower(number): "desk a b", "ＭＮＫ－" + digits: "desk a b",
			"nothing": "",
		} {
			for _, name := range []string{"desk", "a", "b", "c"} {
				hits, err := Finder(b.db).Find(t.Context(), viewers()[name], typed, 10)
				if err != nil {
					t.Fatal(err)
				}
				if want := slices.Contains(strings.Fields(who), name); len(hits) == 1 != want {
					t.Errorf("%s finds %d by %q", name, len(hits), typed)
				}
			}
		}
	})
}
