// Package rulehealth looks after the rules of a node: it counts what they find,
// keeps what analysts report as false alarms, measures what the rules cost, and
// puts a rule into quarantine that floods or is over its budget. What of it the
// community may learn is in package pool.
package rulehealth

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Bounds that a node keeps its rules within unless it is configured with others.
const (
	FloodRate = 1000 // hits an hour
	// Budget is the mean time that a rule may take for one event of the kinds it is
	// for, on a core. All rules together take some microseconds.
	Budget = 100 * time.Microsecond
	// afterRelease is how long a rule that a person has released is left alone.
	afterRelease = 24 * time.Hour
	maxReason    = 500
)

//go:embed sql templates
var files embed.FS

// Migration is the part of the schema that a node keeps the health of its
// rules in.
func Migration() store.Migration { return store.Migration{Name: "rulehealth", FS: files} }

// Config is what a Health stands on.
type Config struct {
	DB       *store.DB
	Engine   Engine
	Outgoing Outgoing
	Line     Line // to the hub; nil: the community's figures are never asked for
	Clock    clock.Clock
	Log      *slog.Logger
	Realm    string
	Member   func() string
	// Rate is how often a rule may hit in an hour, Budget how long it may take
	// for one event on average, before it is quarantined; 0 is FloodRate, Budget.
	Rate   int
	Budget time.Duration
	// Notify is called after something changed that a page shows.
	Notify func()
}

// Engine are the rules that a node has loaded, as its engine holds them.
type Engine interface {
	// Loaded calls yield with every rule and correlation that is loaded.
	Loaded(yield func(ruleset.Rule) bool)
	// Rules returns the node's own rules.
	Rules() *sigma.Set
	// Rule returns a rule that is loaded, or nil.
	Rule(key string) *sigma.Rule
	// Quarantine names the rules that are not evaluated.
	Quarantine(rules map[string]bool)
	// DrainCosts returns what rules have cost since it was last called.
	DrainCosts() []engine.Cost
}

// Outgoing is the queue of what leaves the node.
type Outgoing interface {
	// Offer hands over what is to be sent to the hub, in the caller's transaction.
	Offer(tx *store.Tx, list ...msg.Offer) error
}

// Line is the node's connection to its hub.
type Line interface {
	Request(ctx context.Context, topic string, body []byte) ([]byte, error)
}

// Health looks after a node's rules: it counts what they find, keeps what analysts
// think of it, measures what they cost, and takes a rule out of service that
// floods or is over its budget. It is safe for concurrent use; a nil Health does nothing.
type Health struct {
	Config

	mu          sync.Mutex
	quarantines map[string]Quarantine // under mu; by rule, released ones too
	muted       map[string]int64      // under mu; hits of quarantined rules that are not written yet
	rates       map[string]*rate      // under mu; hits of the last hour, by rule
	costs       map[string]Cost       // under mu; by rule
	overBudget  map[string]int        // under mu; how often in a row a rule was over the budget
	sent        map[string]string     // under mu; what was last offered, by id
}

// New returns a Health. Load it before it is used.
func New(cfg Config) *Health {
	if cfg.Rate <= 0 {
		cfg.Rate = FloodRate
	}
	if cfg.Budget <= 0 {
		cfg.Budget = Budget
	}
	if cfg.Notify == nil {
		cfg.Notify = func() {}
	}
	return &Health{
		Config: cfg, quarantines: map[string]Quarantine{}, muted: map[string]int64{}, rates: map[string]*rate{},
		costs: map[string]Cost{}, overBudget: map[string]int{}, sent: map[string]string{},
	}
}

// Load puts the rules back into quarantine that were there.
func (c *Health) Load(ctx context.Context) error {
	err := c.DB.Read(ctx, store.System("detect: quarantine"), func(tx *store.Tx) error {
		list, err := store.Query[Quarantine](
			tx,
			`SELECT rule, title, why, measured, ceiling, at, by_user, released, released_by
FROM rule_quarantine`,
		)
		for _, h := range list {
			c.quarantines[h.Rule] = h
		}
		return err
	})
	if err == nil {
		c.apply()
	}
	return err
}

func noRule(rule string) error {
	return fault.New(
		fault.NotFound,
		i18n.T("no rule {0} is loaded here", "ルール {0} は読み込まれていません").With(event.Clip(rule, 100)),
	)
}

// loaded reports whether a rule or correlation is loaded.
func (c *Health) loaded(rule string) bool {
	for r := range c.Engine.Loaded {
		if r.Key == rule {
			return true
		}
	}
	return false
}
