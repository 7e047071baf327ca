package wire

import (
	"time"

	"github.com/meneki/meneki/internal/policy"
)

// RuleHealth is a member's statement on how its rules do: numbers, and the ids of
// the rules and techniques that they are about. It holds no title, host, account,
// value, reason or hour, and each number is rounded down by Step before it
// leaves. It is the whole of what the member says: a later one replaces an
// earlier one.
type RuleHealth struct {
	ID         string           `json:"id"`
	At         time.Time        `json:"at"`
	Withdraw   bool             `json:"withdraw,omitempty"` // forget all that this member said of its rules
	Rules      []RuleTally      `json:"rules"`
	Techniques []TechniqueTally `json:"techniques"`
	Handling   policy.Handling  `json:"handling"`
}

// RuleTally is one rule at one member.
type RuleTally struct {
	Rule  string `json:"rule"`            // a UUID, or sha256- and 32 hexadecimal digits; other ids never leave
	Hits  int    `json:"hits,omitempty"`  // in the last 30 days, by Step
	False bool   `json:"false,omitempty"` // an analyst has marked it as a false alarm
}

// TechniqueTally is how many rules a member has loaded for an ATT&CK technique
// or sub-technique.
type TechniqueTally struct {
	Technique string `json:"technique"` // T1059.001
	Rules     int    `json:"rules"`     // by Step
}

// Step rounds a count down to 0, 1, 2, 5, 10, 20, 50 and so on: enough to tell
// a quiet rule from a noisy one, too coarse to follow what happens from day to
// day. Everything from a billion up is a billion.
func Step(n int64) int {
	if n < 1 {
		return 0
	}
	for p := int64(1_000_000_000); p > 0; p /= 10 {
		for _, f := range []int64{5, 2, 1} {
			if s := f * p; n >= s && s <= 1_000_000_000 {
				return int(s)
			}
		}
	}
	return 0
}

// PooledRequest asks for the pooled figures behind a place; the empty place is the start.
type PooledRequest struct {
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"` // 0 is the hub's own bound
}

// Pooled is a part of the community's figures on rules. All members get the same.
type Pooled struct {
	Day     int64          `json:"day"` // of the edition, in days since 1970 UTC; 0: there is none yet
	Figures []PooledFigure `json:"figures"`
	Next    string         `json:"next,omitempty"` // place to go on from; empty: that was all
}

// PooledFigure is what several members say of one rule or technique. There is
// none of fewer members than the hub's least number.
type PooledFigure struct {
	Figure  string `json:"figure" db:"figure"`   // found, false, hits, covered, rules
	Subject string `json:"subject" db:"subject"` // rule id, or technique
	Members int    `json:"members" db:"members"` // how many say so
	Typical int    `json:"typical" db:"typical"` // the lower median of their numbers, by Step
	Day     int64  `json:"day" db:"day"`         // since when the figure stands, in days since 1970 UTC
}
