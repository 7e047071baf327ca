package web_test

import (
	"testing"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/web"
)

// What is shown once is shown to the one it is for, once, and not for long.
func TestOnce(t *testing.T) {
	now, hand := clock.Fixed(time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC))
	o := web.NewOnce[string](now)
	first, late := o.Put("u1", "token"), o.Put("u1", "late")
	if what, ok := o.Take("u2", first); ok || what != "" {
		t.Errorf("another got %q", what)
	}
	if what, ok := o.Take("u1", first); !ok || what != "token" {
		t.Errorf("got %q", what)
	}
	if _, ok := o.Take("u1", first); ok {
		t.Error("shown twice")
	}
	hand.Add(6 * time.Minute)
	if _, ok := o.Take("u1", late); ok {
		t.Error("shown after its time")
	}
	// Many do not fill the memory, and the newest is kept.
	for range 3000 {
		late = o.Put("u1", "again")
	}
	if _, ok := o.Take("u1", late); !ok {
		t.Error("the newest is gone")
	}
}
