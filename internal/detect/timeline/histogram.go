package timeline

import "time"

// Histogram counts matches over time in at most maxBuckets buckets: it starts
// with seconds and grows coarser as the span grows. Not safe for concurrent use.
type Histogram struct {
	width int // index into widths
	count map[int64]*Counts
}

// widths are the widths of buckets in seconds; each is a multiple of the one before.
var widths = [...]int64{1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400, 364 * 86400}

const maxBuckets = 4096

// Add counts one match of the level at that place of Levels.
func (h *Histogram) Add(t time.Time, level int) {
	if h.count == nil {
		h.count = map[int64]*Counts{}
	}
	k := floor(t.Unix(), widths[h.width])
	c := h.count[k]
	if c == nil {
		c = new(Counts)
		h.count[k] = c
	}
	c[level]++
	for len(h.count) > maxBuckets && h.width < len(widths)-1 {
		h.width++
		h.count = coarser(h.count, 0, widths[h.width])
	}
}

func floor(sec, width int64) int64 {
	n := sec / width
	if sec%width < 0 {
		n--
	}
	return n * width
}

func coarser(from map[int64]*Counts, shift, width int64) map[int64]*Counts {
	to := map[int64]*Counts{}
	for k, c := range from {
		k = floor(k+shift, width)
		have := to[k]
		if have == nil {
			have = new(Counts)
			to[k] = have
		}
		for i, n := range c {
			have[i] += n
		}
	}
	return to
}

// Bucket is one bar of a histogram.
type Bucket struct {
	From   time.Time
	Levels Counts
}

// Buckets returns the whole span in at most n buckets of equal width, empty ones
// too, oldest first. Days begin as they do at the zone's offset at the first match.
func (h *Histogram) Buckets(n int, zone *time.Location) (list []Bucket, width time.Duration) {
	if len(h.count) == 0 || n < 1 {
		return nil, 0
	}
	var low, high int64
	first := true
	for k := range h.count {
		if first || k < low {
			low = k
		}
		if first || k > high {
			high = k
		}
		first = false
	}
	_, offset := time.Unix(low, 0).In(zone).Zone()
	shift := int64(offset)
	w := widths[h.width]
	for i := h.width; ; i++ {
		if i < len(widths) {
			w = widths[i]
		} else {
			w *= 2
		}
		if (floor(high+shift, w)-floor(low+shift, w))/w < int64(n) {
			break
		}
	}
	count := coarser(h.count, shift, w)
	for k := floor(low+shift, w); k <= high+shift; k += w {
		b := Bucket{From: time.Unix(k-shift, 0).In(zone)}
		if c := count[k]; c != nil {
			b.Levels = *c
		}
		list = append(list, b)
	}
	return list, time.Duration(w) * time.Second
}
