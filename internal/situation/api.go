package situation

import (
	"context"
	"net/http"
	"time"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
)

// Body is the situation as a program sees it: as much of it as the caller may know.
type Body struct {
	At        time.Time     `json:"at"`
	Severity  *int          `json:"severity,omitempty" doc:"the highest of the open cases; absent if none was judged | 進行中の事案の最大深刻度。評価済みがなければなし"`
	OpenCases int64         `json:"open_cases"`
	Findings  int           `json:"findings_24h" doc:"that arrived in the last 24 hours | 過去 24 時間に届いた検知"`
	Members   *int          `json:"members,omitempty" doc:"for the hub's people | ハブの担当者のみ"`
	Online    *int          `json:"online,omitempty" doc:"for the hub's people | ハブの担当者のみ"`
	Immunity  *ImmunityBody `json:"immunity,omitempty" doc:"the latest; for the hub's people | 直近の免疫。ハブの担当者のみ"`
}

// ImmunityBody is how far the latest cycle is.
type ImmunityBody struct {
	Case      string   `json:"case"`
	Indicator string   `json:"indicator,omitempty"`
	Connected int      `json:"connected" doc:"members that were connected when the indicator was made | 指標の作成時に接続中だった構成員"`
	Armed     int      `json:"armed"`
	Hunted    int      `json:"hunted"`
	Done      bool     `json:"done"`
	TimeMS    *float64 `json:"time_to_immunity_ms,omitempty" doc:"absent until done | 完了するまではなし"`
}

// API adds the situation's operation.
func API(a *api.API, c PageConfig) {
	type out struct{ Body Body }
	api.Register(a, api.Op{ID: "get-situation", Method: http.MethodGet, Path: "/api/v1/situation", Tag: "situation",
		Need: policy.RoleReader, Summary: i18n.T("What is happening now", "現在の状況")},
		func(ctx context.Context, _ *struct{}) (*out, error) {
			p, err := c.load(ctx, api.Viewer(ctx))
			if err != nil {
				return nil, err
			}
			return &out{p.body()}, nil
		})
}

func (p picture) body() Body {
	b := Body{At: p.now, OpenCases: p.total}
	if w, ok := p.worst(); ok {
		b.Severity = &w.Severity
	}
	for _, f := range p.daily {
		b.Findings += f.N
	}
	if !p.hub {
		return b
	}
	members, online := 0, 0
	for _, m := range p.members {
		if m.Active() {
			members++
			if m.online {
				online++
			}
		}
	}
	b.Members, b.Online = &members, &online
	if p.cycle != nil {
		im := p.immunity
		b.Immunity = &ImmunityBody{Case: p.cycle.Number, Indicator: im.Indicator, Connected: im.Connected,
			Armed: im.Armed, Hunted: im.Hunted, Done: im.Done}
		if im.Done {
			ms := float64(im.Time.Microseconds()) / 1000
			b.Immunity.TimeMS = &ms
		}
	}
	return b
}
