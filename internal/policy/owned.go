package policy

import "strings"

// Bounds of an audience that comes over the wire.
const (
	maxAudience = 100
	maxToken    = 200
)

// Owned gives a handling as it may be believed of a member: the owner is the
// authenticated sender whatever it says, an unknown label is RED, and of the
// audience only tokens stay that a member can name.
func Owned(h Handling, member string) Handling {
	h.Owner = member
	if h.TLP < Clear || h.TLP > Red {
		h.TLP = Red
	}
	var keep Audience
	for _, t := range h.Audience {
		named := t == Community || t == HubDesk || strings.HasPrefix(t, "member:") || strings.HasPrefix(t, "sector:")
		if named && len(keep) < maxAudience && len(t) <= maxToken && !strings.ContainsAny(t, ",%") {
			keep = append(keep, t)
		}
	}
	h.Audience = keep
	return h
}
