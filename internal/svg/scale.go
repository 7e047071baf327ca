package svg

import "math"

// What one picture draws at most, whatever it is given. The table behind the
// picture has the rest.
const (
	maxSteps      = 24   // of a cycle
	maxPoints     = 156  // of a line: one a unit of its width
	maxBuckets    = 400  // bars
	maxSeries     = 12   // parts of a bar
	maxMembers    = 5000 // marks
	maxTiles      = 120  // sectors
	maxTactics    = 40   // columns of a matrix
	maxTechniques = 120  // cells of one column
	maxTicks      = 8    // lines of an axis
	maxTitle      = 2000 // characters of a title
)

// maxAmount is the greatest amount that is drawn. Every whole number up to it is
// exact, and sums of amounts stay far from overflow.
const maxAmount = 1e15

// amount returns v as it is drawn: not negative, at most maxAmount, and 0 if it
// is no number.
func amount(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, maxAmount)
}

// axis is the scale of amounts: a tick at 0 and at each multiple of step.
type axis struct {
	step  float64
	steps int // how many; at least 1, and less than maxTicks
}

// newAxis returns an axis from 0 to a round number that is at least greatest.
func newAxis(greatest float64) axis {
	if !(greatest > 0) {
		return axis{1, 1}
	}
	step := math.Pow(10, math.Floor(math.Log10(greatest/3)))
	for _, m := range []float64{1, 2, 5, 10} {
		if greatest/(step*m) <= 4 {
			step *= m
			break
		}
	}
	if !(step >= 1) || math.IsInf(step, 0) {
		step = 1
	}
	return axis{step, int(min(max(math.Ceil(greatest/step), 1), maxTicks-1))}
}

// top is the amount at the upper end.
func (a axis) top() float64 { return a.step * float64(a.steps) }

// sampled returns at most n amounts that keep the shape of values: each is the
// greatest of a stretch.
func sampled(values []float64, n int) []float64 {
	out := make([]float64, min(len(values), n))
	for i := range out {
		from, to := i*len(values)/len(out), (i+1)*len(values)/len(out)
		for _, v := range values[from:to] {
			out[i] = max(out[i], amount(v))
		}
	}
	return out
}

// first returns the first n of a list.
func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }
