package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go/bloom"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// rowMeta is what is known of a row without reading it.
type rowMeta struct {
	Time   int64 // µs
	Host   key   // 0 for none
	Source uint32
	Number eventNumber
}

// source is a log source that events came from.
type source struct {
	Product    string   `json:"product,omitempty"`
	Service    string   `json:"service,omitempty"`
	Categories []string `json:"categories,omitempty"`
}

// sourceList numbers log sources.
type sourceList struct {
	list []source
	ids  map[string]uint32
}

func (s *sourceList) id(r *row) uint32 {
	b := make([]byte, 0, 96)
	b = append(append(append(b, r.Product...), 0), r.Service...)
	for _, c := range r.Categories {
		b = append(append(b, 0), c...)
	}
	if id, ok := s.ids[string(b)]; ok {
		return id
	}
	if s.ids == nil {
		s.ids = map[string]uint32{}
	}
	id := uint32(len(s.list))
	s.list = append(s.list, source{r.Product, r.Service, r.Categories})
	s.ids[string(b)] = id
	return id
}

// probe is an observable as the indexes know it.
type probe struct {
	key  key
	hash uint64 // for the Parquet bloom filter on the values
	at   int    // place in filter.probes
}

func probeOf(o event.Observable) probe {
	o = cleanObservable(o)
	return probe{key: valueKey(o), hash: bloom.XXH64{}.Sum64([]byte(o.Value))}
}

// filter is a Query made ready for many rows.
type filter struct {
	probes   []probe
	wanted   map[event.Observable]struct{} // nil if any row will do
	sources  []sigma.LogSource
	numbers  map[eventNumber]struct{}
	from, to int64 // µs, from <= t < to

	asked [][]int // by probe: its places in Query.Observables
	pick  func(at time.Time, which []int) bool
}

func newFilter(q Query) *filter {
	f := &filter{sources: q.Sources, from: math.MinInt64, to: math.MaxInt64}
	if len(q.Observables) > 0 {
		f.wanted, f.pick = map[event.Observable]struct{}{}, q.Pick
		at := map[event.Observable]int{}
		for i, o := range q.Observables {
			o = cleanObservable(o)
			if _, ok := f.wanted[o]; !ok {
				f.wanted[o] = struct{}{}
				p := probeOf(o)
				p.at, at[o] = len(f.probes), len(f.probes)
				f.probes, f.asked = append(f.probes, p), append(f.asked, nil)
			}
			f.asked[at[o]] = append(f.asked[at[o]], i)
		}
	}
	if len(q.EventIDs) > 0 {
		f.numbers = map[eventNumber]struct{}{oddNumber: {}}
		for _, n := range q.EventIDs {
			f.numbers[numberFrom(n)] = struct{}{}
		}
	}
	if !q.From.IsZero() {
		f.from = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		f.to = microsUp(q.To)
	}
	return f
}

// microsUp rounds up, so that t < microsUp(to) for every time before to.
func microsUp(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

// meets reports whether rows between min and max (both included) can match.
func (f *filter) meets(min, max int64) bool { return max >= f.from && min < f.to }

// mask returns which of the sources are wanted; nil means all, and any is false if
// none is.
func (f *filter) mask(list []source) (mask []bool, any bool) {
	if len(f.sources) == 0 {
		return nil, true
	}
	mask = make([]bool, len(list))
	for i, s := range list {
		mask[i] = slices.ContainsFunc(f.sources, func(l sigma.LogSource) bool {
			return l.Covers(s.Product, s.Service, s.Categories)
		})
		any = any || mask[i]
	}
	return mask, any
}

// row reports whether a row can match by what is known without reading it.
func (f *filter) row(m rowMeta, mask []bool) bool {
	if m.Time < f.from || m.Time >= f.to {
		return false
	}
	if mask != nil && (int(m.Source) >= len(mask) || !mask[m.Source]) {
		return false
	}
	if f.numbers != nil {
		if _, ok := f.numbers[m.Number]; !ok {
			return false
		}
	}
	return true
}

// meeting is a row that holds the value of a probe.
type meeting struct {
	row   uint32
	probe int32
}

// rows returns the rows that meet a probe, in order, of those that can match by what
// meta holds of them, and calls Query.Pick for each. It is called when nothing can
// fail any more.
func (f *filter) rows(list []meeting, mask []bool, meta func(row uint32) rowMeta) []uint32 {
	slices.SortFunc(
		list,
		func(a, b meeting) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.probe, b.probe)) },
	)
	var out []uint32
	var which []int
	for len(list) > 0 {
		at, n := list[0].row, 1
		for n < len(list) && list[n].row == at {
			n++
		}
		some := list[:n]
		list = list[n:]
		m := meta(at)
		if !f.row(m, mask) {
			continue
		}
		if f.pick != nil {
			which = which[:0]
			for _, x := range some {
				which = append(which, f.asked[x.probe]...)
			}
			if !f.pick(time.UnixMicro(m.Time).UTC(), which) {
				continue
			}
		}
		out = append(out, at)
	}
	return out
}

// holds reports whether r holds a wanted observable, exactly.
func (f *filter) holds(r *row) bool {
	if f.wanted == nil {
		return true
	}
	for _, o := range r.Observables {
		if _, ok := f.wanted[o]; ok {
			return true
		}
	}
	return false
}
