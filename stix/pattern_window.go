package stix

import (
	"sort"
	"time"
)

// Stream matches a pattern of any level against observations that come one after
// another, each at an instant (section 9.5 to 9.7):
//
//   - AND wants both sides, on different observations; OR wants one side;
//   - FOLLOWEDBY is AND where no observation of the right side is earlier than one
//     of the left; the same instant is early enough;
//   - REPEATS n TIMES is AND with itself n-1 times, so that more than n do no harm;
//   - WITHIN n SECONDS wants less than n seconds between the first and the last (the
//     specification's words; the OASIS matcher also takes exactly n);
//   - START … STOP … wants every observation at START or later and before STOP.
//
// An observation with a time span or a number_observed above 1 is not known here.
//
// A Stream keeps the instants of observations that met a part of the pattern, and
// no more of them than StreamOptions.Kept. It is for one goroutine and reads no
// clock: time is what the observations say.
type Stream struct {
	p    *Pattern
	plan *plan
	o    StreamOptions

	kept   []sight // by instant, then by arrival
	ids    map[string]bool
	shared int       // kept ones that meet more than one part
	latest time.Time // the latest instant there was
	begun  bool
	stats  StreamStats
}

// StreamOptions bound what a Stream keeps and does.
type StreamOptions struct {
	// Horizon bounds the time between the first and the last observation of a
	// match where the pattern itself sets no bound. Zero: such patterns are refused.
	Horizon time.Duration
	// Lateness is how much earlier than the latest observation one may still come.
	// What is later than that is counted and not matched. Default 5 minutes.
	Lateness time.Duration
	Kept     int // observations that are kept; default 4096. The oldest go first, and are counted.
	Steps    int // bounds the search where an observation meets several parts; default 100,000
}

// StreamStats count what a Stream did not do.
type StreamStats struct {
	Kept      int   // observations in memory
	Late      int64 // observations that came too late to be matched
	Dropped   int64 // observations that were given up for room, before their time
	Undecided int64 // observations for which the search was given up: a match may have been missed
}

// StreamMatch says that an observation made the pattern true, together with
// earlier ones.
type StreamMatch struct {
	From, To time.Time // of the first and the last observation
	// IDs are those of the observations of one way in which it is true, in order of
	// time; nil if finding one took more than StreamOptions.Steps.
	IDs []string
}

// sight is an observation that met parts of the pattern.
type sight struct {
	id    string
	at    time.Time
	parts uint64 // a bit for each observation expression that it met
	n     int64  // in order of arrival
}

const (
	defaultLateness = 5 * time.Minute
	defaultKept     = 4096
	defaultSteps    = 100_000
)

// Stream prepares the pattern for a stream. The error is an *UnsupportedError: for
// regular expressions that cannot be run, for patterns without a bound in time if
// o.Horizon sets none, and for those of more than 64 observation expressions or
// more than 1,000 repeated ones.
func (p *Pattern) Stream(o StreamOptions) (*Stream, error) {
	plan, err := newPlan(p, o.Horizon)
	if err != nil {
		return nil, err
	}
	if o.Lateness <= 0 {
		o.Lateness = defaultLateness
	}
	if o.Kept <= 0 {
		o.Kept = defaultKept
	}
	if o.Steps <= 0 {
		o.Steps = defaultSteps
	}
	return &Stream{p: p, plan: plan, o: o, ids: map[string]bool{}}, nil
}

// MaxSpan is how far apart the first and the last observation of a match may be:
// what a Stream must be given again after a restart to know what it knew.
func (s *Stream) MaxSpan() time.Duration { return s.plan.reach }

// Stats returns what was kept and what was not done.
func (s *Stream) Stats() StreamStats {
	st := s.stats
	st.Kept = len(s.kept)
	return st
}

// Add takes one observation. It returns a match if there is one that the
// observation belongs to. id names it: the same id counts once while it is kept;
// "" is always a new one. The error is a *MatchError, as of Match; the
// observation is then not taken.
func (s *Stream) Add(id string, at time.Time, seen Observation) (*StreamMatch, error) {
	at = at.Round(0)
	if s.begun && at.Before(s.latest.Add(-s.o.Lateness)) {
		s.stats.Late++
		return nil, nil
	}
	if id != "" && s.ids[id] {
		return nil, nil
	}
	var parts uint64
	m := matcher{seen: seen}
	for i, t := range s.plan.tests {
		for _, sco := range seen {
			ok, err := m.eval(t, sco)
			if err != nil {
				return nil, err
			}
			if ok {
				parts |= 1 << i
				break
			}
		}
	}
	if !s.begun || at.After(s.latest) {
		s.begun, s.latest = true, at
		s.forget()
	}
	if parts == 0 {
		return nil, nil
	}
	i := s.keep(sight{id: id, at: at, parts: parts, n: s.plan.next()})
	if i < 0 {
		return nil, nil
	}
	return s.match(i), nil
}

// forget drops what no later observation can be matched with.
func (s *Stream) forget() {
	oldest := s.latest.Add(-s.o.Lateness).Add(-s.plan.reach)
	n := sort.Search(len(s.kept), func(i int) bool { return !s.kept[i].at.Before(oldest) })
	s.drop(n)
}

func (s *Stream) drop(n int) {
	for _, k := range s.kept[:n] {
		delete(s.ids, k.id)
		if several(k.parts) {
			s.shared--
		}
	}
	s.kept = append(s.kept[:0], s.kept[n:]...)
}

func several(parts uint64) bool { return parts&(parts-1) != 0 }

// keep puts an observation in its place and returns that; -1 if there is no room
// for one so old.
func (s *Stream) keep(k sight) int {
	if len(s.kept) == s.o.Kept {
		s.stats.Dropped++
		if k.at.Before(s.kept[0].at) {
			return -1
		}
		s.drop(1)
	}
	i := sort.Search(len(s.kept), func(i int) bool { return s.kept[i].at.After(k.at) })
	s.kept = append(s.kept, sight{})
	copy(s.kept[i+1:], s.kept[i:])
	s.kept[i] = k
	if k.id != "" {
		s.ids[k.id] = true
	}
	if several(k.parts) {
		s.shared++
	}
	return i
}

// match looks for a match that holds observation i.
//
// First it is asked which spans of time could hold one, as if an observation
// could stand for several parts at once. That costs a few passes over what is
// kept. If none could, there is no match; if no observation meets several parts
// and nothing but single expressions is repeated, there is one; else a search
// decides.
func (s *Stream) match(i int) *StreamMatch {
	spans := s.plan.root.spans(s.kept, i).with
	if len(spans) == 0 {
		return nil
	}
	exact := s.shared == 0 && s.plan.simple
	find := search{kept: s.kept, must: i, used: make([]bool, len(s.kept)), left: s.o.Steps}
	if exact { // any of the spans will do: look for the observations inside of it only
		find.from, find.to = spans[0].from, spans[0].to
	} else {
		find.from, find.to = s.kept[i].at.Add(-s.plan.reach), s.kept[i].at.Add(s.plan.reach)
	}
	found, from, to := find.run(s.plan.root)
	switch {
	case found:
		m := &StreamMatch{From: from, To: to, IDs: []string{}}
		for n, used := range find.used {
			if used {
				m.IDs = append(m.IDs, s.kept[n].id)
			}
		}
		return m
	case exact:
		return &StreamMatch{From: spans[0].from, To: spans[0].to}
	case find.left <= 0:
		s.stats.Undecided++
	}
	return nil
}

// unsupported returns why a pattern is not matched on a stream.
func unsupported(level int, code string, args ...any) error {
	return &UnsupportedError{Level: level, Reason: because(code, args...)}
}
