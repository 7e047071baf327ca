package sigma

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxPermutations bounds the spellings of one value with windash that has to be
// written out because it is encoded afterwards: four dashes.
const maxPermutations = 625

// compileValue makes the matchers of one value. Lists and the combination of
// modifiers are checked before; here the value must fit its modifiers.
func compileValue(s scalar, c chain, keyword bool, known map[string][]string) (*value, error) {
	val := &value{raw: s.raw}
	var err error
	switch {
	case s.kind == scalarNull:
		val.null = true
		val.any = []matcher{nullMatcher{}}
		if keyword {
			return nil, reasons.New("sigma.keyword.null")
		}
		for _, name := range c.names {
			if name != "neq" {
				return nil, reasons.New("sigma.modifier.null", name)
			}
		}
	case c.has(modOrder) || c.has(modPart):
		val.any, err = compileOrder(s, c)
	case c.has(modCIDR):
		val.any, err = compileCIDR(s, c, known)
	case c.has(modRef):
		val.any, err = compileRef(s, c)
	case c.regex:
		val.any, err = compileRegex(s, c, known)
	case s.kind == scalarBool && keyword:
		return nil, reasons.New("sigma.keyword.bool")
	case s.kind == scalarBool:
		for _, name := range c.names {
			if modifiers[name] != modList {
				return nil, needs(name, "yaml.kind.text", s)
			}
		}
		val.any = []matcher{boolMatcher{s.raw}}
	case s.kind == scalarNumber && !keyword && c.plain():
		val.any = []matcher{numberMatcher{decimal: s.num.text(), written: s.raw}}
	default:
		val.any, err = compileText(s, c, keyword, known)
	}
	if err != nil {
		return nil, err
	}
	return val, nil
}

// plain reports whether the chain leaves the values as they are.
func (c chain) plain() bool {
	for _, name := range c.names {
		if modifiers[name] != modList {
			return false
		}
	}
	return true
}

func needs(modifier, what string, s scalar) error {
	var hint any = ""
	if what == "yaml.kind.number" && s.kind == scalarText {
		if _, ok := parseNumber(s.raw); ok {
			hint = reasons.New("sigma.hint.quotes")
		}
	}
	return reasons.New("sigma.modifier.kind", modifier, reasons.New(what), kindName(s.node), s.raw, hint)
}

func compileOrder(s scalar, c chain) ([]matcher, error) {
	m := orderMatcher{than: s.num}
	for _, name := range c.names {
		switch modifiers[name] {
		case modOrder:
			m.op = name
		case modPart:
			m.part = name
		default:
			continue
		}
		if s.kind != scalarNumber {
			return nil, needs(name, "yaml.kind.number", s)
		}
	}
	if limits := partRange[m.part]; m.part != "" && m.op == "" &&
		(!s.num.isInt || s.num.i < limits[0] || s.num.i > limits[1]) {
		return nil, reasons.New("sigma.modifier.range", m.part, limits[0], limits[1], s.raw)
	}
	return []matcher{m}, nil
}

func compileCIDR(s scalar, c chain, known map[string][]string) ([]matcher, error) {
	if s.kind != scalarText {
		return nil, needs("cidr", "yaml.kind.text", s)
	}
	texts := []string{s.raw}
	if c.has(modExpand) {
		pieces, err := cutPlaceholders(s.raw, known)
		if err != nil {
			return nil, err
		}
		same := func(s string) string { return s }
		if texts, err = expandWith(pieces, same, same, func(a, b string) string { return a + b }); err != nil {
			return nil, err
		}
	}
	var all []matcher
	for _, text := range texts {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, reasons.New("sigma.cidr.invalid", text)
		}
		all = append(all, cidrMatcher{network})
	}
	return all, nil
}

// parseNetwork reads a network, or an address as the network of only itself.
// Bits behind the prefix do not matter. IPv4 networks written in IPv6 are IPv4.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, err
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func compileRef(s scalar, c chain) ([]matcher, error) {
	if s.kind != scalarText || s.raw == "" {
		return nil, needs("fieldref", "sigma.kind.field", s)
	}
	if parsePattern(s.raw).wildcards() {
		return nil, reasons.New("sigma.fieldref.wildcard", s.raw)
	}
	return []matcher{refMatcher{field: s.raw, place: c.place, cased: c.cased}}, nil
}

func compileRegex(s scalar, c chain, known map[string][]string) ([]matcher, error) {
	if s.kind == scalarBool {
		return nil, needs("re", "yaml.kind.text", s)
	}
	sources := []string{s.raw}
	if c.has(modExpand) {
		pieces, err := cutPlaceholders(s.raw, known)
		if err != nil {
			return nil, err
		}
		if sources, err = expandRegexes(pieces); err != nil {
			return nil, err
		}
	}
	var all []matcher
	for _, source := range sources {
		text := source
		switch c.place {
		case "startswith":
			text = `\A(?:` + source + `)`
		case "endswith":
			text = `(?:` + source + `)\z`
		}
		if c.flags != "" {
			text = "(?" + c.flags + ")" + text
		}
		re, err := regexp.Compile(text)
		if err != nil {
			var se *syntax.Error
			if errors.As(err, &se) {
				err = reasons.New("sigma.regexp.detail", errors.New(se.Code.String()), se.Expr)
			}
			return nil, reasons.New("sigma.regexp.invalid", source, err)
		}
		all = append(all, regexMatcher{re})
	}
	return all, nil
}

// compileText applies string modifiers in the order they are written.
func compileText(s scalar, c chain, keyword bool, known map[string][]string) ([]matcher, error) {
	patterns := []pattern{parsePattern(s.raw)}
	if c.has(modExpand) {
		// expand stands before whatever would change a percent sign, so the
		// order does not matter here.
		pieces, err := cutPlaceholders(s.raw, known)
		if err != nil {
			return nil, err
		}
		if patterns, err = expandPatterns(pieces); err != nil {
			return nil, err
		}
	}
	if keyword && s.raw == "" {
		return nil, reasons.New("sigma.keyword.empty")
	}
	var encoded [][]byte // between a charset and an encoding
	for _, name := range c.names {
		switch modifiers[name] {
		case modPlace:
			for i := range patterns {
				patterns[i] = patterns[i].withStars(name != "startswith", name != "endswith")
			}
		case modDash:
			for i := range patterns {
				patterns[i] = patterns[i].withDashes()
			}
		case modWide:
			texts, err := plainTexts(patterns, name, s.raw)
			if err != nil {
				return nil, err
			}
			for _, text := range texts {
				encoded = append(encoded, charset(name, text))
			}
		case modBase64, modOffset:
			if encoded == nil {
				texts, err := plainTexts(patterns, name, s.raw)
				if err != nil {
					return nil, err
				}
				for _, text := range texts {
					encoded = append(encoded, []byte(text))
				}
			}
			var err error
			if patterns, err = encode(encoded, name, s.raw); err != nil {
				return nil, err
			}
			encoded = nil
		}
	}
	all := make([]matcher, len(patterns))
	for i, p := range patterns {
		if keyword {
			p = p.withStars(true, true)
		}
		all[i] = newGlob(p, c.cased)
	}
	return all, nil
}

// plainTexts writes patterns out for an encoding, which knows no wildcards.
func plainTexts(patterns []pattern, modifier, raw string) ([]string, error) {
	var all []string
	for _, p := range patterns {
		if p.wildcards() {
			return nil, reasons.New("sigma.modifier.wildcards", modifier, raw)
		}
		texts, ok := p.plain(maxPermutations)
		if all = append(all, texts...); !ok || len(all) > maxVariants {
			return nil, reasons.New("sigma.modifier.spellings", modifier, raw)
		}
	}
	return all, nil
}

func charset(name, text string) []byte {
	if name == "utf16be" {
		return utf16Bytes(text, binary.BigEndian, false)
	}
	return utf16Bytes(text, binary.LittleEndian, name == "utf16")
}

func encode(data [][]byte, name, raw string) ([]pattern, error) {
	var all []pattern
	for _, bytes := range data {
		if name == "base64" {
			all = append(all, literalPattern(base64.StdEncoding.EncodeToString(bytes)))
			continue
		}
		pieces, ok := base64Offsets(bytes)
		if !ok {
			return nil, reasons.New("sigma.base64offset.short", raw)
		}
		for _, piece := range pieces {
			all = append(all, literalPattern(piece))
		}
	}
	return all, nil
}

// fieldName splits a key into its field and its modifiers.
func fieldName(key string) (field string, mods []string) {
	parts := strings.Split(key, "|")
	return parts[0], parts[1:]
}
