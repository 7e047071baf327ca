// Package detect finds attacks in a node's events. It conducts what its rooms do: it
// takes events, keeps them in the history, has them matched and correlated, records
// findings, and works out what of them is worth offering to the others.
package detect

import (
	"context"
	"embed"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/exclusion"
	"github.com/meneki/meneki/internal/detect/finding"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/record"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/store"
)

//go:embed sql
var files embed.FS

// Migrations are detect's parts of the schema, at the hub and at a node.
func Migrations() []store.Migration {
	return []store.Migration{finding.Migration(), rulehealth.Migration(), pool.Migration(), {Name: "detect", FS: files}}
}

// Config is what a Service stands on.
type Config struct {
	DB       *store.DB
	Past     Past
	Outgoing record.Outgoing
	Engine   *match.Engine
	Rules    ruleset.Source // the node's own rules, that Load reads
	Clock    clock.Clock
	Log      *slog.Logger
	Realm    string
	// Member returns the node's member id; empty before it has joined.
	Member func() string
	// Assets returns what belongs to the community.
	Assets func() exclusion.CommunityAssets
	// Skew is the hub's clock minus ours; it is added to the instants that are told.
	Skew func() time.Duration
	// Notify is called after a finding was made or grew.
	Notify func()
	// Health counts what the rules find, and keeps them within bounds; nil: nothing does.
	Health *rulehealth.Health
	// Correlator follows people and machines over events; nil: nobody does.
	Correlator *correlation.Correlator
	// HuntCores is how many processors a hunt uses at most; 0 is all.
	HuntCores int
}

// Past is the node's memory, as far as detect needs it.
type Past interface {
	record.History
	hunt.History
	correlation.History
}

// Service takes a node's events, and finds attacks in them.
type Service struct {
	*hunt.Searcher // of the past

	db         *store.DB
	past       Past
	engine     *match.Engine
	source     ruleset.Source
	recorder   *record.Recorder
	correlator *correlation.Correlator
	clock      clock.Clock
	log        *slog.Logger

	taking atomic.Int64 // batches of live events that are under way
}

// New returns a Service.
func New(c Config) *Service {
	if c.Correlator != nil {
		c.Engine.Resolve(c.Correlator.Resolver().ResolveField)
	}
	s := &Service{
		db: c.DB, past: c.Past, engine: c.Engine, source: c.Rules, correlator: c.Correlator, clock: c.Clock, log: c.Log,
	}
	s.recorder = record.New(record.Config{
		DB: c.DB, History: c.Past, Outgoing: c.Outgoing, Engine: c.Engine, Clock: c.Clock, Log: c.Log, Realm: c.Realm,
		Member: c.Member, Assets: c.Assets, Skew: c.Skew, Notify: c.Notify, Health: c.Health, Correlator: c.Correlator,
	})
	s.Searcher = &hunt.Searcher{
		History: c.Past, Engine: c.Engine, Recorder: s.recorder, Correlator: c.Correlator, Clock: c.Clock, Log: c.Log,
		Cores: c.HuntCores, Busy: func() bool { return s.taking.Load() > 0 },
	}
	return s
}

// Load reads the node's own rules, and what is kept of people and machines.
func (s *Service) Load(ctx context.Context) error {
	chain, err := ruleset.Pipelines(s.source.Pipelines)
	if err != nil {
		return err
	}
	s.Reader = match.Reader{Pipelines: chain}
	set, err := s.source.Load(ctx)
	if err != nil {
		return err
	}
	for _, r := range set.Refused {
		s.log.Warn("a rule was refused", slog.String("rule", r.Error()))
	}
	for _, r := range set.Warnings {
		s.log.Warn("a rule may not do what its author meant", slog.String("rule", r.Error()))
	}
	s.engine.SetRules(set)
	if s.correlator == nil {
		return nil
	}
	return s.correlator.Load()
}

// Take is the sink of every sensor: it keeps the events, matches them and
// writes the findings. When it returns nil everything is durable; after an
// error the same events are given again, which counts nothing twice.
func (s *Service) Take(ctx context.Context, events []*event.Event) error {
	if len(events) == 0 {
		return nil
	}
	s.taking.Add(1)
	defer s.taking.Add(-1)
	if s.correlator != nil {
		s.correlator.Prepare(events)
	}
	if _, err := s.past.Append(ctx, events); err != nil {
		return err
	}
	return s.recorder.Settle(ctx, s.match(events))
}
