// Package hunt searches a node's past: for indicators that were armed, for what is
// new on its watchlist, and for what a person asks.
package hunt

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/record"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/history"
)

// Searcher searches the past of a node.
type Searcher struct {
	History    History
	Engine     *match.Engine
	Recorder   *record.Recorder
	Correlator *correlation.Correlator // nil: shared correlations are not evaluated
	Reader     match.Reader            // of the indicators and rules that are searched for
	Clock      clock.Clock
	Log        *slog.Logger
	Cores      int         // how many processors a search uses at most; 0 is all
	Busy       func() bool // live events are being taken in
	// MaxSighted bounds the past events that are put in order at once for patterns over
	// several events; 0 is 100,000. If those that wait see more, each is searched for
	// by itself; if one sees more, an event that comes later than two days behind
	// another batch's newest is left out, which is logged.
	MaxSighted int

	mu       sync.Mutex
	progress Progress // under mu
}

// History is the node's past, as far as a Searcher needs it.
type History interface {
	// Append keeps events durably; it is idempotent by Event.ID.
	Append(ctx context.Context, events []*event.Event) (fresh []*event.Event, err error)
	// Search yields the past events of a query; it stops when yield says so or ctx ends.
	Search(ctx context.Context, q history.Query, yield func(*event.Event) bool) (history.Stats, error)
	// SearchMetadata is Search without the events' fields, but with their observables.
	SearchMetadata(
		ctx context.Context, q history.Query, yield func(ev *event.Event, holds []event.Observable) bool,
	) (history.Stats, error)
	// ByIDs returns the events with these ids that happened between two times.
	ByIDs(ctx context.Context, first, last time.Time, ids ...string) ([]*event.Event, error)
	// SetFound says that these events are in findings.
	SetFound(ctx context.Context, ids ...string) error
}

// Result is what a hunt came to.
type Result struct {
	Searched int64 // events in the past that was searched
	Examined int64 // events that had to be looked at
	Hits     int64
	First    time.Time
	Last     time.Time
}
