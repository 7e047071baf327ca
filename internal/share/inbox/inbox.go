package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/share/release"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Line is the node's connection to its hub.
type Line interface {
	Request(ctx context.Context, topic string, body []byte) ([]byte, error)
}

// Matcher is the node's live engine and its past, as far as share needs them.
type Matcher interface {
	// ArmIndicators makes the engine match STIX indicators, all of them from one moment
	// on. It returns an error for each of the list: nil, or for one that cannot be
	// matched in full a fault whose text says why. The others are armed all the same.
	ArmIndicators(indicators [][]byte) []error
	// DisarmIndicators stops that; an unknown id is no error.
	DisarmIndicators(ids []string)
	// HuntIndicators searches the whole past for armed indicators, all of them at once.
	// It says as early as it can, one call after the other, what it came to for which
	// of the list; an error of done ends it.
	HuntIndicators(ctx context.Context, indicators [][]byte, done func(which []int, list []hunt.Outcome) error) error
	// Progress tells of the search that is under way; ok is false if there is none.
	Progress() (p hunt.Progress, ok bool)
}

// Config is what an Inbox stands on.
type Config struct {
	DB       *store.DB
	Objects  *object.Store
	Outgoing *release.Outgoing
	Matcher  Matcher
	Line     Line
	Clock    clock.Clock
	Skew     func() time.Duration             // the hub's clock minus ours
	Member   func() string                    // the node's member id
	Own      func() exclusion.CommunityAssets // what belongs to the community
	Log      *slog.Logger
	Notify   func() // called after something changed that a page shows
}

// Inbox takes what the hub sends, keeps it, arms what can be matched, and has the past
// hunted for that.
type Inbox struct {
	Config

	mu     sync.Mutex // one delivery at a time
	cursor string     // under mu; of the last that is stored
	resync *resync    // under mu; nil but while everything is taken from the start
	sync   chan struct{}
	hunt   chan struct{}
	wake   chan struct{} // something is in queue

	queueMu sync.Mutex
	queue   []wire.Push // under queueMu; not taken yet
	queued  int         // under queueMu; bytes in queue

	huntMu sync.Mutex
	stop   context.CancelFunc // under huntMu; of the hunt that is under way, nil if there is none
}

const (
	settingCursor = "share.cursor"
	settingResync = "share.resync" // "1" while everything is taken from the start
	syncLimit     = 1000

	requestTimeout = 30 * time.Second
)

// New returns an inbox. Start it before it runs.
func New(c Config) *Inbox {
	return &Inbox{Config: c, sync: make(chan struct{}, 1), hunt: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
}

// Start reads how far the node is with what the hub has, and arms everything that the
// node was armed with when it stopped.
func (b *Inbox) Start(ctx context.Context) error {
	cursor, _, err := b.DB.Setting(ctx, settingCursor)
	if err != nil {
		return err
	}
	again, _, err := b.DB.Setting(ctx, settingResync)
	if err != nil {
		return err
	}
	if cursor == "" || again == "1" { // what came before the stop is not remembered: once more
		cursor, b.resync = "", newResync()
	}
	b.cursor = cursor
	if err := b.armStored(ctx); err != nil {
		return err
	}
	b.Hunt()
	return nil
}

// armPage is the number of indicators that are read and armed at once at start.
const armPage = 10_000

type storedIndicator struct {
	ID   string `db:"id"`
	Body string `db:"body"`
}

// armStored arms what the node was armed with when it stopped.
func (b *Inbox) armStored(ctx context.Context) error {
	after := ""
	for {
		var rows []storedIndicator
		err := b.DB.Read(ctx, store.System("share: arm at start"), func(tx *store.Tx) (err error) {
			rows, err = store.Query[storedIndicator](tx, `SELECT o.id, o.body FROM objects o
WHERE o.withdrawn = 0 AND o.state = 'armed' AND o.id > $1 AND SCOPE(o) ORDER BY o.id LIMIT $2`, after, armPage)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		list := make([][]byte, len(rows))
		for i, r := range rows {
			list[i], after = []byte(r.Body), r.ID
		}
		for i, err := range b.Matcher.ArmIndicators(list) {
			if err != nil {
				b.Log.Warn(
					"an indicator can no longer be armed", slog.String("indicator", rows[i].ID), slog.Any("err", err),
				)
			}
		}
	}
}

// Bounds of what waits for its turn. Beyond it it is not kept: the node then asks for it.
const (
	maxQueue      = 1000
	maxQueueBytes = 64 << 20
)

// Pushed takes one message from the wire, in the order of sending, and returns at
// once. Run stores and arms all that have come meanwhile together.
func (b *Inbox) Pushed(body []byte) {
	var p wire.Push
	if err := json.Unmarshal(body, &p); err != nil {
		b.Log.Warn("the hub sent something unreadable", slog.Any("err", err))
		return
	}
	b.queueMu.Lock()
	full := len(b.queue) == maxQueue || b.queued+len(body) > maxQueueBytes
	if !full {
		b.queue = append(b.queue, p)
		b.queued += len(body)
	}
	b.queueMu.Unlock()
	if full {
		b.Sync()
		return
	}
	poke(b.wake)
}

// takePushed stores and arms what is in the queue and follows on what is stored; for what
// is missing the node asks.
func (b *Inbox) takePushed(ctx context.Context) {
	b.queueMu.Lock()
	list := b.queue
	b.queue, b.queued = nil, 0
	b.queueMu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	d := delivery{cursor: b.cursor}
	ask := false
	for _, p := range list {
		switch {
		case p.Cursor != "" && p.From == d.cursor && b.resync == nil:
			d.objects, d.cursor = append(d.objects, p.Objects...), p.Cursor
		case p.Cursor == "" || p.Cursor != d.cursor:
			ask = true
		}
	}
	if d.cursor != b.cursor {
		if err := b.accept(ctx, d); err != nil {
			b.Log.Warn("could not take what the hub sent", slog.Any("err", err))
			ask = true
		}
	}
	if ask {
		b.Sync()
	}
}

// Sync asks the hub, soon, for what is missing.
func (b *Inbox) Sync() { poke(b.sync) }

// Hunt looks, soon, for indicators for which the past has not been searched.
func (b *Inbox) Hunt() { poke(b.hunt) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run takes what is pushed, and asks for what is missing when told to and every
// half minute, until ctx ends.
func (b *Inbox) Run(ctx context.Context) error {
	var pushes sync.WaitGroup
	pushes.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.wake:
				b.takePushed(context.WithoutCancel(ctx))
			}
		}
	})
	defer pushes.Wait()
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.sync:
		case <-tick.C:
		}
		if err := b.catchUp(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Unavailable) {
			b.Log.Warn("could not catch up with the hub", slog.Any("err", err))
		}
	}
}

// catchUp asks for what is missing until there is nothing left.
func (b *Inbox) catchUp(ctx context.Context) error {
	for {
		b.mu.Lock()
		from := b.cursor
		b.mu.Unlock()
		a, err := b.ask(ctx, from)
		if err != nil {
			return err
		}
		b.mu.Lock()
		moved := b.cursor != from // by what was pushed meanwhile
		if !moved {
			err = b.taken(ctx, from, a)
		}
		b.mu.Unlock()
		if err != nil || !a.More && !moved {
			return err
		}
	}
}

func (b *Inbox) ask(ctx context.Context, from string) (a wire.SyncReply, err error) {
	body, err := json.Marshal(wire.SyncRequest{Cursor: from, Limit: syncLimit})
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	reply, err := b.Line.Request(ctx, wire.TopicSync, body)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(reply, &a); err != nil {
		return a, fmt.Errorf("read the hub's answer: %w", err)
	}
	if a.More && a.Cursor == from && !a.Reset {
		return a, fmt.Errorf("the hub has more, and does not get on")
	}
	return a, nil
}

// taken takes a reply to what was asked from a cursor. Called under mu.
func (b *Inbox) taken(ctx context.Context, from string, a wire.SyncReply) error {
	if a.Reset {
		b.Log.Info("the hub counts anew, or what this member may have is another matter now: everything is taken " +
			"from the start")
		b.resync, from = newResync(), ""
	}
	if a.Cursor != b.cursor || len(a.Objects) > 0 {
		if err := b.accept(ctx, delivery{objects: a.Objects, from: from, cursor: a.Cursor,
			whole: len(a.Objects) > smallPage}); err != nil {
			return err
		}
	}
	if b.resync == nil || a.More {
		return nil
	}
	return b.forget(ctx)
}

// resync is everything that came since it was taken from the start, by hashes that nobody
// outside can make the same.
type resync struct {
	seed maphash.Seed
	came map[uint64]bool
}

func newResync() *resync { return &resync{seed: maphash.MakeSeed(), came: map[uint64]bool{}} }

func (r *resync) key(realm, id string) uint64 { return maphash.String(r.seed, realm+"\x00"+id) }

func (r *resync) note(list []wire.Object) {
	for _, o := range list {
		if o.Withdraw {
			delete(r.came, r.key(o.Realm, o.ID))
		} else {
			r.came[r.key(o.Realm, o.ID)] = true
		}
	}
}

type heldObject struct {
	N     int64  `db:"n"`
	Realm string `db:"realm"`
	ID    string `db:"id"`
}

// forget ends a time in which everything was taken from the start: what is held and did
// not come is not this member's any more. Called under mu.
func (b *Inbox) forget(ctx context.Context) error {
	after := int64(-1)
	for {
		var rows []heldObject
		err := b.DB.Read(ctx, store.System("share: what is held"), func(tx *store.Tx) (err error) {
			rows, err = store.Query[heldObject](tx, `SELECT o.n, o.realm, o.id FROM stix_object o WHERE o.n > $1
				AND o.owner = '' AND SCOPE(o) ORDER BY o.n LIMIT 1000`, after)
			return err
		})
		if err != nil {
			return err
		}
		d := delivery{cursor: b.cursor, over: len(rows) == 0, forget: true}
		for _, r := range rows {
			if after = r.N; !b.resync.came[b.resync.key(r.Realm, r.ID)] {
				d.objects = append(d.objects, wire.Object{ID: r.ID, Realm: r.Realm, Modified: b.Clock(),
					Withdraw: true})
			}
		}
		if len(d.objects) > 0 || d.over {
			if err := b.accept(ctx, d); err != nil {
				return err
			}
		}
		if d.over {
			b.resync = nil
			return nil
		}
	}
}
