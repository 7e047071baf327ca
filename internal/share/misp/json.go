package misp

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/meneki/meneki/internal/policy"
)

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// Organisation is an organisation as MISP shows it.
type Organisation struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

func (o Organisation) fields() map[string]any {
	return map[string]any{"id": o.ID, "name": o.Name, "uuid": o.UUID, "local": true}
}

// View says how an event is written.
type View struct {
	ID      string       // of the event, where it has a number
	Org     Organisation // whose server it is on; who made an event that does not say
	Deleted bool         // withdrawn attributes too
	// Handling, if it has a label, replaces the TLP tags and the distribution where they
	// say less than it.
	Handling policy.Handling
	// Numbers are those of attributes and objects, by uuid; others get one from NumberOf.
	Numbers map[string]string
}

func (v View) number(id string) string { return cmp.Or(v.Numbers[id], NumberOf(id)) }

// JSON returns the event as MISP writes it, without the word Event around it. All fields
// that its clients expect are there.
func (e *Event) JSON(v View) map[string]any {
	f := maps.Clone(e.Fields)
	v.ID = cmp.Or(v.ID, "1")
	id := v.ID
	defaults(f, map[string]any{"info": "", "threat_level_id": "4", "analysis": "0", "distribution": "0",
		"sharing_group_id": "0", "published": false, "timestamp": "0", "publish_timestamp": "0",
		"proposal_email_lock": false, "locked": false, "disable_correlation": false, "extends_uuid": "",
		"date": "1970-01-01", "Tag": []any{}, "Galaxy": []any{}, "protected": nil})
	f["id"], f["org_id"], f["orgc_id"] = id, v.Org.ID, v.Org.ID
	f["Org"] = v.Org.fields()
	if org, ok := f["Orgc"].(map[string]any); !ok || uuidOf(org) == "" {
		f["Orgc"] = v.Org.fields()
	} else {
		org = maps.Clone(org)
		defaults(org, map[string]any{"id": "0", "local": false})
		f["Orgc"], f["orgc_id"] = org, org["id"]
	}
	numbered(f)
	if v.Handling.TLP.Known() {
		hold(f, v.Handling)
	}
	attributes, objects, reports := []any{}, []any{}, []any{}
	n := 0
	for _, a := range e.Attributes {
		if v.Deleted || !a.Deleted() {
			attributes = append(attributes, a.JSON(v, "0", e.UUID()))
			n++
		}
	}
	for _, o := range e.Objects {
		if v.Deleted || !o.Deleted() {
			m := o.JSON(v, e.UUID())
			objects = append(objects, m)
			list, _ := m["Attribute"].([]any)
			n += len(list)
		}
	}
	for i, r := range e.Reports {
		if !v.Deleted && boolean(r.Fields, "deleted") {
			continue
		}
		m := maps.Clone(r.Fields)
		defaults(m, map[string]any{"name": "", "content": "", "distribution": "5", "sharing_group_id": "0",
			"timestamp": "0", "deleted": false})
		m["id"], m["event_id"] = strconv.Itoa(i+1), id
		reports = append(reports, m)
	}
	f["Attribute"], f["Object"], f["EventReport"] = attributes, objects, reports
	f["ShadowAttribute"], f["RelatedEvent"], f["CryptographicKey"] = []any{}, []any{}, []any{}
	f["attribute_count"] = strconv.Itoa(n)
	return f
}

// JSON returns the attribute as MISP writes it.
func (a *Attribute) JSON(v View, object, event string) map[string]any {
	f := maps.Clone(a.Fields)
	t, _ := TypeOf(a.Type())
	defaults(f, map[string]any{"category": cmp.Or(t.Category, "Other"), "to_ids": false, "distribution": "5",
		"timestamp": "0", "comment": "", "sharing_group_id": "0", "deleted": false, "disable_correlation": false,
		"object_relation": nil, "first_seen": nil, "last_seen": nil, "Galaxy": []any{}, "Tag": []any{}})
	f["id"], f["event_id"], f["object_id"], f["event_uuid"] = v.number(a.UUID()), v.ID, object, event
	f["to_ids"], f["deleted"] = a.Detect(), a.Deleted()
	f["disable_correlation"] = boolean(a.Fields, "disable_correlation")
	numbered(f)
	f["ShadowAttribute"] = []any{}
	if len(a.Sightings) > 0 {
		all := make([]any, len(a.Sightings))
		for i, s := range a.Sightings {
			all[i] = SightingJSON(s, v.ID, v.number(a.UUID()))
		}
		f["Sighting"] = all
	}
	return f
}

// SightingJSON returns a sighting as MISP writes it.
func SightingJSON(s map[string]any, event, attribute string) map[string]any {
	f := maps.Clone(s)
	defaults(f, map[string]any{"source": "", "type": SightingSeen, "date_sighting": "0", "org_id": "0"})
	f["id"], f["event_id"], f["attribute_id"] = NumberOf(text(s, "uuid")), event, attribute
	return f
}

// JSON returns the object as MISP writes it.
func (o *Object) JSON(v View, event string) map[string]any {
	f := maps.Clone(o.Fields)
	defaults(f, map[string]any{"name": "", "meta-category": "", "description": "", "template_uuid": "",
		"template_version": "1", "timestamp": "0", "distribution": "5", "sharing_group_id": "0", "comment": "",
		"deleted": false, "ObjectReference": []any{}, "first_seen": nil, "last_seen": nil})
	id := v.number(o.UUID())
	f["id"], f["event_id"], f["deleted"] = id, v.ID, o.Deleted()
	numbered(f)
	all := []any{}
	for _, a := range o.Attributes {
		if v.Deleted || !a.Deleted() {
			all = append(all, a.JSON(v, id, event))
		}
	}
	f["Attribute"] = all
	return f
}

// NumberOf is a number for a thing by its uuid: MISP's clients expect one, and never the
// same for two things of an event. What is asked for by it is found by the uuid alone.
func NumberOf(id string) string {
	return strconv.FormatUint(xxh3.HashString(id)>>16, 10)
}

func defaults(m map[string]any, with map[string]any) {
	for k, v := range with {
		if _, ok := m[k]; !ok {
			m[k] = v
		}
	}
}

// numbered numbers the tags of a thing, and drops those that it may not have.
func numbered(f map[string]any) {
	out := []any{}
	for _, t := range list(f, "Tag") {
		if text(t, "name") == "" {
			continue
		}
		t = maps.Clone(t)
		defaults(t, map[string]any{"colour": "#0088cc", "exportable": true, "hide_tag": false, "local": false})
		t["id"] = NumberOf(text(t, "name"))
		out = append(out, t)
	}
	f["Tag"] = out
}

// hold makes an event say no less than its handling: who takes it must not give it wider.
func hold(f map[string]any, h policy.Handling) {
	k := markOf(f)
	own, _ := k.handling(nil)
	if k.distribution != sharingGroup && !stricter(h, own) {
		return // it says so itself
	}
	if own.TLP < h.TLP.OrRed() {
		for _, t := range tags(f) {
			if _, is, _ := labelOf(t); is {
				RemoveTag(f, t)
			}
		}
		AddTag(f, strings.ToLower(h.TLP.String()))
		numbered(f)
	}
	widest := allCommunities
	switch h.TLP.OrRed() {
	case policy.Clear, policy.Green:
	case policy.Amber:
		if widest = ownOrganisation; slices.Contains(h.Audience, policy.Community) {
			widest = thisCommunity
		}
	default:
		widest = ownOrganisation
	}
	if k.distribution == sharingGroup || k.distribution < 0 || k.distribution > widest {
		f["distribution"] = strconv.Itoa(widest)
		f["sharing_group_id"] = "0"
		delete(f, "SharingGroup")
	}
}

// Write writes an event as MISP's files have it.
func (e *Event) Write(w io.Writer, v View) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(map[string]any{"Event": e.JSON(v)})
}

// csvColumns are those of MISP's export of attributes.
var csvColumns = []string{"uuid", "event_id", "category", "type", "value", "comment", "to_ids", "date",
	"object_relation", "attribute_tag", "object_uuid", "object_name", "object_meta_category"}

// Cell is a text as a cell of a table that a spreadsheet opens: one that it would run has
// an apostrophe before it, which UncoverCell takes off.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}

// UncoverCell is the inverse of Cell.
func UncoverCell(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@\t\r'", rune(s[1])) {
		return s[1:]
	}
	return s
}

// WriteCSV writes attributes as MISP's CSV (RFC 4180), with a line of names first.
func WriteCSV(w io.Writer, list []Located) error {
	c := csv.NewWriter(w)
	c.UseCRLF = false
	if err := c.Write(csvColumns); err != nil {
		return err
	}
	for _, a := range list {
		row := []string{a.UUID(), a.Event, text(a.Fields, "category"), a.Type(), a.Value(),
			text(a.Fields, "comment"), strconv.Itoa(bit(a.Detect())), text(a.Fields, "timestamp"),
			text(a.Fields, "object_relation"), strings.Join(a.Tags(), ",")}
		o := &Object{Fields: map[string]any{}}
		if a.In != nil {
			o = a.In
		}
		row = append(row, o.UUID(), text(o.Fields, "name"), text(o.Fields, "meta-category"))
		for i := range row {
			row[i] = Cell(row[i])
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// Located is an attribute with the id of its event.
type Located struct {
	Placed
	Event string
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// indent writes JSON as MISP's files have it.
func indent(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
