package store_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
)

func TestBigrams(t *testing.T) {
	for in, want := range map[string][]string{
		"":                {},
		"脅威情報":            {"脅威", "威情", "情報", "報"},
		"ＡＢＣ ｶﾞｽ":         {"abc", "ガス", "ス"},
		"Evil.Example脅":   {"evil", "example", "脅"},
		"a a_b-a":         {"a", "a_b"},
		"サーバー":            {"サー", "ーバ", "バー", "ー"},
		"\xff\xfe":        {},
		"攻撃。攻撃":           {"攻撃", "撃"},
		"powershell.exe。": {"powershell", "exe"},
	} {
		got := store.Bigrams(in)
		if len(got) == 0 && len(want) == 0 {
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func FuzzBigrams(f *testing.F) {
	f.Add("脅威 abc")
	f.Fuzz(func(t *testing.T, s string) {
		for _, g := range store.Bigrams(s) {
			if g == "" || len(g) > 64 || utf8.ValidString(s) && !utf8.ValidString(g) {
				t.Errorf("%q of %q", g, s)
			}
		}
	})
}

func TestSearch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		texts := map[string]string{"1": "電力会社への攻撃", "2": "脅威情報の共有", "3": "PowerShell による攻撃 evil.example.com", "4": "攻めと撃退"}
		err := db.Write(t.Context(), sys, func(tx *store.Tx) error {
			for id, s := range texts {
				if err := tx.Index("case", id, "old words 古い"); err != nil {
					return err
				}
				if err := tx.Index("case", id, s); err != nil {
					return err
				}
				if _, err := tx.Exec(`INSERT INTO counter (id, n) VALUES ($1, 1)`, id); err != nil {
					return err
				}
			}
			return tx.Index("other", "9", "攻撃")
		})
		if err != nil {
			t.Fatal(err)
		}
		for q, want := range map[string]string{"攻撃": "1 3", "脅威": "2", "威": "2", "報": "2", "撃退": "4", "攻撃 powershell": "3", "EXAMPLE": "3", "古い": "", "電力会社への攻撃": "1",
			"": "1 2 3 4", "！？": "1 2 3 4", "有": "2", "ﾆ": ""} {
			var got []string
			err := db.Read(t.Context(), sys, func(tx *store.Tx) (err error) {
				cond, args := store.Search("case", q, "c.id", 2)
				got, err = store.Query[string](tx, `SELECT c.id FROM counter c WHERE c.n = $1 AND `+cond, append([]any{1}, args...)...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%q: %v, want %v", q, got, want)
			}
		}
	}, storetest.With(things))
}
