package inbox

import (
	"slices"
	"testing"

	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
)

// A person stops the search of the past: what is under way ends, what waits is
// left alone, and both go on when somebody says so, also after a restart. What
// comes meanwhile is searched for.
func TestStopHunts(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		n.push(t, sharetest.Object(t, "a.example.net"))
		n.push(t, sharetest.Object(t, "b.example.net"))
		count := func(fn func(*store.Tx) (int64, error)) (k int64) {
			if err := db.Read(
				t.Context(), store.System("test"), func(tx *store.Tx) (err error) { k, err = fn(tx); return err },
			); err != nil {
				t.Fatal(err)
			}
			return k
		}
		under := make(chan struct{})
		n.engine.slow = under
		done := make(chan error, 1)
		go func() {
			_, err := n.huntSome(t.Context())
			done <- err
		}()
		<-under
		if err := n.StopHunts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("a stopped hunt is a failed one: %v", err)
		}
		if left, halted := count(HuntsLeft), count(HuntsHalted); left != 0 || halted != 2 {
			t.Errorf("%d left, %d halted", left, halted)
		}
		again := openNode(t, db, n)
		c := sharetest.Object(t, "c.example.net")
		again.push(t, c)
		if k, err := again.huntSome(t.Context()); k != 1 || err != nil {
			t.Errorf("%d hunted, %v", k, err)
		}
		if !slices.Equal(again.engine.hunts, []string{c.ID}) {
			t.Errorf("hunted for %v", again.engine.hunts)
		}
		if err := again.ResumeHunts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k, err := again.huntSome(t.Context()); k != 2 || err != nil || again.engine.passes != 2 {
			t.Errorf("%d hunted, %v, in %d passes", k, err, again.engine.passes)
		}
		if left, halted := count(HuntsLeft), count(HuntsHalted); left != 0 || halted != 0 {
			t.Errorf("%d left, %d halted", left, halted)
		}
		if err := again.StopHunts(t.Context()); err != nil { // nothing to stop
			t.Error(err)
		}
		// What a pass came to before it was stopped stays.
		for _, name := range []string{"d.example.net", "e.example.net"} {
			again.push(t, sharetest.Object(t, name))
		}
		half := make(chan struct{})
		again.engine.half = half
		go func() {
			_, err := again.huntSome(t.Context())
			done <- err
		}()
		<-half
		if err := again.StopHunts(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if left, halted := count(HuntsLeft), count(HuntsHalted); left != 0 || halted != 1 {
			t.Errorf("stopped half way: %d left, %d halted", left, halted)
		}
	})
}
