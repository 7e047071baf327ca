//go:build !amd64 && !arm64

package watchlist

// prefetch does nothing where it is not known how.
func prefetch(*byte) {}
