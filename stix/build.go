package stix

import (
	"time"
)

// Common holds what every domain and relationship object shares (section 3.2).
// Built objects carry their properties in one order: type, spec_version, id,
// created_by_ref, created, modified, the type's own, then revoked, labels,
// confidence, lang, external_references, object_marking_refs, extensions, and
// custom properties by name.
type Common struct {
	ID                 string    // "" makes a random one
	CreatedByRef       string    // an identity
	Created            time.Time // required; kept to the millisecond
	Modified           time.Time // zero means Created
	Revoked            bool
	Labels             []string
	Confidence         *int // 0 to 100; nil says nothing
	Lang               string
	ExternalReferences []ExternalReference
	ObjectMarkingRefs  []string       // ids of marking definitions, such as TLPMarkingID gives
	Extensions         map[string]any // by the id of their extension definition
	Custom             map[string]any // further properties
}

// ExternalReference points to something outside STIX (section 2.7).
type ExternalReference struct {
	SourceName  string            `json:"source_name"`
	Description string            `json:"description,omitempty"`
	URL         string            `json:"url,omitempty"`
	Hashes      map[string]string `json:"hashes,omitempty"`
	ExternalID  string            `json:"external_id,omitempty"`
}

// KillChainPhase names a phase of an attack (section 2.11). ATT&CK's kill
// chains are "mitre-attack", "mitre-mobile-attack" and "mitre-ics-attack", and
// its phases are tactics: "lateral-movement".
type KillChainPhase struct {
	KillChain string `json:"kill_chain_name"`
	Phase     string `json:"phase_name"`
}

// build writes the common properties around those of the type, checks the
// result with Validate, and gives the first problem as an *Error.
func (c Common) build(typ string, own func(*writer)) (*Object, error) {
	if c.ID == "" {
		c.ID = NewID(typ)
	}
	if c.Modified.IsZero() {
		c.Modified = c.Created
	}
	var w writer
	w.value("type", typ)
	w.value("spec_version", "2.1")
	w.value("id", c.ID)
	w.set("created_by_ref", c.CreatedByRef)
	w.set("created", c.Created)
	w.set("modified", c.Modified)
	own(&w)
	w.set("revoked", c.Revoked)
	w.set("labels", c.Labels)
	w.set("confidence", c.Confidence)
	w.set("lang", c.Lang)
	w.set("external_references", c.ExternalReferences)
	w.set("object_marking_refs", c.ObjectMarkingRefs)
	w.set("extensions", c.Extensions)
	w.custom(c.Custom)
	return checked(w.object())
}

func checked(o *Object, err error) (*Object, error) {
	if err != nil {
		return nil, err
	}
	if ps := Validate(o); len(ps) > 0 {
		return nil, &Error{Object: o.id, Property: ps[0].Property, Reason: ps[0].Reason}
	}
	return o, nil
}

// Indicator says what to look for, and until when (section 4.7).
type Indicator struct {
	Common
	Name, Description string
	Types             []string // indicator_types, such as "malicious-activity"
	Pattern           string
	PatternType       string // "stix", "sigma", or another of the open vocabulary
	PatternVersion    string // "2.1" for "stix"
	ValidFrom         time.Time
	ValidUntil        time.Time // zero: no end is stated
	KillChainPhases   []KillChainPhase
}

// Object builds the indicator. A pattern of type "stix" must parse.
func (i Indicator) Object() (*Object, error) {
	return i.build("indicator", func(w *writer) {
		w.set("name", i.Name)
		w.set("description", i.Description)
		w.set("indicator_types", i.Types)
		w.value("pattern", i.Pattern)
		w.value("pattern_type", i.PatternType)
		w.set("pattern_version", i.PatternVersion)
		w.set("valid_from", i.ValidFrom)
		w.set("valid_until", i.ValidUntil)
		w.set("kill_chain_phases", i.KillChainPhases)
	})
}

// Identity is an organisation, a person, a group or a system (section 4.5).
type Identity struct {
	Common
	Name, Description  string
	Roles              []string
	Class              string // "organization", "individual", "group", "system", "class"
	Sectors            []string
	ContactInformation string
}

// Object builds the identity.
func (i Identity) Object() (*Object, error) {
	return i.build("identity", func(w *writer) {
		w.set("name", i.Name)
		w.set("description", i.Description)
		w.set("roles", i.Roles)
		w.set("identity_class", i.Class)
		w.set("sectors", i.Sectors)
		w.set("contact_information", i.ContactInformation)
	})
}

// Sighting says that something was seen (section 5.2).
type Sighting struct {
	Common
	Description         string
	FirstSeen, LastSeen time.Time
	Count               *int // 0 to 999,999,999; nil says nothing
	SightingOfRef       string
	ObservedDataRefs    []string
	WhereSightedRefs    []string // identities or locations; leave out what must not be told
	Summary             bool
}

// Object builds the sighting.
func (s Sighting) Object() (*Object, error) {
	return s.build("sighting", func(w *writer) {
		w.set("description", s.Description)
		w.set("first_seen", s.FirstSeen)
		w.set("last_seen", s.LastSeen)
		w.set("count", s.Count)
		w.value("sighting_of_ref", s.SightingOfRef)
		w.set("observed_data_refs", s.ObservedDataRefs)
		w.set("where_sighted_refs", s.WhereSightedRefs)
		w.set("summary", s.Summary)
	})
}

// Relationship links two objects (section 5.1).
type Relationship struct {
	Common
	RelationshipType     string // "indicates", "based-on", "derived-from" …
	Description          string
	SourceRef, TargetRef string
	StartTime, StopTime  time.Time
}

// Object builds the relationship.
func (r Relationship) Object() (*Object, error) {
	return r.build("relationship", func(w *writer) {
		w.value("relationship_type", r.RelationshipType)
		w.set("description", r.Description)
		w.value("source_ref", r.SourceRef)
		w.value("target_ref", r.TargetRef)
		w.set("start_time", r.StartTime)
		w.set("stop_time", r.StopTime)
	})
}

// Note says something about other objects (section 4.14).
type Note struct {
	Common
	Abstract, Content string
	Authors           []string
	ObjectRefs        []string
}

// Object builds the note.
func (n Note) Object() (*Object, error) {
	return n.build("note", func(w *writer) {
		w.set("abstract", n.Abstract)
		w.value("content", n.Content)
		w.set("authors", n.Authors)
		w.set("object_refs", n.ObjectRefs)
	})
}

// Report gathers objects on one topic (section 4.16).
type Report struct {
	Common
	Name, Description string
	Types             []string // report_types
	Published         time.Time
	ObjectRefs        []string
}

// Object builds the report.
func (r Report) Object() (*Object, error) {
	return r.build("report", func(w *writer) {
		w.value("name", r.Name)
		w.set("description", r.Description)
		w.set("report_types", r.Types)
		w.set("published", r.Published)
		w.set("object_refs", r.ObjectRefs)
	})
}
