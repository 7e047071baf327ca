package sigma

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
)

// number is a numeric value; whole numbers keep all 64 bits.
type number struct {
	isInt bool
	i     int64
	f     float64
}

// parseNumber reads decimal notation with optional sign, fraction and exponent.
// Anything else ("0x10", "1,000", "inf", " 5") is not a number.
func parseNumber(text string) (number, bool) {
	digit := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E':
		default:
			return number{}, false
		}
	}
	if !digit {
		return number{}, false
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{isInt: true, i: i}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return number{f: f}, err == nil
}

// numberOf returns the number that a scalar of an event stands for.
func numberOf(v any) (number, bool) {
	switch v := v.(type) {
	case int64:
		return number{isInt: true, i: v}, true
	case int:
		return number{isInt: true, i: int64(v)}, true
	case float64:
		return number{f: v}, !math.IsNaN(v) && !math.IsInf(v, 0)
	case string:
		return parseNumber(v)
	case json.Number:
		return parseNumber(string(v))
	case uint64:
		if v <= math.MaxInt64 {
			return number{isInt: true, i: int64(v)}, true
		}
		return number{f: float64(v)}, true
	}
	return number{}, false
}

// compare orders two numbers exactly, without rounding int64 to float64.
func (n number) compare(m number) int {
	return n.big().Cmp(m.big())
}

func (n number) big() *big.Float {
	if n.isInt {
		return new(big.Float).SetInt64(n.i)
	}
	return big.NewFloat(n.f)
}

// text returns the number as the text of an event's value would be.
func (n number) text() string {
	if n.isInt {
		return strconv.FormatInt(n.i, 10)
	}
	return floatText(n.f)
}
