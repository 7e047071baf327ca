package app

import (
	"context"

	"github.com/meneki/meneki/internal/detect"
)

// armory lends detect's engine and hunts to share.
type armory struct{ service *detect.Service }

// Arm makes the engine match a STIX indicator.
func (a armory) Arm(indicator []byte) error {
	armed, err := detect.Read(indicator)
	if err != nil {
		return err
	}
	return a.service.Engine().TryArm(armed)
}

// Disarm stops that.
func (a armory) Disarm(id string) { a.service.Engine().Disarm(id) }

// Hunt searches the node's past for an indicator.
func (a armory) Hunt(ctx context.Context, indicator []byte) (searched, hits int64, err error) {
	armed, err := detect.Read(indicator)
	if err != nil {
		return 0, 0, err
	}
	h, err := a.service.Hunt(ctx, armed)
	if err == nil {
		err = a.service.Refill(ctx, armed.ID)
	}
	return h.Searched, h.Hits, err
}
