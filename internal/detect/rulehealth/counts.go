package rulehealth

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Mode is how a node's rule counts leave.
type Mode string

// The modes. What is none of them is ModeNever, which is also what holds until
// somebody chooses.
const (
	ModeNever Mode = "never" // they stay
	ModeAsk   Mode = "ask"   // when a person has looked at them and sends them
	ModeAuto  Mode = "auto"  // by themselves, every hour
)

// pooledDays is how far back hits are reported, in days.
const pooledDays = 30

const (
	settingMode = "detect.rule-counts.mode"
	settingSent = "detect.rule-counts.sent" // "yes" once the hub may hold counts of ours
)

// Mode returns the member's choice.
func (c *Health) Mode(ctx context.Context) (Mode, error) {
	text, _, err := c.DB.Setting(ctx, settingMode)
	if w := Mode(text); w == ModeAsk || w == ModeAuto {
		return w, err
	}
	return ModeNever, err
}

// SetMode changes the member's choice. When it becomes ModeNever, the hub is asked
// to forget what was sent.
func (c *Health) SetMode(ctx context.Context, w Mode) error {
	if w != ModeNever && w != ModeAsk && w != ModeAuto {
		return fault.New(
			fault.Invalid,
			i18n.T(
				"{0} is none of never, ask and auto", "{0} は never、ask、auto のいずれでもありません",
			).With(event.Clip(string(w), 40)),
		)
	}
	if err := c.DB.SetSetting(ctx, settingMode, string(w)); err != nil {
		return err
	}
	c.Notify()
	told, _, err := c.DB.Setting(ctx, settingSent)
	if err != nil || w != ModeNever || told == "" {
		return err
	}
	r := c.message()
	r.Withdraw = true
	if err := c.offer(ctx, r); err != nil {
		return err
	}
	return c.DB.SetSetting(ctx, settingSent, "")
}

// message is a message without counts. It is one message a day, which the counts of
// the day replace until it has left, so that the list of outgoing messages stays short.
func (c *Health) message() wire.RuleHealth {
	now := c.Clock()
	return wire.RuleHealth{ID: "rule-counts-" + now.UTC().Format(time.DateOnly), At: now.UTC().Truncate(24 * time.Hour),
		Rules: []wire.RuleTally{}, Techniques: []wire.TechniqueTally{}, Handling: policy.Handling{
			TLP: policy.Red, Owner: c.Member(),
		}}
}

// Report is exactly what would leave now.
func (c *Health) Report(ctx context.Context) (wire.RuleHealth, error) {
	r := c.message()
	hits, marks := map[string]int64{}, map[string]bool{}
	err := c.DB.Read(ctx, store.System("detect: rule counts"), func(tx *store.Tx) error {
		sums, err := HitSums(tx, c.Clock().Add(-pooledDays*24*time.Hour))
		if err != nil {
			return err
		}
		for rule, h := range sums {
			hits[strings.ToLower(rule)] += h.Live + h.Muted
		}
		stand, err := falseAlarmCounts(tx)
		for rule := range stand {
			marks[strings.ToLower(rule)] = true
		}
		return err
	})
	if err != nil {
		return r, err
	}
	rules := map[string]bool{}
	for id := range hits {
		rules[id] = true
	}
	for id := range marks {
		rules[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		t := wire.RuleTally{Rule: id, Hits: wire.Step(hits[id]), False: marks[id]}
		if pool.IsRuleID(id) && (t.Hits > 0 || t.False) && len(r.Rules) < pool.MaxTallies {
			r.Rules = append(r.Rules, t)
		}
	}
	techniques := map[string]int64{}
	for rule := range c.Engine.Loaded {
		for _, t := range attack.TechniquesOf(rule.Tags) {
			techniques[t]++
		}
	}
	for _, t := range slices.Sorted(maps.Keys(techniques)) {
		if len(r.Techniques) < pool.MaxTallies {
			r.Techniques = append(r.Techniques, wire.TechniqueTally{Technique: t, Rules: wire.Step(techniques[t])})
		}
	}
	return r, nil
}

// Send offers the counts now, because a person says so.
func (c *Health) Send(ctx context.Context) error {
	way, err := c.Mode(ctx)
	switch {
	case err != nil:
		return err
	case way == ModeNever:
		return fault.New(
			fault.Denied, i18n.T("your policy keeps rule counts here", "方針により、ルールの集計は外に出ません"),
		)
	case c.Realm != event.Live:
		return fault.New(fault.Denied, i18n.T("counts of an exercise stay here", "演習中の集計は外に出ません"))
	}
	r, err := c.Report(ctx)
	if err != nil {
		return err
	}
	return c.offer(ctx, r)
}

// sendAutomatically sends the counts if the policy lets them leave by themselves.
func (c *Health) sendAutomatically(ctx context.Context) error {
	if way, err := c.Mode(ctx); err != nil || way != ModeAuto || c.Realm != event.Live {
		return err
	}
	return c.Send(ctx)
}

// offer hands a message to the outgoing queue unless the same was handed over already today.
func (c *Health) offer(ctx context.Context, r wire.RuleHealth) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write rule counts: %w", err)
	}
	c.mu.Lock()
	same := c.sent[r.ID] == string(body)
	c.mu.Unlock()
	if same {
		return nil
	}
	err = c.DB.Write(ctx, store.System("detect: send rule counts"), func(tx *store.Tx) error {
		if err := c.Outgoing.Offer(tx, msg.Offer{ID: r.ID, Title: r.ID, Handling: r.Handling, Body: r}); err != nil {
			return err
		}
		_, err := tx.Exec(
			`INSERT INTO setting (key, value, at) VALUES ($1, 'yes', $2) ON CONFLICT (key) DO UPDATE
				SET value = excluded.value, at = excluded.at`,
			settingSent,
			tx.Now(),
		)
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.sent = map[string]string{r.ID: string(body)}
	c.mu.Unlock()
	return nil
}

// maxFetched bounds the figures that a node takes, whatever its hub believes.
const maxFetched = 200_000

// Fetch asks the hub for the community's figures and keeps them. A hub that is
// not there, or does not know the question, is no error.
func (c *Health) Fetch(ctx context.Context) error {
	if c == nil || c.Line == nil {
		return nil
	}
	var all []wire.PooledFigure
	ask, first := wire.PooledRequest{}, int64(0)
	for page := 0; ; page++ {
		body, err := json.Marshal(ask)
		if err != nil {
			return err
		}
		reply, err := c.Line.Request(ctx, wire.TopicRuleHealth, body)
		if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unsupported) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask for the rule figures: %w", err)
		}
		var a wire.Pooled
		if err := json.Unmarshal(reply, &a); err != nil {
			return fault.Wrap(
				fault.Invalid, i18n.T("the hub's rule figures are not readable", "ハブの集計を読み取れません"), err,
			)
		}
		if page == 0 {
			first = a.Day
		}
		all = append(all, a.Figures...)
		if a.Next == "" {
			break
		}
		if a.Next <= ask.After || len(all) > maxFetched || a.Day != first { // a new edition meanwhile: next time
			return nil
		}
		ask.After = a.Next
	}
	err := c.DB.Write(ctx, store.System("detect: rule figures"), func(tx *store.Tx) error {
		return pool.Replace(tx, all)
	})
	if err == nil {
		c.Notify()
	}
	return err
}
