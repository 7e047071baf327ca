package bus_test

import (
	"context"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/bus/pki"
	"github.com/meneki/meneki/internal/fault"
)

type signer = func([]byte) ([]byte, error)

func raw(t *testing.T, h *bus.Hub, token string, sign signer) (*nats.Conn, error) {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(h.Pipe()), nats.NoReconnect(),
		nats.UserJWT(func() (string, error) { return token, nil }, sign),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // permission violations are expected
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

// rawLeaf is what a hostile node can do: a server of its own, set up as it
// likes, and its credentials.
func rawLeaf(t *testing.T, url, pin, token string, sign signer) *nats.Conn {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{ServerName: "hostile", DontListen: true, NoSigs: true, NoLog: true,
		LeafNode: server.LeafNodeOpts{
			ReconnectInterval: 50 * time.Millisecond,
			Remotes: []*server.RemoteLeafOpts{{URLs: []*neturl.URL{u}, TLS: true, TLSConfig: pki.PinnedTLS(pin),
				TLSHandshakeFirst: true,
				SignatureCB: func(nonce []byte) (string, []byte, error) {
					sig, err := sign(nonce)
					return token, sig, err
				}}},
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("node server did not start")
	}
	eventually(t, "hostile leaf connected", func() bool { return s.NumLeafNodes() == 1 })
	nc, err := nats.Connect("", nats.InProcessServer(s),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	eventually(t, "hostile leaf reaches the hub", func() bool {
		_, err := nc.Request("up._hello", nil, 100*time.Millisecond)
		return err == nil
	})
	return nc
}

// TestWall lets member alpha try everything, with its own credentials and with
// credentials of its account that have no permissions set at all.
func TestWall(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	type call struct{ member, body string }
	calls := make(chan call, 100)
	for _, topic := range []string{"finding", "beta.finding"} {
		h.Handle(topic, func(_ context.Context, m string, b []byte) ([]byte, error) {
			calls <- call{m, string(b)}
			return b, nil
		})
	}
	alpha, beta := admit(t, h, "alpha"), admit(t, h, "beta")
	lb := inProcess(t, h, beta)
	betaGot := make(chan string, 10)
	lb.OnPush("object", func(b []byte) { betaGot <- string(b) })
	eventually(t, "beta connected", lb.Connected)

	kp, err := nkeys.FromSeed(alpha.seed)
	if err != nil {
		t.Fatal(err)
	}
	loose, lkp, err := h.Unbounded("alpha")
	if err != nil {
		t.Fatal(err)
	}
	inside := func(token string, sign signer) func(*testing.T) *nats.Conn {
		return func(t *testing.T) *nats.Conn {
			nc, err := raw(t, h, token, sign)
			if err != nil {
				t.Fatal(err)
			}
			return nc
		}
	}
	leaf := func(token string, sign signer) func(*testing.T) *nats.Conn {
		return func(t *testing.T) *nats.Conn { return rawLeaf(t, h.LeafURL(), pin, token, sign) }
	}
	for _, way := range []struct {
		name    string
		connect func(*testing.T) *nats.Conn
		strict  bool
	}{
		{"client, own credentials", inside(alpha.grant.UserJWT, kp.Sign), true},
		{"client, no permissions set", inside(loose, lkp.Sign), false},
		{"leaf, own credentials", leaf(alpha.grant.UserJWT, kp.Sign), false},
		{"leaf, no permissions set", leaf(loose, lkp.Sign), false},
	} {
		name := way.name
		t.Run(name, func(t *testing.T) {
			nc := way.connect(t)
			heard := make(chan *nats.Msg, 1000)
			for _, s := range []string{"down.>", "down." + beta.grant.Account + ".>", "up.>", "up.*.>", "$JS.>",
				"$SYS.>", "_R_.>", "_INBOX.>", ">"} {
				if _, err := nc.ChanSubscribe(s, heard); err != nil {
					t.Fatal(err)
				}
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}

			// Posing as beta, by subject.
			for _, s := range []string{"up." + beta.grant.Account + ".finding", "up.beta.finding",
				"down." + beta.grant.Account + ".object", "down.object"} {
				if err := nc.PublishRequest(s, "_INBOX.alpha", []byte("forged")); err != nil {
					t.Fatal(err)
				}
			}
			// JetStream, which the hub does not run, and the system account.
			for _, s := range []string{"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$SYS.REQ.SERVER.PING",
				"$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT." + beta.grant.Account + ".CONNZ",
				"$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.SERVER." + h.Server().ID() + ".RELOAD"} {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				m, err := nc.RequestWithContext(ctx, s, nil)
				cancel()
				// A server tells an account about its own connections; the permissions of a
				// real member stop even that.
				if err == nil && (strings.Contains(string(m.Data), beta.grant.Account) || way.strict) {
					t.Errorf("%s answered: %.200s", s, m.Data)
				}
			}

			// Traffic of others while alpha listens.
			if out := request(t, lb, "finding", "secret of beta"); out != "secret of beta" {
				t.Errorf("beta got %q", out)
			}
			if err := h.Push("beta", "object", []byte("for beta")); err != nil {
				t.Fatal(err)
			}
			if b := await(t, "push to beta", betaGot); b != "for beta" {
				t.Errorf("beta was pushed %q", b)
			}
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			// A request of alpha's own comes last and shows that all before was seen.
			own := nats.NewInbox()
			sub, err := nc.SubscribeSync(own)
			if err != nil {
				t.Fatal(err)
			}
			if err := nc.PublishRequest("up.finding", own, []byte("own "+name)); err != nil {
				t.Fatal(err)
			}
			if _, err := sub.NextMsg(patience); err != nil {
				t.Fatal(err)
			}
			for {
				c := await(t, "alpha's own request", calls)
				if c.body == "own "+name && c.member == "alpha" {
					break
				}
				// "up.beta.finding" is alpha asking for a topic of that name, as alpha.
				if c.member == "beta" && c.body != "secret of beta" || c.member == "alpha" && c.body != "forged" {
					t.Errorf("a forged request was taken: %+v", c)
				}
			}
			for len(heard) > 0 {
				m := <-heard
				body := string(m.Data)
				if strings.Contains(body, "beta") && body != "forged" || strings.HasPrefix(m.Subject, "$SYS.ACCOUNT") {
					t.Errorf("alpha heard %s: %.200s", m.Subject, body)
				}
			}
			if len(betaGot) > 0 {
				t.Errorf("beta was pushed a forgery: %q", <-betaGot)
			}
		})
	}
}

func TestForgedCredentials(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	m := admit(t, h, "alpha")
	other, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	otherPub, err := other.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	kp, err := nkeys.FromSeed(m.seed)
	if err != nil {
		t.Fatal(err)
	}
	madeUp, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	foreign := jwt.NewUserClaims(otherPub)
	foreignToken, err := foreign.Encode(madeUp)
	if err != nil {
		t.Fatal(err)
	}
	posing := jwt.NewUserClaims(otherPub)
	posing.IssuerAccount = h.HubAccount()
	posingToken, err := posing.Encode(madeUp)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(m.grant.UserJWT, ".")
	changed := parts[0] + "." + parts[1][:len(parts[1])-4] + "AAAA." + parts[2]
	for name, c := range map[string]struct {
		token string
		sign  signer
	}{
		"signed by nobody the hub knows": {foreignToken, other.Sign},
		"posing as the hub's account":    {posingToken, other.Sign},
		"another's key":                  {m.grant.UserJWT, other.Sign},
		"changed":                        {changed, kp.Sign},
		"no signature": {m.grant.UserJWT,
			func([]byte) ([]byte, error) { return make([]byte, 64), nil }},
		"empty": {"", kp.Sign},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := raw(t, h, c.token, c.sign); err == nil {
				t.Error("let in")
			}
		})
	}
	if _, err := raw(t, h, m.grant.UserJWT, kp.Sign); err != nil {
		t.Errorf("the true credentials are refused: %v", err)
	}
	if _, err := nats.Connect("", nats.InProcessServer(h.Pipe()), nats.NoReconnect()); err == nil {
		t.Error("let in with no credentials")
	}
}

func TestExpel(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	h.Handle("finding", echo)
	a, b := admit(t, h, "alpha"), admit(t, h, "beta")
	la, lb := inProcess(t, h, a), join(t, b, pin, h.LeafURL())
	eventually(t, "both connected", func() bool { return la.Connected() && lb.Connected() })
	for _, m := range []string{"alpha", "beta"} {
		if err := h.Expel(m); err != nil {
			t.Fatal(err)
		}
		if h.Online(m) {
			t.Errorf("%s is online after it was expelled", m)
		}
	}
	for name, l := range map[string]*bus.Link{"in process": la, "leaf": lb} {
		eventually(t, name+" cut", func() bool { return !l.Connected() })
		if _, err := l.Request(t.Context(), "finding", nil); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: request after expulsion: %v", name, err)
		}
		eventually(t, name+" knows why", func() bool { return fault.Is(l.Problem(), fault.Unauthenticated) })
	}
	if err := h.Expel("alpha"); !fault.Is(err, fault.NotFound) {
		t.Errorf("expelled twice: %v", err)
	}
	if err := h.Push("alpha", "object", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("push to an expelled member: %v", err)
	}
	// The same key is let in again when it is admitted again.
	for _, m := range []member{a, b} {
		g, err := h.Admit(m.id, m.pub)
		if err != nil {
			t.Fatal(err)
		}
		if g.Account != m.grant.Account {
			t.Errorf("%s has another account now", m.id)
		}
	}
	eventually(t, "both back", func() bool { return la.Connected() && lb.Connected() })
	request(t, la, "finding", "x")
	request(t, lb, "finding", "x")
}

func TestNewKeyEndsTheOld(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	h.Handle("finding", echo)
	old := admit(t, h, "alpha")
	lo := inProcess(t, h, old)
	eventually(t, "old connected", lo.Connected)
	again, err := h.Admit("alpha", old.pub)
	if err != nil || again != old.grant {
		t.Errorf("admitted again: %v, %v", again, err)
	}
	if !lo.Connected() {
		t.Error("admitting again with the same key cut the connection")
	}
	fresh := admit(t, h, "alpha")
	if fresh.grant.Account == old.grant.Account {
		t.Error("the same account for another key")
	}
	eventually(t, "old cut", func() bool { return !lo.Connected() })
	ln := inProcess(t, h, fresh)
	eventually(t, "new connected", ln.Connected)
	if out := request(t, ln, "finding", "x"); out != "alpha said x" {
		t.Errorf("answer %q", out)
	}
}

func TestAdmitRefuses(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	_, pub, err := bus.NewUserKey()
	if err != nil {
		t.Fatal(err)
	}
	acc, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	accPub, err := acc.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"", pub}, {strings.Repeat("x", 201), pub}, {"alpha", ""}, {"alpha", "U123"},
		{"alpha", accPub}} {
		if _, err := h.Admit(c[0], c[1]); !fault.Is(err, fault.Invalid) {
			t.Errorf("Admit(%.10q, %.10q): %v", c[0], c[1], err)
		}
	}
}

// Even an account that is set up wrongly cannot import what is another's: the
// server compares the subject with the account.
func TestImportOfAnother(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	calls := make(chan string, 10)
	h.Handle("finding", func(_ context.Context, m string, b []byte) ([]byte, error) {
		calls <- m + " " + string(b)
		return nil, nil
	})
	lb := inProcess(t, h, admit(t, h, "beta"))
	pushed := make(chan []byte, 1)
	lb.OnPush("object", func(b []byte) { pushed <- b })
	eventually(t, "connection", lb.Connected)
	token, kp, err := h.Rogue("beta")
	if err != nil {
		t.Fatal(err)
	}
	nc, err := raw(t, h, token, kp.Sign)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := nc.SubscribeSync("down.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.PublishRequest("up.finding", "_INBOX.x", []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := h.Push("beta", "object", []byte("o")); err != nil {
		t.Fatal(err)
	}
	await(t, "push", pushed)
	request(t, lb, "finding", "true")
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("heard %d pushes of another member (%v)", n, err)
	}
	if c := await(t, "beta's own request", calls); c != "beta true" {
		t.Errorf("a forged request was taken: %s", c)
	}
}
