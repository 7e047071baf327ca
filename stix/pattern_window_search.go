package stix

import "time"

// search looks for observations, each used once, that hold a pattern and of
// which one is given. It tries what can be tried, and stops when it has taken as
// many steps as it may.
type search struct {
	kept     []sight
	must     int
	used     []bool
	left     int // steps
	from, to time.Time
}

// limits are what a stage must keep to.
type limits struct {
	from, to time.Time     // of its observations, both inside
	less     time.Duration // of the innermost WITHIN around it
	after    int           // the first observation that it takes must be after this one in kept
}

// hull is what a stage took.
type hull struct {
	stretch
	first int // the observation that it took first
}

func (f *search) run(root stage) (ok bool, from, to time.Time) {
	ok = root.search(f, limits{f.from, f.to, forever, -1}, func(h hull) bool {
		from, to = h.from, h.to
		return f.used[f.must]
	})
	return ok, from, to
}

func (s part) search(f *search, in limits, then func(hull) bool) bool {
	lo, hi := between(f.kept, in.from, in.to)
	lo = max(lo, in.after+1)
	take := func(i int) bool {
		k := &f.kept[i]
		if f.used[i] || k.parts&(1<<s.bit) == 0 {
			return false
		}
		f.left--
		f.used[i] = true
		if then(hull{stretch{k.at, k.at}, i}) {
			return true // used stays: it is the answer
		}
		f.used[i] = false
		return false
	}
	// First the one that must be in it, then the others.
	if f.must >= lo && f.must < hi && take(f.must) {
		return true
	}
	for i := lo; i < hi && f.left > 0; i++ {
		if i != f.must && take(i) {
			return true
		}
	}
	return false
}

func (s either) search(f *search, in limits, then func(hull) bool) bool {
	return s.left.search(f, in, then) || s.right.search(f, in, then)
}

func (s both) search(f *search, in limits, then func(hull) bool) bool {
	return s.left.search(f, in, func(a hull) bool {
		rest := in.around(a.stretch)
		if rest.after = -1; s.ordered {
			rest.from = later(rest.from, a.to)
		}
		return s.right.search(f, rest, func(b hull) bool { return then(a.and(b)) })
	})
}

// around narrows limits to what can be in one WITHIN with s.
func (in limits) around(s stretch) limits {
	if in.less != forever {
		in.from = later(in.from, s.to.Add(1-in.less))
		in.to = earlier(in.to, s.from.Add(in.less-1))
	}
	return in
}

func (a hull) and(b hull) hull {
	return hull{stretch{earlier(a.from, b.from), later(a.to, b.to)}, a.first}
}

// search takes the copies in order of the observation that each takes first:
// another order of the same copies is the same match.
func (s again) search(f *search, in limits, then func(hull) bool) bool {
	if p, single := s.of.(part); single && !f.enough(p, in, s.times) {
		return false
	}
	var copies func(n int, in limits, soFar hull) bool
	copies = func(n int, in limits, soFar hull) bool {
		if n == s.times {
			return then(soFar)
		}
		return s.of.search(f, in, func(h hull) bool {
			all := h
			if n > 0 {
				all = soFar.and(h)
			}
			rest := in.around(all.stretch)
			rest.after = h.first
			return copies(n+1, rest, all)
		})
	}
	return copies(0, in, hull{})
}

// enough reports whether there are so many observations to take at all.
func (f *search) enough(p part, in limits, times int) bool {
	lo, hi := between(f.kept, in.from, in.to)
	n := 0
	for i := max(lo, in.after+1); i < hi && n < times; i++ {
		if !f.used[i] && f.kept[i].parts&(1<<p.bit) != 0 {
			n++
		}
	}
	return n == times
}

func (s within) search(f *search, in limits, then func(hull) bool) bool {
	in.less = min(in.less, s.less)
	return s.of.search(f, in, func(h hull) bool { return h.to.Sub(h.from) < s.less && then(h) })
}

func (s during) search(f *search, in limits, then func(hull) bool) bool {
	in.from, in.to = later(in.from, s.from), earlier(in.to, s.to.Add(-1))
	return s.of.search(f, in, then)
}
