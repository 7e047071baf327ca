package read

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, c := range []struct {
		in    any
		want  string // "" refused
		zoned bool
	}{
		{"2020-10-19T12:28:44Z", "2020-10-19T12:28:44Z", true},
		{"2020-10-19 12:28:44.333", "2020-10-19T12:28:44.333Z", false},
		{"2020-10-19T12:28:44,333+0900", "2020-10-19T03:28:44.333Z", true},
		{"2020-10-19T12:28:44.1234567890-05:30", "2020-10-19T17:58:44.123456789Z", true},
		{"2020-10-19 12:28:44 UTC", "2020-10-19T12:28:44Z", true},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", true},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", true},
		{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", true},
		{"2021-02-31T00:00:00Z", "", false},
		{"2021-13-01T00:00:00Z", "", false},
		{"2020-10-19T12:28:44Q", "", false},
		{int64(0), "1970-01-01T00:00:00Z", true},
		{int64(1603110524), "2020-10-19T12:28:44Z", true},
		{1603110524.25, "2020-10-19T12:28:44.25Z", true},
		{int64(1603110524333), "2020-10-19T12:28:44.333Z", true},
		{int64(1603110524333444), "2020-10-19T12:28:44.333444Z", true},
		{"1603110524333", "2020-10-19T12:28:44.333Z", true},
		{int64(132475841243330000), "2020-10-19T12:28:44.333Z", true},
		{int64(1603110524333444555), "2020-10-19T12:28:44.3334445Z", true},
		{"/Date(1603110524333)/", "2020-10-19T12:28:44.333Z", true},
		{"/Date(1603110524333+0900)/", "2020-10-19T12:28:44.333Z", true},
		{"/Date()/", "", false},
		{"19/Oct/2020:12:28:44 +0900", "2020-10-19T03:28:44Z", true},
		{"Mon, 19 Oct 2020 12:28:44 +0900", "2020-10-19T03:28:44Z", true},
		{"20201019T122844Z", "2020-10-19T12:28:44Z", true},
		{"2020-10-19T12:28+09:00", "2020-10-19T03:28:00Z", true},
		{"Oct  9 12:28:44 2020", "2020-10-09T12:28:44Z", false},
		{int64(-5), "", false},
		{"soon", "", false},
		{"", "", false},
		{true, "", false},
	} {
		got, zoned, ok := parseTime(c.in)
		if ok != (c.want != "") || ok &&
			(got.Truncate(100*time.Nanosecond).Format(time.RFC3339Nano) != trim(c.want) || zoned != c.zoned) {
			t.Errorf("%v: %v %v %v, want %s", c.in, got.Format(time.RFC3339Nano), zoned, ok, c.want)
		}
	}
}

func trim(s string) string {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.Truncate(100 * time.Nanosecond).Format(time.RFC3339Nano)
	}
	return s
}

func TestYearOf(t *testing.T) {
	seen := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]int{"Dec 31 23:00:00": 2025, "Jan  2 00:00:00": 2026, "Jan  9 00:00:00": 2026,
		"Feb  9 00:00:00": 2025} {
		p, _ := time.Parse("Jan _2 15:04:05", in)
		if got := yearOf(p, seen).Year(); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}
