package follow

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// logState returns a Windows event log as it was at a time: 1 holds records 1 to 3
// in one chunk, 2 the same and another chunk with 4 and 5, 3 one chunk with 1 to 5.
func logState(t *testing.T, n string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "log"+n+".evtx.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	log, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A Windows event log is followed while it grows in place and by chunks, over
// restarts, and when it is archived under another name.
func TestEventLog(t *testing.T) {
	for _, next := range []string{"2", "3"} {
		for _, pattern := range []string{"", "Sysmon.evtx"} {
			c := newWorld(t, pattern)
			name := c.path("Sysmon.evtx")
			c.do(os.WriteFile(name, logState(t, "1"), 0o644))
			c.settle()
			if len(c.kept) != 3 || len(c.bad)+len(c.skipped) > 0 {
				t.Fatalf("%d events, bad %v, skipped %v", len(c.kept), c.bad, c.skipped)
			}
			c.settle()
			c.start()
			c.settle()
			if c.calls != 1 {
				t.Errorf("the sink was called %d times", c.calls)
			}
			in, err := os.OpenFile(name, os.O_WRONLY, 0)
			c.do(err)
			_, err = in.Write(logState(t, next)) // in place, as Windows does
			c.do(err)
			in.Close()
			c.poll()
			c.hand.Add(2 * time.Second)
			c.settle()
			if len(c.kept) != 5 {
				t.Errorf("state %s: %d events, want 5", next, len(c.kept))
			}
			c.do(os.Rename(name, c.path("Archive-Sysmon-2026-01-02.evtx")))
			c.settle()
			c.start()
			c.settle()
			if len(c.kept) != 5 {
				t.Errorf("archived: %d events, want 5", len(c.kept))
			}
		}
	}
}
