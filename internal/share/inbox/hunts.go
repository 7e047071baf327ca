package inbox

import (
	"context"
	"net/http"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// HuntProgress is how far a search of the past is.
type HuntProgress struct {
	Indicators int   `json:"indicators"`
	Ready      int   `json:"ready" doc:"of these, the search has come to its end | うち調査済みの数"`
	Done       int64 `json:"done" doc:"events that this pass over the past has dealt with | 今回の走査で調べた事象"`
	Total      int64 `json:"total" doc:"events of the past | 過去の事象"`
}

// hunting reports how far the search of the past is that is under way: how many events
// of how many it has dealt with, for how many indicators.
func (b *Inbox) hunting() (HuntProgress, bool) {
	p, ok := b.Matcher.Progress()
	return HuntProgress{Indicators: p.Indicators, Ready: p.Ready, Done: p.Done, Total: p.Total}, ok
}

// huntCard is the card about it above the list of indicators; nil if there is
// nothing to say.
type huntCard struct {
	Say         any
	Done, Total int64
	Under       bool
	Stop        bool // it can be stopped
	Resume      bool
}

func (c PageConfig) huntCard(left, halted int64) *huntCard {
	if h, ok := c.Inbox.hunting(); ok {
		say := i18n.T(
			"Our past is searched for {0} {0:indicator|indicators}: {1} of {2} events so far.",
			"指標 {0} 件について過去の記録を調査中：{2} 事象のうち {1} 事象。",
		).With(h.Indicators-h.Ready, web.Number(h.Done), web.Number(h.Total))
		if h.Ready > 0 {
			say = i18n.T(
				"Our past is searched for {0} {0:indicator|indicators}: {1} of {2} events so far. {3} are done.",
				"指標 {0} 件について過去の記録を調査中：{2} 事象のうち {1} 事象。{3} 件は調査済み。",
			).With(h.Indicators-h.Ready, web.Number(h.Done), web.Number(h.Total), h.Ready)
		}
		return &huntCard{Say: say, Done: h.Done, Total: max(h.Total, 1), Under: true, Stop: true}
	}
	switch {
	case halted > 0:
		return &huntCard{
			Say: i18n.T(
				"The search of our past was stopped; {0} {0:indicator waits|indicators wait} for it.",
				"過去の記録の調査は停止中。{0} 件の指標が調査を待っています。",
			).With(halted),
			Resume: true,
		}
	case left > 0:
		return &huntCard{
			Say: i18n.T(
				"{0} {0:indicator waits|indicators wait} for the search of our past.",
				"{0} 件の指標が過去の記録の調査を待っています。",
			).With(left),
			Stop: true,
		}
	}
	return nil
}

func (c PageConfig) huntPages(site *web.Site) {
	site.Action("/hunts/stop", policy.RoleAnalyst, func(r *web.Request) (string, error) {
		if err := c.Inbox.StopHunts(r.Context()); err != nil {
			return "", err
		}
		r.Flash(
			i18n.T(
				"The search of our past is stopped. What it found so far stays.",
				"過去の記録の調査を停止しました。これまでに見つかったものは残ります。",
			),
		)
		return "/indicators", nil
	})
	site.Action("/hunts/resume", policy.RoleAnalyst, func(r *web.Request) (string, error) {
		if err := c.Inbox.ResumeHunts(r.Context()); err != nil {
			return "", err
		}
		r.Flash(i18n.T("Our past is searched again.", "過去の記録の調査を再開しました。"))
		return "/indicators", nil
	})
}

// HuntsOut is the search of the past as programs see it.
type HuntsOut struct {
	Under   *HuntProgress `json:"under_way,omitempty"`
	Waiting int64         `json:"waiting" doc:"indicators | 指標の数"`
	Stopped int64         `json:"stopped" doc:"indicators for which a person stopped it | 人が停止した指標の数"`
}

type huntsOut struct{ Body HuntsOut }

func (c PageConfig) huntAPI(a *api.API) {
	api.Register(
		a,
		api.Op{
			ID:      "get-hunts",
			Method:  http.MethodGet,
			Path:    "/api/v1/hunts",
			Tag:     "indicators",
			Need:    policy.RoleReader,
			Summary: i18n.T("How far the search of the node's past is", "過去の記録の調査状況"),
		},
		func(ctx context.Context, _ *struct{}) (*huntsOut, error) {
			out := &huntsOut{}
			if h, ok := c.Inbox.hunting(); ok {
				out.Body.Under = &h
			}
			return out, c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
				out.Body.Waiting, out.Body.Stopped, err = huntCounts(tx)
				return err
			})
		},
	)
	for _, op := range []struct {
		id      string
		summary i18n.Text
		do      func(context.Context) error
	}{
		{
			"stop", i18n.T("Stop the search of the node's past; what waits is left alone", "過去の記録の調査を停止"),
			c.Inbox.StopHunts,
		},
		{"resume", i18n.T("Go on with it", "調査を再開"), c.Inbox.ResumeHunts},
	} {
		api.Register(a, api.Op{
			ID: op.id + "-hunts", Method: http.MethodPost, Path: "/api/v1/hunts/" + op.id, Tag: "indicators",
			Need: policy.RoleAnalyst, Summary: op.summary,
		},
			func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, op.do(ctx) })
	}
}

func huntCounts(tx *store.Tx) (left, halted int64, err error) {
	if left, err = HuntsLeft(tx); err == nil {
		halted, err = HuntsHalted(tx)
	}
	return left, halted, err
}
