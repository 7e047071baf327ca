package record

import (
	"context"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
)

// A value that ordinary events of the past hold is no sign of the attack. What
// lies within the attack's own minutes does not count as past, since few of an
// attack's events match a rule; unless it is there too often.
const (
	attackMinutes = 10 * time.Minute
	commonEvents  = 2  // ordinary events before the attack's minutes
	commonAlready = 5  // ordinary events right before the first match
	maxLookedAt   = 50 // events of one finding in one batch
)

// distinctive tells, for each observable of ev, why it may not become an
// indicator, by what was before at; an empty reason means that it may. Of several hashes of one file
// only the strongest is given.
func (r *Recorder) distinctive(
	ctx context.Context, ev *event.Event, at time.Time, cache map[event.Observable]string,
) (map[event.Observable]string, error) {
	out := map[event.Observable]string{}
	list := event.Observables(ev)
	system := exclusion.SystemProgram(ev)
	strongest := strongestHash(list)
	for _, o := range list {
		hash := o.Type == event.MD5 || o.Type == event.SHA1 || o.Type == event.SHA256
		if hash && o.Type != strongest {
			continue
		}
		if hash && system {
			out[o] = finding.ReasonSystem
			continue
		}
		if o.Type == event.Email && besideUser(o.Value, ev.User) {
			cache[o], out[o] = finding.ReasonAccount, finding.ReasonAccount
			continue
		}
		if why, ok := cache[o]; ok {
			out[o] = why
			continue
		}
		why := exclusion.Reason(o, r.assets())
		if why == "" {
			common, err := r.common(ctx, o, at)
			if err != nil {
				return nil, err
			}
			if common {
				why = finding.ReasonCommon
			}
		}
		if why == "" && r.engine.Reserved(o) {
			why = finding.ReasonReserved
		}
		cache[o], out[o] = why, why
	}
	return out, nil
}

// besideUser reports whether a mail address is the user's, or of the same domain:
// then it names somebody at the member, whatever domains it has told of as its own.
func besideUser(address, user string) bool {
	_, mine, ok := strings.Cut(user, "@")
	_, domain, _ := strings.Cut(address, "@")
	return ok && strings.EqualFold(domain, strings.TrimSpace(mine))
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

func (r *Recorder) common(ctx context.Context, o event.Observable, at time.Time) (bool, error) {
	before, err := r.history.Prevalence(ctx, o, at.Add(-attackMinutes))
	if err != nil {
		return false, err
	}
	if before.Events >= commonEvents {
		return true, nil
	}
	already, err := r.history.Prevalence(ctx, o, at)
	if err != nil {
		return false, err
	}
	return already.Events >= commonAlready, nil
}

// known reports whether the value was offered before, by any finding, or is armed
// already; of a rule, with this text.
func (r *Recorder) known(tx *store.Tx, name, text string) (bool, error) {
	kind, value, _ := strings.Cut(name, ":")
	if kind == "sigma" {
		if r.engine.Says(value, text) {
			return true, nil
		}
	} else if r.engine.Holds(event.Observable{Type: event.ObservableType(kind), Value: value}) {
		return true, nil
	}
	return finding.WasOffered(tx, name)
}

// distinctiveValues works out, outside the transaction, which values of each group are
// distinctive. Of a correlation they are those of the events that it rests on.
func (r *Recorder) distinctiveValues(
	ctx context.Context, groups map[string][]match.Found,
) (map[string][]verdict, error) {
	cache := map[event.Observable]string{}
	out := map[string][]verdict{}
	for k, list := range groups {
		if !r.outgoing.OffersCandidates(list[0].Hit.Rule.Level) || list[0].Hit.Indicator != "" ||
			list[0].Hit.List != nil {
			continue
		}
		seen := map[event.Observable]bool{}
		for i, m := range list {
			if i == maxLookedAt {
				break
			}
			events, at, err := r.basis(ctx, m)
			if err != nil {
				return nil, err
			}
			for _, ev := range events {
				values, err := r.distinctive(ctx, ev, at, cache)
				if err != nil {
					return nil, err
				}
				for _, o := range event.Observables(ev) {
					why, known := values[o]
					if known && !seen[o] {
						seen[o] = true
						out[k] = append(out[k], verdict{o, why})
					}
				}
			}
		}
	}
	return out, nil
}

// basis returns the events that a match rests on, and when the first of them was:
// what lies before is the past. Those of a correlation are bounded.
func (r *Recorder) basis(ctx context.Context, m match.Found) ([]*event.Event, time.Time, error) {
	b := m.Hit.Basis
	if b == nil {
		return []*event.Event{m.Event}, m.Event.Time, nil
	}
	ids := match.BasisOf(b)
	events, err := r.history.ByIDs(ctx, b.First, b.Last, ids[:min(len(ids), maxLookedAt)]...)
	return append(events, m.Event), b.First, err
}

// verdict is one observable, and why it may not be shared; empty if it may.
type verdict struct {
	o   event.Observable
	why string
}
