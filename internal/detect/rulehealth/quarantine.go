package rulehealth

import (
	"context"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/store"
)

// Why a rule is in quarantine.
const (
	WhyFlood  = "flood"  // it hit more often than Rate
	WhyCost   = "cost"   // it took longer than Ceiling
	WhyPerson = "person" // somebody put it there
)

// Quarantine is a rule in quarantine, or one that was released. One that is over the
// budget is not evaluated. Any other is evaluated and its hits are counted, but they
// make no findings.
type Quarantine struct {
	Rule       string    `db:"rule"`
	Title      string    `db:"title"`
	Why        string    `db:"why"`
	Measured   int64     `db:"measured"` // hits an hour, or nanoseconds an event
	Limit      int64     `db:"ceiling"`  // likewise
	At         time.Time `db:"at"`
	By         string    `db:"by_user"` // of a person
	Released   time.Time `db:"released"`
	ReleasedBy string    `db:"released_by"`
}

// Active reports whether the rule is in quarantine now.
func (h Quarantine) Active() bool { return !h.At.IsZero() && h.Released.IsZero() }

// apply sets which rules the engine does not evaluate.
func (c *Health) apply() {
	skip := map[string]bool{}
	c.mu.Lock()
	for _, h := range c.quarantines {
		if h.Active() && h.Why == WhyCost {
			skip[h.Rule] = true
		}
	}
	c.mu.Unlock()
	c.Engine.Quarantine(skip)
}

// Quarantine lists the rules that are in quarantine.
func (c *Health) Quarantined() map[string]Quarantine {
	out := map[string]Quarantine{}
	if c == nil {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, h := range c.quarantines {
		if h.Active() {
			out[k] = h
		}
	}
	return out
}

// Quarantine takes a rule out of service because a person says so.
func (c *Health) Quarantine(ctx context.Context, rule, by string) error {
	for r := range c.Engine.Loaded {
		if r.Key == rule {
			return c.enforce(ctx, Quarantine{Rule: rule, Title: r.Title, Why: WhyPerson, By: by})
		}
	}
	return noRule(rule)
}

// enforce writes a quarantine down and puts it in force.
func (c *Health) enforce(ctx context.Context, h Quarantine) error {
	h.At, h.Released, h.ReleasedBy = c.Clock(), time.Time{}, ""
	err := c.DB.Write(ctx, store.System("detect: quarantine a rule"), func(tx *store.Tx) error {
		_, err := tx.Exec(
			`INSERT INTO rule_quarantine (rule, title, why, measured, ceiling, at, by_user, released, released_by)
				VALUES ($1,$2,$3,$4,$5,$6,$7,0,'')
ON CONFLICT (rule) DO UPDATE SET title = excluded.title, why = excluded.why, measured = excluded.measured, ceiling =
excluded.ceiling, at = excluded.at, by_user = excluded.by_user, released = 0, released_by = ''`,
			h.Rule,
			h.Title,
			h.Why,
			h.Measured,
			h.Limit,
			clock.Micros(h.At),
			h.By,
		)
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.quarantines[h.Rule] = h
	delete(c.rates, h.Rule)
	delete(c.overBudget, h.Rule)
	c.mu.Unlock()
	c.apply()
	c.Log.Warn(
		"a rule is in quarantine until a person releases it",
		slog.String("rule", h.Rule),
		slog.String("title", h.Title),
		slog.String("why", h.Why),
		slog.Int64("measured", h.Measured),
		slog.Int64("ceiling", h.Limit),
		slog.String("by", h.By),
	)
	c.Notify()
	return nil
}

// Release puts a rule back into service. It is left alone for a day after that.
func (c *Health) Release(ctx context.Context, rule, by string) error {
	at := c.Clock()
	err := c.DB.Write(ctx, store.System("detect: release a rule"), func(tx *store.Tx) error {
		n, err := tx.Exec(
			`UPDATE rule_quarantine SET released = $1, released_by = $2 WHERE rule = $3 AND released = 0`,
			clock.Micros(at), by, rule,
		)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, i18n.T("this rule is not in quarantine", "このルールは隔離されていません"))
		}
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	h := c.quarantines[rule]
	h.Released, h.ReleasedBy = at, by
	c.quarantines[rule] = h
	delete(c.costs, rule)
	c.mu.Unlock()
	c.apply()
	c.Log.Info("a rule was released from quarantine", slog.String("rule", rule), slog.String("by", by))
	c.Notify()
	return nil
}

// exempt reports whether a person has released the rule not long ago.
func (c *Health) exempt(rule string) bool { // under mu
	h, ok := c.quarantines[rule]
	return ok && !h.Released.IsZero() && c.Clock().Sub(h.Released) < afterRelease
}
