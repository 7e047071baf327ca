package engine

import (
	"math"
	"strconv"
	"strings"

	"github.com/meneki/meneki/sigma"
)

// mapRecord is the Record of an event that is decoded into a map.
type mapRecord struct {
	names  *Names
	dotted []bool // by name
	sigma.Event
	fields map[string]any

	epoch  uint32
	values []mapValue // by name
	used   []int32    // of values
	folded []uint32   // by class: the epoch in which a key of another case was seen
}

type mapValue struct {
	epoch uint32
	value any
}

func (m *mapRecord) init(names *Names) {
	m.names = names
	m.dotted = make([]bool, names.Len())
	m.values = make([]mapValue, names.Len())
	m.folded = make([]uint32, names.Classes())
	for i := range m.dotted {
		m.dotted[i] = strings.IndexByte(names.Name(int32(i)), '.') >= 0
	}
}

func (m *mapRecord) EventID() (int64, bool) { return wholeID(m.fields["EventID"]) }

// wholeID returns a value of EventID as [Record] wants it.
func wholeID(v any) (id int64, ok bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case string:
		return WholeNumber(v)
	}
	return 0, false
}

// WholeNumber reads a whole number as [Record].EventID wants it.
func WholeNumber[T string | []byte](s T) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil || s[0] == '+' || s[0] == '0' && len(s) > 1 || s[0] == '-' && (s[1] == '0') {
		return 0, false
	}
	return n, true
}

// set takes another event, or nil to hold on to none.
func (m *mapRecord) set(ev sigma.Decoded) {
	for _, id := range m.used {
		m.values[id] = mapValue{} // hold on to nothing
	}
	m.used = m.used[:0]
	if m.Event, m.fields = nil, nil; ev == nil {
		return
	}
	m.Event, m.fields = ev, ev.FieldMap()
	if m.epoch++; m.epoch == 0 {
		clear(m.folded)
		m.epoch = 1
	}
	for key, value := range m.fields {
		id, class := find(m.names, key)
		if id >= 0 {
			m.values[id] = mapValue{m.epoch, value}
			m.used = append(m.used, id)
		} else if class >= 0 {
			m.folded[class] = m.epoch
		}
	}
}

// find is Lookup.
func (m *mapRecord) find(id int32) (value any, ok bool) {
	if v := m.values[id]; v.epoch == m.epoch {
		return v.value, true
	}
	if m.elsewhere(id) {
		return sigma.LookupIn(m.fields, m.names.Name(id))
	}
	return nil, false
}

func (m *mapRecord) Size(id int32) (int, bool) {
	v, ok := m.find(id)
	if s, text := v.(string); text {
		return len(s), ok
	}
	return math.MaxInt, ok
}

func (m *mapRecord) Spelling(int32) (raw []byte, unicode, ok bool) { return nil, false, false }

func (m *mapRecord) Fill(want []int32, into *Cells) {
	for _, id := range want {
		if id == Whole {
			into.Begin(Whole)
			into.leaves(m.fields)
			into.End()
			continue
		}
		if v, ok := m.find(id); ok {
			into.Begin(id)
			into.add(v, 0)
			into.End()
		}
	}
}

// elsewhere reports whether a field that has no key of its own may be found
// under another: by a path, or by its name in another case.
func (m *mapRecord) elsewhere(id int32) bool {
	class := m.names.Class(id)
	if m.dotted[id] || m.folded[class] == m.epoch {
		return true
	}
	for _, other := range m.names.Members(class) {
		if other != id && m.values[other].epoch == m.epoch {
			return true
		}
	}
	return false
}
