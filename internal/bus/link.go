package bus

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// LinkConfig says how a node reaches its hub.
type LinkConfig struct {
	// Dir is the node's data folder. A link keeps nothing in it.
	Dir string
	// LeafURL, UserJWT and Account are the Grant.
	LeafURL string
	UserJWT string
	Account string
	// Seed is the member's own key from NewUserKey. It is copied.
	Seed []byte
	// Pin is the hub's CA as pki.EnsureCA gave it; the hub's certificate must be
	// of that CA. Without a pin the certificate is verified by RootCAs and the
	// host name; without either by the system's roots.
	Pin     string
	RootCAs *x509.CertPool
	// Log gets warnings and errors only.
	Log *slog.Logger
}

// Link is a member's side of the bus. It connects, and connects again, for
// ever until Close. Its methods are safe for concurrent use.
type Link struct {
	log  *slog.Logger
	key  nkeys.KeyPair
	dial func() (session, error)

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended

	mu        sync.Mutex
	suspended bool               // under mu
	change    chan struct{}      // under mu; closed and replaced when suspended changes
	nc        *nats.Conn         // under mu; nil while there is no session
	up        context.Context    // under mu; ends at the next disconnection; nil while not connected
	upEnd     context.CancelFunc // under mu
	problem   error              // under mu; why it is not connected
	pushes    map[string]*pushed // under mu; by topic

	state notifier[bool]
}

// session is one transport to the hub, good until gone.
type session interface {
	conn() *nats.Conn
	// epoch is 0 while the hub is not reached, and differs after each reconnection.
	epoch() uint64
	every() time.Duration // how often to look at epoch
	gone() <-chan struct{}
	why() error // the last trouble in reaching the hub, or nil
	close()
}

// pushed is the listeners of one topic.
type pushed struct {
	mu  sync.Mutex // one message at a time, also over a reconnection
	fns []func([]byte)
}

func newLink(ctx context.Context, seed []byte, userJWT string, log *slog.Logger) (*Link, error) {
	kp, err := nkeys.FromSeed(append([]byte(nil), seed...))
	if err == nil {
		var pub string
		if pub, err = kp.PublicKey(); err == nil && !nkeys.IsValidPublicUserKey(pub) {
			err = errors.New("bus: not a user key")
		}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, i18n.T("the member's key is not valid", "構成員の鍵が正しくありません"), err)
	}
	if strings.Count(userJWT, ".") != 2 {
		return nil, fault.New(fault.Invalid, i18n.T("the member's credentials are not valid", "構成員の認証情報が正しくありません")).
			WithHint(i18n.T("enrol with the hub again", "ハブにもう一度登録してください"))
	}
	l := &Link{log: orDiscard(log), key: kp, done: make(chan struct{}), change: make(chan struct{}),
		pushes: map[string]*pushed{}}
	l.ctx, l.cancel = context.WithCancel(ctx)
	return l, nil
}

// sign answers the hub's challenge.
func (l *Link) sign(nonce []byte) ([]byte, error) { return l.key.Sign(nonce) }

// run keeps a session up until Close.
func (l *Link) run() {
	defer close(l.done)
	for try := 0; l.ctx.Err() == nil; {
		l.mu.Lock()
		suspended, change := l.suspended, l.change
		l.mu.Unlock()
		if suspended {
			try = 0
			l.wait(change, nil, time.Hour)
			continue
		}
		s, err := l.dial()
		if err != nil {
			l.mu.Lock()
			l.problem = err
			l.mu.Unlock()
			l.wait(change, nil, backoff(try))
			try++
			continue
		}
		if l.session(s, change) {
			try = 0
		} else {
			l.wait(change, nil, backoff(try))
			try++
		}
	}
}

// wait returns after d, or earlier if something happens.
func (l *Link) wait(change, gone <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.ctx.Done():
	case <-change:
	case <-gone:
	case <-t.C:
	}
}

const (
	watchEvery   = 25 * time.Millisecond // while the hub does not answer
	helloTimeout = 2 * time.Second
)

// session follows s until it is gone, or Suspend or Close; connected reports
// whether the hub ever answered in it.
func (l *Link) session(s session, change <-chan struct{}) (connected bool) {
	defer s.close()
	if err := l.attach(s.conn()); err != nil {
		l.log.Warn("bus link", "err", err)
		return false
	}
	defer l.detach()
	var epoch uint64 // of the connection that is reported as up; 0 is none
	tries, wait := 0, time.Duration(0)
	for {
		now := s.epoch()
		if epoch != 0 && now != epoch {
			epoch = 0
			l.setDown()
		}
		wait = s.every()
		if now != 0 && epoch == 0 {
			if err := l.hello(s.conn()); err == nil && s.epoch() == now {
				epoch, connected, tries = now, true, 0
				l.setUp()
			} else {
				wait = min(watchEvery<<min(tries, 4), retryMax) // the hub is there and does not answer
				tries++
			}
		}
		if epoch == 0 {
			l.mu.Lock()
			l.problem = s.why()
			l.mu.Unlock()
		}
		l.wait(change, s.gone(), wait)
		select {
		case <-l.ctx.Done():
			return connected
		case <-change:
			return connected
		case <-s.gone():
			return connected
		default:
		}
	}
}

func (l *Link) hello(nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(l.ctx, helloTimeout)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, "up."+topicHello, nil)
	if err != nil {
		return err
	}
	return replyError(m.Header, m.Data)
}

// attach makes nc the link's connection and subscribes all listeners.
func (l *Link) attach(nc *nats.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for topic, p := range l.pushes {
		if err := p.subscribe(nc, topic); err != nil {
			return err
		}
	}
	l.nc = nc
	return nil
}

func (l *Link) detach() {
	l.setDown()
	l.mu.Lock()
	l.nc = nil
	l.mu.Unlock()
}

func (l *Link) setUp() {
	l.mu.Lock()
	l.up, l.upEnd = context.WithCancel(context.Background())
	l.problem = nil
	l.state.notify(true)
	l.mu.Unlock()
}

func (l *Link) setDown() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up == nil {
		return
	}
	l.upEnd()
	l.up, l.upEnd = nil, nil
	l.state.notify(false)
}

func (p *pushed) subscribe(nc *nats.Conn, topic string) error {
	_, err := nc.Subscribe("down."+topic, func(m *nats.Msg) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fn := range p.fns {
			fn(m.Data)
		}
	})
	return err
}

// Request asks the hub and waits for its answer: when it returns nil, the hub
// has committed. Without a deadline it waits 30 s. It fails with Unavailable
// when not connected, when the connection ends meanwhile and when ctx ends (the
// hub may have acted then: ask again), with TooLarge over MaxBody, and
// else with the fault that the hub's handler gave.
func (l *Link) Request(ctx context.Context, topic string, body []byte) ([]byte, error) {
	if err := checkTopic(topic); err != nil {
		return nil, err
	}
	if err := checkBody(body); err != nil {
		return nil, err
	}
	l.mu.Lock()
	nc, up, problem := l.nc, l.up, l.problem
	l.mu.Unlock()
	if up == nil || nc == nil {
		return nil, unavailable(problem)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if _, ok := ctx.Deadline(); !ok {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, defaultTimeout)
		defer end()
	}
	stop := context.AfterFunc(up, func() { cancel(errCut) })
	defer stop()
	m, err := nc.RequestWithContext(ctx, "up."+topic, body)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, unavailable(err)
	}
	if err := replyError(m.Header, m.Data); err != nil {
		return nil, err
	}
	return m.Data, nil
}

var errCut = errors.New("bus: the connection ended before the answer came")

// unavailable says that the hub was not reached. If err is a fault already
// (why the link is down), its text and hint are kept.
func unavailable(err error) error {
	if e, ok := fault.As(err); ok {
		return &fault.Error{Kind: fault.Unavailable, Text: e.Text, Hint: e.Hint, Err: err}
	}
	return fault.Wrap(fault.Unavailable, i18n.T("the hub cannot be reached", "ハブに接続できません"), err)
}

// OnPush registers fn for what the hub pushes on topic. It is called for one
// message at a time, in the order of sending; it may take its time, but what it
// does not take in (64 MiB) is lost, as is what is pushed while not connected.
// Panics on a topic that is not valid.
func (l *Link) OnPush(topic string, fn func(body []byte)) {
	if err := checkTopic(topic); err != nil {
		panic("bus: OnPush: bad topic " + topic)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pushes[topic]
	if p != nil {
		p.mu.Lock()
		p.fns = append(p.fns, fn)
		p.mu.Unlock()
		return
	}
	p = &pushed{fns: []func([]byte){fn}}
	l.pushes[topic] = p
	if l.nc != nil {
		if err := p.subscribe(l.nc, topic); err != nil {
			l.log.Warn("bus link", "topic", topic, "err", err)
		}
	}
}

// Connected reports whether the hub answers now.
func (l *Link) Connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up != nil
}

// Problem says why the link is not connected, as a fault to show to the
// operator: Unauthenticated if the hub refuses the credentials, Denied if its
// certificate is not the expected one, else Unavailable. It is nil while
// connected, and while nothing is known yet.
func (l *Link) Problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up != nil {
		return nil
	}
	return l.problem
}

// OnState registers fn to be called at every change of Connected, in order; if the
// link is connected already, it is called with that first. fn has its own goroutine and
// may call the link.
func (l *Link) OnState(fn func(connected bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up != nil {
		yes := true
		l.state.add(fn, &yes)
		return
	}
	l.state.add(fn, nil)
}

// Suspend drops the connection until Resume, as if the cable were unplugged.
func (l *Link) Suspend() { l.suspend(true) }

// Resume connects again after Suspend.
func (l *Link) Resume() { l.suspend(false) }

// Suspended reports whether Suspend was called, and not Resume after it.
func (l *Link) Suspended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suspended
}

func (l *Link) suspend(v bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.suspended == v {
		return
	}
	l.suspended = v
	if v {
		l.problem = fault.New(fault.Unavailable, i18n.T("the connection to the hub is suspended", "ハブとの接続は一時停止中です"))
	}
	close(l.change)
	l.change = make(chan struct{})
}

// Close ends the link for good and waits until it has ended.
func (l *Link) Close() {
	l.cancel()
	<-l.done
}
