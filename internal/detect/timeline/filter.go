package timeline

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/sigma"
)

// Filter says which rules are used and which events count. The zero Filter
// leaves nothing out.
type Filter struct {
	Level   sigma.Level // least level; a rule that states none ranks as medium
	Tags    []string    // any of them; "attack.t1059" takes in its sub-techniques, "t1059" is the same
	Status  []string    // any of them, as rules write it: stable, test, experimental …
	Exclude []string    // ids, titles or file names of rules to leave out
	From    time.Time   // events from here on; zero: no bound
	To      time.Time   // events before here; zero: no bound
}

// Rules returns the set of those rules that f keeps, and the entries of Exclude
// that no rule answers to. What was refused stays listed. A rule that f leaves
// out but a correlation that it keeps refers to is in the set all the same;
// f.shows distinguishes them.
func (f Filter) Rules(all *sigma.Set) (kept *sigma.Set, unknown []string) {
	hit := make([]bool, len(f.Exclude))
	wanted := func(r about) bool {
		out := false
		for i, x := range f.Exclude {
			if r.called(x) {
				hit[i], out = true, true
			}
		}
		return !out && f.wants(r)
	}
	c := &sigma.Collection{}
	needed := map[*sigma.Rule]bool{}
	inner := map[*sigma.Correlation]bool{}
	var need func(x *sigma.Correlation)
	need = func(x *sigma.Correlation) {
		if inner[x] {
			return
		}
		inner[x] = true
		for _, ref := range x.Rules {
			if ref.Rule != nil {
				needed[ref.Rule] = true
			} else if ref.Correlation != nil {
				need(ref.Correlation)
			}
		}
	}
	for _, x := range all.Correlations {
		if wanted(aboutCorrelation(x)) {
			need(x)
		}
	}
	for _, x := range all.Correlations {
		if inner[x] {
			c.Correlations = append(c.Correlations, x)
		}
	}
	for _, r := range all.Rules {
		if wanted(aboutRule(r)) || needed[r] {
			c.Rules = append(c.Rules, r)
		}
	}
	for i, x := range f.Exclude {
		if !hit[i] {
			unknown = append(unknown, x)
		}
	}
	kept = c.Set()
	kept.Refused = append(kept.Refused, all.Refused...)
	return kept, unknown
}

// shows reports whether matches of a rule that Rules kept are shown.
func (f Filter) shows(r about) bool {
	return f.wants(r) && !slices.ContainsFunc(f.Exclude, r.called)
}

// about is what a filter looks at in a rule or a correlation.
type about struct {
	key, title, path, status string
	tags                     []string
	level                    sigma.Level
}

func aboutRule(r *sigma.Rule) about {
	return about{r.Key(), r.Title, r.Path, r.Status, r.Tags, r.Level}
}

func aboutCorrelation(r *sigma.Correlation) about {
	return about{r.Key(), r.Title, r.Path, r.Status, r.Tags, r.Level}
}

func (r about) called(name string) bool {
	base := filepath.Base(filepath.FromSlash(r.path))
	return strings.EqualFold(r.key, name) || strings.EqualFold(r.title, name) || base == name ||
		strings.TrimSuffix(base, filepath.Ext(base)) == name
}

func (f Filter) wants(r about) bool {
	if f.Level != "" && r.level.Rank() < f.Level.Rank() {
		return false
	}
	if len(f.Status) > 0 && !slices.ContainsFunc(f.Status,
		func(s string) bool { return strings.EqualFold(s, r.status) }) {
		return false
	}
	return len(f.Tags) == 0 || slices.ContainsFunc(f.Tags, func(want string) bool {
		want = strings.ToLower(want)
		return slices.ContainsFunc(r.tags, func(have string) bool { return tagged(strings.ToLower(have), want) })
	})
}

// tagged reports whether the tag have is want or below it.
func tagged(have, want string) bool {
	below := func(want string) bool {
		rest, ok := strings.CutPrefix(have, want)
		return ok && (rest == "" || rest[0] == '.')
	}
	return below(want) || below("attack."+want)
}

// covers reports whether an event of that time counts. An event that states no
// time is outside of every bound.
func (f Filter) covers(t time.Time, known bool) bool {
	if f.From.IsZero() && f.To.IsZero() {
		return true
	}
	return known && (f.From.IsZero() || !t.Before(f.From)) && (f.To.IsZero() || t.Before(f.To))
}
