package read

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseTime reads a time in any of the ways that logs write one:
//
//   - 2006-01-02T15:04:05 with T or a space, any fraction, and Z, an offset,
//     " UTC" or nothing at its end;
//   - a number (or its text): seconds, milliseconds, microseconds or nanoseconds
//     since 1970, or a FILETIME (100 ns since 1601), distinguished by size;
//   - /Date(ms)/, and 02/Jan/2006:15:04:05 -0700.
//
// zoned is false if the text states no zone; the time is then read as UTC. A
// time in 1970 or in the year 9000 is returned as it is written.
func parseTime(v any) (t time.Time, zoned, ok bool) {
	switch v := v.(type) {
	case int64:
		t, ok = epoch(float64(v), v, true)
		return t, true, ok
	case float64:
		t, ok = epoch(v, int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<62)
		return t, true, ok
	case string:
		return parseTimeText(strings.TrimSpace(v))
	}
	return time.Time{}, false, false
}

// fileTimeEpoch is 1970 in FILETIME seconds.
const fileTimeEpoch = 11644473600

func epoch(f float64, n int64, whole bool) (time.Time, bool) {
	if math.IsNaN(f) || f < 0 || f > 9e18 {
		return time.Time{}, false
	}
	switch {
	case f < 1e11: // seconds, to the year 5138
		sec, frac := math.Modf(f)
		return time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000).UTC(), true
	case f < 1e14:
		return time.UnixMicro(int64(f * 1000)).UTC(), true
	case f < 1e17:
		return time.UnixMicro(int64(f)).UTC(), true
	case f < 5e17 && whole:
		return time.Unix(n/1e7-fileTimeEpoch, n%1e7*100).UTC(), true
	}
	if whole {
		return time.Unix(0, n).UTC(), true
	}
	return time.Unix(0, int64(f)).UTC(), true
}

func parseTimeText(s string) (t time.Time, zoned, ok bool) {
	if len(s) < 8 || len(s) > 64 {
		return t, false, false
	}
	if rest, found := strings.CutPrefix(s, "/Date("); found {
		ms := strings.TrimSuffix(rest, ")/")
		if i := strings.IndexAny(ms[min(1, len(ms)):], "+-"); i >= 0 {
			ms = ms[:i+1] // the offset says how it was shown, not when it was
		}
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil || n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			return t, false, false
		}
		return time.UnixMilli(n).UTC(), true, true
	}
	if s[0] >= '0' && s[0] <= '9' && !strings.ContainsAny(s, "-:/ T") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return t, false, false
		}
		n, ierr := strconv.ParseInt(s, 10, 64)
		t, ok = epoch(f, n, ierr == nil)
		return t, true, ok
	}
	if t, zoned, ok = parseISO(s); ok {
		return t, zoned, ok
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), strings.Contains(l, "07") || strings.Contains(l, "MST"), true
		}
	}
	return time.Time{}, false, false
}

var layouts = []string{
	"02/Jan/2006:15:04:05 -0700", time.RFC1123Z, time.RFC1123, time.UnixDate, time.ANSIC,
	"01/02/2006 15:04:05", "1/2/2006 3:04:05 PM", "2006/01/02 15:04:05",
	"20060102T150405Z0700", "20060102T150405", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04",
	"Jan _2 15:04:05 2006", "Jan _2 2006 15:04:05",
}

// parseISO reads 2006-01-02T15:04:05.999999999Z07:00 and its looser forms.
func parseISO(s string) (t time.Time, zoned, ok bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' && s[10] != 't' || s[13] != ':' ||
		s[16] != ':' {
		return t, false, false
	}
	n := func(a, b int) int {
		v := 0
		for _, c := range []byte(s[a:b]) {
			if c < '0' || c > '9' {
				return -1
			}
			v = v*10 + int(c-'0')
		}
		return v
	}
	year, month, day := n(0, 4), n(5, 7), n(8, 10)
	hour, minute, sec := n(11, 13), n(14, 16), n(17, 19)
	if year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 24 || minute < 0 ||
		minute > 59 || sec < 0 || sec > 60 {
		return t, false, false
	}
	rest := s[19:]
	nanos := 0
	if len(rest) > 0 && (rest[0] == '.' || rest[0] == ',') {
		i, scale := 1, 100_000_000
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			nanos += int(rest[i]-'0') * scale
			scale /= 10
			i++
		}
		rest = rest[i:]
	}
	offset := 0
	switch rest = strings.TrimSpace(rest); {
	case rest == "":
	case rest == "Z" || rest == "z" || rest == "UTC" || rest == "GMT":
		zoned = true
	case rest[0] == '+' || rest[0] == '-':
		d := strings.ReplaceAll(rest[1:], ":", "")
		if len(d) == 2 {
			d += "00"
		}
		v, err := strconv.Atoi(d)
		if err != nil || len(d) != 4 || v%100 > 59 || v > 2400 {
			return t, false, false
		}
		offset = v/100*3600 + v%100*60
		if rest[0] == '-' {
			offset = -offset
		}
		zoned = true
	default:
		return t, false, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, sec, nanos, time.UTC)
	if t.Day() != day && hour != 24 && sec != 60 {
		return time.Time{}, false, false // 31 February
	}
	return t.Add(-time.Duration(offset) * time.Second), zoned, true
}
