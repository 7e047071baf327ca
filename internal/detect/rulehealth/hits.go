package rulehealth

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/store"
)

// hitDays is how long hits are kept, by day.
const hitDays = 90

// rate counts the hits of the last hour by minute.
type rate struct {
	minutes [60]int
	last    int64 // minutes since 1970
}

// add counts n hits at a time and returns the hits of the hour before it. A clock
// that goes back counts into the newest minute.
func (r *rate) add(at time.Time, n int) int {
	now := max(at.Unix()/60, r.last)
	for m := max(r.last+1, now-59); m <= now; m++ {
		r.minutes[m%60] = 0
	}
	r.last = now
	r.minutes[now%60] += n
	sum := 0
	for _, x := range r.minutes {
		sum += x
	}
	return sum
}

// Hits is what one write of findings holds of one rule.
type Hits struct {
	Title string
	N     int
}

// Admit reports whether a hit of a rule makes a finding. One of a rule in quarantine
// does not, and is counted; but one of a correlation, which may come here again, is
// counted by CountMuted.
func (c *Health) Admit(rule string, correlation bool) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.quarantines[rule].Active() {
		return true
	}
	if !correlation {
		c.muted[rule]++
	}
	return false
}

// CountMuted counts a result of a correlation that is new, if the correlation is in
// quarantine.
func (c *Health) CountMuted(rule string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quarantines[rule].Active() {
		c.muted[rule]++
	}
}

// Count writes hits in the transaction that writes their findings, so that an
// event that is given again counts once.
func (c *Health) Count(tx *store.Tx, rule string, n int, retro bool) error {
	if c == nil || n == 0 {
		return nil
	}
	live, then := int64(n), int64(0)
	if retro {
		live, then = then, live
	}
	return addHits(tx, rule, pool.Day(tx.Now()), live, then, 0)
}

func addHits(tx *store.Tx, rule string, on, live, retro, muted int64) error {
	_, err := tx.Exec(`INSERT INTO rule_hits (rule, day, live, retro, muted) VALUES ($1,$2,$3,$4,$5)
ON CONFLICT (rule, day) DO UPDATE SET live = rule_hits.live + excluded.live, retro = rule_hits.retro + excluded.retro,
muted = rule_hits.muted + excluded.muted`, rule, on, live, retro, muted)
	return err
}

// Counted looks at the rate of what was written, and quarantines what floods.
func (c *Health) Counted(ctx context.Context, list map[string]Hits) {
	if c == nil {
		return
	}
	now := c.Clock()
	var floods []Quarantine
	c.mu.Lock()
	for _, rule := range slices.Sorted(maps.Keys(list)) {
		r := c.rates[rule]
		if r == nil {
			r = &rate{}
			c.rates[rule] = r
		}
		if n := r.add(now, list[rule].N); n > c.Rate && !c.exempt(rule) && !c.quarantines[rule].Active() {
			floods = append(
				floods,
				Quarantine{
					Rule: rule, Title: list[rule].Title, Why: WhyFlood, Measured: int64(n), Limit: int64(c.Rate),
				},
			)
		}
	}
	c.mu.Unlock()
	for _, h := range floods {
		if err := c.enforce(ctx, h); err != nil {
			c.Log.Warn("a rule that floods could not be quarantined", slog.String("rule", h.Rule), slog.Any("err", err))
		}
	}
}

// Flush writes the hits of quarantined rules, and forgets rules that have been
// quiet for an hour.
func (c *Health) Flush(ctx context.Context) error {
	c.mu.Lock()
	muted := c.muted
	c.muted = map[string]int64{}
	minute := c.Clock().Unix() / 60
	maps.DeleteFunc(c.rates, func(_ string, r *rate) bool { return r.last < minute-60 })
	c.mu.Unlock()
	if len(muted) == 0 {
		return nil
	}
	err := c.DB.Write(ctx, store.System("detect: hits in quarantine"), func(tx *store.Tx) error {
		for _, rule := range slices.Sorted(maps.Keys(muted)) {
			if err := addHits(tx, rule, pool.Day(tx.Now()), 0, 0, muted[rule]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // they are still to be written
		c.mu.Lock()
		for rule, n := range muted {
			c.muted[rule] += n
		}
		c.mu.Unlock()
	}
	return err
}

// prune forgets hits that are older than hitDays.
func (c *Health) prune(ctx context.Context) error {
	return c.DB.Write(ctx, store.System("detect: prune hits"), func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM rule_hits WHERE day <= $1`, pool.Day(tx.Now())-hitDays)
		return err
	})
}

// HitDay is how often a rule hit on a day (UTC, by this node's clock, when the
// events were read and not when they happened).
type HitDay struct {
	Day   int64 `db:"day"` // since 1970
	Live  int64 `db:"live"`
	Retro int64 `db:"retro"` // found by hunts
	Muted int64 `db:"muted"` // while it was in quarantine; they made no findings
}

// HitDays returns a rule's hits by day, oldest first; days without hits are left out.
func HitDays(tx *store.Tx, rule string) ([]HitDay, error) {
	return store.Query[HitDay](tx, `SELECT day, live, retro, muted FROM rule_hits WHERE rule = $1 ORDER BY day`, rule)
}

// HitSum is how often a rule hit since a day.
type HitSum struct {
	Rule  string `db:"rule"`
	Live  int64  `db:"live"`
	Retro int64  `db:"retro"`
	Muted int64  `db:"muted"`
	Last  int64  `db:"last"` // day of the newest hit
}

// HitSums returns the hits of every rule since a time, by rule.
func HitSums(tx *store.Tx, since time.Time) (map[string]HitSum, error) {
	list, err := store.Query[HitSum](
		tx,
		`SELECT rule, CAST(sum(live) AS BIGINT) AS live, CAST(sum(retro) AS BIGINT) AS retro, CAST(sum(muted) AS BIGINT)
			AS muted, max(day) AS last FROM rule_hits WHERE day > $1 GROUP BY rule`,
		pool.Day(since),
	)
	out := make(map[string]HitSum, len(list))
	for _, h := range list {
		out[h.Rule] = h
	}
	return out, err
}

// Run weighs the rules and writes what is counted in memory, once a minute,
// until ctx ends.
func (c *Health) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return c.Flush(last)
		case <-tick.C:
		}
		if err := c.Flush(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("hits in quarantine could not be counted", slog.Any("err", err))
		}
		if err := c.CheckCosts(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("the rules could not be weighed", slog.Any("err", err))
		}
	}
}

// Maintenance returns the hourly work, by name.
func (c *Health) Maintenance() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"prune-rule-hits":  c.prune,
		"send-rule-counts": c.sendAutomatically,
		"fetch-rule-pool":  c.Fetch,
	}
}
