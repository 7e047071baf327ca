package main

import (
	"io"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/situation"
)

func TestQuantiles(t *testing.T) {
	var s series
	for i := range 100 {
		s = append(s, time.Duration(100-i)*time.Millisecond)
	}
	if p50, p99, all := s.at(0.5), s.at(0.99), s.at(1); p50 != 50*time.Millisecond || p99 != 99*time.Millisecond ||
		all != 100*time.Millisecond {
		t.Errorf("p50 %v, p99 %v, p100 %v", p50, p99, all)
	}
	if got := series.at(s[:20], 0.99); got != 100*time.Millisecond {
		t.Errorf("p99 of 20 series is %v, not the slowest", got)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := count(in); got != want {
			t.Errorf("count(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[time.Duration]string{123 * time.Microsecond: "0.123", 9999 * time.Microsecond: "10.0",
		99970 * time.Microsecond: "100"} {
		if got := ms(in); got != want {
			t.Errorf("ms(%v) = %q, want %q", in, got, want)
		}
	}
}

// The measurement itself: every attack goes round with simulated members and
// full nodes, and every member counts.
func TestCycleGoesRound(t *testing.T) {
	s := settings{dir: t.TempDir(), attacks: 2, past: 200, log: io.Discard}
	c, err := oneCommunity(t.Context(), s, "small", 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.members != 5 || len(c.known) != 2 || len(c.steps[situation.Detected]) != 2 ||
		len(c.steps[situation.Hunted]) != 10 || len(c.last[situation.Hunted]) != 2 {
		t.Errorf("%d members, steps %v", c.members, c.steps)
	}
}
