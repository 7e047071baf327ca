package mispapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
)

// searchEvents is events/restSearch: events that are asked for, each whole. Where it asks
// for attributes too, those events that have one.
func (c *call) searchEvents() (any, error) {
	if err := c.check(searchKnown); err != nil {
		return nil, err
	}
	f, err := c.attributeFilters()
	if err != nil {
		return nil, err
	}
	e, err := c.eventFilters(false)
	if err != nil {
		return nil, err
	}
	if c.text("searchall", "quickFilter") != "" {
		e.info = nil
	}
	uuids, name := e.uuids, matching(c.value("object_name"), true)
	e.uuids, e.tags = nil, matching(c.value("event_tags"), false)
	f.uuids, f.changed, f.last = nil, nil, nil // they are of the event
	var list []*whole
	err = c.seen(func(tx *store.Tx) error {
		heads, err := c.heads(tx)
		if err != nil {
			return err
		}
		with, err := c.having(tx, f)
		if err != nil {
			return err
		}
		var some []*head
		for _, h := range heads {
			if !e.holds(c, h) || with != nil && !with[h.key()] {
				continue
			}
			if name != nil {
				w, err := c.load(tx, h, false)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(w.Objects, func(o *misp.Object) bool {
					return !o.Deleted() && name.meets(scalar(o.Fields["name"]))
				}) {
					continue
				}
			}
			if f.any() && with == nil && !f.onlyTag(h) || uuids != nil && !uuids.meets(h.UUID()) {
				w, err := c.load(tx, h, false)
				if err != nil {
					return err
				}
				if !f.inEvent(w, uuids) {
					continue
				}
			}
			some = append(some, h)
		}
		if some, err = page(c, some); err != nil {
			return err
		}
		for _, h := range some {
			w := &whole{head: h}
			if !c.flag("metadata") {
				if w, err = c.load(tx, h, c.flag("includeSightings")); err != nil {
					return err
				}
			}
			list = append(list, w)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.writeEvents(list)
}

func (h *head) key() string {
	if h.object.ID == "" {
		return fmt.Sprint(h.day)
	}
	return h.object.Handling.Owner + " " + h.object.ID
}

// having returns the events with a value that can be looked up; nil if it cannot.
func (c *call) having(tx *store.Tx, f attributeFilters) (map[string]bool, error) {
	if _, ok := lookups(f.values); !ok {
		return nil, nil
	}
	rows, err := c.candidates(tx, f)
	if err != nil {
		return nil, err
	}
	f = f.spelled()
	out := map[string]bool{}
	for _, r := range rows {
		parts, err := partsOf(r)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			if p.Deleted() && !c.deleted() || !f.holds(p.Attribute, p.object.Labels()) {
				continue
			}
			key := fmt.Sprint(r.N / dayMicros)
			if ref := p.object.Text(misp.PropEventRef); ref != "" {
				key = r.Handling.Owner + " " + ref
			}
			out[key] = true
		}
	}
	return out, nil
}

// onlyTag reports whether nothing but tags is asked for, and an event has one itself.
func (f attributeFilters) onlyTag(h *head) bool {
	tags := f.tags
	f.tags = nil
	return tags != nil && !f.any() && len(tags.not)+len(tags.all) == 0 && tags.meets(h.Tags()...)
}

// inEvent reports whether an event has an attribute that is asked for, or is tagged so
// itself where nothing but a tag is asked for.
func (f attributeFilters) inEvent(w *whole, uuids *match) bool {
	alone := f
	alone.tags = nil
	if !alone.any() && uuids == nil {
		if f.tags != nil && len(f.tags.not) > 0 {
			return f.tags.meets(append(w.allTags(), w.Tags()...)...)
		}
		if f.tags.meets(w.Tags()...) {
			return true
		}
	}
	for _, p := range w.All() {
		if !p.Deleted() && f.holds(p.Attribute, w.Tags()) && uuids.meets(p.UUID(), w.UUID()) {
			return true
		}
	}
	return false
}

func (w *whole) allTags() (out []string) {
	for _, p := range w.All() {
		out = append(out, p.Tags()...)
	}
	return out
}

func (c *call) writeEvents(list []*whole) (any, error) {
	switch format := c.text("returnFormat"); format {
	case "", "json":
		out := make([]any, len(list))
		for i, w := range list {
			v := c.shown(w.head)
			v.Numbers = w.numbers
			out[i] = map[string]any{"Event": w.JSON(v)}
		}
		return map[string]any{"response": out}, nil
	case "csv", "text":
		var all []found
		for _, w := range list {
			for _, p := range w.All() {
				if !p.Deleted() {
					all = append(all, found{part{Attribute: p.Attribute}, w.head})
				}
			}
		}
		if format == "csv" {
			return writeCSV(all)
		}
		var b strings.Builder
		for _, f := range all {
			b.WriteString(strings.NewReplacer("\r", " ", "\n", " ").Replace(f.Value()) + "\n")
		}
		return text{"text/plain; charset=UTF-8", []byte(b.String())}, nil
	case "stix2":
		var rows []object.Object
		for _, w := range list {
			if w.object.ID != "" {
				rows = append(rows, w.object)
			}
			rows = append(rows, w.parts...)
		}
		return c.bundle(rows)
	default:
		return nil, format1(format)
	}
}
