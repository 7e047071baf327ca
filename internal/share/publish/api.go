package publish

import (
	"context"
	"net/http"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/casework"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/reason"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/marking"
	"github.com/meneki/meneki/internal/store"
)

// listIndicators is the list at a hub.
func (c pages) listIndicators(ctx context.Context, in *indicator.ListIn) (*indicator.ListOut, error) {
	var x extra
	var p list.Page[indicator.Indicator]
	people, err := c.members.Active(ctx)
	if err != nil {
		return nil, err
	}
	err = c.db.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
		p, err = c.read(tx, people, in.Ask(), false, &x)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := c.db.Now()
	return &indicator.ListOut{Body: list.Body(p, func(i indicator.Indicator) indicator.IndicatorOut {
		if x.numbers[i.Case] == "" {
			i.Case = ""
		}
		o := i.Out(false, now)
		o.Armed = x.counts[i.ID].armed
		return o
	})}, nil
}

// hidden reports whether tx may not know a case: that two indicators came out
// of the same one is for those who may see it.
func hidden(tx *store.Tx, caseID string) (bool, error) {
	if caseID == "" {
		return false, nil
	}
	number, err := casework.Number(tx, caseID)
	return number == "", err
}

// oneOf reads one indicator of the hub as the caller may see it.
func (c pages) oneOf(ctx context.Context, id string) (*indicator.OneOut, error) {
	v := api.Viewer(ctx)
	out := &indicator.OneOut{}
	people, err := c.members.Active(ctx)
	if err != nil {
		return nil, err
	}
	err = c.db.Read(ctx, store.As(v), func(tx *store.Tx) error {
		i, err := indicator.Get(tx, id)
		if err != nil {
			return err
		}
		progress, err := c.Progress(tx, people, i)
		if err != nil {
			return err
		}
		seen, err := SightingsOf(tx, i.ID)
		if err != nil {
			return err
		}
		unknown, err := hidden(tx, i.Case)
		if err != nil {
			return err
		}
		if unknown {
			i.Case = ""
		}
		o := i.Out(false, tx.Now())
		o.STIX, o.Armed = i.JSON(), tally(progress)[i.ID].armed
		for _, p := range progress {
			if seers(v) || p.Member == v.Member {
				o.Progress = append(o.Progress, indicator.ProgressOut{Member: p.Member, State: p.State, Sent: p.Sent,
					Armed: p.Armed, Hunted: p.Hunted,
					Searched: p.Searched, Hits: p.Hits, Reason: reason.Read(p.Reason).Text})
			}
		}
		for _, s := range seen {
			if seers(v) || s.Member == v.Member {
				o.Sightings = append(o.Sightings, indicator.SeenOut{ID: s.ID, Member: s.Member, Count: s.Count,
					First: s.First, Last: s.Last, Retro: s.Retro,
					At: s.At, TLP: s.Handling.TLP.String()})
			}
		}
		out.Body = o
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type markIn struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		TLP      string   `json:"tlp" enum:"clear,green,amber,amber+strict,red" doc:"the new label | 新しい区分"`
		Audience []string `json:"audience,omitempty" maxItems:"100" doc:"community, sector:NAME, group:ID, member:ID, hub; left out: as it is | 省略時は変更なし"`
	}
}

// api adds the operations on indicators at a hub.
func (c pages) api(a *api.API) {
	api.Register(a, indicator.ListOp, func(ctx context.Context, in *indicator.ListIn) (*indicator.ListOut, error) {
		return c.listIndicators(ctx, in)
	})
	api.Register(a, indicator.GetOp, func(ctx context.Context, in *indicator.OneIn) (*indicator.OneOut, error) {
		return c.oneOf(ctx, in.ID)
	})
	api.Register(a, api.Op{ID: "mark-indicator", Method: http.MethodPost, Path: "/api/v1/indicators/{id}/marking",
		Tag: "indicators", Need: policy.RoleCoordinator,
		Summary: i18n.T("Change the marking of an indicator", "指標の取扱区分を変更"),
		Description: i18n.T("The hub's coordinators may make it stricter; widening is for the member it came from. "+
			"Members that may not have it any more are disclosed to disarm.",
			"ハブの調整担当は厳しくすることができます。広げられるのは提供元の構成員です。配布できなくなる構成員には解除が指示されます。"),
		Errors: []fault.Kind{fault.NotFound}},
		func(ctx context.Context, in *markIn) (*struct{}, error) {
			tlp, ok := policy.ParseTLP(in.Body.TLP)
			if !ok {
				return nil, fault.New(fault.Invalid, i18n.T("choose one of the five labels", "5 つの区分から選んでください"))
			}
			audience := policy.Audience(in.Body.Audience)
			if err := marking.Check(audience); err != nil {
				return nil, err
			}
			if audience == nil {
				err := c.db.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
					i, err := indicator.Get(tx, in.ID)
					audience = i.Handling.Audience
					return err
				})
				if err != nil {
					return nil, err
				}
			}
			return nil, c.SetMarking(ctx, api.Viewer(ctx), in.ID, tlp, audience)
		})
	api.Register(a, api.Op{ID: "withdraw-indicator", Method: http.MethodPost, Path: "/api/v1/indicators/{id}/withdraw",
		Tag: "indicators", Need: policy.RoleCoordinator,
		Summary: i18n.T("Withdraw an indicator from every member", "指標を全構成員から取り下げ"),
		Errors:  []fault.Kind{fault.NotFound, fault.Conflict}},
		func(ctx context.Context, in *indicator.OneIn) (*struct{}, error) {
			return nil, c.Withdraw(ctx, api.Viewer(ctx), in.ID)
		})
}
