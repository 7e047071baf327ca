package hunt

import (
	"cmp"
	"context"

	"github.com/meneki/meneki/internal/detect/match"
)

// Outcome is what the search of the past for one indicator came to.
type Outcome struct {
	Searched int64 // events
	Hits     int64
	Err      error // it could not be searched for
}

// ArmIndicators makes the engine match STIX indicators, all of them from one moment
// on. It returns an error for each of the list: nil, or for one that cannot be matched
// in full a fault whose text says why. The others are armed all the same.
func (s *Searcher) ArmIndicators(indicators [][]byte) []error {
	list, errs := s.Reader.ReadAll(indicators)
	var readable []match.Armed
	var at []int // of readable, in indicators
	for i := range list {
		if errs[i] == nil {
			readable, at = append(readable, list[i]), append(at, i)
		}
	}
	for k, err := range s.Engine.Arm(readable...) {
		errs[at[k]] = err
	}
	return errs
}

// DisarmIndicators stops that; an unknown id is no error.
func (s *Searcher) DisarmIndicators(ids []string) { s.Engine.Disarm(ids...) }

// HuntIndicators searches the whole past for STIX indicators, all of them at once, and
// fills what is live of those that are armed with the past that reaches into it. It
// says as early as it can, one call after the other, what it came to for which of the
// list; an error of done ends it.
func (s *Searcher) HuntIndicators(
	ctx context.Context, indicators [][]byte, done func(which []int, list []Outcome) error,
) error {
	var list []match.Armed
	var at, bad []int
	var why []Outcome
	all, errs := s.Reader.ReadAll(indicators)
	for i, err := range errs {
		if err != nil {
			bad, why = append(bad, i), append(why, Outcome{Err: err})
			continue
		}
		list, at = append(list, all[i]), append(at, i)
	}
	if len(bad) > 0 {
		if err := done(bad, why); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	_, err := s.HuntAll(ctx, list, func(which []int, out []Result) error {
		var places []int
		var ids []string
		var some []Outcome
		for k, i := range which {
			places, ids = append(places, at[i]), append(ids, list[i].ID)
			some = append(some, Outcome{Searched: out[k].Searched, Hits: out[k].Hits})
		}
		if err := cmp.Or(s.Refill(ctx, ids...), s.RefillCorrelations(ctx, ids...)); err != nil {
			return err
		}
		return done(places, some)
	})
	return err
}
