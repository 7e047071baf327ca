// Package credit says what members of a community have earned by what they gave: for
// what others confirm as useful, and never for volume. It is pure: the same ledger, rules
// and time give the same accounts, in whatever order the ledger lists what happened.
//
// What is measured follows Al-Ibrahim, Mohaisen, Kamhoua, Kwiat and Njilla, "Beyond Free
// Riding: Quality of Indicators for Assessing Participation in Information Sharing for
// Threat Intelligence" (arXiv 1702.00552): correctness (a mistake that is upheld costs),
// relevance and utility (other members saw it, and saw it in time), uniqueness (who gave a
// value first). That no rule that treats all members alike can withstand invented members
// is shown in Cheng and Friedman, "Sybilproof Reputation Mechanisms" (2005); so here
// trust has a root, the anchors, and flows from it for two steps and no further:
//
//   - An anchor is a member that the community named, or, where it named none, one of those
//     that joined first. Its word counts in full.
//   - Another member's word counts as far as anchors have confirmed what it gave (Trusted),
//     and only once several anchors have. A member that none ever confirmed counts for nothing,
//     and so do a thousand of them.
//
// On top of that a gift earns nothing until members of several organisations confirm it
// (Rules.Quorum), the word of one member for another counts less each time (Rules.Repeat),
// and the word of two who mostly confirm each other is damped (Rules.Close). So a pair or a
// clique without an anchor among it earns exactly nothing by confirming itself; one that has
// earned standing can add to what it has at most what Rules.Repeat leaves of its own word.
package credit

import (
	"math"
	"strconv"
	"time"
)

// Points are millionths of a point, so that a sum is exactly the sum of its lines.
type Points int64

// Point is one point.
const Point Points = 1_000_000

// Float returns the points as a number.
func (p Points) Float() float64 { return float64(p) / float64(Point) }

// String returns the points with one decimal, cut towards zero.
func (p Points) String() string {
	return strconv.FormatFloat(math.Trunc(p.Float()*10)/10, 'f', 1, 64)
}

// points rounds a number of points down.
func points(f float64) Points { return Points(f * float64(Point)) }

// Member is an organisation of the community.
type Member struct {
	ID     string
	Joined time.Time
	Group  string // organisations with the same group speak with one voice; empty: none
	Anchor bool   // its word counts in full, whatever its age
}

// Gift is an object that a member gave.
type Gift struct {
	Object string
	Giver  string
	Value  string // what it is about: who gives it first is credited. Empty: the object itself
	At     time.Time
	Warned bool // it says nothing by itself: a list of harmless values has it
}

// Confirmation is a member's word that it saw what another gave.
type Confirmation struct {
	Object string
	By     string
	At     time.Time
	InTime bool // seen as it happened, and not only found in the past
}

// Verdict is a member's statement that an object is a mistake, upheld by the community's
// coordinators or by who gave it. A statement that nobody upheld is none: else a few
// members could take another's credit away.
type Verdict struct {
	Object string
	By     string
	At     time.Time
}

// Ledger is what happened. The order within each list means nothing; what is listed twice
// counts once.
type Ledger struct {
	Members       []Member
	Gifts         []Gift
	Confirmations []Confirmation
	Verdicts      []Verdict
}

// Account is what one member has earned.
type Account struct {
	Member    string
	Points    Points // the sum of the lines, and not less than 0
	Given     int    // objects
	Confirmed int    // of them, those that earned something
	Mistakes  int    // of them, those that were found to be wrong
	Lines     []Line // one for each object and each correction, the greatest first
}
