package bus

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// Join links a node to its hub over TLS. It returns at once; the connection
// comes, and comes again after each loss, in the background (waits of at most
// 2 s). The link ends with ctx or Close. An error means that cfg cannot work.
func Join(ctx context.Context, cfg LinkConfig) (*Link, error) {
	u, err := url.Parse(cfg.LeafURL)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "tls" {
		return nil, fault.Wrap(fault.Invalid,
			i18n.T("the hub's address {0} is not valid",
				"ハブのアドレス {0} は正しくありません").With(fmt.Sprintf("%.100q", cfg.LeafURL)), err).
			WithHint(i18n.T("it looks like tls://hub.example.org:7422", "tls://hub.example.org:7422 の形で指定してください"))
	}
	conf := &tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS13}
	if cfg.Pin != "" {
		if err := pki.CheckPin(cfg.Pin); err != nil {
			return nil, err
		}
		conf = pki.PinnedTLS(cfg.Pin)
	}
	l, err := newLink(ctx, cfg.Seed, cfg.UserJWT, cfg.Log)
	if err != nil {
		return nil, err
	}
	serverLog := newServerLog(cfg.Log, "link")
	l.dial = func() (session, error) { return l.leaf(u, cfg, conf, serverLog) }
	go l.run()
	return l, nil
}

// leafSession is an embedded server of the node's own, with no listener, that
// has the hub as its leaf-node remote, and a connection to that server.
type leafSession struct {
	srv       *server.Server
	nc        *nats.Conn
	end       chan struct{}
	serverLog *serverLog
}

func (l *Link) leaf(u *url.URL, cfg LinkConfig, conf *tls.Config, serverLog *serverLog) (session, error) {
	pub, err := l.key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("bus: link: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName: "node-" + pub[:12],
		DontListen: true, NoSigs: true, NoLog: true,
		MaxPayload:   maxPayload,
		PingInterval: pingEvery,
		MaxPingsOut:  pingsOut,
		LeafNode: server.LeafNodeOpts{
			// The server waits between one and two of these.
			ReconnectInterval: retryMax / 4,
			Remotes: []*server.RemoteLeafOpts{{
				URLs: []*url.URL{u},
				TLS:  true, TLSConfig: conf, TLSHandshakeFirst: true, TLSTimeout: 5,
				DialTimeout: 5 * time.Second,
				SignatureCB: func(nonce []byte) (string, []byte, error) {
					sig, err := l.sign(nonce)
					return cfg.UserJWT, sig, err
				},
			}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("bus: configure link: %w", err)
	}
	srv.SetLoggerV2(serverLog, false, false, false)
	srv.Start()
	s := &leafSession{srv: srv, end: make(chan struct{}), serverLog: serverLog}
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		return nil, fmt.Errorf("bus: link did not start: %s", serverLog.lastError())
	}
	s.nc, err = dialSession(srv, s.end, l.log)
	if err != nil {
		srv.Shutdown()
		return nil, err
	}
	return s, nil
}

// dialSession opens a connection in process that ends, rather than connects
// again, when it is lost: the link's loop makes the next session.
func dialSession(srv *server.Server, end chan struct{}, log *slog.Logger, more ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append([]nats.Option{
		nats.InProcessServer(pipe{srv}), nats.Name("link"), nats.NoReconnect(), nats.Timeout(5 * time.Second),
		nats.ClosedHandler(func(*nats.Conn) { close(end) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Warn("bus link", "subject", subject, "err", err)
		})}, more...)...)
}

func (s *leafSession) conn() *nats.Conn      { return s.nc }
func (s *leafSession) gone() <-chan struct{} { return s.end }

func (s *leafSession) epoch() uint64 {
	if s.srv.NumLeafNodes() == 0 {
		return 0
	}
	z, err := s.srv.Leafz(nil)
	if err != nil || len(z.Leafs) == 0 {
		return 0
	}
	return z.Leafs[0].ID
}

// The server does not report the loss of its remote, so it is polled.
func (s *leafSession) every() time.Duration { return watchEvery }

func (s *leafSession) why() error { return diagnose(s.serverLog.lastError()) }

func (s *leafSession) close() {
	s.nc.Close()
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

// diagnose turns what the server or the client library says into what an
// operator can act on.
func diagnose(line string) error {
	low := strings.ToLower(line)
	inner := fmt.Errorf("bus: %s", line)
	switch {
	case line == "":
		return nil
	case strings.Contains(low, "authorization") || strings.Contains(low, "authentication") ||
		strings.Contains(low, "revoked"):
		return fault.Wrap(fault.Unauthenticated, i18n.T("the hub refuses this member's credentials",
			"ハブがこの構成員の認証情報を拒否しました"), inner).
			WithHint(i18n.T(
				"ask the hub's operator whether this member is still admitted, and enrol again if it is not",
				"この構成員が現在も参加を許可されているかハブの運用者に確認し、必要なら再登録してください"))
	case strings.Contains(low, pki.WrongClock):
		return fault.Wrap(fault.Unavailable,
			i18n.T("this machine's clock and the hub's certificate do not go together", "この端末の時計とハブの証明書の有効期間が合いません"),
			inner).
			WithHint(i18n.T("set this machine's clock right (NTP); if it is right, the hub's certificate has run out",
				"この端末の時刻を合わせてください（NTP）。時刻が正しければ、ハブの証明書の期限切れです"))
	case strings.Contains(low, "pki:") || strings.Contains(low, "x509") || strings.Contains(low, "certificate") ||
		strings.Contains(low, "tls"):
		return fault.Wrap(fault.Denied, i18n.T("the hub's certificate is not the expected one", "ハブの証明書が想定と異なります"),
			inner).
			WithHint(i18n.T("check the address; somebody may be intercepting it, or the hub has a new CA and must "+
				"invite again",
				"アドレスを確認してください。第三者の介在か、ハブの認証局が変わり再招待が必要な可能性があります"))
	}
	return fault.Wrap(fault.Unavailable, i18n.T("the hub cannot be reached", "ハブに接続できません"), inner).
		WithHint(i18n.T("check the address and the network; meneki keeps trying", "宛先とネットワークを確認してください。再試行は続きます"))
}

// InProcess links a member that runs in the hub's own process (the demo), with
// the same credentials and the same rights as over the wire. It returns at
// once, as Join does.
func (h *Hub) InProcess(ctx context.Context, member string, seed []byte, userJWT string) (*Link, error) {
	l, err := newLink(ctx, seed, userJWT, h.cfg.Log)
	if err != nil {
		return nil, err
	}
	l.log = l.log.With("member", member)
	l.dial = func() (session, error) {
		s := &pipeSession{end: make(chan struct{})}
		nc, err := dialSession(h.srv, s.end, l.log,
			nats.UserJWT(func() (string, error) { return userJWT, nil }, l.sign))
		if err != nil {
			return nil, diagnose(err.Error())
		}
		s.nc = nc
		return s, nil
	}
	go l.run()
	return l, nil
}

// pipeSession is a client connection to the hub's own server.
type pipeSession struct {
	nc  *nats.Conn
	end chan struct{}
}

func (s *pipeSession) conn() *nats.Conn      { return s.nc }
func (s *pipeSession) gone() <-chan struct{} { return s.end }
func (s *pipeSession) every() time.Duration  { return time.Minute } // gone says it
func (s *pipeSession) why() error            { return nil }
func (s *pipeSession) close()                { s.nc.Close() }

func (s *pipeSession) epoch() uint64 {
	if s.nc.IsConnected() {
		return 1
	}
	return 0
}
