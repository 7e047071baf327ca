package detect

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/meneki/meneki/internal/clock"
	"github.com/meneki/meneki/internal/detect/correlation"
	"github.com/meneki/meneki/internal/detect/detecttest"
	"github.com/meneki/meneki/sigma"
)

const (
	ruleA     = detecttest.RuleA
	ruleB     = detecttest.RuleB
	ruleNoise = detecttest.RuleNoise
	rulesText = detecttest.RulesText
	hostile   = detecttest.Hostile
)

var analyst = detecttest.Analyst

func rules(t *testing.T, text string) *sigma.Set { return detecttest.Rules(t, text) }

func get(t *testing.T, h http.Handler, as, path string) (int, string) {
	return detecttest.Get(t, h, as, path)
}

func page(t *testing.T, h http.Handler, as, path string) map[string]string {
	return detecttest.Page(t, h, as, path)
}

func send(t *testing.T, h http.Handler, as, method, path, body string) (int, string) {
	return detecttest.Send(t, h, as, method, path, body)
}

func mustJSON(t *testing.T, s string) string { return detecttest.JSON(t, s) }

func ruleText(id int, category, detection string) string {
	return detecttest.RuleText(id, category, detection)
}

func indicator(t testing.TB, pattern, kind string) []byte {
	return detecttest.Indicator(t, pattern, kind)
}

func patternIndicator(t *testing.T, n int, pattern string) []byte {
	return detecttest.PatternIndicator(t, n, pattern)
}

// openCorrelator returns a correlator that keeps its state in a folder.
func openCorrelator(dir string, now clock.Clock) (*correlation.Correlator, error) {
	k := correlation.New(correlation.Config{Dir: dir, Clock: now, Log: slog.New(slog.DiscardHandler)})
	return k, k.Load()
}
