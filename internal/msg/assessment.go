package msg

import "time"

// TopicAssessed carries an Assessed.
const TopicAssessed = "case.assessed"

// Assessed says that a case has a new severity.
type Assessed struct {
	Case   string    `json:"case"`
	Rev    int       `json:"rev"` // counts the assessments of the case on the scale, from 1
	Scale  string    `json:"scale"`
	Lowest int       `json:"lowest"`
	Likely int       `json:"likely"`
	Most   int       `json:"most"`
	At     time.Time `json:"at"`
}
