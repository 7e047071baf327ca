package wire_test

import (
	"math"
	"testing"

	"github.com/meneki/meneki/internal/wire"
)

func TestStep(t *testing.T) {
	for n, want := range map[int64]int{-5: 0, 0: 0, 1: 1, 2: 2, 4: 2, 5: 5, 9: 5, 10: 10, 19: 10, 20: 20, 49: 20,
		99: 50, 100: 100, 1_999: 1_000, 999_999_999: 500_000_000, math.MaxInt64: 1_000_000_000} {
		if got := wire.Step(n); got != want {
			t.Errorf("Step(%d) = %d, want %d", n, got, want)
		}
	}
	for n := int64(0); n < 5_000; n++ {
		s := wire.Step(n)
		if int64(s) > n || wire.Step(int64(s)) != s || int64(s)*5 < n*2 {
			t.Fatalf("Step(%d) = %d", n, s)
		}
	}
}
