package sigma

// Event is what a rule is matched against. Implementations are read-only.
type Event interface {
	// LogSource gives the routing values of the event; categories may be empty
	// and may be several.
	LogSource() (product, service string, categories []string)
	// Lookup finds a field. Values are string, int64, float64, bool, nil,
	// []any or map[string]any; ok is false if the field is absent.
	Lookup(field string) (value any, ok bool)
	// Leaves yields every scalar value of the event as text, nested ones too,
	// for keyword searches; never keys.
	Leaves(yield func(string) bool)
}
