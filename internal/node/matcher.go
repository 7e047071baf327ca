package node

import (
	"cmp"
	"context"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/share"
)

// armory lends detect's engine and hunts to share.
type armory struct {
	service *detect.Service
	reader  match.Reader
}

// Arm makes the engine match a STIX indicator.
func (a armory) Arm(indicator []byte) error {
	armed, err := a.reader.Read(indicator)
	if err != nil {
		return err
	}
	return a.service.Engine().Arm(armed)[0]
}

// Disarm stops that.
func (a armory) Disarm(id string) { a.service.Engine().Disarm(id) }

// Hunt searches the node's past for indicators, see share.Armory.
func (a armory) Hunt(ctx context.Context, indicators [][]byte, done func(which []int, list []share.Hunted) error) error {
	var list []match.Armed
	var at, bad []int
	var why []share.Hunted
	for i, raw := range indicators {
		armed, err := a.reader.Read(raw)
		if err != nil {
			bad, why = append(bad, i), append(why, share.Hunted{Err: err})
			continue
		}
		list, at = append(list, armed), append(at, i)
	}
	if len(bad) > 0 {
		if err := done(bad, why); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	_, err := a.service.HuntAll(ctx, list, func(which []int, out []hunt.Result) error {
		var places []int
		var ids []string
		var some []share.Hunted
		for k, i := range which {
			places, ids = append(places, at[i]), append(ids, list[i].ID)
			some = append(some, share.Hunted{Searched: out[k].Searched, Hits: out[k].Hits})
		}
		if err := cmp.Or(a.service.Refill(ctx, ids...), a.service.RefillCorrelations(ctx, ids...)); err != nil {
			return err
		}
		return done(places, some)
	})
	return err
}
