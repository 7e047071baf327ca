package sigma

// item is one line of a selection: a field, its modifiers and its values; or,
// with keyword, values that are searched in the whole event.
type item struct {
	field   string
	keyword bool
	mods    chain
	values  []*value
	exists  *bool // with the modifier exists: whether the field must be there
	line    int   // in the file
}

// value is one value as written. It may stand for several patterns (base64offset,
// placeholders), any of which is enough.
type value struct {
	raw  string
	null bool
	any  []matcher
}

// eval reports whether the event satisfies the item.
func (it *item) eval(v *view) bool {
	return it.holds(v) != it.mods.neq
}

// every reports whether all values must be found instead of any. Under neq it
// makes no difference: none may be found.
func (it *item) every() bool { return it.mods.all && !it.mods.neq }

// holds is eval without neq.
func (it *item) holds(v *view) bool {
	if it.exists != nil {
		return v.field(it.field).present == *it.exists
	}
	l := it.lookup(v)
	for _, val := range it.values {
		_, ok := val.find(l, v)
		if ok != it.every() {
			return ok // the first hit decides for any, the first miss for all
		}
	}
	return it.every()
}

// lookup returns what the item looks at: its field, or for keywords everything.
func (it *item) lookup(v *view) *lookup {
	if it.keyword {
		return v.whole()
	}
	return v.field(it.field)
}

// find looks for a scalar that satisfies the value. The scalar is nil if it is
// the absence of the field that does.
func (val *value) find(l *lookup, v *view) (*cell, bool) {
	if val.null && !l.present {
		return nil, true
	}
	for _, c := range l.cells {
		for _, m := range val.any {
			if m.match(c, v) {
				return c, true
			}
		}
	}
	return nil, false
}

// name returns the item as the rule writes it.
func (it *item) name() string {
	switch {
	case it.keyword && len(it.mods.names) == 0:
		return "keywords"
	case len(it.mods.names) == 0:
		return it.field
	}
	return it.field + "|" + it.mods.String()
}

// shown returns the text of a field for a person, "" if it is absent.
func (it *item) shown(v *view) string {
	if it.keyword {
		return ""
	}
	for _, c := range v.field(it.field).cells {
		return c.show()
	}
	return ""
}

// show returns the text of a scalar for a person.
func (c *cell) show() string {
	switch {
	case c == nil || c.kind == cellObject:
		return ""
	case c.kind == cellNull:
		return "null"
	}
	return c.text
}
