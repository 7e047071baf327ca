package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Groups is the set of trust groups that a member belongs to, by their ids. It is a
// string, so that viewers can be compared: the ids sorted, each once, between commas. The
// zero Groups is none. Make it with GroupsOf.
type Groups string

// GroupsOf returns the set of some ids. An id that cannot be in an audience is in no set.
func GroupsOf(ids ...string) Groups {
	keep := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" || !storable(id) })
	if len(keep) == 0 {
		return ""
	}
	slices.Sort(keep)
	return Groups(strings.Join(slices.Compact(keep), ","))
}

// List returns the ids, sorted.
func (g Groups) List() []string {
	if g == "" {
		return nil
	}
	return strings.Split(string(g), ",")
}

// Has reports whether a group is in the set.
func (g Groups) Has(id string) bool { return id != "" && slices.Contains(g.List(), id) }

// MarshalJSON writes the ids as a list.
func (g Groups) MarshalJSON() ([]byte, error) {
	list := g.List()
	if list == nil {
		list = []string{}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of ids.
func (g *Groups) UnmarshalJSON(b []byte) error {
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*g = GroupsOf(list...)
	return nil
}
