package bus

import "sync"

// teller calls its listeners in order, one event after the other, on its own
// goroutine, so that a listener that takes its time holds up nobody else.
type teller[T any] struct {
	mu      sync.Mutex
	hear    []func(T) // under mu
	queue   []func()  // under mu
	running bool      // under mu
}

// add registers fn for all later events and, if now is not nil, tells it *now first.
func (t *teller[T]) add(fn func(T), now *T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hear = append(t.hear, fn)
	if now != nil {
		v := *now
		t.push(func() { fn(v) })
	}
}

func (t *teller[T]) tell(v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, fn := range t.hear {
		t.push(func() { fn(v) })
	}
}

// push queues one call; t.mu is held.
func (t *teller[T]) push(call func()) {
	t.queue = append(t.queue, call)
	if !t.running {
		t.running = true
		go t.drain()
	}
}

func (t *teller[T]) drain() {
	for {
		t.mu.Lock()
		if len(t.queue) == 0 {
			t.running = false
			t.queue = nil
			t.mu.Unlock()
			return
		}
		call := t.queue[0]
		t.queue = t.queue[1:]
		t.mu.Unlock()
		call()
	}
}
