package stix

// Grouping states that objects have a context in common, short of a report (section
// 4.4).
type Grouping struct {
	Common
	Name        string   `stix:"name"`
	Description string   `stix:"description"`
	Context     string   `stix:"context,required"` // "suspicious-activity", "malware-analysis", "unspecified"
	ObjectRefs  []string `stix:"object_refs,required"`
}

// Note is a comment on other objects (section 4.13).
type Note struct {
	Common
	Abstract   string   `stix:"abstract"`
	Content    string   `stix:"content,required"`
	Authors    []string `stix:"authors"`
	ObjectRefs []string `stix:"object_refs,required"`
}

// ObservedData states what was seen on systems and networks, and how often (section
// 4.14).
type ObservedData struct {
	Common
	FirstObserved  Timestamp      `stix:"first_observed,required"`
	LastObserved   Timestamp      `stix:"last_observed,required"`
	NumberObserved int            `stix:"number_observed,required" range:"1 999999999"`
	Objects        map[string]any `stix:"objects"` // the deprecated form; else ObjectRefs
	ObjectRefs     []string       `stix:"object_refs"`
}

// Opinion is an assessment of whether other objects are right (section 4.15).
type Opinion struct {
	Common
	Explanation string   `stix:"explanation"`
	Authors     []string `stix:"authors"`
	Opinion     string   `stix:"opinion,required" enum:"strongly-disagree disagree neutral agree strongly-agree"`
	ObjectRefs  []string `stix:"object_refs,required"`
}

// Report is a collection of objects on one topic that is published (section 4.16).
type Report struct {
	Common
	Name        string    `stix:"name,required"`
	Description string    `stix:"description"`
	Types       []string  `stix:"report_types"`
	Published   Timestamp `stix:"published,required"`
	ObjectRefs  []string  `stix:"object_refs,required"`
}

// Relationship links two objects (section 5.1).
type Relationship struct {
	Common
	RelationshipType string    `stix:"relationship_type,required"` // "indicates", "based-on", "derived-from", …
	Description      string    `stix:"description"`
	SourceRef        string    `stix:"source_ref,required" ref:"related"`
	TargetRef        string    `stix:"target_ref,required" ref:"related"`
	StartTime        Timestamp `stix:"start_time"`
	StopTime         Timestamp `stix:"stop_time"`
}

// Sighting states that something was seen (section 5.2).
type Sighting struct {
	Common
	Description      string    `stix:"description"`
	FirstSeen        Timestamp `stix:"first_seen"`
	LastSeen         Timestamp `stix:"last_seen"`
	Count            *int      `stix:"count" range:"0 999999999"` // nil states none
	SightingOfRef    string    `stix:"sighting_of_ref,required" ref:"related"`
	ObservedDataRefs []string  `stix:"observed_data_refs" ref:"observed-data"`
	WhereSightedRefs []string  `stix:"where_sighted_refs" ref:"identity location"`
	Summary          bool      `stix:"summary"`
}
