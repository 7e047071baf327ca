package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/meneki/meneki/internal/fault"
)

// consumer is one running Consume.
type consumer struct {
	ctx      context.Context
	cancel   context.CancelFunc
	durable  string
	filters  []string
	fn       func(context.Context, Message) error
	log      *slog.Logger
	stopping atomic.Bool

	mu sync.Mutex
	cc jetstream.ConsumeContext // under mu; nil while it does not run
}

// begin makes the consumer on a stream, or finds it, and lets it run, unless it
// was ended.
func (c *consumer) begin(ctx context.Context, str jetstream.Stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping.Load() || c.cc != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cons, err := str.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: c.durable, FilterSubjects: c.filters,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
		MaxDeliver: -1, MaxAckPending: 1, // one at a time keeps the order over failures
		DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		return err
	}
	c.cc, err = cons.Consume(c.take,
		// More than 500 at once over the in-process pipe can lose the pull request.
		jetstream.PullMaxMessages(100),
		jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			// A missed heartbeat only makes the library pull again.
			if c.ctx.Err() == nil && !errors.Is(err, jetstream.ErrNoHeartbeat) {
				c.log.Warn("consumer", "err", err)
			}
		}))
	return err
}

// pause stops the consumer until it begins again, and waits for the running fn.
func (c *consumer) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cc == nil {
		return
	}
	c.cc.Stop()
	<-c.cc.Closed()
	c.cc = nil
}

// end stops the consumer for good, and waits for the running fn, whose context
// it ends.
func (c *consumer) end() {
	c.stopping.Store(true)
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cc == nil {
		return
	}
	c.cc.Drain() // what was fetched and not begun is handed back at once
	<-c.cc.Closed()
	c.cc = nil
}

func (c *consumer) take(jm jetstream.Msg) {
	if c.stopping.Load() {
		_ = jm.Nak() // if it does not get there, the message comes again after ackWait
		return
	}
	m := Message{ID: jm.Headers().Get(headerID), Topic: strings.TrimPrefix(jm.Subject(), cyclePre), Body: jm.Data(), Deliveries: 1}
	if md, err := jm.Metadata(); err == nil {
		m.Deliveries = int(md.NumDelivered)
	}
	quiet := c.alive(jm)
	err := c.call(m)
	quiet()
	switch k := fault.KindOf(err); {
	case err == nil:
		err = jm.Ack()
	case c.ctx.Err() != nil:
		err = jm.Nak()
	case k == fault.Invalid || k == fault.TooLarge || k == fault.Unsupported:
		c.log.Error("message given up: it can never be handled", "topic", m.Topic, "id", m.ID, "err", err)
		err = jm.TermWithReason(k.Label())
	default:
		wait := min(retryMin<<min(m.Deliveries-1, 10), retryLast)
		c.log.Warn("message failed, comes again", "topic", m.Topic, "id", m.ID, "deliveries", m.Deliveries, "wait", wait, "err", err)
		err = jm.NakWithDelay(wait)
	}
	if err != nil && c.ctx.Err() == nil {
		c.log.Warn("cannot acknowledge; the message comes again", "topic", m.Topic, "id", m.ID, "err", err)
	}
}

func (c *consumer) call(m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bus: consumer panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return c.fn(c.ctx, m)
}

// alive tells the stream that jm is still being worked on, until its result is called.
func (c *consumer) alive(jm jetstream.Msg) func() {
	var mu sync.Mutex
	over := false
	var t *time.Timer
	mu.Lock()
	t = time.AfterFunc(ackWait/3, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		_ = jm.InProgress()
		t.Reset(ackWait / 3)
	})
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		t.Stop()
	}
}
