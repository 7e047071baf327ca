package credit

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// Whole is the standing of a member whose word counts in full. Standings and ties are in
// quarters, so that what one member has earned cannot be read off what its word is worth to
// another.
const Whole = 4

// Trust is how much members' words count. It is plain data, so that a community can work it
// out now and then instead of each time, and can keep it.
type Trust struct {
	// Standing is how much a member's word counts, in quarters. Members that are not listed
	// count nothing.
	Standing map[string]int `json:"standing"`
	// Ties is by how many quarters a member's word for another is damped.
	Ties map[string]map[string]int `json:"ties,omitempty"`
}

// counts returns what a word is worth, from 0 to 1.
func (t Trust) counts(p pair) float64 {
	return float64(t.Standing[p.by]) / Whole * float64(Whole-t.Ties[p.by][p.giver]) / Whole
}

// Trusted returns how much members' words count: anchors count in full, others as far as
// anchors confirmed what they gave, and those who mostly confirm each other are damped.
func Trusted(l Ledger, r Rules, now time.Time) Trust {
	t := Trust{Standing: map[string]int{}}
	for _, id := range anchors(l.Members, r) {
		t.Standing[id] = Whole
	}
	b := open(l, r, t, now)
	t.Ties = b.ties()
	// One anchor's word for an object is enough here, so that members that few anchors meet
	// are known too; but more than one anchor must have spoken for the member.
	single := r
	single.Quorum = 1
	accounts, voices, earned := Accounts(l, single, t, now), b.spokeFor(), map[string]int{}
	age := time.Duration(r.MinAgeDays * 24 * float64(time.Hour))
	for _, m := range l.Members {
		if t.Standing[m.ID] > 0 || now.Sub(m.Joined) < age || voices[m.ID] < r.Quorum {
			continue
		}
		if p := accounts[m.ID].Points.Float(); p > 0 {
			earned[m.ID] = min(int(Whole*p/(p+r.Proven)), Whole-1)
		}
	}
	maps.Copy(t.Standing, earned)
	return t
}

// ties returns by how many quarters each member's word for each other is damped.
func (b *books) ties() map[string]map[string]int {
	share := func(by, giver string) float64 {
		if b.spoke[by] == 0 {
			return 0
		}
		return float64(b.pairs[pair{by, giver}]) / float64(b.spoke[by])
	}
	out := map[string]map[string]int{}
	for p := range b.pairs {
		mutual := math.Sqrt(share(p.by, p.giver) * share(p.giver, p.by))
		n := int(Whole * min(max(mutual/b.rules.Close-1, 0), 1))
		if n == 0 {
			continue
		}
		if out[p.by] == nil {
			out[p.by] = map[string]int{}
		}
		out[p.by][p.giver] = n
	}
	return out
}

// spokeFor returns how many independent members of standing have confirmed anything that
// each member gave.
func (b *books) spokeFor() map[string]int {
	voices := map[string]map[string]bool{}
	for p := range b.pairs {
		if b.trust.Standing[p.by] > 0 {
			if voices[p.giver] == nil {
				voices[p.giver] = map[string]bool{}
			}
			voices[p.giver][b.voice(p.by)] = true
		}
	}
	out := map[string]int{}
	for id, set := range voices {
		out[id] = len(set)
	}
	return out
}

// anchors returns the members whose word counts in full.
func anchors(members []Member, r Rules) (out []string) {
	list := slices.Clone(members)
	for _, m := range list {
		if m.Anchor || slices.Contains(r.Anchors, m.ID) {
			out = append(out, m.ID)
		}
	}
	if len(out) > 0 {
		return out
	}
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(a.Joined.Compare(b.Joined), cmp.Compare(a.ID, b.ID))
	})
	for _, m := range list[:min(r.Founders, len(list))] {
		out = append(out, m.ID)
	}
	return out
}

// voices returns by whose name each member speaks: its own, or that of its group.
func voices(members []Member, r Rules) func(id string) string {
	by := map[string]string{}
	for _, m := range members {
		if m.Group != "" {
			by[m.ID] = "group:" + m.Group
		}
	}
	for _, g := range r.Groups {
		if len(g) == 0 {
			continue
		}
		name := "group of " + slices.Min(g)
		for _, id := range g {
			by[id] = name
		}
	}
	return func(id string) string { return cmp.Or(by[id], id) }
}
