package rulehealth_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/nodetest"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/detect/rulehealth/pool"
	"github.com/meneki/meneki/internal/fault"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/store/storetest"
	"github.com/meneki/meneki/internal/wire"
)

// answers answers a node's questions with the figures of a pool, as the bus does.
type answers struct {
	pool *pool.Pool
	by   policy.Viewer
}

func (l answers) Request(ctx context.Context, topic string, body []byte) ([]byte, error) {
	if topic != wire.TopicRuleHealth {
		return nil, fault.New(fault.Unsupported, fault.Unsupported.Title())
	}
	var ask wire.PooledRequest
	if err := json.Unmarshal(body, &ask); err != nil {
		return nil, err
	}
	a, err := l.pool.Answer(ctx, l.by, ask)
	if err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// A node keeps the figures that it is given, for its own people, and replaces
// them by the next ones.
func TestFetch(t *testing.T) {
	nodetest.Each(t, func(t *testing.T, n *nodetest.Node) {
		members := []string{"m1", "m2", "m3"}
		db := storetest.SQLite(t, storetest.With(pool.Migration()), storetest.Clock(n.Clock))
		figures := pool.New(db, n.Clock, func(context.Context) ([]string, error) { return members, nil })
		say := func(hits int, falseAlarm bool) {
			t.Helper()
			body, err := json.Marshal(
				wire.RuleHealth{
					ID:    "rule-counts",
					Rules: []wire.RuleTally{{Rule: detecttest.RuleA, Hits: hits, False: falseAlarm}},
				},
			)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range members {
				if err := db.Write(
					t.Context(), store.System("test"),
					func(tx *store.Tx) error { return figures.Receive(tx, m, body) },
				); err != nil {
					t.Fatal(err)
				}
			}
			n.Hand.Add(24 * time.Hour)
			if err := figures.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c := n.RuleHealth(t, rulehealth.Config{Line: answers{figures, policy.Viewer{Member: "m1", Machine: true}}})
		kept := func(v policy.Viewer) (out map[string]map[string]wire.PooledFigure) {
			t.Helper()
			if err := c.Fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := n.DB.Read(
				t.Context(), store.As(v), func(tx *store.Tx) (err error) { out, err = pool.Figures(tx); return err },
			)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		say(10, true)
		own := policy.Viewer{User: "u", Member: "m1", Role: policy.RoleReader}
		if got := kept(own); got[pool.FigureFound][detecttest.RuleA].Members != 3 ||
			got[pool.FigureFalse][detecttest.RuleA].Members != 3 ||
			got[pool.FigureHits][detecttest.RuleA].Typical != 10 {
			t.Errorf("%v", got)
		}
		if got := kept(policy.Viewer{}); len(got) != 0 {
			t.Errorf("the public sees %v", got)
		}
		say(0, false)
		if got := kept(own); len(got) != 0 {
			t.Errorf("old figures stay: %v", got)
		}
	})
}
