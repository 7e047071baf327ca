package stix

// Common holds the properties that all domain and relationship objects share
// (section 3.2).
//
// An object that is built has its properties in one order: type, spec_version, id,
// created_by_ref, created, modified, those of its type, then the others of Common,
// and last the custom ones by name.
type Common struct {
	ID                 string              `stix:"id"` // "" makes a random one
	CreatedByRef       string              `stix:"created_by_ref" ref:"identity"`
	Created            Timestamp           `stix:"created,required"`
	Modified           Timestamp           `stix:"modified,required"` // zero means Created
	Revoked            bool                `stix:"revoked"`
	Labels             []string            `stix:"labels"`
	Confidence         *int                `stix:"confidence" range:"0 100"` // nil states none
	Lang               string              `stix:"lang"`
	ExternalReferences []ExternalReference `stix:"external_references"`
	ObjectMarkingRefs  []string            `stix:"object_marking_refs" ref:"marking-definition"`
	GranularMarkings   []GranularMarking   `stix:"granular_markings"`
	Extensions         map[string]any      `stix:"extensions"` // by the id of their definition
	Custom             map[string]any      `stix:"*"`          // all further properties
}

// ObservableCommon holds the properties that all cyber-observables share (section
// 3.2). They have no versions: the same content is the same observable everywhere.
type ObservableCommon struct {
	ID                string            `stix:"id"` // "" makes the one that section 2.9 asks for
	ObjectMarkingRefs []string          `stix:"object_marking_refs" ref:"marking-definition"`
	GranularMarkings  []GranularMarking `stix:"granular_markings"`
	Defanged          bool              `stix:"defanged"`
	Extensions        map[string]any    `stix:"extensions"` // those without a field of their own, by name
	Custom            map[string]any    `stix:"*"`          // all further properties
}

// ExternalReference points to something outside STIX (section 2.7).
type ExternalReference struct {
	SourceName  string            `stix:"source_name,required"`
	Description string            `stix:"description"`
	URL         string            `stix:"url" form:"url"`
	Hashes      map[string]string `stix:"hashes" form:"hashes"`
	ExternalID  string            `stix:"external_id"`
	Custom      map[string]any    `stix:"*"`
}

// KillChainPhase names a phase of an attack (section 2.11). ATT&CK's kill chains are
// "mitre-attack", "mitre-mobile-attack" and "mitre-ics-attack", and its phases are
// tactics: "lateral-movement".
type KillChainPhase struct {
	KillChain string         `stix:"kill_chain_name,required"`
	Phase     string         `stix:"phase_name,required"`
	Custom    map[string]any `stix:"*"`
}

// GranularMarking marks parts of an object (section 7.2.3), or states their language.
type GranularMarking struct {
	Lang       string         `stix:"lang"`
	MarkingRef string         `stix:"marking_ref" ref:"marking-definition"`
	Selectors  []string       `stix:"selectors,required"` // such as "external_references.[0].url"
	Custom     map[string]any `stix:"*"`
}
