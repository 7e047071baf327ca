package follow

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Lives that nobody looked at while they had the log's name are read all the
// same; what was rotated before the log was ever followed is not.
func TestLivesInBetween(t *testing.T) {
	c := newWorld(t, "a.log")
	c.append("a.log.1", "before\n")
	time.Sleep(15 * time.Millisecond) // file times go in steps
	c.append("a.log", "1\n")
	c.poll()
	for life := 2; life <= 6; life++ {
		time.Sleep(15 * time.Millisecond)
		for n := life; n > 1; n-- {
			if _, err := os.Stat(c.path(fmt.Sprintf("a.log.%d", n-1))); err == nil {
				c.do(os.Rename(c.path(fmt.Sprintf("a.log.%d", n-1)), c.path(fmt.Sprintf("a.log.%d", n))))
			}
		}
		c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
		c.append("a.log", fmt.Sprintf("%d\n", life))
		if life == 4 {
			c.settle()
		}
	}
	c.start() // two more lives came and went while the program was down
	c.settle()
	c.expect("1 2 3 4 5 6")
	c.start()
	c.settle()
	c.expect("1 2 3 4 5 6")
}

// So many lives are remembered, and no more.
func TestPastIsBounded(t *testing.T) {
	c := newWorld(t, "a.log")
	var want []string
	for i := range 2 * maxPast {
		c.append("a.log", fmt.Sprintf("%d\n", i))
		want = append(want, fmt.Sprint(i))
		c.poll()
		c.do(os.Remove(c.path("a.log")))
		c.settle()
	}
	c.expect(strings.Join(want, " "))
	if len(c.marks) != maxPast {
		t.Errorf("%d marks are kept", len(c.marks))
	}
}
