package hunt

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/observed"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/stix"
)

// huntLateness is how far apart the events of one search may lie that are put in
// order for a pattern over several events.
const huntLateness = 48 * time.Hour

// defaultSighted bounds the past events that are put in order at once.
const defaultSighted = 100_000

func (s *Searcher) maxSighted() int {
	if s.MaxSighted > 0 {
		return s.MaxSighted
	}
	return defaultSighted
}

// huntPatterns searches for networks and patterns in one pass. Where every event
// that they see holds one of some observables, only such events are read.
func (s *Searcher) huntPatterns(
	ctx context.Context, list []match.Armed, which []int, out []Result, w *progressOf,
) error {
	t := traces{out: out, kept: make([]int, len(list))}
	h := patternHunt{traces: &t, list: list, most: s.maxSighted()}
	for _, i := range which {
		if err := h.arm(i); err != nil {
			return err
		}
	}
	q := w.query(history.Query{})
	for _, i := range which {
		var some []event.Observable
		if list[i].Pattern != nil {
			some = list[i].Prefilter()
		}
		if len(some) == 0 {
			q.Observables = nil
			break
		}
		q.Observables = append(q.Observables, some...)
	}
	h.ready()
	st, err := s.History.Search(ctx, q, h.see)
	if err == nil && h.over {
		err = s.huntWindows(ctx, &h, w)
	} else if err == nil {
		h.flush()
		s.incomplete(h.windows, list)
	}
	if err != nil {
		return err
	}
	for _, i := range which {
		out[i].Searched, out[i].Examined = st.Events, st.Examined
	}
	return s.recordAll(ctx, t.found)
}

// patternHunt asks many networks and patterns about past events.
type patternHunt struct {
	*traces
	list []match.Armed

	nets     match.Networks[[]int] // places in list
	values   map[event.Observable][]int
	book     *match.Patterns
	patterns []int                // places in list of the book's patterns
	at       map[*match.Armed]int // likewise
	number   int64                // of the event
	seen     []int64
	windows  []windowHunt
	window   map[int]int // place in list -> place in windows

	batch []sightedBy // for the windows, to be put in order
	over  bool        // they were too many
	most  int         // so many are put in order at once
}

// windowHunt is a pattern over several events.
type windowHunt struct {
	at     int // in the list
	stream *stix.Stream
}

// sightedBy is an event and the windows that see it.
type sightedBy struct {
	ev *event.Event
	by []int
}

func (h *patternHunt) arm(i int) error {
	a := h.list[i]
	if a.Pattern == nil {
		if h.values == nil {
			h.values = map[event.Observable][]int{}
		}
		for _, n := range a.Networks {
			h.nets.Change(n, func(old []int) []int { return append(old, i) })
		}
		for _, v := range a.Values {
			h.values[v] = append(h.values[v], i)
		}
		return nil
	}
	h.patterns = append(h.patterns, i)
	if a.Window == nil {
		return nil
	}
	stream, err := pastStream(a)
	if err != nil {
		return err
	}
	if h.window == nil {
		h.window = map[int]int{}
	}
	h.window[i] = len(h.windows)
	h.windows = append(h.windows, windowHunt{i, stream})
	return nil
}

func pastStream(a match.Armed) (*stix.Stream, error) {
	return a.Pattern.Stream(stix.StreamOptions{Lateness: huntLateness, Kept: 4 * match.WindowKept})
}

// ready is called when all are added.
func (h *patternHunt) ready() {
	var patterns []*match.Armed
	h.at = make(map[*match.Armed]int, len(h.patterns))
	for _, i := range h.patterns {
		a := &h.list[i]
		patterns, h.at[a] = append(patterns, a), i
	}
	h.book = match.NewPatterns(patterns)
	h.seen = make([]int64, len(h.list))
}

func (h *patternHunt) see(ev *event.Event) bool {
	h.number++
	if h.values != nil {
		for _, o := range event.Observables(ev) {
			hit := func(which []int) {
				for _, i := range which {
					if h.seen[i] != h.number {
						h.seen[i] = h.number
						h.add(i, ev, func() match.Hit { return match.ValueHit(h.list[i], o) })
					}
				}
			}
			hit(h.values[o])
			for which := range h.nets.Around(o) {
				hit(which)
			}
		}
	}
	if h.book == nil {
		return true
	}
	var by []int
	what := observed.Of(ev)
	for _, c := range h.book.Candidates(what) {
		i := h.at[c]
		if k, ok := h.window[i]; ok {
			if ok, err := h.list[i].Pattern.MatchesAny(what); err == nil && ok {
				by = append(by, k)
			}
		} else if ok, err := h.list[i].Pattern.Match(what); err == nil && ok {
			h.add(i, ev, func() match.Hit { return match.PatternHit(h.list[i], nil) })
		}
	}
	if len(by) == 0 || h.over {
		return true
	}
	if h.batch = append(h.batch, sightedBy{ev, by}); len(h.batch) < h.most {
		return true
	}
	if len(h.windows) > 1 {
		h.over, h.batch = true, nil
		return true
	}
	h.flush()
	return true
}

// flush gives the windows what they see, in order.
func (h *patternHunt) flush() {
	slices.SortStableFunc(h.batch, func(x, y sightedBy) int { return x.ev.Time.Compare(y.ev.Time) })
	for _, x := range h.batch {
		what := observed.Of(x.ev)
		for _, k := range x.by {
			w := h.windows[k]
			if m, err := w.stream.Add(x.ev.ID, x.ev.Time, what); err == nil && m != nil {
				h.add(w.at, x.ev, func() match.Hit { return match.PatternHit(h.list[w.at], m.IDs) })
			}
		}
	}
	h.batch = h.batch[:0]
}

// huntWindows searches for each of the patterns over several events by itself,
// since together they see more events than are kept.
func (s *Searcher) huntWindows(ctx context.Context, all *patternHunt, w *progressOf) error {
	for _, x := range all.windows {
		a := all.list[x.at]
		stream, err := pastStream(a)
		if err != nil {
			return err
		}
		one := patternHunt{
			most: s.maxSighted(), traces: all.traces, list: all.list, patterns: []int{x.at},
			window: map[int]int{x.at: 0}, windows: []windowHunt{{x.at, stream}},
		}
		one.ready()
		q := w.query(history.Query{Observables: a.Prefilter()})
		if _, err := s.History.Search(ctx, q, one.see); err != nil {
			return err
		}
		one.flush()
		s.incomplete(one.windows, all.list)
	}
	return nil
}

// incomplete logs what windows did not keep or decide.
func (s *Searcher) incomplete(list []windowHunt, armed []match.Armed) {
	for _, w := range list {
		if st := w.stream.Stats(); st.Late+st.Dropped+st.Undecided > 0 {
			s.Log.Warn(
				"a hunt over several events was not complete", slog.String("indicator", armed[w.at].ID),
				slog.Int64("late", st.Late), slog.Int64("dropped", st.Dropped), slog.Int64("undecided", st.Undecided),
			)
		}
	}
}

// Refill gives the live windows of some armed patterns, or of all, the past that
// reaches into them: what was seen before they were armed, or before the program
// ended. What it completes is found again, which counts nothing twice. It looks
// back from now as far as a pattern reaches.
func (s *Searcher) Refill(ctx context.Context, ids ...string) error {
	for _, a := range s.Engine.Windows() {
		if len(ids) > 0 && !slices.Contains(ids, a.ID) {
			continue
		}
		if err := s.refill(ctx, *a); err != nil {
			return err
		}
	}
	return s.Recorder.Settle(ctx, nil)
}

func (s *Searcher) refill(ctx context.Context, a match.Armed) error {
	fresh, err := a.Window.Refill(a.Pattern)
	if err != nil {
		return err
	}
	var past []*event.Event
	from := s.Clock().Add(-fresh.MaxSpan() - match.WindowLateness)
	_, err = s.History.Search(ctx, history.Query{Observables: a.Prefilter(), From: from}, func(ev *event.Event) bool {
		if ok, err := a.Pattern.MatchesAny(observed.Of(ev)); err == nil && ok {
			past = append(past, ev)
		}
		return len(past) < s.maxSighted()
	})
	if err == nil {
		slices.SortStableFunc(past, func(x, y *event.Event) int { return x.Time.Compare(y.Time) })
		for _, ev := range past {
			if m, err := fresh.Add(ev.ID, ev.Time, observed.Of(ev)); err == nil && m != nil {
				s.Recorder.Enqueue(match.Found{Event: ev, Hit: match.PatternHit(a, m.IDs)})
			}
		}
	}
	a.Window.Refilled(fresh, err == nil)
	return err
}
