package detect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// Weight is what a rule costs, measured with the reference evaluator, each rule
// by itself, on events that its log source covers.
type Weight struct {
	Rule        *sigma.Rule
	Evaluations int64
	Matches     int64
	Spent       time.Duration
}

// Each is the mean time for one event.
func (w Weight) Each() time.Duration {
	if w.Evaluations == 0 {
		return 0
	}
	return w.Spent / time.Duration(w.Evaluations)
}

// Scale adds up what rules cost. The zero Scale is empty. It is not safe for
// concurrent use.
type Scale struct {
	weights map[string]*Weight
	events  int64
	spent   time.Duration
}

// passes is how often each measurement is made.
const passes = 3

// Add evaluates each rule of the set on those of the events that its log source
// covers, three times over, and counts the shortest: what else the machine does
// meanwhile is not the rule's. One interval by the clock holds all the events,
// so a clock of microseconds does. An interval that is negative, because the
// clock was set, is not counted.
func (s *Scale) Add(ctx context.Context, set *sigma.Set, events []*event.Event, now clock.Clock) error {
	if s.weights == nil {
		s.weights = map[string]*Weight{}
	}
	byRule := map[*sigma.Rule][]*event.Event{}
	var order []*sigma.Rule
	for _, ev := range events {
		for r := range routed(set, ev) {
			if byRule[r] == nil {
				order = append(order, r)
			}
			byRule[r] = append(byRule[r], ev)
		}
	}
	s.events += int64(len(events))
	for _, r := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		matches, took := int64(0), time.Duration(-1)
		for range passes {
			matches = 0
			began := now()
			for _, ev := range byRule[r] {
				if _, ok := r.MatchDetection(ev); ok {
					matches++
				}
			}
			if d := now().Sub(began); d >= 0 && (took < 0 || d < took) {
				took = d
			}
		}
		w := s.weights[r.Key()]
		if w == nil {
			w = &Weight{Rule: r}
			s.weights[r.Key()] = w
		}
		w.Matches += matches
		if took < 0 {
			continue
		}
		w.Evaluations += int64(len(byRule[r]))
		w.Spent += took
		s.spent += took
	}
	return nil
}

func routed(set *sigma.Set, ev *event.Event) func(func(*sigma.Rule) bool) {
	return func(yield func(*sigma.Rule) bool) { set.Routed(ev, yield) }
}

// Weights lists what was weighed, dearest in all first.
func (s *Scale) Weights() []Weight {
	out := make([]Weight, 0, len(s.weights))
	for _, w := range s.weights {
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b Weight) int {
		return cmp.Or(cmp.Compare(b.Spent, a.Spent), cmp.Compare(a.Rule.Key(), b.Rule.Key()))
	})
	return out
}

// Events and Spent are how many events were weighed with, and all time that the
// rules took.
func (s *Scale) Events() int64        { return s.events }
func (s *Scale) Spent() time.Duration { return s.spent }

// forget drops what is known of a rule.
func (s *Scale) forget(rule string) {
	if w := s.weights[rule]; w != nil {
		s.spent -= w.Spent
		delete(s.weights, rule)
	}
}

// age halves what was measured of a rule often enough, so that the mean follows
// what the rule costs now.
func (s *Scale) age(most int64) {
	for _, w := range s.weights {
		if w.Evaluations > most {
			w.Evaluations, w.Matches, s.spent = w.Evaluations/2, w.Matches/2, s.spent-(w.Spent-w.Spent/2)
			w.Spent /= 2
		}
	}
}

// Bounds of weighing while a node works.
const (
	sampleEvents = 64
	sampleEvery  = 97      // one of so many events is kept, an odd number, so that it is not always the same kind
	sampleSize   = 1 << 20 // bytes of a kept event; a greater one is not weighed with
	sampleBytes  = 8 << 20 // of all of them
	leastWeighed = 32      // evaluations before a rule is judged
	maxStrikes   = 2       // weighings in a row that must find it too dear
	agedAfter    = 20_000  // evaluations
)

// saw keeps a few of the events that pass, to weigh the rules with.
func (c *Care) saw(events []*event.Event) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ev := range events {
		if c.seen++; c.seen < sampleEvery && len(c.sample) > 0 || len(ev.Raw) > sampleSize {
			continue
		}
		c.seen = 0
		c.sample = append(c.sample, ev)
		size := 0
		for i := len(c.sample) - 1; i >= 0; i-- { // the newest stay
			if size += len(c.sample[i].Raw); size > sampleBytes || len(c.sample)-i > sampleEvents {
				c.sample = slices.Delete(c.sample, 0, i+1)
				break
			}
		}
	}
}

// weigh measures every rule on the events that were kept, beside the live
// stream, and quarantines what was too dear twice in a row.
func (c *Care) weigh(ctx context.Context) error {
	c.mu.Lock()
	events := c.sample
	c.sample = nil
	c.mu.Unlock()
	if len(events) == 0 {
		return nil
	}
	var s Scale
	b := c.Engine.now.Load()
	for _, set := range []*sigma.Set{b.live, b.shared} {
		if err := s.Add(ctx, set, events, c.Clock); err != nil {
			return err
		}
	}
	for _, h := range c.judge(s) {
		if err := c.hold(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// judge adds one weighing to what is known, and gives the rules that are too dear.
func (c *Care) judge(s Scale) []Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scale.weights == nil {
		c.scale.weights = map[string]*Weight{}
	}
	var out []Held
	for key, w := range s.weights {
		all := c.scale.weights[key]
		if all == nil || all.Rule != w.Rule { // or it was changed
			c.scale.forget(key)
			all = &Weight{Rule: w.Rule}
			c.scale.weights[key] = all
		}
		all.Evaluations, all.Matches, all.Spent = all.Evaluations+w.Evaluations, all.Matches+w.Matches, all.Spent+w.Spent
		c.scale.spent += w.Spent
		if w.Evaluations == 0 {
			continue
		}
		if w.Each() <= c.Ceiling {
			delete(c.strikes, key)
			continue
		}
		c.strikes[key]++
		if c.strikes[key] >= maxStrikes && all.Evaluations >= leastWeighed && all.Each() > c.Ceiling && !c.spared(key) && !c.held[key].Active() {
			out = append(out, Held{Rule: key, Title: w.Rule.Title, Why: WhyCost, Measured: all.Each().Nanoseconds(), Ceiling: c.Ceiling.Nanoseconds()})
		}
	}
	c.scale.events += s.events
	c.scale.age(agedAfter)
	slices.SortFunc(out, func(a, b Held) int { return cmp.Compare(a.Rule, b.Rule) })
	return out
}

// Weights gives what the rules have cost lately, by rule, and all of it together.
func (c *Care) Weights() (map[string]Weight, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]Weight, len(c.scale.weights))
	for k, w := range c.scale.weights {
		out[k] = *w
	}
	return out, c.scale.spent
}
