package release

import (
	"encoding/json"
	"strings"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/wire"
)

// plainWords tell, of a message that would leave, what the hub will know by it
// and what it will not. They are read out of the very bytes that would be sent. Show
// writes a value for the reader.
func plainWords(m Message, show func(string) string) (says, hides []i18n.Text) {
	switch m.Kind {
	case wire.KindFinding:
		var f wire.Finding
		if json.Unmarshal([]byte(m.Body), &f) == nil {
			return findingWords(f, show)
		}
	case wire.KindCandidate:
		var c wire.Candidate
		if json.Unmarshal([]byte(m.Body), &c) == nil {
			return candidateWords(c, show)
		}
	case wire.KindSighting:
		var s wire.Sighting
		if json.Unmarshal([]byte(m.Body), &s) == nil {
			return sightingWords(s)
		}
	case wire.KindReceipt:
		var r wire.Receipt
		if json.Unmarshal([]byte(m.Body), &r) == nil {
			return receiptWords(r)
		}
	case wire.KindRange:
		var r wire.RangeReceipt
		if json.Unmarshal([]byte(m.Body), &r) == nil {
			return rangeWords(r)
		}
	case wire.KindRuleHealth:
		var c wire.RuleHealth
		if json.Unmarshal([]byte(m.Body), &c) == nil {
			return ruleHealthWords(c)
		}
	}
	return []i18n.Text{i18n.T("Everything below, as it stands.", "下に示す内容のすべて。")}, nil
}

func findingWords(f wire.Finding, show func(string) string) (says, hides []i18n.Text) {
	say := func(t i18n.Text) { says = append(says, t) }
	hide := func(t i18n.Text) { hides = append(hides, t) }
	if f.Indicator != "" && f.Indicator == f.Rule.ID {
		say(
			i18n.T(
				"The value “{0}” was seen in your organisation; number of events: {1}.",
				"値「{0}」が自組織の事象 {1} 件に現れたこと。",
			).With(show(f.Rule.Title), f.Count),
		)
	} else {
		say(
			i18n.T(
				"The rule “{0}” matched in your organisation; number of matches: {1}.",
				"ルール「{0}」が自組織で {1} 回一致したこと。",
			).With(show(f.Rule.Title), f.Count),
		)
	}
	say(
		i18n.T(
			"When the first and the last event happened, and when it was noticed.",
			"最初と最後の事象の時刻と、気づいた時刻。",
		),
	)
	if f.Retro {
		say(i18n.T("It was found by a search of your past.", "過去の記録の調査で見つかったこと。"))
	}
	if f.Indicator != "" {
		say(i18n.T("It matched an indicator that the community shared.", "共同体が共有した指標に一致したこと。"))
	}
	switch {
	case f.Host == "":
		hide(i18n.T("which machine", "どの機器か"))
	case isPseudonym(f.Host):
		say(i18n.T("One machine from another, by the pseudonym {0}.", "仮名 {0} による機器の区別。").With(f.Host))
		hide(i18n.T("the machine's name", "機器の名前"))
	default:
		say(i18n.T("The machine: {0}.", "機器の名前：{0}。").With(f.Host))
	}
	if f.User != "" {
		say(i18n.T("The account: {0}.", "アカウント：{0}。").With(f.User))
	} else {
		hide(i18n.T("which account", "どのアカウントか"))
	}
	if len(f.Matched) > 0 {
		say(
			i18n.T(
				"{0} matched {0:field|fields} with what they held, such as command lines.",
				"一致した {0} 項目とその内容（コマンドラインなど）。",
			).With(len(f.Matched)),
		)
	} else {
		hide(i18n.T("what the matched fields held", "一致した項目の内容"))
	}
	if len(f.Observables) > 0 {
		say(
			i18n.T(
				"{0} {0:value|values} that it thinks distinctive, such as {1}.",
				"特徴的とみられる観測値 {0} 件（{1} など）。",
			).With(len(f.Observables), show(f.Observables[0].Value)),
		)
	} else {
		hide(i18n.T("any address, domain or hash", "アドレス・ドメイン・ハッシュ"))
	}
	hide(i18n.T("the events themselves", "事象そのもの"))
	say(i18n.T("Whom the hub may show it to: {0}.", "ハブが示してよい相手：{0}。").With(marking.Reach(f.Handling)))
	return says, hides
}

func candidateWords(c wire.Candidate, show func(string) string) (says, hides []i18n.Text) {
	if c.Observable != nil {
		says = append(
			says,
			i18n.T(
				"The value {0}, for other members to look for.", "ほかの構成員が探すための値：{0}。",
			).With(show(c.Observable.Value)),
		)
	} else {
		says = append(
			says,
			i18n.T(
				"The whole text of the rule “{0}”, for other members to look for the behaviour.",
				"ほかの構成員が同じ振る舞いを探すためのルール「{0}」の全文。",
			).With(c.Rule.Title),
		)
	}
	says = append(says,
		i18n.T(
			"It came out of a finding of the rule “{0}”.", "ルール「{0}」の検知から得られたこと。",
		).With(c.Rule.Title),
		i18n.T(
			"Whom the hub may give it to: {0}. The others are not told that it came from you.",
			"ハブが渡してよい相手：{0}。提供元が自組織であることは示されません。",
		).With(marking.Reach(c.Handling)))
	return says, []i18n.Text{
		i18n.T("which machine or account", "どの機器・アカウントか"), i18n.T("the events themselves", "事象そのもの"),
	}
}

func sightingWords(s wire.Sighting) (says, hides []i18n.Text) {
	says = append(
		says,
		i18n.T(
			"The indicator was seen in your organisation, when first and last, and how often: {0}.",
			"この指標が自組織で {0} 回観測されたことと、最初と最後の時刻。",
		).With(s.Count),
	)
	if s.Retro {
		says = append(says, i18n.T("It was found by a search of your past.", "過去の記録の調査で見つかったこと。"))
	}
	says = append(
		says,
		i18n.T("Whom the hub may show it to: {0}.", "ハブが示してよい相手：{0}。").With(marking.Reach(s.Handling)),
	)
	return says, []i18n.Text{
		i18n.T("which machine or account", "どの機器・アカウントか"), i18n.T("the events themselves", "事象そのもの"),
	}
}

func rangeWords(r wire.RangeReceipt) (says, hides []i18n.Text) {
	switch {
	case r.State == wire.Armed:
		says = append(says, i18n.T("This node took all that the hub sent at once, and matches the indicators in it "+
			"from now on. {0} {0:exception|exceptions} with the reason.",
			"このノードがハブから一度に届いたものをすべて受け取り、その中の指標を今後照合すること。例外 {0} 件とその理由。").
			With(len(r.Except)))
	case r.Undisclosed:
		says = append(says, i18n.T("This node searched {0} {0:event|events} of its past for all indicators in it. "+
			"What it found is not disclosed.",
			"このノードがその全指標について過去の事象 {0} 件を調べたこと。結果は伝えません。").
			With(r.Searched))
	default:
		says = append(says, i18n.T("This node searched {0} {0:event|events} of its past for all indicators in it, and "+
			"how often each of them matched.",
			"このノードがその全指標について過去の事象 {0} 件を調べたことと、それぞれの一致件数。").
			With(r.Searched))
	}
	return says, []i18n.Text{i18n.T("which machine or account", "どの機器・アカウントか"),
		i18n.T("the events themselves", "事象そのもの")}
}

func receiptWords(r wire.Receipt) (says, hides []i18n.Text) {
	switch r.State {
	case wire.Armed:
		says = append(
			says, i18n.T("This node matches the indicator from now on.", "このノードが今後この指標を照合すること。"),
		)
	case wire.Hunted:
		if r.Undisclosed {
			says = append(
				says,
				i18n.T(
					"This node searched {0} {0:event|events} of its past for the indicator. What it found is not "+
						"disclosed.",
					"このノードが過去の事象 {0} 件を調べたこと。結果は伝えません。",
				).With(r.Searched),
			)
			break
		}
		says = append(
			says,
			i18n.T(
				"This node searched {0} {0:event|events} of its past for the indicator, and {1} matched.",
				"このノードが過去の事象 {0} 件を調べ、{1} 件が一致したこと。",
			).With(r.Searched, r.Hits),
		)
	case wire.Refused:
		says = append(
			says,
			i18n.T(
				"This node cannot match the indicator, and why.", "このノードでは指標を照合できないことと、その理由。",
			),
		)
	case wire.Held:
		says = append(says, i18n.T("This node has the object.", "このノードがオブジェクトを受け取ったこと。"))
	case wire.Disarmed:
		says = append(
			says, i18n.T("This node no longer matches the indicator.", "このノードが指標の照合をやめたこと。"),
		)
	}
	return says, []i18n.Text{
		i18n.T("which machine or account", "どの機器・アカウントか"), i18n.T("the events themselves", "事象そのもの"),
	}
}

func ruleHealthWords(c wire.RuleHealth) (says, hides []i18n.Text) {
	if c.Withdraw {
		return []i18n.Text{
			i18n.T(
				"The hub is to forget all that you reported about your rules.",
				"これまでに伝えたルールの集計を、ハブがすべて破棄すること。",
			),
		}, nil
	}
	found, falses := 0, 0
	for _, r := range c.Rules {
		if r.Hits > 0 {
			found++
		}
		if r.False {
			falses++
		}
	}
	return []i18n.Text{
			i18n.T(
				"The ids of {0} {0:rule|rules} that found something here in 30 days, and how much, roughly: 1, 2, 5, "+
					"10, 20 and so on.",
				"30日間に検知のあったルール {0} 件の番号と、おおよその件数（1、2、5、10、20…に丸めた数）。",
			).With(found),
			i18n.T(
				"The ids of {0} {0:rule|rules} that an analyst here marked as false alarms.",
				"分析担当が誤検知としたルール {0} 件の番号。",
			).With(falses),
			i18n.T(
				"For {0} ATT&CK {0:technique|techniques}, roughly how many rules look for them here.",
				"ATT&CK の手法 {0} 件について、見張るルールのおおよその数。",
			).With(len(c.Techniques)),
			i18n.T(
				"The hub adds it up with others' and shows a figure only when at least three members stand behind it, "+
					"without names.",
				"ハブは他組織の分と合わせ、3組織以上になった数だけを、組織名なしで示すこと。",
			),
		}, []i18n.Text{
			i18n.T(
				"what was found, where and when", "何が、どこで、いつ検知されたか",
			), i18n.T("titles and text of your rules", "ルールの題名と内容"),
			i18n.T("the reasons for false alarms", "誤検知とした理由"), i18n.T("the events themselves", "事象そのもの")}
}

func isPseudonym(host string) bool {
	return len(host) == len(pseudonymPrefix)+8 && strings.HasPrefix(host, pseudonymPrefix)
}
