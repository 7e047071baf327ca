package clock

import (
	"testing"
	"time"
)

func TestMicros(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(1, 5000).UTC(), System()} {
		if got := FromMicros(Micros(at)); !got.Equal(at) {
			t.Errorf("%v became %v", at, got)
		}
	}
}

func TestFixed(t *testing.T) {
	c, hand := Fixed(time.Unix(100, 0))
	hand.Add(time.Minute)
	if got := c(); got.Unix() != 160 || got.Location() != time.UTC {
		t.Errorf("%v", got)
	}
	a, b := NewID(), NewID()
	x, y := RandomID(), RandomID()
	if a >= b || x == y {
		t.Error("ids")
	}
}
