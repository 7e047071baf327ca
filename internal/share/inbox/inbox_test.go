package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meneki/meneki/internal/await"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/list"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/indicator"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/share/sharetest"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

// matcher is a node's engine that the test looks into.
type matcher struct {
	mu    sync.Mutex
	armed map[string]bool
	calls []int // how many each call of ArmIndicators was for
	hunts []string
	fail  error

	passes int
	slow   chan struct{}
	half   chan struct{}
	odd    string // an object's id
}

func (a *matcher) ArmIndicators(list [][]byte) []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, len(list))
	out := make([]error, len(list))
	for i, raw := range list {
		var o struct{ ID, Name string }
		if out[i] = json.Unmarshal(raw, &o); out[i] != nil {
			continue
		}
		if strings.HasPrefix(o.Name, "unmatchable") {
			out[i] = fault.New(
				fault.Unsupported, i18n.T("values of mutex:name are not matched", "mutex:name の値は照合できません"),
			)
			continue
		}
		a.armed[o.ID] = true
	}
	return out
}

func (a *matcher) DisarmIndicators(ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		delete(a.armed, id)
	}
}

func (a *matcher) HuntIndicators(ctx context.Context, list [][]byte, done func([]int, []hunt.Outcome) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	if a.slow != nil { // a search that goes on until it is ended
		close(a.slow)
		a.slow = nil
		<-ctx.Done()
		return ctx.Err()
	}
	a.passes++
	for i, raw := range list {
		var o struct{ ID string }
		_ = json.Unmarshal(raw, &o)
		h := hunt.Outcome{Searched: 1000, Hits: 2}
		if a.odd == o.ID {
			h = hunt.Outcome{Err: errors.New("cannot be searched for")}
		} else {
			a.hunts = append(a.hunts, o.ID)
		}
		if err := done([]int{i}, []hunt.Outcome{h}); err != nil {
			return err
		}
		if a.half != nil { // the rest goes on until it is ended
			close(a.half)
			a.half = nil
			<-ctx.Done()
			return ctx.Err()
		}
	}
	return nil
}

func (a *matcher) Progress() (p hunt.Progress, ok bool) { return p, false }

// node is an inbox with its engine, and a hub that it asks.
type node struct {
	*Inbox
	db       *store.DB
	outgoing *release.Outgoing
	engine   *matcher
	hub      []wire.Object // all that there is for this node, in order
	reset    bool          // the hub knows no cursor
	page     int           // objects of one reply; 0: all
	asked    []wire.SyncRequest
}

// cursor stands behind so many objects.
func cursor(n int) string { return fmt.Sprint("cursor-", n) }

func openNode(t *testing.T, db *store.DB, old *node) *node {
	t.Helper()
	n := &node{db: db, outgoing: openQueue(t, db), engine: &matcher{armed: map[string]bool{}}}
	if old != nil {
		n.hub = old.hub
	}
	now, _ := clock.Fixed(sharetest.Start)
	l := line(func(_ context.Context, topic string, body []byte) ([]byte, error) {
		var ask wire.SyncRequest
		if err := json.Unmarshal(body, &ask); err != nil || topic != wire.TopicSync {
			return nil, errors.New("asked for nonsense")
		}
		n.asked = append(n.asked, ask)
		at, _ := strconv.Atoi(strings.TrimPrefix(ask.Cursor, "cursor-"))
		a := wire.SyncReply{}
		if ask.Cursor != "" && n.reset {
			at, a.Reset, n.reset = 0, true, false
		}
		end := len(n.hub)
		if n.page > 0 {
			end = min(at+n.page, end)
		}
		a.Objects, a.Cursor, a.More = n.hub[at:end], cursor(end), end < len(n.hub)
		return json.Marshal(a)
	})
	n.Inbox = New(Config{DB: db, Objects: object.New(db), Outgoing: n.outgoing, Matcher: n.engine, Line: l, Clock: now,
		Member: func() string { return "power" }, Own: func() exclusion.CommunityAssets {
			return exclusion.CommunityAssets{Domains: []string{"own.example"}}
		}, Skew: func() time.Duration { return time.Second }, Log: slog.New(slog.DiscardHandler), Notify: func() {}})
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// sends makes the hub hold an object more.
func (n *node) sends(t *testing.T, name string) wire.Object {
	t.Helper()
	out := sharetest.Object(t, name)
	n.hub = append(n.hub, out)
	return out
}

// begin lets the node take what there is: it is where pushes begin.
func (n *node) begin(t *testing.T) {
	t.Helper()
	if err := n.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pushes what the hub holds from one object on to another, in one message.
func (n *node) pushes(t *testing.T, from, upto int) {
	t.Helper()
	b, err := json.Marshal(wire.Push{From: cursor(from), Cursor: cursor(upto), Objects: n.hub[from:upto]})
	if err != nil {
		t.Fatal(err)
	}
	n.Pushed(b)
}

// push makes the hub hold an object more, and pushes it.
func (n *node) push(t *testing.T, o wire.Object) {
	t.Helper()
	n.hub = append(n.hub, o)
	n.pushes(t, len(n.hub)-1, len(n.hub))
	n.takePushed(t.Context())
}

// asks reports whether the node is going to ask.
func (n *node) asks() bool {
	select {
	case <-n.Inbox.sync:
		return true
	default:
		return false
	}
}

// receipts lists the states that the node has told, by object.
func (n *node) receipts(t *testing.T) map[string][]wire.State {
	t.Helper()
	out := map[string][]wire.State{}
	for _, l := range queued(t, n.db) {
		var r wire.Receipt
		if err := json.Unmarshal([]byte(l.Body), &r); err != nil || l.Kind != wire.KindReceipt ||
			l.State != release.StateReady {
			t.Errorf("on the desk: %+v, %v", l, err)
		}
		out[r.Object] = append(out[r.Object], r.State)
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

func TestInbox(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		a := n.sends(t, "a.example.net")
		n.pushes(t, 0, 1)
		n.pushes(t, 0, 1) // again
		n.takePushed(t.Context())
		if !n.engine.armed[a.ID] || n.cursor != cursor(1) || n.asks() {
			t.Fatalf("armed %v at %s", n.engine.armed, n.cursor)
		}
		// One is missing: what comes after it is not taken out of order, it is asked for.
		b, c, d := n.sends(t, "b.example.net"), n.sends(t, "c.example.net"), n.sends(t, "unmatchable.example.net")
		n.pushes(t, 2, 3)
		n.takePushed(t.Context())
		if n.engine.armed[c.ID] || !n.asks() {
			t.Error("armed past a gap, or does not ask")
		}
		n.begin(t)
		if !n.engine.armed[b.ID] || !n.engine.armed[c.ID] || n.cursor != cursor(4) ||
			n.asked[len(n.asked)-1].Cursor != cursor(1) {
			t.Errorf("after asking %v: armed %v at %s", n.asked, n.engine.armed, n.cursor)
		}
		if diff := cmp.Diff(
			map[string][]wire.State{a.ID: {wire.Armed}, b.ID: {wire.Armed}, c.ID: {wire.Armed}, d.ID: {wire.Refused}},
			n.receipts(t),
		); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
		for _, l := range queued(t, db) {
			if strings.Contains(l.Body, d.ID) && !strings.Contains(l.Body, "mutex:name") {
				t.Errorf("the refusal does not say why: %s", l.Body)
			}
		}
		// Nonsense from the wire harms nothing, and the hub may say that there is something.
		n.Pushed([]byte("{"))
		n.Pushed([]byte("{}"))
		if n.takePushed(t.Context()); !n.asks() {
			t.Error("does not ask when told to")
		}
		broken := wire.Object{
			ID: "indicator--00000000-0000-4000-8000-000000000000", Modified: sharetest.Start,
			STIX: json.RawMessage(`{"type":"indicator"}`),
		}
		n.push(t, broken)
		if n.cursor != cursor(5) || n.receipts(t)[broken.ID][0] != wire.Refused {
			t.Errorf("a broken object: at %s", n.cursor)
		}
	})
}

// What arrives together is armed together, each with its own receipt: one that is
// refused and one that is sent again stop none of the others, and an object that
// comes twice ends as it came last.
func TestInboxBurst(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		a, b, bad, c := n.sends(t, "a.example.net"), n.sends(t, "b.example.net"), n.sends(
			t, "unmatchable.example.net",
		), n.sends(t, "c.example.net")
		withdrawn := func(o wire.Object) wire.Object {
			return wire.Object{ID: o.ID, Realm: o.Realm, Modified: sharetest.Start.Add(time.Second), Withdraw: true}
		}
		back := a
		back.Modified = sharetest.Start.Add(2 * time.Second)
		n.hub = append(n.hub, withdrawn(a), back, withdrawn(b), b, withdrawn(c))
		for i := range 7 {
			n.pushes(t, i, i+1)
		}
		n.pushes(t, 8, 9)
		n.takePushed(t.Context())
		if !slices.Equal(n.engine.calls, []int{3, 1}) && !slices.Equal(n.engine.calls, []int{4, 1}) {
			t.Errorf("armed in calls of %v, want all at once and the one that came again", n.engine.calls)
		}
		if diff := cmp.Diff(map[string]bool{a.ID: true, c.ID: true}, n.engine.armed); diff != "" {
			t.Errorf("armed (-want +got):\n%s", diff)
		}
		want := map[string][]wire.State{
			a.ID: {wire.Armed, wire.Armed, wire.Disarmed}, b.ID: {wire.Armed, wire.Disarmed}, bad.ID: {wire.Refused},
			c.ID: {wire.Armed},
		}
		if diff := cmp.Diff(want, n.receipts(t)); diff != "" {
			t.Errorf("receipts (-want +got):\n%s", diff)
		}
		if n.cursor != cursor(7) || !n.asks() {
			t.Errorf("at %s, want 7: one is missing", n.cursor)
		}
		// More than is kept: the node asks for it.
		for range maxQueue + 1 {
			n.pushes(t, 7, 8)
		}
		if len(n.queue) != maxQueue || !n.asks() {
			t.Errorf("%d are kept", len(n.queue))
		}
		if n.takePushed(t.Context()); n.cursor != cursor(8) {
			t.Errorf("at %s, want 8", n.cursor)
		}
	})
}

// After a restart the node is armed with what it was armed with, and goes on
// hunting where it stopped.
func TestInboxRestart(t *testing.T) {
	eachNode(t, func(t *testing.T, db *store.DB) {
		n := openNode(t, db, nil)
		n.begin(t)
		a, b, gone := sharetest.Object(t, "a.example.net"), sharetest.Object(t, "b.example.net"),
			sharetest.Object(t, "gone.example.net")
		for _, o := range []wire.Object{a, b, gone} {
			n.push(t, o)
		}
		n.push(t, wire.Object{ID: gone.ID, Realm: gone.Realm, Modified: sharetest.Start.Add(time.Second),
			Withdraw: true})
		if n.engine.armed[gone.ID] {
			t.Error("withdrawn, and still armed")
		}
		again := openNode(t, db, n)
		if diff := cmp.Diff(map[string]bool{a.ID: true, b.ID: true}, again.engine.armed); diff != "" {
			t.Errorf("armed after a restart (-want +got):\n%s", diff)
		}
		if !slices.Equal(again.engine.calls, []int{2}) {
			t.Errorf("armed at start in calls of %v, want one of 2", again.engine.calls)
		}
		if again.cursor != cursor(4) {
			t.Errorf("goes on from %s", again.cursor)
		}
		left := func() (k int64) {
			if err := db.Read(
				t.Context(), store.System("test"),
				func(tx *store.Tx) (err error) { k, err = HuntsLeft(tx); return err },
			); err != nil {
				t.Fatal(err)
			}
			return k
		}
		if left() != 2 {
			t.Errorf("%d hunts left, want 2", left())
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		again.engine.fail = errors.New("the disk is slow")
		if _, err := again.huntSome(ctx); err == nil || left() != 2 {
			t.Error("a hunt that failed must be done again")
		}
		again.engine.fail, again.engine.odd = nil, a.ID
		if _, err := again.huntSome(ctx); err == nil || left() != 1 {
			t.Error("one that cannot be searched for holds up the others")
		}
		again.engine.odd = ""
		go func() { done <- again.RunHunts(ctx) }()
		await.True(t, 10*time.Second, "the hunts that were left are not done", func() bool { return left() == 0 })
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		got := again.receipts(t)
		if want := []wire.State{wire.Armed, wire.Hunted}; !slices.Equal(got[a.ID], want) ||
			!slices.Equal(got[b.ID], want) {
			t.Errorf("receipts %v", got)
		}
		if want := []wire.State{wire.Armed, wire.Disarmed}; !slices.Equal(got[gone.ID], want) {
			t.Errorf("receipts of the withdrawn one: %v", got[gone.ID])
		}
	})
}

// line is the hub as an inbox sees it.
type line func(ctx context.Context, topic string, body []byte) ([]byte, error)

func (l line) Request(ctx context.Context, topic string, body []byte) ([]byte, error) {
	return l(ctx, topic, body)
}

func openQueue(t *testing.T, db *store.DB) *release.Outgoing {
	t.Helper()
	rank := func(string) int { return 0 }
	q := release.New(db, release.Cautious(), func() string { return "power" }, rank)
	if err := q.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return q
}

func eachNode(t *testing.T, body func(t *testing.T, db *store.DB)) {
	now, _ := clock.Fixed(sharetest.Start)
	storetest.Each(t, body, storetest.With(object.Migration(), indicator.Migration(), Migration(), release.Migration()),
		storetest.Clock(now))
}

func queued(t *testing.T, db *store.DB) []release.Message {
	t.Helper()
	var out []release.Message
	err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) error {
		p, err := release.List(tx, list.Ask{Values: map[string]string{"state": "all"}, Limit: 100})
		out = p.Rows
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
