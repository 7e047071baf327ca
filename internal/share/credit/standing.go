package credit

import (
	"cmp"
	"slices"
	"time"
)

// Whole is the standing of a member whose word counts in full. Standings are in quarters, so
// that what one member has earned cannot be read off what its word is worth to another.
const Whole = 4

// Standings returns how much each member's word counts, in quarters: anchors count in full,
// others as far as anchors confirmed what they gave. Members that are not listed count
// nothing.
func Standings(l Ledger, r Rules, now time.Time) map[string]int {
	out := map[string]int{}
	for _, id := range anchors(l.Members, r) {
		out[id] = Whole
	}
	// One anchor's word for an object is enough here, so that members that few anchors meet
	// are known too; but more than one anchor must have spoken for the member.
	single := r
	single.Quorum = 1
	accounts, voices := Accounts(l, single, out, now), spoke(l, r, out)
	age := time.Duration(r.MinAgeDays * 24 * float64(time.Hour))
	for _, m := range l.Members {
		if _, ok := out[m.ID]; ok || now.Sub(m.Joined) < age || voices[m.ID] < r.Quorum {
			continue
		}
		if p := accounts[m.ID].Points.Float(); p > 0 {
			out[m.ID] = min(int(Whole*p/(p+r.Proven)), Whole-1)
		}
	}
	return out
}

// spoke returns how many independent anchors have confirmed anything that each member gave.
func spoke(l Ledger, r Rules, anchors map[string]int) map[string]int {
	b := open(l, r, anchors, time.Time{})
	voices := map[string]map[string]bool{}
	for p := range b.pairs {
		if anchors[p.by] > 0 {
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
