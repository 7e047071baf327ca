package web

import (
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
)

// Once keeps what is shown to one person once: a secret between the form that made
// it and the page that shows it. Nothing of it is stored. It is safe for concurrent
// use.
type Once[T any] struct {
	clock clock.Clock

	mu    sync.Mutex
	items map[string]onceItem[T] // under mu; by a random key
}

type onceItem[T any] struct {
	who   string
	what  T
	until time.Time
}

// The bounds of Once: how long a thing is kept, and how many of them.
const (
	onceFor  = 5 * time.Minute
	onceMost = 1000
)

// NewOnce returns an empty one.
func NewOnce[T any](c clock.Clock) *Once[T] {
	return &Once[T]{clock: c, items: map[string]onceItem[T]{}}
}

// Put keeps what for who, for five minutes, and returns the key to take it with.
func (o *Once[T]) Put(who string, what T) (key string) {
	key, now := clock.RandomID(), o.clock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, it := range o.items {
		if now.After(it.until) || len(o.items) >= onceMost {
			delete(o.items, k)
		}
	}
	o.items[key] = onceItem[T]{who, what, now.Add(onceFor)}
	return key
}

// Take returns what was kept, to the one it was kept for, and forgets it.
func (o *Once[T]) Take(who, key string) (what T, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	it, ok := o.items[key]
	if !ok || it.who != who || o.clock().After(it.until) {
		return what, false
	}
	delete(o.items, key)
	return it.what, true
}
