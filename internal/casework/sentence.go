package casework

import (
	"strconv"

	"github.com/meneki/meneki/internal/i18n"
)

// What entries of a timeline say. An entry stores one of these and its arguments;
// the sentence is made when it is read.
const (
	saysOpened        = "opened"         // case number, title of the finding
	saysJoined        = "joined"         // title of the finding, why it joined
	saysTrace         = "trace"          // likewise, of a finding in the past
	saysSeverity      = "severity"       // likely, lowest, highest
	saysIndicator     = "indicator"      // number of members that it is sent to
	saysSighting      = "sighting"       // count
	saysRetroSighting = "sighting.retro" // count, day of the first
	saysState         = "state"          // the state
	saysNote          = "note"           // what a person wrote
	saysOwnFinding    = "own.finding"    // title; what a party reads of its own finding
	saysMadeIndicator = "indicator.made" // what a party reads of an indicator
)

// argument returns an argument as its sentence takes it; ok is false if it cannot
// be one. quote makes what an attacker may have chosen safe to show.
type argument func(s string, quote func(string) string) (v any, ok bool)

// sentence is a template in both languages and its arguments.
type sentence struct {
	text i18n.Text
	args []argument
}

func exact(s string, _ func(string) string) (any, bool) { return s, true }

func chosen(s string, quote func(string) string) (any, bool) { return quote(s), true }

func number(s string, _ func(string) string) (any, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil
}

func why(s string, _ func(string) string) (any, bool) {
	t, ok := whyNames[s]
	return t, ok
}

func state(s string, _ func(string) string) (any, bool) {
	t, ok := stateNames[State(s)]
	return t, ok
}

// sentences is everything that an entry can say.
func sentences() map[string]sentence {
	return map[string]sentence{
		saysOpened: {i18n.T("Case {0} opened by a finding of “{1}”", "検知「{1}」により事案 {0} を開設"),
			[]argument{exact, chosen}},
		saysJoined: {i18n.T("Related finding: “{0}” ({1})", "関連する検知：「{0}」（{1}）"), []argument{chosen, why}},
		saysTrace:  {i18n.T("Trace in the past: “{0}” ({1})", "過去の痕跡：「{0}」（{1}）"), []argument{chosen, why}},
		saysSeverity: {i18n.T("Severity {0} (between {1} and {2})", "深刻度 {0}（{1}～{2} の間）"),
			[]argument{number, number, number}},
		saysIndicator: {i18n.T("Indicator made and sent to {0} {0:member|members}", "指標を作成し {0} 構成員へ配布"),
			[]argument{number}},
		saysSighting: {i18n.T("Sighting: seen {0} {0:time|times}", "観測報告：{0} 回"), []argument{number}},
		saysRetroSighting: {i18n.T("Sighting in the past: {0} {0:trace|traces} since {1}", "過去の観測報告：{1} 以降に痕跡 {0} 件"),
			[]argument{number, exact}},
		saysState: {i18n.T("State: {0}", "状態：{0}"), []argument{state}},
		saysNote:  {i18n.Same("{0}"), []argument{exact}},
		saysOwnFinding: {i18n.T("Your finding “{0}” is in this case", "自組織の検知「{0}」がこの事案に入りました"),
			[]argument{chosen}},
		saysMadeIndicator: {i18n.T("Indicator made and shared", "指標を作成し、共有しました"), nil},
	}
}

// Text returns what an entry says. quote makes what an attacker may have chosen safe
// to show; a note is as its writer wrote it.
func (e Entry) Text(quote func(string) string) i18n.Text {
	unknown := i18n.T("an entry that this version cannot read: {0}", "この版では読み取れない記録：{0}").With(e.Says)
	s, ok := sentences()[e.Says]
	if !ok || len(s.args) != len(e.Args) {
		return unknown
	}
	args := make([]any, len(e.Args))
	for i, raw := range e.Args {
		if args[i], ok = s.args[i](raw, quote); !ok {
			return unknown
		}
	}
	return s.text.With(args...)
}
