package object

import (
	"slices"
	"strings"

	"github.com/meneki/meneki/internal/policy"
)

// reach is who may see a thing, in a form in which things that the same viewers may see
// are the same: what a stream is made by. An owner and an audience that policy asks for
// in no case are not in it.
type reach string

const (
	reachAll       reach = "all"       // CLEAR
	reachCommunity reach = "community" // GREEN
)

// reachOf returns the reach of a handling.
func reachOf(h policy.Handling) reach {
	tokens := policy.ParseAudience(h.Audience.Column()) // as it is stored, and sorted
	switch h.TLP {
	case policy.Clear:
		return reachAll
	case policy.Green:
		return reachCommunity
	case policy.Amber, policy.AmberStrict:
		if slices.Contains(tokens, policy.Community) { // its owner is in the community too
			return "amber\n\n" + policy.Community
		}
		return reach("amber\n" + h.Owner + "\n" + strings.Join(tokens, ","))
	}
	return reach("red\n" + h.Owner + "\n" + strings.Join(tokens, ","))
}

// handling returns a handling of the reach, to ask policy with.
func (r reach) handling() policy.Handling {
	switch r {
	case reachAll:
		return policy.Handling{TLP: policy.Clear}
	case reachCommunity:
		return policy.Handling{TLP: policy.Green}
	}
	label, rest, _ := strings.Cut(string(r), "\n")
	owner, tokens, _ := strings.Cut(rest, "\n")
	h := policy.Handling{TLP: policy.Red, Owner: owner, Audience: policy.ParseAudience(tokens)}
	if label == "amber" {
		h.TLP = policy.AmberStrict
	}
	return h
}

// covers reports whether whoever may see something of the reach other may see r too. It
// may say no where the answer is yes, but never the other way.
func (r reach) covers(other reach) bool {
	switch {
	case r == other || r == reachAll:
		return true
	case other == reachAll:
		return false
	case r == reachCommunity:
		return true // RED names persons of the hub and of members too
	case other == reachCommunity:
		return false
	case r == "amber\n\n"+policy.Community:
		return true
	}
	wide, narrow := r.handling(), other.handling()
	if wide.Owner != narrow.Owner || wide.TLP == policy.Red && narrow.TLP != policy.Red {
		return false
	}
	for _, t := range narrow.Audience {
		coordinators := t == policy.Coordinators && wide.TLP != policy.Red
		if !coordinators && !slices.Contains(wide.Audience, t) {
			return false
		}
	}
	return true
}

// ownerOnly is the handling of what nobody else is to see any more.
func ownerOnly(owner string) policy.Handling { return policy.Handling{TLP: policy.Red, Owner: owner} }
