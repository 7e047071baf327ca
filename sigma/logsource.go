package sigma

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/sigma/internal/source"
)

// Level is how critical a match is, as written in the rule; "" if it says none.
type Level string

// The five levels of the specification.
const (
	Informational Level = "informational"
	Low           Level = "low"
	Medium        Level = "medium"
	High          Level = "high"
	Critical      Level = "critical"
)

// levels in rising order.
var levels = [...]Level{Informational, Low, Medium, High, Critical}

// Rank orders levels: informational 0, low 1, medium 2, high 3, critical 4.
// A rule without a level ranks as medium: it deserves a look, and no one has
// said that it may wake somebody up.
func (l Level) Rank() int {
	if i := slices.Index(levels[:], l); i >= 0 {
		return i
	}
	return slices.Index(levels[:], Medium)
}

// LogSource says to which events a rule applies. Product, Category and Service
// are compared, Definition is for people.
type LogSource struct {
	Product    string
	Category   string
	Service    string
	Definition string
}

// AnySource is the product of an event whose source is unknown and which all rules
// are to be tried on. If it has no service either, every log source covers it that
// names one of its categories, or every log source if it has no categories. An
// event without any product is covered by rules that name none.
const AnySource = "*"

// Covers reports whether an event of this product, service and categories is
// one that l is for: every part that l states must be the event's, without
// regard to case; parts that l leaves open do not matter. An event may belong to
// several categories at once. See also [AnySource] and [WiderService].
func (l LogSource) Covers(product, service string, categories []string) bool {
	category := l.Category != "" && slices.ContainsFunc(categories, func(c string) bool {
		return strings.EqualFold(l.Category, c)
	})
	if anySource(product, service) {
		return category || len(categories) == 0
	}
	return (l.Product == "" || strings.EqualFold(l.Product, product)) &&
		(l.Service == "" || strings.EqualFold(l.Service, service) ||
			strings.EqualFold(l.Service, source.Wider(product, service))) &&
		(l.Category == "" || category)
}

func anySource(product, service string) bool { return product == AnySource && service == "" }

// String returns the parts as "product/category/service", "*" for an open one.
func (l LogSource) String() string {
	part := func(s string) string {
		if s == "" {
			return "*"
		}
		return s
	}
	return part(l.Product) + "/" + part(l.Category) + "/" + part(l.Service)
}
