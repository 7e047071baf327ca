package bus_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/fault"
)

func TestHubRestart(t *testing.T) {
	dir, addr := t.TempDir(), freePort(t)
	h, pin, _ := listening(t, dir, addr)
	h.Handle("finding", echo)
	m := admit(t, h, "alpha")
	l := join(t, m, pin, h.LeafURL())
	got := make(chan string, 10)
	l.OnPush("object", func(b []byte) { got <- string(b) })
	states := make(chan bool, 10)
	l.OnState(func(on bool) { states <- on })
	if !await(t, "first state", states) {
		t.Fatal("the first state is not connected")
	}
	h.Close()
	if await(t, "disconnection", states) {
		t.Fatal("the second state is connected")
	}
	if _, err := l.Request(t.Context(), "finding", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("request without a hub: %v", err)
	}

	h2, pin2, _ := listening(t, dir, addr)
	if pin2 != pin {
		t.Error("the pin is another one after a restart")
	}
	h2.Handle("finding", echo)
	g, err := h2.Admit("alpha", m.pub)
	if err != nil {
		t.Fatal(err)
	}
	if g.Account != m.grant.Account {
		t.Error("the account is another one after a restart")
	}
	// The node knows nothing of the new grant: the old credentials work.
	if !await(t, "reconnection", states) {
		t.Fatal("the third state is not connected")
	}
	if out := request(t, l, "finding", "again"); out != "alpha said again" {
		t.Errorf("answer %q", out)
	}
	if err := h2.Push("alpha", "object", []byte("o2")); err != nil {
		t.Fatal(err)
	}
	if b := await(t, "push", got); b != "o2" {
		t.Errorf("pushed %q", b)
	}
}

func TestNodeRestart(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	h.Handle("finding", echo)
	m := admit(t, h, "alpha")
	for i := range 3 {
		l := join(t, m, pin, h.LeafURL())
		eventually(t, "connection", l.Connected)
		request(t, l, "finding", fmt.Sprint(i))
		eventually(t, "online", func() bool { return h.Online("alpha") })
		l.Close()
		eventually(t, "offline", func() bool { return !h.Online("alpha") })
	}
}

func TestSuspendResume(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	h.Handle("finding", echo)
	var mu sync.Mutex
	told := map[string][]bool{}
	h.OnPresence(func(m string, on bool) {
		mu.Lock()
		defer mu.Unlock()
		told[m] = append(told[m], on)
	})
	toldAre := func(m string, want ...bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Equal(told[m], want)
		}
	}
	a, b := admit(t, h, "alpha"), admit(t, h, "beta")
	for name, l := range map[string]*bus.Link{"alpha": inProcess(t, h, a), "beta": join(t, b, pin, h.LeafURL())} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 10)
			l.OnPush("object", func(b []byte) { got <- string(b) })
			eventually(t, "connection", l.Connected)
			eventually(t, "presence", toldAre(name, true))
			l.Suspend()
			eventually(t, "disconnection", func() bool { return !l.Connected() && !h.Online(name) })
			eventually(t, "presence", toldAre(name, true, false))
			if err := h.Push(name, "object", []byte("lost")); err != nil {
				t.Errorf("push to an absent member: %v", err)
			}
			if _, err := l.Request(t.Context(), "finding", nil); !fault.Is(err, fault.Unavailable) {
				t.Errorf("request while suspended: %v", err)
			}
			l.Resume()
			eventually(t, "reconnection", l.Connected)
			eventually(t, "presence", toldAre(name, true, false, true))
			request(t, l, "finding", "back")
			if err := h.Push(name, "object", []byte("new")); err != nil {
				t.Fatal(err)
			}
			b := await(t, "push", got)
			if b == "lost" {
				// A push goes out in the background and may come upon the new connection.
				b = await(t, "push", got)
			}
			if b != "new" {
				t.Errorf("pushed %q", b)
			}
		})
	}
}

// A request that is on its way when the connection ends must not wait for its deadline.
func TestCutWhileWaiting(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	begun := make(chan struct{})
	h.Handle("slow", func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	l := inProcess(t, h, admit(t, h, "alpha"))
	eventually(t, "connection", l.Connected)
	out := make(chan error, 1)
	go func() {
		_, err := l.Request(context.Background(), "slow", nil)
		out <- err
	}()
	await(t, "request at the hub", begun)
	l.Suspend()
	if err := await(t, "answer", out); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWrongPin(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	m := admit(t, h, "alpha")
	_, _, other, err := pki.EnsureCA(t.TempDir(), []string{"127.0.0.1"}, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	l := join(t, m, other, h.LeafURL())
	eventually(t, "reason", func() bool { return fault.Is(l.Problem(), fault.Denied) })
	if l.Connected() || h.Online("alpha") {
		t.Error("connected over the wrong CA")
	}
	if _, err := l.Request(t.Context(), "finding", nil); !fault.Is(err, fault.Unavailable) ||
		!strings.Contains(err.Error(), "pinned") {
		t.Errorf("request: %v", err)
	}
	// No pin and no roots: the machine's roots do not know the hub's CA.
	log, _ := logger(t)
	l2, err := bus.Join(t.Context(), bus.LinkConfig{LeafURL: h.LeafURL(), Seed: m.seed, UserJWT: m.grant.UserJWT,
		Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l2.Close)
	eventually(t, "reason", func() bool { return fault.Is(l2.Problem(), fault.Denied) })
	l3 := join(t, m, pin, h.LeafURL())
	eventually(t, "connection with the right pin", l3.Connected)
}

func TestPlainTCPGetsNothing(t *testing.T) {
	h, _, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	c, err := net.Dial("tcp", strings.TrimPrefix(h.LeafURL(), "tls://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("CONNECT {}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, _ := c.Read(b)
	if strings.Contains(string(b[:n]), "INFO") || strings.Contains(string(b[:n]), "hub") {
		t.Errorf("a plain connection is told: %q", b[:n])
	}
	old, err := tls.Dial("tcp", strings.TrimPrefix(h.LeafURL(), "tls://"),
		&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		old.Close()
		t.Error("TLS 1.2 is served")
	}
}

func TestJoinRefuses(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	m := admit(t, h, "alpha")
	ok := bus.LinkConfig{LeafURL: "tls://127.0.0.1:1", Seed: m.seed, UserJWT: m.grant.UserJWT}
	for name, change := range map[string]func(*bus.LinkConfig){
		"no url":     func(c *bus.LinkConfig) { c.LeafURL = "" },
		"plain nats": func(c *bus.LinkConfig) { c.LeafURL = "nats://127.0.0.1:1" },
		"no port":    func(c *bus.LinkConfig) { c.LeafURL = "tls://127.0.0.1" },
		"no seed":    func(c *bus.LinkConfig) { c.Seed = nil },
		"bad seed":   func(c *bus.LinkConfig) { c.Seed = []byte("SUxxx") },
		"no jwt":     func(c *bus.LinkConfig) { c.UserJWT = "" },
		"bad pin":    func(c *bus.LinkConfig) { c.Pin = "sha256:abc" },
	} {
		c := ok
		change(&c)
		if l, err := bus.Join(t.Context(), c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
			if l != nil {
				l.Close()
			}
		}
	}
	l, err := bus.Join(t.Context(), ok)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	eventually(t, "reason", func() bool { return fault.Is(l.Problem(), fault.Unavailable) })
}

func TestStartHubRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conf, _, _, err := pki.EnsureCA(t.TempDir(), []string{"127.0.0.1"}, clock.System)
	if err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.MkdirAll(filepath.Join(damaged, "bus"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "bus", "secret"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  bus.HubConfig
		want fault.Kind
	}{
		"port in use":    {bus.HubConfig{Dir: t.TempDir(), LeafAddr: l.Addr().String(), TLS: conf}, fault.Conflict},
		"no certificate": {bus.HubConfig{Dir: t.TempDir(), LeafAddr: "127.0.0.1:0"}, fault.Invalid},
		"no address":     {bus.HubConfig{Dir: t.TempDir(), LeafAddr: "nonsense", TLS: conf}, fault.Invalid},
		"not ours":       {bus.HubConfig{Dir: t.TempDir(), LeafAddr: "192.0.2.1:7422", TLS: conf}, fault.Invalid},
		"damaged secret": {bus.HubConfig{Dir: damaged}, fault.Storage},
		"dir is a file":  {bus.HubConfig{Dir: file}, fault.Storage},
	} {
		h, err := bus.StartHub(t.Context(), c.cfg)
		if !fault.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && fault.HintOf(err).Zero() && c.want == fault.Conflict {
			t.Errorf("%s: no hint", name)
		}
		if h != nil {
			h.Close()
		}
	}
}

func TestSecretIsPrivate(t *testing.T) {
	dir := t.TempDir()
	startHub(t, bus.HubConfig{Dir: dir}).Close()
	fi, err := os.Stat(filepath.Join(dir, "bus", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
}

func TestManyMembers(t *testing.T) {
	const n = 300
	h := startHub(t, bus.HubConfig{})
	h.Handle("finding", echo)
	links := make([]*bus.Link, n)
	var pushes atomic.Int64
	for i := range links {
		links[i] = inProcess(t, h, admit(t, h, fmt.Sprintf("m%03d", i)))
		links[i].OnPush("object", func([]byte) { pushes.Add(1) })
	}
	eventually(t, "all connected", func() bool {
		for _, l := range links {
			if !l.Connected() {
				return false
			}
		}
		return true
	})
	var wg sync.WaitGroup
	for i, l := range links {
		wg.Go(func() {
			out, err := l.Request(t.Context(), "finding", []byte("x"))
			if want := fmt.Sprintf("m%03d said x", i); err != nil || string(out) != want {
				t.Errorf("%s: %q, %v", want, out, err)
			}
		})
	}
	wg.Wait()
	for i := range links {
		if err := h.Push(fmt.Sprintf("m%03d", i), "object", []byte("o")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all pushes", func() bool { return pushes.Load() == n })
	h.Close()
}
