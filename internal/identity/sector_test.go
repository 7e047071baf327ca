package identity_test

import (
	"testing"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
)

func TestParseSector(t *testing.T) {
	critical := 0
	for _, s := range identity.Sectors() {
		if s.Critical {
			critical++
		}
		for _, in := range []string{s.Slug, s.Name.EN, s.Name.JA} {
			if got, err := identity.ParseSector(in); got != s.Slug || err != nil {
				t.Errorf("%q: %q, %v", in, got, err)
			}
		}
		if got, ok := identity.SectorOf(s.Slug); !ok || got.Name != s.Name {
			t.Error(s.Slug)
		}
	}
	if critical != 14 || len(identity.Sectors()) != 18 {
		t.Errorf("%d critical of %d", critical, len(identity.Sectors()))
	}
	for in, want := range map[string]string{"energy": "power", "Electric": "power", "city": "local-government",
		"hospital": "medical", "health": "medical", "telecom": "ict",
		" CITY ": "local-government", "ｶﾞｽ": "gas", "small business": "small-firm",
		"Local Government": "local-government", "市": "local-government"} {
		if got, err := identity.ParseSector(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "powers", "電", "all"} {
		if got, err := identity.ParseSector(in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, ok := identity.SectorOf("energy"); ok {
		t.Error("a synonym is no slug")
	}
}

func TestParsePrefecture(t *testing.T) {
	if len(identity.Prefectures()) != 47 {
		t.Error(len(identity.Prefectures()))
	}
	for _, p := range identity.Prefectures() {
		for _, in := range []string{p.Code, p.Name.EN, p.Name.JA} {
			if got, err := identity.ParsePrefecture(in); got != p.Code || err != nil {
				t.Errorf("%q: %q, %v", in, got, err)
			}
		}
		if got, ok := identity.PrefectureOf(p.Code); !ok || got != p {
			t.Error(p)
		}
	}
	for in, want := range map[string]string{"": "", "1": "01", "東京": "13", "京都": "26", "北海道": "01", "tokyo": "13",
		"Kyoto-fu": "26", "Ōsaka": "27", "Aomori Prefecture": "02", "大阪": "27", "１３": "13"} {
		if got, err := identity.ParsePrefecture(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"48", "0", "県", "Berlin", "北海"} {
		if got, err := identity.ParsePrefecture(in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("energy")
	f.Add("\xff東京")
	f.Fuzz(func(t *testing.T, s string) {
		if slug, err := identity.ParseSector(s); err == nil {
			if _, ok := identity.SectorOf(slug); !ok {
				t.Errorf("%q", slug)
			}
		}
		if code, err := identity.ParsePrefecture(s); err == nil && code != "" {
			if _, ok := identity.PrefectureOf(code); !ok {
				t.Errorf("%q", code)
			}
		}
	})
}
