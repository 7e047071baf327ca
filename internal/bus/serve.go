package bus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Handler answers a member's request. The member comes from its credentials.
// Returning nil acknowledges: commit first. A request may come again after a
// lost answer, so a handler must accept the same body twice. Requests of one
// member come one after the other in the order they were sent; requests of
// different members run at the same time. ctx ends at Close or after a minute,
// and Close waits for the handler to return.
type Handler = func(ctx context.Context, member string, body []byte) ([]byte, error)

const (
	maxHandlers   = 64        // calls at the same time
	maxQueued     = 256       // requests of one member waiting
	maxQueueBytes = 32 << 20  // their bodies
	maxInboxBytes = 256 << 20 // bodies of all members waiting
)

// inbox holds the requests that wait for their turn.
type inbox struct {
	sem   chan struct{}
	mu    sync.Mutex
	bytes int // under mu
}

// queue is one member's waiting requests, in order. Its fields are under inbox.mu.
type queue struct {
	msgs    []*nats.Msg
	bytes   int
	running bool
}

// Handle registers the answer to requests on topic. A topic with no handler
// answers Unsupported. It panics on a topic that is not valid or is taken,
// because that is a mistake in the program.
//
// An error goes to the requester as a fault of the same kind with its text and
// hint; the inner error is logged here and stays here.
func (h *Hub) Handle(topic string, fn Handler) {
	if err := checkTopic(topic); err != nil || strings.HasPrefix(topic, "_") {
		panic(fmt.Sprintf("bus: Handle: bad topic %q", topic))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.handlers[topic] != nil {
		panic(fmt.Sprintf("bus: Handle: topic %q is handled twice", topic))
	}
	h.handlers[topic] = fn
}

// serve takes in every member's requests. The callback must not block: it is
// the one way in for all members.
func (h *Hub) serve() error {
	sub, err := h.up.Subscribe(upExport, h.accept)
	if err != nil {
		return fmt.Errorf("bus: listen to members: %w", err)
	}
	// accept bounds what waits; the client's own queue is only passed through.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("bus: listen to members: %w", err)
	}
	return h.up.FlushTimeout(startTimeout)
}

func (h *Hub) accept(m *nats.Msg) {
	if m.Reply == "" {
		return // nobody to acknowledge to, so nothing may be taken
	}
	_, rest, _ := strings.Cut(m.Subject, ".")
	acct, topic, _ := strings.Cut(rest, ".")
	h.mu.RLock()
	st := h.accounts[acct]
	h.mu.RUnlock()
	if st == nil {
		return // expelled while the request was on its way
	}
	if topic == topicHello {
		h.reply(m, &nats.Msg{})
		return
	}
	if err := checkBody(m.Data); err != nil {
		h.reply(m, faultReply(err))
		return
	}
	in := &h.inbox
	in.mu.Lock()
	q := &st.queue
	if len(q.msgs) >= maxQueued || q.bytes+len(m.Data) > maxQueueBytes || in.bytes+len(m.Data) > maxInboxBytes {
		in.mu.Unlock()
		h.reply(m,
			faultReply(fault.Coded(fault.HubBusy, nil)))
		return
	}
	q.msgs = append(q.msgs, m)
	q.bytes += len(m.Data)
	in.bytes += len(m.Data)
	start := !q.running
	q.running = true
	in.mu.Unlock()
	if start && !h.spawn(func() { h.drain(st) }) {
		return // closing; the member asks again after the restart
	}
}

// spawn runs fn unless the hub is closing, and lets Close wait for it.
func (h *Hub) spawn(fn func()) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return false
	}
	h.work.Go(fn)
	return true
}

// drain answers one member's requests until none waits.
func (h *Hub) drain(st *memberState) {
	in := &h.inbox
	for {
		select {
		case in.sem <- struct{}{}:
		case <-h.ctx.Done():
			return
		}
		in.mu.Lock()
		q := &st.queue
		if len(q.msgs) == 0 {
			q.running = false
			q.msgs = nil
			in.mu.Unlock()
			<-in.sem
			return
		}
		m := q.msgs[0]
		q.msgs[0] = nil
		q.msgs = q.msgs[1:]
		q.bytes -= len(m.Data)
		in.bytes -= len(m.Data)
		in.mu.Unlock()
		h.answer(st, m)
		<-in.sem
	}
}

func (h *Hub) answer(st *memberState, m *nats.Msg) {
	topic := m.Subject[len("up.")+len(st.acct.pub)+1:]
	h.mu.RLock()
	fn, here := h.handlers[topic], h.accounts[st.acct.pub] == st
	h.mu.RUnlock()
	if !here {
		return // expelled
	}
	if fn == nil {
		h.reply(m,
			faultReply(fault.Coded(fault.HubUnknownTopic, nil, fmt.Sprintf("%.40q", topic))))
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, handlerTimeout)
	defer cancel()
	body, err := call(ctx, fn, st.member, m.Data)
	if err == nil {
		err = checkBody(body)
	}
	if err != nil {
		ended := h.ctx.Err() != nil && errors.Is(err, context.Canceled) // with the hub; the member asks again
		if k := fault.KindOf(err); (k == fault.Internal || k == fault.Storage) && !ended {
			h.log.Error("request failed", "topic", topic, "member", st.member, "err", err)
		} else {
			h.log.Debug("request refused", "topic", topic, "member", st.member, "err", err)
		}
		h.reply(m, faultReply(err))
		return
	}
	h.reply(m, &nats.Msg{Data: body})
}

// call turns a panic into an error: one request must not end the hub.
func call(ctx context.Context, fn Handler, member string, body []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("bus: handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(ctx, member, body)
}

func (h *Hub) reply(to, with *nats.Msg) {
	with.Subject = to.Reply
	if err := h.up.PublishMsg(with); err != nil && h.ctx.Err() == nil {
		h.log.Warn("cannot answer a member", "subject", to.Subject, "err", err)
	}
}

// Push sends body to a member, if it is connected now; it is not known
// whether it arrived. It fails only with NotFound, TooLarge, Invalid or
// Unavailable. What must arrive is kept in SQL and asked for by the receiver.
func (h *Hub) Push(member, topic string, body []byte) error {
	if err := checkTopic(topic); err != nil {
		return err
	}
	if err := checkBody(body); err != nil {
		return err
	}
	h.mu.RLock()
	st := h.members[member]
	h.mu.RUnlock()
	if st == nil {
		return unknownMember(member)
	}
	if err := h.up.Publish("down."+st.acct.pub+"."+topic, body); err != nil {
		return fault.Wrap(fault.Unavailable, i18n.T("the message bus is not running", "メッセージバスが動作していません"), err)
	}
	return nil
}
