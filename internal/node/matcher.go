package node

import (
	"cmp"
	"context"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/share/inbox"
)

// matcher is inbox.Matcher over detect's engine and hunts.
type matcher struct {
	service *detect.Service
	reader  match.Reader
}

// Arm makes the engine match STIX indicators.
func (m matcher) Arm(indicators [][]byte) []error {
	list, errs := m.reader.ReadAll(indicators)
	var readable []match.Armed
	var at []int // of readable, in indicators
	for i := range list {
		if errs[i] == nil {
			readable, at = append(readable, list[i]), append(at, i)
		}
	}
	for k, err := range m.service.Engine().Arm(readable...) {
		errs[at[k]] = err
	}
	return errs
}

// Disarm stops that.
func (m matcher) Disarm(ids []string) { m.service.Engine().Disarm(ids...) }

// Hunt searches the node's past for indicators, see inbox.Matcher.
func (m matcher) Hunt(ctx context.Context, indicators [][]byte, done func(which []int, list []inbox.Hunted) error) error {
	var list []match.Armed
	var at, bad []int
	var why []inbox.Hunted
	all, errs := m.reader.ReadAll(indicators)
	for i, err := range errs {
		if err != nil {
			bad, why = append(bad, i), append(why, inbox.Hunted{Err: err})
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
	_, err := m.service.HuntAll(ctx, list, func(which []int, out []hunt.Result) error {
		var places []int
		var ids []string
		var some []inbox.Hunted
		for k, i := range which {
			places, ids = append(places, at[i]), append(ids, list[i].ID)
			some = append(some, inbox.Hunted{Searched: out[k].Searched, Hits: out[k].Hits})
		}
		if err := cmp.Or(m.service.Refill(ctx, ids...), m.service.RefillCorrelations(ctx, ids...)); err != nil {
			return err
		}
		return done(places, some)
	})
	return err
}
