package stix

import (
	"strings"
	"time"
)

// Timestamp is a STIX timestamp (section 2.16). It keeps the text it was read
// from, so that its precision survives, and compares by instant: 12:00:00Z and
// 12:00:00.000Z are the same.
type Timestamp struct {
	text string
	t    time.Time // cut to nanoseconds
}

// TimestampOf writes t in UTC with milliseconds, which is the precision of
// everything this package makes. Finer parts are cut off.
func TimestampOf(t time.Time) Timestamp {
	if t.IsZero() {
		return Timestamp{}
	}
	t = t.UTC().Truncate(time.Millisecond)
	return Timestamp{text: t.Format("2006-01-02T15:04:05.000Z"), t: t}
}

// ParseTimestamp reads YYYY-MM-DDTHH:mm:ss[.s+]Z with any number of fraction
// digits. Second 60 is read as the first second of the next minute.
func ParseTimestamp(s string) (Timestamp, error) {
	t, r := parseTimestamp(s)
	if r != nil {
		return t, r
	}
	return t, nil
}

func parseTimestamp(s string) (Timestamp, Reason) {
	const shape = "0000-00-00T00:00:00"
	bad := func(code string) (Timestamp, Reason) {
		return Timestamp{}, because("stix.timestamp", clip(s), because(code))
	}
	if len(s) < len(shape)+1 || len(s) > 64 {
		return bad("stix.timestamp.length")
	}
	var n [6]int
	part := 0
	for i := range len(shape) {
		c := s[i]
		if shape[i] != '0' {
			if c != shape[i] {
				return bad("stix.timestamp.form")
			}
			part++
			continue
		}
		if c < '0' || c > '9' {
			return bad("stix.timestamp.form")
		}
		n[part] = n[part]*10 + int(c-'0')
	}
	rest := s[len(shape):]
	if !strings.HasSuffix(rest, "Z") {
		return bad("stix.timestamp.zone")
	}
	frac := rest[:len(rest)-1]
	nanos := 0
	if frac != "" {
		if frac[0] != '.' || len(frac) == 1 || strings.Trim(frac[1:], "0123456789") != "" {
			return bad("stix.timestamp.fraction")
		}
		padded := (frac[1:] + "000000000")[:9]
		for _, c := range []byte(padded) {
			nanos = nanos*10 + int(c-'0')
		}
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[3] > 23 || n[4] > 59 || n[5] > 60 {
		return bad("stix.timestamp.clock")
	}
	if n[2] > time.Date(n[0], time.Month(n[1])+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return bad("stix.timestamp.date")
	}
	return Timestamp{text: s, t: time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nanos, time.UTC)}, nil
}

// Time is the instant, in UTC, cut to nanoseconds.
func (t Timestamp) Time() time.Time { return t.t }

// String is the timestamp as it was written; the zero Timestamp is "".
func (t Timestamp) String() string { return t.text }

// IsZero reports whether there is no timestamp.
func (t Timestamp) IsZero() bool { return t.text == "" }

// Digits is the number of digits of the fraction of a second, as written.
func (t Timestamp) Digits() int { return len(t.fraction()) }

// Compare orders by instant: -1, 0 or 1. Digits beyond nanoseconds count.
func (t Timestamp) Compare(u Timestamp) int {
	if c := t.t.Compare(u.t); c != 0 {
		return c
	}
	a, b := t.fraction(), u.fraction()
	n := max(len(a), len(b))
	return strings.Compare(a+strings.Repeat("0", n-len(a)), b+strings.Repeat("0", n-len(b)))
}

// Equal reports whether two timestamps are the same instant.
func (t Timestamp) Equal(u Timestamp) bool { return t.IsZero() == u.IsZero() && t.Compare(u) == 0 }

// MarshalText returns the timestamp as it was written.
func (t Timestamp) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// UnmarshalText is ParseTimestamp; an empty text is the zero Timestamp.
func (t *Timestamp) UnmarshalText(b []byte) (err error) {
	*t = Timestamp{}
	if len(b) > 0 {
		*t, err = ParseTimestamp(string(b))
	}
	return err
}

func (t Timestamp) fraction() string {
	_, f, _ := strings.Cut(strings.TrimSuffix(t.text, "Z"), ".")
	return f
}

// clip keeps foreign text short in a message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 { // never inside a character
		cut--
	}
	return s[:cut] + "…"
}
