package correlate

import (
	"iter"

	"github.com/meneki/meneki/sigma/internal/refusal"
)

// Reasons returns the code and the English format of every reason that this
// package gives, sorted by code: a table to write a translation for. See
// [sigma.Reason].
func Reasons() iter.Seq2[string, string] { return reasons.All() }

// reasons are all of them.
var reasons = refusal.Table{
	"correlate.snapshot.cut":          "the state is cut off",
	"correlate.snapshot.not-finite":   "a number is not finite",
	"correlate.snapshot.bool":         "a truth value is neither 0 nor 1",
	"correlate.snapshot.index":        "an index is out of range",
	"correlate.snapshot.rule-missing": "a rule of a correlation is missing",
	"correlate.snapshot.fields":       "an event carries other fields",
	"correlate.snapshot.alert-empty":  "an alert without events",
	"correlate.snapshot.alert-events": "an alert without its events",
	"correlate.snapshot.value-twice":  "a value is there twice",
	"correlate.snapshot.step":         "an event stands at the wrong step",
	"correlate.snapshot.chain":        "a chain has another length",
	"correlate.snapshot.alternatives": "a moment has other alternatives",
	"correlate.snapshot.evidence":     "a moment has no evidence",
	"correlate.snapshot.order":        "groups are out of order",
	"correlate.snapshot.values":       "an event has other values",
	"correlate.snapshot.rest":         "there is more than a snapshot",
	"correlate.config.negative":       "correlate: a negative value in the configuration",
	"correlate.set.foreign":           "correlation %q at %s:%d is not part of a set",
	"correlate.snapshot.invalid":      "not a usable snapshot of correlations",
	"correlate.snapshot.write":        "write correlation snapshot: %v",
	"correlate.snapshot.not-new":      "restore correlation snapshot: the engine is not new",
	"correlate.snapshot.read":         "read correlation snapshot: %v",
	"correlate.snapshot.head":         "restore: %v: it does not begin with %q",
	"correlate.snapshot.checksum":     "restore: %v: its checksum is wrong",
	"correlate.snapshot.damaged":      "restore: %v: %v",
}
