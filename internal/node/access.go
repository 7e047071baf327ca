package node

import (
	"context"
	"net/http"

	"github.com/meneki/meneki/internal/bus"
	"github.com/meneki/meneki/internal/detect/hunt"
	"github.com/meneki/meneki/internal/detect/principal"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/history"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/sigma/correlate"
)

// Past returns the node's history.
func (n *Node) Past() *history.History { return n.past }

// Hunt searches the node's past for STIX indicators, at once.
func (n *Node) Hunt(ctx context.Context, indicators ...[]byte) ([]hunt.Outcome, error) {
	out := make([]hunt.Outcome, len(indicators))
	return out, n.detect.HuntIndicators(ctx, indicators, func(which []int, list []hunt.Outcome) error {
		for k, i := range which {
			out[i] = list[k]
		}
		return nil
	})
}

// Correlations returns what correlation and the resolver of accounts count and keep.
func (n *Node) Correlations() (correlate.Stats, principal.Stats) { return n.correlator.Stats() }

// Connected reports whether the hub is reached.
func (n *Node) Connected() bool { return n.link.Connected() }

// Findings counts the node's findings.
func (n *Node) Findings(ctx context.Context) (count int64, err error) {
	err = n.db.Read(ctx, store.System("bench: findings"), func(tx *store.Tx) error {
		count, err = store.One[int64](tx, `SELECT count(*) FROM findings f WHERE SCOPE(f)`)
		return err
	})
	return count, err
}

// DB returns the node's store.
func (n *Node) DB() *store.DB { return n.db }

// Handler serves the node's pages and its API.
func (n *Node) Handler() http.Handler { return n.console.Handler() }

// Paths lists the paths of the node's pages.
func (n *Node) Paths() []string { return n.console.Site.Paths() }

// Link returns the node's line to its hub.
func (n *Node) Link() *bus.Link { return n.link }

// CatchUp returns when everything that was taken in is matched.
func (n *Node) CatchUp(ctx context.Context) error { return n.detect.CatchUp(ctx) }

// RuleHealth returns what the node keeps of how its rules do.
func (n *Node) RuleHealth() *rulehealth.Health { return n.health }

// Home is who the node's own people are to policy.
func (n *Node) Home() policy.Viewer { return n.home() }
