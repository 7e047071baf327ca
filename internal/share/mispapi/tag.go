package mispapi

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/misp"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/stix"
)

// tagJSON is a tag as MISP writes it.
func tagJSON(name string) map[string]any {
	return map[string]any{"id": misp.NumberOf(name), "name": name, "colour": "#0088cc", "exportable": true,
		"org_id": "0", "user_id": "0", "hide_tag": false, "numerical_value": nil, "is_galaxy": false,
		"is_custom_galaxy": false, "local_only": false, "inherited": 0}
}

// allTags are the tags of all that the viewer may see.
func (c *call) allTags() (names []string, err error) {
	err = c.seen(func(tx *store.Tx) error {
		seen := map[string]bool{}
		for after := int64(0); ; {
			p, err := c.s.Objects.Read(tx, object.Ask{Types: append([]string{"report", "grouping"}, carriers...),
				After: after, Limit: 2000, Bodies: true})
			if err != nil {
				return err
			}
			for _, r := range p.Objects {
				o, err := stix.Parse(r.Body)
				if err != nil {
					return fmt.Errorf("read the object %s: %w", r.ID, err)
				}
				for _, l := range o.Labels() {
					seen[l] = true
				}
			}
			if !p.More {
				break
			}
			after = p.Upto
		}
		for n := range seen {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

// tags lists tags, those that are like what is looked for.
func (c *call) tags() (any, error) {
	names, err := c.allTags()
	if err != nil {
		return nil, err
	}
	m := matching(c.value("name", "tag", "searchall", "filter"), false)
	if c.action == "search" && m == nil && len(c.args) > 0 {
		m = &match{any: []string{c.args[0]}}
	}
	out := []any{}
	for _, n := range names {
		if m.meets(n) {
			if c.action == "search" {
				out = append(out, map[string]any{"Tag": tagJSON(n)})
			} else {
				out = append(out, tagJSON(n))
			}
		}
	}
	if c.action == "search" {
		return out, nil
	}
	if out, err = page(c, out); err != nil {
		return nil, err
	}
	return map[string]any{"Tag": out}, nil
}

func (c *call) viewTag() (any, error) {
	name, err := c.tagName(c.id())
	if err != nil {
		return nil, err
	}
	return tagJSON(name), nil
}

// tagName returns the name of a tag, by its number or its name.
func (c *call) tagName(s string) (string, error) {
	if s == "" {
		return "", missing("tag")
	}
	names, err := c.allTags()
	if err != nil {
		return "", err
	}
	for _, n := range names {
		if n == s || misp.NumberOf(n) == s {
			return n, nil
		}
	}
	return "", missing("tag")
}

// addTag answers as if a tag were made. Here a tag is there from when it is attached.
func (c *call) addTag() (any, error) {
	name := scalar(inner(c.sent, "Tag")["name"])
	if name == "" {
		return nil, invalid("A tag has a name.")
	}
	return map[string]any{"Tag": tagJSON(name)}, nil
}

// tagged reads which tag is meant, and of what.
func (c *call) tagged() (name, id string, err error) {
	body := c.body()
	name = orText(scalar(body["tag"]), orText(c.text("name"), scalar(inner(body["Tag"], "Tag")["name"])))
	id = orText(scalar(body["uuid"]), orText(scalar(body["event"]), orText(scalar(body["attribute"]), c.id())))
	if len(c.args) > 1 && name == "" {
		name = c.args[1]
	}
	if name == "" || id == "" {
		return "", "", invalid("The request names no tag, or nothing to tag.")
	}
	if _, err := strconv.ParseUint(name, 10, 63); err == nil {
		if found, err := c.tagName(name); err == nil {
			name = found
		}
	}
	if local := scalar(body["local"]); local == "1" || local == "true" {
		return "", "", invalid("Local tags are not kept here: a tag goes where its event goes.")
	}
	return name, id, nil
}

// retag changes the tags of an event or an attribute.
func (c *call) retag(id string, fn func(f map[string]any) bool) (changed bool, err error) {
	c.args = []string{id}
	event, part, err := c.home(misp.CarrierIDs(id), "attribute")
	if no, ok := err.(*refusal); ok && no.status == 404 {
		event, part, err = id, "", nil
	}
	if err != nil {
		return false, err
	}
	_, err = c.change(event, func(e *misp.Event, now time.Time) error {
		f := e.Fields
		if p, ok := e.Find(part); ok && part != "" {
			f = p.Fields
		}
		if changed = fn(f); changed && part != "" {
			f["timestamp"] = later(f, f, strconv.FormatInt(now.Unix(), 10))
		}
		return nil
	})
	return changed, err
}

func (c *call) attachTag() (any, error) {
	name, id, err := c.tagged()
	if err != nil {
		return nil, err
	}
	if _, err := c.retag(id, func(f map[string]any) bool { return misp.AddTag(f, name) }); err != nil {
		return nil, err
	}
	out := done("Global tag " + name + " successfully attached to the object " + id + ".")
	out["check_publish"] = true
	return out, nil
}

func (c *call) removeTag() (any, error) {
	name, id, err := c.tagged()
	if err != nil {
		return nil, err
	}
	if _, err := c.retag(id, func(f map[string]any) bool { return misp.RemoveTag(f, name) }); err != nil {
		return nil, err
	}
	out := done("Tag " + name + " successfully removed from the object " + id + ".")
	out["check_publish"] = true
	return out, nil
}
