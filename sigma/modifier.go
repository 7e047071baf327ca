package sigma

import (
	"slices"
	"strings"
)

// modifierKind groups modifiers that go into a chain in the same way.
type modifierKind uint8

const (
	modList   modifierKind = iota + 1 // changes how values are joined: all, neq
	modCase                           // cased
	modPlace                          // contains, startswith, endswith
	modDash                           // windash
	modExpand                         // expand
	modWide                           // a charset: gives bytes, an encoding must follow
	modBase64                         // base64
	modOffset                         // base64offset
	modRegex                          // re
	modFlag                           // i, m, s: only behind re
	modCIDR                           // cidr
	modRef                            // fieldref
	modExists                         // exists
	modOrder                          // lt, lte, gt, gte
	modPart                           // minute to year
)

// modifiers are those of the modifier appendix 2.1, all of them.
var modifiers = map[string]modifierKind{
	"all": modList, "neq": modList,
	"cased":    modCase,
	"contains": modPlace, "startswith": modPlace, "endswith": modPlace,
	"windash": modDash, "expand": modExpand,
	"wide": modWide, "utf16le": modWide, "utf16be": modWide, "utf16": modWide,
	"base64": modBase64, "base64offset": modOffset,
	"re": modRegex, "i": modFlag, "m": modFlag, "s": modFlag,
	"cidr": modCIDR, "fieldref": modRef, "exists": modExists,
	"lt": modOrder, "lte": modOrder, "gt": modOrder, "gte": modOrder,
	"minute": modPart, "hour": modPart, "day": modPart,
	"week": modPart, "month": modPart, "year": modPart,
}

// mayFollow lists, for each kind, the kinds that may stand somewhere before it
// in a chain. What is not listed is an impossible combination. modList is left
// out: it may stand anywhere except beside exists.
var mayFollow = map[modifierKind][]modifierKind{
	modCase:   {modExpand, modDash, modWide, modBase64, modOffset, modPlace, modRegex, modFlag, modRef},
	modPlace:  {modExpand, modDash, modWide, modBase64, modOffset, modCase, modRegex, modFlag, modRef},
	modDash:   {modExpand, modCase, modPlace},
	modExpand: {modCase, modPlace, modRegex, modFlag},
	modWide:   {modExpand, modDash, modWide, modBase64, modCase},
	modBase64: {modExpand, modDash, modWide, modBase64, modCase},
	modOffset: {modExpand, modDash, modWide, modBase64, modCase},
	modRegex:  {modExpand, modCase},
	modFlag:   {modExpand, modCase, modPlace, modRegex, modFlag},
	modCIDR:   {modExpand},
	modRef:    {modCase},
	modOrder:  {modPart},
}

// forKeywords are the kinds that make sense without a field. Of modPlace only
// contains does, of modList only all.
var forKeywords = []modifierKind{
	modList, modCase, modPlace, modDash, modExpand, modWide, modBase64, modOffset, modRegex, modFlag,
}

// chain is the modifiers of one field, checked as a whole.
type chain struct {
	names []string // in the order written, which is the order they are applied in

	all, neq, cased bool
	place           string // contains, startswith, endswith or ""
	regex           bool
	flags           string // of re: some of i, m, s
}

// parseChain checks the modifiers behind a field name. keyword says that there
// is no field.
func parseChain(names []string, keyword bool) (chain, error) {
	c := chain{names: names}
	bytes := "" // the charset modifier whose bytes are not encoded yet
	for i, name := range names {
		kind, known := modifiers[name]
		if !known {
			return c, unknownModifier(name)
		}
		if keyword && (!slices.Contains(forKeywords, kind) || name == "neq" || kind == modPlace && name != "contains") {
			return c, reasons.New("sigma.modifier.keyword", name)
		}
		for _, earlier := range names[:i] {
			if err := fits(name, earlier); err != nil {
				return c, err
			}
		}
		switch kind {
		case modList:
			c.all = c.all || name == "all"
			c.neq = c.neq || name == "neq"
		case modCase:
			c.cased = true
		case modPlace:
			c.place = name
		case modWide:
			if bytes != "" {
				return c, reasons.New("sigma.modifier.bytes-twice", name, bytes)
			}
			bytes = name
		case modBase64, modOffset:
			bytes = ""
		case modRegex:
			c.regex = true
		case modFlag:
			if !c.regex {
				return c, reasons.New("sigma.modifier.not-regexp", name)
			}
			c.flags += name
		}
	}
	if bytes != "" {
		return c, reasons.New("sigma.modifier.bytes", bytes)
	}
	if c.cased && strings.Contains(c.flags, "i") {
		return c, reasons.New("sigma.modifier.contradiction")
	}
	return c, nil
}

// fits checks a modifier against one that stands before it.
func fits(name, earlier string) error {
	kind, ek := modifiers[name], modifiers[earlier]
	if name == earlier && kind != modWide && kind != modBase64 {
		return reasons.New("sigma.modifier.twice", name)
	}
	ok := slices.Contains(mayFollow[kind], ek)
	if kind == modList || ek == modList {
		ok = kind != modExists && ek != modExists
	}
	if !ok {
		return reasons.New("sigma.modifier.order", name, earlier)
	}
	return nil
}

// unknownModifier says what was probably meant.
func unknownModifier(name string) error {
	if name == "" {
		return reasons.New("sigma.modifier.empty")
	}
	if low := strings.ToLower(name); modifiers[low] != 0 {
		return reasons.New("sigma.modifier.case", name, low)
	}
	return reasons.New("sigma.modifier.unknown", name)
}

// has reports whether the chain holds a modifier of this kind.
func (c chain) has(kind modifierKind) bool {
	return slices.ContainsFunc(c.names, func(n string) bool { return modifiers[n] == kind })
}

// String returns the chain as written, "contains|all".
func (c chain) String() string { return strings.Join(c.names, "|") }
