package hunt

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// A hunt stands still while live events are taken in, but not for ever, and ends
// when it is told to.
func TestGiveWay(t *testing.T) {
	var live atomic.Int64 // batches of live events
	s := &Searcher{Busy: func() bool { return live.Load() > 0 }}
	if err := s.yieldToLive(t.Context()); err != nil {
		t.Error(err)
	}
	live.Add(1)
	done := make(chan error)
	go func() { done <- s.yieldToLive(t.Context()) }()
	select {
	case <-done:
		t.Error("it does not wait for live events")
	case <-time.After(patience / 10):
	}
	live.Add(-1)
	if err := <-done; err != nil {
		t.Error(err)
	}
	live.Add(1)
	if err := s.yieldToLive(t.Context()); err != nil { // live events that never end
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.yieldToLive(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
