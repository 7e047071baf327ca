package timeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Tally counts matches in bounded memory. The zero Tally counts from nothing.
// Not safe for concurrent use.
type Tally struct {
	Matches     int64
	Levels      Counts    // by level, in the order of Levels
	First, Last time.Time // of those that state a time
	NoTime      int64     // matches of records that state none
	Times       Histogram
	OtherHosts  int64 // matches on hosts beyond the first maxHosts distinct ones

	rules map[*sigma.Rule]*Count
	hosts map[string]*Count
	tags  map[string]*Count
}

// Counts are numbers of matches by level, in the order of Levels.
type Counts [len(Levels)]int64

// Worst returns the index in Levels of the most severe level that was counted.
func (c Counts) Worst() int {
	for i, n := range c {
		if n > 0 {
			return i
		}
	}
	return len(c) - 1
}

// Count is how often something was in a match.
type Count struct {
	Name        string
	Rule        *sigma.Rule // of a count by rule
	Matches     int64
	Levels      Counts
	First, Last time.Time
	hosts       map[string]struct{}
}

// Hosts is on how many hosts it was, at most maxRuleHosts.
func (c *Count) Hosts() int { return len(c.hosts) }

const (
	maxHosts     = 50_000 // distinct hosts that are counted one by one
	maxRuleHosts = 1_000  // distinct hosts that are counted for each rule
)

func (c *Count) add(m *Match, level int) {
	c.Matches++
	c.Levels[level]++
	span(&c.First, &c.Last, m.Time)
}

func span(first, last *time.Time, t time.Time) {
	if t.IsZero() {
		return
	}
	if first.IsZero() || t.Before(*first) {
		*first = t
	}
	if last.IsZero() || t.After(*last) {
		*last = t
	}
}

// Add counts m.
func (t *Tally) Add(m *Match) {
	if t.rules == nil {
		t.rules, t.hosts, t.tags = map[*sigma.Rule]*Count{}, map[string]*Count{}, map[string]*Count{}
	}
	level := levelIndex(m.Rule.Level)
	t.Matches++
	t.Levels[level]++
	span(&t.First, &t.Last, m.Time)
	if m.Time.IsZero() {
		t.NoTime++
	} else {
		t.Times.Add(m.Time, level)
	}
	r := t.rules[m.Rule]
	if r == nil {
		r = &Count{Name: m.Rule.Title, Rule: m.Rule, hosts: map[string]struct{}{}}
		t.rules[m.Rule] = r
	}
	r.add(m, level)
	if m.Host != "" && len(r.hosts) < maxRuleHosts {
		r.hosts[m.Host] = struct{}{}
	}
	h := t.hosts[m.Host]
	switch {
	case h != nil:
	case len(t.hosts) == maxHosts:
		t.OtherHosts++
	default:
		h = &Count{Name: m.Host}
		t.hosts[m.Host] = h
	}
	if h != nil {
		h.add(m, level)
	}
	for _, tag := range m.Rule.Tags {
		c := t.tags[tag]
		if c == nil {
			c = &Count{Name: tag}
			t.tags[tag] = c
		}
		c.add(m, level)
	}
}

// Rules returns the rules that matched: the most severe first, then the most frequent.
func (t *Tally) Rules() []*Count {
	list := values(t.rules)
	slices.SortFunc(list, func(a, b *Count) int {
		return cmp.Or(cmp.Compare(a.Levels.Worst(), b.Levels.Worst()), cmp.Compare(b.Matches, a.Matches),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Rule.Key(), b.Rule.Key()))
	})
	return list
}

// Hosts returns the hosts: those with the most severe matches first. The name of
// records that state no host is "".
func (t *Tally) Hosts() []*Count {
	list := values(t.hosts)
	slices.SortFunc(list, func(a, b *Count) int {
		for i := range a.Levels {
			if c := cmp.Compare(b.Levels[i], a.Levels[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return list
}

// Techniques returns the ATT&CK techniques that the rules name, "T1059.001", the
// most frequent first.
func (t *Tally) Techniques() []*Count {
	var list []*Count
	for tag, c := range t.tags {
		if id := Technique(tag); id != "" {
			named := *c
			named.Name = id
			list = append(list, &named)
		}
	}
	slices.SortFunc(list, func(a, b *Count) int {
		return cmp.Or(cmp.Compare(b.Matches, a.Matches), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Tactics returns those ATT&CK tactics that the rules name, in the order of the matrix.
func (t *Tally) Tactics() []*Count {
	var list []*Count
	for _, tactic := range tactics {
		if c := t.tags["attack."+tactic]; c != nil {
			list = append(list, c)
		}
	}
	return list
}

func values[K comparable](m map[K]*Count) []*Count {
	list := make([]*Count, 0, len(m))
	for _, c := range m {
		list = append(list, c)
	}
	return list
}

// Technique returns the id of the ATT&CK technique that a tag names, "T1059.001";
// "" if it names none.
func Technique(tag string) string {
	id, ok := strings.CutPrefix(strings.ToLower(tag), "attack.t")
	if !ok || len(id) < 4 {
		return ""
	}
	for i, c := range id {
		if (c < '0' || c > '9') && !(c == '.' && i == 4) {
			return ""
		}
	}
	return "T" + id
}
