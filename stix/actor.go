package stix

// Campaign is a group of attacks over a time against the same targets (section 4.2).
type Campaign struct {
	Common
	Name        string    `stix:"name,required"`
	Description string    `stix:"description"`
	Aliases     []string  `stix:"aliases"`
	FirstSeen   Timestamp `stix:"first_seen"`
	LastSeen    Timestamp `stix:"last_seen"`
	Objective   string    `stix:"objective"`
}

// Identity is an organisation, a person, a group or a system (section 4.5).
type Identity struct {
	Common
	Name               string   `stix:"name,required"`
	Description        string   `stix:"description"`
	Roles              []string `stix:"roles"`
	Class              string   `stix:"identity_class"` // "organization", "individual", "group", "system", "class"
	Sectors            []string `stix:"sectors"`
	ContactInformation string   `stix:"contact_information"`
}

// IntrusionSet is a set of behaviour and resources that one organisation is thought
// to be behind (section 4.9).
type IntrusionSet struct {
	Common
	Name                 string    `stix:"name,required"`
	Description          string    `stix:"description"`
	Aliases              []string  `stix:"aliases"`
	FirstSeen            Timestamp `stix:"first_seen"`
	LastSeen             Timestamp `stix:"last_seen"`
	Goals                []string  `stix:"goals"`
	ResourceLevel        string    `stix:"resource_level"`
	PrimaryMotivation    string    `stix:"primary_motivation"`
	SecondaryMotivations []string  `stix:"secondary_motivations"`
}

// Location is a place: a region, a country or a point (section 4.10).
type Location struct {
	Common
	Name               string   `stix:"name"`
	Description        string   `stix:"description"`
	Latitude           *float64 `stix:"latitude" range:"-90 90"`
	Longitude          *float64 `stix:"longitude" range:"-180 180"`
	Precision          *float64 `stix:"precision"` // in metres
	Region             string   `stix:"region"`
	Country            string   `stix:"country"` // ISO 3166-1, two letters
	AdministrativeArea string   `stix:"administrative_area"`
	City               string   `stix:"city"`
	StreetAddress      string   `stix:"street_address"`
	PostalCode         string   `stix:"postal_code"`
}

// ThreatActor is a person, a group or an organisation that attacks (section 4.17).
type ThreatActor struct {
	Common
	Name                 string    `stix:"name,required"`
	Description          string    `stix:"description"`
	Types                []string  `stix:"threat_actor_types"`
	Aliases              []string  `stix:"aliases"`
	FirstSeen            Timestamp `stix:"first_seen"`
	LastSeen             Timestamp `stix:"last_seen"`
	Roles                []string  `stix:"roles"`
	Goals                []string  `stix:"goals"`
	Sophistication       string    `stix:"sophistication"`
	ResourceLevel        string    `stix:"resource_level"`
	PrimaryMotivation    string    `stix:"primary_motivation"`
	SecondaryMotivations []string  `stix:"secondary_motivations"`
	PersonalMotivations  []string  `stix:"personal_motivations"`
}
