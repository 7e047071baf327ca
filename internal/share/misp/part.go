package misp

import (
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// object makes the object that stands for an object of MISP, what it refers to, and of a
// file all that is known of it in one.
func (x *exporter) object(o *Object) {
	where := "Object " + o.UUID()
	h, _ := x.e.mark([]map[string]any{o.Fields}).handling(x.o.Groups)
	common := x.common(ObjectID(o.UUID()), x.timeOf(o.Fields), h, x.e.Tags(),
		map[string]any{PropObject: kept(o.Fields, local...), PropEventRef: x.report})
	name := text(o.Fields, "name")
	if name == "" {
		name = "-"
	}
	obj, err := customObject(typeObject, common, map[string]any{"x_misp_name": name,
		"x_misp_meta_category": text(o.Fields, "meta-category")})
	if err == nil && o.Deleted() {
		obj, err = stix.Revoke(obj, obj.Modified().Time())
	}
	if err != nil {
		x.refuse(where, err)
		return
	}
	x.add(obj, h)
	if name == "file" && !o.Deleted() {
		x.file(o, h)
	}
}

// reference makes a relationship of what an object of MISP refers to.
func (x *exporter) reference(o *Object, r map[string]any) {
	target := uuidOf(map[string]any{"uuid": strings.ToLower(text(r, "referenced_uuid"))})
	id := uuidOf(r)
	if boolean(r, "deleted") || target == "" {
		return
	}
	from := ObjectID(o.UUID())
	if id == "" {
		id = derived(from, target, text(r, "relationship_type"))
	}
	to, ok := x.carriers[target]
	if _, here := x.seen[ObjectID(target)]; here {
		to, ok = ObjectID(target), true
	}
	if !ok {
		x.note("Object "+o.UUID(), i18n.T("it refers to {0}, which is not in the event",
			"イベントにない {0} を参照しています").With(target))
		return
	}
	h, _ := x.e.mark([]map[string]any{o.Fields}).handling(x.o.Groups)
	if at, ok := x.seen[to]; ok && stricter(x.out[at].Handling, h) {
		h = x.out[at].Handling
	}
	x.relationship(id, from, relation(text(r, "relationship_type")), to, text(r, "comment"), x.timeOf(r), h)
}

func (x *exporter) relationship(id, from, kind, to, comment string, at stix.Timestamp, h policy.Handling) {
	obj, err := stix.Relationship{Common: x.common("relationship--"+IDOf(id), at, h, nil,
		map[string]any{PropEventRef: x.report}), RelationshipType: kind, SourceRef: from, TargetRef: to,
		Description: comment}.Object()
	if err != nil {
		x.refuse("relationship "+id, err)
		return
	}
	x.add(obj, h)
}

// relation writes the name of a relationship as STIX asks for.
func relation(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	if s = strings.Trim(s, "-"); s == "" {
		return "related-to"
	}
	return s
}

// relate says what an attribute indicates, or what belongs to a cluster.
func (x *exporter) relate(from *stix.Object, cluster string, h policy.Handling) {
	kind := "related-to"
	if from.Type() == "indicator" {
		switch typ, _ := stix.SplitID(cluster); typ {
		case "attack-pattern", "intrusion-set", "malware", "threat-actor", "tool", "campaign":
			kind = "indicates"
		}
	}
	x.relationship(derived(from.ID(), cluster), from.ID(), kind, cluster, "", from.Created(), h)
}

// file is all that an object of MISP says of a file, as one observable.
func (x *exporter) file(o *Object, h policy.Handling) {
	f := stix.File{Hashes: map[string]string{}}
	for _, a := range o.Attributes {
		if a.Deleted() {
			continue
		}
		if n, ok := number(a.Fields, "value"); ok && a.Type() == "size-in-bytes" && n >= 0 && n < 1<<53 {
			size := int(n)
			f.Size = &size
		}
		m, known, problem := understand(a.Type(), a.Value())
		if !known || !problem.Zero() || len(m.facts) != 1 {
			continue
		}
		if one, ok := m.facts[0].(stix.File); ok {
			for k, v := range one.Hashes {
				f.Hashes[k] = v
			}
			if one.Name != "" {
				f.Name = one.Name
			}
		}
	}
	if len(f.Hashes) < 2 && (len(f.Hashes) == 0 || f.Name == "") {
		return
	}
	ids, err := x.facts([]stix.Typed{f}, nil, h)
	if err != nil {
		x.refuse("Object "+o.UUID(), err)
		return
	}
	at := x.timeOf(o.Fields)
	obj, err := stix.ObservedData{Common: x.common("observed-data--"+IDOf(o.UUID()), at, h, nil,
		map[string]any{PropEventRef: x.report, PropObjectRef: ObjectID(o.UUID())}),
		FirstObserved: at, LastObserved: at, NumberObserved: 1, ObjectRefs: ids}.Object()
	if err != nil {
		x.refuse("Object "+o.UUID(), err)
		return
	}
	x.add(obj, h)
}

// text makes a note of a report about the event.
func (x *exporter) text(r *Report) {
	id := uuidOf(r.Fields)
	if id == "" {
		id = derived(x.e.UUID(), "report", text(r.Fields, "name"))
		r.Fields["uuid"] = id
	}
	h, _ := x.e.mark([]map[string]any{r.Fields}).handling(x.o.Groups)
	content := text(r.Fields, "content")
	if content == "" {
		content = "-"
	}
	obj, err := stix.Note{Common: x.common("note--"+IDOf(id), x.timeOf(r.Fields), h, nil,
		map[string]any{PropReport: kept(r.Fields, local...), PropEventRef: x.report}),
		Abstract: text(r.Fields, "name"), Content: content, ObjectRefs: []string{x.report}}.Object()
	if err == nil && boolean(r.Fields, "deleted") {
		obj, err = stix.Revoke(obj, obj.Modified().Time())
	}
	if err != nil {
		x.refuse("EventReport "+id, err)
		return
	}
	x.add(obj, h)
}

// maxSightings bounds the sightings of one attribute.
const maxSightings = 1000

// Kinds of sightings of MISP.
const (
	SightingSeen    = "0"
	SightingFalse   = "1" // a false positive
	SightingExpired = "2"
)

// sightings makes what others said of an attribute.
func (x *exporter) sightings(p Placed, of *stix.Object, h policy.Handling) {
	for i, s := range p.Sightings {
		if i == maxSightings {
			x.note("Attribute "+p.UUID(), i18n.T("more than {0} sightings: the others are left out",
				"観測報告が {0} 件を超えるため、残りは読み込みません").With(maxSightings))
			return
		}
		obj, err := Sighting(s, of, x.report, x.common("", x.at, h, nil, nil))
		if err != nil {
			x.refuse("Sighting of "+p.UUID(), err)
			continue
		}
		x.add(obj, h)
	}
}

// Sighting returns a sighting of MISP as an object: one that says that it was seen is a
// sighting, one that says that it was wrong or has ended is an opinion. Report is that of
// its event, if it has one; common is what the object has beside it.
func Sighting(fields map[string]any, of *stix.Object, report string, c stix.Common) (*stix.Object, error) {
	at := seconds(fields, "date_sighting")
	if at.IsZero() {
		at = c.Created.Time()
	}
	id := uuidOf(fields)
	if id == "" {
		id = derived(of.ID(), "sighting", text(fields, "date_sighting"), text(fields, "source"),
			text(fields, "type"), text(fields, "org_id"))
	}
	keep := kept(fields, "id", "attribute_id", "event_id", "org_id", "attribute_uuid", "Organisation", "values",
		"value")
	keep["uuid"] = id
	c.Created = stix.TimestampOf(at)
	c.Custom = map[string]any{PropSighting: keep}
	if report != "" {
		c.Custom[PropEventRef] = report
	}
	switch text(fields, "type") {
	case SightingFalse, SightingExpired:
		opinion := "strongly-disagree"
		if text(fields, "type") == SightingExpired {
			opinion = "disagree"
		}
		c.ID = "opinion--" + IDOf(id)
		return stix.Opinion{Common: c, Opinion: opinion, ObjectRefs: []string{of.ID()}}.Object()
	}
	one := 1
	c.ID = "sighting--" + IDOf(id)
	return stix.Sighting{Common: c, FirstSeen: c.Created, LastSeen: c.Created, Count: &one,
		SightingOfRef: of.ID()}.Object()
}
