package feed

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// What one walk tells piece by piece. Of more, members are told to ask.
const (
	maxWalk      = 1000
	maxPushBytes = 1 << 20 // to one member
)

// Run pushes what is committed, until ctx ends. It looks by itself once a second for what
// another process committed.
func (f *Feed) Run(ctx context.Context) error {
	f.Objects.Listen(func() {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := f.Walk(ctx); err != nil && ctx.Err() == nil {
			f.Log.Warn("could not push to the members; they will ask", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-tick.C:
		}
	}
}

// Walk pushes what was committed since the last walk to all members that may have it.
func (f *Feed) Walk(ctx context.Context) error {
	f.walking.Lock()
	defer f.walking.Unlock()
	f.mu.Lock()
	after, run := f.walked, f.run
	f.mu.Unlock()
	w := walk{f: f, upto: after, reach: map[int64]policy.Handling{}}
	err := f.DB.Read(ctx, store.System("feed: push"), func(tx *store.Tx) error { return w.read(tx, after) })
	if err != nil || w.upto == after {
		return err
	}
	people, err := f.Members.Active(ctx)
	if err != nil {
		return err
	}
	for _, m := range people {
		t := told{member: m.ID, v: m.Node()}
		t.era = f.era(run, t.v)
		w.people = append(w.people, t)
	}
	w.tell()
	at := f.DB.Now()
	for _, fn := range f.listen {
		fn(ctx, after, w.upto, at)
	}
	return nil
}

// walk is one way through what was committed and through the members.
type walk struct {
	f       *Feed
	commits []object.Commit
	bodies  []json.RawMessage         // of commits
	streams []int64                   // that changed, if that is too much to tell
	reach   map[int64]policy.Handling // of streams, as far as they are asked for
	upto    int64
	people  []told
}

// told is a member in a walk.
type told struct {
	member string
	v      policy.Viewer
	era    string
	may    map[int64]bool // streams
	which  []int          // commits to be pushed
	ask    bool           // it is to ask
}

// read reads what was committed after a position.
func (w *walk) read(tx *store.Tx, after int64) (err error) {
	var more bool
	if w.commits, more, err = w.f.Objects.Committed(tx, after, maxWalk); err != nil || len(w.commits) == 0 {
		return err
	}
	w.upto = w.commits[len(w.commits)-1].Seq
	if more {
		w.commits = nil
		if w.streams, w.upto, err = w.f.Objects.ChangedStreams(tx, after); err != nil {
			return err
		}
	}
	for _, c := range w.commits {
		if err := w.reachOf(tx, c.Stream); err != nil {
			return err
		}
		if c.Recall || c.Several {
			w.bodies = append(w.bodies, nil)
			continue
		}
		b, err := json.Marshal(ofChange(object.Change{Object: c.Object}))
		if err != nil {
			return err
		}
		w.bodies = append(w.bodies, b)
	}
	for _, s := range w.streams {
		if err := w.reachOf(tx, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) reachOf(tx *store.Tx, stream int64) (err error) {
	if _, ok := w.reach[stream]; !ok {
		w.reach[stream], err = w.f.Objects.Reach(tx, stream)
	}
	return err
}

// sees reports whether a member may see the objects of a stream.
func (w *walk) sees(t *told, stream int64) bool {
	may, ok := t.may[stream]
	if !ok {
		if t.may == nil {
			t.may = map[int64]bool{}
		}
		may = policy.MaySee(t.v, w.reach[stream])
		t.may[stream] = may
	}
	return may
}

// tell pushes to each member what it may have, and moves it there. A member that is not
// known to have everything before that is told to ask.
func (w *walk) tell() {
	f := w.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range w.people {
		t := &w.people[i]
		here, known := f.at[t.member]
		for k, c := range w.commits {
			switch {
			case !w.sees(t, c.Stream):
			case c.Recall:
				t.ask = t.ask || c.Seq > here.Recall && (!known || c.Was <= here.Seq)
			case c.Seq > here.Seq:
				t.which, t.ask = append(t.which, k), t.ask || c.Several
			}
		}
		for _, s := range w.streams {
			t.ask = t.ask || w.sees(t, s)
		}
		if len(t.which) == 0 && !t.ask {
			continue
		}
		if t.ask = t.ask || !known || here.era != t.era; !t.ask {
			t.ask = !w.push(t, here)
		}
		if t.ask {
			delete(f.at, t.member)
			w.send(t.member, []byte("{}"))
		}
	}
	f.walked = w.upto
}

// push sends a member its commits, unless they are too many bytes. f.mu is held.
func (w *walk) push(t *told, here place) bool {
	size := 200
	for _, k := range t.which {
		if size += len(w.bodies[k]) + 1; size > maxPushBytes {
			return false
		}
	}
	next := here
	next.Seq = w.commits[t.which[len(t.which)-1]].Seq
	b := make([]byte, 0, size)
	b = append(b, `{"from":"`...)
	b = append(b, w.f.seal(here.era, here.Place)...)
	b = append(b, `","cursor":"`...)
	b = append(b, w.f.seal(next.era, next.Place)...)
	b = append(b, `","objects":[`...)
	for i, k := range t.which {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, w.bodies[k]...)
	}
	w.send(t.member, append(b, "]}"...))
	w.f.at[t.member] = next
	return true
}

func (w *walk) send(member string, body []byte) {
	err := w.f.Push.Push(member, wire.TopicPush, body)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		w.f.Log.Warn("could not push to a member; it will ask", slog.String("member", member), slog.Any("err", err))
	}
}

// Entitled lists the members that policy lets have something.
func Entitled(people []identity.Member, h policy.Handling) (list []identity.Member) {
	for _, m := range people {
		if policy.MayReceive(m.Node(), h) {
			list = append(list, m)
		}
	}
	return list
}
