package detect

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/msg"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/engine"
)

// Bounds that a node holds its rules to unless it is told others.
const (
	FloodRate = 1000 // hits an hour
	// Ceiling is the mean time that a rule may take for one event of the kinds it is
	// for, on a core. All rules together take some microseconds.
	Ceiling = 100 * time.Microsecond
	// afterRelease is how long a rule that a person has released is left alone.
	afterRelease = 24 * time.Hour
	maxReason    = 500
)

// CareConfig is what a Care stands on.
type CareConfig struct {
	DB     *store.DB
	Engine Rules
	Gate   CountsGate
	Line   Line // to the hub; nil: the community's figures are never asked for
	Clock  clock.Clock
	Log    *slog.Logger
	Realm  string
	Member func() string
	// Rate is how often a rule may hit in an hour, Ceiling how long it may take
	// for one event on average, before it is quarantined; 0 is FloodRate, Ceiling.
	Rate    int
	Ceiling time.Duration
	// Tell is called after something changed that a page shows.
	Tell func()
}

// Rules are the rules that a node has loaded, as its engine holds them.
type Rules interface {
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

// CountsGate is the queue of what leaves the node.
type CountsGate interface {
	// Offer hands over what is to be sent to the hub, in the caller's transaction.
	Offer(tx *store.Tx, list ...msg.Offer) error
}

// Line is the node's connection to its hub.
type Line interface {
	Request(ctx context.Context, topic string, body []byte) ([]byte, error)
}

// Care looks after a node's rules: it counts what they find, keeps what analysts
// think of it, measures what they cost, and takes a rule out of service that
// floods or is too dear. It is safe for concurrent use; a nil Care does nothing.
type Care struct {
	CareConfig

	mu      sync.Mutex
	held    map[string]Held   // under mu; by rule, released ones too
	muted   map[string]int64  // under mu; hits of quarantined rules that are not written yet
	rates   map[string]*rate  // under mu; hits of the last hour, by rule
	weights map[string]Weight // under mu; by rule
	strikes map[string]int    // under mu; how often in a row a rule was too dear
	sent    map[string]string // under mu; what was last offered, by id
}

// OpenCare makes a Care and puts what was in quarantine back there.
func OpenCare(ctx context.Context, cfg CareConfig) (*Care, error) {
	if cfg.Rate <= 0 {
		cfg.Rate = FloodRate
	}
	if cfg.Ceiling <= 0 {
		cfg.Ceiling = Ceiling
	}
	if cfg.Tell == nil {
		cfg.Tell = func() {}
	}
	c := &Care{CareConfig: cfg, held: map[string]Held{}, muted: map[string]int64{}, rates: map[string]*rate{}, weights: map[string]Weight{}, strikes: map[string]int{}, sent: map[string]string{}}
	err := cfg.DB.Read(ctx, store.System("detect: quarantine"), func(tx *store.Tx) error {
		list, err := store.Query[Held](tx, `SELECT rule, title, why, measured, ceiling, at, by_user, released, released_by FROM rule_quarantine`)
		for _, h := range list {
			c.held[h.Rule] = h
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.apply()
	return c, nil
}

// Why a rule is in quarantine.
const (
	WhyFlood  = "flood"  // it hit more often than Rate
	WhyCost   = "cost"   // it took longer than Ceiling
	WhyPerson = "person" // somebody put it there
)

// Held is a rule in quarantine, or one that was released. One that is too dear
// is not evaluated. Any other is evaluated and its hits are counted, but they
// make no findings.
type Held struct {
	Rule       string    `db:"rule"`
	Title      string    `db:"title"`
	Why        string    `db:"why"`
	Measured   int64     `db:"measured"` // hits an hour, or nanoseconds an event
	Ceiling    int64     `db:"ceiling"`  // likewise
	At         time.Time `db:"at"`
	By         string    `db:"by_user"` // of a person
	Released   time.Time `db:"released"`
	ReleasedBy string    `db:"released_by"`
}

// Active reports whether the rule is in quarantine now.
func (h Held) Active() bool { return !h.At.IsZero() && h.Released.IsZero() }

// apply tells the engine which rules are not to be evaluated.
func (c *Care) apply() {
	skip := map[string]bool{}
	c.mu.Lock()
	for _, h := range c.held {
		if h.Active() && h.Why == WhyCost {
			skip[h.Rule] = true
		}
	}
	c.mu.Unlock()
	c.Engine.Quarantine(skip)
}

// Held lists the rules that are in quarantine.
func (c *Care) Held() map[string]Held {
	out := map[string]Held{}
	if c == nil {
		return out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, h := range c.held {
		if h.Active() {
			out[k] = h
		}
	}
	return out
}

// Quarantine takes a rule out of service because a person says so.
func (c *Care) Quarantine(ctx context.Context, rule, by string) error {
	for r := range c.Engine.Loaded {
		if r.Key == rule {
			return c.hold(ctx, Held{Rule: rule, Title: r.Title, Why: WhyPerson, By: by})
		}
	}
	return noRule(rule)
}

// loaded reports whether a rule or correlation is loaded.
func (c *Care) loaded(rule string) bool {
	for r := range c.Engine.Loaded {
		if r.Key == rule {
			return true
		}
	}
	return false
}

func noRule(rule string) error {
	return fault.New(fault.NotFound, i18n.T("no rule {0} is loaded here", "規則 {0} は読み込まれていません").With(event.Clip(rule, 100)))
}

// hold writes a quarantine down and puts it in force.
func (c *Care) hold(ctx context.Context, h Held) error {
	h.At, h.Released, h.ReleasedBy = c.Clock(), time.Time{}, ""
	err := c.DB.Write(ctx, store.System("detect: quarantine a rule"), func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO rule_quarantine (rule, title, why, measured, ceiling, at, by_user, released, released_by) VALUES ($1,$2,$3,$4,$5,$6,$7,0,'')
ON CONFLICT (rule) DO UPDATE SET title = excluded.title, why = excluded.why, measured = excluded.measured, ceiling = excluded.ceiling, at = excluded.at, by_user = excluded.by_user, released = 0, released_by = ''`,
			h.Rule, h.Title, h.Why, h.Measured, h.Ceiling, clock.Micros(h.At), h.By)
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.held[h.Rule] = h
	delete(c.rates, h.Rule)
	delete(c.strikes, h.Rule)
	c.mu.Unlock()
	c.apply()
	c.Log.Warn("a rule is in quarantine until a person releases it", slog.String("rule", h.Rule), slog.String("title", h.Title), slog.String("why", h.Why),
		slog.Int64("measured", h.Measured), slog.Int64("ceiling", h.Ceiling), slog.String("by", h.By))
	c.Tell()
	return nil
}

// Release puts a rule back into service. It is left alone for a day after that.
func (c *Care) Release(ctx context.Context, rule, by string) error {
	at := c.Clock()
	err := c.DB.Write(ctx, store.System("detect: release a rule"), func(tx *store.Tx) error {
		n, err := tx.Exec(`UPDATE rule_quarantine SET released = $1, released_by = $2 WHERE rule = $3 AND released = 0`, clock.Micros(at), by, rule)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, i18n.T("this rule is not in quarantine", "この規則は隔離されていません"))
		}
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	h := c.held[rule]
	h.Released, h.ReleasedBy = at, by
	c.held[rule] = h
	delete(c.weights, rule)
	c.mu.Unlock()
	c.apply()
	c.Log.Info("a rule was released from quarantine", slog.String("rule", rule), slog.String("by", by))
	c.Tell()
	return nil
}

// spared reports whether a person has released the rule not long ago.
func (c *Care) spared(rule string) bool { // under mu
	h, ok := c.held[rule]
	return ok && !h.Released.IsZero() && c.Clock().Sub(h.Released) < afterRelease
}

// FalseMark is an analyst's word that what a rule found was no attack.
type FalseMark struct {
	ID       string    `db:"id"`
	Rule     string    `db:"rule"`
	Finding  string    `db:"finding"` // "" if it is about the rule as such
	Reason   string    `db:"reason"`
	By       string    `db:"by_user"`
	At       time.Time `db:"at"`
	Undone   time.Time `db:"undone"`
	UndoneBy string    `db:"undone_by"`
}

// Active reports whether the mark has not been taken back.
func (m FalseMark) Active() bool { return m.Undone.IsZero() }

const markColumns = "id, rule, finding, reason, by_user, at, undone, undone_by"

// MarkFalse notes that what a rule found was no attack: a finding that v may
// see, or the rule as such if finding is empty. It changes nothing else.
func (c *Care) MarkFalse(ctx context.Context, v policy.Viewer, rule, found, reason string) (FalseMark, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return FalseMark{}, fault.New(fault.Invalid, i18n.T("say why it was no attack", "攻撃ではないと判断した理由を書いてください"))
	case len(reason) > maxReason:
		return FalseMark{}, fault.New(fault.TooLarge, i18n.T("the reason is longer than {0} bytes", "理由が {0} バイトを超えています").With(maxReason))
	case found == "" && !c.loaded(rule):
		return FalseMark{}, noRule(rule)
	}
	var m FalseMark
	err := c.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		if found != "" {
			f, err := finding.Get(tx, found)
			if err != nil {
				return err
			}
			if rule != "" && rule != f.Rule.ID {
				return noRule(rule)
			}
			rule = f.Rule.ID
		}
		n, err := store.One[int64](tx, `SELECT count(*) FROM rule_marks WHERE rule = $1 AND finding = $2 AND undone = 0`, rule, found)
		if err == nil && n > 0 {
			err = fault.New(fault.Conflict, i18n.T("this is marked as a false alarm already", "既に誤検知として記録されています"))
		}
		if err != nil {
			return err
		}
		m = FalseMark{ID: clock.NewID(), Rule: rule, Finding: found, Reason: reason, By: v.Name, At: tx.Now()}
		return store.Insert(tx, "rule_marks", []FalseMark{m})
	})
	if err == nil {
		c.Tell()
	}
	return m, err
}

// UndoFalse takes a mark back; that it was there stays to be seen.
func (c *Care) UndoFalse(ctx context.Context, v policy.Viewer, id string) error {
	err := c.DB.Write(ctx, store.As(v), func(tx *store.Tx) error {
		n, err := tx.Exec(`UPDATE rule_marks SET undone = $1, undone_by = $2 WHERE id = $3 AND undone = 0`, clock.Micros(tx.Now()), v.Name, id)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, i18n.T("there is no such mark", "その記録はありません"))
		}
		return err
	})
	if err == nil {
		c.Tell()
	}
	return err
}

// FalseMarks lists the marks of a rule, or of a finding, newest first.
func FalseMarks(tx *store.Tx, rule, finding string) ([]FalseMark, error) {
	if finding != "" {
		return store.Query[FalseMark](tx, `SELECT `+markColumns+` FROM rule_marks WHERE finding = $1 ORDER BY at DESC, id DESC LIMIT 200`, finding)
	}
	return store.Query[FalseMark](tx, `SELECT `+markColumns+` FROM rule_marks WHERE rule = $1 ORDER BY at DESC, id DESC LIMIT 200`, rule)
}

type ruleCount struct {
	Rule string `db:"rule"`
	N    int64  `db:"n"`
}

// falseCounts gives the number of marks that stand, by rule.
func falseCounts(tx *store.Tx) (map[string]int64, error) {
	list, err := store.Query[ruleCount](tx, `SELECT rule, count(*) AS n FROM rule_marks WHERE undone = 0 GROUP BY rule`)
	out := make(map[string]int64, len(list))
	for _, r := range list {
		out[r.Rule] = r.N
	}
	return out, err
}
