package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/meneki/meneki/internal/app"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

type rulesCost struct {
	Rules   []string      `help:"Sigma rules: files or folders." required:"" placeholder:"PATH" type:"path"`
	Paths   []string      `arg:"" name:"path" help:"Recorded events." type:"path"`
	Ceiling time.Duration `help:"Name rules that take longer than this for one event, and exit 1 if there are any. A node quarantines above 1ms." default:"1ms"`
	Top     int           `help:"Print so many rules; 0 is all." default:"20"`
	JSON    bool          `help:"Print JSON, all rules."`
}

type costOut struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	File        string  `json:"file"`
	Evaluations int64   `json:"evaluations"`
	Matches     int64   `json:"matches"`
	Nanos       int64   `json:"ns_per_event"`
	Share       float64 `json:"share"` // of the time of all rules
	Over        bool    `json:"over_ceiling"`
}

// costBatch is how many events are held at once.
const costBatch = 500

// Run measures each rule by itself with the reference evaluator.
func (c *rulesCost) Run(s *session) error {
	if c.Ceiling <= 0 || c.Top < 0 {
		return fault.New(fault.Invalid, i18n.T("--ceiling must be more than 0 and --top not less", "--ceiling は 0 より大きく、--top は 0 以上で指定してください"))
	}
	set, err := app.LoadRules(s.ctx, c.Rules)
	if err != nil {
		return err
	}
	var scale detect.Scale
	var batch []*event.Event
	weigh := func() error {
		err := scale.Add(s.ctx, set, batch, clock.System)
		batch = batch[:0]
		return err
	}
	_, err = read.Paths(s.ctx, c.Paths, read.Options{}, func(ev *event.Event) error {
		if batch = append(batch, ev); len(batch) < costBatch {
			return nil
		}
		return weigh()
	})
	if err == nil {
		err = weigh()
	}
	if err != nil {
		return err
	}
	var list []costOut
	over := 0
	for _, w := range scale.Weights() {
		o := costOut{ID: w.Rule.Key(), Title: w.Rule.Title, File: w.Rule.Path, Evaluations: w.Evaluations, Matches: w.Matches, Nanos: w.Each().Nanoseconds(), Over: w.Each() > c.Ceiling}
		if scale.Spent() > 0 {
			o.Share = float64(w.Spent) / float64(scale.Spent())
		}
		if o.Over {
			over++
		}
		list = append(list, o)
	}
	if len(list) == 0 {
		return fault.New(fault.Missed, i18n.T("no event of any rule's log source was read", "規則の対象となる事象がありません"))
	}
	if err := c.print(s, scale.Events(), list, over); err != nil {
		return err
	}
	if over > 0 {
		return fault.New(fault.Missed, i18n.T("{0} rules take longer than {1} for one event", "{0} 件の規則が1事象あたり {1} を超えています").With(over, c.Ceiling))
	}
	return nil
}

func (c *rulesCost) print(s *session, events int64, list []costOut, over int) error {
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Events  int64     `json:"events"`
			Ceiling int64     `json:"ceiling_ns"`
			Over    int       `json:"over_ceiling"`
			Rules   []costOut `json:"rules"`
		}{events, c.Ceiling.Nanoseconds(), over, list})
	}
	head := func(t i18n.Text, n int) string { return pad(t.In(s.lang), n) }
	fmt.Fprintf(s.out, "%s %s %s %s %s\n", head(i18n.T("share", "割合"), 7), head(i18n.T("ns/event", "ns/事象"), 10), head(i18n.T("events", "事象"), 9), head(i18n.T("matches", "一致"), 8), i18n.T("rule", "規則").In(s.lang))
	for i, o := range list {
		if c.Top > 0 && i >= c.Top && !o.Over {
			continue // what is over the ceiling is always named
		}
		mark := " "
		if o.Over {
			mark = "!"
		}
		fmt.Fprintf(s.out, "%5.1f %% %s %9d %9d %8d %s (%s)\n", 100*o.Share, mark, o.Nanos, o.Evaluations, o.Matches, clean(o.Title), clean(o.ID))
	}
	s.say(i18n.T("{0} rules evaluated on {1} events; {2} over the ceiling of {3}", "規則 {0} 件を {1} 事象で測定。上限 {3} を超えたもの {2} 件").With(len(list), events, over, c.Ceiling))
	return nil
}
