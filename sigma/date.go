package sigma

import (
	"regexp"
	"strconv"
	"time"
)

// dateText is the dates that the time modifiers read: ISO 8601 with - or /,
// optionally a time, optionally a zone. The zone is not looked at: the parts are
// taken as written.
var dateText = regexp.MustCompile(`^(\d{4})[-/](\d{2})[-/](\d{2})` +
	`(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?$`)

// datePart returns one part of a date written in an event. ok is false if the text
// is no date, or one without that part.
func datePart(text, part string) (n number, ok bool) {
	m := dateText.FindStringSubmatch(text)
	if m == nil {
		return number{}, false
	}
	num := func(i int) int {
		k, _ := strconv.Atoi(m[i]) // digits only; "" gives 0
		return k
	}
	year, month, day, hour, minute, second := num(1), num(2), num(3), num(4), num(5), num(6)
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Year() != year || int(t.Month()) != month || t.Day() != day || hour > 23 || minute > 59 || second > 60 {
		return number{}, false
	}
	var value int
	switch part {
	case "year":
		value = year
	case "month":
		value = month
	case "week":
		_, value = t.ISOWeek()
	case "day":
		value = day
	case "hour":
		value, ok = hour, m[4] != ""
		return number{isInt: true, i: int64(value)}, ok
	case "minute":
		value, ok = minute, m[5] != ""
		return number{isInt: true, i: int64(value)}, ok
	}
	return number{isInt: true, i: int64(value)}, true
}

// partRange is what each time modifier can give, for refusing values that could
// never match. Weeks are ISO 8601 weeks, of which some years have 53.
var partRange = map[string][2]int64{
	"minute": {0, 59}, "hour": {0, 23}, "day": {1, 31},
	"week": {1, 53}, "month": {1, 12}, "year": {0, 9999},
}
