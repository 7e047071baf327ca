//go:build amd64 || arm64

package watchlist

// prefetch asks the processor for the cache line at p and does not wait for it. It
// changes nothing but how long a look-up takes: what is read of the filter is
// anywhere in tens of megabytes, and most of a look-up's time is waiting for it.
//
//go:noescape
func prefetch(p *byte)
