package situation

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/svg"
	"github.com/meneki/meneki/internal/web"
)

// PageConfig says where the hub's first page takes its parts from. Every source
// is asked with the viewer and gives only what that viewer may see; a source
// that is nil leaves its part out. Sources are called from many goroutines.
type PageConfig struct {
	DB    *store.DB // holds the cycles
	Clock clock.Clock
	// Cases gives the open cases, the worst first, and how many there are.
	Cases func(ctx context.Context, v policy.Viewer, limit int) ([]CaseLine, int64, error)
	// Findings counts what arrived since a time, by member and hour.
	Findings func(ctx context.Context, v policy.Viewer, since time.Time) ([]FindingCount, error)
	// Members lists who belongs. It is asked for the hub's people only.
	Members func(ctx context.Context) ([]MemberLine, error)
	// Newest gives the newest indicator and how far each member is with it; nil
	// if there is none. It is asked for the hub's people only.
	Newest func(ctx context.Context) (*IndicatorLine, error)
	// Actions gives what else waits for this viewer; they come before the cases'.
	Actions func(ctx context.Context, v policy.Viewer) ([]web.Next, error)
}

// CaseLine is a case in a list, as the viewer may see it.
type CaseLine struct {
	ID       string // the cycle's id
	Number   string
	Title    string
	Severity int // likely; -1 before it was assessed
	Lowest   int
	Highest  int
	Sectors  []string // slugs
	Members  int      // 0: not told
	Findings int
	Realm    string
	Updated  time.Time
	Handling policy.Handling
	Next     i18n.Text // what has to be done
	Due      time.Time // by when; zero: no clock
}

// FindingCount is how many findings of a member arrived in an hour.
type FindingCount struct {
	Member string
	Hour   time.Time // its beginning
	N      int
}

// MemberLine is a member.
type MemberLine struct {
	ID, Name   string
	Sector     string // slug
	Prefecture string // JIS X 0401 code, "13"; empty: not told
	Online     bool
	Active     bool // joined, and still belongs
}

// IndicatorLine is an indicator and how far the members are with it.
type IndicatorLine struct {
	ID, Name string
	Value    string // what is looked for; an attacker chose it
	Made     time.Time
	Handling policy.Handling
	Progress []MemberProgress // of the members that it is addressed to
}

// MemberProgress is how far a member is with an indicator.
type MemberProgress struct {
	Member  string
	Armed   time.Time
	Hunted  time.Time
	Hits    int64
	Refused bool
}

// dots draws who is armed. Members that the indicator is not addressed to are
// shown as that.
func dots(in *IndicatorLine, members []MemberLine) svg.Dots {
	at := map[string]MemberProgress{}
	for _, p := range in.Progress {
		at[p.Member] = p
	}
	var d svg.Dots
	armed, addressed := 0, 0
	for _, m := range members {
		p, ok := at[m.ID]
		if !m.Active && !ok {
			continue
		}
		dot := svg.Dot{Name: m.Name, Path: web.Path("/members/{0}", m.ID), State: svg.Exempt}
		if ok {
			addressed++
			dot.State, dot.Detail = stateOf(p)
			if !p.Armed.IsZero() {
				armed++
				if dot.Detail.Zero() {
					dot.Detail = i18n.Same("+" + svg.Millis(p.Armed.Sub(in.Made)))
				}
			}
			if dot.State == svg.Pending && m.Online {
				dot.Detail = i18n.T("on its way", "配布中")
			}
		}
		d.Members = append(d.Members, dot)
	}
	if armed == addressed && addressed > 0 {
		d.Text = i18n.T("All {0} addressed members are armed", "受信者 {0} 構成員すべてが防御済み").With(addressed)
	} else {
		d.Text = i18n.T("{0} of {1} {1:member|members} armed", "{1} 構成員のうち {0} が防御済み").With(armed, addressed)
	}
	return d
}

func stateOf(p MemberProgress) (svg.DotState, i18n.Text) {
	switch {
	case p.Refused:
		return svg.Refused, i18n.Text{}
	case p.Hits > 0:
		return svg.Trace, i18n.T("traces: {0}", "痕跡 {0} 件").With(p.Hits)
	case !p.Armed.IsZero():
		return svg.Armed, i18n.Text{}
	}
	return svg.Pending, i18n.Text{}
}
