package watchlist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
)

// List is a watchlist in a folder. Look-ups may run in any number of goroutines
// while it changes, and take no lock; changes are made one after another.
type List struct {
	dir     string
	clock   clock.Clock
	most    int // of changes in memory
	notices []string

	now     atomic.Pointer[snapshot]
	batches batches
	damage  atomic.Pointer[error] // the first that a look-up met

	folding sync.Mutex // held while a segment is written; taken before mu
	mu      sync.Mutex // held while a change is made
	files   manifest   // under mu
	journal *journal   // under mu; that of the newest layer
	closed  bool       // under mu

	buffer int                // of a Load's sorter, in bytes
	step   func(string) error // for tests: what is about to be done; an error stops as a crash would
}

// Options say how a list is kept. The zero value is good.
type Options struct {
	Clock clock.Clock // what entries expire by; the system's by default
	// MaxChanged is the number of entries and removals that are kept in memory
	// until they are merged into the segment; default 65,536. They take at most
	// 32 MB, however many.
	MaxChanged int
}

const (
	defaultChanged = 1 << 16
	maxChanges     = 32 << 20 // bytes in memory
	maxJournal     = 64 << 20 // bytes; entries that are replaced again and again make it longer than what they leave
)

// ErrTooMany says that a batch is larger than what a list takes in memory.
var ErrTooMany = errors.New("watchlist: too many entries at once: use a Load")

// ErrClosed says that the list was closed.
var ErrClosed = errors.New("watchlist: closed")

// Open opens the list in dir and makes it if there is none. The blocks of the
// segment are checked when they are read, all else here; Verify checks all. What
// a crash left over is removed.
func Open(dir string, o Options) (*List, error) {
	l := &List{
		dir:    dir,
		clock:  o.Clock,
		most:   o.MaxChanged,
		buffer: sortBuffer,
		step:   func(string) error { return nil },
	}
	if l.clock == nil {
		l.clock = clock.System
	}
	if l.most <= 0 {
		l.most = defaultChanged
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("watchlist: %w", err)
	}
	m, ok, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	left, err := leftovers(dir, m)
	if err != nil {
		return nil, err
	}
	for _, n := range left {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			return nil, fmt.Errorf("watchlist: %w", err)
		}
	}
	if !ok {
		return l, l.create()
	}
	l.files = m
	var base *segment
	if m.Segment != "" {
		if base, err = openSegment(l.path(m.Segment)); err != nil {
			return nil, err
		}
		if base.seed != m.Seed {
			return nil, &DamagedError{File: base.path, Reason: "it belongs to another list"}
		}
	}
	layers := make([]*overlay, len(m.Journals))
	for i, n := range m.Journals {
		layers[i] = newOverlay(l.most)
		j, notice, err := openJournal(l.path(n), func(batch []change) {
			for _, c := range batch {
				if r := c.add; r != nil {
					r.fp = fingerprint(m.Seed, r.kind, r.match, string(r.value))
				}
			}
			layers[i] = layers[i].with(batch)
		})
		if err != nil {
			return nil, err
		}
		if notice != "" {
			l.notices = append(l.notices, notice)
		}
		if i == 0 {
			l.journal = j
		} else {
			j.f.Close()
		}
	}
	l.now.Store(newSnapshot(m.Seed, layers, base))
	return l, nil
}

func (l *List) path(name string) string { return filepath.Join(l.dir, name) }

func (l *List) create() error {
	l.files = manifest{Version: manifestVersion, Seed: newSeed()}
	name := l.files.name("journal")
	j, err := createJournal(l.path(name))
	if err != nil {
		return err
	}
	l.journal, l.files.Journals = j, []string{name}
	if err := l.files.write(l.dir); err != nil {
		return err
	}
	l.now.Store(newSnapshot(l.files.Seed, []*overlay{newOverlay(l.most)}, nil))
	return nil
}

// Close ends changes. Look-ups go on working on what they have.
func (l *List) Close() error {
	l.folding.Lock()
	defer l.folding.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.journal.f.Close()
}

// Empty reports whether the list surely holds nothing: then a look-up finds nothing.
func (l *List) Empty() bool {
	s := l.now.Load()
	return s.base == nil && !slices.ContainsFunc(s.layers, func(o *overlay) bool { return o.added > 0 })
}

// Lookup yields every entry that an observable meets, until yield returns false:
// for each observable those of its own value, then those of domains and networks
// around it and of beginnings of it. Values are canonical, as Observables returns
// them. Expired entries are never yielded, and at most 100 for one value in one
// way to match. An error says that a part of the list could not be read, so that
// there may be more hits than were yielded; the rest was looked up all the same.
func (l *List) Lookup(observables []event.Observable, yield func(Hit) bool) error {
	b := l.batches.take()
	b.answer, b.list = answer{s: l.now.Load(), clock: l.clock, yield: yield, most: maxHits}, observables
	defer l.batches.back(b)
	for i := range observables {
		b.ask(i)
		if b.done {
			break
		}
	}
	b.settle()
	if b.err == nil {
		return nil
	}
	err := b.err
	l.damage.CompareAndSwap(nil, &err)
	return err
}

// Add adds entries, or replaces those of the same Key. They are on disk when it
// returns, and looked up from then on; of a batch that is refused none is added.
// When too much has changed since the segment was written, it writes a new one
// first, which takes seconds for millions of entries and stops no look-up.
func (l *List) Add(ctx context.Context, entries ...Entry) error {
	batch := make([]change, 0, len(entries))
	for i, e := range entries {
		e, err := Check(e)
		if err != nil {
			return fmt.Errorf("watchlist: entry %d: %w", i+1, err)
		}
		r := recordOf(l.now.Load().seed, e)
		batch = append(batch, change{add: &r})
	}
	return l.apply(ctx, batch)
}

// Remove removes single entries; one that is not there is no error.
func (l *List) Remove(ctx context.Context, keys ...Key) error {
	batch := make([]change, 0, len(keys))
	for _, k := range keys {
		r := recordOf(
			l.now.Load().seed,
			Entry{Type: k.Type, Match: k.Match, Value: k.Value, Source: k.Source, ID: k.ID, TLP: 1},
		)
		if r.kind == 0 || r.match >= matches || len(k.Value) > maxValue || len(k.Source) > maxName ||
			len(k.ID) > maxName {
			continue // no such entry can be there
		}
		batch = append(batch, change{key: &r, tombstone: tombstoneKey(&r)})
	}
	return l.apply(ctx, batch)
}

// RemoveIDs removes every entry that came under one of the ids, from whatever source.
func (l *List) RemoveIDs(ctx context.Context, ids ...string) error {
	batch := make([]change, 0, len(ids))
	for _, id := range ids {
		if id != "" && len(id) <= maxName {
			batch = append(batch, change{tombstone: tombstoneID([]byte(id))})
		}
	}
	return l.apply(ctx, batch)
}

// RemoveSource removes every entry of a source.
func (l *List) RemoveSource(ctx context.Context, source string) error {
	if source == "" || len(source) > maxName {
		return nil
	}
	return l.apply(ctx, []change{{tombstone: tombstoneSource(source)}})
}

func (l *List) apply(ctx context.Context, batch []change) error {
	if len(batch) == 0 {
		return nil
	}
	var cost int64
	for _, c := range batch {
		cost += c.cost()
	}
	if len(batch) > l.most || cost > maxChanges {
		return ErrTooMany
	}
	for tries := 0; ; tries++ {
		full, err := l.tryApply(batch, cost)
		if !full || err != nil {
			return err
		}
		if tries == 3 {
			return errors.New("watchlist: changes come faster than they can be merged")
		}
		if err := l.Merge(ctx); err != nil {
			return err
		}
	}
}

func (l *List) tryApply(batch []change, cost int64) (full bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false, ErrClosed
	}
	s := l.now.Load()
	top := s.layers[0]
	if n := top.added + top.removed; n > 0 &&
		(n+len(batch) > l.most || top.bytes+cost > maxChanges || l.journal.size > maxJournal) {
		return true, nil
	}
	if err := l.journal.append(batch); err != nil {
		return false, err
	}
	layers := slices.Clone(s.layers)
	layers[0] = top.with(batch)
	l.now.Store(newSnapshot(s.seed, layers, s.base))
	return false, nil
}

// All yields every entry that is there, expired ones too, in no useful order,
// until yield returns false. It reads the whole file.
func (l *List) All(ctx context.Context, yield func(Entry) bool) error {
	s := l.now.Load()
	m, err := merge(s.streams(nil)...)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r, err := m.next()
		if err != nil {
			return err
		}
		if r == nil || !yield(r.entry()) {
			return nil
		}
	}
}

// Verify reads the whole list and checks every part of it.
func (l *List) Verify(ctx context.Context) error {
	if s := l.now.Load(); s.base != nil {
		return s.base.verify(ctx.Err)
	}
	return nil
}

// Stats describe a list.
type Stats struct {
	Entries int64            // in the segment, and added since; a few may be counted twice, or be expired or removed
	Changed int              // entries and removals in memory
	Memory  int64            // bytes that the list holds in memory, about
	File    int64            // bytes of the segment
	Sources map[string]int64 // entries in the segment by source
	Damage  error            // what a look-up could not read, if anything
	Notices []string         // what was put right when the list was opened
}

// Stats describes the list as it is now.
func (l *List) Stats() Stats {
	s := l.now.Load()
	out := Stats{Sources: map[string]int64{}, Notices: slices.Clone(l.notices)}
	for _, o := range s.layers {
		out.Entries += int64(o.added)
		out.Changed += o.added + o.removed
		out.Memory += o.bytes + int64(len(o.filter.words))*8
	}
	if b := s.base; b != nil {
		out.Entries += b.count
		out.Memory += b.memory()
		out.File = b.size
		for i, n := range b.names {
			out.Sources[n] = b.counts[i]
		}
	}
	if err := l.damage.Load(); err != nil {
		out.Damage = *err
	}
	return out
}
