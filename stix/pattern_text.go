package stix

import (
	"net/netip"
	"regexp"
	syntaxre "regexp/syntax"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// prepare makes what LIKE, MATCHES, ISSUBSET and ISSUPERSET need.
func (p *parser) prepare(c *comparison, v token) error {
	s := v.lit.text
	switch c.op {
	case "LIKE":
		var b strings.Builder
		b.WriteString(`(?s)^`)
		for _, r := range norm.NFC.String(s) {
			switch r {
			case '%':
				b.WriteString(`.*`)
			case '_':
				b.WriteString(`.`)
			default:
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		c.re = p.compile(b.String()+`$`, s)
	case "MATCHES":
		c.re = p.compile("(?s)"+norm.NFC.String(s), s)
	default:
		if _, ok := network(s); !ok {
			return syntax(p.src, v.at, because("stix.pattern.network", clip(quote(s))))
		}
	}
	return nil
}

// maxProgram bounds the instructions that all regular expressions of a pattern
// are compiled to together: matching costs that many steps a character at most.
const maxProgram = 5000

// compile makes the program of a regular expression, or notes why the pattern
// will not be matched.
func (p *parser) compile(expr, written string) *regexp.Regexp {
	refuse := func(why error) *regexp.Regexp {
		if p.out.refuse == nil {
			r := because("stix.pattern.unsupported.text", clip(quote(written)), why)
			p.out.refuse = &UnsupportedError{Level: 1, Reason: r}
		}
		return nil
	}
	big := because("stix.pattern.unsupported.large")
	if p.size > maxProgram || len(expr) > maxProgram {
		return refuse(big)
	}
	tree, err := syntaxre.Parse(expr, syntaxre.Perl)
	if err != nil {
		return refuse(err)
	}
	prog, err := syntaxre.Compile(tree.Simplify())
	if err != nil {
		return refuse(err)
	}
	if p.size += len(prog.Inst); p.size > maxProgram {
		return refuse(big)
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return refuse(err)
	}
	return re
}

// network reads an address or a network; an address is a network of one.
func network(s string) (netip.Prefix, bool) {
	if n, err := netip.ParsePrefix(s); err == nil {
		return n.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// hashes refuses to compare a hash with what cannot be one: such a pattern
// would never match, and that would go unnoticed.
func (p *parser) hashes(c comparison, at token) error {
	n := len(c.path.steps)
	if c.op != "=" && c.op != "!=" && c.op != "IN" || n < 2 || c.path.steps[n-2].name != "hashes" {
		return nil
	}
	for _, v := range c.values {
		if v.kind != textKind {
			continue
		}
		if r := badHash(c.path.steps[n-1].name, v.text); r != nil {
			return syntax(p.src, at.at, r)
		}
	}
	return nil
}
