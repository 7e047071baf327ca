// Package casework keeps the cases that several organisations work on
// together. A finding that a member sends joins the case it is related to, or
// opens one; everything that happens is an entry in the case's timeline, and
// each entry carries its own handling, so that every party reads its own case.
package casework

import (
	"embed"
	"io/fs"
	"time"

	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql templates
var files embed.FS

// Migration is casework's part of the hub's schema.
func Migration() store.Migration { return store.Migration{Name: "casework", FS: files} }

// Templates are the pages of cases.
func Templates() fs.FS { return files }

// State is where a case stands.
type State string

// The states of a case.
const (
	Open      State = "open"
	Contained State = "contained"
	Closed    State = "closed"
)

// Case is work on an incident by several organisations.
type Case struct {
	ID       string          `db:"id"`
	Number   string          `db:"number"` // MNK-2026-4711, drawn
	Title    string          `db:"title"`
	State    State           `db:"state"`
	Realm    string          `db:"realm"`
	Level    string          `db:"level"` // highest rule level in it
	Sectors  []string        `db:"sectors,json"`
	Tactics  []string        `db:"tactics,json"`
	Members  int             `db:"members"`
	Findings int             `db:"findings"`
	Severity int             `db:"severity"` // likely; -1 before it was assessed
	Lowest   int             `db:"lowest"`
	Highest  int             `db:"highest"`
	Assessed int             `db:"assessed"` // which assessment of the case the severity is from; 0 is none
	Opened   time.Time       `db:"opened"`
	Updated  time.Time       `db:"updated"`
	Closed   time.Time       `db:"closed"`
	Sensed   time.Time       `db:"sensed"` // first malicious event, by the hub's clock
	Words    string          `db:"words"`
	Handling policy.Handling `db:",handling"`
}

const caseColumns = "c.id, c.number, c.title, c.state, c.realm, c.level, c.sectors, c.tactics, " +
	"c.members, c.findings, " +
	"c.severity, c.lowest, c.highest, c.assessed, c.opened, c.updated, c.closed, c.sensed, c.words, c.tlp, " +
	"c.owner, c.audience"

// Part is one finding in a case.
type Part struct {
	Finding  string          `db:"finding"`
	Case     string          `db:"case_id"`
	Member   string          `db:"member"`
	Title    string          `db:"title"`
	Words    string          `db:"words"` // the title, as it is searched
	Level    string          `db:"level"`
	Rule     string          `db:"rule"`
	Host     string          `db:"host"`
	Count    int             `db:"count"`
	Retro    bool            `db:"retro"`
	Why      string          `db:"why"` // by which key it joined: opened, indicator, observable, host, rule
	At       time.Time       `db:"at"`
	Handling policy.Handling `db:",handling"`
}

const partColumns = "p.finding, p.case_id, p.member, p.title, p.words, p.level, p.rule, p.host, p.count, p.retro, " +
	"p.why, p.at, p.tlp, p.owner, p.audience"

// Class splits what may be shared early from what protects the victim.
type Class string

// The classes of an entry.
const (
	Technical    Class = "technical"
	Victim       Class = "victim"
	Coordination Class = "coordination"
)

// Entry is one line of a case's timeline.
type Entry struct {
	ID       string          `db:"id"`
	Case     string          `db:"case_id"`
	At       time.Time       `db:"at"`
	Kind     string          `db:"kind"` // opened finding severity indicator armed hunted sighting note state
	Class    Class           `db:"class"`
	Member   string          `db:"member"`
	By       string          `db:"by_user"`
	Subject  string          `db:"subject"`   // id of what it is about
	Says     string          `db:"says"`      // a key of sentences
	Args     []string        `db:"args,json"` // exact
	Handling policy.Handling `db:",handling"`
}

const entryColumns = "e.id, e.case_id, e.at, e.kind, e.class, e.member, e.by_user, e.subject, e.says, e.args, " +
	"e.tlp, e.owner, e.audience"
