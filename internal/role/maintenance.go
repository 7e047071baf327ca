package role

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/job"
	"github.com/meneki/meneki/internal/queue"
	"github.com/meneki/meneki/internal/store"
)

// How long is kept what nothing asks for any more.
const (
	keepMessages = 7 * 24 * time.Hour  // messages that were handled
	keepJobs     = 30 * 24 * time.Hour // jobs that ended
)

// Maintenance is the background work of a hub or a node: every hour it forgets what
// nothing asks for any more, and does the jobs of the modules. It runs as jobs in the
// store, so that of several processes on one database one does it, and that it is
// seen when it fails.
func Maintenance(db *store.DB, people *identity.Service, c clock.Clock, log *slog.Logger,
	modules []Module) *job.Runner {
	work := map[string]func(ctx context.Context) error{
		"prune-messages": func(ctx context.Context) error {
			_, err := queue.Prune(ctx, db, c().Add(-keepMessages))
			return err
		},
		"tidy-sessions": people.Tidy,
		"prune-jobs": func(ctx context.Context) error {
			_, err := job.Prune(ctx, db, c().Add(-keepJobs))
			return err
		},
	}
	for _, m := range modules {
		maps.Copy(work, m.Jobs)
	}
	r := &job.Runner{DB: db, Handlers: map[string]job.Handler{}, Workers: 1, Poll: 20 * time.Second, Log: log}
	for kind, fn := range work {
		r.Handlers[kind] = func(ctx context.Context, _ *job.Attempt) error { return fn(ctx) }
		r.Periodic = append(r.Periodic, job.Periodic{Name: kind, Kind: kind, Every: time.Hour})
	}
	return r
}
