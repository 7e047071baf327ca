package follow

import (
	"context"
	"strings"
	"testing"

	"github.com/meneki/meneki/internal/event"
)

// A followed IIS log keeps what its columns are called over restarts, batches that
// come again, and a header further down; its header is no event.
func TestColumns(t *testing.T) {
	c := newWorld(t, "u_ex.log")
	var got []string
	inner := c.w.sink
	see := func() {
		keep := inner
		c.w.sink = func(ctx context.Context, events []*event.Event) error {
			if err := keep(ctx, events); err != nil {
				return err
			}
			for _, e := range events {
				got = append(got, e.Service+" "+e.Fields["cs-uri-stem"].(string))
			}
			return nil
		}
	}
	see()
	const first = "#Fields: date time cs-method cs-uri-stem sc-status sc-win32-status\n"
	c.append("u_ex.log", "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"+first+
		"2026-01-02 03:04:05 GET /a 200 0\n")
	c.poll()
	c.start()
	inner = c.w.sink
	see()
	c.append("u_ex.log", "2026-01-02 03:04:06 GET /b 200 0\n")
	c.poll()
	c.append("u_ex.log", "2026-01-02 03:04:07 GET /c 200 0\n#Fields: date time sc-win32-status sc-status cs-uri-stem "+
		"cs-method\n2026-01-02 03:04:08 0 200 /d GET\n")
	c.sinkFails = 1
	if err := c.w.Poll(t.Context()); err == nil {
		c.poll()
	}
	c.settle()
	if s := strings.Join(got, ","); s != "iis /a,iis /b,iis /c,iis /d" || len(c.bad) > 0 {
		t.Errorf("%s %v", s, c.bad)
	}
}
