package community

import (
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
)

// onceBox keeps what is shown to one person once: an invitation between the form
// that made it and the page that shows it. Nothing of it is stored.
type onceBox struct {
	clock clock.Clock

	mu    sync.Mutex
	items map[string]onceItem // under mu; by a random key
}

type onceItem struct {
	who   string
	inv   Invitation
	until time.Time
}

const (
	onceFor  = 5 * time.Minute
	onceMost = 1000
)

func newOnceBox(c clock.Clock) *onceBox { return &onceBox{clock: c, items: map[string]onceItem{}} }

// put keeps inv for who, and gives the key to take it with.
func (b *onceBox) put(who string, inv Invitation) string {
	key, now := clock.RandomID(), b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, it := range b.items {
		if now.After(it.until) || len(b.items) >= onceMost {
			delete(b.items, k)
		}
	}
	b.items[key] = onceItem{who, inv, now.Add(onceFor)}
	return key
}

// take gives what was kept, to the one it was kept for, and forgets it.
func (b *onceBox) take(who, key string) (Invitation, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it, ok := b.items[key]
	if !ok || it.who != who || b.clock().After(it.until) {
		return Invitation{}, false
	}
	delete(b.items, key)
	return it.inv, true
}
