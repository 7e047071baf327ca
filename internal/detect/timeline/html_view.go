package timeline

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/reason"
)

type headView struct {
	Lang                      i18n.Lang
	TLP, TLPSlug, Program     string
	Headline, Period, Zone    string
	Interrupted, Zero         bool
	Style                     template.HTML
	ScriptHash                string
	Levels                    []levelView
	Picture                   template.HTML
	Caption, Bucket           string
	Table                     tableView
	Hosts, Techniques         []countView
	Tactics                   []countView
	MoreHosts, MoreTechniques string
	Rules                     []countView
	Cut                       string
}

type tableView struct {
	Heads []string
	Rows  [][]string
}

type countView struct {
	Name, Credit, Tags string
	Worst              levelView
	Matches, Hosts     string
	Span               string
}

type footView struct {
	None                              bool
	Facts, Bad, Skipped, Refused      []pairView
	BadHead, SkippedHead, RefusedHead string
	Program, Made                     string
	Script                            template.HTML
}

func (p *page) in(t i18n.Text) string { return t.In(p.style.Lang) }

func (p *page) clock(t time.Time) string {
	return t.In(p.style.Zone).Format("2006-01-02 15:04:05")
}

// zone names the reader's zone at t.
func (p *page) zone(t time.Time) string {
	name := p.style.Zone.String()
	if name == "Local" || name == "" {
		name, _ = t.In(p.style.Zone).Zone()
	}
	if offset := t.In(p.style.Zone).Format("-07:00"); name != "UTC" && !strings.Contains(name, offset) {
		name += " " + offset
	}
	return name
}

func (p *page) head(r *Result) headView {
	t := &r.Tally
	rules, hosts, techniques := t.Rules(), t.Hosts(), t.Techniques()
	v := headView{
		Lang: p.style.Lang, TLP: p.style.TLP.String(), TLPSlug: p.style.TLP.Slug(), Program: p.style.Program,
		Zone:        p.zone(later(t.Last, p.style.Now)),
		Interrupted: r.Interrupted, Zero: t.Matches == 0,
		Style:    template.HTML("<style>" + asset("report.css") + "</style>"),
		Headline: p.in(headline(t.Matches, int64(len(rules)), int64(named(hosts)))),
	}
	_, v.ScriptHash = script()
	if t.Matches == 0 {
		v.Headline = p.in(i18n.T("No rule matched", "一致したルールはありません"))
	}
	if !t.First.IsZero() {
		v.Period = p.in(i18n.T("{0} to {1} ({2})", "{0} ～ {1}（{2}）").With(p.clock(t.First), p.clock(t.Last), v.Zone))
	}
	if t.NoTime > 0 {
		v.Period = strings.TrimSpace(v.Period + " " + p.in(i18n.T("{0} matches tell no time; they stand at the end.",
			"{0} 件は時刻の記載がなく、末尾に置いています。").With(grouped(t.NoTime))))
	}
	for i, n := range t.Levels {
		if n > 0 || i < len(Levels)-1 {
			l := p.level(i)
			l.Matches = grouped(n)
			v.Levels = append(v.Levels, l)
		}
	}
	if c, width, ok := p.picture(t); ok {
		v.Caption, v.Picture = p.in(c.Text), c.SVG(p.style.Lang)
		v.Bucket = p.in(i18n.T("Each bar is {0}; the zone is {1}.", "棒 1 本は {0}、時刻は {1}。").With(widthText(width),
			v.Zone))
		v.Table = p.table(c.Table().Rows, t)
	}
	v.Hosts = p.counts(hosts, maxListed)
	for i := range v.Hosts {
		if v.Hosts[i].Name == "" {
			v.Hosts[i].Name = p.in(i18n.T("(no host told)", "（機器の記載なし）"))
		}
	}
	if n := len(hosts) - len(v.Hosts); n > 0 || t.OtherHosts > 0 {
		v.MoreHosts = p.in(i18n.T("… and {0} more hosts", "ほか {0} 台").With(grouped(int64(n))))
		if t.OtherHosts > 0 {
			v.MoreHosts = p.in(i18n.T("… and more than {0} more hosts, which were not counted one by one",
				"ほか {0} 台以上（個別には集計していません）").With(grouped(int64(n))))
		}
	}
	v.Techniques, v.Tactics = p.counts(techniques, maxListed), p.counts(t.Tactics(), len(tactics))
	for i := range v.Tactics {
		name, _, _ := Tactic(v.Tactics[i].Name)
		v.Tactics[i].Name = p.in(name)
	}
	if n := len(techniques) - len(v.Techniques); n > 0 {
		v.MoreTechniques = p.in(i18n.T("… and {0} more techniques", "ほか {0} 技術").With(n))
	}
	v.Rules = p.counts(rules, len(rules))
	if t.Matches > maxRows {
		v.Cut = p.cut(t)
	}
	return v
}

func headline(matches, rules, hosts int64) i18n.Text {
	n := func(n int64, one, many i18n.Text) i18n.Text {
		if n == 1 {
			return one
		}
		return many.With(grouped(n))
	}
	return i18n.T("{0} of {1} on {2}", "{2}で {1}に {0}が一致").With(
		n(matches, i18n.T("1 match", "1 件"), i18n.T("{0} matches", "{0} 件")),
		n(rules, i18n.T("1 rule", "1 件のルール"), i18n.T("{0} rules", "{0} 件のルール")),
		n(hosts, i18n.T("1 host", "1 台の機器"), i18n.T("{0} hosts", "{0} 台の機器")))
}

func named(hosts []*Count) int {
	n := len(hosts)
	for _, h := range hosts {
		if h.Name == "" {
			n--
		}
	}
	return n
}

func later(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// cut says which matches the table leaves out.
func (p *page) cut(t *Tally) string {
	var whole, part []string
	for i, n := range t.Levels {
		switch {
		case n == 0:
		case p.room[i] == n:
			whole = append(whole, p.in(levelNames[i]))
		case p.room[i] > 0:
			part = append(part, p.in(i18n.T("the first {0} of {1}", "{1}の最初の {0} 件").With(grouped(p.room[i]),
				levelNames[i])))
		}
	}
	if len(whole) > 0 {
		part = append([]string{p.in(i18n.T("all of {0}", "{0}の全件").With(strings.Join(whole, p.in(i18n.T(", ", "、")))))},
			part...)
	}
	return p.in(i18n.T("The table shows {0} of {1} matches: {2}. The counts above are of all. For all rows use "+
		"--format csv or jsonl.",
		"この表は {1} 件中 {0} 件（{2}）を示します。上の集計は全件です。全件は --format csv または jsonl で出力できます。").
		With(grouped(maxRows), grouped(t.Matches), strings.Join(part, p.in(i18n.T(", ", "、")))))
}

func (p *page) table(rows [][]any, t *Tally) tableView {
	v := tableView{Heads: []string{p.in(i18n.T("From", "時刻"))}}
	for i := range Levels {
		if t.Levels[i] > 0 {
			v.Heads = append(v.Heads, p.in(levelNames[i]))
		}
	}
	v.Heads = append(v.Heads, p.in(i18n.T("Together", "合計")))
	for _, row := range rows {
		var out []string
		for _, c := range row {
			switch c := c.(type) {
			case i18n.Text:
				out = append(out, p.in(c))
			case float64:
				out = append(out, grouped(int64(c)))
			default:
				out = append(out, fmt.Sprint(c))
			}
		}
		v.Rows = append(v.Rows, out)
	}
	return v
}

func (p *page) counts(list []*Count, most int) []countView {
	var out []countView
	for _, c := range list[:min(len(list), most)] {
		v := countView{Name: c.Name, Worst: p.level(c.Levels.Worst()), Matches: grouped(c.Matches)}
		if !c.First.IsZero() {
			v.Span = p.clock(c.First)
			if last := p.clock(c.Last); last != v.Span {
				if last[:10] == v.Span[:10] {
					last = last[11:]
				}
				v.Span += " – " + last
			}
		}
		if c.Rule != nil {
			v.Credit, v.Hosts = credit(c), grouped(int64(c.Hosts()))
			v.Tags = strings.Join(techniques(c.Rule), " ")
			if c.Hosts() == maxRuleHosts {
				v.Hosts = "≥ " + v.Hosts
			}
		}
		out = append(out, v)
	}
	return out
}

// credit is what is below a rule's title.
func credit(c *Count) string {
	return strings.TrimPrefix(c.Rule.Credit(), c.Rule.Title+" — ")
}

func (p *page) foot(r *Result) footView {
	v := footView{None: r.Tally.Matches == 0, Program: p.style.Program,
		Made: p.clock(p.style.Now) + " " + p.zone(p.style.Now)}
	v.Script, _ = script()
	fact := func(name i18n.Text, n int64) { v.Facts = append(v.Facts, pairView{p.in(name), grouped(n)}) }
	fact(i18n.T("Files", "ファイル"), r.Report.Files)
	fact(i18n.T("Events", "事象"), r.Report.Events)
	fact(i18n.T("Unreadable records", "読めない記録"), r.Report.BadN)
	fact(i18n.T("Files passed by", "読まなかったファイル"), r.Report.SkipN)
	fact(i18n.T("Rules loaded", "読み込んだルール"), int64(p.style.Loaded))
	fact(i18n.T("Rules used", "使ったルール"), int64(r.Used))
	fact(i18n.T("Rules of meneki's own", "meneki 付属のルール"), int64(r.Ours))
	fact(i18n.T("Rules refused", "拒否したルール"), int64(len(p.style.Refused)))
	for _, b := range r.Report.Bad {
		v.Bad = append(v.Bad, pairView{b.Name + " #" + strconv.FormatInt(b.Record, 10), p.in(b.Reason)})
	}
	if r.Report.GarbledN > 0 {
		fact(i18n.T("Records that are not UTF-8", "UTF-8 でない記録"), r.Report.GarbledN)
	}
	if r.Report.Timeless > 0 {
		fact(i18n.T("Matches that correlations could not use: no time", "時刻がなく相関ルールで使えない一致"), r.Report.Timeless)
	}
	if r.Report.Unknown > 0 {
		fact(i18n.T("Records of no known log source", "ログソースが不明な記録"), r.Report.Unknown)
	}
	for _, b := range r.Report.Garbled {
		v.Bad = append(v.Bad, pairView{b.Name + " #" + strconv.FormatInt(b.Record, 10), p.in(b.Reason)})
	}
	for _, s := range r.Report.Skipped {
		v.Skipped = append(v.Skipped, pairView{s.Name, p.in(s.Reason)})
	}
	for _, f := range p.style.Refused[:min(len(p.style.Refused), maxRefused)] {
		v.Refused = append(v.Refused, pairView{fmt.Sprintf("%s:%d", f.Path, f.Line), p.in(reason.Of(f.Reason))})
	}
	first := func(name i18n.Text, shown int, all int64) string {
		if int64(shown) < all {
			return p.in(i18n.T("{0} (the first {1} of {2})", "{0}（{2} 件中、最初の {1} 件）").With(name, shown, grouped(all)))
		}
		return p.in(i18n.T("{0} ({1})", "{0}（{1} 件）").With(name, grouped(all)))
	}
	v.BadHead = first(i18n.T("Records that could not be read, or not wholly", "読めなかった、または一部しか読めなかった記録"), len(v.Bad),
		r.Report.BadN+r.Report.GarbledN)
	v.SkippedHead = first(i18n.T("Files that were passed by", "読まなかったファイル"), len(v.Skipped), r.Report.SkipN)
	v.RefusedHead = first(i18n.T("Rules that were refused, and are not part of this result", "拒否したルール（結果に含まれません）"),
		len(v.Refused), int64(len(p.style.Refused)))
	return v
}

// maxRefused is how many refused rules a report lists.
const maxRefused = 200

// grouped writes a number with separators by thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// widthText names the width of a bar.
func widthText(d time.Duration) i18n.Text {
	switch {
	case d >= 24*time.Hour:
		return i18n.T("{0} {0:day|days}", "{0} 日").With(int(d / (24 * time.Hour)))
	case d >= time.Hour:
		return i18n.T("{0} h", "{0} 時間").With(int(d / time.Hour))
	case d >= time.Minute:
		return i18n.T("{0} min", "{0} 分").With(int(d / time.Minute))
	}
	return i18n.T("{0} s", "{0} 秒").With(int(d / time.Second))
}
