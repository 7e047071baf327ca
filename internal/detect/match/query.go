package match

import (
	"time"

	"github.com/meneki/meneki/internal/event"
	"github.com/meneki/meneki/sigma"
)

// Says reports whether a rule or correlation with this id and this text is armed.
func (e *Engine) Says(key, text string) bool { return e.now.Load().in.says(key, text) }

// Holds reports whether a value is armed, expired or not.
func (e *Engine) Holds(o event.Observable) bool { return e.now.Load().in.holds(o) }

// Reserved reports whether a value, or the host in it, is on the watchlist under a
// marking that does not let it be passed on.
func (e *Engine) Reserved(o event.Observable) bool { return e.watch.Load().reserved(o) }

// Watched returns the watchlist that is asked; nil if there is none.
func (e *Engine) Watched() *Watched { return e.watch.Load() }

// Windows returns the armed patterns over several events, by id.
func (e *Engine) Windows() []*Armed { return e.now.Load().in.windows }

// SharedCorrelations returns the armed correlations that are not among our own.
func (e *Engine) SharedCorrelations() []*Armed { return e.now.Load().correlations }

// Quarantined returns the rules that are not evaluated, by key.
func (e *Engine) Quarantined() map[string]bool { return e.now.Load().skip }

// Resolver returns who resolves the values of shared correlations.
func (e *Engine) Resolver() Resolver { return e.who }

// IndicatorOf returns the indicator that is valid at a time and says one of our own
// correlations; "" if there is none.
func (e *Engine) IndicatorOf(own *sigma.Correlation, now time.Time) string {
	b := e.now.Load()
	if id := b.byCorrelation[own]; b.valid(id, now) {
		return id
	}
	return ""
}

// Valid reports whether an indicator is armed and valid at a time.
func (e *Engine) Valid(indicator string, now time.Time) bool {
	return e.now.Load().valid(indicator, now)
}
