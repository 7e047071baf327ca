package misp

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/stix"
)

// ToMISP returns the event that a report or a grouping stands for, with the objects of it
// that the reader may see, in their latest versions and in the order in which they are to
// stand. What came from MISP is as it came; withdrawn attributes have deleted set. At is
// the time by which an indicator is over or not.
func ToMISP(report *stix.Object, parts []*stix.Object, at time.Time) *Event {
	b := newBuilder(at)
	b.head(report)
	b.parts(parts)
	return b.e
}

// Loose returns an event of objects that have none: an event of a day or of a search. Its
// fields are given.
func Loose(fields map[string]any, parts []*stix.Object, at time.Time) *Event {
	b := newBuilder(at)
	b.e.Fields = fields
	b.parts(parts)
	return b.e
}

// builder makes one event.
type builder struct {
	e       *Event
	at      time.Time
	used    map[string]bool
	objects map[string]*Object    // by id of STIX
	carry   map[string]*Attribute // by id of STIX
	said    []*stix.Object
	creator string          // id of the identity that made the report
	made    map[string]bool // observables that attributes of MISP are about
}

func newBuilder(at time.Time) *builder {
	return &builder{e: &Event{}, at: at, used: map[string]bool{}, objects: map[string]*Object{},
		carry: map[string]*Attribute{}, made: map[string]bool{}}
}

// properties returns a custom property that holds fields.
func properties(o *stix.Object, name string) (map[string]any, bool) {
	v, ok := o.Get(name)
	m, is := v.(map[string]any)
	return m, ok && is
}

func (b *builder) head(o *stix.Object) {
	f, ok := properties(o, PropEvent)
	b.creator = o.CreatedByRef()
	if !ok {
		f = map[string]any{"info": o.Text("name"), "date": o.Created().Time().Format(time.DateOnly),
			"timestamp": unix(o.Modified()), "analysis": "2", "threat_level_id": "4", "published": true,
			"publish_timestamp": unix(o.Modified())}
		if p, ok := o.Time("published"); ok {
			f["date"] = p.Time().Format(time.DateOnly)
		}
		b.labels(f, o)
		if d := o.Text("description"); d != "" {
			b.comment(o, d)
		}
	}
	f["uuid"] = uuidFrom(o, f)
	b.e.Fields = f
}

// labels makes tags of an object's labels and marking.
func (b *builder) labels(f map[string]any, o *stix.Object) {
	for _, l := range o.Labels() {
		AddTag(f, l)
	}
	if name, others, ok := stix.StrictestTLP(o.ObjectMarkingRefs()); ok && others == 0 {
		AddTag(f, strings.ToLower(name))
	}
}

// AddTag adds a tag to the fields of an event or an attribute, and reports whether it was
// not there.
func AddTag(f map[string]any, name string) bool {
	for _, t := range tags(f) {
		if t == name {
			return false
		}
	}
	all, _ := f["Tag"].([]any)
	f["Tag"] = append(all, map[string]any{"name": name, "colour": "#0088cc", "exportable": true})
	return true
}

// RemoveTag takes a tag away, and reports whether it was there.
func RemoveTag(f map[string]any, name string) bool {
	all, _ := f["Tag"].([]any)
	var left []any
	for _, x := range all {
		if t, ok := x.(map[string]any); !ok || text(t, "name") != name {
			left = append(left, x)
		}
	}
	f["Tag"] = left
	return len(left) < len(all)
}

func unix(t stix.Timestamp) string { return strconv.FormatInt(t.Time().Unix(), 10) }

func (b *builder) parts(list []*stix.Object) {
	for _, o := range list {
		if _, ok := o.Raw(PropEventRef); ok && o.Type() == "observed-data" {
			for _, id := range o.Strings("object_refs") {
				b.made[id] = true
			}
		}
		if f, ok := properties(o, PropObject); ok {
			f["uuid"] = uuidFrom(o, f)
			if o.Revoked() {
				f["deleted"] = true
			}
			obj := &Object{Fields: f}
			b.objects[o.ID()] = obj
			b.e.Objects = append(b.e.Objects, obj)
		}
	}
	for _, o := range list {
		b.part(o)
	}
	for _, o := range b.said {
		b.sighting(o)
	}
}

func (b *builder) part(o *stix.Object) {
	if _, replaced := o.Raw(PropReplaced); replaced {
		return
	}
	if f, ok := properties(o, PropAttribute); ok {
		b.attribute(o, f)
		return
	}
	if f, ok := properties(o, PropReport); ok {
		f["uuid"] = uuidFrom(o, f)
		if o.Revoked() {
			f["deleted"] = true
		}
		b.e.Reports = append(b.e.Reports, &Report{Fields: f})
		return
	}
	if _, ok := o.Raw(PropEventRef); ok && o.Type() != "sighting" && o.Type() != "opinion" {
		return // made of something else that is here
	}
	b.foreign(o)
}

// attribute is one that came from MISP.
func (b *builder) attribute(o *stix.Object, f map[string]any) {
	f["uuid"] = uuidFrom(o, f)
	if o.Revoked() {
		f["deleted"] = true
	}
	_, off := o.Raw(PropOff)
	if off {
		f["to_ids"] = false
	}
	a := &Attribute{Fields: f, Off: off}
	b.carry[o.ID()] = a
	b.used[a.UUID()] = true
	if in := b.objects[o.Text(PropObjectRef)]; in != nil {
		in.Attributes = append(in.Attributes, a)
		return
	}
	b.e.Attributes = append(b.e.Attributes, a)
}

// foreign is an object that did not come from MISP.
func (b *builder) foreign(o *stix.Object) {
	switch o.Type() {
	case "indicator":
		b.indicator(o)
	case "vulnerability":
		b.add(o, "vulnerability", cmp.Or(externalID(o, "cve"), o.Text("name")), false)
	case "note":
		b.e.Reports = append(b.e.Reports, &Report{Fields: map[string]any{"uuid": bare(o.ID()),
			"name": cmp.Or(o.Text("abstract"), title(o.Text("content"))), "content": o.Text("content"),
			"timestamp": unix(o.Modified()), "distribution": "5", "deleted": o.Revoked()}})
	case "sighting", "opinion":
		b.said = append(b.said, o)
	case "attack-pattern", "threat-actor", "intrusion-set", "malware", "tool", "campaign", "course-of-action":
		b.cluster(o)
	case "identity":
		if o.ID() == b.creator && b.e.Fields["Orgc"] == nil {
			b.e.Fields["Orgc"] = map[string]any{"name": o.Text("name"), "uuid": bare(o.ID())}
		}
	default:
		b.observable(o)
	}
}

func externalID(o *stix.Object, source string) string {
	refs, _ := o.Get("external_references")
	all, _ := refs.([]any)
	for _, x := range all {
		if m, ok := x.(map[string]any); ok && strings.EqualFold(text(m, "source_name"), source) {
			return text(m, "external_id")
		}
	}
	return ""
}

// galaxies are the galaxies of MISP by types of STIX.
var galaxies = map[string]string{"attack-pattern": "mitre-attack-pattern", "threat-actor": "threat-actor",
	"intrusion-set": "mitre-intrusion-set", "malware": "mitre-malware", "tool": "mitre-tool",
	"campaign": "mitre-campaign", "course-of-action": "mitre-course-of-action"}

func (b *builder) cluster(o *stix.Object) {
	if o.Revoked() || o.Text("name") == "" {
		return
	}
	value := o.Text("name")
	if id := externalID(o, "mitre-attack"); id != "" {
		value += " - " + id
	}
	tag := "misp-galaxy:" + galaxies[o.Type()] + `="` + value + `"`
	for _, g := range list(b.e.Fields, "Galaxy") { // it came so
		for _, c := range list(g, "GalaxyCluster") {
			if text(c, "value") == value || text(c, "value") == o.Text("name") {
				return
			}
		}
	}
	for _, t := range b.e.Tags() {
		if strings.HasPrefix(t, "misp-galaxy:") && strings.Contains(t, `="`+value+`"`) {
			return
		}
	}
	AddTag(b.e.Fields, tag)
}

// add makes an attribute of an object.
func (b *builder) add(o *stix.Object, typ, value string, detect bool) *Attribute {
	if value == "" {
		return nil
	}
	id := bare(o.ID())
	for n := 0; b.used[id]; n++ { // MISP knows things by their uuid alone
		id = derived(o.ID(), typ, value, strconv.Itoa(n))
	}
	b.used[id] = true
	t, _ := TypeOf(typ)
	at := b.e.Text("timestamp")
	if !o.Modified().IsZero() {
		at = unix(o.Modified())
	}
	f := map[string]any{"uuid": id, "type": typ, "value": value, "category": cmp.Or(t.Category, "Other"),
		"to_ids": detect, "comment": o.Text("description"), "timestamp": at, "distribution": "5",
		"deleted": o.Revoked()}
	b.labels(f, o)
	a := &Attribute{Fields: f}
	if b.carry[o.ID()] == nil {
		b.carry[o.ID()] = a
	}
	b.e.Attributes = append(b.e.Attributes, a)
	return a
}

func (b *builder) comment(o *stix.Object, s string) {
	b.e.Attributes = append(b.e.Attributes, &Attribute{Fields: map[string]any{"uuid": derived(o.ID(), "description"),
		"type": "comment", "category": "Other", "value": s, "to_ids": false, "distribution": "5",
		"timestamp": unix(o.Modified()), "comment": ""}})
}

// attributeTypes are MISP's types of what patterns compare, beside hashes.
var attributeTypes = map[string]string{
	"ipv4-addr:value": "ip-dst", "ipv6-addr:value": "ip-dst", "domain-name:value": "domain", "url:value": "url",
	"email-addr:value": "email", "file:name": "filename", "mutex:name": "mutex", "windows-registry-key:key": "regkey",
	"mac-addr:value": "mac-address", "email-message:subject": "email-subject",
}

// typeOf is MISP's type for what a pattern asks for.
func typeOf(object, path string) string {
	name, hashed := strings.CutPrefix(path, "hashes.")
	if !hashed {
		return attributeTypes[object+":"+path]
	}
	name = strings.Trim(name, "'")
	for misp, h := range hashNames {
		if h.name == name {
			if object == "x509-certificate" {
				return "x509-fingerprint-" + misp
			}
			return misp
		}
	}
	return ""
}

func (b *builder) indicator(o *stix.Object) {
	detect := !o.Revoked()
	if until, ok := o.Time("valid_until"); ok && !b.at.IsZero() && !until.Time().After(b.at) {
		detect = false
	}
	pattern := o.Text("pattern")
	if lang := o.Text("pattern_type"); lang != "stix" {
		if _, ok := languages[lang]; !ok {
			lang = "other"
		}
		b.add(o, lang, pattern, detect && lang != "other")
		return
	}
	p, err := stix.ParsePattern(pattern)
	if err != nil {
		b.add(o, "stix2-pattern", pattern, detect)
		return
	}
	equal, only := p.Equalities()
	for _, e := range equal {
		only = only && typeOf(e.Object, e.Path) != ""
	}
	if !only {
		b.add(o, "stix2-pattern", pattern, detect)
		return
	}
	for _, e := range equal {
		b.add(o, typeOf(e.Object, e.Path), e.Value, detect)
	}
}

// observable makes attributes of an observable of STIX.
func (b *builder) observable(o *stix.Object) {
	if b.made[o.ID()] {
		return
	}
	switch o.Type() {
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "mac-addr":
		b.add(o, attributeTypes[o.Type()+":value"], o.Text("value"), false)
	case "mutex":
		b.add(o, "mutex", o.Text("name"), false)
	case "windows-registry-key":
		b.add(o, "regkey", o.Text("key"), false)
	case "autonomous-system":
		if v, ok := o.Get("number"); ok {
			if n, ok := v.(json.Number); ok {
				b.add(o, "AS", "AS"+n.String(), false)
			}
		}
	case "file", "x509-certificate":
		hashes, _ := o.Get("hashes")
		m, _ := hashes.(map[string]any)
		for _, name := range sortedKeys(m) {
			if t := typeOf(o.Type(), "hashes."+name); t != "" {
				b.add(o, t, text(m, name), false)
			}
		}
		b.add(o, "filename", event.Clip(o.Text("name"), 4000), false)
	case typeAttribute:
		b.add(o, cmp.Or(known(o.Text("x_misp_type")), "other"), o.Text("x_misp_value"), false)
	}
}

func known(typ string) string {
	if _, ok := TypeOf(typ); ok {
		return typ
	}
	return ""
}

// sighting adds what was said of an attribute to it.
func (b *builder) sighting(o *stix.Object) {
	targets := append(o.Strings("object_refs"), o.Text("sighting_of_ref"))
	for _, t := range targets {
		a := b.carry[t]
		if a == nil {
			continue
		}
		if s := SightingFields(o); s != nil {
			s["attribute_uuid"] = a.UUID()
			a.Sightings = append(a.Sightings, s)
		}
	}
}

// SightingFields returns a sighting or an opinion as MISP has it; nil if it is neither.
func SightingFields(o *stix.Object) map[string]any {
	if o.Revoked() {
		return nil
	}
	f, ok := properties(o, PropSighting)
	if !ok {
		f = map[string]any{"type": SightingSeen, "source": ""}
		at := o.Created()
		if t, ok := o.Time("last_seen"); ok {
			at = t
		}
		f["date_sighting"] = unix(at)
		if o.Type() == "opinion" {
			if !strings.HasSuffix(o.Text("opinion"), "disagree") {
				return nil
			}
			f["type"] = SightingFalse
		}
	}
	f["uuid"] = uuidFrom(o, f)
	return f
}

// EventTime is the time that MISP's event says of itself at its report; zero if the report
// did not come from MISP.
func EventTime(report *stix.Object) time.Time {
	f, _ := properties(report, PropEvent)
	return seconds(f, "timestamp")
}
