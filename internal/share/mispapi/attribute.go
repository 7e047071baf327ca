package mispapi

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// carriers are the types of objects that attributes are.
var carriers = []string{"indicator", "observed-data", "x-misp-attribute", "vulnerability"}

// part is an attribute with the object that it is.
type part struct {
	*misp.Attribute
	row    object.Object
	object *stix.Object
}

// partsOf are the attributes that an object is: none if another object is the attribute
// now, several if it is an indicator of several values.
func partsOf(row object.Object) ([]part, error) {
	o, err := stix.Parse(row.Body)
	if err != nil {
		return nil, fmt.Errorf("read the object %s: %w", row.ID, err)
	}
	if o.Type() == "observed-data" {
		if _, mine := o.Raw(misp.PropAttribute); !mine {
			return nil, nil
		}
	}
	e := misp.Loose(map[string]any{}, []*stix.Object{o}, row.Added())
	out := make([]part, len(e.Attributes))
	for i, a := range e.Attributes {
		out[i] = part{a, row, o}
	}
	return out, nil
}

// findObject returns the object of an attribute, an object of MISP or a report by its uuid
// or its number.
func (c *call) findObject(tx *store.Tx, id string, names []string, what string) (object.Object, error) {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		o, err := object.Numbered(tx, n)
		if err != nil || o.Realm != event.Live {
			return o, missing(what)
		}
		return o, nil
	}
	if !isID(id) {
		return object.Object{}, missing(what)
	}
	var found []object.Object
	for _, name := range names {
		if o, err := object.Get(tx, event.Live, name); err == nil {
			found = append(found, o)
		}
	}
	// Of several, one is the attribute now.
	for _, o := range found {
		if parsed, err := stix.Parse(o.Body); err == nil {
			if _, replaced := parsed.Raw(misp.PropReplaced); !replaced {
				return o, nil
			}
		}
	}
	return object.Object{}, missing(what)
}

// findAttribute returns an attribute that the viewer may see.
func (c *call) findAttribute(tx *store.Tx, id string) (part, error) {
	row, err := c.findObject(tx, id, misp.CarrierIDs(id), "attribute")
	if err != nil {
		return part{}, err
	}
	list, err := partsOf(row)
	if err != nil {
		return part{}, err
	}
	if len(list) == 0 {
		return part{}, missing("attribute")
	}
	return list[0], nil
}

// homes finds the events that attributes are in, each once.
type homes struct {
	c     *call
	known map[string]*head
}

// of returns the event of an object; nil if the viewer may not see it.
func (h *homes) of(tx *store.Tx, row object.Object, o *stix.Object) (*head, error) {
	ref := o.Text(misp.PropEventRef)
	key := row.Handling.Owner + " " + ref
	if ref == "" {
		key = strconv.FormatInt(row.N/dayMicros, 10)
	}
	if e, ok := h.known[key]; ok {
		return e, nil
	}
	var e *head
	if ref == "" {
		var err error
		if e, err = h.c.findDay(tx, row.N/dayMicros); err != nil {
			e = nil
		}
	} else {
		rows, err := object.Own(tx, event.Live, row.Handling.Owner, []string{ref})
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			if e, err = h.c.headed(tx, rows[0]); err != nil {
				e = nil
			}
		}
	}
	h.known[key] = e
	return e, nil
}

const dayMicros = 24 * 60 * 60 * 1_000_000

func (c *call) homes() *homes { return &homes{c, map[string]*head{}} }

// fill learns all events at once, which costs less where there are many.
func (h *homes) fill(tx *store.Tx) error {
	list, err := h.c.heads(tx)
	for _, e := range list {
		key := e.object.Handling.Owner + " " + e.object.ID
		if e.object.ID == "" {
			key = strconv.FormatInt(e.day, 10)
		}
		h.known[key] = e
	}
	return err
}

// writeAttribute writes an attribute beside its event.
func (c *call) writeAttribute(p part, home *head) map[string]any {
	v := misp.View{Numbers: map[string]string{}}
	uuid := ""
	if home != nil {
		v, uuid = c.shown(home), home.UUID()
		v.Numbers = map[string]string{}
	}
	if misp.IDOf(p.UUID()) == p.row.ID[max(0, len(p.row.ID)-36):] {
		v.Numbers[p.UUID()] = strconv.FormatInt(p.row.N, 10)
	}
	m := p.JSON(v, "0", uuid)
	if in := p.object.Text(misp.PropObjectRef); in != "" {
		m["object_id"] = misp.NumberOf(in[max(0, len(in)-36):])
	}
	if home != nil {
		e := home.JSON(v)
		m["Event"] = map[string]any{"id": e["id"], "uuid": e["uuid"], "info": e["info"], "org_id": e["org_id"],
			"orgc_id": e["orgc_id"], "distribution": e["distribution"], "publish_timestamp": e["publish_timestamp"],
			"date": e["date"], "threat_level_id": e["threat_level_id"], "analysis": e["analysis"]}
		if c.flag("includeEventTags", "includeContext") {
			have := p.Tags()
			tags, _ := m["Tag"].([]any)
			all, _ := e["Tag"].([]any)
			for _, t := range all {
				if tag, ok := t.(map[string]any); ok && !slices.Contains(have, scalar(tag["name"])) {
					tag["inherited"] = 1
					tags = append(tags, tag)
				}
			}
			m["Tag"] = tags
		}
	}
	return m
}

// viewAttribute shows one attribute.
func (c *call) viewAttribute() (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		p, err := c.findAttribute(tx, c.id())
		if err != nil {
			return err
		}
		home, err := c.homes().of(tx, p.row, p.object)
		out = c.writeAttribute(p, home)
		return err
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"Attribute": out}, nil
}

// viewObject shows one object of MISP, with its attributes.
func (c *call) viewObject() (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		row, err := c.findObject(tx, c.id(), []string{misp.ObjectID(c.id())}, "object")
		if err != nil {
			return err
		}
		out, err = c.writeObject(tx, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"Object": out}, nil
}

func (c *call) writeObject(tx *store.Tx, row object.Object) (map[string]any, error) {
	o, err := stix.Parse(row.Body)
	if err != nil {
		return nil, fmt.Errorf("read the object %s: %w", row.ID, err)
	}
	home, err := c.homes().of(tx, row, o)
	if err != nil || home == nil {
		return nil, missing("object")
	}
	w, err := c.load(tx, home, false)
	if err != nil {
		return nil, err
	}
	for _, x := range w.Objects {
		if misp.ObjectID(x.UUID()) == row.ID {
			v := c.shown(home)
			v.Numbers = w.numbers
			return x.JSON(v, w.UUID()), nil
		}
	}
	return nil, missing("object")
}
