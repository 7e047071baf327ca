package event

import "time"

// Clip cuts s to at most n bytes at a character's edge and says so with an ellipsis.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// PlausibleTime returns an instant that another machine reported, unless it cannot be true: a
// clock that is in the future or a month off says nothing about when something
// happened here, and now is taken instead.
func PlausibleTime(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) || now.Sub(t) > 30*24*time.Hour {
		return now
	}
	return t
}
