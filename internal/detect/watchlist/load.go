package watchlist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// streams returns the layers as streams, newest first, each without what newer
// layers hide. keep, if not nil, refuses further records.
func (s *snapshot) streams(keep func(*record) bool) []stream {
	var out []stream
	visible := func(above []*overlay) func(*record) bool {
		return func(r *record) bool {
			for _, o := range above {
				if o.hides(r) {
					return false
				}
			}
			return keep == nil || keep(r)
		}
	}
	for i, o := range s.layers {
		out = append(out, kept{o.records(), visible(s.layers[:i])})
	}
	if s.base != nil {
		out = append(out, kept{s.base.scan(), visible(s.layers)})
	}
	return out
}

// Merge writes a new segment out of the old one and what changed since, without
// what has expired. Look-ups and changes go on meanwhile.
func (l *List) Merge(ctx context.Context) error { return l.fold(ctx, nil) }

// Scope says which entries a Load replaces.
type Scope struct {
	All     bool     // every entry there was
	Sources []string // or those of these sources; none: the Load only adds
}

// Load adds any number of entries, with bounded memory: a sort buffer of
// 24 MB, up to 48 runs on disk that are read 64 kB at a time, and what the new
// segment will hold in memory. It is for one goroutine. Nothing of it is seen
// until Commit, which shows all of it at once; what it replaces goes in the same
// moment. Its files go with Commit, Abort, or the next Open.
type Load struct {
	l     *List
	scope Scope
	sort  *sorter
	err   error // of Add; Commit returns it again
	done  bool
}

// Load begins a load.
func (l *List) Load(scope Scope) (*Load, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	return &Load{l: l, scope: scope, sort: newSorter(l.dir, l.files.name("load"), l.buffer)}, nil
}

// Add adds one entry; of several of one Key the last counts. An entry that Check
// refuses is left out and reported by an error, and the load goes on; after any other
// error it cannot be committed.
func (b *Load) Add(e Entry) error {
	if b.err != nil {
		return b.err
	}
	e, err := Check(e)
	if err != nil {
		return &RefusedError{err}
	}
	r := recordOf(b.l.now.Load().seed, e)
	b.err = b.sort.add(&r)
	return b.err
}

// RefusedError says that one entry cannot be watched for, and why.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// Abort abandons the load. After Commit it does nothing.
func (b *Load) Abort() {
	if !b.done {
		b.done = true
		b.sort.remove()
	}
}

// Commit puts the load into the list. If it fails the list is as it was, but for
// changes that others made.
func (b *Load) Commit(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	if b.done {
		return errors.New("watchlist: the load has ended")
	}
	defer b.Abort()
	return b.l.fold(ctx, b)
}

// replaces reports whether an older record goes when the load comes.
func (b *Load) replaces(r *record) bool {
	return b.scope.All || slices.Contains(b.scope.Sources, r.source)
}

// fold writes a new segment out of the old one, the changes since, and a load.
//
// The newest layer is frozen first: changes that come while the segment is
// written go to a new layer with a journal of its own, above all this.
func (l *List) fold(ctx context.Context, load *Load) error {
	l.folding.Lock()
	defer l.folding.Unlock()
	s, err := l.freeze()
	if err != nil {
		return err
	}
	// s.layers[0] is the layer that takes changes now; it stays.
	older := &snapshot{seed: s.seed, layers: s.layers[1:], base: s.base}
	if load == nil && len(older.layers) == 0 && !l.anyExpired(ctx, s.base) {
		return ctx.Err()
	}
	l.mu.Lock()
	name := l.files.name("segment")
	l.mu.Unlock()
	base, err := l.rewrite(ctx, name, older, load)
	if err != nil {
		return err
	}
	if base == nil {
		name = ""
	}
	if err := l.step("name the segment"); err != nil {
		return err
	}
	l.mu.Lock()
	old := l.files
	next := old.clone()
	next.Segment, next.Journals = name, next.Journals[:1]
	if err := next.write(l.dir); err != nil {
		l.mu.Unlock()
		return err
	}
	l.files = next
	l.now.Store(newSnapshot(s.seed, l.now.Load().layers[:1:1], base))
	l.mu.Unlock()
	if err := l.step("remove old files"); err != nil {
		return err
	}
	// Readers that still use the old segment have it open; where a system does not
	// let go of an open file, the next Open removes it.
	for _, n := range append([]string{old.Segment}, old.Journals[1:]...) {
		if n != "" {
			os.Remove(l.path(n))
		}
	}
	return nil
}

// anyExpired reports whether a merge would leave anything out of the segment.
func (l *List) anyExpired(ctx context.Context, base *segment) bool {
	if base == nil {
		return false
	}
	c, now := base.scan(), l.clock()
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return false
		}
		r, err := c.next()
		if err != nil {
			return true // the merge will meet it too, and say so
		}
		if r == nil || r.expired(now) {
			return r != nil
		}
	}
}

// freeze puts a new empty layer on top, unless the top one is empty.
func (l *List) freeze() (*snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	s := l.now.Load()
	if s.layers[0].empty() {
		return s, nil
	}
	next := l.files.clone()
	name := next.name("journal")
	j, err := createJournal(l.path(name))
	if err != nil {
		return nil, err
	}
	give := func(err error) (*snapshot, error) {
		j.f.Close()
		return nil, err
	}
	if err := l.step("name the journal"); err != nil {
		return give(err)
	}
	next.Journals = append([]string{name}, next.Journals...)
	if err := next.write(l.dir); err != nil {
		return give(err)
	}
	l.journal.f.Close()
	l.journal, l.files = j, next
	s = newSnapshot(s.seed, append([]*overlay{newOverlay(l.most)}, s.layers...), s.base)
	l.now.Store(s)
	return s, nil
}

// rewrite writes and opens a segment; nil if nothing is left.
func (l *List) rewrite(ctx context.Context, name string, older *snapshot, load *Load) (*segment, error) {
	var streams []stream
	var most int64
	keep := func(*record) bool { return true }
	if load != nil {
		m, done, err := load.sort.sorted()
		if err != nil {
			return nil, err
		}
		defer done()
		streams, most = append(streams, m), load.sort.most()
		keep = func(r *record) bool { return !load.replaces(r) }
	}
	if older.base != nil && (load == nil || !load.scope.All) {
		most += older.base.count
		for i, n := range older.base.names {
			if load != nil && slices.Contains(load.scope.Sources, n) {
				most -= older.base.counts[i]
			}
		}
	}
	for _, o := range older.layers {
		most += int64(o.added)
	}
	if load == nil || !load.scope.All {
		streams = append(streams, older.streams(keep)...)
	}
	m, err := merge(streams...)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.dir, name)
	w, err := newWriter(path, older.seed, most)
	if err != nil {
		return nil, err
	}
	if err := l.write(ctx, w, m); err != nil {
		w.abort()
		return nil, err
	}
	if w.count == 0 {
		w.abort()
		return nil, nil
	}
	if err := w.finish(); err != nil {
		w.abort()
		return nil, err
	}
	if err := l.step("open the segment"); err != nil {
		return nil, err
	}
	base, err := openSegment(path)
	if err != nil {
		os.Remove(path)
	}
	return base, err
}

func (l *List) write(ctx context.Context, w *writer, m *merged) error {
	now := l.clock()
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("watchlist: %w", err)
			}
			if err := l.step("write the segment"); err != nil {
				return err
			}
		}
		r, err := m.next()
		if err != nil {
			return err
		}
		if r == nil {
			return nil
		}
		if r.expired(now) {
			continue
		}
		if err := w.add(r); err != nil {
			return err
		}
	}
}
