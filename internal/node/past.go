package node

import (
	"context"
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// past lends the history to detect.
type past struct{ *history.History }

// Prevalence counts a value in the ordinary past before a time.
func (p past) Prevalence(ctx context.Context, o event.Observable, before time.Time) (history.Prevalence, error) {
	return p.History.Prevalence(ctx, o, before)
}
