package stix

// AttackPattern is a way in which attackers try to compromise targets, such as a
// technique of ATT&CK (section 4.1).
type AttackPattern struct {
	Common
	Name            string           `stix:"name,required"`
	Description     string           `stix:"description"`
	Aliases         []string         `stix:"aliases"`
	KillChainPhases []KillChainPhase `stix:"kill_chain_phases"`
}

// CourseOfAction is what to do against an attack (section 4.3).
type CourseOfAction struct {
	Common
	Name        string `stix:"name,required"`
	Description string `stix:"description"`
}

// Incident is an incident. The specification defines no further properties yet
// (section 4.6); they come as extensions.
type Incident struct {
	Common
	Name        string `stix:"name,required"`
	Description string `stix:"description"`
}

// Indicator states what to look for, and until when (section 4.7).
type Indicator struct {
	Common
	Name            string           `stix:"name"`
	Description     string           `stix:"description"`
	Types           []string         `stix:"indicator_types"` // such as "malicious-activity"
	Pattern         string           `stix:"pattern,required"`
	PatternType     string           `stix:"pattern_type,required"` // "stix", "sigma", …; of "stix" Pattern must parse
	PatternVersion  string           `stix:"pattern_version"`       // "2.1" for "stix"
	ValidFrom       Timestamp        `stix:"valid_from,required"`
	ValidUntil      Timestamp        `stix:"valid_until"` // zero states no end
	KillChainPhases []KillChainPhase `stix:"kill_chain_phases"`
}

// Vulnerability is a weakness that attackers can use (section 4.19). Its CVE number
// is the external_id of an external reference whose source_name is "cve".
type Vulnerability struct {
	Common
	Name        string `stix:"name,required"`
	Description string `stix:"description"`
}
