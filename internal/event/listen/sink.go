// Package listen holds the sensors that others send events to: syslog over UDP,
// TCP and TLS, and OTLP/HTTP logs. What they acknowledge was kept; where a
// protocol has no acknowledgement they press back, or count what they drop.
package listen

import (
	"context"
	"strconv"

	"github.com/meneki/meneki/internal/event"
)

// Sink takes a batch of events and returns nil only when all of them are kept.
// A batch may come again after an error or a repeated request; its events then
// have the same IDs, and a Sink must take an ID that it has already to be the
// same event.
type Sink func(ctx context.Context, events []*event.Event) error

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
