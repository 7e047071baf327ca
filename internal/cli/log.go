package cli

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/fault"
)

// newLog writes the log to w.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(calm{slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}),
		&quiet{told: map[string]time.Time{}}})
}

// calm tells of a disk that cannot be written once a minute for each thing that
// then fails, with what to do. All of them are tried again several times a
// second, and a full disk must not fill the log, which may be on it.
type calm struct {
	slog.Handler
	quiet *quiet
}

// quiet knows what was told when.
type quiet struct {
	mu   sync.Mutex
	told map[string]time.Time // under mu
}

const quietFor = time.Minute

// Handle passes r on, or keeps it back.
func (c calm) Handle(ctx context.Context, r slog.Record) error {
	var why error
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok && fault.Is(err, fault.Storage) {
			why = err
		}
		return why == nil
	})
	if why == nil {
		return c.Handler.Handle(ctx, r)
	}
	if c.quiet.keeps(r.Message+"\n"+fault.TextOf(why).EN, r.Time) {
		return nil
	}
	out := slog.NewRecord(r.Time, slog.LevelError, fault.Storage.Title().EN, r.PC)
	out.AddAttrs(slog.String("doing", r.Message))
	r.Attrs(func(a slog.Attr) bool { out.AddAttrs(a); return true })
	out.AddAttrs(slog.String("hint", fault.HintOf(why).EN))
	return c.Handler.Handle(ctx, out)
}

// WithAttrs keeps what was told.
func (c calm) WithAttrs(list []slog.Attr) slog.Handler {
	return calm{c.Handler.WithAttrs(list), c.quiet}
}

// WithGroup keeps what was told.
func (c calm) WithGroup(name string) slog.Handler { return calm{c.Handler.WithGroup(name), c.quiet} }

func (q *quiet) keeps(what string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.told[what]; ok && now.Sub(at) < quietFor {
		return true
	}
	if len(q.told) > 100 { // there are a handful; a text with a changing part must not grow it
		clear(q.told)
	}
	q.told[what] = now
	return false
}
