package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

func TestInProcessRoundTrip(t *testing.T) {
	log, noise := logger(t)
	h := startHub(t, bus.HubConfig{Log: log})
	h.Handle("finding", echo)
	m := admit(t, h, "alpha")
	l := inProcess(t, h, m)
	got := make(chan string, 10)
	l.OnPush("object", func(b []byte) { got <- string(b) })
	eventually(t, "connection", l.Connected)
	if out := request(t, l, "finding", "hello"); out != "alpha said hello" {
		t.Errorf("answer %q", out)
	}
	if err := h.Push("alpha", "object", []byte("o1")); err != nil {
		t.Fatal(err)
	}
	if b := await(t, "push", got); b != "o1" {
		t.Errorf("pushed %q", b)
	}
	if noise.String() != "" {
		t.Errorf("the bus is not quiet:\n%s", noise)
	}
}

func TestLeafRoundTrip(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	h.Handle("finding", echo)
	m := admit(t, h, "alpha")
	l := join(t, m, pin, h.LeafURL())
	got := make(chan string, 10)
	l.OnPush("object", func(b []byte) { got <- string(b) })
	eventually(t, "connection", l.Connected)
	if out := request(t, l, "finding", "hello"); out != "alpha said hello" {
		t.Errorf("answer %q", out)
	}
	eventually(t, "presence", func() bool { return h.Online("alpha") })
	if err := h.Push("alpha", "object", []byte("o1")); err != nil {
		t.Fatal(err)
	}
	if b := await(t, "push", got); b != "o1" {
		t.Errorf("pushed %q", b)
	}
}

// A request that a hub was at when it ended is no failure to tell of.
func TestHubEndsAmidARequest(t *testing.T) {
	log, noise := logger(t)
	h := startHub(t, bus.HubConfig{Log: log})
	began := make(chan struct{})
	h.Handle("slow", func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		close(began)
		<-ctx.Done()
		return nil, fmt.Errorf("read: %w", ctx.Err())
	})
	l := inProcess(t, h, admit(t, h, "alpha"))
	eventually(t, "connection", l.Connected)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := l.Request(t.Context(), "slow", []byte("x")); err == nil {
			t.Error("an answer came")
		}
	}()
	<-began
	h.Close()
	<-done
	if noise.String() != "" {
		t.Errorf("logged: %s", noise)
	}
}

func TestFaultsOverTheWire(t *testing.T) {
	log, noise := logger(t)
	h := startHub(t, bus.HubConfig{Log: log})
	h.Handle("fail", func(_ context.Context, _ string, body []byte) ([]byte, error) {
		switch string(body) {
		case "plain":
			return nil, errors.New("the database password is hunter2")
		case "panic":
			panic("hunter2")
		case "wrapped":
			return nil, fmt.Errorf("hunter2: %w",
				fault.Wrap(fault.Conflict, i18n.T("taken", "使用中"),
					errors.New("hunter2")).WithHint(i18n.T("choose another", "別の名前を選んでください")))
		}
		for _, k := range fault.Kinds() {
			if k.Label() == string(body) {
				return nil, fault.New(k, i18n.T("no", "いいえ"))
			}
		}
		return make([]byte, bus.MaxBody+1), nil
	})
	l := inProcess(t, h, admit(t, h, "alpha"))
	eventually(t, "connection", l.Connected)
	ask := func(topic, body string) error {
		_, err := l.Request(t.Context(), topic, []byte(body))
		if err == nil {
			t.Errorf("%s %s: no error", topic, body)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s %s tells a secret: %v", topic, body, err)
		}
		return err
	}
	for _, k := range fault.Kinds() {
		if err := ask("fail", k.Label()); fault.KindOf(err) != k || fault.TextOf(err) != i18n.T("no", "いいえ") {
			t.Errorf("%v came as %v, %v", k, fault.KindOf(err), fault.TextOf(err))
		}
	}
	for _, b := range []string{"plain", "panic"} {
		if err := ask("fail", b); fault.KindOf(err) != fault.Internal || fault.TextOf(err) != fault.Internal.Title() {
			t.Errorf("%s: %v", b, err)
		}
	}
	if err := ask("fail", "wrapped"); !fault.Is(err, fault.Conflict) || fault.TextOf(err).JA != "使用中" ||
		fault.HintOf(err).EN != "choose another" {
		t.Errorf("wrapped: %v", err)
	}
	if err := ask("fail", "too large an answer"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("too large an answer: %v", err)
	}
	if err := ask("nobody.knows", "x"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("unknown topic: %v", err)
	}
	if err := ask("not a topic", "x"); !fault.Is(err, fault.Invalid) {
		t.Errorf("bad topic: %v", err)
	}
	if !strings.Contains(noise.String(), "hunter2") {
		t.Error("the hub's own log does not tell the inner error")
	}
}

func TestSizes(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	h.Handle("echo", func(_ context.Context, _ string, b []byte) ([]byte, error) { return b, nil })
	a, b := admit(t, h, "alpha"), admit(t, h, "beta")
	most := bytes.Repeat([]byte("0123456789abcdef"), bus.MaxBody/16)
	for name, l := range map[string]*bus.Link{"alpha": inProcess(t, h, a), "beta": join(t, b, pin, h.LeafURL())} {
		got := make(chan []byte, 1)
		l.OnPush("object", func(b []byte) { got <- b })
		eventually(t, "connection", l.Connected)
		out, err := l.Request(t.Context(), "echo", most)
		if err != nil || !bytes.Equal(out, most) {
			t.Errorf("%s: the greatest body: %d bytes, %v", name, len(out), err)
		}
		if _, err := l.Request(t.Context(), "echo", append(most, 'x')); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: one more: %v", name, err)
		}
		if err := h.Push(name, "object", most); err != nil {
			t.Error(err)
		}
		if b := await(t, "push", got); !bytes.Equal(b, most) {
			t.Errorf("%s: pushed %d bytes", name, len(b))
		}
		if err := h.Push(name, "object", append(most, 'x')); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: push of one more: %v", name, err)
		}
		if !l.Connected() {
			t.Errorf("%s: cut", name)
		}
	}
}

// One member's requests are answered in order, while a member whose requests
// hang holds up nobody else and is told when it has too many waiting.
func TestOrderAndFairness(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	var mu sync.Mutex
	var order []string
	release := make(chan struct{})
	h.Handle("note", func(_ context.Context, _ string, b []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, string(b))
		return nil, nil
	})
	h.Handle("hang", func(context.Context, string, []byte) ([]byte, error) { <-release; return nil, nil })
	m := admit(t, h, "alpha")
	la, lb := inProcess(t, h, m), inProcess(t, h, admit(t, h, "beta"))
	eventually(t, "connection", func() bool { return la.Connected() && lb.Connected() })

	kp, err := nkeys.FromSeed(m.seed)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := raw(t, h, m.grant.UserJWT, kp.Sign)
	if err != nil {
		t.Fatal(err)
	}
	replies := make(chan *nats.Msg, 4*bus.MaxQueued)
	inbox := nats.NewInbox()
	if _, err := nc.ChanSubscribe(inbox, replies); err != nil {
		t.Fatal(err)
	}
	send := func(topic, body string) {
		if err := nc.PublishRequest("up."+topic, inbox, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	const n = 200
	for i := range n {
		send("note", fmt.Sprint(i))
	}
	for range n {
		await(t, "answer", replies)
	}
	for i, s := range order {
		if s != fmt.Sprint(i) {
			t.Fatalf("order: %v", order)
		}
	}

	for range bus.MaxQueued + 50 {
		send("hang", "")
	}
	busy := await(t, "busy", replies)
	if err := bus.ReplyError(busy.Header, busy.Data); !fault.Is(err, fault.Busy) {
		t.Errorf("over the bound: %v", err)
	}
	if _, err := lb.Request(t.Context(), "note", []byte("beta")); err != nil {
		t.Errorf("beta is held up: %v", err)
	}
	if !la.Connected() {
		t.Error("alpha was cut")
	}
	close(release)
	for range bus.MaxQueued + 49 {
		await(t, "answer", replies)
	}
}

func TestPushOrder(t *testing.T) {
	h, pin, _ := listening(t, t.TempDir(), "127.0.0.1:0")
	l := join(t, admit(t, h, "alpha"), pin, h.LeafURL())
	const n = 2000
	got := make(chan string, n)
	l.OnPush("object", func(b []byte) { got <- string(b) })
	eventually(t, "connection", l.Connected)
	for i := range n {
		if err := h.Push("alpha", "object", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if b := await(t, "push", got); b != fmt.Sprint(i) {
			t.Fatalf("push %d is %s", i, b)
		}
	}
	// A listener that is added while connected hears as well.
	late := make(chan string, 1)
	l.OnPush("late", func(b []byte) { late <- string(b) })
	eventually(t, "late push", func() bool {
		if err := h.Push("alpha", "late", []byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-late:
			return true
		default:
			return false
		}
	})
}

func TestCheckTopic(t *testing.T) {
	for topic, want := range map[string]bool{
		"a": true, "finding.received": true, "A-1_b.c": true, strings.Repeat("a", 200): true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a\n": false, "日本": false,
		"a.$x": false, ">": false, "a.>": false, "*.b": false, "a*": false, strings.Repeat("a", 201): false,
	} {
		if err := bus.CheckTopic(topic); (err == nil) != want {
			t.Errorf("%.30q: %v", topic, err)
		}
	}
}

func FuzzReplyError(f *testing.F) {
	for _, s := range []string{`{"en":"no","ja":"いいえ"}`, `{"en":"no"}`, ``, `[]`,
		`{"en":"a","ja":"b","hint_en":"c","hint_ja":"d"}`} {
		f.Add("conflict", []byte(s))
		f.Add("no such kind", []byte(s))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		err := bus.ReplyError(nats.Header{"Meneki-Fault": {kind}}, body)
		if (err == nil) != (kind == "") {
			t.Fatalf("kind %q: %v", kind, err)
		}
		if err == nil {
			return
		}
		text := fault.TextOf(err)
		if text.EN == "" || text.JA == "" || len(text.EN) > 2000 || len(text.JA) > 2000 {
			t.Fatalf("text %v", text)
		}
		// What was read can be sent on and reads the same.
		m := bus.FaultReply(err)
		again := bus.ReplyError(m.Header, m.Data)
		if fault.KindOf(again) != fault.KindOf(err) {
			t.Fatalf("%v became %v", err, again)
		}
	})
}
