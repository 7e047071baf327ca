// Package policy is the only place that decides who sees what. It knows the
// Traffic Light Protocol 2.0 (FIRST, 2022), who is asking, and what a thing is
// marked with; every page, API answer, push, count and export asks here.
//
// The rule is: deny by default, the strictest marking wins, and what is not
// understood is treated as TLP:RED.
package policy

import "strings"

// TLP is a Traffic Light Protocol 2.0 label. Greater is stricter. The zero TLP
// is no label: whatever was not marked, or lost its mark on the way, is handled
// as RED.
type TLP int

// The five labels of TLP 2.0. The store keeps these numbers.
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

// Binding is t, or Red if t is not one of the five labels. Compare labels that
// came from outside by it: a number that is no label is not less than Red.
func (t TLP) Binding() TLP {
	if !t.Known() {
		return Red
	}
	return t
}

// String is the label as FIRST writes it.
func (t TLP) String() string { return tlpNames[t.Binding()] }

// Slug is the label in lower case without its prefix, for flags, URLs and CSS.
func (t TLP) Slug() string { return strings.ToLower(strings.TrimPrefix(t.String(), "TLP:")) }

// ParseTLP reads a label with or without its prefix, in any case; TLP 1's WHITE
// reads as CLEAR. Anything else gives Red and ok=false.
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

// Strictest gives the label that binds when several apply; none is Red.
func Strictest(labels ...TLP) TLP {
	if len(labels) == 0 {
		return Red
	}
	strictest := Clear
	for _, l := range labels {
		strictest = max(strictest, l.Binding())
	}
	return strictest
}

// MarshalText writes the label.
func (t TLP) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the label; an unknown one becomes Red.
func (t *TLP) UnmarshalText(b []byte) error {
	*t, _ = ParseTLP(string(b))
	return nil
}
