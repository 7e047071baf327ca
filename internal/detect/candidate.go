package detect

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/store"
)

// Past is the node's memory, as far as detect needs it.
type Past interface {
	// Append keeps events durably; it is idempotent by Event.ID.
	Append(ctx context.Context, events []*event.Event) (fresh []*event.Event, err error)
	// Search yields the past events of a query; it stops when yield says so or ctx ends.
	Search(ctx context.Context, q history.Query, yield func(*event.Event) bool) (history.Stats, error)
	// Prevalence counts in how much of the past without findings a value occurs, before a time.
	Prevalence(ctx context.Context, o event.Observable, before time.Time) (history.Prevalence, error)
	// MarkFound says that these events are no ordinary past.
	MarkFound(ctx context.Context, ids ...string) error
}

// A value that ordinary events of the past hold is no sign of the attack. What
// lies within the attack's own minutes does not count as past, since few of an
// attack's events match a rule; unless it is there too often.
const (
	attackMinutes  = 10 * time.Minute
	commonEvents   = 2 // ordinary events before the attack's minutes
	commonAlready  = 5 // ordinary events right before the first match
	maxOffered     = 20
	maxLookedAt    = 50 // events of one finding in one batch
	reasonCommon   = "common in the member's own past"
	reasonReserved = "on the watchlist under a marking that keeps it here"
	reasonSystem   = "program of the system"
	reasonUnseen   = "not in the member's past without findings"
	reasonBehavior = "no distinctive value: the behaviour itself"
)

// distinctive tells, for each observable of ev, why it may not become an
// indicator; an empty reason means that it may. Of several hashes of one file
// only the strongest is given.
func (s *Service) distinctive(ctx context.Context, ev *event.Event, cache map[event.Observable]string) (map[event.Observable]string, error) {
	out := map[event.Observable]string{}
	list := event.Observables(ev)
	system := systemBinary(ev)
	strongest := strongestHash(list)
	for _, o := range list {
		hash := o.Type == event.MD5 || o.Type == event.SHA1 || o.Type == event.SHA256
		if hash && o.Type != strongest {
			continue
		}
		if hash && system {
			out[o] = reasonSystem
			continue
		}
		if why, ok := cache[o]; ok {
			out[o] = why
			continue
		}
		why := Undistinctive(o, s.own())
		if why == "" {
			common, err := s.common(ctx, o, ev.Time)
			if err != nil {
				return nil, err
			}
			if common {
				why = reasonCommon
			}
		}
		if why == "" && s.engine.watch.Load().reserved(o) {
			why = reasonReserved
		}
		cache[o], out[o] = why, why
	}
	return out, nil
}

func strongestHash(list []event.Observable) event.ObservableType {
	best, rank := event.ObservableType(""), 0
	for _, o := range list {
		r := map[event.ObservableType]int{event.MD5: 1, event.SHA1: 2, event.SHA256: 3}[o.Type]
		if r > rank {
			best, rank = o.Type, r
		}
	}
	return best
}

func (s *Service) common(ctx context.Context, o event.Observable, at time.Time) (bool, error) {
	before, err := s.past.Prevalence(ctx, o, at.Add(-attackMinutes))
	if err != nil {
		return false, err
	}
	if before.Events >= commonEvents {
		return true, nil
	}
	already, err := s.past.Prevalence(ctx, o, at)
	if err != nil {
		return false, err
	}
	return already.Events >= commonAlready, nil
}

// known reports whether the value was offered before, by any finding, or is armed already.
func (s *Service) known(tx *store.Tx, name string) (bool, error) {
	kind, value, _ := strings.Cut(name, ":")
	b := s.engine.now.Load()
	if kind == "sigma" {
		if _, armed := b.byRule[value]; armed {
			return true, nil
		}
	} else if _, armed := b.values[event.Observable{Type: event.ObservableType(kind), Value: value}]; armed {
		return true, nil
	}
	n, err := store.One[int64](tx, `SELECT count(*) FROM finding_offer WHERE value = $1 AND offered = $2`, name, true)
	return n > 0, err
}

type offerRow struct {
	Finding string `db:"finding"`
	Value   string `db:"value"`
	Why     string `db:"why"`
	Offered bool   `db:"offered"`
}
