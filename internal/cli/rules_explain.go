package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/sigma"
)

type rulesExplain struct {
	Rule     string   `arg:"" jaholder:"ルール" help:"A Sigma file." ja:"Sigma のファイル" type:"existingfile"`
	Events   []string `arg:"" name:"events" jaholder:"事象" help:"Recorded events: files and folders; PATH:RECORD is one of them, as a finding's page names it." ja:"記録された事象：ファイルとフォルダー。パス:番号 で 1 件を指定（検知の画面の表記と同じ）" type:"path"`
	Pipeline []string `help:"Processing pipeline for the rule: a pySigma file, or the name of one that is built in; may be repeated." ja:"ルールに適用するパイプライン：pySigma のファイルか、内蔵のものの名前。複数指定可" placeholder:"NAME" jaholder:"名前" sep:"none"`
	Most     int      `help:"Stop after so many explanations." ja:"停止するまでの説明の件数" placeholder:"N" jaholder:"件数" default:"20"`
}

// record is one event of a file.
type record struct {
	name   string // as event.Source has it: "a.zip!b.json"
	number int64  // from 1; 0: any
}

// placeOf takes PATH:RECORD apart; a file that is really called so is meant itself.
func placeOf(arg string) (path string, p record) {
	if _, err := os.Stat(arg); err == nil {
		return arg, record{}
	}
	at := strings.LastIndexByte(arg, ':')
	if at < 1 {
		return arg, record{}
	}
	n, err := strconv.ParseInt(arg[at+1:], 10, 64)
	if err != nil || n < 1 {
		return arg, record{}
	}
	path, _, _ = strings.Cut(arg[:at], "!")
	return path, record{arg[:at], n}
}

func (p record) holds(ev *event.Event) bool {
	return p.number == 0 || ev.From.Record == p.number && ev.From.Name == p.name
}

var errEnough = errors.New("enough events were explained")

// Run prints the reference evaluator's trace, event by event. Of whole files it
// leaves out the events that the rule is not for; one that was named is
// explained in any case.
func (c *rulesExplain) Run(s *session) error {
	set, err := c.load(s)
	if err != nil {
		return err
	}
	rules, err := s.detections(c.Rule, set)
	if err != nil {
		return err
	}
	n := 0
	for _, arg := range c.Events {
		path, at := placeOf(arg)
		_, err := read.Paths(s.ctx, []string{path}, read.Options{}, func(ev *event.Event) error {
			if !at.holds(ev) {
				return nil
			}
			ev.TryAllSources()
			for _, r := range rules {
				if at.number > 0 || r.LogSource.Covers(ev.LogSource()) {
					fmt.Fprintf(s.out, "%s %s %s:%d\n", ev.Time.Format("2006-01-02T15:04:05.000Z"), clean(ev.Host),
						clean(ev.From.Name), ev.From.Record)
					m, ok := r.Match(ev)
					writeTrace(s.out, r.Explain(ev), !ok || ev.Supports(m), s.lang)
					fmt.Fprintln(s.out)
					n++
				}
			}
			if n >= c.Most || at.number > 0 {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if at.number > 0 && err == nil {
			return fault.New(fault.NotFound, i18n.T("{0} has no record {1}", "{0} に {1} 番の記録がありません").With(at.name,
				at.number))
		}
		if n >= c.Most {
			break
		}
	}
	if n == 0 {
		return fault.New(fault.Missed, i18n.T("no event of the rule's log source was read", "このルールの対象となる事象がありません")).
			WithHint(i18n.T("PATH:RECORD explains one event in any case", "パス:番号 を指定すると、対象外の事象についても理由を表示します"))
	}
	return nil
}

// load reads the file, whatever it is called.
func (c *rulesExplain) load(s *session) (*sigma.Set, error) {
	if len(c.Pipeline) > 0 {
		return ruleset.Load(s.ctx, []string{c.Rule}, c.Pipeline...)
	}
	b, err := os.ReadFile(c.Rule)
	if err != nil {
		return nil, fault.Wrap(fault.NotFound, fault.NotFound.Title(), err)
	}
	return sigma.ParseCollection(c.Rule, b).Set(), nil
}

// detections gives the detection rules of a file, with its filters. Documents
// that were refused are named; without any rule that is the error.
func (s *session) detections(path string, set *sigma.Set) ([]*sigma.Rule, error) {
	var refused []i18n.Text
	for _, e := range set.Refused {
		refused = append(refused, reason.Of(e))
	}
	switch {
	case len(set.Rules) > 0:
		for _, e := range refused {
			fmt.Fprintln(s.err, clean(e.In(s.lang)))
		}
		return set.Rules, nil
	case len(refused) > 0:
		why := func(l i18n.Lang) string {
			var lines []string
			for _, e := range refused {
				lines = append(lines, clean(e.In(l)))
			}
			return strings.Join(lines, "\n")
		}
		return nil, fault.New(fault.Unsupported, i18n.Text{EN: why(i18n.EN), JA: why(i18n.JA)})
	}
	return nil, fault.New(fault.Unsupported,
		i18n.T("{0} holds no detection rule: correlation rules and filters have no trace of their own",
			"{0} に検知ルールがありません。相関ルールとフィルターだけでは理由を表示できません").With(path))
}

// writeTrace prints why a rule matched or not: first in a sentence, then part by
// part, each with yes or no before it.
func writeTrace(w io.Writer, t *sigma.Trace, grounded bool, lang i18n.Lang) {
	say := func(x i18n.Text) string { return x.In(lang) }
	result := verdict(t)
	if !grounded {
		result = i18n.T("no match: the event is of no known log source, and has nothing that the rule names",
			"不一致：事象のログソースが不明で、ルールが挙げるフィールドもない")
	}
	fmt.Fprintf(w, "%s: %s\n", clean(t.Rule.Credit()), say(result))
	event := i18n.T("{0}", "{0}").With(clean(sourceOf(t)))
	if t.Product == sigma.AnySource {
		event = i18n.T("not known, so every rule is tried", "不明（すべてのルールを試します）")
	}
	fmt.Fprintf(w, "%s%s\n", yes(t.LogSource, lang),
		say(i18n.T("log source {0}; the event: {1}", "対象 {0}、この事象は {1}").With(clean(t.Rule.LogSource.String()), event)))
	for _, n := range t.Conditions {
		writeNode(w, n, 0, lang)
	}
}

func sourceOf(t *sigma.Trace) string {
	return fmt.Sprintf("product=%q category=%q service=%q", t.Product, strings.Join(t.Categories, ","), t.Service)
}

// verdict says in one sentence what decided.
func verdict(t *sigma.Trace) i18n.Text {
	switch {
	case t.Matched:
		return i18n.T("match", "一致")
	case !t.LogSource && t.Detection:
		return i18n.T("no match: the detection would, but the event is of another log source",
			"不一致：検知条件は成り立つが、事象がルールの対象外")
	case !t.LogSource:
		return i18n.T("no match: the event is of another log source, and the detection does not hold",
			"不一致：事象がルールの対象外で、検知条件も成り立たない")
	}
	var why []string
	for _, c := range t.Conditions {
		why = blame(c, why)
	}
	if len(why) == 0 {
		return i18n.T("no match", "不一致")
	}
	return i18n.T("no match because of {0}", "不一致。原因：{0}").With(strings.Join(why, "; "))
}

// maxBlamed bounds the parts that a verdict names.
const maxBlamed = 4

// blame names the deepest parts of a condition whose result would have to be
// another: items that do not hold, and selections behind a not that do.
func blame(n *sigma.TraceNode, out []string) []string {
	if n.Holds || len(out) >= maxBlamed {
		return out
	}
	switch n.Kind {
	case sigma.TraceItem, sigma.TraceValue:
		name := clean(n.Text)
		if n.Kind == sigma.TraceItem && n.Present {
			name += "=" + strconv.Quote(event.Clip(clean(n.Found), 60))
		}
		return append(out, name)
	case sigma.TraceNot:
		if len(n.Children) == 1 {
			return append(out, "not "+clean(strings.TrimSpace(n.Children[0].Text)))
		}
	}
	for _, c := range n.Children {
		out = blame(c, out)
	}
	return out
}

func yes(holds bool, lang i18n.Lang) string {
	t := i18n.T("no", "否")
	if holds {
		t = i18n.T("yes", "成立")
	}
	return pad(t.In(lang), 5)
}

// maxTraced and maxQuoted bound what is printed of one item.
const (
	maxTraced = 12
	maxQuoted = 200
)

func writeNode(w io.Writer, n *sigma.TraceNode, depth int, lang i18n.Lang) {
	fmt.Fprintf(w, "%s%s%s\n", yes(n.Holds, lang), strings.Repeat("  ", depth), nodeText(n).In(lang))
	skipped := 0
	for i, c := range n.Children {
		if c.Kind == sigma.TraceValue && i >= maxTraced && !c.Holds {
			skipped++
			continue
		}
		writeNode(w, c, depth+1, lang)
	}
	if skipped > 0 {
		fmt.Fprintf(w, "%s%s%s\n", yes(false, lang), strings.Repeat("  ", depth+1),
			i18n.T("{0} more {0:value|values}", "ほか {0} 個の値").With(skipped).In(lang))
	}
}

func nodeText(n *sigma.TraceNode) i18n.Text {
	text := clean(strings.Join(strings.Fields(n.Text), " "))
	quoted := func(s string) string { return strconv.Quote(event.Clip(clean(s), maxQuoted)) }
	switch n.Kind {
	case sigma.TraceCondition:
		return i18n.T("condition: {0}", "条件：{0}").With(text)
	case sigma.TraceAnd:
		return i18n.T("all of these (and)", "次のすべて（and）")
	case sigma.TraceOr:
		return i18n.T("any of these (or)", "次のいずれか（or）")
	case sigma.TraceNot:
		return i18n.T("not", "次の否定（not）")
	case sigma.TraceOneOf, sigma.TraceAllOf:
		return i18n.Same(text)
	case sigma.TraceSelection:
		return i18n.T("selection {0}", "選択 {0}").With(text)
	case sigma.TraceMap:
		return i18n.T("all of these:", "次のすべて：")
	case sigma.TraceList:
		return i18n.T("any of these:", "次のいずれか：")
	case sigma.TraceItem:
		switch {
		case n.Present:
			return i18n.T("{0} is {1}", "{0} は {1}").With(text, quoted(n.Found))
		case n.Text != "keywords" && !strings.HasPrefix(n.Text, "|"):
			return i18n.T("{0} is absent", "{0} は事象にない").With(text)
		}
		return i18n.Same(text)
	case sigma.TraceValue:
		if n.Holds && n.Found != "" {
			return i18n.T("{0} found in {1}", "{0} が {1} にある").With(quoted(n.Text), quoted(n.Found))
		}
		return i18n.Same(quoted(n.Text))
	}
	return i18n.Same(string(n.Kind))
}
