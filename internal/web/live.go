package web

import (
	"slices"
	"sync"
	"time"
)

// quiet is how long topics are gathered before they are sent.
const quiet = 100 * time.Millisecond

// live notifies open pages of the topics that changed. It holds names only.
type live struct {
	max int

	mu      sync.Mutex
	subs    map[*listener]bool // under mu
	pending map[string]bool    // under mu: changed since the last flush
	armed   bool               // under mu: a flush is coming
	closed  bool               // under mu
	done    chan struct{}      // closed by close
}

// listener is one open stream. What it has not been sent yet is a set of its own
// topics, so it is bounded however slow the reader is.
type listener struct {
	topics map[string]bool
	user   string
	wake   chan struct{} // one place: more is waiting
	due    map[string]bool
}

func newLive(limit int) *live {
	return &live{max: limit, subs: map[*listener]bool{}, pending: map[string]bool{}, done: make(chan struct{})}
}

func (l *live) notify(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.subs) == 0 {
		return
	}
	l.pending[topic] = true
	if !l.armed {
		l.armed = true
		time.AfterFunc(quiet, l.flush)
	}
}

func (l *live) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	for s := range l.subs {
		for t := range s.topics {
			if l.pending[t] {
				s.due[t] = true
			}
		}
		if len(s.due) > 0 {
			select {
			case s.wake <- struct{}{}:
			default: // it is awake already and will see the rest
			}
		}
	}
	clear(l.pending)
}

// join opens a stream; ok is false if there are too many, of all or of one user.
func (l *live) join(user string, topics []string) (s *listener, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.subs) >= l.max {
		return nil, false
	}
	own := 0
	for s := range l.subs {
		if s.user == user {
			own++
		}
	}
	if user != "" && own >= maxPerUser {
		return nil, false
	}
	s = &listener{topics: map[string]bool{}, user: user, wake: make(chan struct{}, 1), due: map[string]bool{}}
	for _, t := range topics {
		s.topics[t] = true
	}
	l.subs[s] = true
	return s, true
}

func (l *live) leave(s *listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.subs, s)
}

// take returns the topics that s has to be sent, sorted, and forgets them.
func (l *live) take(s *listener) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(s.due))
	for t := range s.due {
		out = append(out, t)
	}
	clear(s.due)
	slices.Sort(out)
	return out
}

func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
}
