// Package ownlist is the watchlist that a member keeps of its own, as its node uses it:
// it imports lists by their sources, has the past searched for what is new on them,
// lets the engine ask the list, and shows it. Commands work on it through the control
// socket of the running node, or in the folder of a node that is stopped.
package ownlist

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/role/control"
)

//go:embed templates
var files embed.FS

// Access is what a command may do with a node's own watchlist. It is safe for
// concurrent use.
type Access interface {
	// Import takes a source's entries in, in place of those that it had: fill gives
	// them to add, and if it fails everything stays as it was. A *watchlist.RefusedError
	// of add concerns one entry. An entry without a type names an id that the source speaks of in what
	// comes: with Keep, what it said earlier under it ends.
	Import(ctx context.Context, o Import, fill func(add func(watchlist.Entry) error) error) (Imported, error)
	// State describes the list. It reads all of it.
	State(ctx context.Context) (State, error)
	// Remove removes everything of some sources, and everything under some ids of
	// any source.
	Remove(ctx context.Context, sources, ids []string) error
	// Check returns the entries, not expired, that one of the values meets.
	Check(ctx context.Context, values []event.Observable) ([]watchlist.Hit, error)
	Close()
}

// Config is what a List stands on.
type Config struct {
	Dir   string // it is made by the first import
	Clock clock.Clock
	Log   *slog.Logger
	// Engine asks the list from when there is one; nil: nobody does.
	Engine *match.Engine
	// Searcher searches the past for what is new; nil: it is not searched.
	Searcher *hunt.Searcher
}

// List is a node's own watchlist. It is safe for concurrent use.
type List struct {
	Config

	lock *os.File  // of the data folder, if it was taken for the list
	once sync.Once // an unreadable part is logged once

	importing sync.Mutex
	mu        sync.Mutex
	list      *watchlist.List // under mu; nil while there is none
	failed    error           // under mu; why there is a list and it cannot be used
}

// New returns the watchlist in a folder. It reads nothing before it is used.
func New(c Config) *List { return &List{Config: c} }

// Start opens the list if there is one. One that cannot be used is logged, and the
// rules go on all the same.
func (l *List) Start(context.Context) error {
	if _, err := l.open(false); err != nil {
		l.Log.Error("the watchlist cannot be used, and nothing on it is found", slog.Any("err", err))
	}
	return nil
}

// open returns the list; nil if there is none and none is to be made.
func (l *List) open(make bool) (*watchlist.List, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list != nil {
		return l.list, nil
	}
	if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) && !make {
		return nil, nil
	}
	list, err := watchlist.Open(l.Dir, watchlist.Options{Clock: l.Clock})
	if err != nil {
		l.failed = l.fault(err)
		return nil, l.failed
	}
	l.failed = nil
	for _, n := range list.Stats().Notices {
		l.Log.Warn("the watchlist was put right", slog.String("what", n))
	}
	l.list = list
	if l.Engine != nil {
		l.Engine.Watch(list, l.unreadable)
	}
	return list, nil
}

// unreadable logs that a part of the list cannot be read.
func (l *List) unreadable(err error) {
	l.once.Do(func() {
		l.Log.Error("a part of the watchlist cannot be read, and what it holds is not found; import its sources again",
			slog.Any("err", err))
	})
}

// fault says what a list's error means to a person.
func (l *List) fault(err error) error {
	if _, ok := fault.As(err); ok || err == nil || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, damaged := errors.AsType[*watchlist.DamagedError](err); damaged {
		text := i18n.T("the watchlist in {0} is damaged", "{0} の監視リストが壊れています").With(l.Dir)
		return fault.Wrap(fault.Storage, text, err).WithHint(i18n.T(
			"stop the node, remove that folder, start again and import the sources anew",
			"ノードを停止し、そのフォルダーを削除してから起動し、各出所を取り込み直してください",
		))
	}
	text := i18n.T("the watchlist in {0} cannot be read or written", "{0} の監視リストを読み書きできません").With(l.Dir)
	return fault.Wrap(fault.Storage, text, err)
}

// Close ends the use of the list.
func (l *List) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list != nil {
		_ = l.list.Close()
	}
	if l.lock != nil {
		_ = l.lock.Close()
	}
}

// Entries is how many entries there are, about: without reading the list.
func (l *List) Entries() int64 {
	st, _ := l.Stats()
	return st.Entries
}

// Stats describes the list without reading it; ok is false if there is none.
func (l *List) Stats() (st watchlist.Stats, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		return watchlist.Stats{Damage: l.failed}, l.failed != nil
	}
	return l.list.Stats(), true
}

// Remove removes sources and ids, see Access.
func (l *List) Remove(ctx context.Context, sources, ids []string) error {
	list, err := l.open(false)
	if err != nil {
		return err
	}
	held := map[string]int64{}
	if list != nil {
		held = list.Stats().Sources
	}
	for _, s := range sources {
		if held[s] == 0 {
			return fault.Coded(fault.NodeNoSource, nil, s)
		}
	}
	if list == nil {
		return fault.Coded(fault.NodeNoIndicators, nil)
	}
	for _, s := range sources {
		if err := list.RemoveSource(ctx, s); err != nil {
			return l.fault(err)
		}
	}
	if err := list.RemoveIDs(ctx, ids...); err != nil {
		return l.fault(err)
	}
	return l.fault(list.Merge(ctx)) // so that what is counted is what is there
}

// Check looks values up, see Access.
func (l *List) Check(_ context.Context, values []event.Observable) ([]watchlist.Hit, error) {
	list, err := l.open(false)
	if err != nil || list == nil {
		return nil, err
	}
	var out []watchlist.Hit
	err = list.Lookup(values, func(h watchlist.Hit) bool { out = append(out, h); return true })
	return out, l.fault(err)
}

// Open opens the watchlist of the node in the folder data for a command: through the
// control socket of the node if it runs, else in its folder.
func Open(ctx context.Context, data string, c clock.Clock, log *slog.Logger) (Access, error) {
	client, err := control.Dial(ctx, data)
	if err != nil {
		return nil, err
	}
	if client != nil {
		return Remote{client}, nil
	}
	lock, err := role.LockDir(data)
	if err != nil {
		if fault.Is(err, fault.Conflict) {
			text := i18n.T("the node in {0} runs, and its control socket does not answer", "{0} のノードは動作中ですが、応答がありません")
			err = fault.Wrap(fault.Unavailable, text.With(data), err).
				WithHint(i18n.T("wait until it has started, or stop it and try again", "起動が終わるまで待つか、停止してからやり直してください"))
		}
		return nil, err
	}
	l := New(Config{Dir: filepath.Join(data, role.WatchlistFolder), Clock: c, Log: log})
	l.lock = lock
	return l, nil
}
