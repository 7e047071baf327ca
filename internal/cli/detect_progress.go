package cli

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/timeline"
	"github.com/meneki/meneki/internal/i18n"
)

// bar shows on standard error how far a run is, on one line that it takes away
// again. Where that is no terminal it shows nothing.
type bar struct {
	s     *session
	meter *timeline.Meter
	begun time.Time
	once  sync.Once
	quit  chan struct{} // nil while nothing is shown
	gone  chan struct{}
}

func newBar(s *session, m *timeline.Meter, begun time.Time) *bar {
	return &bar{s: s, meter: m, begun: begun}
}

func (b *bar) start() {
	f, ok := b.s.err.(*os.File)
	if !ok || !isTerminal(f) {
		return
	}
	b.quit, b.gone = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(b.gone)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-b.quit:
				fmt.Fprint(b.s.err, "\r\x1b[2K")
				return
			case <-tick.C:
				w, _, err := term.GetSize(int(f.Fd()))
				if err != nil || w < 20 {
					w = 80
				}
				line := progressLine(b.meter.Progress(), clock.System().Sub(b.begun), w-1, b.s.lang)
				if b.s.ctx.Err() != nil {
					line = i18n.T("stopping: writing what was found … (Ctrl-C again ends at once)",
						"中断中：見つかったものを書き出しています…（もう一度 Ctrl-C で即時終了）").In(b.s.lang)
				}
				fmt.Fprint(b.s.err, "\r\x1b[2K"+fit(line, w-1))
			}
		}
	}()
}

// stop takes the line away. It may be called more than once.
func (b *bar) stop() {
	b.once.Do(func() {
		if b.quit != nil {
			close(b.quit)
			<-b.gone
		}
	})
}

// progressLine says in at most width cells how far it is: a bar and per cent,
// bytes, speed, matches, the time that is left, and the file, as far as there is
// room for them.
func progressLine(p timeline.Progress, took time.Duration, width int, l i18n.Lang) string {
	sec := max(took.Seconds(), 0.001)
	speed := thousands(int64(float64(p.Events)/sec)) + i18n.T(" events/s", " 事象/秒").In(l)
	found := i18n.T("{0} {0:match|matches}", "一致 {0} 件").With(thousands(p.Matches)).In(l)
	var parts []string
	if p.Joining {
		parts = append(parts, i18n.T("putting events together", "事象を関連付けています").In(l), short(took), found, size(p.Bytes))
		p.Now = ""
	} else if p.Total > 0 {
		share := min(1, float64(p.Bytes)/float64(p.Total))
		const cells = 16
		full := int(share * cells)
		parts = append(parts, "["+strings.Repeat("█", full)+strings.Repeat("░", cells-full)+"]"+fmt.Sprintf(" %3d %%",
			int(share*100)))
		if left := leftOf(p, took); left >= 0 {
			parts = append(parts, i18n.T("{0} left", "残り {0}").With(short(left)).In(l))
		}
		parts = append(parts, found, speed, size(p.Bytes)+"/"+size(p.Total))
	} else {
		parts = append(parts, short(took), found, speed, size(p.Bytes))
	}
	if p.Now != "" {
		parts = append(parts, clean(p.Now))
	}
	line := parts[0]
	for _, x := range parts[1:] {
		if columns(line)+2+columns(x) > width {
			break
		}
		line += "  " + x
	}
	return fit(line, width)
}

// leftOf guesses the time that is left; less than 0 if it is too early to.
func leftOf(p timeline.Progress, took time.Duration) time.Duration {
	if took < time.Second || p.Bytes <= 0 || p.Total <= 0 || p.Bytes*200 < p.Total {
		return -1
	}
	return time.Duration(float64(took) * float64(p.Total-p.Bytes) / float64(p.Bytes))
}

func short(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func size(n int64) string {
	f, i := float64(n), 0
	for ; f >= 1000 && i < 4; i++ {
		f /= 1000
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGT"[i-1])
}

// fit cuts a line to n cells.
func fit(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	return pad(s, n)
}
