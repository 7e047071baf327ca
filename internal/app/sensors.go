package app

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// sensors are what a node's events come in by.
type sensors struct{ node *Node }

func newSensors(n *Node) *sensors { return &sensors{node: n} }

func (s *sensors) run(ctx context.Context, g *errgroup.Group) error { return nil }
