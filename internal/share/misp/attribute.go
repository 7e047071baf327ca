package misp

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/stix"
)

// attribute makes what an attribute is, and what belongs to it.
func (x *exporter) attribute(p Placed) {
	where := "Attribute " + p.UUID()
	marks := []map[string]any{p.Fields}
	if p.In != nil {
		marks = []map[string]any{p.In.Fields, p.Fields}
	}
	h, odd := x.e.mark(marks).handling(x.o.Groups)
	if !odd.Zero() && len(markOf(p.Fields).odd)+len(p.Tags()) > 0 {
		x.note(where, odd)
	}
	m, known, problem := understand(p.Type(), p.Value())
	c := carrier{x: x, Placed: p, meaning: m, h: h, at: x.timeOf(p.Fields), where: where}
	if !problem.Zero() {
		x.note(where, i18n.T("{0}: {1}; it is kept as text and not matched", "{0}：{1}。文字列として保存し、照合には使いません").
			With(p.Type(), problem))
		c.facts, c.pattern = nil, ""
	}
	c.off = c.why(known && problem.Zero(), problem)
	if p.Detect() && !c.off.Zero() && problem.Zero() {
		x.note(where, i18n.T("{0} is not matched: {1}", "{0} は照合に使いません：{1}").With(clip(p.Value()), c.off))
	}
	if p.Detect() && c.off.Zero() && !m.wider.Zero() {
		x.note(where, m.wider)
	}
	obj, err := c.object()
	if err != nil { // a value that its own type of STIX refuses is still a fact
		x.refuse(where, err)
		c.facts, c.pattern = nil, ""
		if obj, err = c.custom(); err != nil {
			x.refuse(where, err)
			return
		}
	}
	if p.Deleted() || p.In != nil && p.In.Deleted() {
		if obj, err = stix.Revoke(obj, obj.Modified().Time()); err != nil {
			x.refuse(where, err)
			return
		}
	}
	x.carriers[p.UUID()] = obj.ID()
	x.add(obj, h)
	for _, id := range x.clusters(p.Fields, h) {
		x.relate(obj, id, h)
	}
	x.sightings(p, obj, h)
}

// carrier is an attribute on its way to the object that it is.
type carrier struct {
	x *exporter
	Placed
	meaning
	h     policy.Handling
	at    stix.Timestamp
	where string
	off   i18n.Text // why it does not act
}

// why says why an attribute for detection is not to act; nothing if it may.
func (c *carrier) why(understood bool, problem i18n.Text) i18n.Text {
	switch {
	case silent[c.Type()] && c.pattern == "":
		return i18n.T("a value of type {0} says nothing to look for", "{0} 型の値は照合の対象になりません").With(c.Type())
	case !problem.Zero():
		return problem
	case !c.weak.Zero():
		return c.weak
	case !understood:
		return i18n.Text{} // for detection, but with tools that know the type
	}
	if c.x.o.Excluded != nil {
		for _, o := range c.observables {
			if t := c.x.o.Excluded(o); !t.Zero() {
				return t
			}
		}
	}
	return i18n.Text{}
}

// labels are the tags that hold for the attribute, those of the event too.
func (c *carrier) labels() []string {
	out := c.x.e.Tags()
	for _, t := range c.Tags() {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// custom properties of what the attribute is.
func (c *carrier) properties() map[string]any {
	fields := kept(c.Fields, local...)
	if g, ok := fields["SharingGroup"].(map[string]any); ok {
		fields["SharingGroup"] = map[string]any{"uuid": uuidOf(g), "name": text(g, "name")}
	}
	custom := map[string]any{PropAttribute: fields, PropEventRef: c.x.report}
	if c.In != nil {
		custom[PropObjectRef] = ObjectID(c.In.UUID())
	}
	if c.Detect() && !c.off.Zero() {
		custom[PropOff] = c.off.In(i18n.EN)
	}
	return custom
}

// object makes the object that STIX has for the attribute.
func (c *carrier) object() (*stix.Object, error) {
	id := IDOf(c.UUID())
	common := c.x.common("", c.at, c.h, c.labels(), c.properties())
	switch {
	case c.Type() == "vulnerability":
		common.ID = "vulnerability--" + id
		common.ExternalReferences = []stix.ExternalReference{{SourceName: "cve",
			ExternalID: strings.ToUpper(c.Value())}}
		return stix.Vulnerability{Common: common, Name: strings.ToUpper(c.Value()),
			Description: text(c.Fields, "comment")}.Object()
	case c.Detect() && c.pattern != "" && c.off.Zero():
		common.ID = "indicator--" + id
		return c.indicator(common)
	case len(c.facts) > 0:
		return c.observed(common)
	}
	return c.custom()
}

func (c *carrier) indicator(common stix.Common) (*stix.Object, error) {
	language := c.language
	if language == "" {
		language = "stix"
	}
	ind := stix.Indicator{Common: common, Name: title(c.Value()), Description: text(c.Fields, "comment"),
		Types: []string{"malicious-activity"}, Pattern: c.pattern, PatternType: language,
		ValidFrom: c.at, KillChainPhases: phases(common.Labels)}
	if language == "stix" {
		ind.PatternVersion = "2.1"
	} else if named := ruleTitle(c.Value()); named != "" {
		ind.Name = named
	}
	if t := seen(c.Fields, "first_seen"); !t.IsZero() {
		ind.ValidFrom = stix.TimestampOf(t)
	}
	return ind.Object()
}

// ruleTitle is the title of a Sigma rule or the name of a YARA rule.
func ruleTitle(text string) string {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "title:"); ok {
			return title(strings.TrimSpace(name))
		}
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "rule "); ok {
			name, _, _ = strings.Cut(name, "{")
			return title(strings.TrimSpace(name))
		}
	}
	return ""
}

// observed makes observed data, and the observables in it.
func (c *carrier) observed(common stix.Common) (*stix.Object, error) {
	ids, err := c.x.facts(c.facts, c.refs, c.h)
	if err != nil {
		return nil, err
	}
	common.ID = "observed-data--" + IDOf(c.UUID())
	o := stix.ObservedData{Common: common, FirstObserved: c.at, LastObserved: c.at, NumberObserved: 1,
		ObjectRefs: ids}
	if t := seen(c.Fields, "first_seen"); !t.IsZero() {
		o.FirstObserved, o.LastObserved = stix.TimestampOf(t), stix.TimestampOf(t)
	}
	if t := seen(c.Fields, "last_seen"); !t.IsZero() && !t.Before(o.FirstObserved.Time()) {
		o.LastObserved = stix.TimestampOf(t)
	}
	return o.Object()
}

// facts makes observables; refs makes one more that refers to them.
func (x *exporter) facts(list []stix.Typed, refs func([]string) stix.Typed, h policy.Handling) (ids []string,
	err error) {
	make := func(t stix.Typed) error {
		m, ok := t.(interface{ Object() (*stix.Object, error) })
		if !ok {
			return nil
		}
		obj, err := m.Object()
		if err == nil {
			x.add(obj, h)
			ids = append(ids, obj.ID())
		}
		return err
	}
	for _, t := range list {
		if err := make(t); err != nil {
			return nil, err
		}
	}
	if refs != nil {
		return ids, make(refs(ids))
	}
	return ids, nil
}

// custom makes the object for what STIX has no word for.
func (c *carrier) custom() (*stix.Object, error) {
	common := c.x.common(typeAttribute+"--"+IDOf(c.UUID()), c.at, c.h, c.labels(), c.properties())
	return customObject(typeAttribute, common, map[string]any{"x_misp_type": c.Type(), "x_misp_value": c.Value(),
		"x_misp_category": text(c.Fields, "category")})
}

// customObject builds an object of a type that STIX does not have.
func customObject(typ string, c stix.Common, own map[string]any) (*stix.Object, error) {
	m := map[string]any{"type": typ, "spec_version": "2.1", "id": c.ID, "created": c.Created.String(),
		"modified": c.Created.String()}
	for name, v := range own {
		m[name] = v
	}
	for name, v := range c.Custom {
		m[name] = v
	}
	if c.CreatedByRef != "" {
		m["created_by_ref"] = c.CreatedByRef
	}
	if len(c.Labels) > 0 {
		m["labels"] = c.Labels
	}
	if len(c.ObjectMarkingRefs) > 0 {
		m["object_marking_refs"] = c.ObjectMarkingRefs
	}
	if c.Confidence != nil {
		m["confidence"] = *c.Confidence
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	o, err := stix.Parse(raw)
	if err != nil {
		return nil, err
	}
	if wrong := stix.Validate(o); len(wrong) > 0 {
		return nil, wrong[0]
	}
	return o, nil
}

// title is a text as a name: one line, not too long.
func title(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	if s == "" {
		return "-"
	}
	return event.Clip(s, 250)
}
