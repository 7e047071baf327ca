package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/detect/timeline"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
)

// summary tells at the end what a run came to, so that somebody who is tired
// sees at once how bad it is, where, and whether anything is missing.
type summary struct {
	style timeline.Style
	res   *timeline.Result
	set   *sigma.Set
	took  time.Duration
	rules []string // the paths of the rules
	width int      // cells of the screen; 0: lines may be as long as they are
}

const (
	topRules = 10
	topHosts = 10
	topBad   = 10
)

// print writes it. whole lists every rule that matched, with author, licence and
// id, where these stand nowhere else.
func (s summary) print(w io.Writer, c func(code, s string) string, whole bool) {
	l, t, r := s.style.Lang, &s.res.Tally, s.res.Report
	label := func(x i18n.Text) string { return c("2", pad(x.In(l), 12)) }
	// The long lists come first, so that the figures stand where the eye is when
	// it is over: at the end of the screen.
	if t.Matches > 0 {
		if whole {
			fmt.Fprintln(w)
		}
		s.lists(w, c, whole)
		fmt.Fprintln(w)
	}
	if t.Matches == 0 {
		fmt.Fprintln(w, c("1", i18n.T("No rule matched.", "一致したルールはありません。").In(l)))
	} else {
		var parts []string
		for i, n := range t.Levels {
			if n > 0 {
				name := timeline.LevelName(timeline.Levels[i])
				parts = append(parts, c(levelColour(name), fmt.Sprintf("%s %s", name, thousands(n))))
			}
		}
		fmt.Fprintf(w, "%s%s  %s\n", label(i18n.T("Matches", "一致")), c("1", thousands(t.Matches)),
			strings.Join(parts, "  "))
		if !t.First.IsZero() {
			fmt.Fprintf(w, "%s%s – %s\n", label(i18n.T("Time", "期間")), s.clock(t.First),
				s.clock(t.Last)+" "+s.zone(t.Last))
		}
		if t.NoTime > 0 {
			fmt.Fprintf(w, "%s%s\n", label(i18n.Text{}), i18n.T("of records that tell no time: {0}",
				"うち時刻の記載がない記録：{0} 件").With(thousands(t.NoTime)).In(l))
		}
	}
	speed := ""
	if sec := s.took.Seconds(); sec > 0 {
		speed = i18n.T(" ({0} {0:event|events}/s)", "（{0} 事象/秒）").With(thousands(int64(float64(r.Events) / sec))).In(l)
	}
	fmt.Fprintf(w, "%s%s%s\n", label(i18n.T("Read", "読込")), i18n.T("files {0}, events {1}, in {2} s",
		"ファイル {0}、事象 {1}、{2} 秒").With(thousands(r.Files), thousands(r.Events),
		fmt.Sprintf("%.1f", s.took.Seconds())).In(l), speed)
	rules := i18n.T("{0} loaded, {1} used, {2} matched", "読込 {0}、使用 {1}、一致 {2}").With(thousands(int64(s.style.Loaded)),
		thousands(int64(s.res.Used)), thousands(int64(len(t.Rules())))).In(l)
	if n := s.res.Ours; n > 0 {
		rules += i18n.T(", and {0} of meneki's own", "、meneki 付属 {0}").With(thousands(int64(n))).In(l)
	}
	if n := len(s.set.Refused); n > 0 {
		rules += c("33", i18n.T(", {0} refused and not used", "、拒否 {0}（使っていません）").With(thousands(int64(n))).In(l))
	}
	fmt.Fprintf(w, "%s%s\n", label(i18n.T("Rules", "ルール")), rules)
	if len(s.set.Refused) > 0 {
		fmt.Fprintf(w, "%s%s\n", label(i18n.Text{}), i18n.T("why: meneki rules check {0}",
			"理由の確認：meneki rules check {0}").With(clean(strings.Join(s.rules, " "))).In(l))
	}
	if s.res.Uncertain > 0 {
		fmt.Fprintf(w, "%s%s\n", label(i18n.Text{}),
			c("33", i18n.T("correlations had more to keep than they may: some may be missing or cut short ({0})",
				"相関ルールの保持上限を超えたため、漏れや途中切れの可能性があります（{0}）").With(thousands(s.res.Uncertain)).In(l)))
	}
	s.missing(w, c)
}

func (s summary) lists(w io.Writer, c func(code, s string) string, whole bool) {
	l, t := s.style.Lang, &s.res.Tally
	rules, hosts := t.Rules(), t.Hosts()
	head := i18n.T("Rules that matched", "一致したルール")
	if !whole && len(rules) > topRules {
		head = i18n.T("The worst {0} of {1} {1:rule|rules} that matched", "一致したルール {1} 件のうち上位 {0} 件").With(topRules,
			len(rules))
		rules = rules[:topRules]
	}
	fmt.Fprintf(w, "%s\n", c("1", head.In(l)))
	for _, r := range rules {
		level := timeline.LevelName(r.Rule.Level)
		fmt.Fprintf(w, "  %s %s  %s\n", c(levelColour(level), pad(level, 13)),
			pad(fmt.Sprintf("%9s", thousands(r.Matches)), 9), strings.Join(s.wrap(clean(r.Name)), "\n"+indent))
		credit := r.Rule.Author
		if whole {
			credit = strings.TrimPrefix(r.Rule.Credit(), r.Name+" — ")
		}
		if credit != "" {
			for _, line := range s.wrap(clean(credit)) {
				fmt.Fprintf(w, "%s%s\n", indent, c("2", line))
			}
		}
	}
	head = i18n.T("Hosts", "機器")
	if len(hosts) > topHosts {
		head = i18n.T("The worst {0} of {1} {1:host|hosts}", "機器 {1} 台のうち上位 {0} 台").With(topHosts, len(hosts))
	}
	fmt.Fprintf(w, "\n%s\n", c("1", head.In(l)))
	for _, h := range hosts[:min(len(hosts), topHosts)] {
		level := timeline.LevelName(timeline.Levels[h.Levels.Worst()])
		fmt.Fprintf(w, "  %s %s  %s\n", c(levelColour(level), pad(level, 13)), fmt.Sprintf("%9s", thousands(h.Matches)),
			cmp.Or(clean(h.Name), i18n.T("(no host told)", "（機器の記載なし）").In(l)))
	}
	s.tactics(w, c)
}

// indent is where the names in the lists begin.
const indent = "                           "

// tactics shows how the matches lie over the tactics of ATT&CK.
func (s summary) tactics(w io.Writer, c func(code, s string) string) {
	l, list := s.style.Lang, s.res.Tally.Tactics()
	if len(list) == 0 {
		return
	}
	most := int64(1)
	for _, t := range list {
		most = max(most, t.Matches)
	}
	fmt.Fprintf(w, "\n%s\n", c("1", i18n.T("ATT&CK tactics", "ATT&CK の戦術").In(l)))
	for _, t := range list {
		level := timeline.LevelName(timeline.Levels[t.Levels.Worst()])
		name, _, _ := timeline.Tactic(t.Name)
		const cells = 20
		bar := strings.Repeat("█", int(max(1, t.Matches*cells/most)))
		fmt.Fprintf(w, "  %s %9s  %s %s\n", c(levelColour(level), pad(level, 13)), thousands(t.Matches),
			pad(name.In(l), 22), c(levelColour(level), bar))
	}
}

// wrap breaks a text at blanks so that it fits behind the indent.
func (s summary) wrap(text string) []string {
	room := s.width - len(indent)
	if s.width == 0 || room < 20 || columns(text) <= room {
		return []string{text}
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && columns(line)+1+columns(word) > room {
			out = append(out, line)
			line = word
			continue
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(out, line)
}

// missing says what was not read.
func (s summary) missing(w io.Writer, c func(code, s string) string) {
	l, r := s.style.Lang, s.res.Report
	if r.BadN > 0 {
		fmt.Fprintf(w, "\n%s\n",
			c("1;33", i18n.T("Unreadable records: {0}", "読めなかった記録：{0} 件").With(thousands(r.BadN)).In(l)))
		for _, b := range r.Bad[:min(len(r.Bad), topBad)] {
			fmt.Fprintf(w, "  %s#%d  %s\n", clean(b.Name), b.Record, clean(b.Reason.In(l)))
		}
		if n := r.BadN - int64(min(len(r.Bad), topBad)); n > 0 {
			fmt.Fprintf(w, "  %s\n", i18n.T("… and {0} more", "…ほか {0} 件").With(thousands(n)).In(l))
		}
	}
	if r.GarbledN > 0 {
		fmt.Fprintf(w, "\n%s\n",
			c("1;33", i18n.T("Records that are not UTF-8: {0}", "UTF-8 でない記録：{0} 件").With(thousands(r.GarbledN)).In(l)))
		for _, b := range r.Garbled[:min(len(r.Garbled), topBad)] {
			fmt.Fprintf(w, "  %s#%d\n", clean(b.Name), b.Record)
		}
		for _, line := range s.wrap(read.NotUTF8.In(l)) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	if r.Unknown > 0 {
		fmt.Fprintf(w, "\n%s\n",
			c("33", i18n.T("Records of no known log source: {0}",
				"ログソースが不明な記録：{0} 件").With(thousands(r.Unknown)).In(l)))
		for _, line := range s.wrap(
			i18n.T("rules of every log source were tried on them, so look twice at what they matched",
				"すべてのルールを試したため、一致は慎重に確認してください").In(l),
		) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	if r.Timeless > 0 {
		fmt.Fprintf(w, "\n%s\n",
			c("1;33", i18n.T("Matches that correlations could not use, because the records tell no time: {0}",
				"記録に時刻がなく、相関ルールで使えなかった一致：{0} 件").With(thousands(r.Timeless)).In(l)))
	}
	if r.SkipN > 0 {
		fmt.Fprintf(w, "\n%s\n",
			c("33", i18n.T("Files passed by: {0}", "読まなかったファイル：{0} 件").With(thousands(r.SkipN)).In(l)))
		for _, g := range byReason(r.Skipped, l) {
			fmt.Fprintf(w, "  %9s  %s  %s\n", thousands(int64(g.n)), clean(g.reason), c("2", clean(g.example)))
		}
		if n := r.SkipN - int64(len(r.Skipped)); n > 0 {
			fmt.Fprintf(w, "  %9s  %s\n", thousands(n), i18n.T("more", "ほか").In(l))
		}
	}
}

// passed is how many files were passed by for a reason, and one of them.
type passed struct {
	reason, example string
	n               int
}

func byReason(list []read.SkippedFile, l i18n.Lang) []passed {
	var out []passed
	for _, f := range list {
		reason := f.Reason.In(l)
		i := slices.IndexFunc(out, func(p passed) bool { return p.reason == reason })
		if i < 0 {
			out = append(out, passed{reason: reason, example: f.Name})
			i = len(out) - 1
		}
		out[i].n++
	}
	return out
}

// atLeast counts matches of a level and above.
func (s summary) atLeast(l sigma.Level) (n int64) {
	for i, x := range timeline.Levels {
		if x.Rank() >= l.Rank() {
			n += s.res.Tally.Levels[i]
		}
	}
	return n
}

func (s summary) clock(t time.Time) string { return t.In(s.style.Zone).Format("2006-01-02 15:04:05") }

func (s summary) zone(t time.Time) string {
	name, _ := t.In(s.style.Zone).Zone()
	return name
}

// thousands writes a number with separators.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
