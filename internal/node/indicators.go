package node

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/watchlist"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/role"
)

// Indicators is the desk of a node's watchlist. The node itself works on it, and
// so does a command, beside the running node through its control socket or in the folder
// of a node that is stopped. It is safe for concurrent use.
type Indicators interface {
	// Import takes a source's entries in, in place of those that it had: fill gives
	// them to add, and if it fails everything stays as it was. A *watchlist.RefusedError
	// of add concerns one entry.
	Import(ctx context.Context, o ImportOrder, fill func(add func(watchlist.Entry) error) error) (Imported, error)
	// State describes the list. It reads all of it.
	State(ctx context.Context) (WatchState, error)
	// Remove removes everything of some sources, and everything under some ids of
	// any source.
	Remove(ctx context.Context, sources, ids []string) error
	// Check gives the entries, not expired, that one of the values meets.
	Check(ctx context.Context, values []event.Observable) ([]watchlist.Hit, error)
	Close()
}

// The ways to search the past after an import.
const (
	HuntNew  = "new"  // for values that the source did not have
	HuntAll  = "all"  // for every value
	HuntNone = "none" // not at all
)

// maxHunted bounds the values of one import that the past is searched for by its
// indexes: exact addresses, domains, URLs, mail addresses, MD5, SHA-1 and SHA-256.
// It bounds the other entries, too, for which every event is read.
const maxHunted = 50_000

// ImportOrder says what to import and how.
type ImportOrder struct {
	Source string
	Keep   bool                                  // what the source had before stays, too
	Hunt   string                                // HuntNew, HuntAll or HuntNone
	Tell   func(hunting bool, done, total int64) // progress; may be nil
}

// Imported is what an import came to.
type Imported struct {
	Source  string      `json:"source"`
	Entries int64       `json:"entries"` // taken; of several of one key the last counts
	Before  int64       `json:"before"`  // what the source had
	Hunt    *PastSearch `json:"hunt,omitempty"`
}

// PastSearch is what the search of the past for imported values came to.
type PastSearch struct {
	Values    int   `json:"values"`     // searched for by the indexes
	Wide      int   `json:"wide"`       // entries for which every event was read: networks, trees, prefixes, names
	NotHunted int64 `json:"not_hunted"` // entries above the bound, that the past was not searched for
	Searched  int64 `json:"searched"`   // events
	Hits      int64 `json:"hits"`
}

// WatchState describes a watchlist.
type WatchState struct {
	Entries int64         `json:"entries"`
	Memory  int64         `json:"memory_bytes"`
	File    int64         `json:"file_bytes"`
	Sources []WatchSource `json:"sources"`
	Notices []string      `json:"notices,omitempty"`
	Damage  string        `json:"damage,omitempty"`
}

// WatchSource is a source of a watchlist.
type WatchSource struct {
	Source  string           `json:"source"`
	Entries int64            `json:"entries"`
	Expired int64            `json:"expired"`
	TLP     map[string]int64 `json:"tlp"`
	Types   map[string]int64 `json:"types"`
	Until   time.Time        `json:"until,omitzero"` // when the last entry that has an end expires
}

// watchDesk is Indicators on the list itself. The folder is made by the first import.
type watchDesk struct {
	dir    string
	clock  clock.Clock
	log    *slog.Logger
	opened func(*watchlist.List)
	// hunt searches the past for what is new; nil cannot.
	hunt func(ctx context.Context, fresh hunt.NewEntries, tell func(done, total int64)) (hunt.Result, error)
	lock *os.File // of the data folder, if this desk took it

	importing sync.Mutex
	mu        sync.Mutex
	list      *watchlist.List // under mu; nil while there is none
	failed    error           // under mu; why there is a list and it cannot be used
}

// open gives the list; nil if there is none and none is to be made.
func (d *watchDesk) open(make bool) (*watchlist.List, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list != nil {
		return d.list, nil
	}
	if _, err := os.Stat(d.dir); errors.Is(err, fs.ErrNotExist) && !make {
		return nil, nil
	}
	l, err := watchlist.Open(d.dir, watchlist.Options{Clock: d.clock})
	if err != nil {
		d.failed = d.fault(err)
		return nil, d.failed
	}
	d.failed = nil
	for _, n := range l.Stats().Notices {
		d.log.Warn("the watchlist was put right", slog.String("what", n))
	}
	d.list = l
	d.opened(l)
	return l, nil
}

// fault says what a list's error means to a person.
func (d *watchDesk) fault(err error) error {
	if _, ok := fault.As(err); ok || err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, damaged := errors.AsType[*watchlist.DamagedError](err); damaged {
		return fault.Wrap(fault.Storage, i18n.T("the watchlist in {0} is damaged", "{0} の監視リストが壊れています").With(d.dir), err).
			WithHint(i18n.T("stop the node, remove that folder, start again and import the sources anew", "ノードを停止し、そのフォルダーを削除してから起動し、各出所を取り込み直してください"))
	}
	return fault.Wrap(fault.Storage, i18n.T("the watchlist in {0} cannot be read or written", "{0} の監視リストを読み書きできません").With(d.dir), err)
}

// Close ends the use of the list.
func (d *watchDesk) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list != nil {
		_ = d.list.Close()
	}
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// Import takes entries in.
func (d *watchDesk) Import(ctx context.Context, o ImportOrder, fill func(add func(watchlist.Entry) error) error) (Imported, error) {
	if !d.importing.TryLock() {
		return Imported{}, fault.Coded(fault.NodeImportBusy, nil)
	}
	defer d.importing.Unlock()
	out := Imported{Source: o.Source}
	l, err := d.open(true)
	if err != nil {
		return out, err
	}
	out.Before = l.Stats().Sources[o.Source]
	scope := watchlist.Scope{Sources: []string{o.Source}}
	if o.Keep {
		scope = watchlist.Scope{}
	}
	load, err := l.Load(scope)
	if err != nil {
		return out, d.fault(err)
	}
	defer load.Abort()
	past := freshEntries{list: l, way: o.Hunt, NewEntries: hunt.NewEntries{Wide: map[watchlist.Key]bool{}}}
	if d.hunt == nil {
		past.way = HuntNone
	}
	err = fill(func(e watchlist.Entry) error {
		e.Source = o.Source
		if err := load.Add(e); err != nil {
			return err
		}
		out.Entries++
		if o.Tell != nil && out.Entries%4096 == 0 {
			o.Tell(false, out.Entries, 0)
		}
		return past.note(e)
	})
	if err != nil {
		return out, d.fault(err)
	}
	if out.Entries == 0 {
		return out, fault.Coded(fault.NodeImportEmpty, nil, o.Source)
	}
	if err := load.Commit(ctx); err != nil {
		return out, d.fault(err)
	}
	if past.way == HuntNone {
		return out, nil
	}
	found := PastSearch{Values: len(past.Values), Wide: len(past.Wide), NotHunted: past.left}
	out.Hunt = &found
	if len(past.Values)+len(past.Wide) == 0 {
		return out, nil
	}
	h, err := d.hunt(ctx, past.NewEntries, func(done, total int64) {
		if o.Tell != nil {
			o.Tell(true, done, total)
		}
	})
	found.Searched, found.Hits = h.Searched, h.Hits
	if err != nil {
		return out, fault.Wrap(fault.KindOf(err), i18n.T("the entries were imported, and the search of the past for them did not come to its end", "項目は取り込まれましたが、過去の調査は完了しませんでした"), err).
			WithHint(i18n.T("import again with --hunt all", "--hunt all を付けて取り込み直してください"))
	}
	return out, nil
}

// freshEntries gathers what the past is to be searched for.
type freshEntries struct {
	hunt.NewEntries
	list *watchlist.List
	way  string
	left int64
}

// indexed are the types that the history finds events by.
var indexed = []event.ObservableType{event.IPv4, event.IPv6, event.Domain, event.URL, event.Email, event.MD5, event.SHA1, event.SHA256}

func (p *freshEntries) note(e watchlist.Entry) error {
	if p.way == HuntNone {
		return nil
	}
	e, err := watchlist.Check(e)
	if err != nil {
		return nil // cannot be: the load took it
	}
	narrow := e.Match == watchlist.Exact && slices.Contains(indexed, e.Type)
	full := narrow && len(p.Values) == maxHunted || !narrow && len(p.Wide) == maxHunted
	if p.way != HuntAll && !full {
		known, err := p.known(e)
		if err != nil || known {
			return err
		}
	}
	switch {
	case full:
		p.left++
	case narrow:
		p.Values = append(p.Values, event.Observable{Type: e.Type, Value: e.Value})
	default:
		p.Wide[e.Key()] = true
	}
	return nil
}

// known reports whether the list had an entry before.
func (p *freshEntries) known(e watchlist.Entry) (known bool, err error) {
	o := event.Observable{Type: e.Type, Value: e.Value} // that the entry itself meets
	switch e.Match {
	case watchlist.Network:
		if n, err := netip.ParsePrefix(e.Value); err == nil {
			o.Value = n.Addr().String()
		}
	case watchlist.Below:
		o.Value = "x." + e.Value
	}
	err = p.list.Lookup([]event.Observable{o}, func(h watchlist.Hit) bool {
		known = h.Entry.Key() == e.Key()
		return !known
	})
	return known, err
}

// Entries is how many entries there are, about: without reading the list.
func (d *watchDesk) Entries() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		return 0
	}
	return d.list.Stats().Entries
}

// Stats describes the list without reading it; ok is false if there is none.
func (d *watchDesk) Stats() (st watchlist.Stats, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		return watchlist.Stats{Damage: d.failed}, d.failed != nil
	}
	return d.list.Stats(), true
}

// State reads the whole list.
func (d *watchDesk) State(ctx context.Context) (WatchState, error) {
	out := WatchState{Sources: []WatchSource{}}
	l, err := d.open(false)
	if err != nil || l == nil {
		return out, err
	}
	st, now := l.Stats(), d.clock()
	out.Memory, out.File, out.Notices = st.Memory, st.File, st.Notices
	if st.Damage != nil {
		out.Damage = st.Damage.Error()
	}
	by := map[string]*WatchSource{}
	err = l.All(ctx, func(e watchlist.Entry) bool {
		s := by[e.Source]
		if s == nil {
			s = &WatchSource{Source: e.Source, TLP: map[string]int64{}, Types: map[string]int64{}}
			by[e.Source] = s
		}
		out.Entries++
		s.Entries++
		s.TLP[e.TLP.String()]++
		s.Types[string(e.Type)]++
		if !e.ValidUntil.IsZero() && !e.ValidUntil.After(now) {
			s.Expired++
		}
		if e.ValidUntil.After(s.Until) {
			s.Until = e.ValidUntil
		}
		return true
	})
	for _, s := range by {
		out.Sources = append(out.Sources, *s)
	}
	slices.SortFunc(out.Sources, func(a, b WatchSource) int { return compareText(a.Source, b.Source) })
	return out, d.fault(err)
}

func compareText(a, b string) int { return slices.Compare([]byte(a), []byte(b)) }

// Remove removes sources and ids.
func (d *watchDesk) Remove(ctx context.Context, sources, ids []string) error {
	l, err := d.open(false)
	if err != nil {
		return err
	}
	held := map[string]int64{}
	if l != nil {
		held = l.Stats().Sources
	}
	for _, s := range sources {
		if held[s] == 0 {
			return fault.Coded(fault.NodeNoSource, nil, s)
		}
	}
	if l == nil {
		return fault.Coded(fault.NodeNoIndicators, nil)
	}
	for _, s := range sources {
		if err := l.RemoveSource(ctx, s); err != nil {
			return d.fault(err)
		}
	}
	if err := l.RemoveIDs(ctx, ids...); err != nil {
		return d.fault(err)
	}
	return d.fault(l.Merge(ctx)) // so that what is counted is what is there
}

// Check looks values up.
func (d *watchDesk) Check(_ context.Context, values []event.Observable) ([]watchlist.Hit, error) {
	l, err := d.open(false)
	if err != nil || l == nil {
		return nil, err
	}
	var out []watchlist.Hit
	err = l.Lookup(values, func(h watchlist.Hit) bool { out = append(out, h); return true })
	return out, d.fault(err)
}

// OpenIndicators opens the watchlist of a node: through the control socket of the node if
// it runs, else in its folder.
func OpenIndicators(ctx context.Context, cfg Config) (Indicators, error) {
	if cfg.Data == "" {
		cfg.Data = "meneki-node"
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, "node.db")); err != nil {
		return nil, fault.Wrap(fault.NotFound, i18n.T("there is no node in {0}", "{0} にノードがありません").With(cfg.Data), err).
			WithHint(i18n.T("name the node's data folder with --data", "--data でノードのデータフォルダーを指定してください"))
	}
	if r, err := dialControlSocket(ctx, cfg.Data); r != nil || err != nil {
		return r, err
	}
	lock, err := role.LockDir(cfg.Data)
	if err != nil {
		if fault.Is(err, fault.Conflict) {
			err = fault.Wrap(fault.Unavailable, i18n.T("the node in {0} runs, and its control socket does not answer", "{0} のノードは動作中ですが、応答がありません").With(cfg.Data), err).
				WithHint(i18n.T("wait until it has started, or stop it and try again", "起動が終わるまで待つか、停止してからやり直してください"))
		}
		return nil, err
	}
	return &watchDesk{dir: filepath.Join(cfg.Data, role.WatchlistFolder), clock: cfg.Clock, log: cfg.Log, opened: func(*watchlist.List) {}, lock: lock}, nil
}

// watchIndicators lets the engine ask the watchlist, now or once there is one.
func (n *Node) watchIndicators() {
	var once sync.Once
	n.watch = &watchDesk{dir: filepath.Join(n.cfg.Data, role.WatchlistFolder), clock: n.cfg.Clock, log: n.cfg.Log, hunt: n.detect.HuntList,
		opened: func(l *watchlist.List) {
			n.engine.Watch(l, func(err error) {
				once.Do(func() {
					n.cfg.Log.Error("a part of the watchlist cannot be read, and what it holds is not found; import its sources again", slog.Any("err", err))
				})
			})
		}}
	if _, err := n.watch.open(false); err != nil { // the rules go on all the same
		n.cfg.Log.Error("the watchlist cannot be used, and nothing on it is found", slog.Any("err", err))
	}
}
