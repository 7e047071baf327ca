package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

func publish(t testing.TB, l *bus.Local, topic, id, body string) {
	t.Helper()
	if err := l.Publish(t.Context(), topic, id, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// heard collects what a consumer got.
type heard struct {
	mu   sync.Mutex
	msgs []bus.Message
}

func (h *heard) take(_ context.Context, m bus.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.msgs = append(h.msgs, m)
	return nil
}

func (h *heard) ids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for _, m := range h.msgs {
		ids = append(ids, m.ID)
	}
	return ids
}

func (h *heard) are(want ...string) func() bool {
	return func() bool { return slices.Equal(h.ids(), want) }
}

func consume(t testing.TB, l *bus.Local, durable string, fn func(context.Context, bus.Message) error, topics ...string) (stop func()) {
	t.Helper()
	stop, err := l.Consume(t.Context(), durable, topics, fn)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func TestConsume(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	l := h.Local()
	var all, some heard
	consume(t, l, "all", all.take, ">")
	stop := consume(t, l, "some", some.take, "finding.received", "case.*")
	publish(t, l, "finding.received", "1", "one")
	publish(t, l, "sighting.received", "2", "two")
	publish(t, l, "case.changed", "3", "three")
	publish(t, l, "case.changed", "3", "three, again")
	eventually(t, "all", all.are("1", "2", "3"))
	eventually(t, "some", some.are("1", "3"))
	if m := all.msgs[2]; m.Topic != "case.changed" || string(m.Body) != "three" || m.Deliveries != 1 {
		t.Errorf("message %+v", m)
	}
	// What comes while a durable is stopped waits for it.
	stop()
	stop()
	publish(t, l, "finding.received", "4", "four")
	eventually(t, "all", all.are("1", "2", "3", "4"))
	if !some.are("1", "3")() {
		t.Errorf("a stopped consumer got %v", some.ids())
	}
	consume(t, l, "some", some.take, "finding.received", "case.*")
	eventually(t, "some", some.are("1", "3", "4"))
}

func TestRedelivery(t *testing.T) {
	log, _ := logger(t)
	h := startHub(t, bus.HubConfig{Log: log})
	l := h.Local()
	var got heard
	var mu sync.Mutex
	fails := map[string]int{"2": 2, "3": 1}
	var tries []string
	consume(t, l, "c", func(ctx context.Context, m bus.Message) error {
		mu.Lock()
		tries = append(tries, fmt.Sprint(m.ID, "/", m.Deliveries))
		n := fails[m.ID]
		fails[m.ID]--
		mu.Unlock()
		switch {
		case m.ID == "bad":
			return fault.New(fault.Invalid, i18n.T("not readable", "読めません"))
		case n > 0 && m.ID == "3":
			panic("crash")
		case n > 0:
			return errors.New("not now")
		}
		return got.take(ctx, m)
	}, "t")
	for _, id := range []string{"1", "2", "bad", "3", "4"} {
		publish(t, l, "t", id, "x")
	}
	eventually(t, "all in order", got.are("1", "2", "3", "4"))
	want := []string{"1/1", "2/1", "2/2", "2/3", "bad/1", "3/1", "3/2", "4/1"}
	if !slices.Equal(tries, want) {
		t.Errorf("tries %v, want %v", tries, want)
	}
}

// A hub that stops while a message is being handled gives it again.
func TestConsumeOverRestart(t *testing.T) {
	dir := t.TempDir()
	h := startHub(t, bus.HubConfig{Dir: dir})
	begun := make(chan struct{})
	var once sync.Once
	var got heard
	consume(t, h.Local(), "c", func(ctx context.Context, m bus.Message) error {
		if m.ID == "2" {
			once.Do(func() { close(begun) })
			<-ctx.Done()
			return ctx.Err()
		}
		return got.take(ctx, m)
	}, "t")
	for i := range 5 {
		publish(t, h.Local(), "t", fmt.Sprint(i), "x")
	}
	await(t, "the second message", begun)
	h.Close()
	if err := h.Local().Publish(t.Context(), "t", "9", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("publish after close: %v", err)
	}
	h = startHub(t, bus.HubConfig{Dir: dir})
	consume(t, h.Local(), "c", got.take, "t")
	eventually(t, "the rest", got.are("0", "1", "2", "3", "4"))
	publish(t, h.Local(), "t", "5", "x")
	eventually(t, "a new one", got.are("0", "1", "2", "3", "4", "5"))
}

func TestPublishRefuses(t *testing.T) {
	h := startHub(t, bus.HubConfig{StoreMaxBytes: 1 << 20})
	l := h.Local()
	for name, c := range map[string]struct {
		topic, id string
		size      int
		want      fault.Kind
	}{
		"topic":   {"a b", "1", 1, fault.Invalid},
		"wild":    {"a.>", "1", 1, fault.Invalid},
		"no id":   {"a", "", 1, fault.Invalid},
		"bad id":  {"a", "x\r\ny", 1, fault.Invalid},
		"too big": {"a", "1", bus.MaxBody + 1, fault.TooLarge},
	} {
		if err := l.Publish(t.Context(), c.topic, c.id, make([]byte, c.size)); !fault.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, topics := range map[string][]string{"none": nil, "bad": {"a b"}} {
		if _, err := l.Consume(t.Context(), "c", topics, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("consume %s: %v", name, err)
		}
	}
	if _, err := l.Consume(t.Context(), "a.b", []string{"a"}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("consume: %v", err)
	}

	// A full stream refuses the newest and keeps the oldest.
	hold := make(chan struct{})
	var got heard
	consume(t, l, "c", func(ctx context.Context, m bus.Message) error {
		select {
		case <-hold:
			return got.take(ctx, m)
		case <-ctx.Done():
			return ctx.Err()
		}
	}, "a")
	var kept []string
	full := false
	for i := range 40 {
		id := fmt.Sprint(i)
		err := l.Publish(t.Context(), "a", id, make([]byte, 64<<10))
		if err == nil {
			kept = append(kept, id)
			continue
		}
		full = true
		if !fault.Is(err, fault.Storage) {
			t.Fatalf("publish into a full stream: %v", err)
		}
		break
	}
	if !full {
		t.Fatal("the bound is not kept")
	}
	close(hold)
	eventually(t, "what was taken", got.are(kept...))
	publish(t, l, "a", "after", "x")
	eventually(t, "what came after", got.are(append(kept, "after")...))
}

// Many messages at once through the in-process connection, the case in which
// large pulls have been seen to stall.
func TestDrain(t *testing.T) {
	h := startHub(t, bus.HubConfig{})
	var got heard
	consume(t, h.Local(), "c", got.take, "t")
	const n = 3000
	for i := range n {
		publish(t, h.Local(), "t", fmt.Sprint(i), "x")
	}
	eventually(t, "all", func() bool { return len(got.ids()) >= n })
	for i, id := range got.ids() {
		if id != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, id)
		}
	}
}

func BenchmarkHop(b *testing.B) {
	h := startHub(b, bus.HubConfig{})
	done := make(chan struct{}, 1)
	consume(b, h.Local(), "c", func(context.Context, bus.Message) error { done <- struct{}{}; return nil }, "t")
	body := make([]byte, 500)
	i := 0
	for b.Loop() {
		i++
		publish(b, h.Local(), "t", fmt.Sprint(i), string(body))
		<-done
	}
}

func BenchmarkRequestLeaf(b *testing.B) {
	h, pin, _ := listening(b, b.TempDir(), "127.0.0.1:0")
	h.Handle("finding", echo)
	l := join(b, admit(b, h, "alpha"), pin, h.LeafURL())
	eventually(b, "connection", l.Connected)
	for b.Loop() {
		request(b, l, "finding", "hello")
	}
}

func BenchmarkPublish(b *testing.B) {
	h := startHub(b, bus.HubConfig{})
	consume(b, h.Local(), "c", func(context.Context, bus.Message) error { return nil }, "t")
	body := make([]byte, 500)
	i := 0
	for b.Loop() {
		i++
		publish(b, h.Local(), "t", fmt.Sprint(i), string(body))
	}
}
