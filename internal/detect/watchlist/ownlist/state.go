package ownlist

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/watchlist"
)

// State describes a watchlist.
type State struct {
	Entries int64    `json:"entries"`
	Memory  int64    `json:"memory_bytes"`
	File    int64    `json:"file_bytes"`
	Sources []Source `json:"sources"`
	Notices []string `json:"notices,omitempty"`
	Damage  string   `json:"damage,omitempty"`
}

// Source is a source of a watchlist.
type Source struct {
	Source  string           `json:"source"`
	Entries int64            `json:"entries"`
	Expired int64            `json:"expired"`
	TLP     map[string]int64 `json:"tlp"`
	Types   map[string]int64 `json:"types"`
	Until   time.Time        `json:"until,omitzero"` // when the last entry that has an end expires
}

// State reads the whole list, see Access.
func (l *List) State(ctx context.Context) (State, error) {
	out := State{Sources: []Source{}}
	list, err := l.open(false)
	if err != nil || list == nil {
		return out, err
	}
	st, now := list.Stats(), l.Clock()
	out.Memory, out.File, out.Notices = st.Memory, st.File, st.Notices
	if st.Damage != nil {
		out.Damage = st.Damage.Error()
	}
	by := map[string]*Source{}
	err = list.All(ctx, func(e watchlist.Entry) bool {
		s := by[e.Source]
		if s == nil {
			s = &Source{Source: e.Source, TLP: map[string]int64{}, Types: map[string]int64{}}
			by[e.Source] = s
		}
		out.Entries++
		s.Entries++
		s.TLP[e.TLP.String()]++
		s.Types[string(e.Type)]++
		if !e.ValidUntil.IsZero() && !e.ValidUntil.After(now) {
			s.Expired++
		}
		if e.ValidUntil.After(s.Until) {
			s.Until = e.ValidUntil
		}
		return true
	})
	for _, s := range by {
		out.Sources = append(out.Sources, *s)
	}
	slices.SortFunc(out.Sources, func(a, b Source) int { return strings.Compare(a.Source, b.Source) })
	return out, l.fault(err)
}
