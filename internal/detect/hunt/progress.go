package hunt

import (
	"context"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/history"
)

// Progress is how far the hunt is that is under way.
type Progress struct {
	Began      time.Time
	Indicators int
	Ready      int   // of the indicators; the search for these has come to its end
	Done       int64 // events of the past that this pass over it has dealt with
	Total      int64
}

// Progress tells of the hunt that is under way; ok is false if there is none.
func (s *Searcher) Progress() (h Progress, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.progress, !s.progress.Began.IsZero()
}

// progressOf lets others see how far a hunt is.
type progressOf struct {
	s    *Searcher
	once sync.Once
}

func (s *Searcher) begin(indicators int) *progressOf {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = Progress{Began: s.Clock(), Indicators: indicators}
	return &progressOf{s: s}
}

func (w *progressOf) end() {
	w.once.Do(func() {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		w.s.progress = Progress{}
	})
}

// ready says that the search for so many more indicators has come to its end.
func (w *progressOf) ready(n int) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.progress.Ready += n
	w.s.progress.Done = 0
}

// query makes a query one that is watched, bounded, and gives way.
func (w *progressOf) query(q history.Query) history.Query {
	q.Cores, q.Wait = w.s.Cores, w.s.yieldToLive
	q.Progress = func(done, total int64) {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		w.s.progress.Done, w.s.progress.Total = done, total
	}
	return q
}

// patience is how long a hunt stands still at most before each piece of its work
// while live events are being taken in: it does not starve them, and is not
// starved by them. A piece is a few hundred events, some milliseconds of one core.
const patience = 50 * time.Millisecond

// yieldToLive waits while live events are being taken in.
func (s *Searcher) yieldToLive(ctx context.Context) error {
	for waited := time.Duration(0); waited < patience && s.Busy(); waited += 2 * time.Millisecond {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return ctx.Err()
}
