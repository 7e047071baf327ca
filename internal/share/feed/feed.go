// Package feed tells the members of a hub what changed among the objects that they may
// have. A member asks with a cursor and gets what came after it, or is pushed it. To ask
// writes nothing, and nothing is kept for a member and an object: what a member may have is
// what policy says of the objects as they are.
package feed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/identity"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/wire"
)

// Members is the members of the community, as a directory of package identity has them.
type Members interface {
	// Active lists the members that have joined and still belong.
	Active(ctx context.Context) ([]identity.Member, error)
}

// Pusher hands a message to a member that is connected. It may be lost; the member then
// asks for what it missed.
type Pusher interface {
	Push(member, topic string, body []byte) error
}

// Config is what a Feed stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Members Members
	Push    Pusher
	Log     *slog.Logger
}

// Feed is the hub's side of what members get. It is safe for concurrent use.
type Feed struct {
	Config
	secret []byte // set by Start
	wake   chan struct{}

	walking sync.Mutex // one walk at a time
	listen  []func(ctx context.Context, after, upto int64, at time.Time)

	mu     sync.Mutex
	run    string           // under mu; names the order of positions, see Restored
	walked int64            // under mu; everything up to here was pushed
	at     map[string]place // under mu; members that have everything up to a place
}

// place is where a member is: it has all that it may have up to there.
type place struct {
	object.Place
	era string // see cursor.go
}

// New returns a feed. Start it before it is asked.
func New(c Config) *Feed {
	return &Feed{Config: c, wake: make(chan struct{}, 1), at: map[string]place{}}
}

// Settings that the feed keeps.
const (
	settingKey = "feed.key" // seals cursors
	settingRun = "feed.run" // names the order of positions
)

// Module is the feed as a hub runs it. It brings the table of objects.
func Module(f *Feed) role.Module {
	return role.Module{
		Name:       "feed",
		Migrations: []store.Migration{object.Migration()},
		Requests:   map[string]bus.Handler{wire.TopicSync: role.Answer(f.Sync)},
		Restored:   f.Restored,
		Start:      f.Start,
		Run:        []func(context.Context) error{f.Run},
	}
}

// Start reads or makes the key and the run.
func (f *Feed) Start(ctx context.Context) error {
	text, err := f.setting(ctx, settingKey, func() (string, error) {
		b := make([]byte, 32)
		_, err := rand.Read(b)
		return hex.EncodeToString(b), err
	})
	if err != nil {
		return err
	}
	if f.secret, err = hex.DecodeString(text); err != nil {
		return fmt.Errorf("read %s: %w", settingKey, err)
	}
	run, err := f.setting(ctx, settingRun, func() (string, error) { return clock.RandomID(), nil })
	if err != nil {
		return err
	}
	// Who connects from now on asks, and gets what was committed before.
	return f.DB.Read(ctx, store.System("feed: start"), func(tx *store.Tx) error {
		last, err := f.Objects.Last(tx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.run, f.walked = run, last
		return err
	})
}

// setting reads a setting, and makes it the first time.
func (f *Feed) setting(ctx context.Context, key string, made func() (string, error)) (string, error) {
	text, ok, err := f.DB.Setting(ctx, key)
	if err != nil || ok {
		return text, err
	}
	if text, err = made(); err != nil {
		return "", fmt.Errorf("make %s: %w", key, err)
	}
	return text, f.DB.SetSetting(ctx, key, text)
}

// Restored is to be called before Start when the hub's state was restored from a backup:
// positions are given again that members know already, so they begin from the start.
func (f *Feed) Restored(ctx context.Context) error {
	return f.DB.SetSetting(ctx, settingRun, clock.RandomID())
}

// Listen has fn called after what was committed behind one position, up to another, was
// pushed at a time. It is to be called before Run.
func (f *Feed) Listen(fn func(ctx context.Context, after, upto int64, at time.Time)) {
	f.listen = append(f.listen, fn)
}

// Gone forgets where a member is that is not connected any more.
func (f *Feed) Gone(member string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.at, member)
}
