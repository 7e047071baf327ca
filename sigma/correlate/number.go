package correlate

import (
	"math"
	"slices"

	"github.com/meneki/meneki/sigma"
)

// numberWindow computes with numbers: value_sum, value_avg, value_percentile,
// value_median.
type numberWindow struct {
	plan     *plan
	overflow func()
	entries  queue[numbered]
	sorting  bool
	sorted   []float64 // with sorting
	whole    int64     // sum of the whole numbers that are small enough
	others   int       // numbers that are not part of whole
	size     int64
	gone     int64
}

// numbered is an entry with one number; an event with several has several.
type numbered struct {
	entry
	n float64
}

// small reports whether so many of these can be added without overflow as any
// window may have.
func small(n float64) bool { return n == math.Trunc(n) && math.Abs(n) <= 1<<40 }

func (w *numberWindow) prune(before int64) {
	for w.entries.len() > 0 && w.entries.front().at < before {
		w.drop()
	}
}

func (w *numberWindow) drop() int64 {
	old := w.entries.pop()
	w.size -= old.cost() + 16
	if w.sorting {
		i, _ := slices.BinarySearch(w.sorted, old.n)
		w.sorted = slices.Delete(w.sorted, i, i+1)
	}
	if small(old.n) {
		w.whole -= int64(old.n)
	} else {
		w.others--
	}
	return old.at
}

func (w *numberWindow) add(one numbered) {
	w.entries.push(one)
	w.size += one.cost() + 16
	if w.sorting {
		i, _ := slices.BinarySearch(w.sorted, one.n)
		w.sorted = slices.Insert(w.sorted, i, one.n)
	}
	if small(one.n) {
		w.whole += int64(one.n)
	} else {
		w.others++
	}
}

func (w *numberWindow) take(at int64, items []*item) {
	for _, it := range distinctEvents(items) {
		for _, n := range it.numbers {
			if w.entries.len() >= w.plan.limit {
				w.gone = w.drop()
				w.overflow()
			}
			w.add(numbered{it.entry(), n})
		}
	}
}

func (w *numberWindow) measure() (float64, bool) {
	var v float64
	switch cond := &w.plan.rule.Condition; {
	case w.sorting:
		v = percentile(w.sorted, cond.Percentile)
	case w.plan.rule.Type == sigma.ValueAvg:
		v = w.sum() / float64(w.entries.len())
	default:
		v = w.sum()
	}
	return v, w.plan.rule.Condition.Compare(v)
}

// sum is correctly rounded, so it depends neither on the order nor on what was
// in the window before.
func (w *numberWindow) sum() float64 {
	if w.others == 0 {
		return float64(w.whole)
	}
	return exactSum(func(yield func(float64) bool) {
		for i := range w.entries.all() {
			if !yield(w.entries.all()[i].n) {
				return
			}
		}
	})
}

// exactSum adds numbers as if with unlimited precision and rounds once
// (J. R. Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997: a sum kept
// as several numbers that do not overlap).
func exactSum(numbers func(yield func(float64) bool)) float64 {
	var parts []float64 // rising, not overlapping
	for x := range numbers {
		kept := 0
		for _, y := range parts {
			if math.Abs(x) < math.Abs(y) {
				x, y = y, x
			}
			high := x + y
			if low := y - (high - x); low != 0 {
				parts[kept] = low
				kept++
			}
			x = high
		}
		parts = append(parts[:kept], x)
	}
	if len(parts) == 0 {
		return 0
	}
	i := len(parts) - 1
	high, low := parts[i], 0.0
	for i > 0 && low == 0 {
		i--
		x := high
		high = x + parts[i]
		low = parts[i] - (high - x)
	}
	// Exactly between two numbers, what is left decides.
	if i > 0 && (low < 0 && parts[i-1] < 0 || low > 0 && parts[i-1] > 0) {
		if twice := low * 2; twice == (high+twice)-high {
			high += twice
		}
	}
	return high
}

// percentile interpolates between the two nearest of sorted numbers: 0 is the
// least, 100 the greatest, 50 the median.
func percentile(sorted []float64, p float64) float64 {
	rank := p / 100 * float64(len(sorted)-1)
	low := int(rank)
	if low >= len(sorted)-1 {
		return sorted[len(sorted)-1]
	}
	a, b, part := sorted[low], sorted[low+1], rank-float64(low)
	if part == 0 || a == b {
		return a
	}
	return a*(1-part) + b*part
}

func (w *numberWindow) evidence() []entry {
	var out []entry
	for _, one := range w.entries.all() {
		out = append(out, one.entry)
	}
	return out
}

func (w *numberWindow) lost() int64  { return w.gone }
func (w *numberWindow) bytes() int64 { return w.size + int64(8*len(w.sorted)) }
