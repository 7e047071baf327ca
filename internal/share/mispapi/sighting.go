package mispapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// maxSighted bounds the attributes that one sighting is about.
const maxSighted = 1000

// addSighting says that an attribute, or all of some values, were seen, or were false
// positives. What a member says so is for the member and the hub.
func (c *call) addSighting() (any, error) {
	body := inner(c.sent, "Sighting")
	if body == nil {
		body = map[string]any{}
	}
	id := orText(c.id(), orText(strings.ToLower(scalar(body["uuid"])), scalar(body["id"])))
	values := texts(body["values"])
	values = append(values, texts(body["value"])...)
	var about []part
	err := c.seen(func(tx *store.Tx) error {
		if id != "" {
			p, err := c.findAttribute(tx, id)
			about = append(about, p)
			return err
		}
		rows, err := c.candidates(tx, attributeFilters{values: values})
		if err != nil || len(values) == 0 {
			return orInvalid(err)
		}
		f := attributeFilters{value: &match{any: values}}
		if _, ok := lookups(values); ok {
			f.value = nil
		}
		for _, r := range rows {
			parts, err := partsOf(r)
			if err != nil {
				return err
			}
			for _, p := range parts {
				if !p.Deleted() && f.holds(p.Attribute, nil) && len(about) < maxSighted {
					about = append(about, p)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(about) == 0 {
		return nil, &refusal{status: 404, name: "Could not add the Sighting", message: "No attribute has this value."}
	}
	now := c.s.DB.Now()
	at := now
	if t, ok := moment(orText(scalar(body["timestamp"]), scalar(body["date_sighting"])), now); ok && !t.After(now) {
		at = t
	}
	kind := orText(scalar(body["type"]), misp.SightingSeen)
	if !slices.Contains([]string{misp.SightingSeen, misp.SightingFalse, misp.SightingExpired}, kind) {
		return nil, invalid("The type of a sighting is 0, 1 or 2.")
	}
	var last map[string]any
	var items []object.Item
	h := policy.Handling{TLP: policy.AmberStrict, Owner: c.v.Member}
	marking, _ := stix.TLPMarkingID(h.TLP.String())
	for _, p := range about {
		last = map[string]any{"uuid": uuid.NewString(), "type": kind, "source": scalar(body["source"]),
			"date_sighting": strconv.FormatInt(at.Unix(), 10)}
		o, err := misp.Sighting(last, p.object, p.object.Text(misp.PropEventRef), stix.Common{
			Created: stix.TimestampOf(at), ObjectMarkingRefs: []string{marking}})
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, fault.TextOf(err), err)
		}
		items = append(items, object.Item{Object: o, Handling: h, Realm: event.Live, Source: c.source()})
		last["attribute_uuid"] = p.UUID()
	}
	err = c.writing(func(tx *store.Tx) error {
		_, err := c.s.Objects.Put(tx, items)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := about[len(about)-1]
	return map[string]any{"Sighting": misp.SightingJSON(last, "0", strconv.FormatInt(p.row.N, 10))}, nil
}

// saidOf returns the sightings of objects, as MISP has them, by the objects' ids.
func (c *call) saidOf(tx *store.Tx, ids []string) (map[string][]map[string]any, error) {
	rows, err := object.ReferringAny(tx, event.Live, ids, []string{"sighting", "opinion"})
	if err != nil {
		return nil, err
	}
	out := map[string][]map[string]any{}
	for _, r := range rows {
		o, err := stix.Parse(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read the object %s: %w", r.ID, err)
		}
		for _, id := range append(o.Strings("object_refs"), o.Text("sighting_of_ref")) {
			if s := misp.SightingFields(o); s != nil && slices.Contains(ids, id) {
				out[id] = append(out[id], s)
			}
		}
	}
	return out, nil
}

// sightings lists what was said of an attribute or of an event.
func (c *call) sightings() (any, error) {
	context := strings.ToLower(c.text("context"))
	id := strings.ToLower(orText(c.text("id", "uuid"), c.id()))
	if context == "" && (c.id() == "event" || c.id() == "attribute") {
		context, id = c.id(), strings.ToLower(c.text("id", "uuid"))
	}
	last, err := c.span("last", "from")
	if err != nil {
		return nil, err
	}
	out := []any{}
	err = c.seen(func(tx *store.Tx) error {
		parts := map[string]part{}
		switch {
		case id == "":
			return c.allSightings(tx, last, &out)
		case context == "attribute":
			p, err := c.findAttribute(tx, id)
			if err != nil {
				return err
			}
			parts[p.row.ID] = p
		default:
			h, err := c.find(tx, id)
			if err != nil {
				return err
			}
			w, err := c.load(tx, h, false)
			if err != nil {
				return err
			}
			for _, r := range w.parts {
				list, err := partsOf(r)
				if err != nil {
					return err
				}
				if len(list) > 0 {
					parts[r.ID] = list[0]
				}
			}
		}
		var ids []string
		for id := range parts {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		said, err := c.saidOf(tx, ids)
		for _, id := range ids {
			for _, s := range said[id] {
				p := parts[id]
				s["attribute_uuid"] = p.UUID()
				out = append(out, map[string]any{"Sighting": misp.SightingJSON(s, "0", strconv.FormatInt(p.row.N, 10))})
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.action == "restsearch" {
		return map[string]any{"response": out}, nil
	}
	return out, nil
}

// allSightings are all that the viewer may see.
func (c *call) allSightings(tx *store.Tx, last *span, out *[]any) error {
	for after := int64(0); ; {
		p, err := c.s.Objects.Read(tx, object.Ask{Types: []string{"sighting", "opinion"}, After: after, Limit: 2000,
			Bodies: true})
		if err != nil {
			return err
		}
		for _, r := range p.Objects {
			o, err := stix.Parse(r.Body)
			if err != nil {
				return fmt.Errorf("read the object %s: %w", r.ID, err)
			}
			s := misp.SightingFields(o)
			if s != nil && last.holds(r.Added(), time.Unix(number(s["date_sighting"]), 0)) {
				*out = append(*out, map[string]any{"Sighting": misp.SightingJSON(s, "0", "0")})
			}
		}
		if !p.More {
			return nil
		}
		after = p.Upto
	}
}

// deleteSighting takes back a sighting that the viewer's organisation reported.
func (c *call) deleteSighting() (any, error) {
	id := c.id()
	err := c.writing(func(tx *store.Tx) error {
		for _, name := range []string{"sighting--" + id, "opinion--" + id} {
			rows, err := object.Own(tx, event.Live, c.v.Member, []string{name})
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return c.s.Objects.Delete(tx, event.Live, name, c.v.Member)
			}
		}
		return missing("sighting")
	})
	if err != nil {
		return nil, err
	}
	return done("Sighting successfully deleted."), nil
}
