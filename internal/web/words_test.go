package web

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/i18n"
)

func TestFill(t *testing.T) {
	for _, c := range []struct {
		in   string
		args []any
		want string
	}{
		{"{0} of {1}", []any{12345, "b"}, "12,345 of b"}, {"{1}{0}", []any{"{1}", "x"}, "x{1}"}, {"{2} {x} {", []any{1},
			"{2} {x} {"}, {"plain", nil, "plain"},
		{"{0}", []any{i18n.T("en", "日本語")}, "日本語"}, {"{0}{0}", []any{"a"}, "aa"},
	} {
		if got := fill(c.in, i18n.JA, c.args); got != c.want {
			t.Errorf("fill(%q, %v) = %q, want %q", c.in, c.args, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567",
		9223372036854775807: "9,223,372,036,854,775,807", -9223372036854775808: "−9,223,372,036,854,775,808"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1 << 30: "1 GiB",
		150 << 20: "150 MiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]i18n.Text{
		0: i18n.T("now", "たった今"), 90 * time.Second: i18n.T("1 min ago", "1 分前"), -3 * time.Hour: i18n.T("in 3 h",
			"3 時間後"), 72 * time.Hour: i18n.T("3 days ago", "3 日前"), 900 * 24 * time.Hour: i18n.T("2 years ago", "2 年前"),
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("ago(%v) = %v", d, got)
		}
	}
	for d, want := range map[time.Duration]string{42 * time.Minute: "残り 0:42", 5*time.Hour + 30*time.Minute: "残り 5:30",
		-90 * time.Minute: "1:30 超過", 72 * time.Hour: "残り 3 日", -99 * time.Hour: "4 日超過"} {
		if got := left(d).JA; got != want {
			t.Errorf("left(%v) = %q", d, got)
		}
	}
	for name, want := range map[string]string{"Asia/Tokyo": "JST", "America/Sao_Paulo": "UTC−03:00",
		"Asia/Kathmandu": "UTC+05:45", "UTC": "UTC"} {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := zoneWord(now.In(z)); got != want {
			t.Errorf("%s reads %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"", "Local", "../etc/passwd", "Asia/../x", "nowhere", "Asia/Tokyo x",
		"/etc/localtime"} {
		if _, ok := zoneNamed(bad); ok {
			t.Errorf("took the zone %q", bad)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{"abc": "abc", "a\u202eb": "a⟨202E⟩b", "a\x1b[31m": "a⟨001B⟩[31m",
		"日本\n語": "日本\n語", "a\u200bb": "a⟨200B⟩b"} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q", in, got)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]bool{"/": true, "/cases?x=1#y": true, "//evil.example": false,
		`/\evil.example`: false, "https://evil.example": false, "javascript:alert(1)": false, "": false, "cases": false,
		"/a\nb": false} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %v", in, got)
		}
	}
	if got := Path("/cases/{0}/{1}", "../../x", "a b?c"); got != "/cases/..%2F..%2Fx/a%20b%3Fc" {
		t.Errorf("Path = %q", got)
	}
	if got := Path("/cases/{0}", ".."); got != "/" {
		t.Errorf("Path = %q", got)
	}
}

func TestPickLanguage(t *testing.T) {
	for header, want := range map[string]i18n.Lang{"": "", "fr,de": "", "fr, en-GB;q=0.8, ja": i18n.EN,
		"ja-JP": i18n.JA} {
		if got, _ := accepted(header); got != want {
			t.Errorf("Accept-Language %q gives %q", header, got)
		}
	}
}
