package bus_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/clock"
)

// patience bounds every wait for something that must come; it is no measure.
const patience = 15 * time.Second

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("did not come: %s", what)
		}
	}
}

func await[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("did not come: %s", what)
		panic("unreachable")
	}
}

// noisy collects what the bus logs; a test that ends with warnings it did not
// ask for fails.
type noisy struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *noisy) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *noisy) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

func logger(t testing.TB) (*slog.Logger, *noisy) {
	n := &noisy{}
	t.Cleanup(func() {
		if t.Failed() && n.String() != "" {
			t.Logf("log:\n%s", n)
		}
	})
	return slog.New(slog.NewTextHandler(n, &slog.HandlerOptions{Level: slog.LevelWarn})), n
}

func startHub(t testing.TB, cfg bus.HubConfig) *bus.Hub {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Log == nil {
		cfg.Log, _ = logger(t)
	}
	h, err := bus.StartHub(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

type member struct {
	id    string
	seed  []byte
	pub   string
	grant bus.Grant
}

func admit(t testing.TB, h *bus.Hub, id string) member {
	t.Helper()
	seed, pub, err := bus.NewUserKey()
	if err != nil {
		t.Fatal(err)
	}
	g, err := h.Admit(id, pub)
	if err != nil {
		t.Fatal(err)
	}
	return member{id, seed, pub, g}
}

func inProcess(t testing.TB, h *bus.Hub, m member) *bus.Link {
	t.Helper()
	l, err := h.InProcess(t.Context(), m.id, m.seed, m.grant.UserJWT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// listening starts a hub that nodes can join, and gives the pin of its CA.
func listening(t testing.TB, dir, addr string) (*bus.Hub, string, *tls.Config) {
	t.Helper()
	conf, _, pin, err := pki.EnsureCA(dir+"/pki", []string{"127.0.0.1", "localhost"}, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	return startHub(t, bus.HubConfig{Dir: dir, LeafAddr: addr, TLS: conf}), pin, conf
}

func join(t testing.TB, m member, pin, url string) *bus.Link {
	t.Helper()
	log, _ := logger(t)
	l, err := bus.Join(t.Context(), bus.LinkConfig{LeafURL: url, Pin: pin, Seed: m.seed, UserJWT: m.grant.UserJWT,
		Account: m.grant.Account, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func echo(_ context.Context, member string, body []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%s said %s", member, body), nil
}

func request(t testing.TB, l *bus.Link, topic, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := l.Request(ctx, topic, []byte(body))
	if err != nil {
		t.Fatalf("request %s: %v", topic, err)
	}
	return string(out)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
