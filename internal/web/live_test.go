package web

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Many words within a tenth of a second wake a page once, with each topic once.
func TestTellCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLive(10)
		s, ok := l.join("u", []string{"cases", "findings"})
		if !ok {
			t.Fatal("refused")
		}
		for range 1000 {
			l.notify("cases")
			l.notify("members") // not ours
		}
		l.notify("findings")
		select {
		case <-s.wake:
			t.Fatal("woken before the quiet time is over")
		default:
		}
		time.Sleep(quiet)
		synctest.Wait()
		<-s.wake
		if got := strings.Join(l.take(s), ","); got != "cases,findings" {
			t.Errorf("told %q", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		select {
		case <-s.wake:
			t.Error("woken again for nothing")
		default:
		}
		// A page that does not listen keeps a set, not a queue.
		for i := range 50 {
			l.notify("cases")
			time.Sleep(2 * quiet)
			_ = i
		}
		synctest.Wait()
		<-s.wake
		if got := strings.Join(l.take(s), ","); got != "cases" {
			t.Errorf("told %q", got)
		}
		l.leave(s)
		l.notify("cases") // no page is open: nothing is armed
		if l.armed {
			t.Error("a flush is coming for nobody")
		}
	})
}

func TestLiveIsBounded(t *testing.T) {
	l := newLive(maxPerUser + 2)
	for i := range maxPerUser {
		if _, ok := l.join("u", []string{"a"}); !ok {
			t.Fatalf("stream %d refused", i)
		}
	}
	if _, ok := l.join("u", []string{"a"}); ok {
		t.Error("one user may hold all streams")
	}
	for i := range 2 {
		if _, ok := l.join(fmt.Sprint("v", i), []string{"a"}); !ok {
			t.Error("another user was refused")
		}
	}
	if _, ok := l.join("w", []string{"a"}); ok {
		t.Error("more streams than the bound")
	}
	l.close()
	l.close()
	l.notify("a")
	if _, ok := l.join("x", nil); ok {
		t.Error("joined after close")
	}
}

func TestParseTopics(t *testing.T) {
	for q, ok := range map[string]bool{
		"cases": true, "case.1,member:a-b_c": true, "": false, "a,,b": true, "a b": false, "<x>": false, "a\nb": false,
		strings.Repeat("a", 65): false, strings.Repeat("a,", 16): false, strings.Repeat("a,", 15) + "a": true,
	} {
		if _, err := parseTopics(q); (err == nil) != ok {
			t.Errorf("topics %.30q: %v", q, err)
		}
	}
}
