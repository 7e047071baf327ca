package node

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/detect/ruleset"
	"github.com/meneki/meneki/sigma"
)

// ownRules gives the rules that the node matches with.
func (n *Node) ownRules(ctx context.Context) (*sigma.Set, error) {
	if n.cfg.RuleSet != nil {
		return n.cfg.RuleSet, nil
	}
	set, err := ruleset.LoadAll(ctx, n.cfg.Rules, n.cfg.Builtin, n.cfg.Pipelines...)
	if err != nil {
		return nil, err
	}
	for _, r := range set.Refused {
		n.cfg.Log.Warn("a rule was refused", slog.String("rule", r.Error()))
	}
	for _, r := range set.Warnings {
		n.cfg.Log.Warn("a rule may not do what its author meant", slog.String("rule", r.Error()))
	}
	return set, nil
}

// correlator reads what the node knows of people and machines.
func (n *Node) openCorrelator() (*correlation.Correlator, error) {
	places, err := principal.OpenPlaces(n.cfg.Places)
	if err != nil {
		return nil, err
	}
	k, err := correlation.Open(filepath.Join(n.cfg.Data, "people"), places, n.cfg.Clock, n.cfg.Log)
	if err != nil {
		return nil, err
	}
	err = principal.ImportAccounts(k.Resolver(), n.cfg.Accounts, n.cfg.AccountsDomain, func(path string, got principal.Imported) {
		for _, b := range got.Bad {
			n.cfg.Log.Warn("a row of an account list was left out", slog.String("file", path), slog.Int("line", b.Line), slog.String("why", b.Reason))
		}
		n.cfg.Log.Info("an account list was read", slog.String("file", path), slog.Int("accounts", got.Accounts), slog.Int("left_out", got.BadN))
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// refill gives the correlations that the community shared the past that reaches
// into them. Live events need not wait for it.
func (n *Node) refill(ctx context.Context) error {
	if err := n.detect.RefillCorrelations(ctx); err != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("shared correlations do not know what was before this start", slog.Any("err", err))
	}
	return nil
}

// correlate lets the windows of correlations end, and keeps their state.
func (n *Node) correlate(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := n.detect.Tick(ctx); err != nil && ctx.Err() == nil {
			n.cfg.Log.Warn("a finding of a correlation could not be written; it is tried again", slog.Any("err", err))
		}
		if i%60 != 0 {
			continue
		}
		if err := n.correlator.Save(); err != nil {
			n.cfg.Log.Warn("could not keep the state of correlation", slog.Any("err", err))
		}
	}
}
