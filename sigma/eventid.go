package sigma

import "slices"

// idSet is the values of EventID that something allows; nil allows all.
type idSet map[int64]bool

// EventIDs returns the values of the field EventID of which an event must have one
// to match, sorted; nil if the rule does not tell, and an empty list if it cannot
// match at all. It is for choosing rules or stored events and errs on the side of
// nil: an event whose single EventID is not in the list is sure not to match.
func (r *Rule) EventIDs() []int64 {
	var any []idSet
	for _, e := range r.conditions {
		any = append(any, exprIDs(e))
	}
	ids := union(any)
	if ids == nil {
		return nil
	}
	out := make([]int64, 0, len(ids))
	for id := range ids {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// union allows what any of the sets allows.
func union(sets []idSet) idSet {
	out := idSet{}
	for _, s := range sets {
		if s == nil {
			return nil
		}
		for id := range s {
			out[id] = true
		}
	}
	return out
}

// intersect allows what all of the sets allow.
func intersect(sets []idSet) idSet {
	var out idSet
	for _, s := range sets {
		switch {
		case s == nil:
		case out == nil:
			out = s
		default:
			both := idSet{}
			for id := range s {
				if out[id] {
					both[id] = true
				}
			}
			out = both
		}
	}
	return out
}

func exprIDs(e expr) idSet {
	var sets []idSet
	switch e := e.(type) {
	case andExpr:
		for _, x := range e.all {
			sets = append(sets, exprIDs(x))
		}
		return intersect(sets)
	case orExpr:
		for _, x := range e.any {
			sets = append(sets, exprIDs(x))
		}
		return union(sets)
	case ofExpr:
		for _, s := range e.selections {
			sets = append(sets, blockIDs(s.body))
		}
		if e.all {
			return intersect(sets)
		}
		return union(sets)
	case selExpr:
		return blockIDs(e.body)
	}
	return nil // not: what is excluded says nothing
}

func blockIDs(b *block) idSet {
	var sets []idSet
	if b.any != nil {
		for _, alternative := range b.any {
			sets = append(sets, blockIDs(alternative))
		}
		return union(sets)
	}
	for _, it := range b.items {
		sets = append(sets, itemIDs(it))
	}
	return intersect(sets)
}

// itemIDs looks at EventID with whole numbers and nothing but "all" behind it.
func itemIDs(it *item) idSet {
	if it.keyword || it.exists != nil || it.mods.neq || !it.mods.plain() || it.field != "EventID" {
		return nil
	}
	out := idSet{}
	for _, val := range it.values {
		n, ok := parseNumber(val.raw)
		if !ok || !n.isInt || n.text() != val.raw {
			return nil
		}
		out[n.i] = true
	}
	return out
}
