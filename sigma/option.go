package sigma

import (
	"maps"
	"slices"
)

// MaxSize is the greatest size of one rule file in bytes unless [WithMaxSize]
// says otherwise.
const MaxSize = 1 << 20

// Option changes how rules are read.
type Option func(*options)

type options struct {
	placeholders map[string][]string
	taxonomies   []string
	maxSize      int
}

func collect(opts []Option) *options {
	o := &options{maxSize: MaxSize, taxonomies: []string{"sigma"}}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// WithPlaceholders returns the values of placeholders for the modifier expand, by
// name without percent signs. Values are Sigma strings: * and ? are wildcards.
// A rule that uses a placeholder without values is refused. Given several
// times, later values of a name replace earlier ones.
func WithPlaceholders(values map[string][]string) Option {
	return func(o *options) {
		all := maps.Clone(o.placeholders)
		if all == nil {
			all = make(map[string][]string, len(values))
		}
		for name, list := range values {
			all[name] = slices.Clone(list)
		}
		o.placeholders = all
	}
}

// WithTaxonomy accepts rules written in the named taxonomies besides "sigma".
// Field names are taken as they are, so the caller's events must use the names
// of that taxonomy.
func WithTaxonomy(names ...string) Option {
	return func(o *options) { o.taxonomies = append(slices.Clone(o.taxonomies), names...) }
}

// WithMaxSize changes the greatest size of one rule file in bytes.
func WithMaxSize(bytes int) Option {
	return func(o *options) { o.maxSize = bytes }
}
