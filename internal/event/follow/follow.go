// Package follow reads files as they grow and folders as they fill: new lines,
// new files, rotation by renaming and by copying, truncation, and archives that
// are put into a folder. After each batch that its owner has stored it saves how far it
// has read, so that a restart neither loses nor repeats an event.
package follow

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/meneki/meneki/evtx"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/event/read"
	"github.com/meneki/meneki/internal/i18n"
)

// Options say what to follow and how. Only Paths must be set.
type Options struct {
	// files, folders (recursively, hidden files left out) and globs; one that does not exist yet is waited for
	Paths []string
	Every time.Duration // between two looks; 200 ms if 0
	// how long a file must not change until it counts as complete: archives, JSON over several lines, a last JSON line
	// without line break; 2 s if 0
	Settle    time.Duration
	Linger    time.Duration // how long a file that was renamed away is still watched for late lines; 5 s if 0
	Batch     int           // events a batch, at most; 500 if 0
	MaxRecord int           // greatest line in bytes; event.MaxRecord if 0
	Sensor    string        // Source.Sensor; "file" if empty
	Clock     clock.Clock   // clock.System if nil
	Hint      read.Hint     // for records that do not state it; Seen and Seed are set here
	Log       *slog.Logger  // slog.Default if nil

	OnBad func(read.BadRecord) // called for every record that is refused; may be nil
	// called once a file for its first line that is not UTF-8, which is read all the same; may be nil
	OnOdd  func(read.BadRecord)
	OnSkip func(read.SkippedFile) // called once for every file that is not read; may be nil
	Wait   func(ctx context.Context, d time.Duration) error
}

// Counters count what a Follower has done since New.
type Counters struct {
	Files   int   // that are followed now
	Events  int64 // that the sink has kept
	Bad     int64 // records refused
	Retries int64 // batches that the sink refused
	Missing []string
}

// Follower follows files. It is made by New. Run and Poll must be called from one
// goroutine, Counters may be called from any.
type Follower struct {
	opts        Options
	checkpoints Checkpoints
	sink        Sink

	loaded  bool
	began   time.Time             // when checkpoints were loaded
	files   []*file               // in the order in which they are read
	pending map[string]Checkpoint // loaded, and their file not found yet
	past    []Checkpoint          // of generations that were read to their end, at most maxPast a path
	done    map[string]bool       // content hashes of wholes that were read
	skipped map[string]stamp      // by path
	since   map[string]time.Time  // by log: generations last written before this are not ours; see generations
	folders map[string]folder     // that logs are in
	buf     []byte

	mu       sync.Mutex
	counters Counters // under mu
}

// New makes a Follower. The sink is called from the goroutine of Run, with one
// batch at a time, each of one file.
func New(opts Options, checkpoints Checkpoints, sink Sink) *Follower {
	if opts.Every <= 0 {
		opts.Every = 200 * time.Millisecond
	}
	if opts.Settle <= 0 {
		opts.Settle = 2 * time.Second
	}
	if opts.Linger <= 0 {
		opts.Linger = 5 * time.Second
	}
	if opts.Batch <= 0 {
		opts.Batch = 500
	}
	if opts.MaxRecord <= 0 || opts.MaxRecord > event.MaxRecord {
		opts.MaxRecord = event.MaxRecord
	}
	if opts.Sensor == "" {
		opts.Sensor = "file"
	}
	if opts.Clock == nil {
		opts.Clock = clock.System
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Wait == nil {
		opts.Wait = wait
	}
	return &Follower{
		opts:        opts,
		checkpoints: checkpoints,
		sink:        sink,
		pending:     map[string]Checkpoint{},
		done:        map[string]bool{},
		skipped:     map[string]stamp{},
		since:       map[string]time.Time{},
		folders:     map[string]folder{},
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Run follows until ctx ends, and then returns nil. What it cannot read now it
// tries again at the next look.
func (w *Follower) Run(ctx context.Context) error {
	defer w.close()
	for ctx.Err() == nil {
		began := time.Now()
		if err := w.Poll(ctx); err != nil && ctx.Err() == nil {
			w.opts.Log.Warn("following files", "err", err)
		}
		// Scanning a large tree must not take all of the node's time.
		if w.opts.Wait(ctx, max(w.opts.Every, min(2*time.Since(began), 5*time.Second))) != nil {
			break
		}
	}
	return nil
}

// Counters returns the counters.
func (w *Follower) Counters() Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counters
	c.Missing = slices.Clone(c.Missing)
	return c
}

func (w *Follower) close() {
	for _, f := range w.files {
		f.close()
	}
}

// file is one file that is followed.
type file struct {
	checkpoint Checkpoint
	path       string // where it is now
	info       os.FileInfo
	f          *os.File
	decoder    *read.Decoder
	form       read.Form
	away       bool      // no path that is followed names it any more
	still      time.Time // since when nothing has changed
	size       int64     // as of still
	changed    time.Time // its modification time as of still
	checked    time.Time // its modification time when its first bytes were compared with the checkpoint
	odd        bool      // OnOdd was called for it
	waits      bool      // its content is another's, and it is not known yet whose
	pack       bool      // away, and only its packed rotation is left
	log        *evtx.Tail
	looked     time.Time // when log was last looked at
}

func (f *file) close() {
	if f.f != nil {
		f.f.Close()
		f.f = nil
	}
}

// open makes sure that f.f is the file.
func (f *file) open() error {
	if f.f != nil {
		return nil
	}
	h, err := (entry{path: f.path, info: f.info}).open()
	if err != nil {
		return err
	}
	f.f = h
	return nil
}

// Poll looks once: finds what is new, renamed and gone, and reads all that is
// there to be read. It returns an error if ctx ended or checkpoints could not be
// loaded; what goes wrong with one file is logged and tried again.
func (w *Follower) Poll(ctx context.Context) error {
	if !w.loaded {
		checkpoints, err := w.checkpoints.Load(ctx)
		if err != nil {
			return err
		}
		w.remember(checkpoints)
		w.began = w.opts.Clock()
		for k, m := range checkpoints {
			m.Key = k
			if m.Whole && m.Done {
				w.done[cmp.Or(m.Sum, m.Epoch)] = true
			}
			switch {
			case m.Past:
				w.past = append(w.past, m)
			case !m.Gone:
				w.pending[k] = m
			}
		}
	}
	found, missing := list(w.opts.Paths)
	if err := w.match(ctx, found, missing); err != nil {
		return err
	}
	w.loaded = true
	for _, f := range slices.Clone(w.files) {
		if err := w.look(ctx, f); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.opts.Log.Warn("reading a followed file", "path", f.path, "err", err)
		}
	}
	w.files = slices.DeleteFunc(w.files, func(f *file) bool {
		if f.checkpoint.Gone {
			f.close()
		}
		return f.checkpoint.Gone
	})
	w.mu.Lock()
	w.counters.Files, w.counters.Missing = len(w.files), missing
	w.mu.Unlock()
	return nil
}

// save repeats Checkpoints.Save until it succeeds.
func (w *Follower) save(ctx context.Context, checkpoints ...Checkpoint) error {
	for d := 100 * time.Millisecond; ; d = min(2*d, 30*time.Second) {
		err := w.checkpoints.Save(ctx, checkpoints)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.opts.Log.Warn("saving how far files were read", "err", err, "again_in", d)
		if err := w.opts.Wait(ctx, d); err != nil {
			return err
		}
	}
}

// deliver repeats the call of the sink until it succeeds.
func (w *Follower) deliver(ctx context.Context, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	for d := 100 * time.Millisecond; ; d = min(2*d, 30*time.Second) {
		err := w.sink(ctx, events)
		if err == nil {
			w.mu.Lock()
			w.counters.Events += int64(len(events))
			w.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.mu.Lock()
		w.counters.Retries++
		w.mu.Unlock()
		w.opts.Log.Warn("the events of a followed file were not taken", "err", err, "again_in", d)
		if err := w.opts.Wait(ctx, d); err != nil {
			return err
		}
	}
}

func (w *Follower) bad(b read.BadRecord) {
	w.mu.Lock()
	w.counters.Bad++
	w.mu.Unlock()
	if w.opts.OnBad != nil {
		w.opts.OnBad(b)
	}
}

func (w *Follower) skip(f *file, why i18n.Text) {
	f.checkpoint.Gone = true
	w.pass(f.path, f.info, why)
}

// pass notes that a file is not read, and why.
func (w *Follower) pass(path string, info os.FileInfo, why i18n.Text) {
	w.skipped[path] = newStamp(info)
	if w.opts.OnSkip != nil {
		w.opts.OnSkip(read.SkippedFile{Name: path, Reason: why})
	}
}

// skipPacked lists a packed rotation as skipped. What was not read of a file before it
// was packed is, see find; so only one that was never seen unpacked is named.
func (w *Follower) skipPacked(path string, info os.FileInfo) {
	if w.skipped[path] == newStamp(info) {
		return
	}
	is := func(m Checkpoint) bool { return !m.Whole && samePacked(path, m) }
	known := slices.ContainsFunc(w.files, func(f *file) bool { return is(f.checkpoint) }) ||
		slices.ContainsFunc(w.past, is)
	for _, m := range w.pending {
		known = known || is(m)
	}
	if known {
		w.skipped[path] = newStamp(info)
		return
	}
	w.pass(path, info, neverUnpacked)
}

var neverUnpacked = i18n.T("a packed rotation of a log that is followed; to read it too, give it a name of its own",
	"追跡中のログの圧縮済みローテーションです。これも読むには、別の名前にしてください")

// stamp distinguishes a file from the one that replaces it at its path.
type stamp struct {
	device, inode uint64
	modified      int64
}

func newStamp(info os.FileInfo) stamp {
	d, i := identity(info)
	if i != 0 {
		return stamp{device: d, inode: i}
	}
	return stamp{modified: info.ModTime().UnixNano()}
}
