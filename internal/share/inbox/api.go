package inbox

import (
	"context"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/store"
)

// API adds the operations on indicators and on the search of the past.
func API(a *api.API, c PageConfig) {
	api.Register(a, indicator.ListOp, func(ctx context.Context, in *indicator.ListIn) (*indicator.ListOut, error) {
		var p list.Page[indicator.Indicator]
		err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) (err error) {
			p, err = indicator.List(tx, in.Ask())
			return err
		})
		if err != nil {
			return nil, err
		}
		now := c.DB.Now()
		return &indicator.ListOut{
			Body: list.Body(p, func(i indicator.Indicator) indicator.IndicatorOut { return i.Out(true, now) }),
		}, nil
	})
	api.Register(a, indicator.GetOp, func(ctx context.Context, in *indicator.OneIn) (*indicator.OneOut, error) {
		out := &indicator.OneOut{}
		err := c.DB.Read(ctx, store.As(api.Viewer(ctx)), func(tx *store.Tx) error {
			i, err := indicator.Get(tx, in.ID)
			out.Body = i.Out(true, tx.Now())
			out.Body.STIX = i.JSON()
			return err
		})
		if err != nil {
			return nil, err
		}
		return out, nil
	})
	c.huntAPI(a)
}
