package sigma

import (
	"github.com/meneki/meneki/sigma/internal/fold"
)

// view is an event while it is matched: it keeps what was looked up, so that
// many rules can ask for the same field. It belongs to one call.
type view struct {
	ev     Event
	fields map[string]*lookup
	leaves *lookup
}

// lookup is a field of the event. A list is taken apart into its members; an
// empty list has no value and counts as null.
type lookup struct {
	present bool
	cells   []*cell
}

// cellKind is what a scalar of an event is to a rule.
type cellKind uint8

const (
	cellText   cellKind = iota // text, number, true or false: has a text
	cellNull                   // null
	cellObject                 // a map or a type no reader should give: equals nothing
)

// cell is one scalar of the event.
type cell struct {
	kind   cellKind
	value  any
	text   string
	lower  string
	folded bool
}

func newView(ev Event) *view {
	return &view{ev: ev, fields: make(map[string]*lookup)}
}

func newCell(v any) *cell {
	if v == nil {
		return &cell{kind: cellNull}
	}
	text, ok := TextOf(v)
	if !ok {
		return &cell{kind: cellObject, value: v}
	}
	return &cell{kind: cellText, value: v, text: text}
}

// fold returns the text of c without its case.
func (c *cell) fold() string {
	if !c.folded {
		c.lower, c.folded = fold.Text(c.text), true
	}
	return c.lower
}

// field returns a field of the event.
func (v *view) field(name string) *lookup {
	if l, ok := v.fields[name]; ok {
		return l
	}
	l := &lookup{}
	value, ok := v.ev.Lookup(name)
	if ok {
		l.present = true
		l.add(value, 0)
		if len(l.cells) == 0 {
			l.cells = []*cell{newCell(nil)}
		}
	}
	v.fields[name] = l
	return l
}

func (l *lookup) add(value any, depth int) {
	list, ok := value.([]any)
	if !ok {
		l.cells = append(l.cells, newCell(value))
		return
	}
	if depth > maxNesting {
		return
	}
	for _, member := range list {
		l.add(member, depth+1)
	}
}

// whole returns every scalar of the event, for keywords.
func (v *view) whole() *lookup {
	if v.leaves == nil {
		v.leaves = &lookup{present: true}
		for text := range v.ev.Leaves() {
			v.leaves.cells = append(v.leaves.cells, newCell(text))
		}
	}
	return v.leaves
}
