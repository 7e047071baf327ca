// Package coverage lays rules out over MITRE ATT&CK: which techniques they look
// for and which were found, at a node by the rules that are loaded, at the hub by
// findings and by the pooled figures of members.
package coverage

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Rule is a rule as coverage looks at it.
type Rule struct {
	ID, Title, Level string
	Product          string // "" if it is for every product
	Correlation      bool   // a correlation; without Product it is for several, and none is known to be enough
	Tags             []string
	Hits             int64
	Quarantined      bool // in quarantine
}

// Cell is one technique of the matrix, its sub-techniques folded in.
type Cell struct {
	attack.Technique
	Rules   int   // that name it or one of its sub-techniques
	Hits    int64 // of those rules
	Members int   // that cover it, as far as that is disclosed; 0: not disclosed
	Subs    []Cell
}

// Tactic is one column of the matrix.
type Tactic struct {
	Key   string
	Cells []Cell // in the order of their names
	Loose int    // rules of this tactic that name no technique
}

// Coverage is which techniques are looked for, and which were found.
type Coverage struct {
	Tactics  []Tactic
	Cells    []Cell         // every technique once, in the order of their ids
	Missing  []Cell         // that nothing looks for
	Products map[string]int // rules by product, of all rules that were given
	Rules    int            // that name a technique or a tactic, after the filter
	Untagged int            // that name neither
}

// Of lays rules out over ATT&CK. A rule for every product counts under each;
// product "" takes all rules. figures may be nil.
func Of(a *attack.List, rules []Rule, product string, figures map[string]map[string]wire.PooledFigure) Coverage {
	c := Coverage{Products: map[string]int{}}
	cells, loose := map[string]*Cell{}, map[string]int{}
	tacticsBy := map[string]map[string]bool{} // of techniques that are not in the list
	cell := func(id string) *Cell {
		if cells[id] == nil {
			t, _ := a.Find(id)
			cells[id] = &Cell{Technique: t}
		}
		return cells[id]
	}
	for _, t := range a.Techniques {
		if !t.Old {
			cell(t.ID)
		}
	}
	for _, r := range rules {
		if r.Product != "" {
			c.Products[strings.ToLower(r.Product)]++
		}
		if product != "" && (r.Product != "" || r.Correlation) && !strings.EqualFold(r.Product, product) {
			continue
		}
		techniques, serves := attack.TechniquesOf(r.Tags), attack.TacticsOf(r.Tags)
		if len(techniques) == 0 {
			if len(serves) == 0 {
				c.Untagged++
				continue
			}
			for _, t := range serves {
				loose[t]++
			}
		}
		c.Rules++
		counted := map[string]bool{}
		for _, id := range techniques {
			for _, x := range []string{id, attack.Parent(id)} {
				if counted[x] {
					continue
				}
				counted[x] = true
				cell(x).Rules++
				cell(x).Hits += r.Hits
			}
			if top, known := a.Find(attack.Parent(id)); !known || len(top.Tactics) == 0 {
				for _, t := range serves {
					serve(tacticsBy, attack.Parent(id), t)
				}
			}
		}
	}
	for id, x := range cells {
		x.Members = figures[pool.FigureCovered][id].Members
		if by := tacticsBy[id]; by != nil {
			x.Tactics = slices.SortedFunc(maps.Keys(by), func(a, b string) int {
				return slices.Index(attack.Tactics, a) - slices.Index(attack.Tactics, b)
			})
		}
	}
	c.fold(cells, loose)
	return c
}

func serve(m map[string]map[string]bool, a, b string) {
	if m[a] == nil {
		m[a] = map[string]bool{}
	}
	m[a][b] = true
}

// fold puts sub-techniques below their techniques, and techniques into columns.
func (c *Coverage) fold(cells map[string]*Cell, loose map[string]int) {
	columns := map[string][]Cell{}
	for _, id := range slices.Sorted(maps.Keys(cells)) {
		if top := attack.Parent(id); top != id {
			if cells[top] == nil {
				cells[top] = &Cell{Technique: attack.Technique{ID: top, Name: top}}
			}
			cells[top].Subs = append(cells[top].Subs, *cells[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cells)) {
		x := *cells[id]
		if attack.Parent(id) != id {
			continue
		}
		c.Cells = append(c.Cells, x)
		if x.Rules == 0 && x.Members == 0 && !x.Old {
			c.Missing = append(c.Missing, x)
		}
		for _, t := range x.Tactics {
			columns[t] = append(columns[t], x)
		}
	}
	for _, t := range attack.Tactics {
		list := columns[t]
		slices.SortStableFunc(list, func(a, b Cell) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
		})
		c.Tactics = append(c.Tactics, Tactic{Key: t, Cells: list, Loose: loose[t]})
	}
}

// Loose counts the rules that name a tactic and no technique; one that names
// two tactics counts for both.
func (c Coverage) Loose() (n int) {
	for _, t := range c.Tactics {
		n += t.Loose
	}
	return n
}

// Covered counts the techniques that a rule looks for, and all there are.
func (c Coverage) Covered() (covered, all int) {
	for _, x := range c.Cells {
		if x.Old && x.Rules == 0 {
			continue
		}
		all++
		if x.Rules > 0 || x.Members > 0 {
			covered++
		}
	}
	return covered, all
}

// Find returns a technique or sub-technique of the coverage.
func (c Coverage) Find(id string) (Cell, bool) {
	for _, x := range c.Cells {
		if x.ID == id {
			return x, true
		}
		for _, s := range x.Subs {
			if s.ID == id {
				return s, true
			}
		}
	}
	return Cell{}, false
}

// LoadedRules returns what reads the rules that a node has loaded, with their hits
// since a time.
func LoadedRules(health *rulehealth.Health) func(tx *store.Tx, since time.Time) ([]Rule, error) {
	return func(tx *store.Tx, since time.Time) ([]Rule, error) {
		sums, err := rulehealth.HitSums(tx, since)
		if err != nil {
			return nil, err
		}
		quarantined := health.Quarantined()
		var out []Rule
		for r := range health.Engine.Loaded {
			h := sums[r.Key]
			out = append(out, Rule{ID: r.Key, Title: r.Title, Level: string(r.Level), Product: r.Product,
				Correlation: r.Correlation, Tags: r.Tags,
				Hits: h.Live + h.Retro + h.Muted, Quarantined: quarantined[r.Key].Active()})
		}
		sortByTitle(out)
		return out, nil
	}
}

func sortByTitle(list []Rule) {
	slices.SortFunc(list, func(a, b Rule) int {
		return cmp.Or(strings.Compare(a.Title, b.Title), strings.Compare(a.ID, b.ID))
	})
}

// FoundRules returns the rules that a hub knows of: those of findings that the
// scope may see, with the events in them since a time.
func FoundRules(tx *store.Tx, since time.Time) ([]Rule, error) {
	list, err := finding.Rules(tx, since)
	var out []Rule
	for _, r := range list {
		out = append(out, Rule{ID: r.ID, Title: r.Title, Level: r.Level, Tags: r.Tags, Hits: r.Events})
	}
	sortByTitle(out)
	return out, err
}
