package nodetest

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/meneki/meneki/internal/api"
	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/attack"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/coverage"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/internal/detect/match"
	"github.com/meneki/meneki/internal/detect/rulehealth"
	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/internal/i18n"
	"github.com/meneki/meneki/internal/policy"
	"github.com/meneki/meneki/internal/store"
	"github.com/meneki/meneki/internal/web"
)

// RuleHealth makes a Health as cfg says, which is completed, and uses it from now on.
func (n *Node) RuleHealth(t *testing.T, cfg rulehealth.Config) *rulehealth.Health {
	t.Helper()
	cfg.DB, cfg.Outgoing = n.DB, n.Queue
	if cfg.Engine == nil {
		cfg.Engine = n.Engine
	}
	if cfg.Clock == nil {
		cfg.Clock = n.Clock
	}
	h := RuleHealth(t, cfg)
	n.UseHealth(h)
	return h
}

// RuleHealth makes a Health as cfg says, for the member.
func RuleHealth(t *testing.T, cfg rulehealth.Config) *rulehealth.Health {
	t.Helper()
	cfg.Member = func() string { return Member }
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Realm == "" {
		cfg.Realm = event.Live
	}
	h := rulehealth.New(cfg)
	if err := h.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// RulePages is what the pages and the API of rules stand on.
type RulePages struct {
	DB         *store.DB
	Engine     *match.Engine
	Health     *rulehealth.Health
	Correlator *correlation.Correlator // nil: there is none
	Clock      clock.Clock
}

// Handler serves the pages and the API of rules, correlations and coverage to a
// reader, an analyst and an admin of the member, who are told apart by the header As.
func (p RulePages) Handler() http.Handler {
	viewers := map[string]policy.Viewer{
		"reader":  {User: "u2", Name: "Reader", Member: Member, Role: policy.RoleReader},
		"analyst": detecttest.Analyst,
		"admin":   {User: "u3", Name: "Admin", Member: Member, Role: policy.RoleAdmin},
	}
	auth := func(r *http.Request) (policy.Viewer, error) { return viewers[r.Header.Get("As")], nil }
	site := web.New(web.Config{Clock: p.Clock, Auth: auth, Nav: []web.NavItem{
		{Key: "rules", Path: "/rules/health", Text: i18n.T("Rules", "ルール"), Icon: "rules"},
	}})
	mux := http.NewServeMux()
	a := api.New(mux, api.Config{Auth: auth, Clock: p.Clock})
	rules := rulehealth.PageConfig{DB: p.DB, Health: p.Health, Clock: p.Clock}
	correlations := correlation.PageConfig{DB: p.DB, Engine: p.Engine, Correlator: p.Correlator, Rules: rules}
	rules.Correlation = correlations.View
	correlation.Pages(site, correlations)
	rulehealth.Pages(site, rules)
	rulehealth.API(a, rules)
	cover := coverage.PageConfig{
		DB: p.DB, Clock: p.Clock, Techniques: attack.Read(), Rules: coverage.LoadedRules(p.Health),
	}
	coverage.Pages(site, cover)
	coverage.API(a, cover)
	mux.Handle("/", site.Handler())
	return mux
}

// RulePages serves the pages of the node's rules.
func (n *Node) RulePages() http.Handler {
	return RulePages{DB: n.DB, Engine: n.Engine, Health: n.Health, Clock: n.Clock}.Handler()
}

// Hits returns the hits of a rule by day.
func Hits(t *testing.T, db *store.DB, rule string) (out []rulehealth.HitDay) {
	t.Helper()
	err := db.Read(t.Context(), store.System("test"), func(tx *store.Tx) (err error) {
		out, err = rulehealth.HitDays(tx, rule)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
