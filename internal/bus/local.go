package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
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
	nc       *nats.Conn
	js       jetstream.JetStream
	maxBytes int64
	healthy  func() bool // the server can use the stream
	log      *slog.Logger

	mu        sync.Mutex
	str       jetstream.Stream  // under mu
	consumers map[int]*consumer // under mu
	broken    bool              // under mu; renewing it has begun and did not come to its end
	next      int               // under mu
	done      bool              // under mu
}

// Message is one message to a consumer.
type Message struct {
	ID         string // as published
	Topic      string
	Body       []byte
	Deliveries int // 1 the first time
}

func newLocal(ctx context.Context, nc *nats.Conn, maxBytes int64, healthy func() bool, log *slog.Logger) (*Local, error) {
	l := &Local{nc: nc, maxBytes: maxBytes, healthy: healthy, log: log, consumers: map[int]*consumer{}}
	fail := func(err error) error {
		nc.Close()
		return fault.Wrap(fault.Storage, i18n.T("the hub's stream cannot be opened", "ハブのストリームを開けません"), err)
	}
	var err error
	if l.js, err = jetstream.New(nc); err != nil {
		return nil, fail(err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if l.str, err = l.open(ctx); err != nil {
		return nil, fail(err)
	}
	return l, nil
}

// open makes the stream, or finds it.
func (l *Local) open(ctx context.Context) (jetstream.Stream, error) {
	return l.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: cycleName, Subjects: []string{cyclePre + ">"},
		Storage:   jetstream.FileStorage,
		Retention: jetstream.InterestPolicy,
		// Full means that the publisher waits, not that the oldest is lost.
		Discard:    jetstream.DiscardNew,
		MaxBytes:   l.maxBytes,
		MaxAge:     cycleAge,
		MaxMsgSize: maxPayload,
		Duplicates: dedupeWindow,
	})
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
	l.mu.Lock()
	broken := l.broken
	l.mu.Unlock()
	if broken { // not every consumer would hear it
		return 0, fault.New(fault.Unavailable, i18n.T("the hub's stream is being made anew", "ハブのストリームを作り直しています"))
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
	run, cancel := context.WithCancel(ctx)
	c := &consumer{ctx: run, cancel: cancel, durable: durable, filters: filters, fn: fn, log: l.log.With("consumer", durable)}
	// Under the lock, so that the stream is not renewed beside it.
	l.mu.Lock()
	if l.done {
		l.mu.Unlock()
		cancel()
		return nil, fault.New(fault.Unavailable, i18n.T("the message bus is not running", "メッセージバスが動作していません"))
	}
	if err := c.begin(ctx, l.str); err != nil {
		l.mu.Unlock()
		cancel()
		return nil, fault.Wrap(fault.Unavailable, i18n.T("the consumer {0} cannot be started", "コンシューマー {0} を開始できません").With(durable), err)
	}
	id := l.next
	l.next++
	l.consumers[id] = c
	l.mu.Unlock()
	context.AfterFunc(ctx, c.end)
	return func() {
		c.end()
		l.mu.Lock()
		delete(l.consumers, id)
		l.mu.Unlock()
	}, nil
}

// close ends all consumers and waits for them.
func (l *Local) close() {
	l.mu.Lock()
	l.done = true
	all := slices.Collect(maps.Values(l.consumers))
	l.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(c.end)
	}
	wg.Wait()
	// Acknowledgements are sent without waiting; let them out.
	_ = l.nc.FlushTimeout(time.Second)
	l.nc.Close()
}

// lastSeq is the number of the newest message that the stream ever took.
func (l *Local) lastSeq(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	str := l.str
	l.mu.Unlock()
	info, err := str.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("bus: ask stream: %w", err)
	}
	return info.State.LastSeq, nil
}

// usable reports whether the stream takes messages and all consumers hear them.
func (l *Local) usable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.broken && l.healthy()
}

// renew makes the stream anew, without what was in it, and its consumers, which
// go on where it does. It is for a stream that the server gave up: once a write
// has failed, as on a full disk, the server refuses all others until it is
// started again, also when there is room. What was lost is in the outbox.
func (l *Local) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return fault.New(fault.Unavailable, i18n.T("the message bus is not running", "メッセージバスが動作していません"))
	}
	l.broken = true
	for _, c := range l.consumers {
		c.pause()
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := l.js.DeleteStream(ctx, cycleName); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("bus: remove the broken stream: %w", err)
	}
	str, err := l.open(ctx)
	if err != nil {
		return fmt.Errorf("bus: make the stream anew: %w", err)
	}
	l.str = str
	for _, c := range l.consumers {
		if err := c.begin(ctx, str); err != nil {
			return fmt.Errorf("bus: make the consumer %s anew: %w", c.durable, err)
		}
	}
	l.broken = false
	return nil
}
