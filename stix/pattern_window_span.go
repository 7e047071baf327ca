package stix

import (
	"slices"
	"sort"
	"time"
)

// stretch is a span of time from the first to the last observation of a match.
type stretch struct{ from, to time.Time }

// found are the smallest stretches that hold a stage: none holds another one, so
// that they are in order by their beginnings and by their ends. Smaller is
// better for every operator, so the others never matter.
type found struct {
	with []stretch // those with the observation that must be in it
	all  []stretch
}

// smallest sorts out what holds another one.
func smallest(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int {
		if c := a.from.Compare(b.from); c != 0 {
			return c
		}
		return b.to.Compare(a.to) // of one beginning the smallest comes last
	})
	out := list[:0]
	for _, s := range list {
		for len(out) > 0 && !out[len(out)-1].to.Before(s.to) {
			out = out[:len(out)-1] // it begins no later and ends no earlier
		}
		out = append(out, s)
	}
	return out
}

func (s part) spans(kept []sight, must int) found {
	var f found
	for i, k := range kept {
		if k.parts&(1<<s.bit) == 0 {
			continue
		}
		one := stretch{k.at, k.at}
		f.all = append(f.all, one)
		if i == must {
			f.with = append(f.with, one)
		}
	}
	f.all = smallest(f.all)
	return f
}

func (s either) spans(kept []sight, must int) found {
	a, b := s.left.spans(kept, must), s.right.spans(kept, must)
	return found{smallest(slices.Concat(a.with, b.with)), smallest(slices.Concat(a.all, b.all))}
}

func (s both) spans(kept []sight, must int) found {
	a, b := s.left.spans(kept, must), s.right.spans(kept, must)
	join := hulls
	if s.ordered {
		join = chains
	}
	return found{smallest(slices.Concat(join(a.with, b.all), join(a.all, b.with))), smallest(join(a.all, b.all))}
}

// hulls returns the smallest stretches around one of each: for each beginning, the
// first of each that begins there or later ends earliest.
func hulls(a, b []stretch) []stretch {
	var out []stretch
	for i, j := 0, 0; i < len(a) && j < len(b); {
		h := stretch{earlier(a[i].from, b[j].from), later(a[i].to, b[j].to)}
		out = append(out, h)
		// Move on what begins first: with it, nothing later gets smaller.
		if a[i].from.Before(b[j].from) {
			i++
		} else {
			j++
		}
	}
	return out
}

// chains returns the smallest stretches around one of each, the second not before
// the first has ended.
func chains(a, b []stretch) []stretch {
	var out []stretch
	j := 0
	for _, s := range a {
		for j < len(b) && b[j].from.Before(s.to) {
			j++
		}
		if j == len(b) {
			break
		}
		out = append(out, stretch{s.from, b[j].to})
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// spans of a repeated part are those of so many observations one after another.
// Of anything else that is repeated the copies are not distinguished here.
func (s again) spans(kept []sight, must int) found {
	p, single := s.of.(part)
	if !single {
		return s.of.spans(kept, must)
	}
	var at []time.Time
	place := -1
	for i, k := range kept {
		if k.parts&(1<<p.bit) == 0 {
			continue
		}
		if i == must {
			place = len(at)
		}
		at = append(at, k.at)
	}
	var f found
	for i := 0; i+s.times <= len(at); i++ {
		one := stretch{at[i], at[i+s.times-1]}
		f.all = append(f.all, one)
		if place >= i && place < i+s.times {
			f.with = append(f.with, one)
		}
	}
	return found{smallest(f.with), smallest(f.all)}
}

func (s within) spans(kept []sight, must int) found {
	return s.of.spans(kept, must).only(func(x stretch) bool { return x.to.Sub(x.from) < s.less })
}

func (s during) spans(kept []sight, must int) found {
	return s.of.spans(kept, must).only(func(x stretch) bool { return !x.from.Before(s.from) && x.to.Before(s.to) })
}

func (f found) only(good func(stretch) bool) found {
	bad := func(x stretch) bool { return !good(x) }
	return found{slices.DeleteFunc(f.with, bad), slices.DeleteFunc(f.all, bad)}
}

// between returns the range of kept whose instants lie in [from, to].
func between(kept []sight, from, to time.Time) (lo, hi int) {
	lo = sort.Search(len(kept), func(i int) bool { return !kept[i].at.Before(from) })
	hi = sort.Search(len(kept), func(i int) bool { return kept[i].at.After(to) })
	return lo, hi
}
