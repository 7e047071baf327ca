// Package correlation follows people and machines over events: it evaluates the
// node's correlation rules on the matches of their base rules, keeps that over
// restarts, and shows it on its pages.
package correlation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/detect/watermark"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/sigma"
	"github.com/meneki/meneki/sigma/correlate"
)

// memory bounds what correlation keeps, in bytes by its own estimate.
const memory = 256 << 20

// Correlator follows people and machines over events: it puts what is known of
// an account into its sign-ins, feeds correlation rules with the matches of
// their base rules, and keeps all of that in a folder, so that a restart in the
// middle of a window gives the same alerts.
type Correlator struct {
	dir       string
	clock     clock.Clock
	log       *slog.Logger
	lists     Config // the lists that Load reads
	resolver  *principal.Resolver
	baselines *principal.Baselines

	mu        sync.Mutex
	set       *sigma.Set          // under mu; whose correlations the engine evaluates
	engine    *correlate.Engine   // under mu; nil if there are none
	watermark watermark.Watermark // under mu
	upto      time.Time           // under mu; event time that is decided
	hosts     map[string]string   // under mu; of the events fed last, by their ids
	order     []string            // under mu; of hosts, the oldest first
	pending   []*correlate.Alert  // under mu; not written yet
	// under mu; of pending, the indicators of those that are of shared correlations
	from  map[*correlate.Alert]string
	dirty bool // under mu
}

// The files that a Correlator keeps.
const (
	fileAccounts  = "accounts.json"
	fileBaselines = "baselines.json"
	fileState     = "correlation.state"
	fileMark      = "correlation.json"
)

// mark is up to where the state on disk has seen the events.
type mark struct {
	Newest time.Time `json:"newest"`
	Waits  time.Time `json:"waits,omitzero"` // the newest that the state holds, if that is newer
}

// unsaved is how much of the past is seen again where no state is kept.
const unsaved = time.Hour

// maxHosts is how many events' hosts are remembered for alerts to come.
const maxHosts = 8192

// Config is what a Correlator stands on.
type Config struct {
	Dir   string // for what it keeps
	Clock clock.Clock
	Log   *slog.Logger
	// Places is a table of networks and where they are (CSV), or "".
	Places string
	// Accounts lists account lists (CSV, LDIF, JSON); AccountsDomain is the NetBIOS name
	// for user names that state none.
	Accounts       []string
	AccountsDomain string
}

// New returns a Correlator that knows nothing. Load it before it is used.
func New(c Config) *Correlator {
	k := &Correlator{dir: c.Dir, clock: c.Clock, log: c.Log, lists: c, resolver: principal.New(principal.Options{}),
		hosts: map[string]string{}, from: map[*correlate.Alert]string{}}
	k.baselines = principal.NewBaselines(k.resolver, nil, 0)
	return k
}

// Load reads what is kept of people and machines, and the lists that the
// configuration names. What is kept and damaged is named in the log and begins anew:
// detection goes on.
func (k *Correlator) Load() error {
	places, err := principal.OpenPlaces(k.lists.Places)
	if err != nil {
		return err
	}
	k.baselines = principal.NewBaselines(k.resolver, places, 0)
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fault.Wrap(
			fault.Storage, i18n.T("cannot make the folder {0}", "フォルダー {0} を作成できません").With(k.dir), err,
		)
	}
	k.load(fileAccounts, func(b []byte) error { return k.resolver.Load(bytes.NewReader(b)) })
	k.load(fileBaselines, func(b []byte) error { return k.baselines.Load(bytes.NewReader(b)) })
	return principal.ImportAccounts(k.resolver, k.lists.Accounts, k.lists.AccountsDomain, k.reportList)
}

// reportList logs what an account list came to.
func (k *Correlator) reportList(path string, got principal.Imported) {
	for _, b := range got.Bad {
		k.log.Warn("a row of an account list was left out",
			slog.String("file", path), slog.Int("line", b.Line), slog.String("why", b.Reason))
	}
	k.log.Info("an account list was read",
		slog.String("file", path), slog.Int("accounts", got.Accounts), slog.Int("left_out", got.BadN))
}

func (k *Correlator) load(name string, take func([]byte) error) bool {
	b, err := os.ReadFile(filepath.Join(k.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil {
		err = take(b)
	}
	if err != nil {
		k.log.Warn(
			"what was kept for correlation cannot be used; it begins anew",
			slog.String("file", filepath.Join(k.dir, name)), slog.Any("err", err),
		)
		return false
	}
	return true
}

// Resolver returns who is who.
func (k *Correlator) Resolver() *principal.Resolver { return k.resolver }

// Prepare learns from events and writes into their fields what is known of the
// accounts that sign in. The events must not be shared yet.
func (k *Correlator) Prepare(events []*event.Event) {
	for _, ev := range events {
		k.resolver.Learn(ev)
		k.baselines.Annotate(ev)
	}
}

// use makes an engine for the correlations of a set, if it is another than
// before, and takes over the state.
func (k *Correlator) use(set *sigma.Set) error {
	if set == k.set {
		return nil
	}
	var next *correlate.Engine
	if len(set.Correlations) > 0 {
		var err error
		if next, err = correlate.New(
			set,
			correlate.Config{
				Lateness: watermark.Reach, MaxMemory: memory, Resolve: k.resolver.ResolveField, Now: k.clock,
				MaxAhead: watermark.MaxAhead,
			},
		); err != nil {
			return err
		}
		var state bytes.Buffer
		if k.engine != nil {
			if err := k.engine.Snapshot(&state); err != nil {
				return err
			}
			if _, err := next.Restore(&state); err != nil {
				return err
			}
		}
	}
	k.set, k.engine = set, next
	return nil
}

// History is the node's past, as far as a Correlator needs it.
type History interface {
	// Search yields the past events of a query; it stops when yield says so or ctx ends.
	Search(ctx context.Context, q history.Query, yield func(*event.Event) bool) (history.Stats, error)
}

// Resume takes up the state that is on disk for the rules in force, and gives
// feed the past events that it has not seen, to be matched again.
func (k *Correlator) Resume(ctx context.Context, set *sigma.Set, past History, feed func(*event.Event)) error {
	k.mu.Lock()
	err := k.use(set)
	var m mark
	m.Newest = k.clock().Add(-unsaved) // nothing is kept yet
	kept := err == nil && k.engine != nil && k.load(fileMark, func(b []byte) error { return json.Unmarshal(b, &m) })
	if kept {
		k.load(fileState, func(b []byte) error {
			dropped, err := k.engine.Restore(bytes.NewReader(b))
			if dropped > 0 {
				k.log.Info("correlation rules that changed begin anew", slog.Int("rules", dropped))
			}
			return err
		})
	}
	engine := k.engine
	k.upto = m.Newest.Add(-watermark.Lateness)
	if kept && m.Waits.After(m.Newest) {
		k.watermark.Observe(m.Waits, k.clock())
	} else if kept {
		k.watermark.Observe(m.Newest, k.clock())
	}
	k.mu.Unlock()
	if err != nil || engine == nil {
		return err
	}
	_, err = past.Search(ctx, history.Query{From: m.Newest.Add(-watermark.Lateness)}, func(ev *event.Event) bool {
		feed(ev)
		return true
	})
	return err
}

// Feed takes the match of a rule of set, and gives the alerts that are certain now.
func (k *Correlator) Feed(set *sigma.Set, r *sigma.Rule, ev *event.Event) []*correlate.Alert {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.use(set); err != nil {
		k.log.Error("correlation rules cannot be evaluated", slog.Any("err", err))
		return nil
	}
	if k.engine == nil || !k.engine.RefersTo(r) {
		return nil
	}
	k.watermark.Observe(ev.Time, k.clock())
	k.note(ev)
	k.dirty = true
	return k.engine.Add(correlate.Match{Rule: r, Time: ev.Time, Event: ev.ID, Fields: ev})
}

// note remembers an event's host. k.mu is held.
func (k *Correlator) note(ev *event.Event) {
	if _, known := k.hosts[ev.ID]; known || ev.Host == "" {
		return
	}
	k.hosts[ev.ID] = ev.Host
	if k.order = append(k.order, ev.ID); len(k.order) > maxHosts {
		delete(k.hosts, k.order[0])
		k.order = k.order[1:]
	}
}

// NoteHost notes the host of an event that a shared correlation takes.
func (k *Correlator) NoteHost(ev *event.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.note(ev)
}

// Tick gives the alerts that are certain now: all that came longer than Lateness
// ago is decided.
func (k *Correlator) Tick() []*correlate.Alert { return k.advance(false) }

// CatchUp is Tick that takes all that came for decided.
func (k *Correlator) CatchUp() []*correlate.Alert { return k.advance(true) }

// Advance is Tick that may take all that came for decided.
func (k *Correlator) advance(all bool) []*correlate.Alert {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.watermark.Decided(k.clock(), all)
	if k.engine == nil || !ok {
		return nil
	}
	if at.After(k.upto) {
		k.upto = at
	}
	return k.engine.Advance(at.Add(1 + watermark.Reach)) // what is of this very time, too
}

// Stats tells what correlation keeps and left out; nothing for a nil Correlator.
func (k *Correlator) Stats() (correlate.Stats, principal.Stats) {
	if k == nil {
		return correlate.Stats{}, principal.Stats{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var s correlate.Stats
	if k.engine != nil {
		s = k.engine.Stats()
	}
	return s, k.resolver.Stats()
}

// Save writes everything, if something changed. It is whole or not there. While an
// alert is pending nothing is written: the state on disk must be older than what is not
// written yet, or else that would be lost if the program ended. saved is false then.
// A nil Correlator has nothing to write.
func (k *Correlator) Save() (saved bool, err error) {
	if k == nil {
		return true, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pending) > 0 {
		return false, nil
	}
	if !k.dirty {
		return true, nil
	}
	var accounts, baselines, state bytes.Buffer
	if err := errors.Join(k.resolver.Save(&accounts), k.baselines.Save(&baselines)); err != nil {
		return false, err
	}
	m, err := json.Marshal(mark{Newest: k.upto.Add(watermark.Lateness), Waits: k.watermark.Newest()})
	if err != nil {
		return false, err
	}
	files := []struct {
		name string
		data []byte
	}{{fileAccounts, accounts.Bytes()}, {fileBaselines, baselines.Bytes()}}
	if k.engine != nil {
		if err := k.engine.Snapshot(&state); err != nil {
			return false, err
		}
		// The mark comes last: an older one only lets more of the past be seen again.
		files = append(files, struct {
			name string
			data []byte
		}{fileState, state.Bytes()}, struct {
			name string
			data []byte
		}{fileMark, m})
	}
	for _, f := range files {
		if err := replace(filepath.Join(k.dir, f.name), f.data); err != nil {
			return false, fault.Wrap(
				fault.Storage,
				i18n.T("cannot write into the folder {0}", "フォルダー {0} に書き込めません").With(k.dir), err,
			)
		}
	}
	k.dirty = false
	return true, nil
}

// replace writes a file so that either the old or the new one is there.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Event returns the event of an alert that its finding is about.
func (k *Correlator) Event(a *correlate.Alert) *event.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	host := ""
	if n := len(a.Events); n > 0 {
		host = k.hosts[a.Events[n-1].Event]
	}
	return match.AlertEvent(a, k.clock(), host)
}
