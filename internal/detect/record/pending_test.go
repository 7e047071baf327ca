package record

import (
	"testing"

	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/event"
)

// What could not be written is not lost, though a window makes a hit only once.
func TestWindowHitsStayPending(t *testing.T) {
	r := &Recorder{}
	one := func(id string) match.Found { return match.Found{Event: &event.Event{ID: id}} }
	r.Enqueue(one("a"), one("b"))
	_, upto := r.unwritten()
	r.Enqueue(one("c"))
	r.flush(upto)
	r.flush(upto) // two settle side by side
	if list, _ := r.unwritten(); len(list) != 1 || list[0].Event.ID != "c" {
		t.Errorf("pending: %v", list)
	}
}
