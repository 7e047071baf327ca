package misp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// Options say what the package cannot know by itself.
type Options struct {
	// Excluded says why a value never says anything; empty if it may. Nil excludes none.
	Excluded func(event.Observable) i18n.Text
	Groups   Groups
}

// Item is one object of an event, and how it is to be handled. The owner is for the
// caller to set.
type Item struct {
	Object   *stix.Object
	Handling policy.Handling
}

// Properties that name what an object is of.
const (
	PropEvent     = "x_misp_event"     // fields of the event, at its report
	PropAttribute = "x_misp_attribute" // fields of the attribute that the object is
	PropObject    = "x_misp_object"    // fields of the object of MISP
	PropSighting  = "x_misp_sighting"
	PropReport    = "x_misp_event_report"
	PropEventRef  = "x_misp_event_ref"  // the report of the event
	PropObjectRef = "x_misp_object_ref" // the object of MISP that an attribute is in
	PropPart      = "x_misp_part"       // a grouping that is a part of a long report
	PropOff       = "x_misp_to_ids_off" // why an attribute for detection does not act
	PropReplaced  = "x_misp_replaced"   // another object is the attribute now
)

// Types of custom objects.
const (
	typeAttribute = "x-misp-attribute"
	typeObject    = "x-misp-object"
)

// perPart is how many objects a report or a part of one refers to, so that what one more
// object changes is small.
const perPart = 250

// space is what ids that are not MISP's are made in (UUIDv5).
var space = uuid.MustParse("6c0e6f4f-6a2e-5c6e-9a3c-0a5b7a2a7a11")

// derived returns an id that follows from texts.
func derived(parts ...string) string {
	return uuid.NewSHA1(space, []byte(strings.Join(parts, "\x00"))).String()
}

// IDOf is the UUID that an id of STIX has for a uuid of MISP: the same, unless it is of a
// version that STIX does not have in ids.
func IDOf(id string) string {
	if len(id) == 36 && id[14] >= '1' && id[14] <= '5' && strings.IndexByte("89ab", id[19]) >= 0 {
		return id
	}
	return derived("misp", id)
}

// uuidFrom is the uuid of MISP of what an object of STIX with these fields is.
func uuidFrom(o *stix.Object, fields map[string]any) string {
	if id := uuidOf(fields); id != "" && IDOf(id) == bare(o.ID()) {
		return id
	}
	return bare(o.ID())
}

// UUIDFrom is the uuid of MISP of what an object stands for: an attribute, an object, a
// report or an event.
func UUIDFrom(o *stix.Object) string {
	for _, name := range []string{PropAttribute, PropObject, PropReport, PropEvent} {
		if f, ok := properties(o, name); ok {
			return uuidFrom(o, f)
		}
	}
	return bare(o.ID())
}

// ReportFields are the fields of a text about an event, from the note that it is.
func ReportFields(note []byte) (map[string]any, error) {
	o, err := stix.Parse(note)
	if err != nil {
		return nil, err
	}
	if o.Type() != "note" {
		return nil, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	e := Loose(map[string]any{}, []*stix.Object{o}, time.Time{})
	if len(e.Reports) == 0 {
		return nil, fault.New(fault.NotFound, i18n.T("not found", "見つかりません"))
	}
	return e.Reports[0].Fields, nil
}

// ReportID is the id of the object that stands for an event.
func ReportID(event string) string { return "report--" + IDOf(event) }

// CarrierIDs are the ids of the objects that an attribute of MISP may be.
func CarrierIDs(attribute string) []string {
	id := IDOf(attribute)
	return []string{"indicator--" + id, "observed-data--" + id, typeAttribute + "--" + id, "vulnerability--" + id}
}

// ObjectID is the id of the object that stands for an object of MISP.
func ObjectID(object string) string { return typeObject + "--" + IDOf(object) }

// ToSTIX returns an event as objects of STIX: first its report, then what it refers to.
// An attribute that cannot be an object is a note, and so is all that STIX says otherwise.
func ToSTIX(e *Event, o Options) ([]Item, []Note) {
	x := &exporter{e: e, o: o, seen: map[string]int{}, carriers: map[string]string{}}
	x.fill()
	return x.all(), x.notes
}

// exporter makes the objects of one event.
type exporter struct {
	e       *Event
	o       Options
	report  string // id
	creator string // id of its identity; may be empty
	at      stix.Timestamp
	whole   policy.Handling // of the event
	notes   []Note
	out     []Item
	refs    []string       // of the report
	seen    map[string]int // place in out, by id
	// carriers are the ids of the objects that attributes are, by uuid.
	carriers map[string]string
}

func (x *exporter) note(where string, t i18n.Text) {
	if len(x.notes) < maxNotes {
		x.notes = append(x.notes, Note{where, t})
	}
}

// refuse notes that no object can be made of a thing.
func (x *exporter) refuse(where string, err error) {
	x.note(where, i18n.T("cannot be an object of STIX: {0}", "STIX オブジェクトにできません：{0}").With(err.Error()))
}

// nothing is what a report of an event with nothing in it refers to: its marking, which
// everybody has.
func nothing(h policy.Handling) ([]string, bool) {
	id, ok := stix.TLPMarkingID(h.TLP.String())
	return []string{id}, ok
}

// fill gives what has no uuid one that follows from what it says.
func (x *exporter) fill() {
	f := x.e.Fields
	if x.e.UUID() == "" {
		f["uuid"] = derived("event", text(f, "info"), text(f, "date"), text(f, "id"))
	}
	used := map[string]bool{}
	for _, o := range x.e.Objects {
		if o.UUID() == "" {
			first := ""
			if len(o.Attributes) > 0 {
				first = o.Attributes[0].Value()
			}
			o.Fields["uuid"] = derived(x.e.UUID(), "object", text(o.Fields, "name"), first)
		}
	}
	for _, p := range x.e.All() {
		id := p.UUID()
		if id == "" {
			id = derived(x.e.UUID(), "attribute", p.Type(), p.Value())
		}
		if p.In != nil && used[id] {
			id = derived(id, p.In.UUID())
		}
		if used[id] {
			x.note("Attribute "+id, i18n.T("two attributes have this UUID: the later one gets another",
				"同じ UUID の属性が 2 件あるため、後の属性に別の UUID を割り当てます"))
			for n := 0; used[id]; n++ {
				id = derived(id, p.Type(), p.Value(), fmt.Sprint(n))
			}
		}
		used[id] = true
		p.Fields["uuid"] = id
	}
}

// timeOf returns when a thing was last changed, else when the event was.
func (x *exporter) timeOf(fields map[string]any) stix.Timestamp {
	if t := seconds(fields, "timestamp"); !t.IsZero() {
		return stix.TimestampOf(t)
	}
	return x.at
}

// local are fields that mean something on one server only, or name its people.
var local = []string{"id", "org_id", "orgc_id", "event_id", "object_id", "Org", "event_creator_email", "user_id",
	"attribute_count", "sharing_group_id", "protected", "event_report_id"}

func (x *exporter) all() []Item {
	f := x.e.Fields
	x.report = ReportID(x.e.UUID())
	when := x.e.Timestamp()
	if when.IsZero() {
		when, _ = time.Parse(time.DateOnly, text(f, "date"))
	}
	if when.Unix() <= 0 {
		when = time.Unix(1, 0)
	}
	x.at = stix.TimestampOf(when)
	var odd i18n.Text
	if x.whole, odd = x.e.mark(nil).handling(x.o.Groups); !odd.Zero() {
		x.note("Event", odd)
	}
	x.identity()
	x.clusters(f, x.whole)
	for _, o := range x.e.Objects {
		x.object(o)
	}
	for _, p := range x.e.All() {
		x.attribute(p)
	}
	for _, o := range x.e.Objects {
		for _, r := range list(o.Fields, "ObjectReference") {
			x.reference(o, r)
		}
	}
	for _, r := range x.e.Reports {
		x.text(r)
	}
	return append(x.parts(), x.out...)
}

// add keeps an object, as a part of the event.
func (x *exporter) add(obj *stix.Object, h policy.Handling) {
	if at, ok := x.seen[obj.ID()]; ok { // an observable that several attributes are about
		if was := x.out[at].Handling; stricter(was, h) && !stricter(h, was) {
			x.out[at].Handling = h
			if stricter(was, x.whole) && !stricter(h, x.whole) {
				x.refs = append(x.refs, obj.ID())
			}
		}
		return
	}
	x.seen[obj.ID()] = len(x.out)
	x.out = append(x.out, Item{obj, h})
	if !stricter(h, x.whole) {
		x.refs = append(x.refs, obj.ID())
	}
}

// stricter reports whether some who may see what is handled as b may not see what is
// handled as a.
func stricter(a, b policy.Handling) bool {
	return a.TLP.OrRed() > b.TLP.OrRed() || !slices.Equal(a.Audience, b.Audience) && a.TLP > policy.Green
}

// identity is the organisation that made the event.
func (x *exporter) identity() {
	org, _ := x.e.Fields["Orgc"].(map[string]any)
	id, name := uuidOf(org), text(org, "name")
	if id == "" || name == "" {
		return
	}
	obj, err := stix.Identity{Common: stix.Common{ID: "identity--" + IDOf(id), Created: epoch}, Name: name,
		Class: "organization"}.Object()
	if err != nil {
		x.refuse("Orgc", err)
		return
	}
	x.creator = obj.ID()
	x.add(obj, x.whole)
}

// epoch is when objects were made whose content is all that they are.
var epoch = stix.TimestampOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))

// common is what the objects of an event have in common.
func (x *exporter) common(id string, at stix.Timestamp, h policy.Handling, labels []string,
	custom map[string]any) stix.Common {
	c := stix.Common{ID: id, CreatedByRef: x.creator, Created: at, Labels: labels, Custom: custom,
		Confidence: confidence(labels), ExternalReferences: nil}
	if m, ok := stix.TLPMarkingID(h.TLP.String()); ok {
		c.ObjectMarkingRefs = []string{m}
	}
	return c
}

// parts are the report, and groupings for what is too much for one.
func (x *exporter) parts() []Item {
	f := x.e.Fields
	refs := slices.Clone(x.refs[:min(len(x.refs), perPart)])
	var groups []Item
	n := 0
	for part := range slices.Chunk(x.refs[len(refs):], perPart) {
		n++
		c := x.common("grouping--"+derived(x.e.UUID(), "part", fmt.Sprint(n)), x.at, x.whole, nil,
			map[string]any{PropEventRef: x.report, PropPart: n})
		g, err := stix.Grouping{Common: c, Name: fmt.Sprintf("%s (%d)", title(text(f, "info")), n+1),
			Context: "suspicious-activity", ObjectRefs: part}.Object()
		if err != nil {
			x.refuse("Event", err)
			continue
		}
		groups = append(groups, Item{g, x.whole})
	}
	for _, g := range groups {
		refs = append(refs, g.Object.ID())
	}
	fields := kept(f, local...)
	if g, ok := fields["SharingGroup"].(map[string]any); ok { // who is in it is the giver's own
		fields["SharingGroup"] = map[string]any{"uuid": uuidOf(g), "name": text(g, "name")}
	}
	if org, ok := fields["Orgc"].(map[string]any); ok {
		fields["Orgc"] = without(org, "id", "local")
	}
	published := x.at
	if t := x.e.Published(); !t.IsZero() {
		published = stix.TimestampOf(t)
	}
	if len(refs) == 0 { // a report is about something
		refs, _ = nothing(x.whole)
	}
	r := stix.Report{Common: x.common(x.report, x.at, x.whole, x.e.Tags(), map[string]any{PropEvent: fields}),
		Name: title(text(f, "info")), Types: []string{"threat-report"}, Published: published, ObjectRefs: refs}
	obj, err := r.Object()
	if err != nil {
		x.refuse("Event", err)
		return nil
	}
	return append([]Item{{obj, x.whole}}, groups...)
}
