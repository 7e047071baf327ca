package feeds

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/fetch"
	"github.com/meneki/meneki/internal/object"
	"github.com/meneki/meneki/internal/role"
	"github.com/meneki/meneki/internal/share/warninglist"
	"github.com/meneki/meneki/internal/store"
)

// Config is what the module stands on.
type Config struct {
	DB      *store.DB
	Objects *object.Store
	Log     *slog.Logger
	// Notify tells open pages that something changed; nil: nobody.
	Notify func()
	// Own is what belongs to the community itself, and is never taken for an attacker's; nil: nothing.
	Own func(context.Context) (exclusion.CommunityAssets, error)
	// Warn is lists of values that say nothing; nil: none.
	Warn *warninglist.Folder
	// Folder is for documents while they are read; empty: the system's.
	Folder string
	// Fetch is how far addresses are followed, beside what the settings allow.
	Fetch fetch.Config
}

// Service reads sources and serves lists. It is safe for concurrent use.
type Service struct {
	Config
	wake chan struct{}

	mu      sync.Mutex
	running map[string]*progress // under mu, by source
	forced  map[string]bool      // under mu: sources that are taken once whatever they hold
	looks   map[string]looked    // under mu, by person and source: what a look found, for a while
}

// progress is how far the reading of a source is.
type progress struct {
	mu    sync.Mutex
	stage stage
	done  int64
	began time.Time
}

// stage is what a reading does.
type stage int

const (
	fetching stage = iota
	reading
	writing
)

func (p *progress) set(s stage, done int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.done = s, done
}

func (p *progress) get() (stage, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stage, p.done
}

// New returns a service. It touches neither the database nor the network.
func New(c Config) *Service {
	return &Service{Config: c, wake: make(chan struct{}, 1), running: map[string]*progress{},
		forced: map[string]bool{}, looks: map[string]looked{}}
}

// Module is the sources at a hub, their pages, and the lists for tools.
func Module(s *Service) role.Module {
	return role.Module{
		Name:       "feeds",
		Migrations: []store.Migration{Migration()},
		Pages:      s.pages,
		Nav:        nav(),
		Run:        []func(context.Context) error{s.run},
		Gauges: []role.Gauge{{Name: "meneki_feeds_failing", Help: "Sources that could not be read the last time.",
			Read: s.failing}},
	}
}

func (s *Service) failing(ctx context.Context) float64 {
	var n int64
	err := s.DB.Read(ctx, system(), func(tx *store.Tx) (err error) {
		n, err = store.One[int64](tx, `SELECT count(*) FROM share_feed WHERE failures > 0 AND paused = $1`, false)
		return err
	})
	if err != nil {
		return 0
	}
	return float64(n)
}

func (s *Service) changed() {
	if s.Notify != nil {
		s.Notify()
	}
}

// look wakes what reads the sources that are due.
func (s *Service) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// begin claims a source for one reading.
func (s *Service) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[id] != nil {
		return false
	}
	s.running[id] = &progress{began: s.DB.Now()}
	return true
}

func (s *Service) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

func (s *Service) progressOf(id string) *progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[id]
}

func (s *Service) force(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forced[id] = true
	s.look()
}

// takesAll reports whether a source is to be taken whatever it holds, this once.
func (s *Service) takesAll(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.forced[id]
	delete(s.forced, id)
	return was
}

// lookFor is how long what a look found is shown to who looked, and mostLooks bounds how many are kept.
const (
	lookFor   = 10 * time.Minute
	mostLooks = 200
)

func (s *Service) keepLook(who, id string, l looked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.at = s.DB.Now()
	for k, old := range s.looks {
		if len(s.looks) >= mostLooks || l.at.Sub(old.at) > lookFor {
			delete(s.looks, k)
		}
	}
	s.looks[who+" "+id] = l
}

func (s *Service) lookOf(who, id string) *looked {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.looks[who+" "+id]
	if !ok || s.DB.Now().Sub(l.at) > lookFor {
		return nil
	}
	return &l
}

// The settings: networks that are not public and may be read, and whether plain http may be.
const (
	settingNetworks = "feeds.networks"
	settingPlain    = "feeds.plain"
)

// reach returns what the settings allow.
func (s *Service) reach(ctx context.Context) (list []netip.Prefix, plain bool, err error) {
	text, _, err := s.DB.Setting(ctx, settingNetworks)
	if err != nil {
		return nil, false, err
	}
	for line := range strings.FieldsSeq(text) {
		if p, err := netip.ParsePrefix(line); err == nil {
			list = append(list, p)
		}
	}
	said, _, err := s.DB.Setting(ctx, settingPlain)
	return list, said == "yes", err
}

// client returns a client that goes as far as the settings allow.
func (s *Service) client(ctx context.Context, timeout time.Duration) (*fetch.Client, error) {
	allow, plain, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	c := s.Fetch
	c.Allow, c.Plain = append(allow, c.Allow...), plain || c.Plain
	c.MaxBytes, c.Timeout = maxDocument, timeout
	return fetch.New(c), nil
}
