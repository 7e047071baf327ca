package ruleset

import (
	"strings"

	"github.com/meneki/meneki/sigma"
)

// Rule is a rule or a correlation of rules that is loaded, as far as those need it
// who count what it finds.
type Rule struct {
	Key, Title  string
	Level       sigma.Level
	Product     string // "" if it is for any, and for a correlation of several
	Tags        []string
	Correlation bool
}

// Of returns r as a Rule.
func Of(r *sigma.Rule) Rule {
	return Rule{Key: r.Key(), Title: r.Title, Level: r.Level, Product: r.LogSource.Product, Tags: r.Tags}
}

// OfCorrelation returns c as a Rule.
func OfCorrelation(c *sigma.Correlation) Rule {
	return Rule{Key: c.Key(), Title: c.Title, Level: c.Level, Product: productOf(c, 0), Tags: c.Tags, Correlation: true}
}

// productOf returns the product that all base rules of a correlation are for; "" if
// there is none.
func productOf(c *sigma.Correlation, depth int) string {
	all := ""
	for i, r := range c.Rules {
		one := ""
		switch {
		case r.Rule != nil:
			one = r.Rule.LogSource.Product
		case r.Correlation != nil && depth < 16: // a set has no circles
			one = productOf(r.Correlation, depth+1)
		}
		if one == "" || i > 0 && !strings.EqualFold(one, all) {
			return ""
		}
		all = one
	}
	return all
}
