// Package policy decides who may see what, and is the only place that does. It
// implements the Traffic Light Protocol 2.0 (FIRST, 2022) for objects and records with
// a marking; every page, API answer, push, count and export asks it.
//
// It denies by default, applies the strictest of several markings, and treats what it
// does not understand as TLP:RED.
package policy

import "strings"

// TLP is a Traffic Light Protocol 2.0 label. Greater is stricter. The zero TLP is no
// label: what has no marking is handled as RED.
type TLP int

// The five labels of TLP 2.0. The numbers are stored.
const (
	Clear TLP = iota + 1
	Green
	Amber
	AmberStrict
	Red
)

var tlpNames = [...]string{"TLP:RED", "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"}

// Known reports whether t is one of the five labels.
func (t TLP) Known() bool { return t >= Clear && t <= Red }

// OrRed returns t, or Red if t is not one of the five labels. Compare labels that
// came from outside by it: a number that is no label is not less than Red.
func (t TLP) OrRed() TLP {
	if !t.Known() {
		return Red
	}
	return t
}

// String returns the label as FIRST writes it.
func (t TLP) String() string { return tlpNames[t.OrRed()] }

// Slug returns the label in lower case without its prefix, for flags, URLs and CSS.
func (t TLP) Slug() string { return strings.ToLower(strings.TrimPrefix(t.String(), "TLP:")) }

// ParseTLP reads a label with or without its prefix, in any case; TLP 1's WHITE
// is CLEAR. Anything else returns Red and ok=false.
func ParseTLP(s string) (t TLP, ok bool) {
	u := strings.ToUpper(strings.TrimSpace(s))
	u = strings.TrimPrefix(u, "TLP:")
	u = strings.ReplaceAll(strings.ReplaceAll(u, "_", "+"), "-", "+")
	switch u {
	case "CLEAR", "WHITE":
		return Clear, true
	case "GREEN":
		return Green, true
	case "AMBER":
		return Amber, true
	case "AMBER+STRICT":
		return AmberStrict, true
	case "RED":
		return Red, true
	}
	return Red, false
}

// Strictest returns the label that applies where several are given; of none it is Red.
func Strictest(labels ...TLP) TLP {
	if len(labels) == 0 {
		return Red
	}
	strictest := Clear
	for _, l := range labels {
		strictest = max(strictest, l.OrRed())
	}
	return strictest
}

// MarshalText writes the label.
func (t TLP) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the label; an unknown one is Red.
func (t *TLP) UnmarshalText(b []byte) error {
	*t, _ = ParseTLP(string(b))
	return nil
}
