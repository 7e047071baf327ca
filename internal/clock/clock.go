// Package clock is meneki's one clock and one maker of identifiers. Everything
// that needs the time or a new id is given a Clock, so that tests decide both.
package clock

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// Clock returns the time in UTC. It is safe for concurrent use.
type Clock func() time.Time

// System is the machine's clock, in UTC, cut to microseconds, which is what the store keeps.
func System() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Fixed stands still at t until Set or Add is called on the returned hand.
func Fixed(t time.Time) (Clock, *Hand) {
	h := &Hand{t: t.UTC()}
	return h.now, h
}

// Hand moves a Fixed clock.
type Hand struct {
	mu sync.Mutex
	t  time.Time // under mu
}

func (h *Hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.t
}

// Add moves the clock by d.
func (h *Hand) Add(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.t = h.t.Add(d)
}

// NewID makes a time-ordered random identifier (UUIDv7, RFC 9562).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// RandomID makes an identifier that reveals nothing, not even when it was made (UUIDv4).
func RandomID() string { return uuid.NewString() }

// Micros is t as the store keeps it: microseconds since 1970 UTC; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
