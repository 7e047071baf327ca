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

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

const (
	cycleName = "CYCLE"
	// A message that no consumer finished in this time is dropped from the
	// stream; it is a consumer that no longer exists. The outbox still has it.
	cycleAge = 14 * 24 * time.Hour
	// Within this time the same id is taken once.
	dedupeWindow = 2 * time.Minute
	// After this time with no sign of life a message is given again; a handler
	// that runs longer is kept alive by alive().
	ackWait   = 3 * time.Second
	retryLast = 30 * time.Second // the longest wait before a failed message is given again

	codeStoreFull    = 10077 // maximum bytes exceeded (with DiscardNew)
	codeStoreNoSpace = 10023 // insufficient storage resources
	codeAccountFull  = 10002 // account storage limit
)

// Local is the hub's own durable stream. A message stays in it until each
// consumer of its topic has finished it. Safe for concurrent use.
type Local struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	str jetstream.Stream
	log *slog.Logger

	mu    sync.Mutex
	stops map[int]func() // under mu
	next  int            // under mu
	done  bool           // under mu
}

// Message is one message to a consumer.
type Message struct {
	ID         string // as published
	Topic      string
	Body       []byte
	Deliveries int // 1 the first time
}

func newLocal(ctx context.Context, nc *nats.Conn, maxBytes int64, log *slog.Logger) (*Local, error) {
	fail := func(err error) error {
		nc.Close()
		return fault.Wrap(fault.Storage, i18n.T("the hub's stream cannot be opened", "ハブのストリームを開けません"), err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: cycleName, Subjects: []string{cyclePre + ">"},
		Storage:   jetstream.FileStorage,
		Retention: jetstream.InterestPolicy,
		// Full means that the publisher waits, not that the oldest is lost.
		Discard:    jetstream.DiscardNew,
		MaxBytes:   maxBytes,
		MaxAge:     cycleAge,
		MaxMsgSize: maxPayload,
		Duplicates: dedupeWindow,
	})
	if err != nil {
		return nil, fail(err)
	}
	return &Local{nc: nc, js: js, str: s, log: log, stops: map[int]func(){}}, nil
}

// Publish puts a message into the stream and returns when the stream has it. A
// message with an id that was published within the last two minutes is not
// taken twice. Capabilities do not call it: they write to the store's outbox,
// and Relay publishes. Faults: Invalid, TooLarge, Storage (full), Unavailable.
func (l *Local) Publish(ctx context.Context, topic, id string, body []byte) error {
	_, err := l.publish(ctx, topic, id, body)
	return err
}

// publish also gives the message's place in the stream.
func (l *Local) publish(ctx context.Context, topic, id string, body []byte) (seq uint64, err error) {
	if err := checkTopic(topic, false); err != nil {
		return 0, err
	}
	if id == "" || len(id) > 200 || strings.ContainsAny(id, "\r\n") {
		return 0, fault.New(fault.Invalid, i18n.T("a message needs an id of 1 to 200 bytes", "メッセージには 1〜200 バイトの ID が必要です"))
	}
	if err := checkBody(body); err != nil {
		return 0, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startTimeout)
		defer cancel()
	}
	ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: cyclePre + topic, Header: nats.Header{headerID: []string{id}}, Data: body})
	if err == nil {
		return ack.Sequence, nil
	}
	if ae, ok := errors.AsType[*jetstream.APIError](err); ok && (ae.ErrorCode == codeStoreFull || ae.ErrorCode == codeStoreNoSpace || ae.ErrorCode == codeAccountFull) {
		return 0, fault.Wrap(fault.Storage, i18n.T("the hub's stream is full", "ハブのストリームが満杯です"), err).
			WithHint(i18n.T("a consumer is behind or failing, see the log; what waits is kept in the outbox", "処理が遅れているか失敗しています。ログを確認してください。待機中のものは送信待ち表に残っています"))
	}
	return 0, fault.Wrap(fault.Unavailable, i18n.T("the hub's stream does not take the message", "ハブのストリームがメッセージを受け付けません"), err)
}

// Consume gives the messages of topics to fn, one after the other in the order
// of publishing, at least once each: a message is finished when fn has returned
// nil, and until then comes again, also after a crash. durable names the
// consumer over restarts; each durable gets every message. A topic may end in
// .> or have * for a word. A durable hears what is published after it was first
// made; what nobody consumes is not kept. So make all consumers before Relay.
// A durable that is never run again holds its messages for two weeks.
//
// If fn fails, the message comes again after a growing wait (50 ms to 30 s) and
// those behind it wait too, so that order is kept. An error of kind Invalid,
// TooLarge or Unsupported says that trying again cannot help: it is logged and
// the message is finished. A panic counts as an error.
//
// stop ends the consumer and waits for the running fn, whose context it ends;
// so does Hub.Close, and so does the end of ctx, without waiting.
func (l *Local) Consume(ctx context.Context, durable string, topics []string, fn func(ctx context.Context, m Message) error) (stop func(), err error) {
	if checkTopic(durable, false) != nil || strings.Contains(durable, ".") {
		return nil, fault.New(fault.Invalid, i18n.T("the consumer name {0} is not valid", "コンシューマー名 {0} は正しくありません").With(fmt.Sprintf("%.40q", durable)))
	}
	if len(topics) == 0 {
		return nil, fault.New(fault.Invalid, i18n.T("a consumer needs a topic", "コンシューマーにはトピックが必要です"))
	}
	filters := make([]string, len(topics))
	for i, t := range topics {
		if err := checkTopic(t, true); err != nil {
			return nil, err
		}
		filters[i] = cyclePre + t
	}
	make1, cancel1 := context.WithTimeout(ctx, startTimeout)
	defer cancel1()
	cons, err := l.str.CreateOrUpdateConsumer(make1, jetstream.ConsumerConfig{
		Durable: durable, FilterSubjects: filters,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
		MaxDeliver: -1, MaxAckPending: 1, // one at a time keeps the order over failures
		DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, i18n.T("the consumer {0} cannot be made", "コンシューマー {0} を作成できません").With(durable), err)
	}
	run, cancel := context.WithCancel(ctx)
	c := &consumer{ctx: run, durable: durable, fn: fn, log: l.log.With("consumer", durable)}
	cc, err := cons.Consume(c.take,
		// More than 500 at once over the in-process pipe can lose the pull request.
		jetstream.PullMaxMessages(100),
		jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			// A missed heartbeat only makes the library pull again.
			if run.Err() == nil && !errors.Is(err, jetstream.ErrNoHeartbeat) {
				c.log.Warn("consumer", "err", err)
			}
		}))
	if err != nil {
		cancel()
		return nil, fault.Wrap(fault.Unavailable, i18n.T("the consumer {0} cannot be started", "コンシューマー {0} を開始できません").With(durable), err)
	}
	end := sync.OnceFunc(func() {
		c.stopping.Store(true)
		cancel()
		cc.Drain() // what was fetched and not begun is handed back at once
		<-cc.Closed()
	})
	l.mu.Lock()
	if l.done {
		l.mu.Unlock()
		end()
		return nil, fault.New(fault.Unavailable, i18n.T("the message bus is not running", "メッセージバスが動作していません"))
	}
	id := l.next
	l.next++
	l.stops[id] = end
	l.mu.Unlock()
	context.AfterFunc(ctx, end)
	return func() {
		end()
		l.mu.Lock()
		delete(l.stops, id)
		l.mu.Unlock()
	}, nil
}

// close ends all consumers and waits for them.
func (l *Local) close() {
	l.mu.Lock()
	l.done = true
	var ends []func()
	for _, end := range l.stops {
		ends = append(ends, end)
	}
	l.mu.Unlock()
	var wg sync.WaitGroup
	for _, end := range ends {
		wg.Go(end)
	}
	wg.Wait()
	// Acknowledgements are sent without waiting; let them out.
	_ = l.nc.FlushTimeout(time.Second)
	l.nc.Close()
}

// lastSeq is the number of the newest message that the stream ever took.
func (l *Local) lastSeq(ctx context.Context) (uint64, error) {
	info, err := l.str.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("bus: ask stream: %w", err)
	}
	return info.State.LastSeq, nil
}

// consumer is one running Consume.
type consumer struct {
	ctx      context.Context
	durable  string
	fn       func(context.Context, Message) error
	log      *slog.Logger
	stopping atomic.Bool
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
