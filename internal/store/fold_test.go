package store_test

import (
	"testing"

	"github.com/meneki/meneki/internal/store"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"Evil.EXAMPLE": "evil.example",
		"ＡＢＣ　１２３":      "abc 123",
		"ﾊﾟﾜｰｼｪﾙ":      "パワーシェル",
		"\u304b\u3099": "が", // a letter and its mark
		"㈱東都電力":        "(株)東都電力",
		"Ｅｖｉｌ．ｅｘａｍｐｌｅ": "evil.example",
		"電力会社への攻撃。ＰｏｗｅｒＳｈｅｌｌ": "電力会社への攻撃。powershell",
	} {
		if got := store.Fold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
