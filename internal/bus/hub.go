package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// HubConfig says how a hub's bus runs.
type HubConfig struct {
	// Dir is the hub's data folder. The bus keeps its secret in Dir/bus.
	Dir string
	// LeafAddr is where nodes connect, "host:port"; port 0 takes any free one.
	// Empty means no listener: members are in this process only.
	LeafAddr string
	// Advertise is the "host:port" (or "host") that members connect to, if it is
	// not LeafAddr: behind a NAT, or when listening on every address.
	Advertise string
	// TLS serves LeafAddr and is required with it; pki.EnsureCA makes one.
	TLS *tls.Config
	// Log gets warnings and errors only.
	Log *slog.Logger
}

const (
	startTimeout = 10 * time.Second
	// A peer that does not answer pings is gone after pingEvery × (pingsOut+1).
	pingEvery = 5 * time.Second
	pingsOut  = 2
)

// Hub is the hub's side of the bus. Its methods are safe for concurrent use.
// Register handlers before the first Admit: no member can connect before it.
type Hub struct {
	cfg       HubConfig
	log       *slog.Logger
	srv       *server.Server
	serverLog *serverLog
	authority *authority
	accs      *resolver
	up        *nats.Conn // as the hub's account: handlers and pushes
	sys       *nats.Conn // as the system account: presence
	leaf      string

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.RWMutex
	members  map[string]*memberState // under mu; by member id
	accounts map[string]*memberState // under mu; by account public key
	handlers map[string]Handler      // under mu; by topic
	closed   bool                    // under mu

	inbox    inbox
	presence notifier[presence]
}

type presence struct {
	member string
	online bool
}

// StartHub starts the hub's server. It fails with Conflict if LeafAddr is in
// use and with Storage if Dir cannot be used. Two hubs must not share a Dir.
func StartHub(ctx context.Context, cfg HubConfig) (*Hub, error) {
	if cfg.LeafAddr != "" && cfg.TLS == nil {
		return nil, fault.New(fault.Invalid,
			i18n.T("a hub that listens for nodes needs a TLS certificate", "ノードの接続を待ち受けるハブには TLS 証明書が必要です"))
	}
	dir := filepath.Join(cfg.Dir, "bus")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, storageFault(dir, err)
	}
	sec, err := loadSecret(dir)
	if err != nil {
		return nil, err
	}
	rl, err := newAuthority(sec)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg: cfg, log: orDiscard(cfg.Log), serverLog: newServerLog(cfg.Log, "bus"), authority: rl,
		accs:    &resolver{jwts: map[string]string{rl.sys.pub: rl.sys.token, rl.hub.pub: rl.hub.token}},
		members: map[string]*memberState{}, accounts: map[string]*memberState{}, handlers: map[string]Handler{},
	}
	h.inbox.sem = make(chan struct{}, maxHandlers)
	// The hub outlives the call, but not ctx's values.
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))

	opts, err := h.options(dir)
	if err != nil {
		h.cancel()
		return nil, err
	}
	if h.srv, err = server.NewServer(opts); err != nil {
		h.cancel()
		return nil, fmt.Errorf("bus: configure server: %w", err)
	}
	h.srv.SetLoggerV2(h.serverLog, false, false, false)
	h.srv.Start()
	if err := h.begin(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

func (h *Hub) options(dir string) (*server.Options, error) {
	o := &server.Options{
		ServerName: "hub-" + h.authority.hub.pub[:12],
		DontListen: true, NoSigs: true, NoLog: true,
		MaxPayload:       maxPayload,
		PingInterval:     pingEvery,
		MaxPingsOut:      pingsOut,
		TrustedOperators: []*jwt.OperatorClaims{h.authority.oper},
		SystemAccount:    h.authority.sys.pub,
		AccountResolver:  h.accs,
	}
	if h.cfg.LeafAddr == "" {
		return o, nil
	}
	host, port, err := probe(h.cfg.LeafAddr)
	if err != nil {
		return nil, err
	}
	o.LeafNode = server.LeafNodeOpts{
		Host: host, Port: port,
		TLSConfig:         h.cfg.TLS,
		TLSHandshakeFirst: true, // a stranger that does not speak TLS learns nothing
		TLSTimeout:        5, AuthTimeout: 5,
		NoAdvertise: true,
	}
	return o, nil
}

// probe finds out whether addr can be listened on, because the server cannot
// say so in a form that helps. It returns the port that was free.
func probe(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fault.Wrap(fault.Invalid,
			i18n.T("{0} is not an address of the form host:port", "{0} は host:port の形のアドレスではありません").With(addr), err)
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "", 0, fault.Wrap(fault.Conflict,
			i18n.T("the address {0} for nodes is already in use", "ノード用アドレス {0} は既に使用されています").With(addr), err).
			WithHint(i18n.T("stop the other program (is meneki running already?) or choose another port",
				"他のプログラム（meneki が既に動いていませんか）を止めるか、別のポートを指定してください"))
	case err != nil:
		return "", 0, fault.Wrap(fault.Invalid,
			i18n.T("cannot listen on {0} for nodes", "{0} でノードの接続を待ち受けできません").With(addr), err).
			WithHint(i18n.T("check that {0} is an address of this machine and that meneki may use port {1}",
				"{0} がこのマシンのアドレスで、ポート {1} の使用が許可されているか確認してください").With(host, p))
	}
	port = l.Addr().(*net.TCPAddr).Port
	return host, port, l.Close()
}

// begin waits for the server and makes the hub's own connections.
func (h *Hub) begin(ctx context.Context) error {
	ready := h.srv.ReadyForConnections(startTimeout)
	if f := h.serverLog.fatalError(); f != "" {
		return fault.Wrap(fault.Storage, i18n.T("the message bus cannot start", "メッセージバスを起動できません"), errors.New(f))
	}
	if !ready {
		return fault.Wrap(fault.Storage, i18n.T("the message bus did not start in time", "メッセージバスが時間内に起動しませんでした"),
			errors.New(h.serverLog.lastError()))
	}
	if h.cfg.LeafAddr != "" {
		v, err := h.srv.Varz(nil)
		if err != nil {
			return fmt.Errorf("bus: ask server for its port: %w", err)
		}
		h.leaf = leafURL(h.cfg.Advertise, h.cfg.LeafAddr, v.LeafNode.Port)
	}
	var err error
	if h.up, err = h.connect(h.authority.hub, "up"); err != nil {
		return err
	}
	if h.sys, err = h.connect(h.authority.sys, "presence"); err != nil {
		return err
	}
	if err := h.serve(); err != nil {
		return err
	}
	return h.watchPresence()
}

// leafURL is the address that members connect to.
func leafURL(advertise, addr string, port int) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	p := strconv.Itoa(port)
	if advertise != "" {
		if ah, ap, err := net.SplitHostPort(advertise); err == nil {
			host, p = ah, ap
		} else {
			host = advertise
		}
	}
	return "tls://" + net.JoinHostPort(host, p)
}

// connect opens one of the hub's own connections, in process.
func (h *Hub) connect(a account, name string) (*nats.Conn, error) {
	token, kp, err := a.own(name)
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect("", nats.InProcessServer(pipe{h.srv}), nats.Name(name),
		nats.UserJWT(func() (string, error) { return token, nil }, kp.Sign),
		nats.Timeout(startTimeout), nats.MaxReconnects(-1), nats.ReconnectWait(retryMin),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			subject := ""
			if s != nil {
				subject = s.Subject
			}
			h.log.Warn("bus connection", "name", name, "subject", subject, "err", err)
		}))
	if err != nil {
		return nil, fault.Wrap(fault.Internal,
			i18n.T("the message bus refuses its own hub", "メッセージバスがハブ自身の接続を拒否しました"), err)
	}
	return nc, nil
}

// LeafURL is where nodes connect, or empty if the hub does not listen.
func (h *Hub) LeafURL() string { return h.leaf }

// Close ends handlers, waits for those that are running, and
// stops the server. It may be called more than once.
func (h *Hub) Close() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.work.Wait()
	for _, nc := range []*nats.Conn{h.up, h.sys} {
		if nc != nil {
			nc.Close()
		}
	}
	h.srv.Shutdown()
	h.srv.WaitForShutdown()
}
