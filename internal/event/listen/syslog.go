package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// SyslogOptions say where and how syslog is received. An empty address switches
// its transport off.
type SyslogOptions struct {
	UDP       string      // host:port (RFC 5426)
	TCP       string      // host:port (RFC 6587: octet counting or a line each)
	TLS       string      // host:port (RFC 5425), with TLSConfig
	TLSConfig *tls.Config // with certificate; ClientCAs and ClientAuth say who may send

	MaxMessage int           // greatest message in bytes; 256 KiB if 0
	MaxConns   int           // TCP and TLS connections at a time; 512 if 0
	Idle       time.Duration // a connection without a message for so long is closed; 15 min if 0
	Slow       time.Duration // a message must come whole within this time; 30 s if 0
	Queue      int           // messages waiting for the sink; 10,000 if 0
	QueueBytes int64         // … and their bytes; 64 MiB if 0
	Batch      int           // events a batch, at most; 500 if 0
	Flush      time.Duration // how long an event waits for a batch to fill; 100 ms if 0
	Drain      time.Duration // how long the end waits for the sink; 5 s if 0

	Clock clock.Clock // clock.System if nil
	Hint  read.Hint   // for records that do not state it; Zone says what RFC 3164 times mean
	Log   *slog.Logger
}

// SyslogCounters say what a syslog receiver has done.
type SyslogCounters struct {
	Received int64 // messages
	Kept     int64 // events that the sink has kept
	Dropped  int64 // messages lost because the queue was full (UDP), or at the end because the sink took none
	TooLarge int64 // messages over MaxMessage
	Broken   int64 // messages that ended too early, or connections with broken framing
	Refused  int64 // connections over MaxConns, or whose TLS failed
	Open     int64 // connections now
	Retries  int64 // batches that the sink refused
}

// Syslog receives syslog. Make it with NewSyslog, call Listen, then Run.
type Syslog struct {
	opts  SyslogOptions
	sink  Sink
	udp   *net.UDPConn
	tcp   net.Listener
	tls   net.Listener
	queue chan queued
	bytes *semaphore.Weighted

	received, kept, dropped, tooLarge, broken, refused, open, retries atomic.Int64
}

type queued struct {
	event *event.Event
	size  int64
}

// NewSyslog makes a receiver. sink is called from one goroutine.
func NewSyslog(opts SyslogOptions, sink Sink) *Syslog {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	wait := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&opts.MaxMessage, 256<<10)
	opts.MaxMessage = min(opts.MaxMessage, event.MaxRecord)
	def(&opts.MaxConns, 512)
	def(&opts.Queue, 10_000)
	def(&opts.Batch, 500)
	wait(&opts.Idle, 15*time.Minute)
	wait(&opts.Slow, 30*time.Second)
	wait(&opts.Flush, 100*time.Millisecond)
	wait(&opts.Drain, 5*time.Second)
	if opts.QueueBytes <= 0 {
		opts.QueueBytes = 64 << 20
	}
	opts.QueueBytes = max(opts.QueueBytes, int64(opts.MaxMessage))
	if opts.Clock == nil {
		opts.Clock = clock.System
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	return &Syslog{opts: opts, sink: sink, queue: make(chan queued, opts.Queue),
		bytes: semaphore.NewWeighted(opts.QueueBytes)}
}

// Listen opens the ports. A port that is taken is a fault of kind Conflict that
// names it; nothing stays open then.
func (s *Syslog) Listen() error {
	err := s.listen()
	if err != nil {
		s.close()
	}
	return err
}

func (s *Syslog) listen() error {
	if s.opts.UDP != "" {
		p, err := net.ListenPacket("udp", s.opts.UDP)
		if err != nil {
			return portFault("UDP", s.opts.UDP, err)
		}
		s.udp = p.(*net.UDPConn)
		_ = s.udp.SetReadBuffer(4 << 20) // as much as the system allows
	}
	if s.opts.TCP != "" {
		l, err := net.Listen("tcp", s.opts.TCP)
		if err != nil {
			return portFault("TCP", s.opts.TCP, err)
		}
		s.tcp = l
	}
	if s.opts.TLS != "" {
		if s.opts.TLSConfig == nil {
			return fault.New(fault.Invalid,
				i18n.T("syslog over TLS needs a certificate", "TLS で syslog を受けるには証明書が必要です"))
		}
		l, err := net.Listen("tcp", s.opts.TLS)
		if err != nil {
			return portFault("TCP", s.opts.TLS, err)
		}
		s.tls = l
	}
	return nil
}

func portFault(kind, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.Wrap(fault.Conflict, i18n.T("{0} port {1} is in use", "{0} ポート {1} は使用中です").With(kind, addr), err).
			WithHint(i18n.T("stop the program that listens there, or choose another port",
				"そのポートで待ち受けているプログラムを止めるか、別のポートを選んでください"))
	case errors.Is(err, syscall.EACCES):
		return fault.Wrap(fault.Denied,
			i18n.T("{0} port {1} may not be opened", "{0} ポート {1} を開く権限がありません").With(kind, addr), err).
			WithHint(i18n.T("ports below 1024 need the right to bind them; 5514 and 6514 do not",
				"1024 未満のポートには権限が必要です。5514 や 6514 なら不要です"))
	}
	return fault.Wrap(fault.Invalid, i18n.T("cannot listen at {1} ({0})", "{1} ({0}) で待ち受けできません").With(kind, addr), err)
}

// Addrs returns the addresses that are listened at; nil for a transport that is off.
func (s *Syslog) Addrs() (udp, tcp, tls net.Addr) {
	if s.udp != nil {
		udp = s.udp.LocalAddr()
	}
	if s.tcp != nil {
		tcp = s.tcp.Addr()
	}
	if s.tls != nil {
		tls = s.tls.Addr()
	}
	return udp, tcp, tls
}

// Counters returns the counters.
func (s *Syslog) Counters() SyslogCounters {
	return SyslogCounters{
		Received: s.received.Load(), Kept: s.kept.Load(), Dropped: s.dropped.Load(), TooLarge: s.tooLarge.Load(),
		Broken: s.broken.Load(), Refused: s.refused.Load(), Open: s.open.Load(), Retries: s.retries.Load(),
	}
}

func (s *Syslog) close() {
	if s.udp != nil {
		s.udp.Close()
	}
	if s.tcp != nil {
		s.tcp.Close()
	}
	if s.tls != nil {
		s.tls.Close()
	}
}

// Run receives until ctx ends; then it closes the ports, passes what is queued to
// the sink within Drain, and returns nil.
func (s *Syslog) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	if s.udp != nil {
		readers.Go(func() { s.datagrams(ctx) })
	}
	if s.tcp != nil {
		readers.Go(func() { s.accept(ctx, s.tcp, nil, &readers) })
	}
	if s.tls != nil {
		readers.Go(func() { s.accept(ctx, s.tls, s.opts.TLSConfig, &readers) })
	}
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	batched := make(chan struct{})
	go func() {
		defer close(batched)
		s.batches(ctx)
	}()
	<-ctx.Done()
	readers.Wait()
	close(s.queue)
	<-batched
	return nil
}

// put queues the events of one message. Without wait it drops them if the queue
// is full; with it, it waits, which is what presses back on a TCP sender.
func (s *Syslog) put(ctx context.Context, d *read.Decoder, source event.Source, message []byte, wait bool) {
	s.received.Add(1)
	hint := s.opts.Hint
	hint.Seen = s.opts.Clock()
	evs, err := d.Line(source, message, hint)
	if err != nil && len(evs) == 0 {
		evs = []*event.Event{d.Text(source, message, hint)}
	}
	for _, e := range evs {
		// Nothing that came over the wire is read again: a time-ordered ID will do.
		e.ID = clock.NewID()
		q := queued{e, min(int64(len(e.Raw)), s.opts.QueueBytes)}
		if !wait {
			if !s.bytes.TryAcquire(q.size) {
				s.dropped.Add(1)
				continue
			}
			select {
			case s.queue <- q:
			default:
				s.bytes.Release(q.size)
				s.dropped.Add(1)
			}
			continue
		}
		if s.bytes.Acquire(ctx, q.size) != nil {
			s.dropped.Add(1)
			continue
		}
		select {
		case s.queue <- q:
		case <-ctx.Done():
			s.bytes.Release(q.size)
			s.dropped.Add(1)
		}
	}
}

// batches passes queued events to the sink until the queue is closed and empty.
func (s *Syslog) batches(ctx context.Context) {
	var batch []*event.Event
	var size int64
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	flush := func() {
		if len(batch) > 0 {
			s.deliver(ctx, batch)
			s.bytes.Release(size)
		}
		batch, size = nil, 0
	}
	for {
		select {
		case q, ok := <-s.queue:
			if !ok {
				flush()
				return
			}
			if len(batch) == 0 {
				timer.Reset(s.opts.Flush)
			}
			batch, size = append(batch, q.event), size+q.size
			if len(batch) >= s.opts.Batch {
				flush()
			}
		case <-timer.C:
			flush()
		}
	}
}

// deliver tries until the sink has the batch; after the end of ctx for Drain only.
func (s *Syslog) deliver(ctx context.Context, batch []*event.Event) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(s.opts.Drain, cancel) })
	defer stop()
	for d := 100 * time.Millisecond; ; d = min(2*d, 10*time.Second) {
		err := s.sink(last, batch)
		if err == nil {
			s.kept.Add(int64(len(batch)))
			return
		}
		s.retries.Add(1)
		s.opts.Log.Warn("received syslog was not taken", "err", err, "events", len(batch), "again_in", d)
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-last.Done():
			t.Stop()
			s.dropped.Add(int64(len(batch)))
			return
		}
	}
}
