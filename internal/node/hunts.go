package node

import (
	"context"

	"github.com/meneki/meneki/internal/share/inbox"
)

// hunts lends the search of a node's past to its console.
type hunts struct{ n *Node }

// Hunting tells of the search that is under way.
func (h hunts) Hunting() (inbox.HuntProgress, bool) {
	p, ok := h.n.detect.Progress()
	return inbox.HuntProgress{Indicators: p.Indicators, Ready: p.Ready, Done: p.Done, Total: p.Total}, ok
}

// StopHunts ends it.
func (h hunts) StopHunts(ctx context.Context) error { return h.n.inbox.StopHunts(ctx) }

// ResumeHunts goes on with it.
func (h hunts) ResumeHunts(ctx context.Context) error { return h.n.inbox.ResumeHunts(ctx) }
