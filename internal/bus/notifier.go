package bus

import "sync"

// notifier calls its listeners in order, one event after the other, on its own
// goroutine, so that a slow listener holds up no one else.
type notifier[T any] struct {
	mu        sync.Mutex
	listeners []func(T) // under mu
	queue     []func()  // under mu
	running   bool      // under mu
}

// add registers fn for all later events and, if now is not nil, calls it with *now first.
func (n *notifier[T]) add(fn func(T), now *T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners = append(n.listeners, fn)
	if now != nil {
		v := *now
		n.push(func() { fn(v) })
	}
}

func (n *notifier[T]) notify(v T) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, fn := range n.listeners {
		n.push(func() { fn(v) })
	}
}

// push queues one call; n.mu is held.
func (n *notifier[T]) push(call func()) {
	n.queue = append(n.queue, call)
	if !n.running {
		n.running = true
		go n.drain()
	}
}

func (n *notifier[T]) drain() {
	for {
		n.mu.Lock()
		if len(n.queue) == 0 {
			n.running = false
			n.queue = nil
			n.mu.Unlock()
			return
		}
		call := n.queue[0]
		n.queue = n.queue[1:]
		n.mu.Unlock()
		call()
	}
}
