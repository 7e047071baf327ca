package follow

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/meneki/meneki/internal/event/read"
)

func TestCopyTruncate(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("watching %q down %v", pattern, down), func(t *testing.T) {
				c := newWorld(t, pattern)
				c.append("a.log", "1\n2\n")
				c.poll()
				c.append("a.log", "3\n") // not read before the copy
				whole, err := os.ReadFile(c.path("a.log"))
				c.do(err)
				c.append("a.log.1", string(whole))
				c.do(os.Truncate(c.path("a.log"), 0))
				c.append("a.log", "1\n") // the same line as the old file's first
				if down {
					c.start()
				}
				c.settle()
				c.append("a.log", "4\n")
				c.start()
				c.settle()
				got := strings.Join(c.order, " ")
				if got != "1 2 3 1 4" && got != "1 2 1 3 4" {
					t.Errorf("%s", got)
				}
			})
		}
	}
}

// A copy that is seen before it is complete is not a log of its own.
func TestCopyTruncateInPieces(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		t.Run(fmt.Sprintf("watching %q", pattern), func(t *testing.T) {
			c := newWorld(t, pattern)
			c.append("a.log", "1\n2\n3\n4\n")
			c.settle()
			c.append("a.log", "5\n") // may be read before the copy is complete
			c.append("a.log.1", "")
			c.poll()
			c.append("a.log.1", "1\n2")
			c.poll()
			c.settle() // it may take long
			c.append("a.log.1", "\n3\n4\n5\n")
			c.poll()
			c.do(os.Truncate(c.path("a.log"), 0))
			c.append("a.log", "6\n")
			c.poll()
			c.settle()
			c.start()
			c.settle()
			c.expect("1 2 3 4 5 6")
		})
	}
}

// What is read as a whole and then goes on yields what is new, and once.
func TestWholeGoesOn(t *testing.T) {
	pack := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(s))
		z.Close()
		return b.String()
	}
	for _, down := range []bool{false, true} {
		c := newWorld(t)
		c.append("in.json.gz", pack("{\"n\":\"z1\"}\n{\"n\":\"z2\"}\n"))
		c.settle()
		c.settle()
		if down {
			c.start()
		}
		c.append("in.json.gz", pack("{\"n\":\"z3\"}\n"))
		c.settle()
		c.settle()
		c.expect("z1 z2 z3")
		c.do(os.Truncate(c.path("in.json.gz"), 0)) // another file's content, under the same name
		c.append("in.json.gz", pack("{\"n\":\"y1\"}\n{\"n\":\"y2\"}\n"))
		c.settle()
		c.settle()
		c.start()
		c.settle()
		c.expect("z1 z2 z3 y1 y2")
	}
}

// A log that is not UTF-8 is read, and named once.
func TestNotUTF8IsTold(t *testing.T) {
	c := newWorld(t)
	var odd []read.BadRecord
	c.opts.OnOdd = func(b read.BadRecord) { odd = append(odd, b) }
	c.start()
	c.append("a.log", "1\n\x93\xfa\n")
	c.settle()
	c.append("a.log", "\x93\xfa\n4\n")
	c.settle()
	if len(c.order) != 4 || len(odd) != 1 || odd[0].Record != 2 || filepath.Base(odd[0].Name) != "a.log" {
		t.Errorf("%q, odd %+v", c.order, odd)
	}
}

// A packed rotation that was never seen unpacked is named, whether its log is
// followed by name or in a folder; one that was read before is not.
func TestPackedRotationsAreNamed(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		c := newWorld(t, pattern)
		c.append("a.log", "1\n")
		c.append("a.log.2.gz", "packed")
		c.settle()
		c.settle()
		if strings.Join(c.skipped, " ") != "a.log.2.gz" {
			t.Errorf("watching %q: named %q", pattern, c.skipped)
		}
		c.expect("1")
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte("1\n"))
		z.Close()
		c.do(os.Rename(c.path("a.log"), c.path("a.log.1")))
		c.append("a.log", "2\n")
		c.settle()
		c.settle()
		c.append("a.log.1.gz", b.String())
		c.do(os.Remove(c.path("a.log.1")))
		c.settle()
		c.settle()
		c.expect("1 2")
		if strings.Join(c.skipped, " ") != "a.log.2.gz" {
			t.Errorf("watching %q: named %q, though it was read before", pattern, c.skipped)
		}
	}
}

// A rotation that copies over the last one's file, as cp does, does not make
// the copy a log of its own.
func TestCopyTruncateOverTheLastCopy(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		for _, slow := range []bool{false, true} {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("watching %q slow %v down %v", pattern, slow, down), func(t *testing.T) {
					c := newWorld(t, pattern)
					rest := func() {
						if slow {
							c.settle()
							c.settle()
						}
						c.poll()
					}
					for i := range 4 {
						c.append("a.log", fmt.Sprintf("%d.1\n%d.2\n", i, i))
						rest()
						c.append("a.log", fmt.Sprintf("%d.3\n", i)) // not read before the copy
						whole, err := os.ReadFile(c.path("a.log"))
						c.do(err)
						c.do(os.WriteFile(c.path("a.log.1"), whole, 0o600))
						c.do(os.Truncate(c.path("a.log"), 0))
						if down {
							c.start()
						}
						rest()
					}
					c.settle()
					c.start()
					c.settle()
					c.expect("0.1 0.2 0.3 1.1 1.2 1.3 2.1 2.2 2.3 3.1 3.2 3.3")
				})
			}
		}
	}
}

// The same in the middle of a look, after files were listed.
func TestCopyTruncateWithinALook(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		c := newWorld(t, pattern)
		c.append("a.log", "1\n")
		c.poll()
		c.append("a.log.1", "1\n")
		c.do(os.Truncate(c.path("a.log"), 0))
		c.append("a.log", "2\n")
		c.poll()
		c.poll()
		c.append("0.log", "x\n") // is looked at first
		c.poll()
		rotate := true
		c.afterSink = func() error {
			if rotate {
				rotate = false
				whole, err := os.ReadFile(c.path("a.log"))
				c.do(err)
				c.do(os.WriteFile(c.path("a.log.1"), whole, 0o600))
				c.do(os.Truncate(c.path("a.log"), 0))
				c.append("a.log", "4\n")
			}
			return nil
		}
		c.append("0.log", "y\n")
		c.append("a.log", "3\n")
		c.settle()
		c.settle()
		slices.Sort(c.order)
		want := "1 2 3 4"
		if pattern == "" {
			want += " x y"
		}
		c.expect(want)
	}
}

// The same while no one looked, over a rotation that was there before.
func TestCopyTruncateOverAnOldRotation(t *testing.T) {
	for _, pattern := range []string{"a.log", ""} {
		for _, down := range []bool{false, true} {
			c := newWorld(t, pattern)
			c.append("a.log.1", "0\n")
			c.append("a.log", "1\n2\n")
			c.settle()
			c.settle()
			before := strings.Join(c.order, " ")
			c.append("a.log", "3\n")
			whole, err := os.ReadFile(c.path("a.log"))
			c.do(err)
			c.do(os.WriteFile(c.path("a.log.1"), whole, 0o600))
			c.do(os.Truncate(c.path("a.log"), 0))
			if down {
				c.start()
			}
			c.append("a.log", "4\n")
			c.settle()
			c.settle()
			slices.Sort(c.order)
			c.expect(strings.Join(slices.Sorted(slices.Values(strings.Fields(before+" 3 4"))), " "))
		}
	}
}
