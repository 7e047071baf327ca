package mispapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// inner is an object that was sent, with or without its name around it.
func inner(v any, name string) map[string]any {
	m, _ := v.(map[string]any)
	if in, ok := m[name].(map[string]any); ok {
		return in
	}
	return m
}

// readParts reads attributes and objects that were sent without an event.
func readParts(m map[string]any) (*misp.Event, error) {
	raw, err := json.Marshal(map[string]any{"Event": m})
	if err != nil {
		return nil, err
	}
	list, notes, err := misp.Read(strings.NewReader(string(raw)), misp.Limits{})
	if err != nil || len(list) != 1 {
		return nil, orInvalid(err)
	}
	if len(notes) > 0 {
		return nil, invalid(notes[0].String())
	}
	for _, p := range list[0].All() {
		if err := typed(p.Fields); err != nil {
			return nil, err
		}
	}
	return list[0], nil
}

func orInvalid(err error) error {
	if err != nil {
		return err
	}
	return invalid("The request cannot be read.")
}

// addAttribute adds one attribute to an event, or a list of them.
func (c *call) addAttribute() (any, error) {
	sent, many := c.sent.([]any)
	if !many {
		sent = []any{inner(c.sent, "Attribute")}
		if list, ok := c.body()["Attribute"].([]any); ok {
			sent, many = list, true
		}
	}
	var all []any
	for _, x := range sent {
		all = append(all, inner(x, "Attribute"))
	}
	given, err := readParts(map[string]any{"info": "-", "Attribute": all})
	if err != nil {
		return nil, err
	}
	if len(given.Attributes) == 0 {
		return nil, invalid("There is no attribute in the request.")
	}
	again := c.text("breakOnDuplicate") != "0"
	var made []*misp.Attribute
	e, err := c.change(c.id(), func(e *misp.Event, now time.Time) error {
		stamp := strconv.FormatInt(now.Unix(), 10)
		made = nil
		for _, a := range given.Attributes {
			if p := twin(e, a); p != nil && a.UUID() == "" {
				if again && !many {
					return &refusal{status: http.StatusForbidden, name: "Could not add Attribute",
						errors: map[string]any{"value": []string{"A similar attribute already exists for this event."}}}
				}
				a.Fields["uuid"] = p.UUID()
			}
			if scalar(a.Fields["uuid"]) == "" {
				a.Fields["uuid"] = uuid.NewString()
			}
			attributeIn(e, nil, a, stamp)
			made = append(made, a)
		}
		fresh(e, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]any, len(made))
	for i, a := range made {
		if out[i], err = c.showAttribute(e, a.UUID()); err != nil {
			return nil, err
		}
	}
	if len(out) == 1 {
		return map[string]any{"Attribute": out[0]}, nil
	}
	return map[string]any{"Attribute": out}, nil
}

// twin is an attribute of an event that says the same as another.
func twin(e *misp.Event, a *misp.Attribute) *misp.Attribute {
	for _, x := range e.Attributes {
		if x.Type() == a.Type() && x.Value() == a.Value() && !x.Deleted() &&
			scalar(x.Fields["category"]) == scalar(a.Fields["category"]) {
			return x
		}
	}
	return nil
}

// showAttribute is an attribute as the viewer sees it, else as it was given.
func (c *call) showAttribute(e *misp.Event, id string) (map[string]any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		p, err := c.findAttribute(tx, id)
		if err != nil {
			return nil //nolint:nilerr // it is marked for people alone
		}
		home, err := c.homes().of(tx, p.row, p.object)
		out = c.writeAttribute(p, home)
		return err
	})
	if out == nil && err == nil {
		if p, ok := e.Find(id); ok {
			out = p.JSON(misp.View{}, "0", e.UUID())
		}
	}
	return out, err
}

// home returns the uuid of the event that a part is in, by the part's uuid or number. A
// part that the viewer's organisation gave is found though it is marked for people alone.
func (c *call) home(names []string, what string) (event, part string, err error) {
	id := c.id()
	err = c.s.DB.Read(c.ctx, store.System("misp: whose is it"), func(tx *store.Tx) error {
		var rows []object.Object
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			o, err := object.Numbered(tx, n)
			if err != nil {
				return missing(what)
			}
			rows = []object.Object{o}
		} else {
			for _, name := range names {
				list, err := object.Given(tx, "live", name)
				if err != nil {
					return err
				}
				rows = append(rows, list...)
			}
		}
		seen := false
		for _, o := range rows {
			own := o.Handling.Owner == c.v.Member && c.owner()
			if !own {
				seen = seen || policy.MaySee(c.v, o.Handling)
				continue
			}
			parsed, err := stix.Parse(o.Body)
			if err != nil {
				return err
			}
			ref := parsed.Text(misp.PropEventRef)
			head, err := object.Own(tx, o.Realm, o.Handling.Owner, []string{ref})
			if err != nil || len(head) == 0 {
				continue
			}
			h, err := headOf(head[0])
			if err != nil || h == nil {
				continue
			}
			event, part = h.UUID(), misp.UUIDFrom(parsed)
			return nil
		}
		if seen {
			return denied()
		}
		return missing(what)
	})
	return event, part, err
}

// editAttribute changes an attribute.
func (c *call) editAttribute() (any, error) {
	event, id, err := c.home(misp.CarrierIDs(c.id()), "attribute")
	if err != nil {
		return nil, err
	}
	m := maps.Clone(inner(c.sent, "Attribute"))
	if m["type"] != nil {
		if err := typed(m); err != nil {
			return nil, err
		}
	}
	e, err := c.change(event, func(e *misp.Event, now time.Time) error {
		p, ok := e.Find(id)
		if !ok {
			return missing("attribute")
		}
		if fields(p.Fields, m, "uuid", "timestamp", "Event", "Sighting", "ShadowAttribute", "RelatedAttribute") {
			p.Fields["timestamp"] = later(m, p.Fields, strconv.FormatInt(now.Unix(), 10))
		}
		if p.Value() == "" || p.Type() == "" {
			return invalid("An attribute has a type and a value.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out, err := c.showAttribute(e, id)
	return map[string]any{"Attribute": out}, err
}

// deleteAttribute withdraws an attribute. Who has it is told so; it does not come back.
func (c *call) deleteAttribute() (any, error) {
	event, id, err := c.home(misp.CarrierIDs(c.id()), "attribute")
	if err != nil {
		return nil, err
	}
	_, err = c.change(event, func(e *misp.Event, now time.Time) error {
		p, ok := e.Find(id)
		if !ok {
			return missing("attribute")
		}
		p.Fields["deleted"] = true
		p.Fields["timestamp"] = later(p.Fields, p.Fields, strconv.FormatInt(now.Unix(), 10))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done("Attribute deleted."), nil
}

// restoreAttribute is refused: a withdrawal is final.
func (c *call) restoreAttribute() (any, error) {
	if _, _, err := c.home(misp.CarrierIDs(c.id()), "attribute"); err != nil {
		return nil, err
	}
	return nil, &refusal{status: http.StatusForbidden, name: "Could not restore the Attribute",
		message: "What was withdrawn here stays withdrawn. Add the attribute anew."}
}

// addObject adds an object with its attributes to an event.
func (c *call) addObject() (any, error) {
	m := inner(c.sent, "Object")
	given, err := readParts(map[string]any{"info": "-", "Object": []any{m}})
	if err != nil {
		return nil, err
	}
	o := given.Objects[0]
	if scalar(o.Fields["name"]) == "" {
		return nil, invalid("An object has a name.")
	}
	e, err := c.change(c.id(), func(e *misp.Event, now time.Time) error {
		stamp := strconv.FormatInt(now.Unix(), 10)
		in := objectIn(e, o)
		fields(in.Fields, o.Fields, "timestamp")
		for _, a := range o.Attributes {
			attributeIn(e, in, a, stamp)
		}
		fresh(e, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.showObject(e, o.UUID())
}

func (c *call) showObject(e *misp.Event, id string) (any, error) {
	var out map[string]any
	err := c.seen(func(tx *store.Tx) error {
		row, err := c.findObject(tx, id, []string{misp.ObjectID(id)}, "object")
		if err == nil {
			out, err = c.writeObject(tx, row)
		}
		if no, ok := err.(*refusal); ok && no.status == http.StatusNotFound {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if out == nil {
		for _, o := range e.Objects {
			if o.UUID() == id {
				out = o.JSON(misp.View{}, e.UUID())
			}
		}
	}
	return map[string]any{"Object": out}, nil
}

// editObject changes an object and its attributes; those that are not sent stay.
func (c *call) editObject() (any, error) {
	event, id, err := c.home([]string{misp.ObjectID(c.id())}, "object")
	if err != nil {
		return nil, err
	}
	m := maps.Clone(inner(c.sent, "Object"))
	m["uuid"] = id
	given, err := readParts(map[string]any{"info": "-", "Object": []any{m}})
	if err != nil {
		return nil, err
	}
	o := given.Objects[0]
	e, err := c.change(event, func(e *misp.Event, now time.Time) error {
		stamp := strconv.FormatInt(now.Unix(), 10)
		in := objectIn(e, o)
		changed := fields(in.Fields, o.Fields, "timestamp", "uuid", "ObjectReference")
		for _, a := range o.Attributes {
			changed = attributeIn(e, in, a, stamp) || changed
		}
		if changed {
			in.Fields["timestamp"] = later(o.Fields, in.Fields, stamp)
		}
		fresh(e, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.showObject(e, id)
}

func (c *call) deleteObject() (any, error) {
	event, id, err := c.home([]string{misp.ObjectID(c.id())}, "object")
	if err != nil {
		return nil, err
	}
	_, err = c.change(event, func(e *misp.Event, now time.Time) error {
		for _, o := range e.Objects {
			if o.UUID() == id {
				o.Fields["deleted"] = true
				o.Fields["timestamp"] = later(o.Fields, o.Fields, strconv.FormatInt(now.Unix(), 10))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done("Object deleted"), nil
}

// addReference makes an object refer to another, or to an attribute.
func (c *call) addReference() (any, error) {
	m := inner(c.sent, "ObjectReference")
	from := strings.ToLower(scalar(m["object_uuid"]))
	if from == "" {
		from = scalar(m["object_id"])
	}
	if from != "" {
		c.args = []string{from}
	}
	event, id, err := c.home([]string{misp.ObjectID(c.id())}, "object")
	if err != nil {
		return nil, err
	}
	ref := map[string]any{"uuid": scalar(m["uuid"]), "object_uuid": id, "source_uuid": id,
		"referenced_uuid":   strings.ToLower(orText(scalar(m["referenced_uuid"]), scalar(m["referenced_id"]))),
		"relationship_type": scalar(m["relationship_type"]), "comment": scalar(m["comment"]), "deleted": false}
	if ref["uuid"] == "" {
		ref["uuid"] = uuid.NewString()
	}
	_, err = c.change(event, func(e *misp.Event, now time.Time) error {
		ref["timestamp"] = strconv.FormatInt(now.Unix(), 10)
		target := scalar(ref["referenced_uuid"])
		_, ok := e.Find(target)
		if !ok && !slices.ContainsFunc(e.Objects, func(o *misp.Object) bool { return o.UUID() == target }) {
			return invalid("referenced_uuid is neither an attribute nor an object of the event.")
		}
		for _, o := range e.Objects {
			if o.UUID() == id {
				refs, _ := o.Fields["ObjectReference"].([]any)
				o.Fields["ObjectReference"] = append(refs, ref)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := maps.Clone(ref)
	out["id"] = misp.NumberOf(scalar(ref["uuid"]))
	return map[string]any{"ObjectReference": out}, nil
}

func (c *call) deleteReference() (any, error) {
	id := c.id()
	event, _, err := c.home([]string{"relationship--" + misp.IDOf(id)}, "object reference")
	if err != nil {
		return nil, err
	}
	_, err = c.change(event, func(e *misp.Event, _ time.Time) error {
		for _, o := range e.Objects {
			refs, _ := o.Fields["ObjectReference"].([]any)
			o.Fields["ObjectReference"] = slices.DeleteFunc(refs, func(x any) bool {
				m, ok := x.(map[string]any)
				return ok && strings.EqualFold(scalar(m["uuid"]), id)
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return done("ObjectReference deleted"), nil
}
