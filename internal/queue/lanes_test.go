package queue

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func testLanes() *lanes {
	return newLanes(&heavy{now: time.Now, last: map[string]time.Time{}})
}

// turns takes n turns and returns whose they were.
func turns(l *lanes, n int) (out []string) {
	for range n {
		lane := "nobody"
		if list := l.next(1); len(list) > 0 {
			lane = list[0]
		}
		out = append(out, lane)
		l.done()
	}
	return out
}

func TestLightLanesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLanes()
		l.heavy.note("flood")
		l.heavy.note("flood 2")
		for _, lane := range []string{"flood", "flood 2", "a", "b", "c", "a"} {
			l.add(lane)
		}
		if n := l.heavy.waiting.Load(); n != 3 {
			t.Errorf("%d light lanes wait", n)
		}
		if got, want := turns(l, 6), []string{"a", "flood", "b", "flood 2", "c", "nobody"}; !slices.Equal(got, want) {
			t.Errorf("turns %v, want %v", got, want)
		}
		time.Sleep(heavyFor + 1) // of the bubble
		l.add("flood")
		if n := l.heavy.waiting.Load(); n != 1 {
			t.Errorf("a lane stays heavy: %d light lanes wait", n)
		}
	})
}

func TestHeldLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := testLanes()
		l.add("a")
		if got := turns(l, 1); got[0] != "a" {
			t.Fatal(got)
		}
		l.hold("a", time.Second)
		l.add("a") // has no turn before its time
		if list, _ := l.waiting(); !slices.Equal(list, []string{"a"}) {
			t.Errorf("waiting: %v", list)
		}
		if got := turns(l, 1); got[0] != "nobody" {
			t.Errorf("the turn of %v", got)
		}
		time.Sleep(time.Second) // of the bubble
		synctest.Wait()
		if got := turns(l, 2); !slices.Equal(got, []string{"a", "nobody"}) {
			t.Errorf("turns %v", got)
		}
		if list, _ := l.waiting(); len(list) > 0 {
			t.Errorf("waiting: %v", list)
		}
	})
}
