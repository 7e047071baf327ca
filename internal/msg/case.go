package msg

import "time"

// TopicCase carries a CaseChanged.
const TopicCase = "case.changed"

// CaseChanged says that a case was opened or grew.
type CaseChanged struct {
	Case     string    `json:"case"` // id
	Number   string    `json:"number"`
	Opened   bool      `json:"opened"` // by this change
	Finding  string    `json:"finding,omitempty"`
	Member   string    `json:"member,omitempty"`
	Title    string    `json:"title,omitempty"` // of the finding's rule
	Retro    bool      `json:"retro,omitempty"` // the finding came out of a hunt
	Sectors  []string  `json:"sectors"`
	Level    string    `json:"level"` // the highest rule level in it
	Tactics  []string  `json:"tactics,omitempty"`
	Members  int       `json:"members"`
	Realm    string    `json:"realm"`
	Sensed   time.Time `json:"sensed"`            // the case's first malicious event
	Found    time.Time `json:"found,omitzero"`    // this finding's first event was read
	Detected time.Time `json:"detected,omitzero"` // this finding was made
	At       time.Time `json:"at"`
}
