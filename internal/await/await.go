// Package await is how a test waits for something outside of its own
// goroutines: a process, a browser, a file that somebody else writes. What runs
// within the test waits by testing/synctest or by a channel instead. It is the
// only place where a test sleeps; a law at the root keeps it so.
package await

import (
	"testing"
	"time"
)

// step is how long Until lets pass between two looks.
const step = 20 * time.Millisecond

// Until returns as soon as missing returns "", and fails the test with what is
// missing when that has not come about within limit.
func Until(t testing.TB, limit time.Duration, missing func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(step) {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", limit, what)
		}
	}
}

// True is Until for a condition that needs no words of its own.
func True(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	Until(t, limit, func() string {
		if ok() {
			return ""
		}
		return what
	})
}

// Stays fails the test if wrong returns anything but "" at any look within d. It
// shows that something does not happen, as far as time can show that.
func Stays(t testing.TB, d time.Duration, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(step) {
		if what := wrong(); what != "" {
			t.Fatal(what)
		}
	}
}

// Pace lets d pass between two steps of a test that plays the part of the outside
// world: a writer that writes now and then, a machine that fails at some moment.
// Nothing may be concluded from it.
func Pace(d time.Duration) { time.Sleep(d) }
