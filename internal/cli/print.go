package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/meneki/meneki/internal/demo"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/situation"
	"github.com/meneki/meneki/internal/wire"
)

var stepNames = map[string]i18n.Text{
	situation.Sensed:    i18n.T("sensed", "感知"),
	situation.Detected:  i18n.T("detected", "検知"),
	situation.Opened:    i18n.T("case", "事案"),
	situation.Assessed:  i18n.T("severity", "深刻度"),
	situation.Indicator: i18n.T("indicator", "指標"),
	situation.Pushed:    i18n.T("pushed", "配布"),
	situation.Armed:     i18n.T("armed", "防御"),
	situation.Hunted:    i18n.T("hunted", "遡及"),
	situation.Sighted:   i18n.T("sighted", "観測報告"),
	situation.Refused:   i18n.T("refused", "拒否"),
}

// waitingKinds name what waits for a person.
var waitingKinds = map[wire.Kind]i18n.Text{
	wire.KindFinding:   i18n.T("finding", "検知"),
	wire.KindCandidate: i18n.T("indicator", "指標"),
	wire.KindSighting:  i18n.T("sighting", "観測報告"),
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// columns gives how many terminal cells s takes: Japanese takes two each.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// pad fills s with spaces to n cells, or cuts it.
func pad(s string, n int) string {
	if c := columns(s); c <= n {
		return s + strings.Repeat(" ", n-c)
	}
	out, used := strings.Builder{}, 0
	for _, r := range s {
		w := columns(string(r))
		if used+w > n-1 {
			break
		}
		out.WriteRune(r)
		used += w
	}
	return out.String() + "…" + strings.Repeat(" ", n-1-used)
}

// clean makes text of an event safe to print: no control character reaches the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, s)
}

// paint gives the functions that colour text, or leave it.
func paint(on bool) func(code, s string) string {
	return func(code, s string) string {
		if !on {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
}

// maxShown bounds each list of the terminal report; --json has all.
const maxShown = 12

// printReport prints the cycle as a person reads it.
func printReport(w io.Writer, r demo.Report, l i18n.Lang, colours bool) {
	c := paint(colours)
	head := func(t i18n.Text, n int) { fmt.Fprintf(w, "\n%s %d\n", c("1", t.In(l)), n) }
	fmt.Fprintf(w, "%s\n", i18n.T("{0} {0:event|events} read, {1} {1:rule|rules} ({2} refused)",
		"事象 {0} 件、ルール {1} 件（拒否 {2} 件）").With(r.Events, r.Rules, r.Refused).In(l))
	if r.BadRecords > 0 || r.LeftOut > 0 {
		fmt.Fprintf(w, "%s\n",
			c("33", i18n.T("not read: {0} {0:record|records}, {1} {1:file|files} (--log info names them)",
				"読み取れなかったもの：記録 {0} 件、ファイル {1} 件（--log info で名前を表示）").With(r.BadRecords, r.LeftOut).In(l)))
	}
	head(i18n.T("Findings", "検知"), len(r.Findings))
	for i, f := range r.Findings {
		if i == maxShown {
			more(w, l, len(r.Findings)-i)
			break
		}
		when := i18n.T("live", "現在")
		if f.Retro {
			when = i18n.T("past", "過去")
		}
		fmt.Fprintf(w, "  %s %s %s %s %s\n", c(levelColour(f.Level), pad(f.Level, 9)), pad(f.Member, 14),
			pad(when.In(l), 5), pad(clean(f.Title), 52), clean(cmp.Or(f.Author, "-")))
	}
	head(i18n.T("Cases", "事案"), len(r.Cases))
	for i, k := range r.Cases {
		if i == maxShown {
			more(w, l, len(r.Cases)-i)
			break
		}
		sev := i18n.T("severity {0} ({1}–{2})", "深刻度 {0}（{1}～{2}）").With(k.Likely, k.Lowest, k.Highest).In(l)
		fmt.Fprintf(w, "  %s  %s  %s  %s\n", k.Number, pad(sev, 20), pad(clean(k.Title), 48),
			strings.Join(k.Members, ", "))
	}
	head(i18n.T("Indicators", "指標"), len(r.Indicators))
	for i, o := range r.Indicators {
		if i == maxShown {
			more(w, l, len(r.Indicators)-i)
			break
		}
		fmt.Fprintf(w, "  %s %s %s %s\n", pad(o.Kind, 12), pad(clean(o.Name), 52), pad(o.TLP, 16),
			i18n.T("to {0} {0:member|members}", "{0} 構成員へ").With(len(o.Entitled)).In(l))
	}
	printSteps(w, r, l, c)
	for _, q := range r.Waiting {
		fmt.Fprintf(w, "%s\n",
			c("33", i18n.T("waits for a person at {0}: {1} “{2}”", "{0} で担当者の判断待ち：{1}「{2}」").With(q.Member,
				waitingKinds[wire.Kind(q.Kind)], clean(q.Title)).In(l)))
	}
	if r.TimeToImmunity != nil {
		fmt.Fprintf(w, "\n%s\n",
			c("1;32", i18n.T("Time to immunity: {0} ms", "免疫までの時間：{0} ミリ秒").With(fmt.Sprintf("%.1f",
				*r.TimeToImmunity)).In(l)))
	}
}

func more(w io.Writer, l i18n.Lang, n int) {
	fmt.Fprintf(w, "  %s\n", i18n.T("… and {0} more (--json shows all)", "…ほか {0} 件（--json で全件）").With(n).In(l))
}

// printSteps prints the way of the first case's first indicator round the
// cycle: each step when it first came, members one by one. A member that saw
// no trace of it but of another is shown with that.
func printSteps(w io.Writer, r demo.Report, l i18n.Lang, c func(code, s string) string) {
	if len(r.Steps) == 0 {
		return
	}
	first := ""
	for _, s := range r.Steps {
		if s.Name == situation.Indicator {
			first = s.Subject
			break
		}
	}
	fmt.Fprintf(w, "\n%s\n", c("1", i18n.T("The cycle", "循環").In(l)))
	seen := map[string]bool{}
	list := slices.Clone(r.Steps)
	saw := map[string]bool{} // members that saw the first one
	for _, s := range list {
		saw[s.Member] = saw[s.Member] || s.Name == situation.Sighted && s.Subject == first
	}
	slices.SortStableFunc(list, func(a, b demo.ReportStep) int { return cmp.Compare(a.MS, b.MS) })
	for _, s := range list {
		about := s.Name == situation.Indicator || s.Name == situation.Pushed || s.Name == situation.Armed ||
			s.Name == situation.Hunted || s.Name == situation.Sighted || s.Name == situation.Refused
		key := s.Name
		if about {
			if s.Subject != first && (s.Name != situation.Sighted || saw[s.Member]) {
				continue
			}
			key += s.Member
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		note := ""
		switch s.Name {
		case situation.Assessed:
			note = fmt.Sprint(s.N)
		case situation.Indicator:
			note = i18n.T("for {0} {0:member|members}", "対象 {0} 構成員").With(s.N).In(l)
		case situation.Hunted, situation.Sighted:
			note = i18n.T("{0} {0:trace|traces}", "痕跡 {0} 件").With(s.N).In(l)
			if s.N == situation.Undisclosed {
				note = i18n.T("does not say what it found", "結果は非開示").In(l)
			}
			if i := slices.IndexFunc(r.Indicators, func(o demo.ReportInd) bool { return o.ID == s.Subject }); i >= 0 &&
				s.Subject != first {
				note += i18n.T(" of “{0}”", "（「{0}」）").With(clean(r.Indicators[i].Name)).In(l)
			}
		}
		fmt.Fprintf(w, "  %s ms  %s %s %s\n", c("36", fmt.Sprintf("%9.1f", s.MS)), pad(stepNames[s.Name].In(l), 10),
			pad(s.Member, 16), note)
	}
}

func levelColour(level string) string {
	return map[string]string{"critical": "1;31", "high": "31", "medium": "33", "low": "32"}[level]
}

// progress tells on standard error what is being done, on one line that it
// takes away again. Where that is no terminal it prints nothing.
type progress struct {
	w    io.Writer
	lang i18n.Lang
	tty  bool
	mu   sync.Mutex
	stop chan struct{} // under mu; nil when nothing is shown
	done chan struct{} // under mu
}

func newProgress(w io.Writer, l i18n.Lang) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, lang: l, tty: ok && isTerminal(f)}
}

// step shows what is being done now, with the time it takes.
func (p *progress) step(t i18n.Text) {
	p.end()
	if !p.tty {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stop, done := make(chan struct{}), make(chan struct{})
	p.stop, p.done = stop, done
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			fmt.Fprintf(p.w, "\r\x1b[2K%s … %.1f s", t.In(p.lang), float64(n)/5)
			select {
			case <-stop:
				fmt.Fprint(p.w, "\r\x1b[2K")
				return
			case <-tick.C:
			}
		}
	}()
}

// end takes the line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		close(p.stop)
		<-p.done
		p.stop = nil
	}
}
