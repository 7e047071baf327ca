package history

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// group is the events of one segment that go into one file.
type group struct {
	class int32
	day   int32 // YYYYMMDD, or 0 for a mixture
	rows  []uint32
}

// A segment is split by day and class, as readers of Hive folders expect it, but
// never into many tiny files: they would cost more to skip than they save.
const (
	smallGroup = 500 // rows; a smaller group joins class 0 of its day
	fewDays    = 4   // up to so many days even a small group keeps its day
	maxGroups  = 12
)

// plan splits the rows of a segment. The rows of each group are by time.
func plan(rows []rowMeta, places []place, small int) []group {
	order := make([]uint32, len(rows))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortStableFunc(order, func(a, b uint32) int { return cmp.Compare(rows[a].Time, rows[b].Time) })

	type slot struct{ day, class int32 }
	count := map[slot]int{}
	days := map[int32]struct{}{}
	for i, m := range rows {
		s := slot{dayOf(m.Time), places[i].class}
		count[s]++
		days[s.day] = struct{}{}
	}
	to := make(map[slot]slot, len(count)) // where the rows of a slot go
	for s, n := range count {
		to[s] = s
		if n < small {
			to[s] = slot{s.day, classBase}
		}
	}
	sizes := func() map[slot]int {
		out := map[slot]int{}
		for s, n := range count {
			out[to[s]] += n
		}
		return out
	}
	move := func(from, into slot) {
		for s, t := range to {
			if t == from {
				to[s] = into
			}
		}
	}
	mixed := slot{0, classBase}
	if len(days) > fewDays {
		for s, n := range sizes() {
			if n < small {
				move(s, mixed)
			}
		}
	}
	for left := sizes(); len(left) > maxGroups; left = sizes() {
		least := mixed
		for s, n := range left {
			if s != mixed &&
				(least == mixed ||
					cmp.Or(cmp.Compare(n, left[least]), cmp.Compare(s.day, least.day),
						cmp.Compare(s.class, least.class)) < 0) {
				least = s
			}
		}
		move(least, mixed)
	}

	at := map[slot]int{}
	var out []group
	for _, i := range order {
		s := to[slot{dayOf(rows[i].Time), places[i].class}]
		g, ok := at[s]
		if !ok {
			g = len(out)
			at[s] = g
			out = append(out, group{class: s.class, day: s.day})
		}
		out[g].rows = append(out[g].rows, i)
	}
	return out
}

// dayOf returns the UTC day of a time as YYYYMMDD, 0 if four digits cannot hold its year.
func dayOf(us int64) int32 {
	y, m, d := time.UnixMicro(us).UTC().Date()
	if y < 1 || y > 9999 {
		return 0
	}
	return int32(y*10000 + int(m)*100 + d)
}

// folder is where the group's file is under the events folder.
func (g *group) folder() string {
	day := strconv.Itoa(int(g.day))
	for len(day) < 8 {
		day = "0" + day
	}
	return "class=" + strconv.Itoa(int(g.class)) + "/day=" + day
}
