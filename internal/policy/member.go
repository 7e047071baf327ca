package policy

import "strings"

// Bounds of an audience that a member sends.
const (
	maxAudience = 100
	maxToken    = 200
)

// FromMember returns the handling of something that a member sent, without what a
// member cannot decide: the owner is the authenticated sender, an unknown label is
// RED, and the audience has only tokens that a member may name.
func FromMember(h Handling, member string) Handling {
	h.Owner, h.TLP = member, h.TLP.OrRed()
	var audience Audience
	for _, t := range h.Audience {
		named := t == Community || t == Coordinators || strings.HasPrefix(t, "member:") ||
			strings.HasPrefix(t, "sector:") || strings.HasPrefix(t, "group:")
		if named && len(audience) < maxAudience && len(t) <= maxToken && !strings.ContainsAny(t, ",%") {
			audience = append(audience, t)
		}
	}
	h.Audience = audience
	return h
}
