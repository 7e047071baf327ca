package stix

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Redact returns what of an object is left for somebody from whom some of its granular
// markings (section 7.2) hide what they mark: hides reports that of the id of a marking
// definition. What is marked goes with everything in it, and its marking with it; the
// other markings follow what they mark. Removed are the selectors of what went, in order.
//
// The result is a new object, since nobody but its creator may change one (section 3.6.2):
// it has the id that is given, was created by the one who redacts and at now. If nothing
// is hidden, the result is o itself. If a marking of the whole object hides it, or what is
// left is no valid object, nothing is left: the result is nil without an error.
func Redact(o *Object, hides func(marking string) bool, id, createdBy string, now time.Time) (left *Object,
	removed []string, err error) {
	if slices.ContainsFunc(o.markings, hides) {
		return nil, nil, nil
	}
	p := pruner{gone: map[string]bool{}, places: map[string][]int{}}
	raw, _ := o.property("granular_markings")
	for i := range elements(raw) {
		at := "granular_markings[" + strconv.Itoa(i) + "]"
		if !hides(o.Text(at + ".marking_ref")) {
			continue
		}
		for _, s := range o.Strings(at + ".selectors") {
			p.gone[s] = true
			removed = append(removed, s)
		}
	}
	if len(removed) == 0 {
		return o, nil, nil
	}
	slices.Sort(removed)
	removed = slices.Compact(removed)
	var w writer
	stamp := TimestampOf(now).String()
	set := map[string]any{"id": id, "created": stamp, "modified": stamp, "created_by_ref": createdBy}
	for _, m := range o.members {
		switch {
		case p.gone[m.name]:
			if _, ok := set[m.name]; ok && m.name != "created_by_ref" {
				return nil, removed, nil // the object is nothing without it
			}
			if m.name == "created_by_ref" {
				w.value(m.name, createdBy)
			}
		case m.name == "granular_markings":
		case set[m.name] != nil:
			w.value(m.name, set[m.name])
		default:
			if v, ok := p.prune(m.value, m.name); ok {
				w.value(m.name, json.RawMessage(v))
			}
		}
		delete(set, m.name)
	}
	if _, ok := set["created_by_ref"]; ok && createdBy != "" {
		w.value("created_by_ref", createdBy)
	}
	if rest := p.markings(o, hides); len(rest) > 0 {
		w.value("granular_markings", rest)
	}
	left, err = w.object()
	if err != nil || len(Validate(left)) > 0 {
		return nil, removed, nil
	}
	return left, removed, nil
}

// pruner leaves out parts of JSON.
type pruner struct {
	gone   map[string]bool  // selectors of what goes
	places map[string][]int // selector of a list -> for each element its place in what is left, or -1
	empty  []string         // selectors of what went because nothing was left in it
}

// prune returns what is left of the value at a selector, and whether anything is.
func (p *pruner) prune(raw []byte, at string) (left []byte, ok bool) {
	if p.gone[at] {
		return nil, false
	}
	within := false
	for s := range p.gone {
		within = within || strings.HasPrefix(s, at+".")
	}
	if !within {
		return raw, true
	}
	if raw[0] == '[' {
		left = p.list(raw, at)
	} else {
		left = p.object(raw, at)
	}
	if left == nil {
		p.empty = append(p.empty, at)
	}
	return left, left != nil
}

func (p *pruner) list(raw []byte, at string) []byte {
	b := []byte{'['}
	places := []int{}
	n := 0
	for i, e := range elements(raw) {
		place := at + ".[" + strconv.Itoa(i) + "]"
		v, ok := p.prune(e, place)
		if ok && !stands(at, v) {
			p.empty = append(p.empty, place)
			ok = false
		}
		if !ok {
			places = append(places, -1)
			continue
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
		places = append(places, n)
		n++
	}
	p.places[at] = places
	if n == 0 {
		return nil // an empty list must not be (section 2.10)
	}
	return append(b, ']')
}

// stands reports whether an element of a list can be without what was taken from it.
func stands(list string, element []byte) bool {
	var names []string
	for _, m := range members(element) {
		names = append(names, m.name)
	}
	has := func(n string) bool { return slices.Contains(names, n) }
	switch list {
	case "external_references": // section 2.5
		return has("source_name") && (has("description") || has("url") || has("external_id"))
	case "kill_chain_phases": // section 2.8
		return has("kill_chain_name") && has("phase_name")
	}
	return true
}

func (p *pruner) object(raw []byte, at string) []byte {
	var w writer
	for _, m := range members(raw) {
		if v, ok := p.prune(m.value, at+"."+m.name); ok {
			w.value(m.name, json.RawMessage(v))
		}
	}
	if w.b.Len() == 0 {
		return nil
	}
	return append(w.b.Bytes(), '}')
}

// markings are the granular markings that hide nothing, with selectors of what is left.
func (p *pruner) markings(o *Object, hides func(string) bool) (list []json.RawMessage) {
	raw, _ := o.property("granular_markings")
	for i, e := range elements(raw) {
		at := "granular_markings[" + strconv.Itoa(i) + "]"
		if hides(o.Text(at + ".marking_ref")) {
			continue
		}
		var selectors []string
		for _, s := range o.Strings(at + ".selectors") {
			if moved, ok := p.moved(s); ok {
				selectors = append(selectors, moved)
			}
		}
		if len(selectors) == 0 {
			continue
		}
		var w writer
		for _, m := range members(e) {
			if m.name == "selectors" {
				w.value(m.name, selectors)
			} else {
				w.value(m.name, json.RawMessage(m.value))
			}
		}
		list = append(list, append(w.b.Bytes(), '}'))
	}
	return list
}

// moved is a selector in what is left, and whether what it selects is there.
func (p *pruner) moved(selector string) (string, bool) {
	var old, now []string
	for step := range strings.SplitSeq(selector, ".") {
		list := strings.Join(old, ".")
		old = append(old, step)
		if at := strings.Join(old, "."); p.gone[at] || slices.Contains(p.empty, at) {
			return "", false
		}
		if places, ok := p.places[list]; ok && strings.HasPrefix(step, "[") {
			i, err := strconv.Atoi(strings.Trim(step, "[]"))
			if err != nil || i >= len(places) || places[i] < 0 {
				return "", false
			}
			step = "[" + strconv.Itoa(places[i]) + "]"
		}
		now = append(now, step)
	}
	return strings.Join(now, "."), true
}
