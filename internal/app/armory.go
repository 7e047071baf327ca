package app

import (
	"context"

	"github.com/meneki/meneki/internal/detect"
	"github.com/meneki/meneki/internal/share"
)

// armory lends detect's engine and hunts to share.
type armory struct {
	service *detect.Service
	reader  detect.Reader
}

// Arm makes the engine match a STIX indicator.
func (a armory) Arm(indicator []byte) error {
	armed, err := a.reader.Read(indicator)
	if err != nil {
		return err
	}
	return a.service.Engine().TryArm(armed)
}

// Disarm stops that.
func (a armory) Disarm(id string) { a.service.Engine().Disarm(id) }

// Hunt searches the node's past for indicators.
func (a armory) Hunt(ctx context.Context, indicators [][]byte) ([]share.Hunted, error) {
	out := make([]share.Hunted, len(indicators))
	var list []detect.Armed
	var at []int
	var ids []string
	for i, raw := range indicators {
		armed, err := a.reader.Read(raw)
		if err != nil {
			out[i].Err = err
			continue
		}
		list, at = append(list, armed), append(at, i)
		ids = append(ids, armed.ID)
	}
	if len(list) == 0 {
		return out, nil
	}
	hunted, err := a.service.HuntAll(ctx, list)
	if err != nil {
		return nil, err
	}
	for k, h := range hunted {
		out[at[k]] = share.Hunted{Searched: h.Searched, Hits: h.Hits}
	}
	return out, a.service.Refill(ctx, ids...)
}
