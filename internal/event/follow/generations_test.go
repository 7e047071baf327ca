package follow

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Generations that were not looked at while they had the log's name are read all
// the same; what was rotated before the log was ever followed is not.
func TestGenerationsInBetween(t *testing.T) {
	c := newWorld(t, "a.log")
	c.append("a.log.1", "before\n")
	c.age("a.log.1", time.Hour)
	c.append("a.log", "1\n")
	c.poll()
	for generation := 2; generation <= 6; generation++ {
		for n := generation; n > 1; n-- {
			if _, err := os.Stat(c.path(fmt.Sprintf("a.log.%d", n-1))); err == nil {
				c.do(os.Rename(c.path(fmt.Sprintf("a.log.%d", n-1)), c.path(fmt.Sprintf("a.log.%d", n))))
			}
		}
		c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
		c.append("a.log", fmt.Sprintf("%d\n", generation))
		for _, name := range []string{"a.log", "."} { // times of files go in steps
			c.age(name, -time.Duration(generation)*time.Second)
		}
		if generation == 4 {
			c.settle()
		}
	}
	c.start() // two more generations came and went while the program was down
	c.settle()
	c.expect("1 2 3 4 5 6")
	c.start()
	c.settle()
	c.expect("1 2 3 4 5 6")
}

// age sets the time of a file or folder back; by may be negative.
func (c *world) age(name string, by time.Duration) {
	at := time.Now().Add(-by)
	c.do(os.Chtimes(c.path(name), at, at))
}

// So many generations are remembered, and no more.
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
	if len(c.checkpoints) != maxPast {
		t.Errorf("%d checkpoints are kept", len(c.checkpoints))
	}
}

// A file that gets the number of one that was removed is read as what it is.
func TestInheritedNumber(t *testing.T) {
	c := newWorld(t)
	c.append("old.json", "[\n{\"n\":\"1\"},\n{\"n\":\"2\"}\n]\n")
	c.settle()
	// As if old.json had been removed and new.log had got its number.
	c.do(os.Rename(c.path("old.json"), c.path("new.log")))
	c.do(os.Truncate(c.path("new.log"), 0))
	c.append("new.log", "3\n")
	c.poll()
	c.poll()
	c.expect("1 2 3") // at once, not when it stops changing
	for _, f := range c.w.files {
		f.close() // as where very many are followed
	}
	c.do(os.Rename(c.path("new.log"), c.path("next.json")))
	c.do(os.Truncate(c.path("next.json"), 0))
	c.append("next.json", "[\n{\"n\":\"4\"},\n{\"n\":\"5\"}\n]\n")
	c.settle()
	c.settle()
	c.expect("1 2 3 4 5")
	if len(c.bad) > 0 {
		t.Errorf("%+v", c.bad)
	}
}

// A writer that goes on where it was after a truncation leaves a hole.
func TestHole(t *testing.T) {
	c := newWorld(t, "a.log")
	c.opts.MaxRecord = 1000
	c.start()
	c.append("a.log", "1\n2\n")
	c.settle()
	c.do(os.Truncate(c.path("a.log"), 0))
	c.do(os.Truncate(c.path("a.log"), 1<<20))
	c.poll()
	c.append("a.log", "3\n4\n")
	c.settle()
	c.start()
	c.append("a.log", "5\n")
	c.settle()
	c.expect("1 2 3 4 5")
	if len(c.bad) > 0 {
		t.Errorf("%+v", c.bad)
	}
}
