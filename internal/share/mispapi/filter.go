package mispapi

import (
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/share/misp"
)

// attributeFilters are those that ask for attributes.
type attributeFilters struct {
	value, kind, category, tags, uuids *match
	detect                             string
	changed, last                      *span
	values                             []string // exact ones, of which all are looked up
}

// any reports whether anything is asked for.
func (f attributeFilters) any() bool {
	return f.value != nil || f.kind != nil || f.category != nil || f.uuids != nil || f.detect != "" || f.tags != nil
}

func (c *call) attributeFilters() (f attributeFilters, err error) {
	f.value = matching(c.value("value", "searchall", "quickFilter"), false)
	if c.value("searchall", "quickFilter") != nil && f.value != nil {
		for i, s := range f.value.any {
			f.value.any[i] = "%" + strings.Trim(s, "%") + "%"
		}
	}
	f.kind = matching(c.value("type"), true)
	f.category = matching(c.value("category"), true)
	f.tags = matching(c.value("tags", "tag"), false)
	f.uuids = matching(c.value("uuid"), true)
	f.detect = c.text("to_ids", "toids")
	if f.changed, err = c.span("timestamp"); err != nil {
		return f, err
	}
	f.last, err = c.span("last")
	if m := f.value; m != nil && len(m.all) == 0 && len(m.any) > 0 {
		if !slices.ContainsFunc(m.any, func(s string) bool { return strings.Contains(s, "%") }) {
			f.values = m.any
		}
	}
	return f, err
}

// holds reports whether an attribute is asked for, by what it says itself.
func (f attributeFilters) holds(a *misp.Attribute, labels []string, times ...time.Time) bool {
	switch f.detect {
	case "1", "true":
		if !a.Detect() {
			return false
		}
	case "0", "false":
		if a.Detect() {
			return false
		}
	}
	values := append(misp.ValueParts(a.Type(), a.Value()), a.Value())
	return f.value.meets(values...) && f.kind.meets(a.Type()) && f.category.meets(scalar(a.Fields["category"])) &&
		f.tags.meets(append(a.Tags(), labels...)...) && f.uuids.meets(a.UUID()) && f.changed.holds(times...)
}
