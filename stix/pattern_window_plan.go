package stix

import (
	"math"
	"strconv"
	"time"
)

// plan is a pattern as a Stream works on it.
type plan struct {
	root   stage
	tests  []test // of the observation expressions, in the order of their bits
	reach  time.Duration
	simple bool // nothing but single observation expressions is repeated
	count  int64
}

// The most that a pattern may hold.
const (
	maxParts  = 64
	maxCopies = 1000
	forever   = time.Duration(math.MaxInt64)
)

func (p *plan) next() int64 { p.count++; return p.count }

// stage is a part of a pattern of level 3. There are: part, either, both, again,
// within and during.
type stage interface {
	// spans returns the smallest spans of time that could hold the stage, if
	// observations may be used twice: those with observation must in it, and all.
	spans(kept []sight, must int) found
	// search calls then for each way to hold the stage, with observations that are
	// not used yet; see search.
	search(f *search, in limits, then func(hull) bool) bool
}

type (
	part   struct{ bit int }
	either struct{ left, right stage }
	both   struct {
		left, right stage
		ordered     bool // FOLLOWEDBY
	}
	again struct {
		of    stage
		times int
	}
	within struct {
		of   stage
		less time.Duration // between the first and the last
	}
	during struct {
		of       stage
		from, to time.Time // to is not in it
	}
)

func newPlan(p *Pattern, horizon time.Duration) (*plan, error) {
	b := &plan{simple: true}
	root, span, copies, err := b.build(p.root)
	if err != nil {
		return nil, err
	}
	if copies > maxCopies {
		return nil, unsupported(p.level, "stix.pattern.unsupported.repeats", maxCopies)
	}
	if span == forever {
		if horizon <= 0 {
			return nil, unsupported(p.level, "stix.pattern.unsupported.unbounded")
		}
		root, span = within{root, horizon}, horizon
	}
	b.root, b.reach = root, span
	return b, nil
}

// build returns the stage for an expression, the time that it can span at most, and
// how many observations it takes.
func (b *plan) build(o observations) (s stage, span time.Duration, copies int, err error) {
	switch o := o.(type) {
	case expression:
		if len(b.tests) == maxParts {
			return nil, 0, 0, unsupported(3, "stix.pattern.unsupported.parts", maxParts)
		}
		if op, text := unsearchable(o.test); op != "" {
			return nil, 0, 0, unsupported(1, "stix.pattern.unsupported.search", clip(quote(text)), op)
		}
		b.tests = append(b.tests, o.test)
		return part{len(b.tests) - 1}, 0, 1, nil
	case combined:
		left, spanL, nL, err := b.build(o.left)
		if err != nil {
			return nil, 0, 0, err
		}
		right, spanR, nR, err := b.build(o.right)
		if err != nil {
			return nil, 0, 0, err
		}
		if o.op == "OR" {
			return either{left, right}, max(spanL, spanR), max(nL, nR), nil
		}
		return both{left, right, o.op == "FOLLOWEDBY"}, forever, min(nL+nR, maxCopies+1), nil
	case qualified:
		return b.qualify(o)
	}
	return nil, 0, 0, unsupported(3, "stix.pattern.unsupported.kind")
}

// unsearchable returns a comparison whose expression could not be made a program.
func unsearchable(t test) (op, text string) {
	switch t := t.(type) {
	case junction:
		if op, text = unsearchable(t.left); op == "" {
			op, text = unsearchable(t.right)
		}
	case comparison:
		if (t.op == "LIKE" || t.op == "MATCHES") && t.re == nil {
			return t.op, t.values[0].text
		}
	}
	return op, text
}

func (b *plan) qualify(o qualified) (s stage, span time.Duration, copies int, err error) {
	s, span, copies, err = b.build(o.of)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, q := range o.qualifiers {
		switch q.kind {
		case "REPEATS":
			n, err := strconv.Atoi(q.number)
			if err != nil || n > maxCopies {
				return nil, 0, 0, unsupported(3, "stix.pattern.unsupported.times", q.String(), maxCopies)
			}
			if n == 1 {
				continue
			}
			if _, single := s.(part); !single {
				b.simple = false
			}
			s, span, copies = again{s, n}, forever, min(copies*n, maxCopies+1)
		case "WITHIN":
			f, err := strconv.ParseFloat(q.number, 64)
			if err != nil {
				return nil, 0, 0, unsupported(3, "stix.pattern.unsupported.seconds", q.String())
			}
			less := forever
			if ns := math.Ceil(f * 1e9); ns < math.MaxInt64 { // times are whole nanoseconds
				less = time.Duration(ns)
			}
			s, span = within{s, less}, min(span, less)
		case "START":
			d := during{s, wholeNanosecond(q.start), wholeNanosecond(q.stop)}
			s = d
			if w := d.to.Sub(d.from); w < span { // Sub is bounded by itself
				span = w
			}
		}
	}
	return s, span, copies, nil
}

// wholeNanosecond is the first whole nanosecond that is not before t: what is not
// before the one is not before the other.
func wholeNanosecond(t Timestamp) time.Time {
	if t.Compare(Timestamp{text: t.t.Format("2006-01-02T15:04:05.000000000Z"), t: t.t}) > 0 {
		return t.t.Add(1)
	}
	return t.t
}
