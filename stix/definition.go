package stix

// ExtensionDefinition describes an extension of STIX (section 7.3).
type ExtensionDefinition struct {
	Common
	Name        string `stix:"name,required"`
	Description string `stix:"description"`
	Schema      string `stix:"schema,required"` // the schema itself, or its address
	Version     string `stix:"version,required"`
	// Types is one or more of "new-sdo", "new-sco", "new-sro", "property-extension" and
	// "toplevel-property-extension".
	Types      []string `stix:"extension_types,required" enum:"new-sdo new-sco new-sro property-extension toplevel-property-extension"`
	Properties []string `stix:"extension_properties"`
}

// LanguageContent holds the texts of another object in other languages (section 7.1).
type LanguageContent struct {
	Common
	ObjectRef      string                    `stix:"object_ref,required"`
	ObjectModified Timestamp                 `stix:"object_modified"`   // the version that was translated
	Contents       map[string]map[string]any `stix:"contents,required"` // by language, then by property
}

// MarkingDefinition states how objects may be handled (section 7.2.1). It has no
// versions. [TLPMarking] returns those of TLP 2.0.
type MarkingDefinition struct {
	ID                 string              `stix:"id"` // "" makes a random one
	CreatedByRef       string              `stix:"created_by_ref" ref:"identity"`
	Created            Timestamp           `stix:"created,required"`
	Name               string              `stix:"name"`
	DefinitionType     string              `stix:"definition_type"` // "statement"; "tlp" for the fixed ones of TLP 1
	Definition         map[string]any      `stix:"definition"`      // such as {"statement": "Copyright …"}
	ExternalReferences []ExternalReference `stix:"external_references"`
	ObjectMarkingRefs  []string            `stix:"object_marking_refs" ref:"marking-definition"`
	GranularMarkings   []GranularMarking   `stix:"granular_markings"`
	Extensions         map[string]any      `stix:"extensions"` // by the id of their definition
	Custom             map[string]any      `stix:"*"`
}
