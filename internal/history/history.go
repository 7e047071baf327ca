package history

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/i18n"
)

// formatVersion is the layout that this program reads and writes.
const formatVersion = 1

// Options say where a history is and how much of it is kept.
type Options struct {
	Dir   string       // made if it is not there
	Clock clock.Clock  // nil is the machine's clock
	Log   *slog.Logger // nil is silent

	// SegmentEvents, SegmentBytes and SegmentAge are when a write-ahead log is
	// sealed into Parquet files, whichever comes first. It is searched and safe
	// before that. Zero means 50,000 events, 256 MiB, 24 hours.
	SegmentEvents int
	SegmentBytes  int64
	SegmentAge    time.Duration

	// MaxBytes and MaxAge bound what is kept, the age since a record was read.
	// The files read longest ago are dropped first. Zero means no bound.
	MaxBytes int64
	MaxAge   time.Duration

	// Window is how many of the last events are known by their ID, so that they
	// are not kept twice. Zero means 100,000, and twice SegmentEvents at least.
	Window int

	// CacheBytes bounds the memory for bloom filters. Zero means 64 MiB, which
	// is enough for about ten million events.
	CacheBytes int64

	// Observables takes the values worth matching out of an event; nil means
	// event.Observables. A history must always be opened with the same.
	Observables func(*event.Event) []event.Observable

	create func(path string) (logFile, error) // of logs; for tests
	step   func(name string)                  // called between the steps of sealing; for tests
}

func (o *Options) fill() {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.SegmentEvents, 50_000)
	set(&o.Window, max(100_000, 2*o.SegmentEvents))
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 256 << 20
	}
	if o.SegmentAge <= 0 {
		o.SegmentAge = 24 * time.Hour
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 64 << 20
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observables == nil {
		o.Observables = event.Observables
	}
	if o.create == nil {
		o.create = createLog
	}
	if o.step == nil {
		o.step = func(string) {}
	}
}

// History is an open history. It is safe for concurrent use.
type History struct {
	opt    Options
	lock   *lock
	blooms *bloomCache
	window *window // of the committer alone

	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	requests chan *request
	wake     chan struct{} // for the keeper
	done     sync.WaitGroup

	// foundMu is held while found events are placed and while sealed files take the
	// place of their segment, so that none is missed between. Before mu.
	foundMu  sync.Mutex
	foundLog *foundLog // under foundMu

	mu       sync.RWMutex
	files    []*file          // under mu, as all below; by time
	open     *segment         // set by the committer alone
	sealing  []*segment       // full logs, oldest first
	sealErr  error            // why the last sealing failed
	tries    int              // sealings that were begun
	failed   int              // the last of them that failed
	unplaced map[key]struct{} // found events that are not here yet
	found    map[key]struct{} // all found events
	problems []Problem
	changed  chan struct{} // closed and replaced when sealing or sealErr changes
}

// Problem is something on disk that could not be used. The rest goes on.
type Problem struct {
	Path string // where it is now
	Err  error
}

// Totals says how much there is.
type Totals struct {
	Events   int64
	Bytes    int64     // on disk
	Oldest   time.Time // event time; zero if there are no events
	Newest   time.Time
	Segments int64 // sealed files
	Open     int64 // events that are not sealed yet
	Problems int64
}

// span is what is known of a file or segment as a whole.
type span struct {
	Events, Bytes int64
	Min, Max      int64 // µs, both included; nothing if Events is 0
}

// rowSet is a set of rows. It is replaced, never changed.
type rowSet map[uint32]struct{}

// unit is a file or a view of a segment.
type unit interface {
	span() span
	// rows returns the rows that may match q, in order.
	rows(q *filter) ([]uint32, error)
	// read calls fn for these rows, which rise, until it returns false. An outline may
	// come without Fields and Raw.
	read(ctx context.Context, places []uint32, outline bool, fn func(at uint32, r *row) bool) error
	// prefilter returns those of the rows that a prefilter lets through, without reading more
	// of them than it looks at.
	prefilter(ctx context.Context, places []uint32, keep Prefilter) ([]uint32, error)
	// occurrences calls fn for each row that holds a value.
	occurrences(p probe, fn func(at uint32, m rowMeta)) error
	// locate calls fn for the keys that are ids of events in the unit.
	locate(keys []key, fn func(k key, at uint32, time int64)) error
}

// part is a unit with its found events as they were at one moment.
type part struct {
	unit
	found rowSet
}

// parts returns everything that there is at this moment, by time. release must be
// called when it is not read any more.
func (h *History) parts() (parts []part, release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	segments := append(slices.Clone(h.sealing), h.open)
	for _, f := range h.files {
		parts = append(parts, part{f, f.found})
	}
	for _, s := range segments {
		s.refs++
		parts = append(parts, part{s.view(), s.found})
	}
	return parts, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, s := range segments {
			h.releaseLocked(s)
		}
	}
}

func (h *History) releaseLocked(s *segment) {
	if s.refs--; s.refs < 0 && s.gone {
		s.log.Close()
	}
}

// retireLocked closes a segment's log when its last reader is done.
func (h *History) retireLocked(s *segment) {
	s.gone = true
	h.releaseLocked(s)
}

// signalLocked wakes those who wait for sealing.
func (h *History) signalLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Totals says how much there is now.
func (h *History) Totals() Totals {
	parts, release := h.parts()
	defer release()
	var t Totals
	var oldest, newest int64
	for _, p := range parts {
		s := p.span()
		t.Bytes += s.Bytes
		if _, sealed := p.unit.(*file); sealed {
			t.Segments++
		} else {
			t.Open += s.Events
		}
		if s.Events == 0 {
			continue
		}
		if t.Events == 0 || s.Min < oldest {
			oldest = s.Min
		}
		if t.Events == 0 || s.Max > newest {
			newest = s.Max
		}
		t.Events += s.Events
	}
	if t.Events > 0 {
		t.Oldest, t.Newest = time.UnixMicro(oldest).UTC(), time.UnixMicro(newest).UTC()
	}
	h.mu.RLock()
	t.Problems = int64(len(h.problems))
	h.mu.RUnlock()
	return t
}

// Problems lists what on disk could not be used since Open.
func (h *History) Problems() []Problem {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Clone(h.problems)
}

func (h *History) problemLocked(path string, err error) {
	h.problems = append(h.problems, Problem{path, err})
	h.opt.Log.Error("history: set aside", "path", path, "err", err)
}

// problemOnce lists a problem unless one with the same path is listed.
func (h *History) problemOnce(path string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.ContainsFunc(h.problems, func(p Problem) bool { return p.Path == path }) {
		h.problemLocked(path, err)
	}
}

// Close ends the history. Events that are not sealed are in the log and are
// there when it is opened again. A Search that runs may end with an error.
func (h *History) Close() error {
	h.stop()
	h.done.Wait()
	h.mu.Lock()
	for _, s := range append(h.sealing, h.open) {
		if !s.gone {
			h.retireLocked(s)
		}
	}
	h.mu.Unlock()
	h.foundMu.Lock()
	defer h.foundMu.Unlock()
	err := h.foundLog.close()
	return storageFault(errors.Join(err, h.lock.release()))
}

func errClosed() error {
	return fault.New(fault.Unavailable, i18n.T("the event history is closed", "事象の履歴は閉じられています"))
}

// storageFault makes err a fault.Storage, unless it is a fault or nil.
func storageFault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := fault.As(err); ok {
		return err
	}
	return fault.Wrap(fault.Storage, i18n.T("cannot write the event history", "事象の履歴に書き込めません"), err)
}

func (h *History) path(parts ...string) string {
	return filepath.Join(append([]string{h.opt.Dir}, parts...)...)
}
