package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
)

// store is a sink that keeps messages and may refuse.
type store struct {
	mu     sync.Mutex
	events []*event.Event
	refuse error
	block  chan struct{} // if not nil, the sink waits until it is closed
}

func (s *store) sink(ctx context.Context, evs []*event.Event) error {
	s.mu.Lock()
	block, err := s.block, s.refuse
	s.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, evs...)
	return nil
}

func (s *store) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		out = append(out, fmt.Sprint(e.Fields["message"]))
	}
	return out
}

// wait returns when the condition holds, and fails after a long while.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	again, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("%s did not come", what)
		}
	}
}

func receive(t *testing.T, opts SyslogOptions, st *store) (*Syslog, func()) {
	t.Helper()
	opts.Flush = time.Millisecond
	opts.Log = slog.New(slog.DiscardHandler)
	s := NewSyslog(opts, st.sink)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	end := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(end)
	return s, end
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const local = "127.0.0.1:0"

func TestUDP(t *testing.T) {
	st := &store{}
	s, _ := receive(t, SyslogOptions{UDP: local}, st)
	udp, _, _ := s.Addrs()
	c := dial(t, udp)
	fmt.Fprint(c, "<34>1 2026-01-02T03:04:05Z web1 app - - - hello")
	wait(t, "the first message", func() bool { return len(st.messages()) == 1 })
	fmt.Fprint(c, "<13>Feb  3 12:04:05 web1 sshd[7]: Accepted\n")
	wait(t, "the second message", func() bool { return len(st.messages()) == 2 })
	fmt.Fprint(c, `<13>Feb  3 12:04:05 ids suricata: {"timestamp":"2026-01-02T03:04:05Z","flow_id":1,`+
		`"event_type":"alert","src_ip":"192.0.2.1"}`)
	wait(t, "the third message", func() bool { return len(st.messages()) == 3 })
	if d := cmp.Diff([]string{"hello", "Accepted", "<nil>"}, st.messages()); d != "" {
		t.Error(d)
	}
	for i, want := range []string{"linux/syslog", "linux/sshd", "suricata/alert"} {
		e := st.events[i]
		if got := e.Product + "/" + e.Service; got != want || e.From.Sensor != "syslog" ||
			e.From.Name != "udp://127.0.0.1" || e.From.Record != int64(i+1) {
			t.Errorf("%s %+v", got, e.From)
		}
	}
	if n := s.Counters(); n.Received != 3 || n.Kept != 3 || n.Dropped != 0 {
		t.Errorf("%+v", n)
	}
}

func TestUDPDropsAreCounted(t *testing.T) {
	st := &store{block: make(chan struct{})}
	s, _ := receive(t, SyslogOptions{UDP: local, Queue: 5, Batch: 1}, st)
	udp, _, _ := s.Addrs()
	c := dial(t, udp)
	for i := range 50 {
		fmt.Fprintf(c, "<13>m%d", i)
		wait(t, "a message", func() bool { return s.Counters().Received == int64(i+1) })
	}
	if n := s.Counters().Dropped; n < 40 {
		t.Errorf("%d dropped", n)
	}
	close(st.block)
	wait(t, "the rest", func() bool { n := s.Counters(); return n.Kept+n.Dropped == 50 })
}

func TestTCPFraming(t *testing.T) {
	st := &store{}
	s, _ := receive(t, SyslogOptions{TCP: local, MaxMessage: 200}, st)
	_, tcp, _ := s.Addrs()
	c := dial(t, tcp)
	counted := func(m string) string { return fmt.Sprintf("%d %s", len(m), m) }
	fmt.Fprint(c, counted("<13>one\nline"), counted("<13>two"), "<13>three\n<13>four\r\n\n", counted("<13>five"),
		"2026-01-02T03:04:05Z web1 app: six\n", counted("<13>"+strings.Repeat("x", 300)), "<13>"+
			strings.Repeat("y", 400), "\n<13>seven")
	wait(t, "the messages before the end", func() bool { return s.Counters().TooLarge == 2 })
	c.(*net.TCPConn).CloseWrite()
	wait(t, "the messages", func() bool { return len(st.messages()) == 7 })
	if d := cmp.Diff([]string{"one\nline", "two", "three", "four", "five", "six", "seven"}, st.messages()); d != "" {
		t.Error(d)
	}
	wait(t, "the end of the connection", func() bool { return s.Counters().Open == 0 })
	ids := map[string]bool{}
	for _, e := range st.events {
		ids[e.ID] = true
	}
	if len(ids) != 7 {
		t.Error("ids are not distinct")
	}
	// A counted message that breaks off is counted, and what is there not taken for a message.
	c = dial(t, tcp)
	fmt.Fprint(c, "90 <13>half")
	c.(*net.TCPConn).CloseWrite()
	wait(t, "the broken message", func() bool { return s.Counters().Broken == 1 })
}

// TestTCPPressesBack blocks the sink, sends more than all buffers hold, and
// finds every message afterwards.
func TestTCPPressesBack(t *testing.T) {
	st := &store{block: make(chan struct{})}
	s, _ := receive(t, SyslogOptions{TCP: local, Queue: 10, Batch: 7}, st)
	_, tcp, _ := s.Addrs()
	const n = 20_000
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c, err := net.Dial("tcp", tcp.String())
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		b := bufio.NewWriter(c)
		for i := range n {
			fmt.Fprintf(b, "<13>m%d %s\n", i, strings.Repeat("z", 500))
		}
		b.Flush()
	}()
	wait(t, "a full queue", func() bool { return s.Counters().Received >= 10 })
	if r := s.Counters().Received; r > 100 {
		t.Errorf("%d messages were accepted although the sink keeps none", r)
	}
	close(st.block)
	<-sent
	wait(t, "all messages", func() bool { return s.Counters().Kept == n })
	for i, m := range st.messages() {
		if !strings.HasPrefix(m, fmt.Sprintf("m%d ", i)) {
			t.Fatalf("message %d is %.20q", i, m)
		}
	}
	if d := s.Counters().Dropped; d != 0 {
		t.Errorf("%d dropped", d)
	}
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	st := &store{}
	s, _ := receive(t, SyslogOptions{TLS: local,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool,
			ClientAuth: tls.RequireAndVerifyClientCert}}, st)
	_, _, addr := s.Addrs()
	c, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "20 <13>over a safe wire")
	wait(t, "the message", func() bool { return len(st.messages()) == 1 })
	c.Close()
	if st.events[0].From.Name != "tls://127.0.0.1" {
		t.Errorf("%+v", st.events[0].From)
	}
	// Without a client certificate, and without TLS.
	if c, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: pool}); err == nil {
		fmt.Fprint(c, "<13>no\n")
		io.Copy(io.Discard, c)
		c.Close()
	}
	p := dial(t, addr)
	fmt.Fprint(p, "<13>no\n")
	wait(t, "two refusals", func() bool { return s.Counters().Refused == 2 })
	if len(st.messages()) != 1 {
		t.Errorf("%v", st.messages())
	}
}

func TestConnectionLimits(t *testing.T) {
	st := &store{}
	s, _ := receive(t, SyslogOptions{TCP: local, MaxConns: 2, Idle: 150 * time.Millisecond,
		Slow: 50 * time.Millisecond}, st)
	_, tcp, _ := s.Addrs()
	a, b := dial(t, tcp), dial(t, tcp)
	wait(t, "two connections", func() bool { return s.Counters().Open == 2 })
	fmt.Fprint(a, "<13>never en") // slow
	_ = b                         // idle
	third := dial(t, tcp)
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	wait(t, "both to be closed", func() bool { return s.Counters().Open == 0 })
	if n := s.Counters(); n.Refused != 1 || n.Broken != 1 || n.Received != 0 {
		t.Errorf("%+v", n)
	}
}

func TestShutdownKeepsTheQueue(t *testing.T) {
	st := &store{refuse: errors.New("not now")}
	s, end := receive(t, SyslogOptions{TCP: local, Batch: 3}, st)
	_, tcp, _ := s.Addrs()
	c := dial(t, tcp)
	for i := range 20 {
		fmt.Fprintf(c, "<13>m%d\n", i)
	}
	wait(t, "the messages", func() bool { return s.Counters().Received == 20 && s.Counters().Retries > 0 })
	st.mu.Lock()
	st.refuse = nil
	st.mu.Unlock()
	end()
	if n := s.Counters(); n.Kept != 20 || n.Dropped != 0 {
		t.Errorf("%+v", n)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", local)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = NewSyslog(SyslogOptions{UDP: local, TCP: l.Addr().String()}, (&store{}).sink).Listen()
	if !fault.Is(err, fault.Conflict) || !strings.Contains(fault.TextOf(err).EN, l.Addr().String()) ||
		fault.HintOf(err).Zero() {
		t.Error(err)
	}
	if err := NewSyslog(SyslogOptions{TLS: local}, nil).Listen(); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// FuzzFraming cuts any stream into messages: it must end, stay within its bound
// and, for what it frames itself, return the messages.
func FuzzFraming(f *testing.F) {
	for _, s := range []string{"5 <13>x", "<13>a\n<13>b", "99999999999 <", "0 <13>", "12 34",
		"\x00\x00\n\n<1>x\n3 <1>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		none := func() {}
		fr := framing{in: bufio.NewReaderSize(bytes.NewReader(b), 16), max: 64, idle: none, slow: none}
		for n := 0; ; n++ {
			m, err := fr.next()
			if len(m) > 65 || fr.at > int64(len(b)) || n > len(b) {
				t.Fatalf("message of %d bytes, %d of %d read, %d messages", len(m), fr.at, len(b), n)
			}
			if err != nil && !errors.Is(err, errTooLarge) {
				return
			}
		}
	})
}
