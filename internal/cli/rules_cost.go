package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma/engine"
)

type rulesCost struct {
	Rules    []string      `help:"Sigma rules: files or folders." ja:"Sigma ルール：ファイルかフォルダー" placeholder:"PATH" jaholder:"パス" required:"" type:"path"`
	Pipeline []string      `help:"Processing pipeline for --rules: a pySigma file, or the name of one that is built in; may be repeated." ja:"--rules に適用するパイプライン：pySigma のファイルか、内蔵のものの名前。複数指定可" placeholder:"NAME" jaholder:"名前" sep:"none"`
	Paths    []string      `arg:"" name:"path" jaholder:"パス" help:"Recorded events: files and folders." ja:"記録された事象：ファイルとフォルダー" type:"path"`
	Ceiling  time.Duration `help:"Name rules that take longer than this for one event, and exit 1 if there are any. A node quarantines above 100µs." ja:"1 事象あたりの上限。超えたルールを示して終了コード 1。ノードがルールを隔離する上限は 100µs" placeholder:"TIME" jaholder:"時間" default:"100us"`
	Top      int           `help:"Print so many rules; 0 is all. Those over the ceiling are always printed." ja:"表示するルールの数。0 で全部。上限を超えたものは常に表示" placeholder:"N" jaholder:"件数" default:"20"`
	JSON     bool          `help:"Print JSON, all rules." ja:"全ルールを JSON で表示"`
}

type costOut struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	File        string  `json:"file"`
	Events      int64   `json:"events"`      // of the kinds that the rule is for
	Evaluations int64   `json:"evaluations"` // those of them in which it had to be decided
	Matches     int64   `json:"matches"`
	Nanos       int64   `json:"ns_per_event"`
	Share       float64 `json:"share"` // of the time of all rules
	Over        bool    `json:"over_ceiling"`
}

// Run matches the events with the engine that a node has, and times each rule.
func (c *rulesCost) Run(s *session) error {
	if c.Ceiling <= 0 || c.Top < 0 {
		return fault.New(fault.Invalid, i18n.T("--ceiling must be more than 0 and --top not less",
			"--ceiling は 0 より大きく、--top は 0 以上で指定してください"))
	}
	set, err := ruleset.Load(s.ctx, c.Rules, c.Pipeline...)
	if err != nil {
		return err
	}
	if err := someRules(set, c.Rules); err != nil {
		return err
	}
	s.sayRefused(set)
	e := engine.Compile(set, engine.Options{Clock: clock.System, TimeEvery: 1})
	worker := e.Worker()
	events := int64(0)
	_, err = read.Paths(s.ctx, c.Paths, read.Options{}, func(ev *event.Event) error {
		events++
		ev.TryAllSources()
		for range worker.Match(ev) {
		}
		return nil
	})
	if err != nil {
		return err
	}
	worker.Flush()
	costs := e.Costs()
	var spent time.Duration
	for _, w := range costs {
		spent += w.Time
	}
	var list []costOut
	over := 0
	for _, w := range costs {
		if w.Events == 0 {
			continue
		}
		o := costOut{ID: w.Rule.Key(), Title: w.Rule.Title, File: w.Rule.Path, Events: w.Events,
			Evaluations: w.Evaluations, Matches: w.Matches,
			Nanos: w.Time.Nanoseconds() / w.Events}
		if spent > 0 {
			o.Share = float64(w.Time) / float64(spent)
		}
		if o.Over = w.Time > c.Ceiling*time.Duration(w.Events); o.Over {
			over++
		}
		list = append(list, o)
	}
	if len(list) == 0 {
		return fault.New(fault.Missed, i18n.T("no event of any rule's log source was read", "ルールの対象となる事象がありません"))
	}
	if err := c.print(s, events, spent, list, over); err != nil {
		return err
	}
	if over > 0 {
		return fault.New(fault.Missed, i18n.T("{0} {0:rule takes|rules take} longer than {1} for one event",
			"{0} 件のルールが1事象あたり {1} を超えています").With(over, c.Ceiling))
	}
	return nil
}

func (c *rulesCost) print(s *session, events int64, spent time.Duration, list []costOut, over int) error {
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Events  int64     `json:"events"`
			Spent   int64     `json:"ns"` // for deciding rules
			Ceiling int64     `json:"ceiling_ns"`
			Over    int       `json:"over_ceiling"`
			Rules   []costOut `json:"rules"`
		}{events, spent.Nanoseconds(), c.Ceiling.Nanoseconds(), over, list})
	}
	head := func(t i18n.Text, n int) string { return pad(t.In(s.lang), n) }
	fmt.Fprintf(s.out, "%s %s %s %s %s %s\n", head(i18n.T("share", "割合"), 7), head(i18n.T("ns/event", "ns/事象"), 10),
		head(i18n.T("events", "事象"), 9), head(i18n.T("decided", "判定"), 9), head(i18n.T("matches", "一致"), 8),
		i18n.T("rule", "ルール").In(s.lang))
	for i, o := range list {
		if c.Top > 0 && i >= c.Top && !o.Over {
			continue // what is over the ceiling is always named
		}
		mark := " "
		if o.Over {
			mark = "!"
		}
		fmt.Fprintf(s.out, "%5.1f %% %s %9d %9d %9d %8d %s (%s)\n", 100*o.Share, mark, o.Nanos, o.Events, o.Evaluations,
			o.Matches, clean(o.Title), clean(o.ID))
	}
	each := (spent / time.Duration(max(events, 1))).Round(time.Nanosecond)
	s.say(i18n.T("{0} {0:rule|rules} on {1} {1:event|events}, {2} an event in all; {3} over the ceiling of {4}",
		"ルール {0} 件、{1} 事象、1事象あたり計 {2}。上限 {4} を超えたもの {3} 件").With(len(list), events, each, over, c.Ceiling))
	return nil
}
